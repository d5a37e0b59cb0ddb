//! `certlife import`: a vault bulk upload from CSV.

use std::path::PathBuf;

use indicatif::ProgressBar;
use uuid::Uuid;

use super::arguments::{Institution, Webhook};
use super::columns::Columns;
use super::input::{self, Opened};
use super::pipeline::{self, Batch, Source};
use super::records::{Flaw, Records};
use super::refusal::{Known, Refusal};
use super::{Completion, Failure, store};
use certificate_lifecycle::store::Refusal::Forbidden;
use certificate_lifecycle::store::{
    Actor, Atomicity, IdempotencyKey, InstitutionId, Operation, Request,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command, VaultUpload,
};

/// How many applications one call of the store creates.
const BATCH: usize = 10_000;

/// The longest prefix of keys, in characters: with a colon and the number of any line, it is a key.
const LONGEST_PREFIX: usize = IdempotencyKey::MAX_CHARS - ":18446744073709551615".len();

/// What helps where the key of a line was used before for another upload, or for one that was
/// refused.
const ANOTHER_PREFIX: &str = "; to upload this line as it is now, import it in a file of its own, under another \
                              --idempotency-prefix (with that, the other lines would be uploaded again)";

/// Upload certificates from a CSV file into the institution's vault.
///
/// The first line names the columns, in any order and in upper or lower case: certificate_title (or
/// title), applicant_email (or email), application_id and, optionally, uuid. Where there is no
/// uuid, the application gets a new one. The file is in UTF-8. Fields are separated by commas;
/// those that hold commas, quotes or line breaks are quoted.
///
/// Rows in which every field is blank (empty or only white space) are passed over. A column without
/// a name, and fields beyond the last column, must be blank in every row.
///
/// The event of each upload is printed on standard output, as apply does it. Each bad line is
/// reported on standard error with its number.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    institution: Institution,

    /// Who uploads: an administrator, and an id that says which.
    #[arg(long, value_name = "KIND:ID", default_value = "administrator:certlife")]
    actor: Actor,

    /// Upload all or, if a line is bad, nothing.
    #[arg(long)]
    atomic: bool,

    /// Make the import repeatable: the same file again, under the same prefix, prints the same
    /// events and changes nothing.
    ///
    /// The idempotency key of each upload is the prefix with the number of its line, so the prefix
    /// has at most 234 characters; where there is no uuid, it follows from the key and the
    /// institution. A line that was refused stays so under its key: once it is corrected, import it
    /// in a file of its own, under another prefix.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    idempotency_prefix: Option<String>,

    #[command(flatten)]
    webhook: Webhook,

    /// The CSV file; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = r#"Example:
  printf '%s\n' title,email,application_id \
  'Diploma,"ann@example.com",42' > diplomas.csv
  certlife import diplomas.csv --actor administrator:jane
  certlife import diplomas.csv --atomic --idempotency-prefix june

Exit status: 0 all uploaded, 1 some or (with --atomic) all refused, 2 the run could not go on."#;

/// Takes what can be the beginning of keys. An empty one is rather a variable that was not set.
fn prefix(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let characters = text.chars().count();
    if characters > LONGEST_PREFIX {
        return Err(format!(
            "it has {characters} characters, but may have {LONGEST_PREFIX}: with a colon and the number of a \
             line, it is an idempotency key, which has at most {}",
            IdempotencyKey::MAX_CHARS
        ));
    }
    let key = IdempotencyKey::new(format!("{text}:1"));
    key.map_err(|error| format!("with the number of a line, {error}"))?;
    Ok(text.to_owned())
}

pub(super) fn run(args: Args) -> Result<Completion, Failure> {
    check(&args.actor)?;
    let Opened { name, read, size } = input::open(Some(&args.file))?;
    let mut records = Records::new(read);
    let broken = |error| Failure::Read {
        input: name.clone(),
        error,
    };
    let columns = loop {
        break match records.next().map_err(broken)? {
            Some((_, Ok(heading))) if heading.is_blank() => continue,
            Some((_, Ok(heading))) => Columns::read(heading),
            Some((line, Err(Flaw::Record(problem)))) => Err(format!("line {line}: {problem}")),
            Some((_, Err(Flaw::Rest(problem)))) => Err(problem),
            None => Err("it has no line that names the columns".to_owned()),
        };
    };
    let columns = columns.map_err(|problem| Failure::Content {
        input: name.clone(),
        problem,
    })?;
    let rows = Rows {
        records,
        columns,
        name,
        upload: Upload {
            institution: args.institution.id,
            actor: args.actor,
            prefix: args.idempotency_prefix,
        },
        is_atomic: args.atomic,
        bar: None,
        failure: None,
    };
    pipeline::run(&args.store, args.webhook.id, size, rows)
}

/// Refuses an actor who may not upload before anything is read: every line would say the same.
fn check(actor: &Actor) -> Result<(), Failure> {
    // Who may is asked of an operation, whatever it is about.
    let details = ApplicationDetails::new(
        ApplicationId::new(1)?,
        Uuid::nil(),
        CertificateTitle::new("any")?,
        ApplicantEmail::new("any@example.com")?,
    );
    let upload = Operation::Upload(details.into(), VaultUpload::Bulk);
    let permitted = upload.permitted_actors();
    if permitted.contains(&actor.kind) {
        return Ok(());
    }
    let refusal = Forbidden {
        actor: actor.clone(),
        operation: upload.name(),
        permitted,
    };
    Err(Failure::Refused(refusal.into()))
}

/// The rows of the file.
struct Rows {
    records: Records,
    columns: Columns,
    name: String,
    upload: Upload,
    is_atomic: bool,
    /// What shows how much has been read of a file that is one batch.
    bar: Option<ProgressBar>,
    /// What ended the reading, after the lines before it.
    failure: Option<Failure>,
}

impl Source for Rows {
    const KEY_IS_USED: &'static str = ANOTHER_PREFIX;

    fn next_batch(&mut self) -> Result<Option<Batch>, Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let (atomicity, most) = if self.is_atomic {
            (Atomicity::All, usize::MAX)
        } else {
            (Atomicity::Each, BATCH)
        };
        let mut batch = Batch::new(atomicity);
        while batch.len() < most {
            let (line, record) = match self.records.next() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => {
                    let input = self.name.clone();
                    self.failure = Some(Failure::Read { input, error });
                    break;
                }
            };
            let mut known = Known {
                command: Some(Operation::UPLOAD.into()),
                uuid: None,
            };
            let record = match record {
                Ok(record) if record.is_blank() => continue,
                Ok(record) => Ok(record),
                Err(Flaw::Record(problem)) => Err(Refusal::content(problem)),
                Err(Flaw::Rest(problem)) => {
                    let rest = if self.is_atomic {
                        String::new()
                    } else {
                        format!(" from line {line} on")
                    };
                    self.failure = Some(Failure::Content {
                        input: self.name.clone(),
                        problem: format!("{problem}; nothing was imported{rest}"),
                    });
                    break;
                }
            };
            let read = record.and_then(|record| {
                self.columns.details(record, |given| {
                    known.uuid = given;
                    given.map_or_else(|| self.upload.uuid(line), Ok)
                })
            });
            let read = read.and_then(|details| self.upload.request(line, details));
            batch.push(line, known, read);
            if let Some(bar) = &self.bar
                && batch.len().is_multiple_of(BATCH)
            {
                bar.set_position(self.records.position());
            }
        }
        if batch.len() == 0
            && let Some(failure) = self.failure.take()
        {
            return Err(failure);
        }
        if self.is_atomic && (batch.has_refused() || self.failure.is_some()) {
            // Of half a file, nothing; but every bad line is reported, also those only the store
            // knows.
            batch.doom(self.upload.refused());
        }
        batch.position = self.records.position();
        Ok(Some(batch).filter(|batch| batch.len() > 0))
    }

    fn show_progress(&mut self, bar: ProgressBar) {
        self.bar = Some(bar).filter(|_| self.is_atomic);
    }
}

/// What all uploads of the file have in common.
struct Upload {
    institution: InstitutionId,
    actor: Actor,
    prefix: Option<String>,
}

impl Upload {
    /// The idempotency key of a line, if the import is to be repeatable.
    fn key(&self, line: u64) -> Result<Option<IdempotencyKey>, Refusal> {
        let key = self
            .prefix
            .as_ref()
            .map(|prefix| format!("{prefix}:{line}"));
        Ok(key.map(IdempotencyKey::new).transpose()?)
    }

    /// The identity of an application that has none in the file. With a key, it is the same every
    /// time: otherwise the same line would be another command.
    fn uuid(&self, line: u64) -> Result<Uuid, Refusal> {
        Ok(match self.key(line)? {
            None => Uuid::new_v4(),
            Some(key) => {
                let institution = self.institution.as_str();
                let institution = Uuid::new_v5(&Uuid::NAMESPACE_OID, institution.as_bytes());
                Uuid::new_v5(&institution, key.as_str().as_bytes())
            }
        })
    }

    /// A command that the store refuses: to process an application that was never created.
    fn refused(&self) -> Request {
        let (institution, actor) = (self.institution.clone(), self.actor.clone());
        Request::transition(institution, actor, Uuid::new_v4(), Command::BeginProcessing)
    }

    fn request(&self, line: u64, details: ApplicationDetails) -> Result<Request, Refusal> {
        let (institution, actor) = (self.institution.clone(), self.actor.clone());
        let mut request = Request::upload(institution, actor, details, VaultUpload::Bulk);
        request.idempotency_key = self.key(line)?;
        Ok(request)
    }
}
