//! `If-Match`: which version a request expects.

use certificate_lifecycle::server::ServerOptions;
use serde_json::{Value, json};

use crate::support::{Kind, World, application, get, on_every_store, post, request};

on_every_store! {
    a_transition_expects_a_version,
    a_webhook_expects_a_revision,
}

async fn a_transition_expects_a_version(world: World) {
    let path = world.application(1, &["begin-processing"]).await;
    let approve = |tag: &str| {
        let ask = request("POST", format!("{path}/approve"));
        ask.by("system:worker").header("If-Match", tag)
    };
    // Another version, another server's tag, a weak one: 412, with what is there now
    let never = [
        "\"1\"", "\"3\"", "\"0\"", "\"\"", "\"abc\"", "W/\"2\"", "\"02\"", "\"+2\"", "\" 2\"",
    ];
    for tag in never
        .into_iter()
        .chain(["\"18446744073709551615\"", "\"99999999999999999999\""])
    {
        let answer = world.send(approve(tag)).await;
        let problem = answer.problem(412, "conflict");
        let members = answer.members();
        assert_eq!(members[..6], super::P, "{tag}");
        assert_eq!(members[6..], ["current_status", "current_version"], "{tag}");
        assert_eq!(problem["current_status"], "processing");
        assert_eq!(problem["current_version"], 2);
    }
    // What is no tag, and more than one of them
    for tag in [
        "2",
        "",
        "\"2",
        "2\"",
        "'2'",
        "\"1\", \"2\"",
        "\"2\",",
        "w/\"2\"",
        "*, \"2\"",
        "**",
    ] {
        assert_eq!(
            world.send(approve(tag)).await.faults(),
            ["If-Match"],
            "{tag}"
        );
    }
    let twice = approve("\"2\"").header("If-Match", "\"2\"");
    assert_eq!(world.send(twice).await.faults(), ["If-Match"]);
    assert_eq!(world.send(get(&path)).await.header("etag"), "\"2\"");
    let answer = world.send(approve("\"2\"")).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"3\""));
    let unknown = format!("/v1/applications/{}/approve", application(2));
    for tag in ["\"1\"", "*"] {
        let ask = request("POST", &unknown)
            .by("system:worker")
            .header("If-Match", tag);
        world.send(ask).await.problem(404, "unknown_application");
    }
    // Any version
    let path = world.application(3, &[]).await;
    let ask = request("POST", format!("{path}/begin-processing")).header("If-Match", "*");
    assert_eq!(world.send(ask).await.status, 200);
}

async fn a_webhook_expects_a_revision(world: World) {
    let things = world.things().await;
    let path = format!("/v1/webhooks/{}", things.webhook);
    let change = |text: &str| request("PATCH", &path).json(&json!({"description": text}));
    let answer = world.send(change("one").header("If-Match", "\"0\"")).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"1\""));
    for tag in ["\"0\"", "W/\"1\"", "\"2\"", "\"x\""] {
        let asks = [
            change("two"),
            request("DELETE", &path),
            post(format!("{path}/rotate"), &json!({})),
            post(format!("{path}/disable"), &json!({"reason": "x"})),
            post(format!("{path}/enable"), &json!({})),
            post(format!("{path}/test"), &json!({})),
        ];
        for ask in asks {
            let answer = world.send(ask.header("If-Match", tag)).await;
            let problem = answer.problem(412, "conflict");
            assert_eq!(problem["current_version"], 1, "{tag}");
        }
    }
    let answer = world.send(get(&path)).await;
    assert_eq!(
        (answer.header("etag"), &answer.json()["description"]),
        ("\"1\"", &json!("one"))
    );
    let answer = world.send(change("two").header("If-Match", "*")).await;
    assert_eq!(answer.header("etag"), "\"2\"");
    let removed = request("DELETE", &path).header("If-Match", "\"2\"");
    assert_eq!(world.send(removed).await.status, 204);
    world
        .send(request("DELETE", &path))
        .await
        .problem(404, "unknown_webhook");
}

#[tokio::test]
async fn a_policy_demands_it() {
    let options = ServerOptions::default().with_requires_if_match(true);
    let world = World::with(Kind::Memory, options).await;
    assert_eq!(world.send(crate::support::created(1)).await.status, 201);
    let path = format!("/v1/applications/{}/begin-processing", application(1));
    let answer = world.send(request("POST", &path)).await;
    answer.problem(428, "precondition_required");
    for tag in ["\"7\"", "\"1\""] {
        let answer = world
            .send(request("POST", &path).header("If-Match", tag))
            .await;
        assert_eq!(answer.status, if tag == "\"1\"" { 200 } else { 412 });
    }
    // A line of a stream as well, but no line that creates
    let mut submitted = crate::support::submit(2);
    submitted["actor"] = "customer:john".into();
    let act = |version: Value| {
        let actor = "administrator:jane";
        json!({"command": "begin_processing", "uuid": application(1), "actor": actor, "expected_version": version})
    };
    let lines = [submitted, act(Value::Null), act(json!(1)), act(json!(2))];
    let body = lines.map(|it| it.to_string()).join("\n");
    for query in ["?atomic=true", ""] {
        let path = format!("/v1/commands{query}");
        let ask = request("POST", &path).body("application/x-ndjson", body.clone());
        let answer = world.send(ask).await;
        if query.is_empty() {
            let answers = answer.text().lines();
            let answers: Vec<Value> = answers
                .map(|it| serde_json::from_str(it).unwrap())
                .collect();
            assert_eq!(answers[0]["event"]["version"], 1);
            assert_eq!(answers[1]["problem"]["code"], "precondition_required");
            assert_eq!(answers[2]["problem"]["code"], "conflict");
            assert_eq!(answers[3]["problem"]["code"], "illegal_transition");
        } else {
            let problem = answer.problem(409, "abandoned");
            let code = &problem["problems"][0]["problem"]["code"];
            assert_eq!(code, "precondition_required");
        }
    }
    // It has no version of its own
    let ask = request("POST", "/v1/commands").body("application/x-ndjson", "");
    let answer = world.send(ask.header("If-Match", "\"1\"")).await;
    let problem = answer.problem(422, "invalid_request");
    assert_eq!(problem["errors"][0]["header"], "If-Match");
}
