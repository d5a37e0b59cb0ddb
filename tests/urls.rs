//! Where a webhook's events may go: what is a URL of a webhook, and what is none.
#![cfg(feature = "engine")]

use certificate_lifecycle::webhook::{WebhookUrl, WebhookUrlError, WebhookUrlProblem};

fn parse(host: &str) -> Result<WebhookUrl, WebhookUrlProblem> {
    let url: Result<WebhookUrl, WebhookUrlError> = format!("https://{host}/hooks").parse();
    url.map_err(|error| error.problem)
}

#[test]
fn hosts_are_names_and_addresses() {
    let longest_label = "a".repeat(63);
    let longest_name = [&*longest_label; 3].join(".") + "." + &"a".repeat(61);
    for host in [
        "example.com",
        "EXAMPLE.com.",
        "localhost",
        "xn--bcher-kva.example",
        "my_service.internal",
        "1password.com",
        "3com.0xg",
        "192.0.2.1",
        "[2001:db8::1]",
        "[::ffff:192.0.2.1]",
        &longest_label,
        &longest_name,
    ] {
        assert_eq!(parse(host).unwrap().host(), host);
    }
}

#[test]
fn what_no_name_server_and_no_network_knows_is_refused() {
    let long_label = "a".repeat(64);
    let long_name = [&*"a".repeat(63); 4].join(".");
    for host in [
        "a..b",
        ".example.com",
        "example.com..",
        ".",
        "-a.com",
        "a-.com",
        // Addresses to some, and names to others.
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0X7F000001",
        "192.0.2.256",
        "192.0.2.01",
        "192.0.2.1.",
        "example.0x1",
        "[2001:db8::1",
        "[fe80::1%25eth0]",
        "[192.0.2.1]",
        "[]",
        "a%62c.example",
        "a!b.example",
        &long_label,
        &long_name,
    ] {
        let problem = parse(host).unwrap_err();
        assert!(
            matches!(
                problem,
                WebhookUrlProblem::Host | WebhookUrlProblem::Malformed
            ),
            "{host}: {problem:?}"
        );
    }
}

#[test]
fn ports_are_numbers_as_urls_write_them() {
    for host in ["example.com", "192.0.2.1", "[2001:db8::1]"] {
        for port in [":1", ":80", ":443", ":65535", ""] {
            let text = format!("{host}{port}");
            let url = parse(&text).unwrap();
            assert_eq!(url.host(), host);
            let expected = port.strip_prefix(':').map(|it| it.parse().unwrap());
            assert_eq!(url.uri().port_u16(), expected);
        }
        for port in [
            ":+443",
            ":-1",
            ":0443",
            ":00",
            ":0",
            ":",
            ":65536",
            ":4294967739",
            ":4 3",
            ":0x1bb",
            ":44a",
        ] {
            let problem = parse(&format!("{host}{port}")).unwrap_err();
            assert!(
                matches!(
                    problem,
                    WebhookUrlProblem::Port | WebhookUrlProblem::Malformed
                ),
                "{host}{port}: {problem:?}"
            );
        }
        for port in [":+443", ":0443", ":"] {
            assert_eq!(
                parse(&format!("{host}{port}")),
                Err(WebhookUrlProblem::Port)
            );
        }
    }
}
