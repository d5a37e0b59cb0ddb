//! Requests, read into deliveries: HTTP/1.1, and HTTP/2 if the client begins with it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::ALLOW;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::cli::received::{Headers, LARGEST};
use crate::cli::server::{self, Limits, text};

/// How much of a body is read before it is answered that it is too large: a client that is still
/// sending may not read.
const MOST_READ: usize = 8 * LARGEST;

/// Fewer than the files that a process may open.
const LIMITS: Limits = Limits {
    connections: 256,
    idle: Duration::from_secs(10),
    stalled: Duration::from_secs(10),
    streams: 16,
    is_kept: true,
};

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// How much memory the requests take that are not yet looked at, in bytes: 32 MiB. A body takes its
/// length, up to twice that while it comes.
const BUDGET: usize = 32 << 20;

/// What a header takes beside its name and value, in bytes, rounded up.
const HEADER: usize = 128;

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
    #[error("the body had not come after {} s", BODY_TIME.as_secs())]
    Late,
    #[error("requests that are not complete take {} MiB already", BUDGET >> 20)]
    Crowded,
    #[error("the body broke off after {read} bytes: {problem}")]
    Broken { read: usize, problem: String },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Why, for a reader of the sender's log.
    pub(super) reason: String,
}

/// Takes connections for as long as it is polled.
pub(super) async fn serve(
    listener: TcpListener,
    arrivals: mpsc::Sender<Arrival>,
    delay: Duration,
) -> Infallible {
    let budget = Arc::new(Semaphore::new(BUDGET));
    server::serve(listener, LIMITS, move |request| {
        respond(request, arrivals.clone(), Arc::clone(&budget), delay)
    })
    .await
}

async fn respond(
    request: Request<Incoming>,
    arrivals: mpsc::Sender<Arrival>,
    budget: Arc<Semaphore>,
    delay: Duration,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "deliveries are POST requests",
        );
        let allowed = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let mut share = Share::of(budget);
    let body = if share.takes(size_of(&head.headers)) {
        let read = timeout(BODY_TIME, read(body, &mut share));
        read.await.unwrap_or(Err(Unread::Late))
    } else {
        Err(Unread::Crowded)
    };
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
    // It ends only once no client waits for an answer.
    let _ = arrivals.send(arrival).await;
    let answer = answered.await.unwrap_or(Answer {
        status: StatusCode::SERVICE_UNAVAILABLE,
        reason: "the receiver ends".to_owned(),
    });
    drop(share);
    tokio::time::sleep(delay).await;
    if answer.reason.is_empty() || answer.status == StatusCode::NO_CONTENT {
        let mut response = Response::default();
        *response.status_mut() = answer.status;
        return response;
    }
    text(answer.status, &answer.reason)
}

fn size_of(headers: &HeaderMap) -> usize {
    let size = |(name, value): (&http::HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + HEADER
    };
    headers.iter().map(size).sum()
}

/// The whole body.
async fn read(mut body: Incoming, share: &mut Share) -> Result<Vec<u8>, Unread> {
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
            if count > bytes.capacity() {
                // Twice as much each time, so that small pieces are not moved for each of them.
                let capacity = (2 * bytes.capacity()).clamp(count, LARGEST);
                if !share.takes(capacity - bytes.capacity()) {
                    return Err(Unread::Crowded);
                }
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
    }
    if count <= LARGEST {
        Ok(bytes)
    } else {
        Err(Unread::TooLarge)
    }
}

/// The part of the budget that a request takes, until it is dropped.
struct Share {
    budget: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Share {
    const fn of(budget: Arc<Semaphore>) -> Self {
        Self {
            budget,
            taken: None,
        }
    }

    /// Takes so many bytes more, if they are left.
    fn takes(&mut self, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&self.budget).try_acquire_many_owned(bytes) else {
            return false;
        };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        true
    }
}
