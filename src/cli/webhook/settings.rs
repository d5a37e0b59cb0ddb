//! What a webhook is set to, and how that is changed.

use super::which::Which;
use crate::cli::Failure;
use crate::cli::acts::{acting, unless};
use certificate_lifecycle::EventKind;
use certificate_lifecycle::store::{ActKind, AnyStore, Outbox, Webhook};
use certificate_lifecycle::webhook::{Endpoint, EventKinds};

/// Reads kinds of events. Their own error repeats the text.
pub(super) fn kinds(text: &str) -> Result<EventKinds, String> {
    let names = || EventKind::NAMES.join(", ");
    text.parse()
        .map_err(|_| format!("expected one of: {}; separated by commas", names()))
}

/// Changes a webhook's settings, also beside other changes at the same time; the webhook as it was
/// and as it is, or none where there is no such webhook. Where nothing is to be changed, the change
/// says so.
pub(super) async fn change(
    store: &AnyStore,
    which: &Which,
    change: impl Fn(&mut Endpoint) -> Changed,
) -> Result<Option<(Webhook, Webhook)>, Failure> {
    loop {
        let Some(before) = store.webhook(&which.institution, which.id).await? else {
            return Ok(None);
        };
        let mut after = before.clone();
        let changed = change(&mut after.endpoint);
        if changed == Changed::Not || store.put_webhook(after.clone()).await?.is_done() {
            return Ok(Some((before, after)));
        }
    }
}

/// The same, recorded as an act of this kind.
pub(super) async fn change_as(
    store: &AnyStore,
    which: &Which,
    (kind, detail): (ActKind, &str),
    how: impl Fn(&mut Endpoint) -> Changed,
) -> Result<Option<(Webhook, Webhook)>, Failure> {
    let act = which.act(kind)?.with_detail(detail.into());
    acting(store, act, refusal, change(store, which, how)).await
}

/// Why nothing was done: there is no such webhook.
#[expect(clippy::ref_option, reason = "the shape that an act takes")]
pub(super) fn refusal<T>(found: &Option<T>) -> Option<&'static str> {
    unless(found.is_some(), "unknown_webhook")
}

/// Whether settings were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Settings,
    Not,
}

/// The events that a webhook wants, for people.
pub(super) fn events(kinds: EventKinds) -> String {
    match kinds {
        EventKinds::ALL => "all".to_owned(),
        kinds => kinds.to_string(),
    }
}
