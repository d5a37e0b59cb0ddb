//! Word to open pages that something has changed: server-sent events without content. A page then
//! asks for itself anew, with all that its reader may see.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep, timeout_at};

use super::refused::Refused;
use super::session;
use super::site::Console;
use super::visit::Visit;
use crate::server::{Seen, Slot};
use crate::store::{InstitutionId, Scope};

/// How often a comment keeps the connection open, and it is looked whether the session is there.
const COMMENTS: Duration = Duration::from_secs(15);

/// How long changes are gathered, so that a page is not asked for at each of many.
const GATHER: Duration = Duration::from_millis(300);

/// How long the browser waits before it connects again.
const BEGIN: &[u8] = b"retry: 3000\n\n";

const CHANGED: &[u8] = b"event: changed\ndata:\n\n";
const COMMENT: &[u8] = b":\n\n";

/// A stream under way.
struct Run {
    console: Console,
    institution: InstitutionId,
    /// What the session is looked up by; none where the backend has authenticated the request.
    headers: Option<HeaderMap>,
    seen: Receiver<Seen>,
    has_begun: bool,
    _slot: Slot,
}

pub(super) async fn live(
    State(console): State<Console>,
    visit: Result<Visit, Refused>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let Ok(visit) = visit else {
        // With it, browsers do not connect again (WHATWG HTML, 9.2.5).
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    visit.require(&[Scope::ApplicationsRead])?;
    let frame = &visit.frame;
    let many = |_| {
        Refused::new(
            frame,
            StatusCode::TOO_MANY_REQUESTS,
            frame.texts.unavailable,
        )
    };
    let slot = console.waiting.enter().map_err(many)?;
    let seen = console.tail.subscribe(&console.engine).await;
    let run = Run {
        seen: seen.map_err(|error| Refused::store(frame, &error))?,
        institution: visit.principal.institution.clone(),
        headers: frame.has_session().then_some(headers),
        console,
        has_begun: false,
        _slot: slot,
    };
    let body = stream::unfold(run, async |mut run| {
        let part = Box::pin(run.part()).await?;
        Some((Ok::<_, Infallible>(Bytes::from_static(part)), run))
    });
    let mut response = Body::from_stream(body.fuse()).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    // For nginx in front.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    headers.insert(unbuffered, HeaderValue::from_static("no"));
    Ok(response)
}

impl Run {
    /// What is sent next; none at the end.
    async fn part(&mut self) -> Option<&'static [u8]> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(BEGIN);
        }
        let until = Instant::now() + COMMENTS;
        let shutdown = self.console.options.server.shutdown();
        tokio::select! {
            changed = self.changed(until) => match changed {
                Some(true) => {
                    sleep(GATHER).await;
                    self.pass_over();
                    Some(CHANGED)
                }
                Some(false) => None,
                None => self.is_let_in().await.then_some(COMMENT),
            },
            () = shutdown => None,
        }
    }

    /// Whether something of the institution has changed, or might have; false where nothing more
    /// is seen, and none where it takes too long.
    async fn changed(&mut self, until: Instant) -> Option<bool> {
        loop {
            match timeout_at(until, self.seen.recv()).await.ok()? {
                Ok(Seen::Event(recorded)) if recorded.institution != self.institution => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return Some(true),
                Err(RecvError::Closed) => return Some(false),
            }
        }
    }

    /// Passes over what came meanwhile.
    fn pass_over(&mut self) {
        while matches!(self.seen.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
    }

    async fn is_let_in(&self) -> bool {
        match &self.headers {
            Some(headers) => session::of(&self.console, headers).await.is_some(),
            None => true,
        }
    }
}
