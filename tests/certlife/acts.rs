//! What the command line does to webhooks, deliveries and tokens is recorded: who did what.

use certificate_lifecycle::store::{ActOutcome, Audit, InstitutionId, SqliteStore};

use crate::{Scratch, file};

/// The acts of the store, the oldest first: the kind, what it is about, what is said of it, and
/// what came of it.
fn acts(store: &Scratch) -> Vec<(String, String, String, String)> {
    let path = store.path("test.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let institution = InstitutionId::new("default").unwrap();
    let page = runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap();
        store.acts(Some(&institution), None, 100).await.unwrap()
    });
    assert!(page.corrupt.is_empty() && page.next.is_none());
    let acts = page.acts.into_iter().rev().map(|it| {
        assert_eq!(it.act.actor.to_string(), "system:certlife");
        let outcome = match it.outcome {
            Some(ActOutcome::Done) => "done".to_owned(),
            Some(ActOutcome::Refused(why)) => why.to_string(),
            other => format!("{other:?}"),
        };
        let (subject, detail) = (it.act.subject.to_string(), it.act.detail.to_string());
        (it.act.kind.to_string(), subject, detail, outcome)
    });
    acts.collect()
}

#[test]
fn what_is_done_to_webhooks_deliveries_and_tokens_is_recorded() {
    let store = Scratch::new();
    let id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
    let run = |args: &[&str], code: i32| {
        let run = store.run(args, "");
        assert_eq!(run.code, Some(code), "{args:?}: {}", run.stderr);
        run
    };
    run(&["apply", &file("docs/examples/lives.jsonl")], 0);
    let url = "https://example.com/hooks?key=not-to-be-seen";
    run(&["webhook", "add", "--id", id, url], 0);
    run(&["webhook", "rotate", id], 0);
    run(&["webhook", "disable", "--reason", "a break", id], 0);
    run(&["webhook", "enable", id], 0);
    run(&["webhook", "replay", "--events", "rejected", id], 0);
    run(&["webhook", "replay", "--dry-run", id], 0);
    run(&["webhook", "disable", id], 0);
    run(&["webhook", "enable", "--abandon", id], 0);
    run(&["redeliver", "--all-dead"], 0);
    run(&["webhook", "remove", "--yes", id], 0);
    run(&["webhook", "remove", "--yes", id], 1);
    let reader = [
        "--name",
        "reader",
        "--institution",
        "default",
        "--actor",
        "system:reader",
    ];
    let token = [&["token", "create", "--role", "viewer"], &reader[..]].concat();
    let token = run(&token, 0);
    let (_, secret) = token.stdout.trim().rsplit_once('_').unwrap();
    let acts = acts(&store);
    let of = |kind: &str, detail: &str| {
        (
            kind.to_owned(),
            id.to_owned(),
            detail.to_owned(),
            "done".to_owned(),
        )
    };
    let expected = [
        of("webhook.registered", "example.com"),
        of("webhook.rotated", "grace 86400 s"),
        of("webhook.disabled", "a break"),
        of("webhook.enabled", ""),
        of("deliveries.replayed", "events=rejected"),
        of("webhook.disabled", ""),
        of("webhook.enabled", "pending: drop"),
    ];
    assert_eq!(acts[..7], expected);
    let rest: Vec<_> = acts[7..]
        .iter()
        .map(|it| (&*it.0, &*it.2, &*it.3))
        .collect();
    assert_eq!(
        rest[..2],
        [
            ("deliveries.redelivered", "status=dead", "done"),
            ("webhook.removed", "", "done"),
        ]
    );
    assert_eq!(rest.last().unwrap().0, "token.created");
    let all = format!("{acts:?}");
    assert!(
        !all.contains("not-to-be-seen") && !all.contains("whsec_") && !all.contains(secret),
        "{all}"
    );
}
