//! Those who write meanwhile: 1,000 transitions a second, over the API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::Served;
use crate::fill::uuid;

const CONNECTIONS: u64 = 32;
const TRANSITIONS_PER_SECOND: u64 = 1000;

/// Writes until it is over: submits new applications, and decides about them. How many transitions
/// a second there were.
pub fn write(
    served: &Served,
    applications: u64,
    is_over: Arc<AtomicBool>,
) -> impl Future<Output = f64> + use<> {
    let (address, token) = (served.address.clone(), served.token.clone());
    async move {
        let count = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let (address, token) = (address.clone(), token.clone());
                let (count, is_over) = (Arc::clone(&count), Arc::clone(&is_over));
                let first = applications + number;
                tokio::spawn(one(address, token, first, began, count, is_over))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
        let transitions = count.load(Ordering::Relaxed) as f64;
        transitions / began.elapsed().as_secs_f64()
    }
}

/// One connection, which keeps its share of the pace: two transitions for each application.
async fn one(
    address: String,
    token: String,
    first: u64,
    began: Instant,
    count: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
) {
    let stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let period = Duration::from_secs(1) * u32::try_from(CONNECTIONS).unwrap()
        / u32::try_from(TRANSITIONS_PER_SECOND).unwrap();
    let mut due = began
        + period * u32::try_from(first % CONNECTIONS).unwrap()
            / u32::try_from(CONNECTIONS).unwrap();
    for number in (0_u64..).map(|it| first + it * CONNECTIONS) {
        let uuid = uuid(number);
        let submission = format!(
            "{{\"command\":\"submit\",\"uuid\":\"{uuid}\",\"application_id\":{},\
             \"certificate_title\":\"Certificate of Achievement\",\
             \"applicant_email\":\"applicant{number}@example.com\"}}",
            number + 1
        );
        let processing = format!("/v1/applications/{uuid}/begin-processing");
        for (path, actor, body) in [
            ("/v1/applications", "customer:john", &*submission),
            (&*processing, "administrator:jane", "{}"),
        ] {
            tokio::time::sleep_until(due).await;
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            let request = Request::post(path)
                .header("host", "127.0.0.1")
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json")
                .header("Certlife-Actor", actor)
                .body(Full::<Bytes>::from(body.to_owned()));
            sender.ready().await.unwrap();
            let response = sender.send_request(request.unwrap()).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(status.is_success(), "{path}: {status}: {body:?}");
            count.fetch_add(1, Ordering::Relaxed);
            due += period;
        }
    }
}
