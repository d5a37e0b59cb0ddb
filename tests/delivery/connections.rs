//! Connections that are kept, and those that are not.

use std::sync::Arc;
use std::time::Duration;

use certificate_lifecycle::delivery::HttpTransport;
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;

use crate::receiver::{Receiver, closed, read_request};
use crate::sending::{answered, broken, options, transport};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn requests_follow_each_other_on_one_connection_clones_included() {
    let server = Receiver::answering(OK).await;
    let transport = transport();
    for _ in 0..10 {
        let clone = transport.clone();
        assert_eq!(answered(&clone, &server.url()).await.excerpt, b"ok");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn as_many_connections_are_kept_as_are_used_at_once() {
    const AT_ONCE: usize = 64;
    let all_in = Arc::new(Barrier::new(AT_ONCE));
    let server = Receiver::start(move |mut connection, _| {
        let all_in = Arc::clone(&all_in);
        async move {
            while read_request(&mut connection).await.is_some() {
                // No request is answered before all have come.
                all_in.wait().await;
                connection.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    let transport = transport();
    for _ in 0..3 {
        let sending = (0..AT_ONCE).map(|_| {
            let (transport, url) = (transport.clone(), server.url());
            tokio::spawn(async move { answered(&transport, &url).await })
        });
        for one in sending.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().status, 200);
        }
    }
    assert_eq!(server.connections(), AT_ONCE);
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_meanwhile_is_replaced() {
    let server = Receiver::start(|mut connection, _| async move {
        read_request(&mut connection).await;
        // It does not say that it is the last.
        connection.write_all(OK).await.unwrap();
    })
    .await;
    let transport = transport();
    for round in 1..=20 {
        assert_eq!(answered(&transport, &server.url()).await.status, 200);
        server.all_ended().await;
        assert_eq!(server.connections(), round);
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_read_is_not_repeated() {
    let server = Receiver::start(|mut connection, _| async move {
        read_request(&mut connection).await;
        connection.write_all(OK).await.unwrap();
        // The next one is read, and not answered.
        read_request(&mut connection).await;
    })
    .await;
    let transport = transport();
    assert_eq!(answered(&transport, &server.url()).await.status, 200);
    broken(&transport, &server.url()).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_may_end_the_connection_with_a_response() {
    let server = Receiver::start(|mut connection, _| async move {
        read_request(&mut connection).await;
        let response = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        connection.write_all(response).await.unwrap();
        closed(&mut connection).await;
    })
    .await;
    let transport = transport();
    for _ in 0..2 {
        answered(&transport, &server.url()).await;
    }
    assert_eq!(server.connections(), 2);
    server.all_ended().await;
}

#[tokio::test]
async fn idle_connections_are_closed_after_their_time() {
    let server = Receiver::answering(OK).await;
    let options = options().with_idle_timeout(Duration::from_millis(200));
    let transport = HttpTransport::new(options).unwrap();
    answered(&transport, &server.url()).await;
    server.all_ended().await;
    answered(&transport, &server.url()).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn no_more_connections_are_kept_than_are_allowed_in_all() {
    const KEPT: usize = 3;
    let transport = HttpTransport::new(options().with_idle_total(KEPT));
    let transport = transport.unwrap();
    let mut servers = Vec::new();
    for number in 1..=10 {
        let server = Receiver::answering(OK).await;
        answered(&transport, &server.url()).await;
        if number > KEPT {
            // Not because it has been idle for long: that takes longer than is waited for.
            server.all_ended().await;
        }
        servers.push(server);
    }
    for server in &servers[..KEPT] {
        answered(&transport, &server.url()).await;
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_has_ended_makes_room_for_another() {
    let transport = HttpTransport::new(
        options()
            .with_idle_total(1)
            .with_idle_timeout(Duration::from_millis(200)),
    );
    let transport = transport.unwrap();
    for _ in 0..3 {
        let server = Receiver::answering(OK).await;
        for _ in 0..3 {
            answered(&transport, &server.url()).await;
        }
        assert_eq!(server.connections(), 1);
        server.all_ended().await;
    }
}

#[tokio::test]
async fn an_unrequested_response_is_not_taken_for_the_next() {
    let server = Receiver::start(|mut connection, number| async move {
        read_request(&mut connection).await;
        connection.write_all(OK).await.unwrap();
        if number == 1 {
            let forged = b"HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\nforged";
            connection.write_all(forged).await.unwrap();
        }
        closed(&mut connection).await;
    })
    .await;
    let transport = transport();
    answered(&transport, &server.url()).await;
    // The client has given the connection up when it sees what came unasked.
    while server.connections() == 1 {
        let next = certificate_lifecycle::delivery::Transport::send(
            &transport,
            crate::sending::outgoing(&server.url()),
            std::time::Instant::now() + crate::sending::PATIENT,
        );
        // It may be broken off, but not answered by what was not meant for it.
        if let Ok(response) = next.await {
            assert_eq!(response.excerpt, b"ok");
        }
    }
}
