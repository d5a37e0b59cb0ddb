//! Which headers a webhook may choose: all but those that the dispatcher sends, and those of HTTP
//! itself.

use std::collections::BTreeSet;

use certificate_lifecycle::delivery::OutgoingRequest;
use certificate_lifecycle::webhook::{
    CustomHeaderError, CustomHeaders, Endpoint, ReservedHeader, Secret,
};
use tokio::io::AsyncWriteExt;

use crate::http2;
use crate::receiver::{Receiver, read_request};
use crate::sending::{options, send_all_of, transport};
use crate::stage::{Stage, status};

/// What the dispatcher gives its transport for a webhook with these headers.
async fn request(headers: CustomHeaders) -> OutgoingRequest {
    let stage = Stage::new(|_, _| status(204));
    let secret = Secret::from_key(&[7; 32]).unwrap();
    let mut endpoint = Endpoint::new("https://example.com/".parse().unwrap(), secret);
    endpoint.headers = headers;
    stage.register(endpoint).await;
    stage.submit().await;
    stage.deliver().await;
    stage.came().remove(0).request
}

/// The names of the headers that arrive over HTTP/1.1.
async fn arriving(mut request: OutgoingRequest) -> BTreeSet<String> {
    let server = Receiver::start(|mut connection, _| async move {
        let head = read_request(&mut connection).await.unwrap().head;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
            head.len()
        );
        connection.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    request.url = server.url().parse().unwrap();
    let head = send_all_of(&transport(), request).await.unwrap().excerpt;
    let head = String::from_utf8(head).unwrap();
    let lines = head.lines().skip(1).take_while(|line| !line.is_empty());
    lines
        .map(|line| line.split_once(':').unwrap().0.to_lowercase())
        .collect()
}

/// The same over HTTP/2.
async fn arriving_by_http2(mut request: OutgoingRequest) -> BTreeSet<String> {
    let server = http2::server(|head, _| {
        let names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
        http2::with(names.join("\n"))
    })
    .await;
    request.url = http2::url_of(&server).parse().unwrap();
    let transport = http2::transport_with(options());
    let names = send_all_of(&transport, request).await.unwrap().excerpt;
    let names = String::from_utf8(names).unwrap();
    names.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_shown_as_sent_is_what_is_sent() {
    let reserved = CustomHeaders::RESERVED.into_iter();
    let sent = reserved.filter(|(_, reason)| *reason == ReservedHeader::Sent);
    let mut sent: BTreeSet<_> = sent.map(|(name, _)| name.to_owned()).collect();
    let request = request(CustomHeaders::default()).await;
    assert_eq!(arriving(request.clone()).await, sent);
    // HTTP/2 has the host among its pseudo-headers.
    sent.remove("host");
    assert_eq!(arriving_by_http2(request).await, sent);
}

#[tokio::test]
async fn any_other_name_is_free_and_arrives() {
    let free = [
        "X-Acme-Webhook-Token",
        "X-Webhook-Token",
        "Webhook-Tenant",
        "Authorization",
        "Accept",
        "Idempotency-Key",
        "X-Host",
    ];
    let headers = CustomHeaders::new(free.map(|name| (name, "t"))).unwrap();
    let request = request(headers).await;
    for arrived in [
        arriving(request.clone()).await,
        arriving_by_http2(request).await,
    ] {
        for name in free {
            assert!(
                arrived.contains(&name.to_lowercase()),
                "{name}: {arrived:?}"
            );
        }
    }
}

#[test]
fn each_that_is_reserved_is_refused_with_its_reason() {
    for (name, reason) in CustomHeaders::RESERVED {
        for written in [name.to_owned(), name.to_uppercase()] {
            let error = CustomHeaders::new([(written.as_str(), "hush")]).unwrap_err();
            let name = name.to_owned();
            assert_eq!(error, CustomHeaderError::Reserved { name, reason });
        }
    }
    for (name, message) in [
        (
            "Host",
            "header host cannot be chosen: the dispatcher sets it",
        ),
        (
            "Transfer-Encoding",
            "header transfer-encoding cannot be chosen: it governs how the request is framed or its connection \
             used, which HTTP itself decides",
        ),
        (
            "Content-Encoding",
            "header content-encoding cannot be chosen: it would describe the body as encoded, but the body is \
             plain JSON",
        ),
        (
            "Expect",
            "header expect cannot be chosen: it would ask for an interim response, for which the dispatcher \
             does not wait",
        ),
    ] {
        let error = CustomHeaders::new([(name, "hush")]).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
