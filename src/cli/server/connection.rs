//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;

use super::in_progress::{Answer, InProgress, Requests};
use super::stalling::Stalling;
use super::{Body, Limits};

/// How long a connection may be without a request while another waits to be taken.
const GRACE: Duration = Duration::from_millis(250);

/// How long it may be without one while the server ends: for the last response to be read.
const LAST: Duration = Duration::from_secs(2);

/// The largest head of a request, and the largest buffer of a connection, in bytes: 64 KiB.
const BUFFER: u32 = 64 << 10;

/// The largest frame of HTTP/2, in bytes: the smallest limit that there is.
const FRAME: u32 = 16 << 10;

/// What a server does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// Each ends after the requests that are under way.
    Draining,
    /// Each ends at once.
    Cut,
}

/// What a server does, as its connections see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    pub(super) phase: Phase,
    /// Whether another connection waits to be taken.
    pub(super) is_crowded: bool,
}

/// What a connection knows of its server.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) limits: Limits,
    pub(super) situation: watch::Receiver<Situation>,
}

pub(super) async fn converse<F, B>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    around: Around,
    respond: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body,
{
    // What is sent goes out at once, such as one event.
    let _ = stream.set_nodelay(true);
    let stream = Stalling::new(stream, around.limits.stalled);
    let Some(tls) = tls else {
        return exchange(stream, around, respond).await;
    };
    let secured = tokio::select! {
        secured = tls.accept(stream) => secured,
        _ = ended(Requests::new(), around.situation.clone(), around.limits.idle, Phase::Open) => return,
    };
    // A client that speaks no TLS, or does not trust the certificate, has sent no request.
    if let Ok(stream) = secured {
        exchange(stream, around, respond).await;
    }
}

async fn exchange<F, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    around: Around,
    respond: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body,
{
    let Around { limits, situation } = around;
    let requests = Requests::new();
    let ended = |longest, phase| ended(Arc::clone(&requests), situation.clone(), longest, phase);
    let mut ending = pin!(ended(limits.idle, Phase::Open));
    let counted = Arc::clone(&requests);
    let service = service_fn(move |request| {
        let request_in_progress = InProgress::new(&counted);
        let response = respond(request);
        async move {
            let response = response.await.map(|body| Answer {
                body,
                _request: request_in_progress,
            });
            Ok::<_, Infallible>(response)
        }
    });
    let server = builder(limits);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            biased;
            // A client that speaks no HTTP, or breaks off, has sent no request.
            _ = connection.as_mut() => return,
            end = ending.as_mut() => match end {
                End::Phase(Phase::Draining) => {
                    connection.as_mut().graceful_shutdown();
                    ending.set(ended(LAST, Phase::Draining));
                }
                End::Idle | End::Phase(_) => return,
            }
        }
    }
}

fn builder(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    if !limits.is_kept {
        server = server.http1_only();
    }
    // A client that has closed its side after the request still waits for the answer, as `nc` does.
    server
        .http1()
        .half_close(true)
        .keep_alive(limits.is_kept)
        // hyper's own, 30 s, would also end a connection that is kept between requests.
        .header_read_timeout(limits.idle)
        .max_buf_size(BUFFER as usize)
        .timer(TokioTimer::new());
    server
        .http2()
        .max_concurrent_streams(limits.streams)
        .max_frame_size(FRAME)
        .max_header_list_size(FRAME)
        .initial_stream_window_size(BUFFER)
        .initial_connection_window_size(4 * BUFFER)
        .max_send_buf_size(BUFFER as usize)
        .timer(TokioTimer::new());
    server
}

/// Why a connection is to end.
enum End {
    /// It was without a request for as long as it may be.
    Idle,
    /// The server is so far.
    Phase(Phase),
}

/// Waits until a connection has been without a request for `longest` from now on, or for a moment
/// while others wait to be taken, or until the server is beyond `phase`.
async fn ended(
    requests: Arc<Requests>,
    mut situation: watch::Receiver<Situation>,
    longest: Duration,
    phase: Phase,
) -> End {
    let began = Instant::now();
    loop {
        let now = *situation.borrow_and_update();
        if now.phase > phase {
            return End::Phase(now.phase);
        }
        let longest = if now.is_crowded {
            longest.min(GRACE)
        } else {
            longest
        };
        // A request that is in progress ends later than now, so that is soon enough to look again.
        let since = requests.idle_since();
        let until = since.map_or_else(Instant::now, |it| it.max(began)) + longest;
        if since.is_some() && until <= Instant::now() {
            return End::Idle;
        }
        tokio::select! {
            () = sleep_until(until) => {}
            changed = situation.changed() => {
                // The server is gone.
                if changed.is_err() {
                    return End::Phase(Phase::Cut);
                }
            }
        }
    }
}
