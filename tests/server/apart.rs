//! Institutions are apart: what belongs to another one is answered as what does not exist anywhere,
//! byte for byte, and no route changes it.

use serde_json::{Value, json};

use crate::support::{
    Ask, Things, World, application, created, get, nothing, on_every_store, post, request,
};

on_every_store! {
    what_others_have_is_answered_as_what_does_not_exist,
    lists_show_nothing_of_others,
    keys_of_others_are_free,
    a_line_of_commands_reaches_no_other,
}

/// What names the application, as the other institution would ask.
fn about_the_application(of: &Things) -> Vec<Ask> {
    let application = format!("/v1/applications/{}", of.application);
    let error = json!({"error": "no template"});
    let none = json!({});
    vec![
        get(&application),
        get(format!("{application}?wait=final&timeout=0")),
        get(&application).header("If-None-Match", "\"2\""),
        request("HEAD", &application),
        get(format!("{application}/history")),
        get(format!("{application}/deliveries")),
        post(format!("{application}/begin-processing"), &none),
        post(format!("{application}/approve"), &none).by("system:worker"),
        post(
            format!("{application}/reject"),
            &json!({"rejection_reason": "x"}),
        ),
        post(format!("{application}/fail"), &error).by("system:worker"),
        post(format!("{application}/retry"), &none),
        post(format!("{application}/approve"), &none)
            .by("system:worker")
            .key("a key"),
        post(format!("{application}/approve"), &none)
            .by("system:worker")
            .header("If-Match", "\"2\""),
        post(format!("{application}/approve"), &none).header("If-Match", "\"7\""),
    ]
}

/// Every request that names something, with each of these things as its name.
fn requests(of: &Things) -> Vec<Ask> {
    let webhook = format!("/v1/webhooks/{}", of.webhook);
    let work = format!("/v1/work/{}", of.work);
    let delivery: u64 = of.delivery.parse().unwrap();
    let error = json!({"error": "no template"});
    let none = json!({});
    let from = json!({"from": "2020-01-01T00:00:00Z", "to": null, "dry_run": null});
    let mut all = about_the_application(of);
    all.extend([
        get(format!("/v1/deliveries?application={}", of.application)),
        get(format!("/v1/deliveries?webhook={}", of.webhook)),
        get(format!("/v1/deliveries/{}", of.delivery)),
        get(format!("/v1/deliveries?after={}", delivery - 1)),
        get(&webhook),
        get(&webhook).header("If-None-Match", "\"0\""),
        request("PATCH", &webhook).json(&json!({"description": "mine"})),
        request("PATCH", &webhook)
            .json(&none)
            .header("If-Match", "\"5\""),
        request("DELETE", &webhook).header("If-Match", "\"5\""),
        request("DELETE", &webhook),
        post(format!("{webhook}/rotate"), &json!({"revoke": true})),
        post(format!("{webhook}/test"), &none),
        post(format!("{webhook}/disable"), &json!({"reason": "x"})),
        post(format!("{webhook}/enable"), &json!({"pending": "drop"})),
        post(format!("{webhook}/replay"), &from),
        post("/v1/deliveries/redeliver", &json!({"ids": [delivery]})),
        post(
            "/v1/deliveries/redeliver",
            &json!({"filter": {"status": "pending"}}),
        ),
        post(
            "/v1/deliveries/redeliver",
            &json!({"ids": [delivery], "dry_run": true}),
        ),
        post(
            "/v1/deliveries/abandon",
            &json!({"ids": [delivery], "reason": "x"}),
        ),
        post(
            "/v1/deliveries/abandon",
            &json!({"filter": {}, "reason": "x"}),
        ),
        post(
            "/v1/deliveries/abandon",
            &json!({"filter": {}, "reason": "x", "dry_run": true}),
        ),
        request("DELETE", format!("/v1/tokens/{}", of.token)),
        post(format!("{work}/heartbeat"), &json!({"lease": 60})),
        post(format!("{work}/approve"), &none).by("system:worker"),
        post(format!("{work}/approve"), &none)
            .by("system:worker")
            .key("b key"),
        post(format!("{work}/fail"), &error).by("system:worker"),
        post(format!("{work}/again"), &json!({"error": "x", "after": 0})),
        post(format!("{work}/release"), &none),
        post("/v1/work/claim", &json!({"limit": 100})),
    ]);
    for of_webhook in ["webhook", "application"] {
        let id = if of_webhook == "webhook" {
            &of.webhook
        } else {
            &of.application
        };
        let filter = json!({"filter": {of_webhook: id}});
        all.push(post("/v1/deliveries/redeliver", &filter));
    }
    all
}

async fn what_others_have_is_answered_as_what_does_not_exist(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    // In a store that has never had any of it, the same requests
    let empty = World::fresh(world.kind).await;
    for ask in requests(&things) {
        let case = format!("{} {} {:?}", ask.method, ask.path, ask.body);
        let of_others = world.send(ask.clone().with(&world.theirs)).await;
        let of_none = empty.send(ask.with(&empty.theirs)).await;
        assert_eq!(of_others, of_none, "{case}");
        assert!(of_others.status < 500, "{case}: {of_others:?}");
    }
    // A name that is well-formed and free is answered so in the same store
    for ask in requests(&nothing()) {
        let case = format!("{} {}", ask.method, ask.path);
        let here = world.send(ask.clone().with(&world.theirs)).await;
        let of_none = empty.send(ask.with(&empty.theirs)).await;
        assert_eq!(here, of_none, "{case}");
    }
    // Nothing of it was changed
    assert_eq!(world.everything(&world.ours).await, before);
    let webhook = world
        .send(get(format!("/v1/webhooks/{}", things.webhook)))
        .await;
    assert_eq!(webhook.header("etag"), "\"0\"");
    // The token is still good, and the lease is still held
    let heartbeat = post(
        format!("/v1/work/{}/heartbeat", things.work),
        &json!({"lease": 9}),
    );
    assert_eq!(world.send(heartbeat).await.status, 200);
    let tokens = world.send(get("/v1/tokens")).await.json();
    let is_there = |it: &Value| it["id"] == things.token.as_str();
    assert!(tokens["data"].as_array().unwrap().iter().any(is_there));
}

async fn lists_show_nothing_of_others(world: World) {
    world.things().await;
    for (path, expected) in [
        ("/v1/applications", json!({"data": [], "next": null})),
        (
            "/v1/applications?status=processing&source=customer",
            json!({"data": [], "next": null}),
        ),
        (
            "/v1/applications?title=certificate&order=newest",
            json!({"data": [], "next": null}),
        ),
        (
            "/v1/applications?application_id=1",
            json!({"data": [], "next": null}),
        ),
        (
            "/v1/applications?email=john@example.com",
            json!({"data": [], "next": null}),
        ),
        (
            "/v1/applications?in_progress=true",
            json!({"data": [], "next": null}),
        ),
        ("/v1/counts", json!({"data": []})),
        ("/v1/webhooks", json!({"data": [], "next": null})),
        ("/v1/deliveries", json!({"data": [], "next": null})),
    ] {
        let answer = world.send(get(path).with(&world.theirs)).await;
        assert_eq!(answer.json(), expected, "{path}");
    }
    let tokens = world
        .send(get("/v1/tokens?limit=100").with(&world.theirs))
        .await
        .json();
    let of = |it: &Value| it["institution"].as_str().unwrap().to_owned();
    let of: Vec<_> = tokens["data"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(of, ["their-university"]);
    // The feed: nothing, then their own alone, whatever comes in between
    assert_eq!(world.events(&world.theirs, 0).await, json!([]));
    let submit = created(7).with(&world.theirs);
    assert_eq!(world.send(submit).await.status, 201);
    world.application(8, &["reject"]).await;
    // Ours are all there, and so are theirs before them.
    world.events(&world.ours, 4).await;
    let seen = world.events(&world.theirs, 1).await;
    assert_eq!(seen[0]["institution"], "their-university");
    for ours in ["our-university", &application(8), &application(1)] {
        assert!(!seen.to_string().contains(ours), "{seen}");
    }
    // And no webhook of theirs is sent anything of ours, nor the other way round
    let deliveries = world.send(get("/v1/deliveries?limit=100")).await;
    assert!(!deliveries.text().contains(&application(7)));
}

/// A key, and the UUID or id that is made of it, belong to one institution.
async fn keys_of_others_are_free(world: World) {
    let mut body = crate::support::submit(1);
    body.as_object_mut().unwrap().remove("uuid");
    let submit = || {
        post("/v1/applications", &body)
            .by("customer:john")
            .key("the same")
    };
    let ours = world.send(submit()).await;
    let theirs = world.send(submit().with(&world.theirs)).await;
    assert_eq!((ours.status, theirs.status), (201, 201));
    assert_ne!(
        ours.json()["application"]["uuid"],
        theirs.json()["application"]["uuid"]
    );
    let hook = || post("/v1/webhooks", &json!({"url": "https://example.com/"})).key("the same");
    let ours = world.send(hook()).await;
    let theirs = world.send(hook().with(&world.theirs)).await;
    assert_eq!((ours.status, theirs.status), (201, 201));
    assert_ne!(ours.json()["id"], theirs.json()["id"]);
    assert_ne!(ours.json()["secret"], theirs.json()["secret"]);
    for answer in [ours, theirs] {
        assert_eq!(answer.headers.get("idempotent-replayed"), None);
    }
}

async fn a_line_of_commands_reaches_no_other(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let uuid = &things.application;
    let lines = |with: &str| {
        let line = format!(r#"{{"command":"approve","uuid":"{uuid}","actor":"system:w"{with}}}"#);
        request("POST", "/v1/commands").body("application/x-ndjson", line)
    };
    let empty = World::fresh(world.kind).await;
    let plain = world.send(lines("").with(&world.theirs)).await;
    assert_eq!(plain, empty.send(lines("").with(&empty.theirs)).await);
    let line: Value = serde_json::from_str(plain.text()).unwrap();
    assert_eq!(line["problem"]["code"], "unknown_application");
    let named = lines(r#","institution":"our-university""#);
    let named = world.send(named.with(&world.theirs)).await;
    let line: Value = serde_json::from_str(named.text()).unwrap();
    assert_eq!(line["problem"]["code"], "forbidden");
    for atomic in ["true", "false"] {
        let mut ask = lines("").with(&world.theirs);
        ask.path = format!("/v1/commands?atomic={atomic}");
        assert!(!world.send(ask).await.text().contains("\"event\""));
    }
    assert_eq!(world.everything(&world.ours).await, before);
}
