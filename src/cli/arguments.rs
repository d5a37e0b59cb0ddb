//! Arguments that several commands take.

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use certificate_lifecycle::store::InstitutionId;

/// Whose applications.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Institution {
    /// Whose applications: the id of the institution.
    #[arg(id = "institution", long, value_name = "ID", default_value = "default")]
    pub(super) id: InstitutionId,
}

/// For whom events are written.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Webhook {
    /// The webhook endpoint that the events are for: the webhook_id in each of them.
    #[arg(id = "webhook_id", long = "webhook-id", value_name = "UUID", value_parser = hyphenated, default_value_t = Uuid::nil())]
    pub(super) id: Uuid,
}

/// How an answer is shown.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Form {
    /// Print JSON, one object a line, instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}

/// Reads the one form in which the contract writes UUIDs.
pub(super) fn hyphenated(uuid: &str) -> Result<Uuid, &'static str> {
    uuid.parse::<Hyphenated>()
        .map(Hyphenated::into_uuid)
        .map_err(|_| "expected a hyphenated UUID such as a1b2c3d4-e5f6-7890-abcd-ef1234567890")
}
