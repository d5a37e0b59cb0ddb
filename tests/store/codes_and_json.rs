//! What of the stores and the engine is shown to programs, as codes and JSON, and to people, as
//! sentences.

use certificate_lifecycle::store::{
    Actor, ActorKind, Count, Cursor, DeliveryFilter, DeliveryStatus, ExecuteError, ListOrder,
    ListQuery, MemoryStore, Outbox, PageKey, Refusal, StoreError,
};
use certificate_lifecycle::webhook::{CustomHeaders, Disabled, DisabledReason};
use certificate_lifecycle::{Action, Source, Status, Timestamp};
use serde_json::{Value, json};

use crate::outbox_world::{attempted, of_ours};
use crate::support::at;
use crate::world::{OURS, TestClock, act, engine_on, id, jane, john, key, ours, submit};

fn json_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[tokio::test]
async fn every_error_has_a_code_that_stays() {
    let engine = engine_on(MemoryStore::new(), &TestClock::default());
    let code = async |request| engine.execute(request).await.unwrap_err().code();
    engine.execute(submit(0).with_key(key("k"))).await.unwrap();
    let mut by_a_customer = act(0, Action::BeginProcessing);
    by_a_customer.actor = john();
    assert_eq!(code(by_a_customer).await, "forbidden");
    assert_eq!(code(act(9, Action::Retry)).await, "unknown_application");
    assert_eq!(code(submit(0)).await, "already_exists");
    let stale = act(0, Action::Reject).expecting(7);
    assert_eq!(code(stale).await, "conflict");
    assert_eq!(code(act(0, Action::Retry)).await, "illegal_transition");
    let early = act(0, Action::Reject).at(at(-1));
    assert_eq!(code(early).await, "invalid_command");
    let other = submit(1).with_key(key("k"));
    assert_eq!(code(other).await, "idempotency_mismatch");
    let all = engine.execute_all(vec![submit(2), submit(0)]).await;
    assert_eq!(all[0].as_ref().unwrap_err().code(), "abandoned");

    let (reason, cause) = (String::new(), None);
    let errors = [
        StoreError::Unavailable {
            reason: reason.clone(),
            cause: cause.clone(),
        },
        StoreError::Misconfigured {
            reason: reason.clone(),
            cause: cause.clone(),
        },
        StoreError::UnknownOutcome { reason, cause },
        StoreError::RefusedByDatabase {
            reason: String::new(),
        },
        StoreError::Corrupt {
            row: String::new(),
            problem: String::new(),
        },
        StoreError::NewerSchema { found: 9, known: 2 },
        StoreError::OlderSchema {
            found: 2,
            needed: 9,
        },
        StoreError::CursorBeyondEnd {
            cursor: Cursor::new(9, 0),
            end: Cursor::START,
        },
        StoreError::NoStore {
            place: String::new(),
        },
        StoreError::NotAStore {
            place: String::new(),
            problem: String::new(),
        },
    ];
    let codes = errors.map(|error| (error.code(), ExecuteError::from(error).code()));
    let expected = [
        "unavailable",
        "misconfigured",
        "unknown_outcome",
        "refused_by_database",
        "corrupt",
        "newer_schema",
        "older_schema",
        "cursor_beyond_end",
        "no_store",
        "not_a_store",
    ];
    assert_eq!(codes, expected.map(|code| (code, code)));
}

#[test]
fn every_code_is_in_the_guide() {
    let guide = include_str!("../../docs/stores.md");
    for code in [
        "forbidden",
        "unknown_application",
        "already_exists",
        "conflict",
        "illegal_transition",
        "invalid_command",
        "idempotency_mismatch",
        "abandoned",
        "unavailable",
        "misconfigured",
        "unknown_outcome",
        "corrupt",
        "newer_schema",
        "older_schema",
        "no_store",
        "not_a_store",
    ] {
        assert!(guide.contains(&format!("| `{code}` |")), "{code}");
    }
}

#[test]
fn messages_say_the_word_that_can_be_sent() {
    let forbidden = Refusal::Forbidden {
        actor: john(),
        operation: "begin_processing",
        permitted: &[ActorKind::Administrator],
    };
    assert_eq!(
        forbidden.to_string(),
        "customer may not begin_processing; who may: administrator"
    );
    let mismatch = Refusal::IdempotencyMismatch {
        key: key("k\"9"),
        operation: "begin_processing",
        uuid: id(0),
        actor: jane(),
        differing: vec!["application_id", "certificate_title"],
    };
    assert_eq!(
        mismatch.to_string(),
        format!(
            "this idempotency key was used for another command: begin_processing of application {}; \
             what differs: application_id, certificate_title",
            id(0)
        )
    );
    let at = Timestamp::new(at(0)).unwrap();
    let backwards = Refusal::Backwards { at, last: at };
    assert_eq!(ExecuteError::from(backwards).code(), "invalid_command");
}

#[test]
fn an_actor_that_is_none_says_what_was_expected() {
    let problem = |text: &str| text.parse::<Actor>().unwrap_err().to_string();
    assert_eq!(
        problem("customer"),
        "expected an actor as kind:id, such as administrator:jane, but there is no colon"
    );
    assert!(problem("").starts_with("expected an actor as kind:id"));
    let kinds =
        "the part of an actor before the colon must be one of: customer, administrator, system";
    assert_eq!(problem("robot:x"), kinds);
    assert!(problem("customer:").contains("1 to 255 characters"));
    assert!(problem(&"x".repeat(1000)).len() < 200);
}

#[tokio::test]
async fn what_is_kept_is_json_without_secrets() {
    let store = MemoryStore::new();
    let mut webhook = of_ours(1);
    webhook.endpoint.headers = CustomHeaders::new([("Authorization", "Bearer t0ken")]).unwrap();
    webhook.endpoint.description = "our portal".parse().unwrap();
    assert!(store.add_webhook(webhook.clone()).await.unwrap());
    let engine = engine_on(store.clone(), &TestClock::default());
    let request = submit(0).with_key(key("k"));
    let receipt = engine.execute(request).await.unwrap();
    let rejected = engine.execute(act(0, Action::Reject)).await.unwrap();
    let illegal = engine.execute(act(0, Action::Retry)).await.unwrap_err();
    let [created, last] = &engine.history(&ours(), id(0)).await.unwrap()[..] else {
        panic!("two things have happened");
    };
    assert_eq!(
        json_of(created),
        json!({
            "version": 1, "event": "certificate_application.created", "at": "2026-06-04T10:30:00Z",
            "actor": "customer:john", "idempotency_key": "k", "cursor": created.cursor.to_string(),
            "event_id": receipt.event.id(), "uuid": id(0), "institution": "our-university",
        })
    );
    assert_eq!(json_of(last)["rejection_reason"], "Duplicate certificate");
    let application = rejected.event.application();
    assert_eq!(json_of(&application), json_of(&application.to_record()));
    assert_eq!(
        json_of(illegal.refusal().unwrap()),
        json!({
            "code": "illegal_transition", "message": illegal.to_string(),
            "current_status": "rejected", "current_version": 2, "legal": [],
        })
    );
    let conflict = engine
        .execute(act(0, Action::Retry).expecting(1))
        .await
        .unwrap_err();
    let conflict = json_of(conflict.refusal().unwrap());
    assert_eq!(conflict["current_version"], 2);
    assert_eq!(conflict["current_status"], "rejected");
    assert!(conflict["legal"].is_null());
    let url = "https://hooks.example.com/1";
    assert_eq!(
        json_of(&webhook),
        json!({
            "id": webhook.id, "institution": "our-university", "url": url,
            "events": ["created", "processing", "approved", "rejected", "failed", "retried"],
            "description": "our portal", "headers": ["authorization"], "enabled": true,
            "created_at": "2026-06-04T10:30:00Z", "failing_since": null, "not_before": null,
            "revision": 0,
        })
    );
    webhook.endpoint.disabled =
        Some(Disabled::new(DisabledReason::Gone, at(0)).with_detail("it is".parse().unwrap()));
    assert_eq!(
        json_of(&webhook)["disabled"],
        json!({"reason": "gone", "at": "2026-06-04T10:30:00Z", "detail": "it is"})
    );
    a_delivery_is_json(&store, webhook.id).await;
}

/// The only one: of the creation of application 0.
async fn a_delivery_is_json(store: &MemoryStore, webhook: uuid::Uuid) {
    let page = store.deliveries(Some(&OURS), DeliveryFilter::default(), None, 1);
    let mut delivery = page.await.unwrap().deliveries.remove(0);
    let mut expected = json!({
        "id": delivery.id.0, "event": "certificate_application.created", "version": 1,
        "application": id(0), "webhook": webhook, "institution": "our-university",
        "status": "pending", "attempts": 0, "recorded_at": "2026-06-04T10:30:00Z",
        "due_at": "2026-06-04T10:30:00Z",
    });
    assert_eq!(json_of(&delivery), expected);
    delivery.status = DeliveryStatus::Dead;
    delivery.reason = Some("no".to_owned());
    let fields = expected.as_object_mut().unwrap();
    let when = fields.remove("due_at").unwrap();
    fields.insert("settled_at".to_owned(), when);
    fields.insert("status".to_owned(), "dead".into());
    fields.insert("reason".to_owned(), "no".into());
    assert_eq!(json_of(&delivery), expected);
    assert_eq!(
        json_of(&attempted(0, 204)),
        json!({
            "at": "2026-06-04T10:30:00Z", "milliseconds": 12, "status": 204, "error": null,
            "excerpt": null,
        })
    );
}

#[tokio::test]
async fn what_a_backend_answers_with_is_json() {
    let engine = engine_on(MemoryStore::new(), &TestClock::default());
    let receipt = engine.execute(submit(0)).await.unwrap();
    let record = json_of(&receipt.event.application().to_record());
    assert_eq!(
        json_of(&receipt),
        json!({
            "event": "certificate_application.created",
            "event_id": receipt.event.id(),
            "cursor": receipt.cursor.to_string(),
            "application": record,
            "replayed": false,
        })
    );
    engine.execute(submit(1)).await.unwrap();
    // A page, whose key comes back out of a request
    let query = ListQuery::new(ours()).limit(1);
    let page = engine.list(query.clone()).await.unwrap();
    let shown = json_of(&page);
    assert_eq!(shown["applications"], json!([record]));
    let next: PageKey = serde_json::from_value(shown["next"].clone()).unwrap();
    assert_eq!(shown["next"], json!(next.to_string()));
    let rest = engine.list(query.after(next)).await.unwrap();
    assert_eq!(rest.applications[0].uuid(), id(1));
    assert_eq!(json_of(&rest)["next"], Value::Null);
    // A cursor
    let cursor = Cursor::new(17, 3);
    assert_eq!(json_of(&cursor), json!("17-3"));
    let back: Cursor = serde_json::from_str("\"17-3\"").unwrap();
    assert_eq!(back, cursor);
    for wrong in ["17", "\"\"", "\"17-\"", "null"] {
        assert!(serde_json::from_str::<Cursor>(wrong).is_err(), "{wrong}");
        assert!(serde_json::from_str::<PageKey>("\"x\"").is_err());
    }
    // Counts
    let expected = json!([{"status": "created", "source": "customer", "applications": 2,
                           "oldest_updated_at": "2026-06-04T10:30:00Z"}]);
    assert_eq!(json_of(&engine.counts(&ours()).await.unwrap()), expected);
    let count = Count {
        status: Status::Failed,
        source: Source::Vault,
        applications: 1,
        oldest_updated_at: at(0),
    };
    assert_eq!(json_of(&count)["status"], "failed");
}

#[test]
fn a_query_that_says_nothing_is_the_first_page_of_all() {
    let query = ListQuery::new(ours());
    assert_eq!(query.order, ListOrder::OldestFirst);
    assert_eq!((query.after, query.limit), (None, ListQuery::LIMIT));
    assert_eq!(query.clone().limit(0).page_size(), 1);
    assert_eq!(query.limit(u32::MAX).page_size(), u32::MAX);
}

#[test]
fn an_engine_can_be_looked_at() {
    let engine = engine_on(MemoryStore::new(), &TestClock::default());
    assert!(format!("{engine:?}").starts_with("Engine"));
}
