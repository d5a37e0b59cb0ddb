//! `POST /v1/commands`: lines in, answers out, in order.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use certificate_lifecycle::store::Scopes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, World, application, get, on_every_store, read, request, submit, upload,
};

on_every_store! {
    answers_come_in_order,
    lines_end_in_each_way,
    a_line_that_is_too_long,
    a_body_that_breaks_off,
    answers_come_before_the_body_ends,
    all_or_none,
    a_line_needs_its_scope,
    who_a_line_names,
    keys_and_versions_of_lines,
}

fn ndjson(body: impl Into<Bytes>) -> Ask {
    request("POST", "/v1/commands").body("application/x-ndjson", body)
}

fn atomic(body: impl Into<Bytes>) -> Ask {
    let mut ask = ndjson(body);
    ask.path.push_str("?atomic=true");
    ask
}

/// The line that submits this one.
fn submitted(number: u64) -> String {
    let mut line = submit(number);
    line["actor"] = "customer:john".into();
    line.to_string()
}

fn act(number: u64, command: &str, actor: &str) -> String {
    let uuid = application(number);
    json!({"command": command, "uuid": uuid, "actor": actor}).to_string()
}

/// The answers, as they stand in an answer.
#[track_caller]
fn answers(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert!(answer.body.is_empty() || answer.text().ends_with('\n'));
    let lines = answer.text().lines();
    let all: Vec<Value> = lines.map(|it| serde_json::from_str(it).unwrap()).collect();
    for problem in all.iter().filter_map(|it| it.get("problem")) {
        assert_eq!(problem["instance"], answer.header("x-request-id"));
    }
    all
}

/// Each answer's line, and its event or the code of its problem.
fn brief(answers: &[Value]) -> Vec<(u64, String)> {
    let of = |it: &Value| {
        let event = it["event"]["payload"]["event"].as_str();
        let event = event.map(|it| it.strip_prefix("certificate_application.").unwrap());
        let text = event.or(it["problem"]["code"].as_str()).unwrap();
        (it["line"].as_u64().unwrap(), text.to_owned())
    };
    answers.iter().map(of).collect()
}

fn expected(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
    lines
        .iter()
        .map(|(line, it)| (*line, (*it).to_owned()))
        .collect()
}

async fn answers_come_in_order(world: World) {
    let mut lines = Vec::new();
    for number in 1..=3000 {
        lines.push(match number % 3 {
            0 => act(number - 1, "begin_processing", "administrator:jane"),
            1 => "{\"command\":\"nonsense\"}".to_owned(),
            _ => submitted(number),
        });
    }
    let answer = world.send(ndjson(lines.join("\n"))).await;
    let all = answers(&answer);
    assert_eq!(all.len(), 3000);
    for (place, (line, what)) in brief(&all).into_iter().enumerate() {
        assert_eq!(line, place as u64 + 1);
        assert_eq!(
            what,
            ["processing", "invalid_request", "created"][usize::try_from(line % 3).unwrap()]
        );
    }
    let first = answer.text().lines().nth(1).unwrap();
    assert_eq!(crate::support::members(first), ["line", "event"]);
    assert_eq!(
        all[1]["event"]["payload"]["webhook_id"],
        "00000000-0000-0000-0000-000000000000"
    );
    assert_eq!(all[0]["problem"]["errors"][0]["pointer"], "/command");
    assert_eq!(all[0]["problem"]["status"], 422);
    let counts = world.send(get("/v1/counts")).await.json();
    assert_eq!(counts["data"][0]["applications"], 1000);
}

async fn lines_end_in_each_way(world: World) {
    let body = format!(
        "\n\r\n{}\r\n  \t\n{}\n\n\n{{\n{}",
        submitted(1),
        submitted(2),
        submitted(3)
    );
    let all = answers(&world.send(ndjson(body)).await);
    let lines = [
        (3, "created"),
        (5, "created"),
        (8, "invalid_json"),
        (9, "created"),
    ];
    assert_eq!(brief(&all), expected(&lines));
    // Some editors write a mark before the first line; anywhere else it is no JSON
    let marked = format!("\u{feff}{}\r\n\u{feff}{}", submitted(4), submitted(5));
    let all = answers(&world.send(ndjson(marked)).await);
    assert_eq!(
        brief(&all),
        expected(&[(1, "created"), (2, "invalid_json")])
    );
    for empty in ["", "\n", "\r\n\r\n", "   "] {
        for ask in [ndjson(empty), atomic(empty)] {
            assert_eq!(answers(&world.send(ask).await), [] as [Value; 0]);
        }
    }
    let odd: [&[u8]; 6] = [b"\xff", b"\xef\xbb\xbf{}", b"[]", b"null", b"\0", b"{}{}"];
    for line in odd {
        let body = [line, b"\n", submitted(1).as_bytes()].concat();
        let all = answers(&world.send(ndjson(body)).await);
        assert_eq!(all.len(), 2, "{line:?}");
        assert!(all[0]["problem"]["status"].as_u64().unwrap() < 500);
        assert_eq!(all[1]["problem"]["code"], "already_exists");
    }
}

async fn a_line_that_is_too_long(world: World) {
    let long = "x".repeat((1 << 20) + 1);
    let deep = "[".repeat(1 << 20);
    let body = format!("{}\n{long}\n{deep}\n{}\n{long}", submitted(1), submitted(2));
    let all = answers(&world.send(ndjson(body.clone())).await);
    assert_eq!(all.len(), 5);
    let brief_ = brief(&all);
    assert_eq!(brief_[1], (2, "too_large".to_owned()));
    assert_eq!((&brief_[0].1[..], &brief_[3].1[..]), ("created", "created"));
    assert_eq!(brief_[4], (5, "too_large".to_owned()));
    let none = world
        .send(atomic(body.replace(&application(1), &application(11))))
        .await;
    none.problem(409, "abandoned");
    assert!(none.body.len() < 10_000, "{}", none.body.len());
    // In pieces, a line without end is held no longer than a line may be
    let piece = Bytes::from("y".repeat(1 << 16));
    let pieces = (0..64).map(move |_| Ok::<_, Infallible>(piece.clone()));
    let body = Body::from_stream(stream::iter(pieces));
    let answer = read(world.open(ndjson(""), body).await).await;
    assert_eq!(brief(&answers(&answer)), expected(&[(1, "too_large")]));
}

async fn a_body_that_breaks_off(world: World) {
    let broken = |whole: String| {
        let pieces = [Ok(Bytes::from(whole)), Err(std::io::Error::other("lost"))];
        Body::from_stream(stream::iter(pieces))
    };
    // Whole lines are carried out; what is left of the last one is not
    let body = format!("{}\n{}", submitted(1), submitted(2));
    let answer = read(world.open(ndjson(""), broken(body.clone())).await).await;
    assert_eq!(brief(&answers(&answer)), expected(&[(1, "created")]));
    let read_ = world
        .send(get(format!("/v1/applications/{}", application(2))))
        .await;
    read_.problem(404, "unknown_application");
    // Of all or none, none
    let body = format!("{}\n{}\n", submitted(3), submitted(4));
    let answer = read(world.open(atomic(""), broken(body)).await).await;
    answer.problem(400, "invalid_json");
    let counts = world.send(get("/v1/counts")).await.json();
    assert_eq!(counts["data"][0]["applications"], 1);
}

async fn answers_come_before_the_body_ends(world: World) {
    let (lines, body) = tokio::sync::mpsc::channel(16);
    let body = stream::unfold(body, async |mut body| {
        let piece: Bytes = body.recv().await?;
        Some((Ok::<_, Infallible>(piece), body))
    });
    let response = world.open(ndjson(""), Body::from_stream(body)).await;
    assert_eq!(response.status(), 200);
    let mut out = response.into_body().into_data_stream();
    for number in 1..=5 {
        let line = format!("{}\n", submitted(number));
        // A line in two pieces
        let (one, two) = line.split_at(20);
        for piece in [one, two] {
            lines
                .send(Bytes::copy_from_slice(piece.as_bytes()))
                .await
                .unwrap();
        }
        let next = tokio::time::timeout(Duration::from_secs(30), out.next())
            .await
            .unwrap();
        let answer: Value = serde_json::from_slice(&next.unwrap().unwrap()).unwrap();
        assert_eq!(answer["line"], number);
        // It is committed
        let path = format!("/v1/applications/{}", application(number));
        assert_eq!(world.send(get(path)).await.status, 200);
    }
    drop(lines);
    assert!(out.next().await.is_none());
}

async fn all_or_none(world: World) {
    let lines = [
        submitted(1),
        act(1, "begin_processing", "administrator:jane"),
        submitted(2),
    ];
    let answer = world.send(atomic(lines.join("\n"))).await;
    let all = [(1, "created"), (2, "processing"), (3, "created")];
    assert_eq!(brief(&answers(&answer)), expected(&all));
    let before = world.everything(&world.ours).await;
    // One is refused by the store, by the contract, and as no command
    for (wrong, code) in [
        (act(2, "retry", "administrator:jane"), "illegal_transition"),
        (act(9, "retry", "administrator:jane"), "unknown_application"),
        (act(1, "approve", "administrator:jane"), "forbidden"),
        (submitted(1), "already_exists"),
        ("{".to_owned(), "invalid_json"),
        ("{\"command\":\"x\"}".to_owned(), "invalid_request"),
    ] {
        let lines = [submitted(3), wrong, submitted(4)];
        let answer = world.send(atomic(lines.join("\n"))).await;
        let problem = answer.problem(409, "abandoned");
        let problems = problem["problems"].as_array().unwrap();
        assert_eq!(brief(problems), expected(&[(2, code)]));
        // As in a stream
        assert_eq!(problems[0]["problem"]["instance"], problem["instance"]);
    }
    let lines = ["{".to_owned(), submitted(3), "[]".to_owned()];
    let answer = world.send(atomic(lines.join("\n\n"))).await;
    let problem = answer.problem(409, "abandoned");
    let numbers = problem["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["line"].clone());
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 5]);
    assert_eq!(world.everything(&world.ours).await, before);
}

async fn a_line_needs_its_scope(world: World) {
    let scopes: Scopes = "applications:submit,applications:retry".parse().unwrap();
    let token = world
        .token(Some("our-university"), "customer:john", scopes)
        .await;
    let mut vault = upload(2);
    vault["actor"] = "customer:john".into();
    let lines = [
        submitted(1),
        vault.to_string(),
        act(1, "begin_processing", "customer:john"),
        act(1, "reject", "customer:john").replace('}', ",\"rejection_reason\":\"x\"}"),
        act(1, "approve", "customer:john"),
        act(1, "fail", "customer:john").replace('}', ",\"error\":\"x\"}"),
        act(1, "retry", "customer:john"),
    ];
    let all = answers(&world.send(ndjson(lines.join("\n")).with(&token)).await);
    assert_eq!(all[0]["event"]["version"], 1);
    let required = |it: &Value| it["problem"]["required_scope"].as_str().map(str::to_owned);
    let required: Vec<_> = all.iter().map(required).collect();
    let (decide, process) = ("applications:decide", "applications:process");
    let expected = [
        None,
        Some("applications:upload"),
        Some(decide),
        Some(decide),
        Some(process),
        Some(process),
        None,
    ];
    assert_eq!(required, expected.map(|it| it.map(str::to_owned)));
    for answer in &all[1..] {
        assert_eq!(answer["problem"]["code"], "forbidden");
    }
    let history = format!("/v1/applications/{}/history", application(1));
    assert_eq!(
        world.send(get(history)).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn who_a_line_names(world: World) {
    let scopes: Scopes = "applications:submit".parse().unwrap();
    let token = world
        .token(Some("our-university"), "customer:john", scopes)
        .await;
    let line = |number: u64, more: Value| {
        let mut line = submit(number);
        for (name, value) in more.as_object().unwrap() {
            line[name] = value.clone();
        }
        line.to_string()
    };
    let lines = [
        line(1, json!({})),
        line(
            2,
            json!({"institution": "our-university", "actor": "customer:john"}),
        ),
        line(3, json!({"institution": "their-university"})),
        line(4, json!({"actor": "customer:jim"})),
        line(5, json!({"actor": "nonsense"})),
        line(6, json!({"institution": ""})),
    ];
    let all = answers(&world.send(ndjson(lines.join("\n")).with(&token)).await);
    let got = [
        (1, "created"),
        (2, "created"),
        (3, "forbidden"),
        (4, "forbidden"),
        (5, "invalid_request"),
        (6, "invalid_request"),
    ];
    assert_eq!(brief(&all), expected(&got));
    assert_eq!(all[3]["problem"]["required_scope"], "actor:any");
    assert_eq!(all[4]["problem"]["errors"][0]["pointer"], "/actor");
    assert_eq!(all[5]["problem"]["errors"][0]["pointer"], "/institution");
    // Without a uuid, each line is another application
    let mut bare = submit(7);
    bare.as_object_mut().unwrap().remove("uuid");
    let mut keyed = bare.clone();
    keyed["idempotency_key"] = "once".into();
    let lines = [
        bare.to_string(),
        bare.to_string(),
        keyed.to_string(),
        keyed.to_string(),
    ];
    let all = answers(&world.send(ndjson(lines.join("\n")).with(&token)).await);
    let uuid = |place: usize| all[place]["event"]["payload"]["uuid"].as_str().unwrap();
    assert_ne!(uuid(0), uuid(1));
    assert_eq!((uuid(2), &all[2]["event"]), (uuid(3), &all[3]["event"]));
    assert_eq!(all[3]["replayed"], true);
}

async fn keys_and_versions_of_lines(world: World) {
    let mut begin = json!({
        "command": "begin_processing", "uuid": application(1), "actor": "administrator:jane",
        "idempotency_key": "begin", "expected_version": 1,
    });
    let lines = [submitted(1), begin.to_string(), begin.to_string()];
    let all = answers(&world.send(ndjson(lines.join("\n"))).await);
    assert_eq!(all[1]["event"], all[2]["event"]);
    begin["idempotency_key"] = "another".into();
    let all = answers(&world.send(ndjson(begin.to_string())).await);
    let problem = &all[0]["problem"];
    assert_eq!(
        (&problem["code"], &problem["current_version"]),
        (&json!("conflict"), &json!(2))
    );
    assert_eq!(problem["status"], 412);
    let ask = ndjson(begin.to_string()).header("X-Request-Id", "again");
    let again = answers(&world.send(ask).await);
    let mut same = problem.clone();
    same["instance"] = "again".into();
    assert_eq!(again[0]["problem"], same);
    begin["rejection_reason"] = "x".into();
    let all = answers(&world.send(ndjson(begin.to_string())).await);
    assert_eq!(
        all[0]["problem"]["errors"][0]["pointer"],
        "/rejection_reason"
    );
}
