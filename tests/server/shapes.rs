//! The shapes of API.md: each row of its tables, its status, its headers and its members, in order.

mod conditions;
mod idempotency;
mod lists;
mod replay;
mod webhooks;
mod work;

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Answer, World, application, created, get, on_every_store, post, request, submit, upload,
};

on_every_store! {
    an_application_is_created,
    an_application_without_a_uuid_gets_one,
    each_transition,
    a_transition_that_is_not_legal,
    an_application_is_read,
    an_end_is_waited_for,
    a_history,
    counts,
    each_answer_has_an_id,
}

/// A, without what only some have.
const A: [&str; 10] = [
    "uuid",
    "application_id",
    "certificate_title",
    "applicant_email",
    "source",
    "trigger_context",
    "status",
    "version",
    "updated_at",
    "legal",
];

/// E.
const E: [&str; 4] = ["event_id", "version", "cursor", "payload"];

/// A problem, without extension members.
const P: [&str; 6] = ["type", "title", "status", "detail", "instance", "code"];

/// The members of A, with this one before the last.
fn with(member: &str) -> Vec<&str> {
    let mut members = A.to_vec();
    members.insert(9, member);
    members
}

#[track_caller]
fn is_time(value: &Value) {
    let text = value.as_str().unwrap();
    chrono::DateTime::parse_from_rfc3339(text).unwrap();
    assert!(text.ends_with('Z'), "{text}");
}

/// That an answer carries out a command: E and A, at this version.
#[track_caller]
fn carried_out(answer: &Answer, status: u16, version: u64, event: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("etag"), format!("\"{version}\""));
    assert_eq!(answer.header("x-request-id"), "test");
    assert_eq!(answer.headers.get("idempotent-replayed"), None);
    assert_eq!(answer.members(), ["application", "event"]);
    assert_eq!(answer.members_at("/event"), E);
    let body = answer.json();
    let (application, of) = (&body["application"], &body["event"]);
    assert_eq!(
        (&application["version"], &of["version"]),
        (&version.into(), &version.into())
    );
    assert_eq!(of["payload"]["event"], event);
    assert_eq!(of["payload"]["webhook_id"], Uuid::nil().to_string());
    assert_eq!(of["payload"]["uuid"], application["uuid"]);
    assert!(of["event_id"].as_str().unwrap().parse::<Uuid>().is_ok());
    assert!(of["cursor"].is_string(), "{of}");
    is_time(&application["updated_at"]);
    body
}

async fn an_application_is_created(world: World) {
    let answer = world.send(created(1)).await;
    let body = carried_out(&answer, 201, 1, "certificate_application.created");
    assert_eq!(
        answer.header("location"),
        format!("/v1/applications/{}", application(1))
    );
    assert_eq!(answer.members_at("/application"), A);
    let mut shown = body["application"].clone();
    shown.as_object_mut().unwrap().remove("updated_at");
    let expected = json!({
        "uuid": application(1), "application_id": 1,
        "certificate_title": "Certificate of Achievement",
        "applicant_email": "john@example.com", "source": "customer",
        "trigger_context": "customer_submission", "status": "created", "version": 1,
        "legal": ["begin_processing", "reject"],
    });
    assert_eq!(shown, expected);
    // An upload
    for (number, context) in [(2, "bulk_upload"), (3, "single_upload")] {
        let mut body = upload(number);
        body["trigger_context"] = context.into();
        let answer = world.send(post("/v1/applications", &body)).await;
        let body = carried_out(&answer, 201, 1, "certificate_application.created");
        assert_eq!(answer.members_at("/application"), A);
        assert_eq!(body["application"]["source"], "vault");
        assert_eq!(body["application"]["trigger_context"], context);
        assert_eq!(body["application"]["legal"], json!(["approve", "fail"]));
    }
    // Once more
    let answer = world.send(created(1)).await;
    answer.problem(409, "already_exists");
    assert_eq!(answer.members(), P);
}

async fn an_application_without_a_uuid_gets_one(world: World) {
    let mut body = submit(1);
    body.as_object_mut().unwrap().remove("uuid");
    let submit = || post("/v1/applications", &body).by("customer:john");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = world.send(submit()).await;
        let body = carried_out(&answer, 201, 1, "certificate_application.created");
        let uuid: Uuid = body["application"]["uuid"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        assert!(answer.header("location").ends_with(&uuid.to_string()));
        seen.push(uuid);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
    let keyed = world.send(submit().key("one")).await;
    let again = world.send(submit().key("one")).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((again.status, &again.body), (201, &keyed.body));
    assert_eq!(again.header("location"), keyed.header("location"));
    let other = world.send(submit().key("two")).await.json();
    assert_ne!(
        other["application"]["uuid"],
        keyed.json()["application"]["uuid"]
    );
}

async fn each_transition(world: World) {
    let reject = json!({"rejection_reason": "a duplicate"});
    let fail = json!({"error": "no template"});
    let none = json!({});
    let (jane, worker) = ("administrator:jane", "system:worker");
    let ends = || json!(["approve", "fail"]);
    let retries = || json!(["retry"]);
    // What is done, with which body, by whom
    let requests = [
        (1_u64, "begin-processing", &none, jane),
        (1, "fail", &fail, worker),
        (1, "retry", &none, jane),
        (1, "approve", &none, worker),
        (2, "reject", &reject, jane),
        (3, "fail", &fail, worker),
        (4, "approve", &none, worker),
    ];
    // The status then, what is legal then, and what is added to A
    let answers = [
        ("processing", ends(), ""),
        ("failed", retries(), "error"),
        ("retried", ends(), ""),
        ("approved", json!([]), ""),
        ("rejected", json!([]), "rejection_reason"),
        ("failed", retries(), "error"),
        ("approved", json!([]), ""),
    ];
    for number in [1, 2] {
        world.send(created(number)).await;
    }
    for number in [3, 4] {
        world.send(post("/v1/applications", &upload(number))).await;
    }
    let mut versions = [1_u64; 5];
    for (asked, (status, legal, added)) in requests.into_iter().zip(answers) {
        let (number, action, body, actor) = asked;
        let place = usize::try_from(number).unwrap();
        versions[place] += 1;
        let path = format!("/v1/applications/{}/{action}", application(number));
        let answer = world.send(post(path, body).by(actor)).await;
        let event = format!("certificate_application.{status}");
        let shown = carried_out(&answer, 200, versions[place], &event);
        assert_eq!(shown["application"]["status"], status);
        assert_eq!(shown["application"]["legal"], legal, "{action}");
        let expected = if added.is_empty() {
            A.to_vec()
        } else {
            with(added)
        };
        assert_eq!(answer.members_at("/application"), expected, "{action}");
        if !added.is_empty() {
            assert_eq!(shown["application"][added], body[added]);
        }
        // An upload's context is known later too
        let context = if number < 3 {
            "customer_submission"
        } else {
            "bulk_upload"
        };
        assert_eq!(shown["application"]["trigger_context"], context);
        let read = world
            .send(get(format!("/v1/applications/{}", application(number))))
            .await;
        assert_eq!(read.json(), shown["application"]);
        assert_eq!(read.header("etag"), answer.header("etag"));
    }
}

async fn a_transition_that_is_not_legal(world: World) {
    world.application(2, &["reject"]).await;
    let path = format!("/v1/applications/{}/approve", application(2));
    let answer = world.send(request("POST", path).by("system:worker")).await;
    let problem = answer.problem(409, "illegal_transition");
    let mut expected = P.to_vec();
    expected.extend(["current_status", "current_version", "legal"]);
    assert_eq!(answer.members(), expected);
    assert_eq!(problem["current_status"], "rejected");
    assert_eq!(
        (&problem["current_version"], &problem["legal"]),
        (&json!(2), &json!([]))
    );
}

async fn an_application_is_read(world: World) {
    let path = world.application(1, &["begin-processing"]).await;
    let answer = world.send(get(&path)).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"2\""));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.members(), A);
    let head = world.send(request("HEAD", &path)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), "\"2\"");
    for tags in ["\"2\"", "W/\"2\"", "*", "\"1\", \"2\""] {
        let same = world.send(get(&path).header("If-None-Match", tags)).await;
        assert_eq!((same.status, same.body.len()), (304, 0), "{tags}");
        assert_eq!(same.header("etag"), "\"2\"");
    }
    let other = world
        .send(get(&path).header("If-None-Match", "\"1\""))
        .await;
    assert_eq!(other.body, answer.body);
    let unknown = world
        .send(get(format!("/v1/applications/{}", application(2))))
        .await;
    unknown.problem(404, "unknown_application");
    assert_eq!(unknown.members(), P);
}

async fn an_end_is_waited_for(world: World) {
    let path = world.application(1, &["begin-processing"]).await;
    // Without an end, the answer is what is then
    let start = std::time::Instant::now();
    let answer = world
        .send(get(format!("{path}?wait=final&timeout=1")))
        .await;
    assert_eq!(answer.json()["status"], "processing");
    assert!(start.elapsed() >= Duration::from_millis(900));
    let waits = world.send(get(format!("{path}?wait=final&timeout=50")));
    let approves = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world
            .send(request("POST", format!("{path}/approve")).by("system:w"))
            .await
    };
    let (ended, decided) = tokio::join!(waits, approves);
    assert_eq!(ended.json(), decided.json()["application"]);
    assert_eq!(ended.header("etag"), "\"3\"");
    assert!(start.elapsed() < Duration::from_secs(30));
    let at_once = world.send(get(format!("{path}?wait=final"))).await;
    assert_eq!(at_once.body, ended.body);
    let unknown = format!("/v1/applications/{}?wait=final&timeout=50", application(2));
    world
        .send(get(unknown))
        .await
        .problem(404, "unknown_application");
}

async fn a_history(world: World) {
    let actions = ["begin-processing", "fail", "retry", "approve"];
    let path = world.application(1, &actions).await;
    let keyed = created(2).key("of the second");
    world.send(keyed).await;
    let answer = world.send(get(format!("{path}/history"))).await;
    assert_eq!(
        (answer.status, answer.members()),
        (200, vec!["data".to_owned()])
    );
    let entries = answer.json()["data"].as_array().unwrap().clone();
    let of = |name: &str| {
        entries
            .iter()
            .map(|it| it[name].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("version"), [1, 2, 3, 4, 5]);
    let names = ["created", "processing", "failed", "retried", "approved"];
    assert_eq!(
        of("event"),
        names.map(|it| format!("certificate_application.{it}"))
    );
    let (john, jane, worker) = ("customer:john", "administrator:jane", "system:worker");
    assert_eq!(of("actor"), [john, jane, worker, jane, worker]);
    let plain = ["version", "event", "at", "actor", "event_id"];
    let failed = ["version", "event", "at", "actor", "error", "event_id"];
    for (place, entry) in entries.iter().enumerate() {
        is_time(&entry["at"]);
        let members = answer.members_at(&format!("/data/{place}"));
        assert_eq!(members, if place == 2 { &failed[..] } else { &plain[..] });
    }
    let rejected = format!("/v1/applications/{}/reject", application(2));
    let body = json!({"rejection_reason": "a duplicate"});
    world.send(post(rejected, &body)).await;
    let answer = world
        .send(get(format!("/v1/applications/{}/history", application(2))))
        .await;
    let keyed = [
        "version",
        "event",
        "at",
        "actor",
        "idempotency_key",
        "event_id",
    ];
    assert_eq!(answer.members_at("/data/0"), keyed);
    assert_eq!(answer.json()["data"][0]["idempotency_key"], "of the second");
    let rejected = [
        "version",
        "event",
        "at",
        "actor",
        "rejection_reason",
        "event_id",
    ];
    assert_eq!(answer.members_at("/data/1"), rejected);
}

async fn counts(world: World) {
    let answer = world.send(get("/v1/counts")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"data": []})));
    for (number, actions) in [(1, &[][..]), (2, &[]), (3, &["reject"])] {
        world.application(number, actions).await;
    }
    world.send(post("/v1/applications", &upload(4))).await;
    let answer = world.send(get("/v1/counts")).await;
    let mut counts = answer.json()["data"].as_array().unwrap().clone();
    assert_eq!(counts.len(), 3);
    for (place, count) in counts.iter_mut().enumerate() {
        let members = ["status", "source", "applications", "oldest_updated_at"];
        assert_eq!(answer.members_at(&format!("/data/{place}")), members);
        is_time(&count["oldest_updated_at"]);
        count.as_object_mut().unwrap().remove("oldest_updated_at");
    }
    for (status, source, number) in [
        ("created", "customer", 2),
        ("rejected", "customer", 1),
        ("created", "vault", 1),
    ] {
        let expected = json!({"status": status, "source": source, "applications": number});
        assert!(counts.contains(&expected), "{expected} in {counts:?}");
    }
}

async fn each_answer_has_an_id(world: World) {
    let ask = |id: &str| get("/v1/counts").header("X-Request-Id", id);
    for sane in [
        "a",
        "7b1c-…".trim_end_matches('…'),
        &"x".repeat(128),
        "a/b:c=d,e;f\"g",
    ] {
        assert_eq!(world.send(ask(sane)).await.header("x-request-id"), sane);
    }
    for other in ["", "two words", "\u{e9}", &"x".repeat(129), "a\tb"] {
        let answer = world.send(ask(other)).await;
        let given: Uuid = answer.header("x-request-id").parse().unwrap();
        assert!(!given.is_nil(), "{other:?}");
    }
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("PUT", "/v1/counts", 405),
        ("GET", "/health/live", 200),
        ("GET", "/openapi.json", 200),
    ] {
        let answer = world
            .send(request(method, path).header("X-Request-Id", "mine"))
            .await;
        assert_eq!(
            (answer.status, answer.header("x-request-id")),
            (status, "mine")
        );
    }
}
