//! What is sent, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use certificate_lifecycle::delivery::{HttpTransport, Response, RetryAfter};
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::receiver::{Receiver, closed, read_request};
use crate::sending::{answered, outgoing, send_all_of, transport};

#[tokio::test]
async fn a_request_carries_its_headers_and_its_body_and_nothing_else() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let server = Receiver::start(move |mut connection, _| {
        let sender = sender.clone();
        async move {
            let request = read_request(&mut connection).await.unwrap();
            sender.send(request).unwrap();
            let response = b"HTTP/1.1 204 No Content\r\n\r\n";
            connection.write_all(response).await.unwrap();
            closed(&mut connection).await;
        }
    })
    .await;
    let mut request = outgoing(&server.url());
    let header = |name, value| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    request.headers = vec![
        header("webhook-id", "msg_1"),
        header("x-twice", "one"),
        header("x-twice", "two"),
    ];
    let body = request.body.clone();
    send_all_of(&transport(), request).await.unwrap();

    let received = requests.recv().await.unwrap();
    let first = received.head.lines().next().unwrap();
    assert_eq!(first, "POST /secret-path?secret-query=1 HTTP/1.1");
    assert_eq!(received.header("host"), [server.address.to_string()]);
    assert_eq!(received.header("content-type"), ["application/json"]);
    assert_eq!(
        received.header("content-length"),
        [body.len().to_string().as_str()]
    );
    let agent = format!("certificate-lifecycle/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(received.header("user-agent"), [agent.as_str()]);
    assert_eq!(received.header("webhook-id"), ["msg_1"]);
    assert_eq!(received.header("x-twice"), ["one", "two"]);
    // The request line, these eight, and the empty line.
    assert_eq!(received.head.lines().count(), 9, "{}", received.head);
    assert_eq!(received.body, body);
}

#[tokio::test]
async fn every_status_is_a_response() {
    let transport = transport();
    for status in [
        200, 201, 299, 300, 304, 400, 401, 404, 410, 429, 500, 503, 599, 999,
    ] {
        let response = format!("HTTP/1.1 {status} \r\nContent-Length: 0\r\n\r\n");
        let server = Receiver::answering(response).await;
        let response = answered(&transport, &server.url()).await;
        assert_eq!(response, Response::new(status));
    }
}

#[tokio::test]
async fn a_redirect_is_a_response_and_leads_nowhere() {
    let inside = Receiver::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let transport = transport();
    for status in [301, 302, 303, 307, 308] {
        let response = format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {}\r\nContent-Length: 4\r\n\r\nmove",
            inside.url()
        );
        let server = Receiver::answering(response).await;
        let response = answered(&transport, &server.url()).await;
        assert_eq!(
            (response.status, &*response.excerpt),
            (status, &b"move"[..])
        );
        assert_eq!(server.connections(), 1);
    }
    assert_eq!(inside.connections(), 0);
}

/// What becomes of a response with these headers.
async fn retry_after(transport: &HttpTransport, status: &str, value: &str) -> Option<RetryAfter> {
    let response =
        format!("HTTP/1.1 {status}\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n");
    let server = Receiver::answering(response).await;
    answered(transport, &server.url()).await.retry_after
}

#[tokio::test]
async fn a_server_may_say_how_long_it_wants_to_be_left_alone() {
    let transport = transport();
    let seconds = |it| Some(RetryAfter::Delay(Duration::from_secs(it)));
    let until = |it: &str| Some(RetryAfter::Until(it.parse().unwrap()));
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        for (value, meant) in [
            ("120", seconds(120)),
            ("0", seconds(0)),
            ("  7  ", seconds(7)),
            (
                "Wed, 21 Oct 2026 07:28:00 GMT",
                until("2026-10-21T07:28:00Z"),
            ),
            (
                "Wednesday, 21-Oct-26 07:28:00 GMT",
                until("2026-10-21T07:28:00Z"),
            ),
            ("Wed Oct 21 07:28:00 2026", until("2026-10-21T07:28:00Z")),
            (
                "Fri, 31 Dec 9999 23:59:59 GMT",
                until("9999-12-31T23:59:59Z"),
            ),
        ] {
            assert_eq!(
                retry_after(&transport, status, value).await,
                meant,
                "{value}"
            );
        }
    }
}

#[tokio::test]
async fn a_delay_that_is_absurd_is_ten_years_and_what_is_none_is_ignored() {
    let transport = transport();
    let ten_years = RetryAfter::Delay(Duration::from_secs(3652 * 60 * 60 * 24));
    for value in [
        "315532801",
        "9223372036854775807",
        "18446744073709551616",
        "999999999999999999999999999999999999999999",
    ] {
        let found = retry_after(&transport, "503 Away", value).await;
        assert_eq!(found, Some(ten_years), "{value}");
        assert_eq!(
            ten_years.from(DateTime::<Utc>::UNIX_EPOCH),
            Duration::from_secs(3652 * 60 * 60 * 24)
        );
    }
    for value in [
        "",
        "-5",
        "+5",
        "1e30",
        "1.5",
        "5s",
        "soon",
        "0x10",
        "٣",
        "NaN",
        "5, 6",
        "Wed, 32 Oct 2026 07:28:00 GMT",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "2026-10-21T07:28:00Z",
    ] {
        assert_eq!(
            retry_after(&transport, "503 Away", value).await,
            None,
            "{value}"
        );
    }
}

#[tokio::test]
async fn what_a_server_says_before_its_response_is_passed_over() {
    let response = "HTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nRetry-After: 9\r\n\r\n\
                    HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
    let server = Receiver::answering(response).await;
    let response = answered(&transport(), &server.url()).await;
    assert_eq!((response.status, &*response.excerpt), (200, &b"done"[..]));
    assert_eq!(response.retry_after, None);
}

#[tokio::test]
async fn a_server_that_would_rather_speak_something_else_has_not_accepted() {
    let response =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\nxx";
    let server = Receiver::answering(response).await;
    let transport = transport();
    for _ in 0..2 {
        let response = answered(&transport, &server.url()).await;
        assert_eq!((response.status, &*response.excerpt), (101, &b""[..]));
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_body_ends_where_its_framing_says() {
    let transport = transport();
    for response in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let server = Receiver::answering(response).await;
        for _ in 0..3 {
            let response = answered(&transport, &server.url()).await;
            assert!(response.excerpt.is_empty());
        }
        assert_eq!(server.connections(), 1, "{response}");
    }
    // With trailers, which say nothing here.
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                    3\r\nabc\r\n1;name=value\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n";
    let server = Receiver::answering(response).await;
    assert_eq!(answered(&transport, &server.url()).await.excerpt, b"abcd");
    // Or where the connection ends.
    let server = Receiver::start(|mut connection, _| async move {
        read_request(&mut connection).await;
        let response = b"HTTP/1.0 200 OK\r\n\r\nabcd";
        connection.write_all(response).await.unwrap();
    })
    .await;
    assert_eq!(answered(&transport, &server.url()).await.excerpt, b"abcd");
}

#[tokio::test]
async fn a_response_is_kept_to_its_excerpt_and_read_to_its_limit() {
    let transport = transport();
    for (length, connections) in [
        (Response::EXCERPT - 1, 1),
        (Response::EXCERPT, 1),
        (Response::EXCERPT + 1, 1),
        (Response::READ, 1),
        // What is much longer costs its connection; a little more has come along anyway.
        (100 * Response::READ, 2),
    ] {
        let body: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let server = Receiver::answering([head.as_bytes(), &body].concat()).await;
        let kept: Arc<[u8]> = body.into_iter().take(Response::EXCERPT).collect();
        for _ in 0..2 {
            let response = answered(&transport, &server.url()).await;
            assert_eq!(response.excerpt, *kept, "{length}");
        }
        assert_eq!(server.connections(), connections, "{length}");
    }
}

#[tokio::test]
async fn headers_that_a_client_may_put_right_are_put_right() {
    let transport = transport();
    for (headers, seconds) in [
        // RFC 9112, section 5.2.
        ("Retry-After:\r\n 120\r\nContent-Length:\r\n\t4", 120),
        (
            "X-Folded: one\r\n two\r\n\tthree\r\nRetry-After: 121\r\nContent-Length: 4",
            121,
        ),
        // Section 5.1.
        ("Retry-After : 122\r\nContent-Length\t : 4", 122),
        ("Transfer-Encoding : chunked\r\nRetry-After: 123", 123),
        // Section 2.2: lines that end in a line feed alone.
        ("Retry-After: 124\nContent-Length: 4", 124),
    ] {
        let chunked = headers.contains("chunked");
        let body = if chunked {
            "4\r\nbusy\r\n0\r\n\r\n"
        } else {
            "busy"
        };
        let response = format!("HTTP/1.1 429 Too Many Requests\r\n{headers}\r\n\r\n{body}");
        let server = Receiver::answering(response).await;
        for _ in 0..2 {
            let response = answered(&transport, &server.url()).await;
            let asked = RetryAfter::Delay(Duration::from_secs(seconds));
            assert_eq!((response.status, response.retry_after), (429, Some(asked)));
            assert_eq!(response.excerpt, b"busy");
        }
        assert_eq!(server.connections(), 1, "{headers}");
    }
}
