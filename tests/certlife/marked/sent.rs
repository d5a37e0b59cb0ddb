//! Deliveries to receivers that answer with all that the request sent them, in one form or another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{EMAIL, ERROR, HEADER, KEY, Mark, REASON, SECRET, SECRET_START, TITLE, base64, refuse};
use crate::deliver::FREELY;
use crate::listen::Listener;
use crate::{Run, Scratch};

const SECRETS: [Mark; 4] = [SECRET, SECRET_START, KEY, HEADER];
const ALL: [Mark; 8] = [
    SECRET,
    SECRET_START,
    KEY,
    HEADER,
    EMAIL,
    TITLE,
    REASON,
    ERROR,
];

/// How a receiver repeats a request.
const FORMS: [&str; 7] = [
    "plain",
    "json",
    "json-twice",
    "percent",
    "upper",
    "reason-phrase",
    "base64",
];
/// Not found in excerpts, as docs/webhooks.md lists: "base64, hexadecimal digits, …".
const NOT_REDACTED: &str = "base64";
const STATUSES: [u16; 3] = [200, 400, 500];

/// A request as it came: its head, and its body.
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// Answers `/FORM/STATUS` in that form with that status.
fn receiver() -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || answer(stream.unwrap(), &seen));
        }
    });
    (address, requests)
}

fn answer(mut stream: TcpStream, seen: &Requests) {
    let mut reader = BufReader::new(&mut stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    seen.lock().unwrap().push((head.clone(), body.clone()));
    let path = head.split(' ').nth(1).unwrap();
    let mut parts = path.split('/').skip(1);
    let (form, status) = (parts.next().unwrap(), parts.next().unwrap());
    // Without a line end, so that it may stand in the head of the answer.
    let reported = format!("{} {body}", head.replace("\r\n", " "));
    let body = repeat(form, &reported);
    let reason = if form == "reason-phrase" {
        reported.as_str()
    } else {
        "x"
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} {reason}\r\nx-reported: {reason}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
}

fn repeat(form: &str, reported: &str) -> String {
    match form {
        "json" => json!({ "reported": reported }).to_string(),
        "json-twice" => {
            json!({ "reported": json!({ "reported": reported }).to_string() }).to_string()
        }
        "percent" => reported.bytes().map(super::percent).collect(),
        "upper" => reported.to_uppercase(),
        "base64" => base64(reported.as_bytes(), 0),
        _ => reported.to_owned(),
    }
}

/// Two applications: one is rejected, the other fails and is retried.
fn commands() -> String {
    let uuid = |number: u32| format!("00000000-0000-0000-0000-{number:012}");
    let submit = |number| {
        json!({
            "command": "submit", "application_id": number, "uuid": uuid(number),
            "certificate_title": TITLE.text, "applicant_email": EMAIL.text,
        })
    };
    let lines = [
        submit(1),
        json!({ "command": "reject", "uuid": uuid(1), "rejection_reason": REASON.text }),
        submit(2),
        json!({ "command": "begin_processing", "uuid": uuid(2) }),
        json!({ "command": "fail", "uuid": uuid(2), "error": ERROR.text }),
        json!({ "command": "retry", "uuid": uuid(2) }),
    ];
    lines.map(|line| line.to_string() + "\n").concat()
}

fn id(number: usize) -> String {
    format!("00000000-0000-0000-0001-{number:012}")
}

fn add(store: &Scratch, number: usize, url: &str) {
    let id = id(number);
    let args = ["webhook", "add", url, "--id", &id, "--secret", SECRET.text];
    let run = store.run(
        &[&args[..], &FREELY, &["--header", HEADER.text]].concat(),
        "",
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // Standard output shows the secret, this once.
    refuse(&ALL, &run.stderr, "webhook add");
}

fn both(run: &Run) -> String {
    format!("{}\n{}", run.stdout, run.stderr)
}

/// What is served while deliveries are made.
fn metrics(store: &Scratch) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    drop(port);
    let args = [
        "deliver",
        "--log",
        "debug",
        "--retry-schedule",
        "0s,10ms",
        "--metrics",
        &address,
    ];
    let mut certlife = store.certlife(&[&args[..], &FREELY].concat());
    let log = std::fs::File::create(store.path("log")).unwrap();
    let mut child = certlife.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let start = Instant::now();
    let metrics = loop {
        let pending = store
            .run(&["deliveries", "--json", "--status", "pending"], "")
            .stdout;
        if pending.is_empty() || start.elapsed() > Duration::from_secs(20) {
            let mut stream = TcpStream::connect(&address).unwrap();
            write!(
                stream,
                "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
            let mut metrics = String::new();
            stream.read_to_string(&mut metrics).unwrap();
            break metrics;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    metrics
}

#[test]
fn nothing_secret_or_personal_comes_out_of_deliveries() {
    let (address, requests) = receiver();
    let store = Scratch::new();
    let webhooks: Vec<_> = FORMS
        .iter()
        .flat_map(|form| STATUSES.map(|status| (*form, status)))
        .collect();
    for (number, (form, status)) in webhooks.iter().enumerate() {
        add(&store, number, &format!("http://{address}/{form}/{status}"));
    }
    // An answer that is no HTTP, and one that never comes.
    add(&store, 90, &format!("http://{address}/plain/abc"));
    add(&store, 91, "http://127.0.0.1:1/");
    let applied = store.run(&["apply"], &commands());
    assert_eq!((applied.code, applied.stderr.as_str()), (Some(0), ""));
    assert!(
        TITLE.found_in(&applied.stdout).is_some(),
        "the events, which have it"
    );
    // Commands that the rules refuse, and their idempotent repetition.
    let refused = store.run(&["apply"], &commands());
    refuse(&ALL, &refused.stderr, "apply, of refused commands,");

    let served = metrics(&store);
    assert!(
        served.contains("certlife_delivery_attempts_total"),
        "{served}"
    );
    refuse(&ALL, &served, "--metrics");
    let log = std::fs::read_to_string(store.path("log")).unwrap();
    assert!(log.lines().count() > 50, "{log}");
    refuse(&ALL, &log, "deliver --log debug");
    let requests = requests.lock().unwrap().clone();
    assert!(
        requests.iter().any(|(head, body)| {
            HEADER.found_in(head).is_some() && ERROR.found_in(body).is_some()
        })
    );

    for (number, (form, status)) in webhooks.iter().enumerate() {
        let (id, by) = (id(number), format!("{form}/{status}"));
        for json in [&[][..], &["--json"]] {
            let list = ["deliveries", "--attempts", "--webhook", &id];
            let shown = both(&store.run(&[&list[..], json].concat(), ""));
            assert!(shown.contains(&status.to_string()), "{shown}");
            refuse_in_excerpts(&shown, form, &format!("deliveries --attempts of {by}"));
            let test = ["webhook", "test", &id];
            let shown = both(&store.run(&[&test[..], &FREELY, json].concat(), ""));
            refuse_in_excerpts(&shown, form, &format!("webhook test of {by}"));
            let shown = both(&store.run(&[&["webhook", "show", &id], json].concat(), ""));
            refuse(&ALL, &shown, "webhook show");
        }
    }
    refuse_in_lists(&store);
    let rotated = store.run(&["webhook", "rotate", &id(2)], "");
    refuse(
        &ALL,
        &both(&rotated),
        "webhook rotate, which shows the new secret alone,",
    );
    verify(&store, &requests);
}

/// What is shown of all deliveries, webhooks and applications.
fn refuse_in_lists(store: &Scratch) {
    for args in [
        &["deliveries"][..],
        &["deliveries", "--json"],
        &["webhook", "list"],
        &["webhook", "list", "--json"],
        &["stats", "--json"],
        &["redeliver", "--all-dead"],
        &[
            "deliver",
            "--until-idle",
            "--log",
            "debug",
            "--retry-schedule",
            "0s",
        ],
        &["webhook", "disable", &id(0), "--reason", "moves"],
        &["webhook", "enable", &id(0)],
        &["webhook", "remove", "--yes", &id(1)],
    ] {
        refuse(&ALL, &both(&store.run(args, "")), &format!("{args:?}"));
    }
    // They show applications to their institution: what is secret alone must not stand there.
    for args in [
        &["list"][..],
        &["events"],
        &["show", APPLICATION],
        &["history", APPLICATION],
    ] {
        for json in [&[][..], &["--json"]] {
            let run = store.run(&[args, json].concat(), "");
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            refuse(&SECRETS, &both(&run), &format!("{args:?}"));
            refuse(&ALL, &run.stderr, &format!("{args:?}"));
        }
    }
}

const APPLICATION: &str = "00000000-0000-0000-0000-000000000001";

fn refuse_in_excerpts(shown: &str, form: &str, by: &str) {
    if form == NOT_REDACTED {
        return;
    }
    refuse(&ALL, shown, by);
}

/// What a receiver that keeps requests in files finds out of them.
fn verify(store: &Scratch, requests: &[(String, String)]) {
    let with_error = |it: &&(String, String)| ERROR.found_in(&it.1).is_some();
    let (head, body) = requests.iter().find(with_error).unwrap();
    let headers = head.split_once("\r\n").unwrap().1;
    let tries = [
        (headers.to_owned(), body.clone(), SECRET.text),
        (
            headers.to_owned(),
            body.replace("retried", "x"),
            SECRET.text,
        ),
        (
            headers.to_owned(),
            body[..body.len() / 2].to_owned(),
            SECRET.text,
        ),
        (
            headers.replace("ebhook-", "ebhooks-"),
            body.clone(),
            SECRET.text,
        ),
        (
            headers.to_owned(),
            body.clone(),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ),
    ];
    for (headers, body, secret) in tries {
        std::fs::write(store.path("headers"), headers).unwrap();
        std::fs::write(store.path("body"), body).unwrap();
        for json in [&[][..], &["--json"]] {
            let args = ["verify", "--headers", "headers", "body", "--secret", secret];
            let run = store.run(&[&args[..], json].concat(), "");
            // It shows whose event it is; the header was not asked for.
            refuse(&SECRETS, &both(&run), "verify");
            refuse(&ALL, &run.stderr, "verify");
        }
    }
}

#[test]
fn a_receiver_shows_no_secret() {
    for more in [&[][..], &["--status", "500"]] {
        let listener = Listener::start(&[more, &["--secret", SECRET.text]].concat());
        let store = Scratch::new();
        add(&store, 1, &format!("http://{}/", listener.address));
        assert_eq!(store.run(&["apply"], &commands()).code, Some(0));
        let args = [
            "deliver",
            "--until-idle",
            "--log",
            "debug",
            "--retry-schedule",
            "0s",
        ];
        let run = store.run(&[&args[..], &FREELY].concat(), "");
        refuse(&ALL, &both(&run), "deliver --log debug");
        let attempts = store.run(&["deliveries", "--attempts", "--json"], "");
        refuse(&ALL, &both(&attempts), "deliveries --attempts");
        let (shown, reported) = listener.interrupt();
        // It shows the payload, which is what it is for.
        assert!(TITLE.found_in(&shown).is_some(), "{shown}");
        refuse(&SECRETS, &shown, "listen");
        refuse(&ALL, &reported, "listen");
    }
}

#[test]
fn the_forms_that_programs_log_have_no_secret() {
    use certificate_lifecycle::webhook::{CustomHeaders, Endpoint, Secret};

    let secret: Secret = SECRET.text.parse().unwrap();
    let (name, value) = HEADER.text.split_once(": ").unwrap();
    let mut endpoint = Endpoint::new("https://example.com/".parse().unwrap(), secret.clone());
    endpoint.headers = CustomHeaders::new([(name, value)]).unwrap();
    refuse(
        &ALL,
        &format!("{secret:?} {endpoint:?} {:#?}", endpoint.secrets),
        "Debug",
    );
    for text in [
        super::URL.text,
        super::ESCAPED_URL.text,
        SECRET.text,
        HEADER.text,
    ] {
        let error = text
            .parse::<certificate_lifecycle::webhook::WebhookUrl>()
            .unwrap_err();
        let marks = [super::URL, super::ESCAPED_URL, SECRET, SECRET_START, HEADER];
        refuse(&marks, &format!("{error} {error:?}"), "WebhookUrlError");
    }
}
