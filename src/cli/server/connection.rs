//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::in_progress::{Answer, InProgress};
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

/// What a connection knows of its server.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) limits: Limits,
    /// Whether another connection waits to be taken.
    pub(super) crowded: watch::Receiver<bool>,
    pub(super) phase: watch::Receiver<Phase>,
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
    let none = watch::Sender::new(0);
    let secured = tokio::select! {
        secured = tls.accept(stream) => secured,
        () = idle(none.subscribe(), around.crowded.clone(), around.limits.idle) => return,
        () = reached(around.phase.clone(), Phase::Draining) => return,
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
    let Around {
        limits,
        crowded,
        phase,
    } = around;
    let requests = watch::Sender::new(0_usize);
    let idle_for = |longest| idle(requests.subscribe(), crowded.clone(), longest);
    let mut idling = pin!(idle_for(limits.idle));
    let counted = requests.clone();
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
    let mut draining = pin!(reached(phase.clone(), Phase::Draining));
    let mut cut = pin!(reached(phase, Phase::Cut));
    let mut is_draining = false;
    loop {
        tokio::select! {
            // A client that speaks no HTTP, or breaks off, has sent no request.
            _ = connection.as_mut() => return,
            () = idling.as_mut() => return,
            () = cut.as_mut() => return,
            () = draining.as_mut(), if !is_draining => {
                is_draining = true;
                connection.as_mut().graceful_shutdown();
                idling.set(idle_for(LAST));
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

/// Waits until the connection has been without a request for as long as it may.
async fn idle(
    mut requests: watch::Receiver<usize>,
    mut crowded: watch::Receiver<bool>,
    longest: Duration,
) {
    loop {
        let since = Instant::now();
        let in_the_way = async {
            // The server that says so lives as long as its connections.
            if crowded.wait_for(|it| *it).await.is_err() {
                std::future::pending::<()>().await;
            }
            sleep_until(since + GRACE).await;
        };
        tokio::select! {
            begun = timeout(longest, requests.wait_for(|count| *count > 0)) => {
                if !matches!(begun, Ok(Ok(_))) {
                    return;
                }
            }
            () = in_the_way => return,
        }
        if requests.wait_for(|count| *count == 0).await.is_err() {
            return;
        }
    }
}

/// Waits until the server is so far.
async fn reached(mut now: watch::Receiver<Phase>, phase: Phase) {
    // Without a server, there is nothing to wait for.
    let _ = now.wait_for(|it| *it >= phase).await;
}
