//! Server-sent events.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use http::{HeaderValue, header};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::ended::token_ended;
use super::own::{Own, read};
use super::tail::Seen;
use crate::server::api::Api;
use crate::server::header_names::ACCEL_BUFFERING;
use crate::server::principal::Principal;
use crate::server::problem::Problem;
use crate::server::waiting::Slot;
use crate::store::{Cursor, InstitutionId, RecordedEvent, StoreError};

/// How often a comment keeps the connection open (API.md, "Events").
const COMMENTS: Duration = Duration::from_secs(15);

/// How long a client waits before it connects again, in milliseconds.
const RETRY: u32 = 2000;

/// How many events of the institution are sent at once, and how many of whichever are looked at.
const AT_ONCE: usize = 512;
const LOOKED_AT: usize = 2048;

/// A stream under way.
struct Sending {
    api: Api,
    institution: InstitutionId,
    /// What was sent, or passed over.
    cursor: Cursor,
    /// What comes at the end of the feed; none while the stream is behind.
    seen: Option<Receiver<Seen>>,
    /// Whether the feed is being read to its end: what was seen does not join on yet.
    is_behind: bool,
    _slot: Slot,
}

/// The stream of the events after a cursor. It ends with the caller's token.
///
/// # Errors
/// A problem where the first events cannot be read.
pub(super) async fn answer(
    api: &Api,
    caller: Principal,
    after: Cursor,
) -> Result<Response, Problem> {
    let token_ended = token_ended(api, &caller);
    let institution = caller.institution;
    let slot = api.waiting.enter()?;
    // A cursor that is beyond the end, or a store that is away, has a status of its own.
    let first = read(&api.engine, &institution, after, AT_ONCE, LOOKED_AT).await?;
    let mut begin = format!("retry: {RETRY}\n\n").into_bytes();
    let mut sending = Sending {
        api: api.clone(),
        institution,
        cursor: after,
        seen: None,
        is_behind: true,
        _slot: slot,
    };
    sending.write_own(&first, &mut begin);
    let begin = stream::once(async { Ok::<_, Infallible>(Bytes::from(begin)) });
    let rest = stream::unfold(sending, async |mut sending| {
        let sent = sending.next().await?;
        Some((Ok(Bytes::from(sent)), sending))
    });
    let body = begin
        .chain(rest)
        .take_until(api.options.shutdown.clone())
        .take_until(token_ended.boxed());
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    // Compression asks a stream once more after its end.
    Ok((headers, Body::from_stream(body.fuse())).into_response())
}

impl Sending {
    /// What is sent next; none where the feed cannot be read any more. The client connects again,
    /// and hears why.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        // What happens in other institutions is no sign of life.
        let comment = Instant::now() + COMMENTS;
        while out.is_empty() {
            match timeout_at(comment, self.come(&mut out)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "an event stream has ended");
                    return None;
                }
                Err(_) => out.extend_from_slice(b":\n\n"),
            }
        }
        Some(out)
    }

    async fn come(&mut self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        if self.is_behind {
            if self.seen.is_none() {
                // Boxed, as is all that asks a store: a stream that only waits has no room for it.
                let seen = Box::pin(self.api.tail.subscribe(&self.api.engine)).await?;
                self.seen = Some(seen);
            }
            let own = Box::pin(self.read()).await?;
            self.is_behind = !own.is_end;
            self.write_own(&own, out);
            return Ok(());
        }
        let Some(seen) = &mut self.seen else {
            self.is_behind = true;
            return Ok(());
        };
        match seen.recv().await {
            Ok(Seen::Event(recorded)) => self.write_seen(&recorded, out),
            // The feed itself says what is wrong.
            Ok(Seen::Trouble) | Err(RecvError::Closed) => {
                self.seen = None;
                self.is_behind = true;
            }
            Err(RecvError::Lagged(_)) => self.is_behind = true,
        }
        Ok(())
    }

    async fn read(&self) -> Result<Own, StoreError> {
        read(
            &self.api.engine,
            &self.institution,
            self.cursor,
            AT_ONCE,
            LOOKED_AT,
        )
        .await
    }

    fn write_own(&mut self, own: &Own, out: &mut Vec<u8>) {
        for recorded in &own.events {
            write(recorded, out);
        }
        let last = own.events.last().map(|it| it.cursor);
        if last != Some(own.next) && own.next != self.cursor {
            // What belongs to others is passed over: without data, only the id counts.
            let _ = write!(out, "id: {}\n\n", own.next);
        }
        self.cursor = own.next;
    }

    fn write_seen(&mut self, recorded: &Arc<RecordedEvent>, out: &mut Vec<u8>) {
        // What was committed just before was read already.
        if recorded.cursor <= self.cursor {
            return;
        }
        self.cursor = recorded.cursor;
        if recorded.institution == self.institution {
            write(recorded, out);
        }
    }
}

/// Writes an event as the standard has it (WHATWG HTML, 9.2.6). JSON has no line breaks in it.
fn write(recorded: &RecordedEvent, out: &mut Vec<u8>) {
    let event = &recorded.event;
    let (cursor, name) = (recorded.cursor, event.kind().name());
    let (id, version) = (event.id(), event.version());
    let institution = serde_json::to_string(recorded.institution.as_str()).unwrap_or_default();
    // A vector takes all that is written to it.
    let _ = write!(
        out,
        "id: {cursor}\nevent: {name}\ndata: {{\"event_id\":\"{id}\",\"version\":{version},\
         \"cursor\":\"{cursor}\",\"institution\":{institution},\"payload\":"
    );
    event.write_json(Uuid::nil(), out);
    out.extend_from_slice(b"}\n\n");
}
