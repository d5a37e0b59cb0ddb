//! TLS, and what is listened on without it.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Serving, answer, head, token};
use crate::Scratch;

/// A certificate for localhost, and its key, in PEM.
fn identity() -> [String; 2] {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    [params.self_signed(&key).unwrap().pem(), key.serialize_pem()]
}

fn put(store: &Scratch, [certificate, key]: &[String; 2]) {
    std::fs::write(store.path("cert.pem"), certificate).unwrap();
    std::fs::write(store.path("key.pem"), key).unwrap();
}

const TLS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

/// The status of the API's answer to a client that trusts this certificate alone, and the protocol.
fn trusting(
    serving: &Serving,
    certificate: &str,
    protocol: &str,
) -> std::io::Result<(u16, Option<Vec<u8>>)> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = "localhost".try_into().unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, serving.connect());
    if protocol == "h2" {
        stream.conn.complete_io(&mut stream.sock)?;
        return Ok((0, stream.conn.alpn_protocol().map(<[u8]>::to_vec)));
    }
    stream.write_all(head("", "GET /openapi.json", 0).as_bytes())?;
    let (status, _) = answer(&mut stream);
    Ok((status, stream.conn.alpn_protocol().map(<[u8]>::to_vec)))
}

#[test]
fn the_api_is_served_by_tls_and_its_certificate_is_renewed_by_sighup() {
    let store = Scratch::new();
    let _ = token(&store);
    let (old, new) = (identity(), identity());
    put(&store, &old);
    let mut serving = Serving::start(&store, &TLS);
    let http1 = |serving: &Serving, certificate: &str| trusting(serving, certificate, "http/1.1");
    let answered = (200, Some(b"http/1.1".to_vec()));
    assert_eq!(http1(&serving, &old[0]).unwrap(), answered);
    let (_, protocol) = trusting(&serving, &old[0], "h2").unwrap();
    assert_eq!(protocol, Some(b"h2".to_vec()));
    assert!(http1(&serving, &new[0]).is_err());
    // One without its key changes nothing
    put(&store, &[new[0].clone(), old[1].clone()]);
    serving.signal("HUP");
    let line = serving.hears("the certificate from before stays");
    assert!(
        line.contains("--tls-key key.pem: it is not the key"),
        "{line}"
    );
    assert_eq!(http1(&serving, &old[0]).unwrap(), answered);
    // With its key, new connections have it
    put(&store, &new);
    serving.signal("HUP");
    serving.hears("new connections have the certificate as it is now");
    assert_eq!(http1(&serving, &new[0]).unwrap(), answered);
    assert!(http1(&serving, &old[0]).is_err());
    // A client that speaks no TLS is let go
    let mut plain: TcpStream = serving.connect();
    write!(plain, "{}", head("", "GET /openapi.json", 0)).unwrap();
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut plain, &mut rest);
    assert!(!rest.starts_with(b"HTTP"));
    serving.signal("TERM");
    assert_eq!(serving.ends().0, Some(0));
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_by_file() {
    let store = Scratch::new();
    let [certificate, key] = identity();
    put(&store, &[certificate.clone(), key.clone()]);
    std::fs::write(store.path("empty.pem"), "").unwrap();
    let broken = key.replace("-----END", "----END");
    std::fs::write(store.path("broken.pem"), &broken).unwrap();
    for (cert, private, problem) in [
        ("none.pem", "key.pem", "cannot read --tls-cert none.pem: "),
        ("cert.pem", "none.pem", "cannot read --tls-key none.pem: "),
        (
            "empty.pem",
            "key.pem",
            "--tls-cert empty.pem: it must have the certificate in PEM",
        ),
        (
            "key.pem",
            "key.pem",
            "--tls-cert key.pem: it must have the certificate in PEM",
        ),
        (
            "cert.pem",
            "cert.pem",
            "--tls-key cert.pem: it must have a private key in PEM",
        ),
        ("cert.pem", "broken.pem", "--tls-key broken.pem: "),
    ] {
        let args = ["serve", "--check", "--tls-cert", cert, "--tls-key", private];
        let run = store.run(&args, "");
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(problem), "{}", run.stderr);
        let secret = key.lines().nth(1).unwrap();
        assert!(!run.stderr.contains(secret));
    }
    for alone in [&TLS[..2], &TLS[2..]] {
        let run = store.run(&[&["serve", "--check"], alone].concat(), "");
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains("are given together"), "{}", run.stderr);
    }
}

#[test]
fn only_a_loopback_address_is_listened_on_without_tls() {
    let store = Scratch::new();
    put(&store, &identity());
    let check = |address: &str, more: &[&str]| {
        store.run(
            &[&["serve", "--check", "--listen", address], more].concat(),
            "",
        )
    };
    for address in [
        "0.0.0.0:8080",
        "[::]:8080",
        "192.0.2.1:80",
        "[::ffff:192.0.2.1]:80",
    ] {
        let run = check(address, &[]);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("--insecure-listen"), "{}", run.stderr);
        assert_eq!(check(address, &["--insecure-listen"]).code, Some(0));
        assert_eq!(check(address, &TLS).code, Some(0));
    }
    for address in [
        "127.0.0.1:8080",
        "[::1]:8080",
        "127.1.2.3:0",
        "[::ffff:127.0.0.1]:80",
    ] {
        assert_eq!(check(address, &[]).code, Some(0), "{address}");
    }
    assert_eq!(check("localhost:80", &[]).code, Some(2));
}
