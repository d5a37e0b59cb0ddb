//! How tests send, and what they expect.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use certificate_lifecycle::delivery::{
    HttpOptions, HttpTransport, OutgoingRequest, Resolve, Resolving, Response, SendError, Transport,
};

use crate::certificates;

/// What is long enough for everything that is to succeed.
pub const PATIENT: Duration = Duration::from_secs(20);

/// What is over soon, but not before a busy machine has come to its first line.
pub const SHORT: Duration = Duration::from_secs(1);

/// How long the rest of a response is waited for once its head has come.
pub const BODY_WAIT: Duration = Duration::from_secs(2);

/// Loopback is permitted, and so is `http://`; nothing is short of time.
pub fn options() -> HttpOptions {
    let authority = certificates::authority();
    of_the_system_alone()
        .with_authorities(authority.as_bytes())
        .unwrap()
}

/// The same, without the authority of the tests.
pub fn of_the_system_alone() -> HttpOptions {
    HttpOptions::default()
        .with_connect_timeout(PATIENT)
        .with_stall_timeout(PATIENT)
        .with_allow_http(true)
        .with_allow_targets(vec!["127.0.0.0/8".parse().unwrap()])
}

pub fn transport() -> HttpTransport {
    HttpTransport::new(options()).unwrap()
}

/// A transport, and how long each of its requests may take.
pub trait Timed {
    fn timed(&self) -> (&HttpTransport, Duration);
}

impl Timed for HttpTransport {
    fn timed(&self) -> (&HttpTransport, Duration) {
        (self, PATIENT)
    }
}

/// One whose requests have little time.
pub struct Hasty(pub HttpTransport);

impl Timed for Hasty {
    fn timed(&self) -> (&HttpTransport, Duration) {
        (&self.0, SHORT)
    }
}

impl Timed for Box<dyn Timed> {
    fn timed(&self) -> (&HttpTransport, Duration) {
        (**self).timed()
    }
}

pub fn hasty() -> Hasty {
    let options = options().with_stall_timeout(SHORT);
    Hasty(HttpTransport::new(options).unwrap())
}

pub fn outgoing(url: &str) -> OutgoingRequest {
    OutgoingRequest::new(
        url.parse().unwrap(),
        br#"{"event":"certificate_application.created"}"#.to_vec(),
    )
}

pub async fn send(transport: &impl Timed, url: &str) -> Result<Response, SendError> {
    send_all_of(transport, outgoing(url)).await
}

/// Sends, and sees to what holds of every outcome: an error keeps the URL's secrets to itself, and
/// a response its limit.
pub async fn send_all_of(
    transport: &impl Timed,
    outgoing: OutgoingRequest,
) -> Result<Response, SendError> {
    let (transport, timeout) = transport.timed();
    let sending = transport.send(outgoing, Instant::now() + timeout);
    let outcome = tokio::time::timeout(PATIENT * 2, sending).await;
    let outcome = outcome.expect("the transport keeps its own deadline");
    match &outcome {
        Ok(response) => assert!(response.excerpt.len() <= Response::EXCERPT),
        Err(error) => assert!(!format!("{error} {error:?}").contains("secret"), "{error}"),
    }
    outcome
}

/// Sends, and is answered.
pub async fn answered(transport: &impl Timed, url: &str) -> Response {
    send(transport, url).await.unwrap()
}

/// Sends in vain; the connection broke.
pub async fn broken(transport: &impl Timed, url: &str) -> String {
    match send(transport, url).await {
        Err(SendError::Broken(message)) => message,
        other => panic!("{other:?}"),
    }
}

/// Sends in vain; there is no connection.
pub async fn unconnected(transport: &impl Timed, url: &str) -> String {
    match send(transport, url).await {
        Err(SendError::Connect(message)) => message,
        other => panic!("{other:?}"),
    }
}

/// Sends in vain; the guard refuses the target.
pub async fn refused(transport: &impl Timed, url: &str) -> String {
    match send(transport, url).await {
        Err(SendError::Refused(message)) => message,
        other => panic!("{other:?}"),
    }
}

/// A resolver whose answers are given beforehand, each once; the last for ever.
#[derive(Debug, Clone)]
pub struct Answers {
    answers: Arc<Mutex<Vec<Vec<IpAddr>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    pub fn new<const N: usize>(answers: [&[&str]; N]) -> Self {
        let parsed = |texts: &&[&str]| texts.iter().map(|it| it.parse().unwrap()).collect();
        Self {
            answers: Arc::new(Mutex::new(answers.iter().map(parsed).collect())),
            asked: Arc::default(),
        }
    }

    /// Which names have been asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Answers {
    fn resolve(&self, host: &str) -> Resolving {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers.first().cloned().unwrap_or_default()
        };
        Box::pin(async move { Ok(answer) })
    }
}

/// A resolver that fails, or never answers.
#[derive(Debug, Clone, Copy)]
pub enum NoAnswer {
    Fails,
    Never,
}

impl Resolve for NoAnswer {
    fn resolve(&self, _: &str) -> Resolving {
        match self {
            Self::Fails => Box::pin(async { Err(io::Error::other("no such name")) }),
            Self::Never => Box::pin(std::future::pending()),
        }
    }
}
