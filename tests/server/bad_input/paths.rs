//! Paths, methods and headers.

use std::collections::BTreeSet;

use super::{is_refused, unchanged};
use crate::support::{Things, World, get, on_every_store, request};

on_every_store! {
    paths_that_lead_nowhere,
    names_that_are_none,
    methods_that_are_not_taken,
    headers_that_are_huge,
}

async fn paths_that_lead_nowhere(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let application = &things.application;
    for path in [
        "/",
        "//",
        "/v1",
        "/v1/",
        "/v2/applications",
        "/V1/applications",
        "/v1/Applications",
        "/v1//applications",
        "/v1/counts/",
        "/v1/counts/x",
        "/v1%2Fapplications",
        "/v1/application%73",
        "/v1/./counts",
        "/v1/webhooks/../counts",
        "/v1/%2e%2e/v1/counts",
        "/v1/%00",
        "/v1/%FF",
        "/v1/%",
        "/v1/%zz",
        "/health",
        "/metrics",
        "/openapi.yaml",
        "/v1/privacy/erase",
    ] {
        for ask in [get(path), get(path).anonymous()] {
            let answer = world.send(ask).await;
            assert_eq!(answer.status, 404, "{path}: {answer:?}");
            answer.problem(404, "not_found");
        }
    }
    for path in ["x", "historY", "history/", "history/x", "/history"] {
        let answer = world
            .send(get(format!("/v1/applications/{application}/{path}")))
            .await;
        answer.problem(404, "not_found");
    }
    let answer = world.send(get(format!("/v1/{}", "x".repeat(60_000)))).await;
    answer.problem(404, "not_found");
    assert!(answer.body.len() < 2000);
    unchanged(&world, &before).await;
}

/// Names that are no name of anything.
fn wrong_names(uuid: &str) -> Vec<String> {
    let mut wrong: Vec<_> = [
        "x",
        "%20",
        "%00",
        "%FF",
        "%ED%A0%80",
        "%F0%9F%8C%8D",
        "..%2F..",
        "%2e%2e",
        "-1",
        "1.5",
        "%31%20",
        "99999999999999999999",
        "'",
        "%27%20OR%201=1--",
        "*",
        "%D9%A3",
    ]
    .map(str::to_owned)
    .to_vec();
    wrong.extend([
        uuid.replace('-', ""),
        format!("%7B{uuid}%7D"),
        format!("urn:uuid:{uuid}"),
        format!("{uuid}%00"),
        format!("{uuid}%20"),
        format!("{uuid}%0A"),
        format!("%20{uuid}"),
        format!("{uuid}0"),
        uuid[1..].to_owned(),
        "x".repeat(50_000),
    ]);
    wrong
}

async fn names_that_are_none(world: World) {
    let things = world.things().await;
    let unchanged_from = world.everything(&world.ours).await;
    let uuid = &things.application;
    for (method, before, after) in [
        ("GET", "/v1/applications/", ""),
        ("GET", "/v1/applications/", "/history"),
        ("GET", "/v1/applications/", "/deliveries"),
        ("POST", "/v1/applications/", "/approve"),
        ("GET", "/v1/webhooks/", ""),
        ("DELETE", "/v1/webhooks/", ""),
        ("POST", "/v1/webhooks/", "/test"),
        ("GET", "/v1/deliveries/", ""),
        ("DELETE", "/v1/tokens/", ""),
        ("POST", "/v1/work/", "/approve"),
        ("POST", "/v1/work/", "/release"),
    ] {
        for name in wrong_names(uuid) {
            let path = format!("{before}{name}{after}");
            let case: String = format!("{method} {path}").chars().take(200).collect();
            let answer = world.send(request(method, path)).await;
            is_refused(&answer, &case);
            assert!([404, 422].contains(&answer.status), "{case}: {answer:?}");
            assert!(answer.body.len() < 4000, "{case}");
        }
    }
    unchanged(&world, &unchanged_from).await;
    // A name whose letters are escaped is the same name
    let escaped: Vec<_> = uuid.bytes().map(|it| format!("%{it:02X}")).collect();
    let escaped = escaped.concat();
    for same in [escaped, uuid.to_uppercase()] {
        let answer = world.send(get(format!("/v1/applications/{same}"))).await;
        assert_eq!(answer.status, 200, "{same}");
    }
}

/// Paths, and the methods that each of them takes.
fn methods(of: &Things) -> Vec<(String, &'static str)> {
    let application = format!("/v1/applications/{}", of.application);
    let webhook = format!("/v1/webhooks/{}", of.webhook);
    vec![
        ("/v1/applications".to_owned(), "GET HEAD POST"),
        (application.clone(), "GET HEAD"),
        (format!("{application}/history"), "GET HEAD"),
        (format!("{application}/approve"), "POST"),
        ("/v1/commands".to_owned(), "POST"),
        ("/v1/counts".to_owned(), "GET HEAD"),
        ("/v1/events".to_owned(), "GET HEAD"),
        ("/v1/webhooks".to_owned(), "GET HEAD POST"),
        (webhook.clone(), "GET HEAD PATCH DELETE"),
        (format!("{webhook}/rotate"), "POST"),
        ("/v1/deliveries".to_owned(), "GET HEAD"),
        (format!("/v1/deliveries/{}", of.delivery), "GET HEAD"),
        ("/v1/work/claim".to_owned(), "POST"),
        (format!("/v1/work/{}/release", of.work), "POST"),
        ("/v1/tokens".to_owned(), "GET HEAD POST"),
        (format!("/v1/tokens/{}", of.token), "DELETE"),
        ("/health/live".to_owned(), "GET HEAD"),
        ("/openapi.json".to_owned(), "GET HEAD"),
    ]
}

async fn methods_that_are_not_taken(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let all = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
    ];
    for (path, taken) in methods(&things) {
        let taken: BTreeSet<_> = taken.split(' ').collect();
        for method in all.into_iter().filter(|it| !taken.contains(it)) {
            let answer = world.send(request(method, &path)).await;
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            let allowed = answer.header("allow").split(',').map(str::trim);
            assert_eq!(allowed.collect::<BTreeSet<_>>(), taken, "{method} {path}");
            if method != "HEAD" {
                let problem = answer.problem(405, "method_not_allowed");
                let (_, named) = problem["detail"]
                    .as_str()
                    .unwrap()
                    .split_once("; expected ")
                    .unwrap();
                assert_eq!(
                    named.split(" or ").collect::<BTreeSet<_>>(),
                    taken,
                    "{method} {path}"
                );
            }
        }
    }
    unchanged(&world, &before).await;
    // Mounted within the router of a backend
    let router = axum::Router::new().nest("/nested", world.router.clone());
    let nested = World { router, ..world };
    let answer = nested.send(get("/nested/v1/commands")).await;
    let problem = answer.problem(405, "method_not_allowed");
    assert_eq!(problem["detail"], "GET is not allowed here; expected POST");
}

async fn headers_that_are_huge(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let path = format!("/v1/applications/{}/approve", things.application);
    let huge = "x".repeat(100_000);
    for name in [
        "Idempotency-Key",
        "If-Match",
        "Certlife-Actor",
        "Certlife-Institution",
    ] {
        let answer = world.send(request("POST", &path).header(name, &huge)).await;
        is_refused(&answer, name);
        assert!(answer.body.len() < 4000, "{name}: {}", answer.body.len());
    }
    let ask = get("/v1/events").header("Accept", "text/event-stream");
    let answer = world.send(ask.header("Last-Event-ID", &huge)).await;
    assert_eq!(answer.faults(), ["Last-Event-ID"]);
    // Those that say nothing to the API are passed over
    for name in [
        "Accept",
        "If-None-Match",
        "X-Request-Id",
        "Traceparent",
        "Cookie",
        "X-Other",
    ] {
        for value in [huge.as_bytes(), &[0xff, 0x80]] {
            let answer = world.send(get("/v1/counts").header(name, value)).await;
            assert_eq!(answer.status, 200, "{name}");
        }
    }
    let mut many = get("/v1/counts");
    for number in 0..1000 {
        many = many.header("X-Many", number.to_string());
    }
    assert_eq!(world.send(many).await.status, 200);
    unchanged(&world, &before).await;
}
