//! `certlife show`: one application as it is now.

use std::time::Duration;

use uuid::Uuid;

use super::arguments::{Form, Institution, hyphenated, in_words, patience};
use super::output::Output;
use super::table::{Fact, record};
use super::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::store::{InstitutionId, Origin};
use certificate_lifecycle::{AnyApplication, Timestamp};

/// Show one application as it is now.
///
/// With --json, it is the application's record. An application that the institution does not have
/// ends with exit status 1; with --wait, so does one that has not ended in time.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  certlife show 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15\n  \
                  certlife show 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15 --wait 30s"
)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    institution: Institution,

    #[command(flatten)]
    form: Form,

    /// Wait until it is approved, rejected or failed, at most this long; then show it as it is.
    #[arg(long, value_name = "DURATION", value_parser = patience)]
    wait: Option<Duration>,

    /// The application: its uuid.
    #[arg(value_parser = hyphenated)]
    uuid: Uuid,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let institution = &args.institution.id;
    let found = block_on(async {
        let engine = args.store.open_to_read().await?;
        let loaded = match args.wait {
            Some(timeout) => engine.await_final(institution, args.uuid, timeout).await?,
            None => engine.load(institution, args.uuid).await?,
        };
        let Some(application) = loaded else {
            return Ok(None);
        };
        let origin = engine.origin(institution, args.uuid).await?;
        Ok(Some((application, origin)))
    })?;
    let Some((application, origin)) = found else {
        return Ok(unknown(institution, args.uuid));
    };
    let mut output = Output::plain();
    if args.form.json {
        let _ = output.object(&application.to_record())?;
    } else {
        let text = record(facts(institution, &application, origin.as_ref()));
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    if let Some(timeout) = args.wait
        && !application.status().has_ended()
    {
        let (status, timeout) = (application.status(), humantime::format_duration(timeout));
        say(&format!("after {timeout} it is still {status}"));
        return Ok(Completion::Refused);
    }
    Ok(Completion::Clean)
}

/// Says that there is no such application.
pub(super) fn unknown(institution: &InstitutionId, uuid: Uuid) -> Completion {
    say(&format!(
        "{} has no application {uuid}",
        in_words(institution)
    ));
    Completion::Refused
}

/// What there is to say about an application, each with its name.
fn facts(
    institution: &InstitutionId,
    application: &AnyApplication,
    origin: Option<&Origin>,
) -> Vec<Fact> {
    let details = application.details();
    let legal: Vec<_> = application
        .legal_actions()
        .iter()
        .map(|it| it.as_str())
        .collect();
    let next = match legal.as_slice() {
        [] => "nothing: the status is final".to_owned(),
        legal => legal.join(", "),
    };
    let mut facts = vec![
        Fact::word("uuid", details.uuid().to_string()),
        Fact::word("institution", institution.to_string()),
        Fact::word("application id", details.application_id().get().to_string()),
        Fact::text("title", details.certificate_title().to_string()),
        Fact::word("email", details.applicant_email().to_string()),
        Fact::word("source", application.source().to_string()),
        Fact::word("status", application.status().to_string()),
        Fact::word("version", application.version().to_string()),
        Fact::word("updated at", time(application.updated_at())),
        Fact::text("can be done", next),
    ];
    if let Some(origin) = origin {
        facts.push(Fact::word("created at", time(origin.created_at)));
        facts.push(Fact::word("created by", origin.created_by.to_string()));
    }
    if let Some(reason) = application.rejection_reason() {
        facts.push(Fact::text("rejection reason", reason.to_string()));
    }
    if let Some(error) = application.error() {
        facts.push(Fact::text("error", error.to_string()));
    }
    facts
}

/// A time as events write it.
pub(super) fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    Timestamp::saturating(at).to_string()
}
