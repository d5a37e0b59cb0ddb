//! How a webhook's settings are changed, beside other changes at the same time.

use uuid::Uuid;

use crate::server::problem::{Problem, ProblemCode};
use crate::server::request::IfMatch;
use crate::store::{AnyStore, InstitutionId, Outbox, Put, Webhook};
use crate::webhook::Endpoint;

/// That the institution has no such webhook.
pub(super) fn unknown(id: Uuid) -> Problem {
    let detail = format!("there is no webhook {id}");
    Problem::new(ProblemCode::UnknownWebhook, detail)
}

/// The webhook.
pub(super) async fn find(
    store: &AnyStore,
    institution: &InstitutionId,
    id: Uuid,
) -> Result<Webhook, Problem> {
    let webhook = store.webhook(institution, id).await?;
    webhook.ok_or_else(|| unknown(id))
}

/// That the webhook has the revision that the request expects.
pub(super) fn check(webhook: &Webhook, expected: IfMatch) -> Result<(), Problem> {
    let is_met = match expected {
        IfMatch::Absent | IfMatch::Any => true,
        IfMatch::Version(revision) => revision == webhook.revision,
        IfMatch::Never => false,
    };
    if is_met {
        return Ok(());
    }
    let (id, revision) = (webhook.id, webhook.revision);
    let detail =
        format!("webhook {id} is at revision {revision}, and the request expects another one");
    let mut problem = Problem::new(ProblemCode::Conflict, detail);
    problem.current_version = Some(revision);
    Err(problem)
}

/// Changes the settings, if `change` says that there is something to change; the webhook as it is
/// then.
pub(super) async fn change(
    store: &AnyStore,
    institution: &InstitutionId,
    id: Uuid,
    expected: IfMatch,
    change: impl Fn(&mut Endpoint) -> bool,
) -> Result<Webhook, Problem> {
    loop {
        let mut webhook = find(store, institution, id).await?;
        check(&webhook, expected)?;
        if !change(&mut webhook.endpoint) {
            return Ok(webhook);
        }
        match store.put_webhook(webhook).await? {
            Put::Done => return find(store, institution, id).await,
            Put::Unknown => return Err(unknown(id)),
            // Another change came first: this one is made again, to what that left.
            Put::Conflict => {}
        }
    }
}
