//! The target guard, where it stands: between a name's addresses and the connection.

use certificate_lifecycle::delivery::{HttpOptions, HttpTransport, SendError};
use certificate_lifecycle::webhook::{WebhookUrl, WebhookUrlProblem};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::receiver::{Receiver, read_request};
use crate::sending::{
    Answers, NoAnswer, SHORT, answered, options, refused, send, transport, unconnected,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// These may be sent to, and no others.
fn allowing(targets: &[&str]) -> HttpOptions {
    options().with_allow_targets(targets.iter().map(|it| it.parse().unwrap()).collect())
}

#[tokio::test]
async fn loopback_is_refused_however_it_is_written() {
    let server = Receiver::answering(OK).await;
    let transport = HttpTransport::new(allowing(&[])).unwrap();
    // What only some read as an address is not even a URL.
    for host in [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "0",
    ] {
        let url = server.url_of("http", host).parse::<WebhookUrl>();
        assert_eq!(url.unwrap_err().problem, WebhookUrlProblem::Host, "{host}");
    }
    for host in [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST",
    ] {
        let message = refused(&transport, &server.url_of("http", host)).await;
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        let begin = match address {
            Ok(address) => format!("{address} is "),
            Err(_) => format!("{host} leads to "),
        };
        assert!(message.starts_with(&begin), "{message}");
        // Encrypted, some of them are no names that a certificate could have.
        let error = send(&transport, &server.url_of("https", host)).await;
        let error = error.unwrap_err();
        assert!(
            matches!(error, SendError::Refused(_) | SendError::Connect(_)),
            "{error}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_is_refused_is_named_in_words_for_a_tenant() {
    let transport = HttpTransport::new(allowing(&[])).unwrap();
    let message = refused(&transport, "http://10.0.0.7/secret").await;
    assert_eq!(
        message,
        "10.0.0.7 is private (RFC 1918): expected a host on the public Internet"
    );
    let message = refused(&transport, "https://169.254.169.254/latest/secret").await;
    assert!(message.contains("metadata"), "{message}");
    let message = refused(&transport, "https://[fd00:ec2::254]/latest/secret").await;
    assert!(message.contains("metadata"), "{message}");
    assert!(!message.contains("allow"), "{message}");
}

#[tokio::test]
async fn what_is_permitted_is_sent_to_and_nothing_beside_it() {
    let server = Receiver::answering(OK).await;
    let transport = HttpTransport::new(allowing(&["127.0.0.1/32"])).unwrap();
    answered(&transport, &server.url()).await;
    answered(&transport, &server.url_of("http", "[::ffff:127.0.0.1]")).await;
    refused(&transport, &server.url_of("http", "127.0.0.2")).await;
    refused(&transport, &server.url_of("http", "[::1]")).await;
    // One connection for each way to write it.
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_name_is_refused_for_any_of_its_addresses() {
    let server = Receiver::answering(OK).await;
    for (addresses, culprit) in [
        (&["93.184.215.14", "127.0.0.1"][..], "127.0.0.1"),
        (&["127.0.0.1", "93.184.215.14"], "127.0.0.1"),
        (&["2606:4700::1", "93.184.215.14", "::1"], "::1"),
        (&["2606:4700::1", "::ffff:10.0.0.1"], "::ffff:10.0.0.1"),
        (&["192.168.1.1"], "192.168.1.1"),
    ] {
        let answers = Answers::new([addresses]);
        let transport = HttpTransport::with_resolver(allowing(&[]), answers.clone()).unwrap();
        let url = server.url_of("http", "hooks.example.com");
        let message = refused(&transport, &url).await;
        let expected = format!("hooks.example.com leads to {culprit}, which is ");
        assert!(message.starts_with(&expected), "{message}");
        assert_eq!(answers.asked(), ["hooks.example.com"]);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_connected_to_where_it_was_checked() {
    // The public receiver, and what only this machine reaches, on the same port.
    let (outside, inside) = loop {
        let outside = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = outside.local_addr().unwrap().port();
        if let Ok(inside) = TcpListener::bind(("127.0.0.1", port)).await {
            break (outside, inside);
        }
    };
    let outside = Receiver::start_on(outside, |mut connection, _| async move {
        read_request(&mut connection).await;
        connection.write_all(OK).await.unwrap();
    });
    let inside = Receiver::start_on(inside, |_, _| async {});

    let answers = Answers::new([&["127.0.0.2"], &["127.0.0.1"]]);
    let options = allowing(&["127.0.0.2/32"]);
    let transport = HttpTransport::with_resolver(options, answers.clone()).unwrap();
    let url = outside.url_of("http", "rebinding.example.com");
    answered(&transport, &url).await;
    assert_eq!(answers.asked().len(), 1);
    assert_eq!(outside.connections(), 1);

    // The connection is closed, so the name is asked for once more, and says something else.
    outside.all_ended().await;
    refused(&transport, &url).await;
    assert_eq!(answers.asked().len(), 2);
    assert_eq!(outside.connections(), 1);
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_name_that_meant_the_internet_when_it_was_registered_is_refused_when_it_is_sent_to() {
    let server = Receiver::answering(OK).await;
    let answers = Answers::new([&["127.0.0.1"], &["93.184.215.14", "127.0.0.1"]]);
    let transport = HttpTransport::with_resolver(allowing(&[]), answers.clone()).unwrap();
    let url = server.url_of("http", "hooks.example.com");
    for asked in 1..=3 {
        // Nothing is remembered of a refusal.
        refused(&transport, &url).await;
        assert_eq!(answers.asked().len(), asked);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_addresses_of_a_name_are_tried_one_after_the_other() {
    let server = Receiver::answering(OK).await;
    // No server listens at the first two.
    let answers = Answers::new([&["127.0.0.3", "127.0.0.4", "127.0.0.1"]]);
    let transport = HttpTransport::with_resolver(options(), answers).unwrap();
    answered(&transport, &server.url_of("http", "hooks.example.com")).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_name_without_addresses_is_no_connection() {
    let url = "http://hooks.example.com/secret";
    let transport = HttpTransport::with_resolver(options(), NoAnswer::Fails).unwrap();
    assert_eq!(
        unconnected(&transport, url).await,
        "hooks.example.com has no address: no such name"
    );
    let transport = HttpTransport::with_resolver(options(), Answers::new([&[]])).unwrap();
    assert_eq!(
        unconnected(&transport, url).await,
        "hooks.example.com has no address: the name has no addresses"
    );
    // While it is looked up, time passes.
    let options = options().with_connect_timeout(SHORT);
    let transport = HttpTransport::with_resolver(options, NoAnswer::Never).unwrap();
    let error = send(&transport, url).await.unwrap_err();
    assert_eq!(error, SendError::Timeout("connecting"));
}

#[tokio::test]
async fn a_server_that_is_away_is_no_connection() {
    let server = Receiver::answering(OK).await;
    let (url, address) = (server.url(), server.address);
    drop(server);
    // The listener closes when its task has ended.
    tokio::task::yield_now().await;
    let message = unconnected(&transport(), &url).await;
    assert!(
        message.starts_with(&format!("127.0.0.1 at {address}: ")),
        "{message}"
    );
}

#[tokio::test]
async fn only_https_is_sent_to_unless_http_is_allowed() {
    let server = Receiver::answering(OK).await;
    let options = options().with_allow_http(false);
    let transport = HttpTransport::new(options).unwrap();
    let message = refused(&transport, &server.url()).await;
    assert_eq!(
        message,
        "requests to 127.0.0.1 would not be encrypted: expected a URL that begins with https://"
    );
    assert_eq!(server.connections(), 0);
}
