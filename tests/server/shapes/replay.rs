//! What a webhook never got.

use serde_json::{Value, json};

use crate::support::{World, get, on_every_store, post, request};

on_every_store! {
    a_webhook_gets_what_it_never_got,
    what_is_wrong_with_a_replay_is_named,
}

/// A webhook that was registered after these applications, and its path.
async fn late_webhook(world: &World) -> String {
    for number in 2..=4 {
        world.application(number, &["reject"]).await;
    }
    let new = json!({"url": "https://example.com/late"});
    let answer = world.send(post("/v1/webhooks", &new)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    format!("/v1/webhooks/{}", answer.json()["id"].as_str().unwrap())
}

async fn a_webhook_gets_what_it_never_got(world: World) {
    let path = late_webhook(&world).await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let deliveries = async || {
        let listed = world
            .send(get(format!("/v1/deliveries?webhook={id}")))
            .await;
        listed.json()["data"].as_array().unwrap().clone()
    };
    let replay = |body: &Value| post(format!("{path}/replay"), body);
    // Counted, nothing changes
    let from = "2000-01-01T00:00:00Z";
    for (body, expected) in [
        (json!({"from": from}), 6),
        (json!({"from": from, "events": ["rejected"]}), 3),
        (json!({"from": from, "to": "2000-01-02T00:00:00+01:00"}), 0),
        (json!({"from": "2999-01-01T00:00:00Z"}), 0),
    ] {
        let mut body = body;
        body["dry_run"] = true.into();
        let answer = world.send(replay(&body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(answer.json(), json!({"deliveries": expected}), "{body}");
    }
    assert_eq!(deliveries().await, [] as [Value; 0]);
    // Made once, and the rest with what asks for more
    let rejected = json!({"from": from, "events": ["certificate_application.rejected"]});
    for (body, expected) in [
        (&rejected, 3),
        (&rejected, 0),
        (&json!({"from": from, "to": null, "events": null}), 3),
    ] {
        let answer = world.send(replay(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(answer.json(), json!({"deliveries": expected}), "{body}");
    }
    let made = deliveries().await;
    assert_eq!(made.len(), 6);
    for it in &made {
        assert_eq!(it["status"], "pending", "{it}");
    }
    let at = world
        .send(replay(&rejected).header("If-Match", "\"7\""))
        .await;
    at.problem(412, "conflict");
}

async fn what_is_wrong_with_a_replay_is_named(world: World) {
    let path = late_webhook(&world).await;
    let from = "2026-06-04T10:30:00Z";
    for (body, faults) in [
        (json!({}), &["/from"][..]),
        (json!({"from": "yesterday", "to": 7}), &["/from", "/to"]),
        (json!({"from": "yesterday", "to": "x"}), &["/from", "/to"]),
        (json!({"from": from, "to": from}), &["/to"]),
        (json!({"from": from, "events": []}), &["/events"]),
        (
            json!({"from": from, "events": ["approved", "x"]}),
            &["/events/1"],
        ),
        (json!({"from": from, "until": from}), &["/until"]),
    ] {
        let answer = world.send(post(format!("{path}/replay"), &body)).await;
        answer.problem(422, "invalid_request");
        assert_eq!(answer.faults(), faults, "{body}");
    }
    // What the webhook does not want is not forced on it
    let change = json!({"events": ["failed", "approved"]});
    assert_eq!(
        world
            .send(request("PATCH", &path).json(&change))
            .await
            .status,
        200
    );
    let body = json!({"from": from, "events": ["failed", "rejected"]});
    let answer = world.send(post(format!("{path}/replay"), &body)).await;
    let problem = answer.problem(422, "invalid_request");
    let detail = problem["errors"][0]["detail"].as_str().unwrap();
    assert_eq!(
        detail,
        "the webhook's settings leave out rejected: change its events first, or ask for \
         approved,failed alone"
    );
}
