//! The sockets of the receiver: HTTP/1.1, and HTTP/2 for whoever begins with it.

use std::convert::Infallible;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::cli::received::{Headers, LARGEST};

/// How much of a body is read before it is answered that it is too large: a client that is still sending
/// may not read.
const MOST_READ: usize = 8 * LARGEST;

/// How long is waited after a connection could not be taken, such as where there are too many.
const PAUSE: Duration = Duration::from_millis(100);

/// One request that may be a delivery.
pub(super) struct Arrival {
    pub(super) headers: Headers,
    pub(super) body: Result<Vec<u8>, Unread>,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Answer>,
}

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("the body has more than {LARGEST} bytes (1 MiB)")]
    TooLarge,
    #[error("the body broke off after {read} bytes: {problem}")]
    Broken { read: usize, problem: String },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Why, for whoever looks at the sender's side.
    pub(super) reason: String,
}

/// Takes connections for as long as it is polled.
pub(super) async fn serve(
    listener: TcpListener,
    arrivals: mpsc::Sender<Arrival>,
    delay: Duration,
) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, arrivals.clone(), delay))),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn converse(stream: TcpStream, arrivals: mpsc::Sender<Arrival>, delay: Duration) {
    let service = service_fn(|request| respond(request, arrivals.clone(), delay));
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Whoever has closed their side after the request still waits for the answer, as `nc` does.
    server.http1().half_close(true).timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new());
    // Whoever speaks no HTTP, or breaks off, has sent no delivery.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    arrivals: mpsc::Sender<Arrival>,
    delay: Duration,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "deliveries are POST requests",
        );
        let allowed = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, allowed);
        return Ok(response);
    }
    let body = read(body).await;
    let mut headers = Headers::default();
    for (name, value) in &head.headers {
        headers.push(name.as_str(), value.as_bytes());
    }
    let (answer, answered) = oneshot::channel();
    let arrival = Arrival {
        headers,
        body,
        answer,
    };
    // It has ended only where nobody needs an answer any more.
    let _ = arrivals.send(arrival).await;
    let answer = answered.await.unwrap_or(Answer {
        status: StatusCode::SERVICE_UNAVAILABLE,
        reason: "the receiver ends".to_owned(),
    });
    tokio::time::sleep(delay).await;
    Ok(text(answer.status, &answer.reason))
}

/// The whole body.
async fn read(mut body: Incoming) -> Result<Vec<u8>, Unread> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |size| size > MOST_READ) {
        return Err(Unread::TooLarge);
    }
    let mut bytes = Vec::new();
    let mut count = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Unread::Broken {
            read: count,
            problem: error.to_string(),
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        count = count.saturating_add(data.len());
        if count > MOST_READ {
            break;
        }
        if count <= LARGEST {
            bytes.extend_from_slice(&data);
        }
    }
    if count <= LARGEST {
        Ok(bytes)
    } else {
        Err(Unread::TooLarge)
    }
}

fn text(status: StatusCode, reason: &str) -> Response<Full<Bytes>> {
    let is_empty = reason.is_empty() || status == StatusCode::NO_CONTENT;
    let body = if is_empty {
        Bytes::new()
    } else {
        Bytes::from(format!("{reason}\n"))
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    if !is_empty {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
    }
    response
}
