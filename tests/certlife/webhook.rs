//! `certlife webhook`: registered, looked at, rotated, disabled, enabled, removed.

use std::io::Write;
use std::process::{Command, Stdio};

use certificate_lifecycle::store::{InstitutionId, Outbox, SqliteStore, Webhook};
use certificate_lifecycle::webhook::Secret;
use serde_json::Value;
use uuid::Uuid;

use crate::{Run, Scratch, file, golden, run};

pub(crate) const ID: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const OTHER: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

/// The same text, whenever it was printed.
pub(crate) fn timeless(text: &str) -> String {
    let mut timeless = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('Z') {
        let (before, after) = rest.split_at(at + 1);
        let start = before.len().saturating_sub(20);
        let is_time = before.get(start..).is_some_and(|it| {
            let digits = it.bytes().filter(u8::is_ascii_digit).count();
            it.len() == 20 && digits == 14 && it.as_bytes()[10] == b'T'
        });
        if is_time {
            timeless.push_str(&before[..start]);
            timeless.push_str("2026-06-04T10:30:00Z");
        } else {
            timeless.push_str(before);
        }
        rest = after;
    }
    timeless + rest
}

/// A store with the README's example, and a webhook that was registered before it.
pub(crate) fn example() -> Scratch {
    let store = Scratch::new();
    add(
        &store,
        &["https://example.com/hooks", "--id", ID, "--secret", SECRET],
    );
    let applied = store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    assert_eq!(applied.code, Some(1));
    store
}

fn add(store: &Scratch, args: &[&str]) -> Value {
    let run = store.run(&[&["webhook", "add", "--json"], args].concat(), "");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.stdout.lines().count(), 1);
    serde_json::from_str(&run.stdout).unwrap()
}

pub(crate) fn shown(store: &Scratch, id: &str, more: &[&str]) -> Value {
    let run = store.run(&[&["webhook", "show", "--json", id], more].concat(), "");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    serde_json::from_str(&run.stdout).unwrap()
}

/// Runs what is expected to go well and to say one sentence.
fn said(store: &Scratch, args: &[&str]) -> String {
    let Run {
        code,
        stdout,
        stderr,
    } = store.run(args, "");
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    stderr
}

/// A webhook as the library reads it.
fn webhook(store: &Scratch, id: &str) -> Webhook {
    webhook_of("default", store, id)
}

fn webhook_of(institution: &str, store: &Scratch, id: &str) -> Webhook {
    let path = store.path("test.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap();
        let institution = InstitutionId::new(institution).unwrap();
        store.webhook(&institution, id.parse().unwrap()).await
    });
    found.unwrap().expect("the webhook is there")
}

#[test]
fn a_webhook_is_registered_with_an_id_and_a_secret_that_are_printed() {
    let store = Scratch::new();
    let json = add(&store, &["https://example.com/hooks"]);
    let keys: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "secret"]);
    let (id, secret) = (
        json["id"].as_str().unwrap(),
        json["secret"].as_str().unwrap(),
    );
    let stored = webhook(&store, id);
    assert_eq!(
        stored.endpoint.secrets.current(),
        &secret.parse::<Secret>().unwrap()
    );
    assert_eq!(stored.institution.as_str(), "default");
    // Another has another id and secret; and people get the same with what is to be done next.
    let run = store.run(
        &[
            "webhook",
            "add",
            "http://127.0.0.1:8700/",
            "--allow-http",
            "--allow-target",
            "127.0.0.1",
        ],
        "",
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut words = run.stdout.split_whitespace();
    assert_eq!(words.next(), Some("id"));
    let second: Uuid = words.next().unwrap().parse().unwrap();
    assert_eq!(words.next(), Some("secret"));
    assert_ne!(words.next().unwrap(), secret);
    let listen = "certlife: certlife listen --port 8700 --secret SECRET receives here";
    assert!(run.stderr.contains(listen), "{}", run.stderr);
    assert_ne!(second.to_string(), id);
    assert!(
        run.stderr.contains(&format!(
            "certlife: certlife deliver --allow-http --allow-target 127.0.0.1/32 sends the events; \
         certlife webhook test --allow-http --allow-target 127.0.0.1/32 {second} tries it\n"
        )),
        "{}",
        run.stderr
    );
}

#[test]
fn everything_that_is_given_is_kept() {
    let store = Scratch::new();
    let given = add(
        &store,
        &[
            "https://example.com/hooks?x=1",
            "--id",
            ID,
            "--secret",
            SECRET,
            "--institution",
            "uni",
            "--events",
            "approved,certificate_application.rejected",
            "--description",
            "our portal",
            "--header",
            "Authorization: Bearer hush",
            "--header",
            "X-Team:two",
        ],
    );
    assert_eq!(given, serde_json::json!({"id": ID, "secret": SECRET}));
    let it = webhook_of("uni", &store, ID);
    assert_eq!(it.endpoint.url.as_str(), "https://example.com/hooks?x=1");
    assert_eq!(it.endpoint.kinds.to_string(), "approved,rejected");
    assert_eq!(it.endpoint.description.as_str(), "our portal");
    let headers: Vec<_> = it
        .endpoint
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [("authorization", "Bearer hush"), ("x-team", "two")]
    );
    assert_eq!(it.institution.as_str(), "uni");
    let show = store.run(&["webhook", "show", "--institution", "uni", ID], "");
    golden!(timeless(&show.stdout), "golden/webhook-show.txt");
    let json = store.run(
        &["webhook", "show", "--institution", "uni", ID, "--json"],
        "",
    );
    golden!(timeless(&json.stdout), "golden/webhook-show.jsonl");
    assert!(![show.stdout, json.stdout].concat().contains(&SECRET[6..]));
    // A second with its id changes nothing.
    let second = store.run(&["webhook", "add", "https://example.org/", "--id", ID], "");
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        second.stderr,
        format!("certlife: there is a webhook {ID} already\n")
    );
    assert_eq!(webhook_of("uni", &store, ID), it);
}

#[test]
fn a_list_has_the_webhooks_in_the_order_in_which_they_were_registered() {
    let store = Scratch::new();
    add(
        &store,
        &[
            "https://example.com/hooks",
            "--id",
            ID,
            "--description",
            "our portal",
        ],
    );
    add(
        &store,
        &[
            "https://example.org/",
            "--id",
            OTHER,
            "--institution",
            "uni",
            "--events",
            "failed",
        ],
    );
    said(
        &store,
        &["webhook", "disable", "--institution", "uni", OTHER],
    );
    let list = store.run(&["webhook", "list"], "");
    golden!(list.stdout, "golden/webhook-list.txt");
    let json = store.run(&["webhook", "list", "--json"], "");
    golden!(timeless(&json.stdout), "golden/webhook-list.jsonl");
    let of = |institution| {
        store.run(
            &["webhook", "list", "--json", "--institution", institution],
            "",
        )
    };
    assert_eq!(of("uni").events().len(), 1);
    assert_eq!(of("uni").events()[0]["id"], OTHER);
    let none = store.run(&["webhook", "list", "--institution", "unknown"], "");
    assert_eq!(
        (none.code, none.stderr.as_str()),
        (
            Some(0),
            "certlife: no webhooks of institution \"unknown\"\n"
        )
    );
}

/// Nothing is registered, and what may be secret is not repeated.
fn is_refused(args: &[&str], words: &str) {
    let run = run(&[&["webhook", "add"], args].concat(), "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{words}");
    assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    assert!(!run.stderr.contains("hush"), "{}", run.stderr);
}

/// Webhooks that are not registered, each with a part of the error.
const REFUSED_WEBHOOKS: [(&[&str], &str); 18] = [
    (
        &["http://example.com/"],
        "requests to example.com would not be encrypted: expected a URL that begins with https://; to permit it, say --allow-http, here and to certlife deliver",
    ),
    (
        &["https://10.0.0.7/"],
        "10.0.0.7 is private (RFC 1918): expected a host on the public Internet; to permit it, say --allow-target 10.0.0.7/32",
    ),
    (
        &["https://10.0.0.7/", "--allow-target", "10.1.0.0/16"],
        "10.0.0.7 is private",
    ),
    (
        &["https://[::1]:8443/"],
        "::1 is loopback (RFC 4291): expected a host on the public Internet; to permit it, say --allow-target ::1/128",
    ),
    (
        &["https://localhost:8443/"],
        "localhost leads to 127.0.0.1, which is loopback (RFC 1122): expected a host on the public Internet; to permit it, say --allow-target 127.0.0.1/32",
    ),
    (&["https://[::ffff:127.0.0.1]/"], "IPv4-mapped"),
    (
        &["https://169.254.169.254/latest"],
        "where clouds serve metadata",
    ),
    (&["ftp://example.com/"], "it must begin with https://"),
    (
        &["https://ann:hush@example.com/"],
        "it must carry no user and no password",
    ),
    (&["https://ann:hush@example.com/#"], "no fragment"),
    (&["example.com"], "https://"),
    (
        &["https://example.com/", "--allow-target", "hier"],
        "expected a network such as 10.0.0.0/8",
    ),
    (
        &["https://example.com/", "--events", "nix"],
        "expected one of: created, processing",
    ),
    (
        &["https://example.com/", "--secret", "hush"],
        "--secret: a secret begins with whsec_",
    ),
    (
        &["https://example.com/", "--header", "hush"],
        "--header: expected NAME: VALUE, with a colon",
    ),
    (
        &["https://example.com/", "--header", "A: hush\u{e9}"],
        "--header: the value of header a must be visible ASCII",
    ),
    (
        &["https://example.com/", "--header", "Bearer hush: x"],
        "--header: the name of a header has letters, digits and - only",
    ),
    (
        &["https://example.com/", "--header", "Host: hush"],
        "header host cannot be chosen: the dispatcher sets it",
    ),
];

#[test]
fn a_url_that_nothing_is_sent_to_is_refused_with_what_would_allow_it() {
    for (args, words) in REFUSED_WEBHOOKS {
        is_refused(args, words);
    }
    for args in [
        &["https://10.0.0.7/", "--allow-target", "10.0.0.0/8"][..],
        &["https://93.184.215.14/"],
        &[
            "http://[::1]/",
            "--allow-http",
            "--allow-target",
            "::1",
            "--allow-target",
            "10.0.0.0/8",
        ],
        // Of a name, the dispatcher sees the addresses.
        &["https://inside.example.com/"],
        &[
            "http://localhost:1/",
            "--allow-http",
            "--allow-target",
            "127.0.0.1/32",
        ],
    ] {
        let run = Scratch::new().run(&[&["webhook", "add"], args].concat(), "");
        assert_eq!(run.code, Some(0));
    }
}

#[test]
fn what_others_read_in_another_way_is_refused_with_what_would_be_right() {
    let long = "ä".repeat(257);
    for (args, words) in [
        (
            &[
                "https://example.com/",
                "--secret",
                "whsec_hushhushhushhushhushhushhushhushhus",
            ][..],
            "--secret: the padding at the end of the secret is missing: append = to it",
        ),
        (
            &["https://example.com/", "--header", "TE: hush"],
            "header te cannot be chosen: it governs how the request is framed",
        ),
        (
            &["https://example.com/", "--allow-target", "010.0.0.0/8"],
            "numbers that have no leading zeros",
        ),
        (
            &["https://example.com/", "--allow-target", "10.0.0.1/8"],
            "expected 10.0.0.0/8, or 10.0.0.1 alone",
        ),
        (
            &["https://example.com:+443/"],
            "its port must be 1 to 65535, in digits",
        ),
        (
            &["https://example.com/", "--description", &long],
            "a description has at most 256 characters, but this one has 257",
        ),
        (
            &["https://example.com/", "--description", "our\nportal"],
            "a description has no control characters",
        ),
    ] {
        is_refused(args, words);
    }
}

#[test]
fn a_rotation_says_until_when_which_secret_signs_what() {
    let store = example();
    let run = store.run(
        &[
            "webhook",
            "rotate",
            ID,
            "--secret",
            NEW,
            "--grace",
            "48h",
            "--switch-over",
            "1h",
        ],
        "",
    );
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    golden!(timeless(&run.stdout), "golden/webhook-rotate.txt");
    let secrets = webhook(&store, ID).endpoint.secrets;
    assert_eq!(secrets.current().expose(), NEW);
    let [old] = secrets.old() else {
        panic!("{secrets:?}")
    };
    assert_eq!(old.secret.expose(), SECRET);
    assert_eq!((old.until - old.switch_over).num_hours(), 47);
    // It is shown by its times alone.
    let json = shown(&store, ID, &[]);
    assert_eq!(json["old_secrets"].as_array().unwrap().len(), 1);
    assert!(!json.to_string().contains("whsec_"));
    let table = store.run(&["webhook", "show", ID], "").stdout;
    assert!(
        table.contains("old secret signs  X-Webhook-Signature until "),
        "{table}"
    );
    // The same secret again is no rotation.
    let again = store.run(&["webhook", "rotate", ID, "--secret", NEW], "");
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""));
    assert_eq!(webhook(&store, ID).endpoint.secrets, secrets);
    // The one before comes back: it is the new one, and only what it replaced is old.
    let back = store.run(&["webhook", "rotate", ID, "--secret", SECRET], "");
    assert_eq!(back.code, Some(0));
    assert!(
        back.stdout.contains("by the new secret and by the old one"),
        "{}",
        back.stdout
    );
}

#[test]
fn a_rotation_makes_a_secret_of_its_own_and_has_its_usual_times() {
    let store = example();
    let rotated = &store.run(&["webhook", "rotate", ID, "--json"], "").events()[0];
    let secrets = webhook(&store, ID).endpoint.secrets;
    assert_eq!(rotated["secret"], secrets.current().expose());
    assert_ne!(secrets.current().expose(), SECRET);
    assert_eq!(
        (secrets.old()[0].until - secrets.old()[0].switch_over).num_hours(),
        12
    );
    // One that has no time signs nothing from then on; one before it does, for its own.
    let first = secrets.old()[0].clone();
    let now = store
        .run(&["webhook", "rotate", ID, "--grace", "0s"], "")
        .stdout;
    assert!(
        now.contains("by the new secret and by an older one until "),
        "{now}"
    );
    let secrets = webhook(&store, ID).endpoint.secrets;
    let at = std::time::SystemTime::now().into();
    let standard = secrets.standard(at);
    assert_eq!(standard, [secrets.current().clone(), first.secret]);
    let store = example();
    let now = store
        .run(&["webhook", "rotate", ID, "--grace", "0s"], "")
        .stdout;
    assert!(now.contains("signs   all, from now on"), "{now}");
    let at = std::time::SystemTime::now().into();
    let secrets = webhook(&store, ID).endpoint.secrets;
    assert_eq!(
        secrets.platform(at).expose(),
        now.split_whitespace().nth(3).unwrap()
    );
    let json = store.run(&["webhook", "rotate", ID, "--grace", "0s", "--json"], "");
    let keys = &json.events()[0];
    assert!(keys["until"].is_null() && keys["switch_over"].is_null());
}

#[test]
fn a_rotation_has_the_times_that_it_is_given_if_they_make_sense() {
    let store = example();
    // A switch-over at once
    let at_once = store
        .run(&["webhook", "rotate", ID, "--switch-over", "0s"], "")
        .stdout;
    assert!(
        at_once.contains("X-Webhook-Signature  by the new secret\n"),
        "{at_once}"
    );
    let secrets = webhook(&store, ID).endpoint.secrets;
    for (args, words) in [
        (
            &["--grace", "1h", "--switch-over", "2h"][..],
            "--switch-over is longer than --grace",
        ),
        (
            &["--secret", "hush"],
            "--secret: a secret begins with whsec_",
        ),
        (&["--grace", "1000000years"], "beyond the year 9999"),
        (&["--grace", "-1h"], "'-1h' for '--grace <DURATION>'"),
        (&["--revoke", "--grace", "1h"], "cannot be used with"),
        (&["--grace", "9000years"], "beyond the year 9999"),
    ] {
        let run = store.run(&[&["webhook", "rotate", ID], args].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{words}");
        assert!(
            run.stderr.contains(words) && !run.stderr.contains("hush"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(webhook(&store, ID).endpoint.secrets, secrets);
    // Of many that are valid, the oldest goes, and that is reported.
    let reported: Vec<_> = (0..4)
        .map(|_| store.run(&["webhook", "rotate", ID], "").stderr)
        .collect();
    assert!(
        reported[3].contains("the oldest of the secrets before it no longer signs"),
        "{reported:?}"
    );
}

#[test]
fn a_secret_that_has_become_known_signs_nothing_whenever_it_was_replaced() {
    let store = example();
    let rotate = |args: &[&str]| store.run(&[&["webhook", "rotate", ID], args].concat(), "");
    // Rotated as usual, before anybody knew
    assert_eq!(rotate(&["--secret", NEW]).code, Some(0));
    let run = rotate(&["--revoke"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(
        run.stdout.contains("signs   all, from now on"),
        "{}",
        run.stdout
    );
    let secrets = webhook(&store, ID).endpoint.secrets;
    assert!(secrets.old().is_empty());
    assert!(![SECRET, NEW].contains(&secrets.current().expose()));
    // The newest stays, where one before it has become known
    assert_eq!(rotate(&["--secret", NEW]).code, Some(0));
    assert_eq!(rotate(&["--secret", NEW, "--revoke"]).code, Some(0));
    let secrets = webhook(&store, ID).endpoint.secrets;
    assert!(secrets.old().is_empty() && secrets.current().expose() == NEW);
    // And then there is nothing left to revoke
    let again = rotate(&["--secret", NEW, "--revoke"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""));
}

#[test]
fn the_reason_for_disabling_has_the_rule_of_descriptions() {
    let store = example();
    for (reason, words) in [
        (
            "x".repeat(257),
            "at most 256 characters, but this one has 257",
        ),
        (
            "two\nlines".to_owned(),
            "no control characters, such as line breaks",
        ),
        ("\u{1b}[31m".to_owned(), "no control characters"),
    ] {
        let run = store.run(&["webhook", "disable", ID, "--reason", &reason], "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    }
    assert_eq!(shown(&store, ID, &[])["enabled"], true);
    let longest = "ä".repeat(256);
    said(&store, &["webhook", "disable", ID, "--reason", &longest]);
    assert_eq!(shown(&store, ID, &[])["disabled"]["detail"], longest);
}

#[test]
fn a_disabled_webhook_is_enabled_once_it_is_clear_what_becomes_of_what_is_pending() {
    let store = example();
    let pending = shown(&store, ID, &[])["pending"].as_u64().unwrap();
    assert_eq!(pending, 21);
    let reported = said(
        &store,
        &["webhook", "disable", ID, "--reason", "the portal moves"],
    );
    assert_eq!(
        reported,
        format!("certlife: webhook {ID} is disabled; what is pending stays\n")
    );
    let json = shown(&store, ID, &[]);
    assert_eq!(json["disabled"]["reason"], "manual");
    assert_eq!(json["disabled"]["detail"], "the portal moves");
    assert_eq!(
        (&json["enabled"], &json["pending"]),
        (&false.into(), &21.into())
    );
    let table = store.run(&["webhook", "show", ID], "").stdout;
    assert!(
        timeless(&table)
            .contains("disabled since 2026-06-04T10:30:00Z (manual): the portal moves\n"),
        "{table}"
    );
    let again = said(&store, &["webhook", "disable", ID, "--reason", "other"]);
    assert!(again.contains("was disabled before, at "), "{again}");
    assert_eq!(
        shown(&store, ID, &[])["disabled"]["detail"],
        "the portal moves"
    );
    // When it is enabled, an option has to say what becomes of the deliveries
    let unclear = store.run(&["webhook", "enable", ID], "");
    assert_eq!((unclear.code, unclear.stdout.as_str()), (Some(1), ""));
    assert!(timeless(&unclear.stderr).contains(&format!(
        "certlife: 21 deliveries are pending for webhook {ID}, the oldest of 2026-06-04T10:30:00Z: \
         pass --resume to send them, or --abandon to make them dead\n"
    )), "{}", unclear.stderr);
    assert_eq!(shown(&store, ID, &[])["enabled"], false);
    let both = store.run(&["webhook", "enable", ID, "--resume", "--abandon"], "");
    assert_eq!(both.code, Some(2));
    let reported = said(&store, &["webhook", "enable", ID, "--resume"]);
    assert_eq!(
        reported,
        format!(
            "certlife: webhook {ID} is enabled; 21 pending deliveries go on when their next attempts are due\n"
        )
    );
    let json = shown(&store, ID, &[]);
    assert_eq!(
        (&json["enabled"], &json["pending"]),
        (&true.into(), &21.into())
    );
    assert!(json["disabled"].is_null());
    nothing_is_abandoned_but_of_a_disabled_webhook(&store);
}

/// The webhook is enabled, and 21 deliveries are pending for it.
fn nothing_is_abandoned_but_of_a_disabled_webhook(store: &Scratch) {
    // Nothing is abandoned of one that is enabled
    let enabled = store.run(&["webhook", "enable", ID, "--abandon"], "");
    assert_eq!(enabled.code, Some(1));
    assert_eq!(
        enabled.stderr,
        format!("certlife: webhook {ID} is enabled already; nothing was abandoned\n")
    );
    assert_eq!(shown(store, ID, &[])["pending"], 21);
    // Then it is abandoned
    said(store, &["webhook", "disable", ID]);
    let reported = said(store, &["webhook", "enable", ID, "--abandon"]);
    assert_eq!(
        reported,
        format!("certlife: webhook {ID} is enabled; 21 pending deliveries are abandoned\n")
    );
    let json = shown(store, ID, &[]);
    assert_eq!((&json["pending"], &json["dead"]), (&0.into(), &21.into()));
    let dead = store
        .run(&["deliveries", "--json", "--status", "dead"], "")
        .events();
    assert!(
        dead.iter()
            .all(|it| it["reason"] == "abandoned when the webhook was enabled again")
    );
    // With nothing pending, nothing need be said.
    said(store, &["webhook", "disable", ID]);
    assert_eq!(
        said(store, &["webhook", "enable", ID]),
        format!("certlife: webhook {ID} is enabled\n")
    );
    assert_eq!(
        said(store, &["webhook", "enable", ID]),
        format!("certlife: webhook {ID} is enabled already\n")
    );
}

#[test]
fn what_is_abandoned_may_be_of_many_pages() {
    let store = Scratch::new();
    add(&store, &["https://example.com/hooks", "--id", ID]);
    store.run(&["apply"], &submits(1..=1100));
    said(&store, &["webhook", "disable", ID]);
    let reported = said(&store, &["webhook", "enable", ID, "--abandon"]);
    assert!(
        reported.contains("; 1100 pending deliveries are abandoned"),
        "{reported}"
    );
    assert_eq!(shown(&store, ID, &[])["pending"], 0);
}

pub(crate) fn submits(numbers: std::ops::RangeInclusive<u32>) -> String {
    let submit = |number| {
        format!(
            "{{\"command\":\"submit\",\"application_id\":{number},\"uuid\":\"00000000-0000-0000-0000-{number:012}\",\
         \"certificate_title\":\"Diploma\",\"applicant_email\":\"a@example.com\"}}\n"
        )
    };
    numbers.map(submit).collect()
}

#[test]
fn a_webhook_is_removed_after_a_yes() {
    let store = example();
    let unasked = store.run(&["webhook", "remove", ID], "y\n");
    assert_eq!((unasked.code, unasked.stdout.as_str()), (Some(2), ""));
    assert!(unasked.stderr.contains("pass --yes"), "{}", unasked.stderr);
    let ask = |answer: &str| {
        let remove = format!(
            "{} webhook remove {ID} --store sqlite:{}",
            env!("CARGO_BIN_EXE_certlife"),
            store.path("test.db").display()
        );
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--command", &remove, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`script` of util-linux makes the terminal");
        script
            .stdin
            .take()
            .unwrap()
            .write_all(answer.as_bytes())
            .unwrap();
        Run::from(script.wait_with_output().unwrap())
    };
    for answer in ["n\n", "\n", "yesterday\n"] {
        let asked = ask(answer);
        assert!(asked.stdout.contains("remove webhook a1b2c3d4-e5f6-7890-abcd-ef1234567890 (https://example.com/hooks) with its deliveries? [y/N] "), "{asked:?}");
        assert!(asked.stdout.contains("was not removed"), "{asked:?}");
        assert_eq!(asked.code, Some(1));
    }
    assert_eq!(shown(&store, ID, &[])["pending"], 21);
    let asked = ask("Yes\n");
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(asked.stdout.contains("was removed"));
    assert_eq!(store.run(&["deliveries", "--json"], "").stdout, "");
    add(&store, &["https://example.com/hooks", "--id", ID]);
    let reported = said(&store, &["webhook", "remove", ID, "--yes"]);
    assert_eq!(reported, format!("certlife: webhook {ID} was removed\n"));
}

#[test]
fn a_webhook_that_is_not_there_is_a_refusal() {
    let store = example();
    for command in [
        &["show"][..],
        &["rotate"],
        &["disable"],
        &["enable", "--abandon"],
        &["remove", "--yes"],
    ] {
        let run = store.run(&[&["webhook"], command, &[OTHER]].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        let unknown = |of| format!("certlife: institution {of:?} has no webhook {OTHER}\n");
        assert_eq!(run.stderr, unknown("default"));
        // Nor has another institution the one that there is.
        let of_another = [&["webhook"], command, &["--institution", "uni", ID]].concat();
        let run = store.run(&of_another, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert_eq!(run.stderr, unknown("uni").replace(OTHER, ID));
        let run = store.run(&[&["webhook"], command, &["x"]].concat(), "");
        assert_eq!(run.code, Some(2));
        assert!(
            run.stderr.contains("expected a hyphenated UUID"),
            "{}",
            run.stderr
        );
    }
    // But the first webhook makes the store.
    let store = Scratch::new();
    let list = store.run(&["webhook", "list"], "");
    assert_eq!(
        list.stderr,
        "certlife: there is no store in test.db; apply, import, webhook add, token create and migrate create it\n"
    );
    add(&store, &["https://example.com/hooks"]);
    assert_eq!(
        store.run(&["webhook", "list", "--json"], "").events().len(),
        1
    );
}

#[test]
fn on_a_database_it_is_the_same() {
    let store = Scratch::on_postgres();
    add(
        &store,
        &["https://example.com/hooks", "--id", ID, "--secret", SECRET],
    );
    store.run(&["apply"], &submits(1..=3));
    let rotated = store.run(&["webhook", "rotate", ID, "--secret", NEW], "");
    assert!(rotated.stdout.contains(NEW));
    assert_eq!(
        shown(&store, ID, &[])["old_secrets"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(shown(&store, ID, &[])["pending"], 3);
    said(&store, &["webhook", "disable", ID]);
    said(&store, &["webhook", "enable", ID, "--abandon"]);
    assert_eq!(
        store
            .run(&["deliveries", "--status", "dead", "--json"], "")
            .events()
            .len(),
        3
    );
    let reported = said(&store, &["redeliver", "--all-dead"]);
    assert_eq!(reported, "certlife: 3 redelivered\n");
    assert_eq!(shown(&store, ID, &[])["pending"], 3);
    said(&store, &["webhook", "remove", ID, "--yes"]);
    assert_eq!(store.run(&["deliveries", "--json"], "").stdout, "");
}

#[test]
#[cfg(target_os = "linux")]
fn an_unseen_secret_is_reported_as_lost() {
    let full = || {
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let gone = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let store = Scratch::new();
    let add = ["webhook", "add", "https://example.com/hooks", "--id", ID];
    let rotate = ["webhook", "rotate", "--json", ID];
    let outputs: [(&[&str], Stdio, &str); 3] = [
        (&add, full().into(), "No space left on device"),
        (&rotate, full().into(), "No space left on device"),
        (&rotate, gone().into(), "broken pipe"),
    ];
    for (args, output, problem) in outputs {
        let run = store.certlife(args).stdout(output).output().unwrap();
        let reported = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(2), "{reported}");
        let hint = format!("certlife webhook rotate {ID} replaces it");
        assert!(
            reported.contains(&hint) && reported.contains(problem),
            "{reported}"
        );
        assert_eq!(shown(&store, ID, &[])["id"], ID);
    }
}
