//! For documents.

use std::fmt::Write as _;

use super::{creating_action, title};
use crate::lifecycle::event::EventKind;
use crate::lifecycle::rules::{CREATIONS, RULES};
use crate::lifecycle::state::Status;

/// The lifecycle as a Markdown table: one row for each way to create an application, and one for
/// each legal transition.
#[must_use]
pub fn table() -> String {
    let mut out = "| from | source | action | to | event |\n|---|---|---|---|---|\n".to_owned();
    for creation in CREATIONS {
        let (source, context) = (creation.source, creation.trigger_context);
        let (action, to) = (creating_action(context), title(Status::Created));
        let event = EventKind::Created;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| – | {source} | {action} | {to} | `{event}` (`{context}`) |"
        );
    }
    for rule in RULES {
        let (from, to) = (title(rule.from), title(rule.to));
        let (source, action, event) = (rule.source, rule.action, rule.event);
        let _ = writeln!(out, "| {from} | {source} | {action} | {to} | `{event}` |");
    }
    out
}
