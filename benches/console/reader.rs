//! Someone who reads pages: ten a second, one after the other through all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::Served;
use crate::fill::{Filled, uuid};

const PAGES_PER_SECOND: u32 = 10;

/// A page, by the name in the results.
pub struct Page {
    pub name: String,
    path: String,
}

/// All pages, and of those with filters each filter.
pub fn pages(filled: &Filled) -> Vec<Page> {
    let Filled { webhook, delivery } = filled;
    let paths = [
        String::new(),
        "/queue".to_owned(),
        "/applications".to_owned(),
        "/applications?status=failed".to_owned(),
        "/applications?status=created&source=customer&order=oldest".to_owned(),
        "/applications?source=vault".to_owned(),
        "/applications?email=applicant77777@example.com".to_owned(),
        "/applications?title=Certificate+777".to_owned(),
        "/applications?title=nothing+has+this".to_owned(),
        "/applications?number=77777".to_owned(),
        "/applications?from=2026-01-01&before=2099-01-01&order=oldest".to_owned(),
        "/applications?progress=yes&order=oldest".to_owned(),
        "/applications/all?status=failed".to_owned(),
        format!("/applications/{}", uuid(4)),
        "/events".to_owned(),
        "/events?event=failed".to_owned(),
        "/acts".to_owned(),
        "/webhooks".to_owned(),
        format!("/webhooks/{webhook}"),
        "/deliveries".to_owned(),
        "/deliveries?status=dead".to_owned(),
        format!("/deliveries?webhook={webhook}&status=pending"),
        format!("/deliveries/redeliver?webhook={webhook}&status=dead"),
        format!("/deliveries/abandon?webhook={webhook}&status=pending"),
        format!("/deliveries/{delivery}"),
        "/tasks".to_owned(),
        "/tokens".to_owned(),
    ];
    let page = |path: String| Page {
        name: if path.is_empty() {
            "/".to_owned()
        } else {
            path.clone()
        },
        path: format!("/console{path}"),
    };
    paths.into_iter().map(page).collect()
}

/// Reads each page three times while nothing else is done, and prints the shortest.
pub async fn alone(name: &str, served: &Served, pages: &[Page]) {
    let cookie = sign_in(served).await;
    for page in pages {
        let mut shortest = f64::MAX;
        for _ in 0..3 {
            let began = Instant::now();
            let headers = [("cookie", &*cookie)];
            let (status, _) = ask(&served.address, "GET", &page.path, &headers, "").await;
            assert_eq!(status, 200, "{}", page.path);
            shortest = shortest.min(began.elapsed().as_secs_f64() * 1000.0);
        }
        println!("{name}: {}: alone {shortest:.1} ms", page.name);
    }
}

/// Reads for so long; what each answer took, in milliseconds, from when it was due.
pub async fn read(served: &Served, pages: &[Page], time: Duration) -> BTreeMap<usize, Vec<f64>> {
    let cookie = Arc::new(sign_in(served).await);
    let period = Duration::from_secs(1) / PAGES_PER_SECOND;
    let began = Instant::now() + Duration::from_secs(2);
    let mut tasks = Vec::new();
    let mut due = began;
    for place in (0..pages.len()).cycle() {
        if due - began > time {
            break;
        }
        tokio::time::sleep_until(due).await;
        let (address, path) = (served.address.clone(), pages[place].path.clone());
        let cookie = Arc::clone(&cookie);
        tasks.push(tokio::spawn(async move {
            let (status, body) = ask(&address, "GET", &path, &[("cookie", &cookie)], "").await;
            assert_eq!(status, 200, "{path}: {body:?}");
            (place, due.elapsed().as_secs_f64() * 1000.0)
        }));
        due += period;
    }
    let mut taken = BTreeMap::<usize, Vec<f64>>::new();
    for task in tasks {
        let (place, milliseconds) = task.await.unwrap();
        taken.entry(place).or_default().push(milliseconds);
    }
    taken
}

/// The cookie of a new session.
async fn sign_in(served: &Served) -> String {
    let body = format!("token={}", served.token);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [form, ("sec-fetch-site", "same-origin")];
    let (status, cookie) = send(&served.address, "POST", "/console/sign-in", &headers, &body).await;
    assert_eq!(status, 303);
    cookie.unwrap()
}

async fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Bytes) {
    let response = response(address, method, path, headers, body).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap();
    (status, body.to_bytes())
}

/// The status of the answer, and its cookie.
async fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Option<String>) {
    let response = response(address, method, path, headers, body).await;
    let cookie = response.headers().get("set-cookie").map(|it| {
        let text = it.to_str().unwrap();
        text.split(';').next().unwrap().to_owned()
    });
    (response.status().as_u16(), cookie)
}

async fn response(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> hyper::Response<hyper::body::Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::<Bytes>::from(body.to_owned());
    sender
        .send_request(request.body(body).unwrap())
        .await
        .unwrap()
}
