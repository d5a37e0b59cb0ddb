//! HTTP/2 servers that say goodbye, to a connection or to a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use certificate_lifecycle::delivery::{DispatcherOptions, HttpTransport};
use certificate_lifecycle::store::Outbox;
use certificate_lifecycle::webhook::{CustomHeaders, Endpoint, RetrySchedule, Secret};
use futures_util::StreamExt;

use crate::frames::{
    CANCEL, DATA, Frame, HEADERS, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM, RST_STREAM, server,
};
use crate::log;
use crate::receiver::Receiver;
use crate::sending::{Answers, answered, broken, options, outgoing, send_all_of};
use crate::stage::{Stage, status};

fn transport() -> HttpTransport {
    HttpTransport::with_resolver(options(), Answers::new([&["127.0.0.1"]])).unwrap()
}

fn url_of(server: &Receiver) -> String {
    server.url_of("https", "hooks.example.com")
}

#[tokio::test]
async fn what_a_server_says_in_its_farewell_is_kept_nowhere() {
    const TOKEN: &str = "t0ken-of-the-receiver";
    for reason in [NO_ERROR, INTERNAL_ERROR, 0xdead_beef] {
        let server = server(move |_| {
            let mut body = Vec::new();
            move |frame: Frame| {
                if frame.kind != DATA {
                    return Vec::new();
                }
                body.extend_from_slice(&frame.payload);
                let mut text = [&body, TOKEN.as_bytes()].concat().repeat(100);
                text.truncate((16 << 10) - 8);
                vec![Frame::goodbye(0, reason, &text)]
            }
        })
        .await;
        log::start();
        let stage = Stage::new(|_, _| status(500));
        let url = url_of(&server).parse().unwrap();
        let mut endpoint = Endpoint::new(url, Secret::from_key(&[7; 32]).unwrap());
        endpoint.headers = CustomHeaders::new([("Authorization", TOKEN)]).unwrap();
        stage.register(endpoint).await;
        stage.submit().await;
        let once = DispatcherOptions::default()
            .with_schedule(RetrySchedule::new(vec![Duration::ZERO]).unwrap());
        let dispatcher = stage.dispatcher_with(once, transport());
        let summary = dispatcher.run_until_idle(std::future::pending()).await;
        assert_eq!(summary.unwrap().dead, 1);
        let log = log::own_lines(&log::end());
        let [delivery] = &stage.deliveries().await[..] else {
            panic!()
        };
        let [attempt] = &stage
            .store
            .attempts(&stage.institution, delivery.id)
            .await
            .unwrap()[..]
        else {
            panic!()
        };
        let error = attempt.error.clone().unwrap();
        assert!(
            error.contains("the connection was ended by the server: "),
            "{error}"
        );
        assert!(log.contains("was ended by the server"), "{log}");
        for reported in [error, delivery.reason.clone().unwrap(), log] {
            for hidden in ["private.person", "Discretion", "certificate_title", TOKEN] {
                assert!(!reported.contains(hidden), "{hidden}: {reported}");
            }
        }
    }
}

/// A server that takes so many requests over a connection, says so, and looks at no more of them:
/// nginx with its `keepalive_requests`. It answers what it has taken.
async fn taking(most: usize) -> Receiver {
    server(move |_| {
        let mut taken = Vec::new();
        move |frame: Frame| {
            let mut answers = Vec::new();
            if frame.kind == HEADERS && taken.len() < most {
                taken.push(frame.stream);
                if taken.len() == most {
                    answers.push(Frame::goodbye(frame.stream, NO_ERROR, b""));
                }
            }
            if frame.is_last() && taken.contains(&frame.stream) {
                answers.push(Frame::response(frame.stream));
            }
            answers
        }
    })
    .await
}

#[tokio::test]
async fn what_a_server_has_not_come_to_when_it_ends_the_connection_arrives_by_the_next() {
    // With so many in all, no request can meet more ends than it is repeated.
    let server = taking(20).await;
    let transport = transport();
    assert_eq!(answered(&transport, &url_of(&server)).await.status, 204);
    let sending = (0..59).map(|_| send_all_of(&transport, outgoing(&url_of(&server))));
    let answers: Vec<_> = futures_util::stream::iter(sending)
        .buffer_unordered(16)
        .collect()
        .await;
    for answer in answers {
        assert_eq!(answer.unwrap().status, 204);
    }
    assert!(server.connections() >= 3, "{}", server.connections());
}

/// A server that ends the first so many requests for this reason and answers the others; and how
/// many it got.
async fn ending(first: usize, reason: u32) -> (Receiver, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = server(move |_| {
        let counted = Arc::clone(&counted);
        move |frame: Frame| {
            if !frame.is_last() {
                return Vec::new();
            }
            let is_ended = counted.fetch_add(1, Ordering::SeqCst) < first;
            vec![if is_ended {
                Frame::new(RST_STREAM, 0, frame.stream, reason.to_be_bytes())
            } else {
                Frame::response(frame.stream)
            }]
        }
    });
    (server.await, requests)
}

#[tokio::test]
async fn a_request_that_a_server_refuses_unseen_is_sent_again() {
    for refused in 1..=3 {
        let (server, requests) = ending(refused, REFUSED_STREAM).await;
        assert_eq!(answered(&transport(), &url_of(&server)).await.status, 204);
        assert_eq!(requests.load(Ordering::SeqCst), refused + 1);
    }
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_not_asked_without_end() {
    let (server, requests) = ending(usize::MAX, REFUSED_STREAM).await;
    let error = broken(&transport(), &url_of(&server)).await;
    assert!(
        error.contains("the request was ended by the server"),
        "{error}"
    );
    assert_eq!(requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_request_that_may_have_been_processed_is_not_repeated() {
    for reason in [NO_ERROR, INTERNAL_ERROR, CANCEL] {
        let (server, requests) = ending(1, reason).await;
        broken(&transport(), &url_of(&server)).await;
        assert_eq!(requests.load(Ordering::SeqCst), 1, "{reason}");
    }
}
