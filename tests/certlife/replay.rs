//! `certlife webhook replay`: what a webhook never got.

use serde_json::json;

use crate::{Run, Scratch, file};

const APPLICATIONS: &str = "docs/examples/lives.jsonl";

/// A store with applications, and a webhook that was registered afterwards.
fn late() -> (Scratch, String) {
    let store = Scratch::new();
    assert_eq!(store.run(&["apply", &file(APPLICATIONS)], "").code, Some(0));
    let added = store.run(
        &["webhook", "add", "--json", "https://example.com/hooks"],
        "",
    );
    let added: serde_json::Value = serde_json::from_str(&added.stdout).unwrap();
    let id = added["id"].as_str().unwrap().to_owned();
    (store, id)
}

#[test]
fn a_webhook_gets_what_it_never_got() {
    let (store, id) = late();
    let replay = |more: &[&str]| {
        let run = store.run(&[&["webhook", "replay", &id], more].concat(), "");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    };
    let all = store.run(&["events", "--json"], "").events().len();
    let deliveries = || store.run(&["deliveries", "--json"], "").events().len();
    let counted = replay(&["--dry-run"]);
    assert_eq!(
        (counted.stdout.as_str(), counted.stderr),
        (
            "",
            format!("certlife: {all} events would be sent to webhook {id}\n")
        )
    );
    let none = replay(&["--dry-run", "--json", "--until", "2020-01-01T00:00:00Z"]);
    assert_eq!(none.events(), [json!({"deliveries": 0})]);
    assert_eq!(deliveries(), 0);
    let rejected = replay(&["--json", "--events", "rejected"]).events()[0]["deliveries"].clone();
    let rejected = usize::try_from(rejected.as_u64().unwrap()).unwrap();
    assert!(rejected > 0 && rejected < all, "{rejected} of {all}");
    let rest = replay(&[]).stderr;
    let rest_count = all - rejected;
    assert_eq!(
        rest,
        format!("certlife: {rest_count} events are due to webhook {id}\n")
    );
    assert_eq!(
        replay(&[]).stderr,
        format!("certlife: 0 events are due to webhook {id}\n")
    );
    assert_eq!(deliveries(), all);
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let (store, id) = late();
    let refused = |args: &[&str], code: i32, words: &str| {
        let Run {
            code: is, stderr, ..
        } = store.run(&[&["webhook", "replay"], args].concat(), "");
        assert_eq!(is, Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    };
    let unknown = "00000000-0000-0000-0000-000000000009";
    refused(&[unknown], 1, "has no webhook 00000000");
    refused(&["--institution", "another", &id], 1, "has no webhook");
    let time = "2026-06-04T10:30:00Z";
    let times = ["--since", time, "--until", time, &id];
    refused(&times, 2, "--until must be later than --since");
    refused(&["--events", "nonsense", &id], 2, "nonsense");
    let narrow = [
        "webhook",
        "add",
        "--json",
        "--events",
        "approved",
        "https://example.com/",
    ];
    let narrow: serde_json::Value = serde_json::from_str(&store.run(&narrow, "").stdout).unwrap();
    let narrow = narrow["id"].as_str().unwrap();
    let words = "does not want created,rejected, only approved";
    refused(&["--events", "approved,rejected,created", narrow], 2, words);
    // A disabled one keeps what is made, and says so
    let disabled = ["webhook", "disable", &id];
    assert_eq!(store.run(&disabled, "").code, Some(0));
    let run = store.run(&["webhook", "replay", &id], "");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("is disabled, and"), "{}", run.stderr);
}
