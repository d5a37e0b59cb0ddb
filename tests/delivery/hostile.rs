//! Servers that break off, never end, or speak no HTTP.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use certificate_lifecycle::delivery::{Response, RetryAfter, SendError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::receiver::{Receiver, closed, read_head, read_request};
use crate::sending::{
    BODY_WAIT, PATIENT, SHORT, Timed, answered, broken, hasty, outgoing, send, send_all_of,
    transport,
};

/// What a server does after it has said its part.
#[derive(Debug, Clone, Copy)]
enum Then {
    Closes,
    Resets,
    Waits,
}

/// A server that reads a request, says this, and then does that.
async fn saying(bytes: &[u8], then: Then) -> Receiver {
    let bytes: Arc<[u8]> = Arc::from(bytes);
    Receiver::start(move |mut connection, _| {
        let bytes = Arc::clone(&bytes);
        async move {
            read_request(&mut connection).await;
            let _ = connection.write_all(&bytes).await;
            match then {
                Then::Closes => {}
                Then::Resets => {
                    #[allow(deprecated, reason = "its successor is not in tokio's lowest version")]
                    connection.set_linger(Some(Duration::ZERO)).unwrap();
                }
                Then::Waits => closed(&mut connection).await,
            }
        }
    })
    .await
}

/// A server that reads a request, says this, and then repeats that, with a pause between.
async fn repeating(first: &'static [u8], then: &'static [u8], pause: Duration) -> Receiver {
    Receiver::start(move |mut connection: TcpStream, _| async move {
        read_request(&mut connection).await;
        let mut written = connection.write_all(first).await;
        while written.is_ok() {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            written = connection.write_all(then).await;
        }
    })
    .await
}

const PAUSE: Duration = Duration::from_millis(20);

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

const ENDLESS: [(&[u8], &[u8]); 3] = [
    (CHUNKED, b"4\r\nabcd\r\n"),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n",
        b"abcd",
    ),
    (b"HTTP/1.1 200 OK\r\n\r\n", b"abcd"),
];

#[tokio::test]
async fn a_head_that_breaks_off_is_no_response() {
    let beginnings: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ];
    let transport = transport();
    for beginning in beginnings {
        for then in [Then::Closes, Then::Resets] {
            let server = saying(beginning, then).await;
            broken(&transport, &server.url()).await;
            // It may have been read, so it is not for the transport to repeat it.
            assert_eq!(server.connections(), 1, "{beginning:?} {then:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_http_is_no_response() {
    let nonsense: [&[u8]; 13] = [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"{\"status\":\"ok\"}\r\n\r\n",
        b"<html>welcome</html>\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n X-First: line\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ];
    let transport = transport();
    for bytes in nonsense {
        let server = saying(bytes, Then::Waits).await;
        broken(&transport, &server.url()).await;
        server.all_ended().await;
    }
}

#[tokio::test]
async fn headers_are_read_up_to_a_limit() {
    let mut long = b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec();
    long.resize(1 << 20, b'a');
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..5000 {
        many.extend_from_slice(format!("X-{number}: a\r\n").as_bytes());
    }
    many.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    let transport = transport();
    for head in [long, many] {
        let server = saying(&head, Then::Waits).await;
        broken(&transport, &server.url()).await;
        server.all_ended().await;
    }
}

/// A head with so many headers.
fn head_with(headers: usize) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_vec();
    for number in 1..headers {
        head.extend_from_slice(format!("X-{number}: a\r\n").as_bytes());
    }
    [head, b"\r\n".to_vec()].concat()
}

#[tokio::test]
async fn a_hundred_headers_are_read_and_one_more_is_no_response() {
    let transport = transport();
    let server = Receiver::answering(head_with(100)).await;
    let response = answered(&transport, &server.url()).await;
    assert_eq!(response.status, 200);
    let server = saying(&head_with(101), Then::Waits).await;
    broken(&transport, &server.url()).await;
    server.all_ended().await;
}

#[tokio::test]
async fn ordinary_headers_are_within_the_limit() {
    let mut head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_vec();
    for number in 0..60 {
        let line = format!("X-{number}: {}\r\n", "a".repeat(300));
        head.extend_from_slice(line.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    let server = Receiver::answering(head).await;
    let response = answered(&transport(), &server.url()).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn a_body_that_never_ends_is_read_to_the_limit_and_its_connection_is_given_up() {
    let transport = transport();
    for (head, body) in ENDLESS {
        let server = repeating(head, body, Duration::ZERO).await;
        let response = answered(&transport, &server.url()).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.excerpt, b"abcd".repeat(Response::EXCERPT / 4));
        server.all_ended().await;
    }
}

#[tokio::test]
async fn of_a_body_that_stops_on_its_way_16_kib_are_waited_for_and_no_more() {
    const LIMIT: usize = 16 << 10;
    let one_of = |bytes: usize| format!("{bytes:x}\r\n{}\r\n", "a".repeat(bytes));
    let framed = |first: &[u8], second: Option<usize>| -> Vec<u8> {
        let chunk = |bytes: usize| match first {
            CHUNKED => one_of(bytes),
            _ => "a".repeat(bytes),
        };
        let more = second.map(chunk).unwrap_or_default();
        [first, chunk(LIMIT).as_bytes(), more.as_bytes()].concat()
    };
    for (head, _) in ENDLESS {
        // One byte more than is read, and then nothing: what is left is not waited for.
        let server = saying(&framed(head, Some(1)), Then::Waits).await;
        let response = answered(&transport(), &server.url()).await;
        assert_eq!(response.excerpt, [b'a'; Response::EXCERPT]);
        server.all_ended().await;
        // One byte less, and it might be the end: it is waited for, but not for long.
        let server = saying(&framed(head, None), Then::Waits).await;
        let start = Instant::now();
        let response = answered(&transport(), &server.url()).await;
        assert_eq!(response.excerpt, [b'a'; Response::EXCERPT]);
        assert!((BODY_WAIT..PATIENT).contains(&start.elapsed()));
        server.all_ended().await;
    }
}

/// What a body may do beside coming in time, and what of it has come then.
const BROKEN_BODIES: [(&str, &str, &[u8]); 7] = [
    ("Content-Length: 100", "", b""),
    ("Content-Length: 100", "abcd", b"abcd"),
    ("Transfer-Encoding: chunked", "", b""),
    ("Transfer-Encoding: chunked", "4\r\nabcd\r\n", b"abcd"),
    ("Transfer-Encoding: chunked", "4\r\nabcd\r\n0\r\n", b"abcd"),
    ("Transfer-Encoding: chunked", "zz\r\nabcd\r\n", b""),
    (
        "Transfer-Encoding: chunked",
        "ffffffffffffffffff\r\nabcd\r\n",
        b"",
    ),
];

#[tokio::test]
async fn a_body_that_breaks_off_or_is_late_costs_its_excerpt_and_nothing_else() {
    let transport = transport();
    let nine = Some(RetryAfter::Delay(Duration::from_secs(9)));
    let answers = async |status: u16, then: Then| {
        let all = BROKEN_BODIES.map(async |(framing, body, excerpt)| {
            let head = format!("HTTP/1.1 {status} \r\nRetry-After: 9\r\n{framing}\r\n\r\n");
            let server = saying(&[head.as_bytes(), body.as_bytes()].concat(), then).await;
            for connections in 1..=2 {
                let answer = answered(&transport, &server.url()).await;
                assert_eq!((answer.status, answer.retry_after), (status, nine));
                // What a reset overtakes is lost.
                let may_be_lost = matches!(then, Then::Resets) && answer.excerpt.is_empty();
                assert!(may_be_lost || answer.excerpt == excerpt, "{head}{body}");
                // What is left of the response is not taken for the next one.
                assert_eq!(server.connections(), connections, "{head}{body}");
                server.all_ended().await;
            }
        });
        futures_util::future::join_all(all).await;
    };
    tokio::join!(
        answers(200, Then::Closes),
        answers(500, Then::Closes),
        answers(410, Then::Resets),
        answers(200, Then::Waits),
        answers(429, Then::Waits),
        answers(500, Then::Waits),
    );
}

#[tokio::test]
async fn a_body_that_trickles_in_is_read_for_two_seconds_and_no_longer_than_the_deadline() {
    for (head, body) in ENDLESS {
        for (transport, least, most) in [
            (Box::new(transport()) as Box<dyn Timed>, BODY_WAIT, PATIENT),
            (Box::new(hasty()), SHORT, BODY_WAIT),
        ] {
            let server = repeating(head, body, PAUSE).await;
            let start = Instant::now();
            let response = answered(&transport, &server.url()).await;
            assert!((least..most).contains(&start.elapsed()), "{start:?}");
            assert_eq!(response.status, 200);
            assert!(response.excerpt.starts_with(b"abcdabcd"));
            assert!(response.excerpt.len() < Response::EXCERPT);
            server.all_ended().await;
        }
    }
}

#[tokio::test]
async fn headers_that_take_too_long_are_no_response() {
    let transport = hasty();
    let slow: [(&[u8], &[u8]); 4] = [
        // Nothing at all.
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Slow: a\r\n"),
        // Early hints, for ever.
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ];
    for (first, then) in slow {
        // A server that never gets to its second part notices that the client has gone.
        let server = if then.is_empty() {
            saying(first, Then::Waits).await
        } else {
            repeating(first, then, PAUSE).await
        };
        let error = send(&transport, &server.url()).await.unwrap_err();
        assert_eq!(error, SendError::Timeout("waiting for the response"));
        server.all_ended().await;
    }
}

#[tokio::test]
async fn early_hints_without_a_pause_end_with_the_deadline() {
    let hints = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    let server = repeating(b"", hints, Duration::ZERO).await;
    let transport = hasty();
    let error = send(&transport, &server.url()).await.unwrap_err();
    assert_eq!(error, SendError::Timeout("waiting for the response"));
    server.all_ended().await;
    drop(transport);
}

#[test]
fn a_gzip_bomb_is_not_unpacked_and_takes_no_memory() {
    // A thread of its own, so that only the client's memory is counted.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 1024]).unwrap();
        let head =
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1073741824\r\n\r\n";
        connection.write_all(head.as_bytes()).unwrap();
        // What gzip makes of zeros, more or less; a reader that believes it unpacks a thousand
        // times as much.
        let chunk = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff][..], &[0; 16374]].concat();
        while connection.write_all(&chunk).is_ok() {
            counted.fetch_add(chunk.len(), Ordering::SeqCst);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let transport = transport();
    let mut outcome = None;
    let memory = allocation_counter::measure(|| {
        outcome = Some(runtime.block_on(send(&transport, &url)));
    });
    // With the runtime, its connections end.
    drop(runtime);
    server.join().unwrap();
    let response = outcome.unwrap().unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.excerpt.len(), Response::EXCERPT);
    assert_eq!(response.excerpt[..2], [0x1f, 0x8b]);
    assert!(memory.bytes_max < 512 << 10, "{memory:?}");
    // What was not read stayed in the buffers of the system. (How much is read, other tests tell to
    // the byte.)
    let written = written.load(Ordering::SeqCst);
    assert!(written < 64 << 20, "{written}");
}

#[tokio::test]
async fn a_response_before_the_request_was_read_stands_and_the_connection_ends() {
    let server = Receiver::start(|mut connection, _| async move {
        read_head(&mut connection).await;
        let response = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig";
        connection.write_all(response).await.unwrap();
        // It reads nothing until the client must have given up; only then it looks.
        tokio::time::sleep(Duration::from_secs(3)).await;
        closed(&mut connection).await;
    })
    .await;
    let mut large = outgoing(&server.url());
    large.body = vec![b'a'; 32 << 20];
    let transport = hasty();
    let response = send_all_of(&transport, large).await.unwrap();
    assert_eq!((response.status, &*response.excerpt), (413, &b"big"[..]));
    // Not because the transport has gone, and not because it was idle.
    server.all_ended().await;
    drop(transport);
}

#[tokio::test]
async fn a_request_that_is_never_read_ends_with_the_deadline() {
    let server = Receiver::start(|mut connection, _| async move {
        read_head(&mut connection).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        closed(&mut connection).await;
    })
    .await;
    let mut large = outgoing(&server.url());
    large.body = vec![b'a'; 32 << 20];
    let transport = hasty();
    let error = send_all_of(&transport, large).await.unwrap_err();
    assert_eq!(error, SendError::Timeout("waiting for the response"));
    server.all_ended().await;
    drop(transport);
}
