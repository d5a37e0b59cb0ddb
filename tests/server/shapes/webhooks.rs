//! Webhooks, tokens, health and the document.

use certificate_lifecycle::delivery::HttpOptions;
use certificate_lifecycle::server::ServerOptions;
use serde_json::{Value, json};

use super::is_time;
use crate::support::{Answer, Kind, World, get, on_every_store, post, request};

on_every_store! {
    a_webhook_lives,
    a_webhook_is_disabled_and_enabled,
    a_token_is_made_listed_and_revoked,
    health,
    null_counts_as_absent,
}

/// W.
const W: [&str; 11] = [
    "id",
    "institution",
    "url",
    "events",
    "description",
    "headers",
    "enabled",
    "created_at",
    "failing_since",
    "not_before",
    "revision",
];

fn new() -> Value {
    json!({
        "url": "https://example.com/hooks",
        "events": ["created", "certificate_application.rejected"],
        "description": "of the dean",
        "headers": {"X-Api-Key": "hidden"},
    })
}

#[track_caller]
fn with_secret(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    let mut expected = W.to_vec();
    expected.push("secret");
    assert_eq!(answer.members(), expected);
    assert_eq!(answer.header("cache-control"), "no-store");
    let secret = answer.json()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    secret
}

async fn a_webhook_lives(world: World) {
    let answer = world.send(post("/v1/webhooks", &new()).key("first")).await;
    let secret = with_secret(&answer, 201);
    let body = answer.json();
    let id = body["id"].as_str().unwrap();
    let path = format!("/v1/webhooks/{id}");
    assert_eq!(
        (answer.header("location"), answer.header("etag")),
        (path.as_str(), "\"0\"")
    );
    assert_eq!(body["events"], json!(["created", "rejected"]));
    assert_eq!(body["headers"], json!(["x-api-key"]));
    assert_eq!(
        (&body["enabled"], &body["revision"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(body["institution"], "our-university");
    is_time(&body["created_at"]);
    let again = world
        .send(post("/v1/webhooks", &new()).key("\"first\""))
        .await;
    assert_eq!((again.status, &again.body), (201, &answer.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    // Read, neither the secret nor the value of a header is there
    for path in [path.as_str(), "/v1/webhooks"] {
        let read = world.send(get(path)).await;
        assert_eq!(read.status, 200);
        for hidden in [&secret, "hidden", "whsec_"] {
            assert!(!read.text().contains(hidden), "{read:?}");
        }
    }
    let read = world.send(get(&path)).await;
    assert_eq!(
        (read.members(), read.header("etag")),
        (W.map(str::to_owned).to_vec(), "\"0\"")
    );
    let known = world
        .send(get(&path).header("If-None-Match", "\"0\""))
        .await;
    assert_eq!(known.status, 304);
    // Changed: what is absent stays
    let change = json!({"description": "new", "events": ["failed"]});
    let changed = world.send(request("PATCH", &path).json(&change)).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"1\""));
    let mut expected = read.json();
    expected["description"] = "new".into();
    expected["events"] = json!(["failed"]);
    expected["revision"] = 1.into();
    assert_eq!(changed.json(), expected);
    let same = world.send(request("PATCH", &path).json(&change)).await;
    assert_eq!((same.status, same.header("etag")), (200, "\"1\""));
    // A new secret
    for body in [
        json!({}),
        json!({"grace": 60, "switch_over": 0}),
        json!({"revoke": true}),
    ] {
        let rotated = world.send(post(format!("{path}/rotate"), &body)).await;
        assert_ne!(with_secret(&rotated, 200), secret);
    }
    let removed = world.send(request("DELETE", &path)).await;
    assert_eq!((removed.status, removed.body.len()), (204, 0));
    world.send(get(&path)).await.problem(404, "unknown_webhook");
}

async fn a_webhook_is_disabled_and_enabled(world: World) {
    let things = world.things().await;
    let path = format!("/v1/webhooks/{}", things.webhook);
    let disable = || post(format!("{path}/disable"), &json!({"reason": "it is moved"}));
    let answer = world.send(disable()).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"1\""));
    let mut expected = W.to_vec();
    expected.insert(7, "disabled");
    assert_eq!(answer.members(), expected);
    assert_eq!(answer.members_at("/disabled"), ["reason", "at", "detail"]);
    let body = answer.json();
    assert_eq!(
        (&body["enabled"], &body["disabled"]["reason"]),
        (&json!(false), &json!("manual"))
    );
    assert_eq!(body["disabled"]["detail"], "it is moved");
    let again = world.send(disable()).await;
    assert_eq!((again.status, &again.body), (200, &answer.body));
    // Something is pending, so it has to be said what becomes of it
    let enable = |body: Value| post(format!("{path}/enable"), &body);
    assert_eq!(world.send(enable(json!({}))).await.faults(), ["/pending"]);
    assert_eq!(
        world
            .send(enable(json!({"pending": "keep"})))
            .await
            .faults(),
        ["/pending"]
    );
    let answer = world.send(enable(json!({"pending": "drop"}))).await;
    assert_eq!(
        (answer.status, answer.members()),
        (200, W.map(str::to_owned).to_vec())
    );
    let dead = world.send(get("/v1/deliveries?status=dead")).await.json();
    assert_eq!(dead["data"].as_array().unwrap().len(), 2);
    let again = world.send(enable(json!({}))).await;
    assert_eq!((again.status, &again.body), (200, &answer.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_event_is_answered_with_its_attempt() {
    let loopback = vec!["127.0.0.0/8".parse().unwrap()];
    let targets = HttpOptions::default()
        .with_allow_http(true)
        .with_allow_targets(loopback);
    let options = ServerOptions::default().with_targets(targets);
    let world = World::with(Kind::Memory, options).await;
    // A port that is taken, and not listened on
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let body = json!({"url": format!("http://127.0.0.1:{port}/")});
    let id = world.send(post("/v1/webhooks", &body)).await.json()["id"].clone();
    let path = format!("/v1/webhooks/{}/test", id.as_str().unwrap());
    let answer = world.send(request("POST", path)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let members = ["at", "milliseconds", "status", "error", "excerpt"];
    assert_eq!(answer.members(), members);
    let attempt = answer.json();
    is_time(&attempt["at"]);
    assert!(
        attempt["error"].is_string() && attempt["status"].is_null(),
        "{attempt}"
    );
    // Elsewhere, such a target is refused
    let strict = World::fresh(Kind::Memory).await;
    assert_eq!(
        strict.send(post("/v1/webhooks", &body)).await.faults(),
        ["/url"]
    );
}

async fn a_token_is_made_listed_and_revoked(world: World) {
    let body = json!({
        "name": "of the portal", "actor": "customer:portal",
        "scopes": ["events:read", "applications:read"], "expires_at": "2090-01-01T01:00:00+01:00",
    });
    let answer = world.send(post("/v1/tokens", &body)).await;
    assert_eq!(
        (answer.status, answer.members()),
        (201, vec!["id".into(), "token".to_owned()])
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let made = answer.json();
    let (id, token) = (
        made["id"].as_str().unwrap(),
        made["token"].as_str().unwrap(),
    );
    assert_eq!(answer.header("location"), format!("/v1/tokens/{id}"));
    let secret = token.strip_prefix(&format!("clt_{id}_")).unwrap();
    assert_eq!(secret.len(), 64);
    assert_eq!(world.send(get("/v1/events").with(token)).await.status, 200);
    let list = world.send(get("/v1/tokens")).await;
    assert!(!list.text().contains(secret));
    let all = list.json();
    let place = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .position(|it| it["id"] == id)
        .unwrap();
    let members = [
        "id",
        "name",
        "institution",
        "actor",
        "scopes",
        "created_at",
        "expires_at",
        "last_used_at",
    ];
    assert_eq!(list.members_at(&format!("/data/{place}")), members);
    let listed = &all["data"][place];
    assert_eq!(
        listed["scopes"],
        json!(["applications:read", "events:read"])
    );
    assert_eq!(listed["actor"], "customer:portal");
    assert_eq!(listed["expires_at"], "2090-01-01T00:00:00Z");
    let revoke = || request("DELETE", format!("/v1/tokens/{id}"));
    assert_eq!(world.send(revoke()).await.status, 204);
    world.send(revoke()).await.problem(404, "unknown_token");
    // Without an actor, it is the caller's
    let by = post("/v1/tokens", &json!({"name": "x", "role": "viewer"})).by("customer:jim");
    assert_eq!(world.send(by).await.status, 201);
    let list = world.send(get("/v1/tokens")).await.json();
    let made = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "x")
        .unwrap();
    assert_eq!(made["actor"], "customer:jim");
}

async fn health(world: World) {
    let live = world.send(get("/health/live").anonymous()).await;
    assert_eq!(
        (live.status, live.members()),
        (200, vec!["status".into(), "checks".to_owned()])
    );
    let ready = world.send(get("/health/ready").anonymous()).await;
    assert_eq!(ready.status, 200, "{ready:?}");
    let body = ready.json();
    assert_eq!(body["status"], "ok");
    let names = body["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["store", "schema", "feed"]);
    for answer in [live, ready] {
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let document = world.send(get("/openapi.json").anonymous()).await;
    assert_eq!(document.header("content-type"), "application/json");
    assert!(
        document.json()["openapi"]
            .as_str()
            .unwrap()
            .starts_with("3.1")
    );
    assert_eq!(document.text(), certificate_lifecycle::server::openapi());
}

async fn null_counts_as_absent(world: World) {
    let new = json!({"url": "https://example.com/hooks", "events": null, "headers": null});
    let answer = world.send(post("/v1/webhooks", &new)).await;
    with_secret(&answer, 201);
    assert_eq!(answer.json()["events"].as_array().unwrap().len(), 6);

    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let rotation = json!({"grace": null, "revoke": null});
    let answer = world.send(post(format!("/v1/webhooks/{id}/rotate"), &rotation));
    with_secret(&answer.await, 200);

    let again = json!({"ids": null, "filter": {"status": null}, "dry_run": null});
    let answer = world.send(post("/v1/deliveries/redeliver", &again)).await;
    assert_eq!(answer.json(), json!({"deliveries": 0}), "{answer:?}");
}
