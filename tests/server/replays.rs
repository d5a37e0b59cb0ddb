//! `Idempotency-Key` on the requests that make no event: each has one effect, and a repeat the same
//! answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use certificate_lifecycle::delivery::HttpOptions;
use certificate_lifecycle::server::ServerOptions;
use certificate_lifecycle::store::{Role, Scope, Scopes};
use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, Kind, Things, World, application, created, get, on_every_store, post, request,
};

on_every_store! {
    each_route_has_one_effect_and_one_answer,
    a_test_event_is_sent_once,
    what_was_decided_against_is_answered_again,
    what_was_not_decided_on_frees_the_key,
    a_key_belongs_to_one_request,
    a_key_in_quotes_is_the_bare_one,
    each_institution_has_its_own_keys,
    a_token_is_shown_once,
    of_several_at_a_time_one_is_carried_out,
    a_client_that_goes_away_has_the_answer_later,
    without_a_key_nothing_is_kept,
}

/// That an answer is the first one once more, and says so.
#[track_caller]
fn is_replay(first: &Answer, again: &Answer) {
    assert_eq!(again.header("idempotent-replayed"), "true", "{again:?}");
    assert_eq!(first.headers.get("idempotent-replayed"), None, "{first:?}");
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["etag", "location", "content-type", "cache-control"] {
        assert_eq!(again.headers.get(name), first.headers.get(name), "{name}");
    }
}

/// A request of each route that has an effect on these, one after the other, with the status of its
/// answer.
fn each(things: &Things) -> Vec<(Ask, u16)> {
    let webhook =
        |verb: &str, body: Value| post(format!("/v1/webhooks/{}/{verb}", things.webhook), &body);
    let work = |verb: &str, body: Value| post(format!("/v1/work/{}/{verb}", things.work), &body);
    let ids = json!({"ids": [things.delivery.parse::<i64>().unwrap()]});
    let mut reasoned = ids.clone();
    reasoned["reason"] = "it is not wanted".into();
    vec![
        (webhook("disable", json!({"reason": "too loud"})), 200),
        (webhook("rotate", json!({"grace": 60})), 200),
        (post("/v1/deliveries/abandon", &reasoned), 200),
        (post("/v1/deliveries/redeliver", &ids), 200),
        (webhook("enable", json!({"pending": "resume"})), 200),
        (
            webhook("replay", json!({"from": "2020-01-01T00:00:00Z"})),
            202,
        ),
        (work("heartbeat", json!({"lease": 600})), 200),
        (work("again", json!({"error": "no paper", "after": 0})), 204),
        (
            post("/v1/work/claim", &json!({"lease": 600})).by("system:worker"),
            200,
        ),
    ]
}

async fn each_route_has_one_effect_and_one_answer(world: World) {
    let things = world.things().await;
    let mut firsts = Vec::new();
    for (number, (ask, status)) in each(&things).into_iter().enumerate() {
        let ask = ask.key(&format!("key-{number}"));
        let first = world.send(ask.clone()).await;
        assert_eq!(first.status, status, "{}: {first:?}", ask.path);
        let before = world.everything(&world.ours).await;
        is_replay(&first, &world.send(ask.clone()).await);
        // Another id of the request changes nothing
        let renamed = ask.clone().header("X-Request-Id", "another");
        let again = world.send(renamed).await;
        assert_eq!(again.header("x-request-id"), "another");
        is_replay(&first, &again);
        assert_eq!(world.everything(&world.ours).await, before, "{}", ask.path);
        firsts.push((ask, first));
    }
    // What was claimed is released once, and a repeat of it does not release what is claimed then
    let (_, claimed) = firsts.last().unwrap();
    let work = claimed.json()["data"][0]["work"]
        .as_str()
        .unwrap()
        .to_owned();
    let release = request("POST", format!("/v1/work/{work}/release")).key("release");
    let first = world.send(release.clone()).await;
    assert_eq!(first.status, 204, "{first:?}");
    let claim = post("/v1/work/claim", &json!({}))
        .by("system:worker")
        .key("another claim");
    let another = world.send(claim).await.json();
    let another = another["data"][0]["work"].as_str().unwrap().to_owned();
    is_replay(&first, &world.send(release).await);
    let heartbeat = post(format!("/v1/work/{another}/heartbeat"), &json!({}));
    assert_eq!(world.send(heartbeat).await.status, 200);
    // Long after, all have the same answers
    let before = world.everything(&world.ours).await;
    for (ask, first) in &firsts {
        is_replay(first, &world.send(ask.clone()).await);
    }
    assert_eq!(world.everything(&world.ours).await, before);
}

async fn a_test_event_is_sent_once(world: World) {
    let loopback = vec!["127.0.0.0/8".parse().unwrap()];
    let targets = HttpOptions::default()
        .with_allow_http(true)
        .with_allow_targets(loopback);
    let options = ServerOptions::default().with_targets(targets);
    let world = World::with(world.kind, options).await;
    // Given a webhook whose server closes each connection
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&accepted);
    let serving = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let body = json!({"url": format!("http://127.0.0.1:{port}/")});
    let id = world.send(post("/v1/webhooks", &body)).await.json()["id"].clone();
    let path = format!("/v1/webhooks/{}/test", id.as_str().unwrap());
    let test = || request("POST", path.clone());
    let ask = test().key("a");
    let first = world.send(ask.clone()).await;
    assert_eq!(first.status, 200, "{first:?}");
    let connections = accepted.load(Ordering::SeqCst);
    assert!(connections > 0);
    is_replay(&first, &world.send(ask).await);
    assert_eq!(accepted.load(Ordering::SeqCst), connections);
    // Another key sends another one
    assert_eq!(world.send(test().key("b")).await.status, 200);
    assert!(accepted.load(Ordering::SeqCst) > connections);
    serving.abort();
}

async fn what_was_decided_against_is_answered_again(world: World) {
    let things = world.things().await;
    let nowhere = format!("/v1/webhooks/{}", application(9));
    let webhook = format!("/v1/webhooks/{}", things.webhook);
    let gone = format!("/v1/work/{}", "f".repeat(64));
    for (number, (ask, status, code)) in [
        (
            post(format!("{nowhere}/rotate"), &json!({})),
            404,
            "unknown_webhook",
        ),
        (
            post(format!("{webhook}/disable"), &json!({})).header("If-Match", "\"7\""),
            412,
            "conflict",
        ),
        (
            post(format!("{webhook}/rotate"), &json!({"x": 1})),
            422,
            "invalid_request",
        ),
        (
            post(format!("{gone}/heartbeat"), &json!({})),
            409,
            "lease_lost",
        ),
        (
            request("POST", format!("{gone}/release")),
            409,
            "lease_lost",
        ),
        (
            post("/v1/tokens", &json!({"name": "x"})),
            422,
            "invalid_request",
        ),
        (
            post("/v1/deliveries/redeliver", &json!({})),
            422,
            "invalid_request",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let ask = ask.key(&format!("key-{number}"));
        let first = world.send(ask.clone()).await;
        first.problem(status, code);
        let again = world.send(ask.header("X-Request-Id", "another")).await;
        is_replay(&first, &again);
        // It is the problem of the first request.
        assert_eq!(again.json()["instance"], "test");
    }
    // And it stays so when the reason has passed
    let disable = post(format!("{webhook}/disable"), &json!({})).header("If-Match", "\"1\"");
    let first = world.send(disable.clone().key("early")).await;
    first.problem(412, "conflict");
    assert_eq!(
        world
            .send(post(format!("{webhook}/rotate"), &json!({})))
            .await
            .status,
        200
    );
    is_replay(&first, &world.send(disable.clone().key("early")).await);
    assert_eq!(world.send(disable.key("another")).await.status, 200);
}

async fn what_was_not_decided_on_frees_the_key(world: World) {
    let things = world.things().await;
    let path = format!("/v1/webhooks/{}/rotate", things.webhook);
    let right = post(path.clone(), &json!({})).key("a");
    let scopes = Role::Viewer.scopes();
    let viewer = world
        .token(Some("our-university"), "administrator:jane", scopes)
        .await;
    let scopes = Scopes::none().with(Scope::TokensWrite);
    let maker = world
        .token(Some("our-university"), "administrator:jane", scopes)
        .await;
    let large = vec![b' '; (1 << 20) + 1];
    for (ask, status, code) in [
        (right.clone().with(&viewer), 403, "forbidden"),
        (right.clone().anonymous(), 401, "unauthenticated"),
        (
            request("POST", path.clone())
                .body("text/plain", "{}")
                .key("a"),
            415,
            "unsupported_media_type",
        ),
        (
            request("POST", path.clone())
                .body("application/json", large)
                .key("a"),
            413,
            "too_large",
        ),
        (
            request("POST", path.clone())
                .body("application/json", "{")
                .key("a"),
            400,
            "invalid_json",
        ),
        (
            post("/v1/tokens", &json!({"name": "x", "role": "viewer"}))
                .with(&maker)
                .key("a"),
            403,
            "forbidden",
        ),
    ] {
        for _ in 0..2 {
            let answer = world.send(ask.clone()).await;
            answer.problem(status, code);
            assert_eq!(answer.headers.get("idempotent-replayed"), None);
        }
    }
    for wrong in ["", "\"a", &"x".repeat(256)] {
        let answer = world.send(post(path.clone(), &json!({})).key(wrong)).await;
        assert_eq!(answer.faults(), ["Idempotency-Key"], "{wrong:?}");
    }
    let first = world.send(right.clone()).await;
    assert_eq!(first.status, 200, "{first:?}");
    is_replay(&first, &world.send(right).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_server_frees_the_key() {
    let world = World::fresh(Kind::Sqlite).await;
    let things = world.things().await;
    let path = format!("/v1/webhooks/{}/rotate", things.webhook);
    let rotate = post(path, &json!({})).key("a");
    // Given a webhook that is corrupt
    let file = rusqlite::Connection::open(world.folder.path().join("applications.db")).unwrap();
    let settings = "SELECT settings FROM certlife_webhook";
    let settings: String = file.query_row(settings, [], |row| row.get(0)).unwrap();
    let edit = "UPDATE certlife_webhook SET settings = ?1";
    file.execute(edit, ["{}"]).unwrap();
    for _ in 0..2 {
        let answer = world.send(rotate.clone()).await;
        answer.problem(500, "corrupt");
        assert_eq!(answer.headers.get("idempotent-replayed"), None);
    }
    // When it is mended, then the same request is carried out
    file.execute(edit, [&settings]).unwrap();
    let first = world.send(rotate.clone()).await;
    assert_eq!(first.status, 200, "{first:?}");
    is_replay(&first, &world.send(rotate).await);
}

async fn a_key_belongs_to_one_request(world: World) {
    let things = world.things().await;
    let path = format!("/v1/webhooks/{}/rotate", things.webhook);
    let ask = post(path.clone(), &json!({"grace": 60})).key("a");
    let first = world.send(ask.clone()).await;
    assert_eq!(first.status, 200, "{first:?}");
    let before = world.everything(&world.ours).await;
    for other in [
        post(path.clone(), &json!({"grace": 61})),
        request("POST", path.clone()),
        ask.clone().by("administrator:john"),
        ask.clone().header("If-Match", "\"0\""),
        post(
            format!("/v1/webhooks/{}/disable", things.webhook),
            &json!({}),
        ),
        post("/v1/work/claim", &json!({"grace": 60})),
    ] {
        let other = if other.has("idempotency-key") {
            other
        } else {
            other.key("a")
        };
        for _ in 0..2 {
            let answer = world.send(other.clone()).await;
            answer.problem(422, "idempotency_mismatch");
            assert_eq!(answer.headers.get("idempotent-replayed"), None);
        }
    }
    assert_eq!(world.everything(&world.ours).await, before);
    is_replay(&first, &world.send(ask).await);
    // The keys of commands are apart
    let command = created(5).key("a");
    assert_eq!(world.send(command).await.status, 201);
}

async fn a_key_in_quotes_is_the_bare_one(world: World) {
    let things = world.things().await;
    let rotate = post(
        format!("/v1/webhooks/{}/rotate", things.webhook),
        &json!({}),
    );
    let first = world.send(rotate.clone().key("a b")).await;
    is_replay(&first, &world.send(rotate.key("\"a b\"")).await);
}

async fn each_institution_has_its_own_keys(world: World) {
    let claim = post("/v1/work/claim", &json!({}))
        .by("system:worker")
        .key("a");
    world.application(1, &["begin-processing"]).await;
    let ours = world.send(claim.clone()).await;
    assert_eq!(ours.json()["data"].as_array().unwrap().len(), 1);
    let theirs = claim.clone().with(&world.theirs);
    let first = world.send(theirs.clone()).await;
    assert_eq!(first.text(), r#"{"data":[]}"#);
    assert_eq!(first.headers.get("idempotent-replayed"), None);
    is_replay(&first, &world.send(theirs).await);
    is_replay(&ours, &world.send(claim).await);
}

async fn a_token_is_shown_once(world: World) {
    let ask = post("/v1/tokens", &json!({"name": "portal", "role": "viewer"})).key("a");
    let first = world.send(ask.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let (id, token) = (first.json()["id"].clone(), first.json()["token"].clone());
    let (id, token) = (id.as_str().unwrap(), token.as_str().unwrap());
    let before = world.everything(&world.ours).await;
    for _ in 0..2 {
        let again = world.send(ask.clone()).await;
        let problem = again.problem(409, "already_exists");
        assert_eq!(again.header("idempotent-replayed"), "true");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("DELETE /v1/tokens/{id}")),
            "{detail}"
        );
        assert!(!again.text().contains(token), "{again:?}");
        assert!(!again.text().contains(token.rsplit('_').next().unwrap()));
    }
    assert_eq!(world.everything(&world.ours).await, before);
    // The token is good, and another key makes another one
    assert_eq!(
        world.send(get("/v1/applications").with(token)).await.status,
        200
    );
    let another = post("/v1/tokens", &json!({"name": "portal", "role": "viewer"})).key("b");
    assert_eq!(world.send(another).await.status, 201);
}

/// Sends a request again until it is not in progress any more.
async fn settled(world: &World, ask: Ask) -> Answer {
    loop {
        let answer = world.send(ask.clone()).await;
        if answer.status != 409 || answer.json()["code"] != "in_progress" {
            return answer;
        }
        answer.problem(409, "in_progress");
        assert_eq!(answer.header("retry-after"), "1");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

async fn of_several_at_a_time_one_is_carried_out(world: World) {
    let things = world.things().await;
    let path = format!("/v1/webhooks/{}/rotate", things.webhook);
    let ask = post(path, &json!({})).key("a");
    let all = (0..6).map(|_| settled(&world, ask.clone()));
    let answers = futures_util::future::join_all(all).await;
    let replayed = answers
        .iter()
        .filter(|it| it.headers.contains_key("idempotent-replayed"));
    assert_eq!(replayed.count(), 5);
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    let webhook = world
        .send(get(format!("/v1/webhooks/{}", things.webhook)))
        .await;
    assert_eq!(webhook.header("etag"), "\"1\"");
}

async fn a_client_that_goes_away_has_the_answer_later(world: World) {
    // Given a claim that waits, whose client goes away
    let claim = post("/v1/work/claim", &json!({"wait": 20}))
        .by("system:worker")
        .key("a");
    let waiting = world.send(claim.clone());
    let gone = tokio::time::timeout(std::time::Duration::from_secs(1), waiting).await;
    assert!(gone.is_err());
    world.send(claim.clone()).await.problem(409, "in_progress");
    // When work comes, then the claim has it
    world.application(1, &["begin-processing"]).await;
    let answer = settled(&world, claim).await;
    assert_eq!(answer.header("idempotent-replayed"), "true");
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 1);
}

async fn without_a_key_nothing_is_kept(world: World) {
    let things = world.things().await;
    let rotate = post(
        format!("/v1/webhooks/{}/rotate", things.webhook),
        &json!({}),
    );
    let [first, second] = [world.send(rotate.clone()).await, world.send(rotate).await];
    assert_ne!(first.body, second.body);
    assert_eq!(second.headers.get("idempotent-replayed"), None);
}
