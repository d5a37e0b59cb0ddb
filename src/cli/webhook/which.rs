//! Which webhook a command is about.

use uuid::Uuid;

use crate::cli::acts::act;
use crate::cli::arguments::{hyphenated, in_words};
use crate::cli::harmless::may_be_secret;
use crate::cli::output::{Output, Reader};
use crate::cli::{Completion, Failure, say};
use certificate_lifecycle::store::{Act, ActKind, InstitutionId};

/// Which webhook.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Which {
    /// Whose webhook: the id of the institution.
    #[arg(long, value_name = "ID", default_value = "default")]
    pub(super) institution: InstitutionId,

    /// The webhook: its id.
    #[arg(value_parser = hyphenated)]
    pub(super) id: Uuid,
}

impl Which {
    /// An act on this webhook.
    pub(super) fn act(&self, kind: ActKind) -> Result<Act, Failure> {
        let act = act(Some(&self.institution), kind)?;
        Ok(act.with_subject(self.id.to_string().into()))
    }

    /// Says that the institution has no such webhook.
    pub(super) fn unknown(&self) -> Completion {
        unknown(Some(&self.institution), self.id)
    }
}

/// How commands name a webhook, so that it can be pasted into a shell. An institution whose id may
/// be a secret in the wrong place is not named.
pub(in crate::cli) fn named(institution: &InstitutionId, id: Uuid) -> String {
    let institution = institution.as_str();
    if may_be_secret(institution) {
        return format!("--institution ID {id}");
    }
    if institution == "default" {
        return id.to_string();
    }
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_.:@".contains(it);
    if institution.chars().all(is_plain) {
        format!("--institution {institution} {id}")
    } else {
        format!(
            "--institution '{}' {id}",
            institution.replace('\'', r"'\''")
        )
    }
}

/// Says that there is no such webhook, of an institution or at all.
pub(in crate::cli) fn unknown(institution: Option<&InstitutionId>, id: Uuid) -> Completion {
    say(&match institution {
        Some(it) => format!("{} has no webhook {id}", in_words(it)),
        None => format!("there is no webhook {id}"),
    });
    Completion::Refused
}

/// Writes what has the secret of this webhook in it. That is kept, and cannot be shown again.
pub(super) fn show_secret(
    output: &mut Output,
    institution: &InstitutionId,
    id: Uuid,
) -> Result<(), Failure> {
    let failure = match output.flush() {
        Ok(Reader::Listening) => return Ok(()),
        Ok(Reader::Gone) => Failure::Write {
            stream: "output",
            error: std::io::ErrorKind::BrokenPipe.into(),
        },
        Err(failure) => failure,
    };
    say(&format!(
        "webhook {id} has a secret now that could not be shown: certlife webhook rotate {} replaces it",
        named(institution, id)
    ));
    Err(failure)
}
