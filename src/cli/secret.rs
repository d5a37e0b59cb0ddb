//! The secrets of webhooks, as they are given: `--secret`, or `CERTLIFE_WEBHOOK_SECRET` in its
//! place.

use std::ffi::OsString;

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::Failure;
use certificate_lifecycle::webhook::{Secret, Verifier};

/// What a receiver knows.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    /// The secret of the webhook, whsec_ and base64; more than one while one replaces another.
    ///
    /// In CERTLIFE_WEBHOOK_SECRET, they are separated by commas.
    #[arg(
        long = "secret",
        value_name = "SECRET",
        env = "CERTLIFE_WEBHOOK_SECRET",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = given()
    )]
    secrets: Vec<Given>,
}

/// Whether the platform's own signature is enough.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub(super) struct PlatformSignature {
    /// Accept X-Webhook-Signature where webhook-signature is missing: of a sender who has no other.
    ///
    /// It says nothing of the time: what was captured once can be sent again for ever.
    #[arg(long = "accept-platform-signature")]
    is_accepted: bool,
}

impl PlatformSignature {
    /// What helps where it came alone.
    pub(super) const HINT: &str =
        "a sender who has no other signature is trusted by --accept-platform-signature";

    pub(super) fn verifier(self, secrets: Vec<Secret>) -> Verifier {
        let verifier = Verifier::new(secrets);
        if self.is_accepted {
            verifier.accept_platform_signature()
        } else {
            verifier
        }
    }
}

/// A text that may be a secret. clap would repeat a mistyped one, so it is only read here, and for
/// the same reason it is shown nowhere.
#[derive(Clone)]
pub(super) struct Given(OsString);

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given(…)")
    }
}

/// Takes whatever is given.
pub(super) fn given() -> impl TypedValueParser<Value = Given> {
    OsStringValueParser::new().map(Given)
}

impl Given {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.to_str()
    }

    /// The secret; what is wrong with it says nothing of what was given.
    pub(super) fn read(&self) -> Result<Secret, String> {
        // What is no text begins otherwise, or is no base64: both errors say what would be right.
        let text = self.0.to_string_lossy();
        // Blanks around the commas of a list.
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty; a secret begins with whsec_".to_owned());
        }
        text.parse::<Secret>().map_err(|error| error.to_string())
    }
}

impl Args {
    /// The secrets, of which there may be none.
    pub(super) fn read(&self) -> Result<Vec<Secret>, Failure> {
        let secrets = self.secrets.iter().enumerate().map(|(at, given)| {
            given.read().map_err(|problem| {
                let which = match self.secrets.len() {
                    1 => String::new(),
                    count => format!(", secret {} of {count}", at + 1),
                };
                Failure::Argument(format!(
                    "--secret (or CERTLIFE_WEBHOOK_SECRET){which}: {problem}"
                ))
            })
        });
        secrets.collect()
    }
}
