//! What databases keep of a reply.

use super::{Columns, Problem};
use crate::store::reply::{Kept, Reply};

/// The columns from which [`kept_reply`] reads it, in their order.
macro_rules! reply_columns {
    () => {
        "request, begun_at, status, headers, body"
    };
}
pub(in crate::store) use reply_columns;

/// From the columns of `reply_columns!`, which begin at this place.
pub(in crate::store) fn kept_reply(row: &impl Columns, at: usize) -> Result<Kept, Problem> {
    let reply = match row.integer_or_none(at + 2, "reply.status")? {
        None => None,
        Some(status) => {
            let status = u16::try_from(status)
                .ok()
                .filter(|it| (100..1000).contains(it))
                .ok_or_else(|| format!("reply.status must be 100 to 999, but is {status}"))?;
            let headers = row.word(at + 3, "reply.headers")?;
            let headers = serde_json::from_str(&headers)
                .map_err(|error| format!("reply.headers are no headers: {error}"))?;
            Some(Reply::new(
                status,
                headers,
                row.bytes(at + 4, "reply.body")?,
            ))
        }
    };
    Ok(Kept {
        request: row.uuid(at, "reply.request")?,
        begun_at: row.time(at + 1, "reply.begun_at")?,
        reply,
    })
}

/// The headers, as [`kept_reply`] reads them.
pub(in crate::store) fn reply_headers(reply: &Reply) -> String {
    // Texts alone have JSON.
    serde_json::to_string(&reply.headers).unwrap_or_default()
}

/// The key of the row, for reports, as far as it can be read.
pub(in crate::store) fn reply_key(row: &impl Columns, at: usize) -> String {
    match row.uuid(at, "reply.request") {
        Ok(request) => format!("reply to request {request}"),
        Err(_) => "a row of table certlife_reply".to_owned(),
    }
}
