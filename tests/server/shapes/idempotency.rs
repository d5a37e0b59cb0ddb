//! `Idempotency-Key`: a request that is repeated is answered as the first time, to the byte.

use certificate_lifecycle::store::Role;
use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, Kind, OURS, World, application, created, get, on_every_store, post, request,
    submit, upload,
};

on_every_store! {
    what_was_carried_out_is_answered_again,
    what_was_refused_is_answered_again,
    a_key_in_quotes_is_the_bare_one,
    a_key_belongs_to_one_command,
    two_at_a_time_are_carried_out_once,
    a_registered_webhook_is_shown_again_to_its_actor_alone,
}

/// That an answer is the same as the first one, and says so.
#[track_caller]
fn is_replay(first: &Answer, again: &Answer, case: &str) {
    assert_eq!(again.header("idempotent-replayed"), "true", "{case}");
    assert_eq!(first.headers.get("idempotent-replayed"), None, "{case}");
    assert_eq!(
        (again.status, &again.body),
        (first.status, &first.body),
        "{case}"
    );
    for name in ["etag", "location", "content-type"] {
        assert_eq!(
            again.headers.get(name),
            first.headers.get(name),
            "{case}: {name}"
        );
    }
}

async fn what_was_carried_out_is_answered_again(world: World) {
    let path = format!("/v1/applications/{}", application(1));
    let act = |action: &str, body: Value, actor: &str| {
        post(format!("{path}/{action}"), &body)
            .by(actor)
            .key(action)
    };
    let error = json!({"error": "no template"});
    let asks = [
        created(1).key("create"),
        act("begin-processing", json!({}), "administrator:jane").header("If-Match", "\"1\""),
        act("fail", error, "system:worker"),
        act("retry", json!({}), "administrator:jane"),
        act("approve", json!({}), "system:worker").header("If-Match", "\"4\""),
        post("/v1/applications", &upload(2)).key("upload"),
        created(3).key("another"),
        post(
            format!("/v1/applications/{}/reject", application(3)),
            &json!({"rejection_reason": "x"}),
        )
        .key("reject"),
    ];
    let mut firsts = Vec::new();
    for ask in &asks {
        let first = world.send(ask.clone()).await;
        assert!(first.status < 300, "{first:?}");
        is_replay(&first, &world.send(ask.clone()).await, &ask.path);
        firsts.push(first);
    }
    let before = world.everything(&world.ours).await;
    // Long after, and beside another version, too
    for (ask, first) in asks.iter().zip(&firsts) {
        is_replay(first, &world.send(ask.clone()).await, &ask.path);
    }
    assert_eq!(world.everything(&world.ours).await, before);
}

/// Requests that are refused, each in another way: the status and the code.
fn refused() -> Vec<(Ask, u16, &'static str)> {
    let path = |number| format!("/v1/applications/{}", application(number));
    let (worker, jane) = ("system:worker", "administrator:jane");
    let mut other = submit(1);
    other["certificate_title"] = "Another".into();
    vec![
        (
            request("POST", format!("{}/approve", path(1))).by(worker),
            409,
            "illegal_transition",
        ),
        (
            request("POST", format!("{}/retry", path(1))).by(jane),
            409,
            "illegal_transition",
        ),
        (
            post("/v1/applications", &other).by("customer:john"),
            409,
            "already_exists",
        ),
        (
            request("POST", format!("{}/retry", path(9))).by(jane),
            404,
            "unknown_application",
        ),
        (
            request("POST", format!("{}/approve", path(1))).by(jane),
            403,
            "forbidden",
        ),
        (
            post("/v1/applications", &submit(8)).by(jane),
            403,
            "forbidden",
        ),
        (
            request("POST", format!("{}/begin-processing", path(1)))
                .by(jane)
                .header("If-Match", "\"7\""),
            412,
            "conflict",
        ),
        (
            request("POST", format!("{}/begin-processing", path(1)))
                .by(jane)
                .header("If-Match", "W/\"1\""),
            412,
            "conflict",
        ),
    ]
}

async fn what_was_refused_is_answered_again(world: World) {
    world.application(1, &[]).await;
    let mut firsts = Vec::new();
    for (number, (ask, status, code)) in refused().into_iter().enumerate() {
        let ask = ask.key(&format!("key {number}"));
        let first = world.send(ask.clone()).await;
        first.problem(status, code);
        let again = world.send(ask.clone()).await;
        // What is forbidden is forbidden at any time: no key has to remember it.
        if code == "forbidden" {
            assert_eq!((again.status, &again.body), (status, &first.body), "{code}");
        } else {
            is_replay(&first, &again, code);
        }
        firsts.push((ask, first, code));
    }
    // The application moves on, and what was answered stays
    world
        .send(request(
            "POST",
            format!("/v1/applications/{}/begin-processing", application(1)),
        ))
        .await;
    let before = world.everything(&world.ours).await;
    for (ask, first, code) in firsts {
        let again = world.send(ask).await;
        assert_eq!(
            (again.status, &again.body),
            (first.status, &first.body),
            "{code}"
        );
    }
    assert_eq!(world.everything(&world.ours).await, before);
}

async fn a_key_in_quotes_is_the_bare_one(world: World) {
    let pairs = [
        ("bare", "\"bare\""),
        ("with blanks", "\"with blanks\""),
        ("a\\b", "\"a\\\\b\""),
        ("a\"b", "\"a\\\"b\""),
        ("umlaut-ü", "\"umlaut-ü\""),
    ];
    for (number, (bare, quoted)) in pairs.into_iter().enumerate() {
        let number = number as u64 + 1;
        let first = world.send(created(2 * number).key(bare)).await;
        assert_eq!(first.status, 201, "{bare}: {first:?}");
        is_replay(
            &first,
            &world.send(created(2 * number).key(quoted)).await,
            bare,
        );
        let path = format!("/v1/applications/{}/history", application(2 * number));
        let history = world.send(get(path)).await.json();
        assert_eq!(history["data"][0]["idempotency_key"], bare);
        // The other way round
        let (bare, quoted) = (
            format!("{bare}+"),
            format!("{}+\"", &quoted[..quoted.len() - 1]),
        );
        let first = world.send(created(2 * number + 1).key(&quoted)).await;
        is_replay(
            &first,
            &world.send(created(2 * number + 1).key(&bare)).await,
            &bare,
        );
    }
    let longest = "x".repeat(255);
    for (key, status) in [(longest.as_str(), 201), (&"x".repeat(256), 422)] {
        assert_eq!(world.send(created(50).key(key)).await.status, status);
    }
    for wrong in [
        "", "\"", "\"\"", "\"a", "\"a\"b\"", "\"a\\\"", "\"a\\n\"", "a\tb", "   ",
    ] {
        let answer = world.send(created(60).key(wrong)).await;
        assert_eq!(answer.faults(), ["Idempotency-Key"], "{wrong:?}");
    }
    let invalid = created(60).header("Idempotency-Key", [0x61, 0xff]);
    assert_eq!(world.send(invalid).await.faults(), ["Idempotency-Key"]);
    let twice = created(60).key("a").key("a");
    assert_eq!(world.send(twice).await.faults(), ["Idempotency-Key"]);
}

async fn a_key_belongs_to_one_command(world: World) {
    world.send(created(1).key("the key")).await;
    let mut other = submit(1);
    other["certificate_title"] = "Another".into();
    let answer = world.send(
        post("/v1/applications", &other)
            .by("customer:john")
            .key("the key"),
    );
    let answer = answer.await;
    let problem = answer.problem(422, "idempotency_mismatch");
    let mut expected = super::P.to_vec();
    expected.push("differing");
    assert_eq!(answer.members(), expected);
    assert_eq!(problem["differing"], json!(["certificate_title"]));
    // Neither may the same key reject it, nor create another one
    let path = format!("/v1/applications/{}/begin-processing", application(1));
    let answer = world.send(request("POST", path).key("the key")).await;
    answer.problem(422, "idempotency_mismatch");
    world
        .send(created(2).key("the key"))
        .await
        .problem(422, "idempotency_mismatch");
    world.send(created(1).by("customer:jim")).await.faults();
    let webhook = |url: &str| post("/v1/webhooks", &json!({"url": url})).key("hook");
    let first = world.send(webhook("https://example.com/a")).await;
    is_replay(
        &first,
        &world.send(webhook("https://example.com/a")).await,
        "webhook",
    );
    world
        .send(webhook("https://example.com/b"))
        .await
        .problem(422, "idempotency_mismatch");
    let all = world.send(get("/v1/webhooks")).await.json();
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
}

async fn two_at_a_time_are_carried_out_once(world: World) {
    let path = world.application(1, &["begin-processing"]).await;
    let approve = || {
        request("POST", format!("{path}/approve"))
            .by("system:w")
            .key("once")
    };
    let all = futures_util::future::join_all((0..8).map(|_| world.send(approve()))).await;
    let replayed = |it: &&Answer| it.headers.contains_key("idempotent-replayed");
    assert_eq!(all.iter().filter(replayed).count(), 7);
    for answer in &all {
        assert_eq!((answer.status, &answer.body), (200, &all[0].body));
    }
    let create = || created(2).key("two");
    let all = futures_util::future::join_all((0..8).map(|_| world.send(create()))).await;
    assert_eq!(all.iter().filter(replayed).count(), 7);
    for answer in &all {
        assert_eq!((answer.status, &answer.body), (201, &all[0].body));
    }
}

/// The request that registers a webhook under a key.
fn register() -> Ask {
    post("/v1/webhooks", &json!({"url": "https://example.com/a"})).key("hook")
}

async fn a_registered_webhook_is_shown_again_to_its_actor_alone(world: World) {
    let first = world.send(register()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/webhooks/{id}");
    let all = Role::Administrator.scopes();
    let john = world.token(Some(OURS), "administrator:john", all).await;
    let rotate = post(format!("{path}/rotate"), &json!({"revoke": true}));
    let change = request("PATCH", &path).json(&json!({"description": "x"}));
    let remove = request("DELETE", &path);
    for (change, status) in [(rotate, 200), (change, 200), (remove, 204)] {
        assert_eq!(world.send(change).await.status, status);
        let before = world.everything(&world.ours).await;
        is_replay(&first, &world.send(register()).await, "the same");
        let other = world.send(register().with(&john)).await;
        other.problem(422, "idempotency_mismatch");
        assert!(!other.text().contains("whsec_"), "{other:?}");
        assert_eq!(world.everything(&world.ours).await, before);
    }
}

/// What a process that dies leaves, once its key is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_was_broken_off_is_taken_up_once() {
    let world = World::fresh(Kind::Sqlite).await;
    let file = rusqlite::Connection::open(world.folder.path().join("applications.db")).unwrap();
    let forget = || file.execute("DELETE FROM certlife_reply", []).unwrap();
    let first = world.send(register()).await;
    forget();
    // The same request finds its webhook
    is_replay(&first, &world.send(register()).await, "taken up");
    forget();
    // Another actor with the same key does not
    let all = Role::Administrator.scopes();
    let john = world.token(Some(OURS), "administrator:john", all).await;
    let other = world.send(register().with(&john)).await;
    assert_eq!(other.status, 201, "{other:?}");
    assert_ne!(other.json()["id"], first.json()["id"]);
    assert_ne!(other.json()["secret"], first.json()["secret"]);
    forget();
    // Changed since, it shows no secret
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let rotate = format!("/v1/webhooks/{id}/rotate");
    assert_eq!(world.send(post(rotate, &json!({}))).await.status, 200);
    let again = world.send(register()).await;
    let problem = again.problem(409, "already_exists");
    assert!(problem["detail"].as_str().unwrap().contains(&id));
    assert!(!again.text().contains("whsec_"), "{again:?}");
}
