//! Rows of databases, and the way back to the domain; every step back is checked.
//!
//! Each row has one function, which reads it from either database ([`Columns`]). So a corruption
//! has the same words in both.

mod act;
mod columns;
mod delivery;
mod event;
mod joined;
mod reply;
mod token;
mod values;
mod webhook;
#[cfg(feature = "sqlite")]
mod work;

pub(super) use act::{act, act_columns, outcome_code};
pub(super) use columns::Columns;
pub(super) use delivery::{attempt, backlog, delivery, due};
pub(super) use event::{StoredEvent, check_order, details};
pub(super) use joined::{cell, event, last_event, recorded};
pub(super) use reply::{kept_reply, reply_columns, reply_headers, reply_key};
pub(super) use token::{TOKEN_NUMBER, actor_code, token, token_columns, token_key};
pub(super) use values::{Problem, code, decode, from_millis};
use values::{from_seconds, nearest_time, rule};
pub(super) use webhook::webhook;
#[cfg(feature = "sqlite")]
pub(super) use work::{due_work, since, work_backlog};

/// A page of the feed: what stands before the first corrupt row. That one is an error once it is
/// the first.
pub(super) fn up_to_corrupt<T, E>(
    rows: impl IntoIterator<Item = Result<T, E>>,
) -> Result<Vec<T>, E> {
    let mut page = Vec::new();
    for row in rows {
        match row {
            Ok(sound) => page.push(sound),
            Err(_) if !page.is_empty() => break,
            Err(corrupt) => return Err(corrupt),
        }
    }
    Ok(page)
}
