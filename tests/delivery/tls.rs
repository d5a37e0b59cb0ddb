//! Servers that are who they say, and servers that are not.

use std::sync::Arc;

use certificate_lifecycle::delivery::{HttpOptions, HttpTransport, HttpTransportError, SendError};
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{self, Identity};
use crate::receiver::{Receiver, closed, read_request};
use crate::sending::{
    Answers, SHORT, answered, broken, of_the_system_alone, options, send, unconnected,
};

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
        let transport = transport_with(options().with_allow_http(false));
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
    for (identity, reason) in [
        (
            Identity::Of("other.example.com"),
            "its certificate is for other names",
        ),
        (
            Identity::Expired(name),
            "its certificate expired at 1999-01-01T00:00:00Z",
        ),
        (
            Identity::NotYet(name),
            "its certificate is not valid yet: it begins at 2998-01-01T00:00:00Z",
        ),
        (Identity::SelfSigned(name), UNKNOWN),
        (Identity::Authority(name), OTHER),
        (
            Identity::Forged(name),
            "its certificate has a wrong signature: it is not from the authority that it names, or was changed",
        ),
    ] {
        let server = encrypted(certificates::server(identity, &[])).await;
        let url = server.url_of("https", name);
        let message = unconnected(&transport_with(options()), &url).await;
        assert_eq!(message, format!("{name}: {reason}"), "{identity:?}");
        server.all_ended().await;
    }
    // Newer versions of rustls have another variant for this.
    let server = encrypted(certificates::server(Identity::Client(name), &[])).await;
    let url = server.url_of("https", name);
    let message = unconnected(&transport_with(options()), &url).await;
    assert!(message.contains("not for servers"), "{message}");
}

const UNKNOWN: &str = "no authority that is trusted here has issued its certificate (it may be self-signed, or sent \
                       without the certificates between it and its authority)";

const OTHER: &str = "its certificate was not accepted (it may be self-signed, an authority's own, not for servers, or \
                     signed in a way that is not known here)";

#[tokio::test]
async fn a_server_that_ends_tls_says_why() {
    let name = "hooks.example.com";
    let identity = Identity::Of(name);
    let server = encrypted(certificates::server(identity, &["spdy/3"])).await;
    let url = server.url_of("https", name);
    let message = unconnected(&transport_with(options()), &url).await;
    let reason = "it speaks neither HTTP/1.1 nor HTTP/2";
    assert_eq!(message, format!("{name}: {reason}"));
    // This one says so only after the client has sent its request.
    let server = encrypted(certificates::server_for_known_clients(identity)).await;
    let url = server.url_of("https", name);
    let message = broken(&transport_with(options()), &url).await;
    let reason = "it wants a certificate of its client, and there is none here";
    assert!(message.ends_with(reason), "{message}");
}

#[tokio::test]
async fn an_untrusted_authority_vouches_for_no_server() {
    let server = encrypted(certificates::server(Identity::Of("hooks.example.com"), &[])).await;
    let transport = transport_with(of_the_system_alone());
    let url = server.url_of("https", "hooks.example.com");
    assert_eq!(
        unconnected(&transport, &url).await,
        format!("hooks.example.com: {UNKNOWN}")
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
    let transport = transport_with(options().with_connect_timeout(SHORT));
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
            // Anybody can end a connection, and only TLS's farewell says that it was the server.
            // But the head came whole, and from the server.
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
        let options = HttpOptions::default().with_authorities(authorities.as_bytes())?;
        HttpTransport::new(options).map(|_| ())
    };
    let authority = certificates::authority();
    assert_eq!(with(&authority), Ok(()));
    assert_eq!(with(&authority.repeat(2)), Ok(()));
    let none = HttpTransportError::Authorities("there are none".to_owned());
    assert_eq!(with("hello"), Err(none));
    let refused = |reason: &str| Err(HttpTransportError::Authorities(reason.to_owned()));
    let unreadable =
        "number 2 of them cannot be read: its lines are not base64, or its last line is missing";
    let broken = authority.replace("-----END", "!!!!\n-----END");
    assert_eq!(with(&format!("{authority}{broken}")), refused(unreadable));
    let endless = authority.replace("-----END", "");
    assert_eq!(with(&format!("{authority}{endless}")), refused(unreadable));
    let wrong = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let none = "number 1 of them is not an X.509 certificate of version 3";
    assert_eq!(with(wrong), refused(none));
}
