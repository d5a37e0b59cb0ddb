//! Bodies with lists and objects: where their faults are, and in which words.

use serde_json::{Value, json};

use super::unchanged;
use crate::support::{Ask, Things, World, on_every_store, post, request, submit};

on_every_store! {
    names_within_that_appear_twice,
    each_header_has_its_fault,
    all_unknown_members_are_named,
    each_fault_is_in_the_words_of_json,
    a_reason_is_called_a_reason,
    faults_without_end_have_an_end,
}

fn raw(path: &str, body: &str) -> Ask {
    request("POST", path).body("application/json", body.to_owned())
}

async fn names_within_that_appear_twice(world: World) {
    let before = world.everything(&world.ours).await;
    let url = r#""url":"https://example.com/""#;
    let doubled = |inner: &str| format!("{{{url},{inner}}}");
    for (path, body, faults) in [
        ("/v1/webhooks", doubled(url), &["/url"][..]),
        (
            "/v1/webhooks",
            doubled(r#""headers":{"A":"1","A":"2","a/b":"3","A":"4"}"#),
            &["/headers/A", "/headers/a~1b"],
        ),
        (
            "/v1/webhooks",
            doubled(r#""headers":{"A":"1","a":"2"}"#),
            &["/headers/a"],
        ),
        (
            "/v1/webhooks",
            doubled(r#""events":["failed"],"events":["failed"],"description":"","description":"""#),
            &["/events", "/description"],
        ),
        (
            "/v1/deliveries/redeliver",
            r#"{"filter":{"status":"dead","status":"dead","from":1}}"#.to_owned(),
            &["/filter/status", "/filter/from"],
        ),
        (
            "/v1/tokens",
            r#"{"name":"x","name":"x","role":"viewer","role":"viewer"}"#.to_owned(),
            &["/name", "/role"],
        ),
    ] {
        let answer = world.send(raw(path, &body)).await;
        let mut found = answer.faults();
        let mut faults = faults.to_vec();
        found.sort();
        faults.sort_unstable();
        assert_eq!(found, faults, "{body}");
    }
    unchanged(&world, &before).await;
}

async fn each_header_has_its_fault(world: World) {
    let before = world.everything(&world.ours).await;
    let headers = json!({
        "Content-Length": "1", "X-Right": "x", "a b": "y", "X-Line": "hidden\n", "X-Number": 7,
        "X-Null": null,
    });
    let new = json!({"url": "https://example.com/", "headers": headers});
    let answer = world.send(post("/v1/webhooks", &new)).await;
    let mut faults = answer.faults();
    faults.sort();
    let expected = ["Content-Length", "X-Line", "X-Null", "X-Number", "a b"];
    assert_eq!(faults, expected.map(|it| format!("/headers/{it}")));
    assert!(!answer.text().contains("hidden"), "{answer:?}");
    unchanged(&world, &before).await;
}

async fn all_unknown_members_are_named(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let reject = format!("/v1/applications/{}/reject", things.application);
    for (path, body) in [
        ("/v1/applications", submit(90)),
        (&*reject, json!({"rejection_reason": "x"})),
        ("/v1/work/claim", json!({"limit": 1})),
        ("/v1/webhooks", json!({"url": "https://example.com/"})),
        ("/v1/tokens", json!({"name": "x", "role": "viewer"})),
        ("/v1/deliveries/redeliver", json!({"ids": [1]})),
    ] {
        let mut body = body;
        (body["a"], body["b"]) = (1.into(), json!([{}]));
        let mut faults = world.send(post(path, &body)).await.faults();
        faults.sort();
        assert_eq!(faults, ["/a", "/b"], "{path}");
        // Each once, however often it stands there
        let text = body.to_string();
        let text = format!("{},\"a\":2}}", &text[..text.len() - 1]);
        let mut faults = world.send(raw(path, &text)).await.faults();
        faults.sort();
        assert_eq!(faults, ["/a", "/b"], "{path}");
    }
    let filter = json!({"filter": {"x": 1, "y": 2, "status": "dead"}});
    let faults = world
        .send(post("/v1/deliveries/redeliver", &filter))
        .await
        .faults();
    assert_eq!(faults, ["/filter/x", "/filter/y"]);
    unchanged(&world, &before).await;
}

/// Bodies of another type than they must have, with the pointers and the words for it.
fn faults_of_type(things: &Things) -> Vec<(String, Value, &'static str, String)> {
    let webhook = |verb: &str| format!("/v1/webhooks/{}/{verb}", things.webhook);
    let seconds = "an integer from 0 to 31536000: seconds";
    vec![
        (
            webhook("rotate"),
            json!({"grace": "1d"}),
            "/grace",
            format!("field grace must be {seconds}, but is the string \"1d\""),
        ),
        (
            webhook("rotate"),
            json!({"revoke": 1}),
            "/revoke",
            "field revoke must be true or false, but is the number 1".into(),
        ),
        (
            "/v1/deliveries/redeliver".into(),
            json!({"ids": [1, "x"]}),
            "/ids/1",
            "each element of field ids must be the number of a delivery, but this one is the string \"x\"".into(),
        ),
        (
            "/v1/deliveries/redeliver".into(),
            json!({"filter": []}),
            "/filter",
            "field filter must be an object, but is an array".into(),
        ),
        (
            "/v1/webhooks".into(),
            json!({"url": "https://example.com/", "events": "approved"}),
            "/events",
            "field events must be an array, but is the string \"approved\"".into(),
        ),
        (
            "/v1/webhooks".into(),
            json!({"url": "https://example.com/", "headers": []}),
            "/headers",
            "field headers must be an object, but is an array".into(),
        ),
        (
            "/v1/webhooks".into(),
            json!({"url": true}),
            "/url",
            "field url must be a string, but is true".into(),
        ),
        (
            webhook("replay"),
            json!({"from": 7}),
            "/from",
            "field from must be a string, but is the number 7".into(),
        ),
        (
            "/v1/tokens".into(),
            json!({"name": "x", "scopes": [null]}),
            "/scopes/0",
            "each element of field scopes must be a string, but this one is null".into(),
        ),
        (
            "/v1/tokens".into(),
            json!([]),
            "",
            "expected a JSON object, found an array".into(),
        ),
    ]
}

async fn each_fault_is_in_the_words_of_json(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    for (path, body, pointer, detail) in faults_of_type(&things) {
        let answer = world.send(post(&path, &body)).await;
        let problem = answer.problem(422, "invalid_request");
        let expected = json!([{"pointer": pointer, "detail": detail}]);
        assert_eq!(problem["errors"], expected, "{path} {body}");
    }
    unchanged(&world, &before).await;
}

async fn a_reason_is_called_a_reason(world: World) {
    let things = world.things().await;
    let disable = format!("/v1/webhooks/{}/disable", things.webhook);
    let abandon = "/v1/deliveries/abandon".to_owned();
    for (path, body) in [
        (&disable, json!({"reason": "x".repeat(5000)})),
        (&disable, json!({"reason": "a\u{0}"})),
        (&abandon, json!({"filter": {}, "reason": "x".repeat(5000)})),
        (&abandon, json!({"filter": {}, "reason": "a\u{0}"})),
    ] {
        let answer = world.send(post(path, &body)).await;
        assert_eq!(answer.faults(), ["/reason"]);
        let detail = answer.json()["detail"].to_string();
        assert!(detail.starts_with("\"a reason has "), "{detail}");
    }
}

async fn faults_without_end_have_an_end(world: World) {
    let names: Vec<_> = (0..900).map(|it| format!("no kind {it}")).collect();
    let members: Value = names.iter().map(|it| (it.clone(), json!(1))).collect();
    let url = "https://example.com/";
    for body in [
        members.clone(),
        json!({"url": url, "events": names}),
        json!({"url": url, "headers": members}),
    ] {
        let answer = world.send(post("/v1/webhooks", &body)).await;
        assert_eq!(answer.faults().len(), 100);
    }
    let many = json!({"url": url, "events": vec!["failed"; 1001]});
    let answer = world.send(post("/v1/webhooks", &many)).await;
    assert_eq!(answer.faults(), ["/events"]);
    let many = json!({"ids": (1..=1001).collect::<Vec<_>>()});
    let answer = world.send(post("/v1/deliveries/redeliver", &many)).await;
    assert_eq!(answer.faults(), ["/ids"]);
}
