//! Members and parameters: unknown ones, those of another type, and several faults at once.

use serde_json::{Value, json};

use super::{is_refused, unchanged};
use crate::support::{Ask, Things, World, get, on_every_store, post, request, submit, upload};

on_every_store! {
    unknown_members_are_named,
    unknown_parameters_are_named,
    each_member_of_each_wrong_type,
    each_parameter_of_each_wrong_value,
    all_faults_are_reported_at_once,
    members_that_appear_twice,
}

/// Each request with a body, and a body that is right.
fn bodies(of: &Things) -> Vec<(Ask, Value)> {
    let application = format!("/v1/applications/{}", of.application);
    let work = format!("/v1/work/{}", of.work);
    let to = |path: String| request("POST", path);
    let token = json!({
        "name": "x", "actor": "customer:x", "scopes": ["events:read"],
        "expires_at": "2090-01-01T00:00:00Z",
    });
    let mut all = vec![
        (
            to("/v1/applications".into()).by("customer:john"),
            submit(90),
        ),
        (to("/v1/applications".into()), upload(91)),
        (to(format!("{application}/begin-processing")), json!({})),
        (
            to(format!("{application}/approve")).by("system:w"),
            json!({}),
        ),
        (
            to(format!("{application}/reject")),
            json!({"rejection_reason": "x"}),
        ),
        (
            to(format!("{application}/fail")).by("system:w"),
            json!({"error": "x"}),
        ),
        (to(format!("{application}/retry")), json!({})),
        (
            to("/v1/work/claim".into()).by("system:w"),
            json!({"limit": 1, "lease": 1, "wait": 0}),
        ),
        (to(format!("{work}/heartbeat")), json!({"lease": 60})),
        (to(format!("{work}/approve")).by("system:w"), json!({})),
        (
            to(format!("{work}/fail")).by("system:w"),
            json!({"error": "x"}),
        ),
        (
            to(format!("{work}/again")),
            json!({"error": "x", "after": 30}),
        ),
        (to(format!("{work}/release")), json!({})),
        (to("/v1/tokens".into()), token),
        (
            to("/v1/tokens".into()),
            json!({"name": "x", "role": "viewer"}),
        ),
    ];
    all.extend(bodies_about_webhooks(of));
    all
}

/// The same of webhooks and deliveries.
fn bodies_about_webhooks(of: &Things) -> Vec<(Ask, Value)> {
    let webhook = format!("/v1/webhooks/{}", of.webhook);
    let delivery: u64 = of.delivery.parse().unwrap();
    let filter = json!({
        "status": "dead", "webhook": of.webhook, "application": of.application,
        "event": "created", "from": "2020-01-01T00:00:00Z", "to": "2020-01-01T00:00:00Z",
    });
    let to = |path: String| request("POST", path);
    let hook = json!({
        "url": "https://example.com/", "events": ["created"], "description": "x",
        "headers": {"a": "b"},
    });
    vec![
        (to("/v1/webhooks".into()), hook.clone()),
        (request("PATCH", &webhook), hook),
        (
            to(format!("{webhook}/rotate")),
            json!({"grace": 1, "switch_over": 0}),
        ),
        (to(format!("{webhook}/rotate")), json!({"revoke": true})),
        (to(format!("{webhook}/test")), json!({})),
        (to(format!("{webhook}/disable")), json!({"reason": "x"})),
        (to(format!("{webhook}/enable")), json!({"pending": "drop"})),
        (
            to(format!("{webhook}/replay")),
            json!({"from": "2020-01-01T00:00:00Z", "events": ["created"], "dry_run": true}),
        ),
        (
            to("/v1/deliveries/redeliver".into()),
            json!({"ids": [delivery], "dry_run": true}),
        ),
        (
            to("/v1/deliveries/redeliver".into()),
            json!({"filter": filter, "dry_run": true}),
        ),
        (
            to("/v1/deliveries/abandon".into()),
            json!({"filter": filter, "reason": "x", "dry_run": true}),
        ),
    ]
}

async fn unknown_members_are_named(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    for (ask, body) in bodies(&things) {
        let members: Vec<_> = body.as_object().unwrap().keys().collect();
        for unknown in ["nonsense", "Command", "a/b~c", "", "ünknown"] {
            let mut body = body.clone();
            body[unknown] = 1.into();
            let answer = world.send(ask.clone().json(&body)).await;
            let problem = answer.problem(422, "invalid_request");
            let escaped = unknown.replace('~', "~0").replace('/', "~1");
            let faults = answer.faults();
            assert_eq!(faults, [format!("/{escaped}")], "{} {problem}", ask.path);
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains(unknown), "{detail}");
            for known in &members {
                assert!(detail.contains(known.as_str()), "{detail}");
            }
        }
    }
    let nested = json!({"filter": {"nonsense": 1}});
    let answer = world.send(post("/v1/deliveries/redeliver", &nested)).await;
    assert_eq!(answer.faults(), ["/filter/nonsense"]);
    unchanged(&world, &before).await;
}

async fn unknown_parameters_are_named(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let with_body = |(ask, body): (Ask, Value)| ask.json(&body);
    let mut asks: Vec<_> = bodies(&things).into_iter().map(with_body).collect();
    for path in [
        "/v1/applications",
        "/v1/applications/{a}",
        "/v1/applications/{a}/history",
        "/v1/applications/{a}/deliveries",
        "/v1/counts",
        "/v1/events",
        "/v1/webhooks",
        "/v1/deliveries",
        "/v1/tokens",
    ] {
        asks.push(get(path.replace("{a}", &things.application)));
    }
    asks.push(get(format!("/v1/webhooks/{}", things.webhook)));
    asks.push(get(format!("/v1/deliveries/{}", things.delivery)));
    asks.push(request(
        "DELETE",
        format!("/v1/webhooks/{}", things.webhook),
    ));
    asks.push(request("DELETE", format!("/v1/tokens/{}", things.token)));
    asks.push(request("POST", "/v1/commands").body("application/x-ndjson", ""));
    asks.push(get("/v1/events").header("Accept", "text/event-stream"));
    for mut ask in asks {
        ask.path.push_str("?nonsense=1&Limit=2&%C3%A4=%FF&=x");
        let answer = world.send(ask.clone()).await;
        let mut faults = answer.faults();
        faults.sort();
        assert_eq!(
            faults,
            ["", "Limit", "nonsense", "ä"],
            "{} {}",
            ask.method,
            ask.path
        );
    }
    unchanged(&world, &before).await;
}

async fn each_member_of_each_wrong_type(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let wrong = [
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("\u{0}"),
        json!("x\ny"),
        json!("€".repeat(70_000)),
        json!([]),
        json!([1, "x", null]),
        json!({}),
        json!({"a": {"b": []}}),
        json!(u64::MAX),
        json!(i64::MIN),
    ];
    for (ask, body) in bodies(&things) {
        for (name, right) in body.as_object().unwrap() {
            for value in wrong.iter().filter(|it| !is_right(&ask, name, right, it)) {
                let mut body = body.clone();
                body[name] = value.clone();
                let answer = world.send(ask.clone().json(&body)).await;
                let shown = value.to_string().chars().take(40).collect::<String>();
                let case = format!("{} {}: {name} is {shown}", ask.method, ask.path);
                assert_eq!(answer.status, 422, "{case}: {answer:?}");
                let faults = answer.faults();
                let is_there = |it: &String| it.starts_with(&format!("/{name}"));
                assert!(faults.iter().all(is_there), "{case}: {faults:?}");
                assert!(answer.body.len() < 4000, "{case}: {}", answer.body.len());
            }
        }
    }
    unchanged(&world, &before).await;
}

/// Whether a value is right for a member, after all.
fn is_right(ask: &Ask, name: &str, right: &Value, value: &Value) -> bool {
    // The contract takes any text there.
    let texts = ["certificate_title", "rejection_reason", "error"];
    let is_text = texts.contains(&name) && (*value == "x\ny" || *value == "\u{0}");
    let is_empty = *value == ""
        && (name == "description" || name == "reason" && ask.path.ends_with("/disable"));
    let is_empty_object = ["filter", "headers"].contains(&name) && *value == json!({});
    right.is_boolean() && value.is_boolean() || is_text || is_empty || is_empty_object
}

/// No numbers.
const NUMBERS: [&str; 10] = [
    "",
    "-1",
    "1.5",
    "x",
    "%2B1",
    "1e1",
    "0x1",
    "99999999999999999999",
    "%00",
    "%D9%A3",
];
/// No times.
const TIMES: [&str; 6] = [
    "",
    "x",
    "2020-01-01",
    "2020-01-01T00:00:00",
    "1",
    "2020-13-01T00:00:00Z",
];
/// No words of any enumeration.
const WORDS: [&str; 7] = ["", "x", "Created", "created,", "%00", "%FF", "null"];

async fn each_parameter_of_each_wrong_value(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    let application = format!("/v1/applications/{}", things.application);
    let cases: [(&str, &str, &[&str]); 22] = [
        ("/v1/applications", "limit", &NUMBERS),
        ("/v1/applications", "limit", &["0", "101"]),
        ("/v1/applications", "application_id", &NUMBERS),
        ("/v1/applications", "status", &WORDS),
        ("/v1/applications", "source", &WORDS),
        ("/v1/applications", "order", &WORDS),
        ("/v1/applications", "in_progress", &["", "1", "yes", "TRUE"]),
        ("/v1/applications", "email", &["", "x", "@", "a@b@c"]),
        ("/v1/applications", "title", &[""]),
        ("/v1/applications", "updated_after", &TIMES),
        ("/v1/applications", "updated_before", &TIMES),
        (
            "/v1/applications",
            "after",
            &["", "x", "%FF", "%00", "...."],
        ),
        ("{a}", "wait", &["", "Final", "true", "20"]),
        ("{a}", "timeout", &NUMBERS),
        ("{a}", "timeout", &["61"]),
        (
            "/v1/events",
            "after",
            &["", "x", "-1", "%00", "1.5", "%C2%B9"],
        ),
        ("/v1/events", "limit", &["0", "1001", "x"]),
        ("/v1/events", "wait", &["61", "-1", "x"]),
        ("/v1/deliveries", "status", &WORDS),
        (
            "/v1/deliveries",
            "webhook",
            &["", "x", "9e7860f005d14fd0b3e0e98e19f1cf15"],
        ),
        (
            "/v1/deliveries",
            "after",
            &["", "x", "-1", "99999999999999999999"],
        ),
        ("/v1/tokens", "after", &["", "x", "%FF"]),
    ];
    for (path, name, values) in cases {
        let path = path.replace("{a}", &application);
        for value in values {
            let case = format!("{path}?{name}={value}");
            let answer = world.send(get(&case)).await;
            assert_eq!(answer.status, 422, "{case}: {answer:?}");
            assert_eq!(answer.faults(), [name], "{case}");
        }
        let twice = format!("{path}?{name}=1&{name}=1");
        assert_eq!(world.send(get(twice)).await.faults(), [name]);
    }
    unchanged(&world, &before).await;
}

async fn all_faults_are_reported_at_once(world: World) {
    let before = world.everything(&world.ours).await;
    let sorted = async |ask: Ask| {
        let mut faults = world.send(ask).await.faults();
        faults.sort();
        faults
    };
    let body = json!({
        "command": "submit", "application_id": 0, "certificate_title": "", "applicant_email": "x",
        "uuid": "42", "trigger_context": "bulk_upload", "nonsense": 1,
    });
    let expected = [
        "/applicant_email",
        "/application_id",
        "/certificate_title",
        "/nonsense",
        "/trigger_context",
        "/uuid",
    ];
    assert_eq!(sorted(post("/v1/applications", &body)).await, expected);
    let required = [
        "/applicant_email",
        "/application_id",
        "/certificate_title",
        "/command",
    ];
    assert_eq!(sorted(post("/v1/applications", &json!({}))).await, required);
    let body = json!({
        "url": "ftp://x", "events": ["created", "x", "failed", "y"], "description": "a\nb",
        "headers": {"a b": "c"},
    });
    let expected = [
        "/description",
        "/events/1",
        "/events/3",
        "/headers/a b",
        "/url",
    ];
    assert_eq!(sorted(post("/v1/webhooks", &body)).await, expected);
    let filter = json!({"filter": {"webhook": "x", "event": "y", "from": "z", "to": ""}});
    let expected = [
        "/filter/event",
        "/filter/from",
        "/filter/to",
        "/filter/webhook",
    ];
    assert_eq!(
        sorted(post("/v1/deliveries/redeliver", &filter)).await,
        expected
    );
    let claim = json!({"limit": 0, "lease": 0, "wait": 61});
    let expected = ["/lease", "/limit", "/wait"];
    assert_eq!(sorted(post("/v1/work/claim", &claim)).await, expected);
    let query = "/v1/applications?status=x&limit=0&order=y&updated_after=z&nonsense=1";
    let expected = ["limit", "nonsense", "order", "status", "updated_after"];
    assert_eq!(sorted(get(query)).await, expected);
    unchanged(&world, &before).await;
}

async fn members_that_appear_twice(world: World) {
    let things = world.things().await;
    let before = world.everything(&world.ours).await;
    for (ask, body) in bodies(&things) {
        for (name, value) in body.as_object().unwrap() {
            let text = body.to_string();
            let text = format!("{},\"{name}\":{value}}}", &text[..text.len() - 1]);
            let answer = world.send(ask.clone().body("application/json", text)).await;
            let case = format!("{} {}: {name} twice", ask.method, ask.path);
            is_refused(&answer, &case);
            assert_eq!(answer.faults(), [format!("/{name}")], "{case}");
        }
    }
    unchanged(&world, &before).await;
}
