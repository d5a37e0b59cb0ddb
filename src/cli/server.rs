//! The sockets of the servers of `certlife`, with limits: of connections, of time, of memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// How long is waited after a connection could not be taken, such as where files run out.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection may be without a request while another waits to be taken.
const GRACE: Duration = Duration::from_millis(250);

/// The largest head of a request, and the largest buffer of a connection, in bytes: 64 KiB.
const BUFFER: u32 = 64 << 10;

/// The requests of a connection that are answered at a time, in HTTP/2.
const STREAMS: u32 = 16;

/// The largest frame of HTTP/2, in bytes: the smallest limit that there is.
const FRAME: u32 = 16 << 10;

/// What a server takes upon itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many connections are open at a time. Others wait until one of them ends.
    pub(super) connections: usize,
    /// How long a connection may be without a request: for the whole head of the next one to come,
    /// and for the last response to be read.
    pub(super) idle: Duration,
    /// Whether a connection serves more than one request, and speaks HTTP/2 as well.
    pub(super) is_kept: bool,
}

/// Takes connections for as long as it is polled. Connections with a request in progress are never
/// closed, so `respond` has to end by itself.
pub(super) async fn serve<F>(
    listener: TcpListener,
    limits: Limits,
    respond: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> Infallible
where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let crowded = watch::Sender::new(false);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let free = Arc::clone(&slots).try_acquire_owned();
        let slot = if let Ok(slot) = free {
            slot
        } else {
            crowded.send_replace(true);
            let slot = Arc::clone(&slots).acquire_owned().await;
            crowded.send_replace(false);
            // The semaphore is never closed.
            let Ok(slot) = slot else { continue };
            slot
        };
        let conversation = converse(stream, limits, crowded.subscribe(), respond.clone());
        tokio::spawn(async move {
            conversation.await;
            drop(slot);
        });
    }
}

async fn converse<F>(
    stream: TcpStream,
    limits: Limits,
    crowded: watch::Receiver<bool>,
    respond: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let requests = watch::Sender::new(0_usize);
    let idle = idle(requests.subscribe(), crowded, limits.idle);
    let service = service_fn(move |request| {
        let request_in_progress = InProgress::new(&requests);
        let response = respond(request);
        async move {
            let response = response.await;
            drop(request_in_progress);
            Ok::<_, Infallible>(response)
        }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    if !limits.is_kept {
        server = server.http1_only();
    }
    // A client that has closed its side after the request still waits for the answer, as `nc` does.
    server
        .http1()
        .half_close(true)
        .keep_alive(limits.is_kept)
        .max_buf_size(BUFFER as usize)
        .timer(TokioTimer::new());
    server
        .http2()
        .max_concurrent_streams(STREAMS)
        .max_frame_size(FRAME)
        .max_header_list_size(FRAME)
        .initial_stream_window_size(BUFFER)
        .initial_connection_window_size(4 * BUFFER)
        .max_send_buf_size(BUFFER as usize)
        .timer(TokioTimer::new());
    let connection = server.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that speaks no HTTP, or breaks off, has sent no request.
        _ = connection => {}
        () = idle => {}
    }
}

/// A request that is being answered.
struct InProgress(watch::Sender<usize>);

impl InProgress {
    fn new(requests: &watch::Sender<usize>) -> Self {
        requests.send_modify(|count| *count += 1);
        Self(requests.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
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

/// A response for people, with the end of a line.
pub(super) fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{words}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
