//! The sockets of the servers of `certlife`, with limits: of connections, of time, of memory.

mod connection;
mod in_progress;
mod stalling;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "../../../tests/sockets/limits.rs"]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use self::connection::{Around, Phase, Situation};

/// How long is waited after a connection could not be taken, such as where files run out.
const PAUSE: Duration = Duration::from_millis(100);

/// How long requests under way may take on after the server was asked to end.
const DRAIN: Duration = Duration::from_secs(25);

/// What a server takes upon itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many connections are open at a time. Others wait until one of them ends.
    pub(super) connections: usize,
    /// How long a connection may be without a request: for the handshake, for the whole head of the
    /// next request to come, and for the last response to be read.
    pub(super) idle: Duration,
    /// How long a client may read nothing of what is sent to it.
    pub(super) stalled: Duration,
    /// The requests of a connection that are answered at a time, in HTTP/2.
    pub(super) streams: u32,
    /// Whether a connection serves more than one request, and speaks HTTP/2 as well.
    pub(super) is_kept: bool,
}

/// What a response may have as its body.
pub(super) trait Body:
    hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
    + Send
    + Unpin
    + 'static
{
}

impl<B> Body for B where
    B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static
{
}

/// Takes connections for as long as it is polled. Connections with a request in progress are never
/// closed, so `respond` has to end by itself.
pub(super) async fn serve<F, B>(
    listener: TcpListener,
    limits: Limits,
    respond: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> Infallible
where
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    take(&listener, None, limits, &slots, &opened(), respond).await
}

/// Takes connections until `shutdown`, with TLS if there is an acceptor: each new connection has
/// the latest. Then it takes no more, ends those without a request, and waits for the others, but
/// not for long; how many were cut.
pub(super) async fn serve_until<F, B>(
    listener: TcpListener,
    tls: Option<watch::Receiver<TlsAcceptor>>,
    limits: Limits,
    respond: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    shutdown: impl Future<Output = ()>,
) -> usize
where
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body,
{
    let situation = opened();
    let slots = Arc::new(Semaphore::new(limits.connections));
    tokio::select! {
        never = take(&listener, tls, limits, &slots, &situation, respond) => match never {},
        () = shutdown => {}
    }
    drop(listener);
    situation.send_modify(|it| it.phase = Phase::Draining);
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let ended = timeout(DRAIN, slots.acquire_many(all)).await.is_ok();
    if ended {
        return 0;
    }
    let cut = limits.connections.saturating_sub(slots.available_permits());
    situation.send_modify(|it| it.phase = Phase::Cut);
    cut
}

fn opened() -> watch::Sender<Situation> {
    watch::Sender::new(Situation {
        phase: Phase::Open,
        is_crowded: false,
    })
}

async fn take<F, B>(
    listener: &TcpListener,
    tls: Option<watch::Receiver<TlsAcceptor>>,
    limits: Limits,
    slots: &Arc<Semaphore>,
    situation: &watch::Sender<Situation>,
    respond: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> Infallible
where
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let free = Arc::clone(slots).try_acquire_owned();
        let slot = if let Ok(slot) = free {
            slot
        } else {
            situation.send_modify(|it| it.is_crowded = true);
            let slot = Arc::clone(slots).acquire_owned().await;
            situation.send_modify(|it| it.is_crowded = false);
            // The semaphore is never closed.
            let Ok(slot) = slot else { continue };
            slot
        };
        let around = Around {
            limits,
            situation: situation.subscribe(),
        };
        let acceptor = tls.as_ref().map(|it| it.borrow().clone());
        let conversation = connection::converse(stream, acceptor, around, respond.clone());
        tokio::spawn(async move {
            conversation.await;
            drop(slot);
        });
    }
}

/// A response for people, with the end of a line.
pub(super) fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{words}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
