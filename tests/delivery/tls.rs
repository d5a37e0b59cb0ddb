//! Servers that are who they say, and servers that are not.

use std::sync::Arc;

use certificate_lifecycle::delivery::{HttpOptions, HttpTransport, HttpTransportError, SendError};
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{self, Identity};
use crate::receiver::{Receiver, closed, read_request};
use crate::sending::{Answers, SHORT, answered, options, send, unconnected};

/// Knows where every name is: here.
fn transport_with(options: HttpOptions) -> HttpTransport {
    HttpTransport::with_resolver(options, Answers::new([&["127.0.0.1"]])).unwrap()
}

/// A server that speaks HTTP/1.1 over TLS.
async fn encrypted(config: Arc<ServerConfig>) -> Receiver {
    Receiver::start(move |connection, _| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let Ok(mut connection) = acceptor.accept(connection).await else {
                return;
            };
            let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            while read_request(&mut connection).await.is_some() {
                connection.write_all(response).await.unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_server_that_is_who_it_says_is_sent_to_over_one_connection() {
    for protocols in [&[][..], &["http/1.1"]] {
        let config = certificates::server(Identity::Of("hooks.example.com"), protocols);
        let server = encrypted(config).await;
        let transport = transport_with(HttpOptions {
            allow_http: false,
            ..options()
        });
        for _ in 0..5 {
            let url = server.url_of("https", "hooks.example.com");
            assert_eq!(answered(&transport, &url).await.excerpt, b"ok");
        }
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_server_may_be_known_by_its_address() {
    let config = certificates::server(Identity::Of("127.0.0.1"), &[]);
    let server = encrypted(config).await;
    let url = server.url_of("https", "127.0.0.1");
    assert_eq!(answered(&transport_with(options()), &url).await.status, 200);
}

#[tokio::test]
async fn a_server_that_is_not_who_it_says_is_not_sent_to() {
    let name = "hooks.example.com";
    for (identity, reasons) in [
        (
            Identity::Of("other.example.com"),
            &[name, "its certificate is for other names"][..],
        ),
        (Identity::Expired(name), &[name, "expired"]),
        (
            Identity::SelfSigned(name),
            &[name, "no authority that is trusted here"],
        ),
    ] {
        let server = encrypted(certificates::server(identity, &[])).await;
        let url = server.url_of("https", name);
        let message = unconnected(&transport_with(options()), &url).await;
        for reason in reasons {
            assert!(message.contains(reason), "{message}");
        }
        // A certificate may have names without end.
        assert!(!message.contains("other.example.com"), "{message}");
        server.all_ended().await;
    }
}

#[tokio::test]
async fn an_authority_that_nobody_trusts_vouches_for_nobody() {
    let server = encrypted(certificates::server(Identity::Of("hooks.example.com"), &[])).await;
    let transport = transport_with(HttpOptions {
        authorities: Vec::new(),
        ..options()
    });
    let url = server.url_of("https", "hooks.example.com");
    assert_eq!(
        unconnected(&transport, &url).await,
        "hooks.example.com: no authority that is trusted here has issued its certificate"
    );
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_no_connection() {
    let server = Receiver::start(|mut connection, _| async move {
        let response = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        connection.write_all(response).await.unwrap();
        closed(&mut connection).await;
    })
    .await;
    let url = server.url_of("https", "hooks.example.com");
    assert_eq!(
        unconnected(&transport_with(options()), &url).await,
        "hooks.example.com: it speaks no TLS on this port"
    );
    // One that hangs up.
    let server = Receiver::start(|_, _| async {}).await;
    let url = server.url_of("https", "hooks.example.com");
    let message = unconnected(&transport_with(options()), &url).await;
    assert!(
        message.starts_with("hooks.example.com: TLS failed: "),
        "{message}"
    );
}

#[tokio::test]
async fn a_server_that_is_silent_from_the_start_ends_with_the_time_to_connect() {
    let server = Receiver::start(|mut connection, _| async move {
        closed(&mut connection).await;
    })
    .await;
    let transport = transport_with(HttpOptions {
        connect_timeout: SHORT,
        ..options()
    });
    let url = server.url_of("https", "hooks.example.com");
    let error = send(&transport, &url).await.unwrap_err();
    assert_eq!(error, SendError::Timeout("connecting"));
    server.all_ended().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_within_tls_costs_no_more_than_its_excerpt() {
    let config = certificates::server(Identity::Of("hooks.example.com"), &[]);
    let server = Receiver::start(move |connection, _| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let mut connection = acceptor.accept(connection).await.unwrap();
            read_request(&mut connection).await;
            // Anybody can end a connection, and only TLS's farewell says that it was the server. But the head came
            // whole, and from the server.
            let response = b"HTTP/1.1 200 OK\r\n\r\nabcd";
            connection.write_all(response).await.unwrap();
            connection.flush().await.unwrap();
        }
    })
    .await;
    let url = server.url_of("https", "hooks.example.com");
    let response = answered(&transport_with(options()), &url).await;
    assert_eq!((response.status, &*response.excerpt), (200, &b"abcd"[..]));
}

#[test]
fn authorities_are_certificates_in_pem() {
    let with = |authorities: &str| {
        let options = HttpOptions {
            authorities: authorities.as_bytes().to_vec(),
            ..HttpOptions::default()
        };
        HttpTransport::new(options).map(|_| ())
    };
    let authority = certificates::authority();
    assert_eq!(with(&authority), Ok(()));
    assert_eq!(with(&authority.repeat(2)), Ok(()));
    let none = HttpTransportError::Authorities("there are none".to_owned());
    assert_eq!(with("hello"), Err(none));
    let broken = authority.replace("-----END", "!!!!\n-----END");
    let error = with(&broken).unwrap_err();
    assert!(
        matches!(error, HttpTransportError::Authorities(_)),
        "{error}"
    );
    let wrong = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let error = with(wrong).unwrap_err();
    assert!(
        matches!(error, HttpTransportError::Authorities(_)),
        "{error}"
    );
}
