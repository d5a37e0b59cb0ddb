//! `certlife verify`: what came, and whether it is to be trusted.

use certificate_lifecycle::webhook::{Secret, SignedRequest};
use certificate_lifecycle::{
    ApplicantEmail, Application, ApplicationDetails, ApplicationId, CertificateTitle, Event,
};
use chrono::{DateTime, Utc};
use uuid::{Uuid, uuid};

use crate::{Run, certlife, golden, run_to_end};

pub(crate) const WEBHOOK: Uuid = uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
const AT: &str = "2026-06-04T10:30:00Z";

pub(crate) fn secret() -> Secret {
    SECRET.parse().unwrap()
}

/// The first event of an application.
pub(crate) fn submitted(number: u32) -> Event {
    let details = ApplicationDetails::new(
        ApplicationId::new(number.into()).unwrap(),
        Uuid::from_u128(number.into()),
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    );
    Application::submit(details, AT.parse().unwrap()).event
}

/// The headers of an attempt with this event, and its body.
pub(crate) fn attempt(event: &Event, at: DateTime<Utc>) -> (Vec<(&'static str, String)>, String) {
    let body = event.to_json(WEBHOOK);
    let attempt = SignedRequest {
        webhook_id: WEBHOOK,
        event_id: event.id(),
        kind: event.kind(),
        at,
    };
    let headers = attempt.headers(&secret(), &[secret()], body.as_bytes());
    (headers.into(), body)
}

/// A folder with what came.
struct Came {
    folder: tempfile::TempDir,
}

impl Came {
    fn new(headers: &str, body: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("headers"), headers).unwrap();
        std::fs::write(folder.path().join("body"), body).unwrap();
        Self { folder }
    }

    fn event() -> (String, String) {
        let (headers, body) = attempt(&submitted(42), AT.parse().unwrap());
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"));
        (lines.collect(), body)
    }

    fn verify(&self, more: &[&str]) -> Run {
        let args = [&["verify", "--headers", "headers", "body"], more].concat();
        run_to_end(certlife(&args).current_dir(&self.folder), "")
    }

    fn verify_at(&self, more: &[&str]) -> Run {
        self.verify(&[&["--secret", SECRET, "--at", AT], more].concat())
    }
}

#[test]
fn what_came_is_reported_by_either_signature() {
    let (headers, body) = Came::event();
    let run = Came::new(&headers, &body).verify_at(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    golden!(run.stdout, "golden/verify-standard.txt");
    // As an old receiver knows it, from a log of the whole request, whenever that was.
    let platform = headers.lines().filter(|it| it.starts_with("x-"));
    let platform: String = platform
        .flat_map(|it| [it.to_uppercase(), "\r\n".to_owned()])
        .collect();
    let platform = platform.replace(
        "CERTIFICATE_APPLICATION.CREATED",
        "certificate_application.created",
    );
    let platform = platform.replace("A1B2C3D4-E5F6-7890-ABCD-EF1234567890", &WEBHOOK.to_string());
    let logged = format!("POST /hooks HTTP/1.1\r\n{platform}\r\n");
    let came = Came::new(&logged, &body);
    let run = came.verify(&["--secret", SECRET, "--accept-platform-signature"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    golden!(run.stdout, "golden/verify-platform.txt");
    // It has no time in it, and so it is not enough by itself.
    let run = came.verify(&["--secret", SECRET]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr
            .contains("x-webhook-signature alone is not accepted")
            && run.stderr.contains("--accept-platform-signature"),
        "{}",
        run.stderr
    );
}

#[test]
fn either_file_may_be_standard_input_but_not_both() {
    let (headers, body) = Came::event();
    let came = Came::new(&headers, &body);
    let on_stdin = |args: &[&str], input: &str| {
        let more = ["--secret", SECRET, "--at", AT];
        let args = [&["verify"], args, &more].concat();
        run_to_end(certlife(&args).current_dir(&came.folder), input)
    };
    assert_eq!(
        on_stdin(&["--headers", "headers", "-"], &body).code,
        Some(0)
    );
    assert_eq!(
        on_stdin(&["--headers", "-", "body"], &headers).code,
        Some(0)
    );
    let both = on_stdin(&["--headers", "-", "-"], &body);
    assert_eq!((both.code, both.stdout.as_str()), (Some(2), ""));
    assert!(
        both.stderr.contains("name a file for one"),
        "{}",
        both.stderr
    );
}

#[test]
fn what_is_wrong_with_a_delivery_is_a_refusal_that_says_so() {
    let (headers, body) = Came::event();
    let changed = body.replace("john", "jane");
    let without = |name: &str| -> String {
        let lines = headers.lines().filter(|it| !it.starts_with(name));
        lines.flat_map(|it| [it, "\n"]).collect()
    };
    for (headers, body, at, reported) in [
        (
            &headers[..],
            &changed[..],
            AT,
            "the webhook-signature header fits none of the receiver's secrets",
        ),
        (
            &headers,
            &body,
            "2026-06-04T10:35:01Z",
            "the attempt was sent at 2026-06-04T10:30:00Z, more than five minutes before the receiver's clock \
             (2026-06-04T10:35:01Z)",
        ),
        (
            &headers,
            &body,
            "2026-06-04T10:24:59Z",
            "more than five minutes after",
        ),
        (
            &without("webhook-id"),
            &body,
            AT,
            "the request has no webhook-id header",
        ),
        (
            "",
            &body,
            AT,
            "neither a webhook-signature nor an x-webhook-signature header",
        ),
    ] {
        is_refused(headers, body, at, reported);
    }
}

#[test]
fn the_published_vectors_are_no_events_of_ours() {
    // The vectors that the library is held to.
    let published = "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\n\
                     webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n";
    let then = "2021-02-25T15:02:10Z";
    let platform =
        "x-webhook-signature: 45ec03b2b33403c8043a90de06bedad0827183927115fd7e448ef97eeb13c5be\n";
    for (headers, body, at, reported) in [
        (
            published,
            r#"{"test": 2432232314}"#,
            then,
            "the webhook-id header is not the id of an event",
        ),
        (published, r#"{"test": 2432232315}"#, then, "fits none"),
        (
            platform,
            r#"{"a":1}"#,
            AT,
            "the signature is right, but the body is no event: field event is missing",
        ),
        (
            platform,
            r#"{"a":2}"#,
            AT,
            "the x-webhook-signature header fits none",
        ),
    ] {
        is_refused(headers, body, at, reported);
    }
}

/// A delivery that is wrong, and a part of what is printed of it.
fn is_refused(headers: &str, body: &str, at: &str, reported: &str) {
    let more = [
        "--secret",
        SECRET,
        "--at",
        at,
        "--accept-platform-signature",
    ];
    let run = Came::new(headers, body).verify(&more);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{reported}");
    assert!(run.stderr.starts_with("certlife: "), "{}", run.stderr);
    assert!(run.stderr.contains(reported), "{}", run.stderr);
}

#[test]
fn another_secret_and_a_later_clock_are_refused() {
    let (headers, body) = Came::event();
    let other = Came::new(&headers, &body).verify(&["--secret", OTHER, "--at", AT]);
    assert_eq!(other.code, Some(1));
    // Without --at, it is now, years later.
    let now = Came::new(&headers, &body).verify(&["--secret", SECRET]);
    assert!(
        now.stderr.contains("more than five minutes before"),
        "{}",
        now.stderr
    );
    let remedy = format!("checked as if it were then by --at {AT}\n");
    assert!(now.stderr.ends_with(&remedy), "{}", now.stderr);
}

#[test]
fn a_line_break_that_an_editor_has_added_is_reported() {
    let (headers, body) = Came::event();
    for (end, is_reported) in [("\n", true), ("\r\n", true), ("\n\n", false), (" ", false)] {
        let run = Came::new(&headers, format!("{body}{end}")).verify_at(&[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert!(run.stderr.contains("fits none"), "{}", run.stderr);
        let reported = run
            .stderr
            .contains("without the line break at its end, the body fits");
        assert_eq!(reported, is_reported, "{}", run.stderr);
    }
    let changed = body.replace("john", "jane");
    let run = Came::new(&headers, format!("{changed}\n")).verify_at(&[]);
    assert!(!run.stderr.contains("line break"), "{}", run.stderr);
}

#[test]
fn a_byte_order_mark_or_another_encoding_of_the_body_is_reported() {
    let (headers, body) = Came::event();
    let utf_16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{text}")
            .encode_utf16()
            .flat_map(bytes)
            .collect()
    };
    let mark = "without the byte order mark at its beginning";
    let end = "without the line break at its end";
    let utf_8 = "in UTF-8 and not UTF-16";
    for (saved, reported) in [
        (format!("\u{feff}{body}").into_bytes(), mark.to_owned()),
        (
            format!("\u{feff}{body}\r\n").into_bytes(),
            format!("{mark} and {end}"),
        ),
        (utf_16(&body, u16::to_le_bytes), utf_8.to_owned()),
        (utf_16(&body, u16::to_be_bytes), utf_8.to_owned()),
        (
            utf_16(&format!("{body}\r\n"), u16::to_le_bytes),
            format!("{utf_8} and {end}"),
        ),
    ] {
        let run = Came::new(&headers, &saved).verify_at(&[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        let hint = format!(
            "certlife: {reported}, the body fits: an editor or a shell may have changed that"
        );
        assert_eq!(run.stderr.lines().last(), Some(&*hint), "{}", run.stderr);
    }
    // Nothing is said where something else is wrong as well, or of half a character.
    let changed = body.replace("john", "jane");
    for saved in [
        format!("\u{feff}{changed}").into_bytes(),
        utf_16(&changed, u16::to_le_bytes),
        utf_16(&body, u16::to_le_bytes)[..33].to_vec(),
        b"\xff\xfe\x00\xd8".to_vec(),
    ] {
        let run = Came::new(&headers, &saved).verify_at(&[]);
        assert_eq!(run.code, Some(1));
        assert!(!run.stderr.contains("the body fits"), "{}", run.stderr);
    }
}

#[test]
fn what_curl_tells_beside_the_headers_is_named() {
    let of_connection = "is what curl -v tells of the connection, and no header: keep only the lines that begin \
                         with >";
    let of_response = "is of the response, as curl -v shows it: keep the lines that begin with >";
    for (headers, line, reported) in [
        ("*   Trying 127.0.0.1:80...\n> A: b\n", 1, of_connection),
        (
            "> POST / HTTP/1.1\r\n> A: b\r\n>\r\n* upload completely sent off\r\n",
            4,
            of_connection,
        ),
        ("> A: b\n} [24 bytes data]\n", 2, of_connection),
        ("> A: b\n>\n< HTTP/1.1 204 No Content\n", 3, of_response),
        (
            "< HTTP/1.1 204 No Content\r\n< date: x\r\n<\r\n",
            1,
            of_response,
        ),
    ] {
        let run = Came::new(headers, "{}").verify_at(&[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        let reported = format!("headers: line {line} {reported}");
        assert!(run.stderr.contains(&reported), "{}", run.stderr);
    }
}

#[test]
fn headers_may_come_from_an_editor_or_from_curl() {
    let (headers, body) = Came::event();
    let as_sent = headers.lines().flat_map(|it| ["> ", it, "\r\n"]);
    for headers in [
        format!("\u{feff}{headers}"),
        format!("\n\r\n{headers}"),
        format!("\nPOST /hooks HTTP/1.1\n{headers}\n"),
        format!(
            "> POST /hooks HTTP/1.1\r\n{}>\r\n",
            as_sent.collect::<String>()
        ),
    ] {
        let run = Came::new(&headers, &body).verify_at(&[]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{headers}");
    }
}

#[test]
fn one_of_several_secrets_is_enough_from_arguments_or_the_environment() {
    let (headers, body) = Came::event();
    let came = Came::new(&headers, &body);
    let run = came.verify(&["--secret", OTHER, "--secret", SECRET, "--at", AT]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let by_environment = |secrets: &str| {
        let args = ["verify", "--headers", "headers", "body", "--at", AT];
        let mut certlife = certlife(&args);
        certlife.current_dir(&came.folder);
        run_to_end(certlife.env("CERTLIFE_WEBHOOK_SECRET", secrets), "")
    };
    assert_eq!(by_environment(SECRET).code, Some(0));
    assert_eq!(by_environment(&format!("{OTHER},{SECRET}")).code, Some(0));
    assert_eq!(by_environment(&format!("{OTHER}, {SECRET} ")).code, Some(0));
    assert_eq!(by_environment(OTHER).code, Some(1));
    let none = came.verify(&["--at", AT]);
    assert_eq!(none.code, Some(2));
    assert_eq!(
        none.stderr,
        "certlife: there is no secret to check against: give --secret, or set CERTLIFE_WEBHOOK_SECRET\n"
    );
}

#[test]
fn a_mistyped_secret_is_never_repeated() {
    let came = Came::new("", "");
    for (secrets, reported) in [
        (
            &["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"][..],
            "--secret (or CERTLIFE_WEBHOOK_SECRET): a secret begins with whsec_\n",
        ),
        (
            &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!w"],
            "after whsec_, a secret is base64",
        ),
        (
            &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAA"],
            "the padding at the end of the secret is missing: append = to it, here and at the receiver\n",
        ),
        (
            &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA="],
            "the padding at the end of the secret is missing: append = to it",
        ),
        (&["whsec_MfKQ9r8GKYqr-wjUPD8ILPZIo2LaLaSw"], "not - and _"),
        (
            &["whsec_MfKQ9r8GKYqr"],
            "has 24 to 64 bytes, but this one has 9",
        ),
        (
            &[SECRET, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            ", secret 2 of 2: a secret begins",
        ),
        (&[""], "it is empty"),
    ] {
        for by_environment in [false, true] {
            let args = ["verify", "--headers", "headers", "body"];
            let mut certlife = certlife(&args);
            certlife.current_dir(&came.folder);
            if by_environment {
                certlife.env("CERTLIFE_WEBHOOK_SECRET", secrets.join(","));
            } else {
                certlife.args(secrets.iter().flat_map(|it| ["--secret", it]));
            }
            let run = run_to_end(&mut certlife, "");
            assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
            assert!(run.stderr.contains(reported), "{}", run.stderr);
            assert!(!run.stderr.contains("MfKQ9r8G"), "{}", run.stderr);
        }
    }
    let mut help = certlife(&["verify", "--help"]);
    let help = run_to_end(help.env("CERTLIFE_WEBHOOK_SECRET", OTHER), "");
    assert!(help.stdout.contains("[env: CERTLIFE_WEBHOOK_SECRET]"));
    assert!(!help.stdout.contains(OTHER));
}

#[test]
fn what_are_no_headers_is_reported_with_its_line() {
    for (headers, reported) in [
        (
            "webhook-id\n",
            "headers: line 1 is no header; expected Name: value",
        ),
        ("A: b\n: c\n\u{e9}: d\n", "line 3 is no header"),
        ("A b: c\n", "line 1 is no header"),
        (
            "A: b\nwebhook-id : c\n",
            "line 2 has a blank before its colon; expected webhook-id: and the value",
        ),
        ("HTTP/1.1 200 OK\nPOST / HTTP/1.1\n", "line 2 is no header"),
        (
            "A: b\n\n{}\n",
            "line 3 follows the empty line that ends the headers",
        ),
    ] {
        let run = Came::new(headers, "{}").verify_at(&[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(reported), "{}", run.stderr);
    }
    let run = Came::new("", vec![b' '; (1 << 20) + 1]).verify_at(&[]);
    assert_eq!(
        run.stderr,
        "certlife: body: the body has more than 1048576 bytes (1 MiB)\n"
    );
    let came = Came::new("", "");
    std::fs::remove_file(came.folder.path().join("body")).unwrap();
    let run = came.verify_at(&[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.starts_with("certlife: cannot read body: "),
        "{}",
        run.stderr
    );
}
