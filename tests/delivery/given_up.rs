//! Connections over HTTP/2 with a request that was given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use certificate_lifecycle::delivery::{HttpOptions, HttpTransport, SendError};

use crate::frames::{DATA, Frame, HEADERS, RST_STREAM, WINDOW_UPDATE, server};
use crate::receiver::Receiver;
use crate::sending::{Answers, Hasty, PATIENT, SHORT, answered, broken, options, send};

/// The most that a frame may carry unless the client allows more.
const PIECE: usize = 16 << 10;

/// The window of a connection before the client enlarges it (RFC 9113, section 6.9.2), and after
/// that.
const WINDOW: [usize; 2] = [65_535, 1 << 20];

fn transport_with(options: HttpOptions) -> HttpTransport {
    HttpTransport::with_resolver(options, Answers::new([&["127.0.0.1"]])).unwrap()
}

fn url_of(server: &Receiver) -> String {
    server.url_of("https", "hooks.example.com")
}

/// Sends over a stream all that the client lets through, whether it still wants it or not.
struct Flood {
    stream: Option<u32>,
    window: usize,
    sent: Arc<AtomicUsize>,
}

impl Flood {
    fn new(window: usize, sent: &Arc<AtomicUsize>) -> Self {
        Self {
            stream: None,
            window,
            sent: Arc::clone(sent),
        }
    }

    fn after(&mut self, frame: &Frame) -> Vec<Frame> {
        if frame.kind == WINDOW_UPDATE && frame.stream == 0 {
            let more = u32::from_be_bytes(frame.payload[..].try_into().unwrap());
            self.window += usize::try_from(more).unwrap();
        }
        let mut answers = Vec::new();
        while let Some(stream) = self.stream
            && self.window >= PIECE
        {
            self.window -= PIECE;
            self.sent.fetch_add(PIECE, Ordering::SeqCst);
            answers.push(Frame::new(DATA, 0, stream, [b'a'; PIECE]));
        }
        answers
    }
}

#[tokio::test]
async fn a_server_that_goes_on_with_an_unread_response_loses_its_connection() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = server(move |_| {
        let mut flood = Flood::new(WINDOW[0], &counted);
        move |frame: Frame| {
            let mut answers = Vec::new();
            if frame.is_last() {
                // As much as it may, and then more than that.
                answers.push(Frame::head(frame.stream));
                let pieces = (0..3).map(|_| Frame::new(DATA, 0, frame.stream, [b'a'; PIECE]));
                answers.extend(pieces);
                flood.window -= 3 * PIECE;
            }
            if frame.kind == RST_STREAM {
                flood.stream = Some(frame.stream);
            }
            answers.extend(flood.after(&frame));
            answers
        }
    })
    .await;
    let transport = transport_with(options());
    for connections in 1..=3 {
        assert_eq!(answered(&transport, &url_of(&server)).await.status, 200);
        server.all_ended().await;
        assert_eq!(server.connections(), connections);
    }
    // What was under way already, of the window that it had.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent <= 3 * (4 << 20), "{sent}");
}

#[tokio::test]
async fn a_request_that_is_not_answered_in_time_ends_its_connection() {
    let server = server(|_| |_| Vec::new()).await;
    let transport = Hasty(transport_with(options().with_stall_timeout(SHORT)));
    for connections in 1..=2 {
        let error = send(&transport, &url_of(&server)).await.unwrap_err();
        assert_eq!(error, SendError::Timeout("waiting for the response"));
        server.all_ended().await;
        assert_eq!(server.connections(), connections);
    }
}

/// A server that answers the first request of a connection, never ends the response to the second,
/// and does this with the third once the second has been given up.
async fn third<F>(answer: impl Fn() -> F + Send + 'static) -> Receiver
where
    F: FnMut(u32, &Frame) -> Vec<Frame> + Send + 'static,
{
    server(move |number| {
        let mut streams = Vec::new();
        let mut is_given_up = false;
        let mut answer = answer();
        move |frame: Frame| {
            if frame.kind == HEADERS {
                streams.push(frame.stream);
            }
            is_given_up |= frame.kind == RST_STREAM;
            match streams[..] {
                [first] if frame.is_last() => vec![Frame::response(first)],
                [_, second, _] if frame.is_last() && number == 1 => vec![Frame::head(second)],
                [_, _, third] if is_given_up => answer(third, &frame),
                _ => Vec::new(),
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_other_requests_of_a_connection_are_answered_and_then_it_ends() {
    let server = third(|| |third, _: &Frame| vec![Frame::response(third)]).await;
    let transport = transport_with(options());
    let url = url_of(&server);
    assert_eq!(answered(&transport, &url).await.status, 204);
    let (second, third) = tokio::join!(answered(&transport, &url), answered(&transport, &url));
    assert_eq!((second.status, third.status), (200, 204));
    server.all_ended().await;
    assert_eq!(server.connections(), 1);
    // What comes next has a new one.
    assert_eq!(answered(&transport, &url).await.status, 204);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_flood_ends_the_connection_even_where_another_request_waits() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = third(move || {
        let mut flood = Flood::new(WINDOW[1], &counted);
        move |third, frame: &Frame| {
            // Over the stream that was given up.
            flood.stream = Some(third - 2);
            flood.after(frame)
        }
    })
    .await;
    let transport = transport_with(options());
    let url = url_of(&server);
    assert_eq!(answered(&transport, &url).await.status, 204);
    let start = Instant::now();
    let (second, _) = tokio::join!(answered(&transport, &url), broken(&transport, &url));
    assert_eq!(second.status, 200);
    assert!(start.elapsed() < PATIENT);
    server.all_ended().await;
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent <= 4 << 20, "{sent}");
}

/// The head of a response, and more of its body than is read.
fn page(stream: u32) -> Vec<Frame> {
    let pieces = [PIECE, 1, 1].map(|size| Frame::new(DATA, 0, stream, vec![b'a'; size]));
    std::iter::once(Frame::head(stream)).chain(pieces).collect()
}

#[tokio::test]
async fn responses_that_are_too_long_leave_their_connection_to_others() {
    // Given a server that answers the second request after many others, and all with pages
    let pages = 200;
    let server = server(move |_| {
        let mut streams = Vec::new();
        move |frame: Frame| {
            if !frame.is_last() {
                return Vec::new();
            }
            streams.push(frame.stream);
            let mut answers = match streams.len() {
                2 => Vec::new(),
                _ => page(frame.stream),
            };
            if streams.len() == pages + 2 {
                answers.extend(page(streams[1]));
            }
            answers
        }
    })
    .await;
    let transport = transport_with(options());
    let url = url_of(&server);
    assert_eq!(answered(&transport, &url).await.status, 200);
    let many = async {
        for _ in 0..pages / 20 {
            let some = (0..20).map(|_| answered(&transport, &url));
            let some = futures_util::future::join_all(some).await;
            assert!(some.iter().all(|it| it.status == 200));
        }
    };
    let (slow, ()) = tokio::join!(answered(&transport, &url), many);
    // Then that one is answered after 3 MiB of others, over the only connection.
    assert_eq!(slow.status, 200);
    assert_eq!(server.connections(), 1);
    // And it takes further requests.
    assert_eq!(answered(&transport, &url).await.status, 200);
    assert_eq!(server.connections(), 1);
}
