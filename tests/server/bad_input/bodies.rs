//! Bodies that are no JSON, too long, of another type, or never end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{is_refused, unchanged};
use crate::support::{Ask, World, created, on_every_store, post, read, request, submit};

on_every_store! {
    what_is_no_json,
    what_is_too_long,
    what_is_refused_before_it_has_come,
    other_media_types,
    bodies_that_break_off,
}

/// Requests that take a body, each read in one of the ways that there are.
fn asks() -> [Ask; 6] {
    let nothing = crate::support::nothing();
    [
        request("POST", "/v1/applications"),
        request(
            "POST",
            format!("/v1/applications/{}/approve", nothing.application),
        ),
        request("POST", "/v1/webhooks"),
        request("POST", "/v1/tokens"),
        request("POST", "/v1/deliveries/redeliver"),
        request("POST", format!("/v1/webhooks/{}/replay", nothing.webhook)),
    ]
}

const NO_JSON: [&[u8]; 21] = [
    b"{",
    b"}",
    b"{\"command\"",
    b"{\"command\":}",
    b"{'command':'submit'}",
    b"{command:1}",
    b"{\"a\":1,}",
    b"{\"a\":01}",
    b"{\"a\":NaN}",
    b"{\"a\":\"\\x\"}",
    b"{\"a\":\"\\ud800\"}",
    b"{\"a\":\"\n\"}",
    b"{} {}",
    b"{} x",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0",
    b"{\"a\":\"\xff\"}",
    b"{\"\xc3\x28\":1}",
    b"\0",
    b"// a\n{}",
    b"   ",
];

async fn what_is_no_json(world: World) {
    let before = world.everything(&world.ours).await;
    let deep = |open: &str, close: &str, times| open.repeat(times) + &close.repeat(times);
    for ask in asks() {
        for body in NO_JSON {
            let sent = ask.clone().body("application/json", body);
            let answer = world.send(sent).await;
            let case = format!("{} {}", ask.path, String::from_utf8_lossy(body));
            is_refused(&answer, &case);
            assert!([400, 422].contains(&answer.status), "{case}: {answer:?}");
        }
        // JSON, and no object
        for body in ["null", "1", "\"x\"", "[]", "[{}]", "true"] {
            let answer = world.send(ask.clone().body("application/json", body)).await;
            assert!(
                [400, 422].contains(&answer.status),
                "{} {body}: {answer:?}",
                ask.path
            );
            is_refused(&answer, body);
        }
        // As deep as a body can be
        for (open, close) in [("[", "]"), ("{\"a\":", "1}")] {
            let inner = deep(open, close, 100_000);
            for body in [
                inner.clone(),
                format!("{{\"command\":{inner}}}"),
                open.repeat(150_000),
            ] {
                let answer = world.send(ask.clone().body("application/json", body)).await;
                is_refused(&answer, &ask.path);
            }
        }
    }
    let bom = format!("\u{feff}{}", submit(1));
    let answer = world.send(request("POST", "/v1/applications").body("application/json", bom));
    answer.await.problem(400, "invalid_json");
    unchanged(&world, &before).await;
}

/// A stream of this many bytes, as a request that says nothing of its length has it.
fn blanks(total: usize, before: &str) -> Body {
    let before = Bytes::copy_from_slice(before.as_bytes());
    let chunk = Bytes::from(vec![b' '; 1 << 16]);
    let rest = total - before.len();
    let (whole, last) = (rest / chunk.len(), chunk.slice(..rest % chunk.len()));
    let chunks = std::iter::once(before)
        .chain(std::iter::repeat_n(chunk, whole))
        .chain([last]);
    Body::from_stream(stream::iter(chunks.map(Ok::<_, Infallible>)))
}

async fn what_is_too_long(world: World) {
    const MIB: usize = 1 << 20;
    let before = world.everything(&world.ours).await;
    for ask in asks() {
        for length in [MIB + 1, 3 * MIB] {
            let body = vec![b' '; length];
            let answer = world.send(ask.clone().body("application/json", body)).await;
            answer.problem(413, "too_large");
            let ask = ask.clone().header("Content-Type", "application/json");
            let answer = read(world.open(ask, blanks(length, "{")).await).await;
            answer.problem(413, "too_large");
        }
    }
    unchanged(&world, &before).await;
    // As long as it may be
    let ask = request("POST", "/v1/applications").by("customer:john");
    let ask = ask.header("Content-Type", "application/json");
    let answer = world.open(ask, blanks(MIB, &submit(1).to_string())).await;
    assert_eq!(read(answer).await.status, 201);
}

/// The connection would be reset while the client, or the proxy before it, still sends: what it
/// sends is read to its end, unless that is too far away, or the client waits to be asked.
async fn what_is_refused_before_it_has_come(world: World) {
    const CHUNK: usize = 1 << 16;
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = |chunks: usize| {
        taken.store(0, Ordering::SeqCst);
        let taken = Arc::clone(&taken);
        let chunks = stream::iter(std::iter::repeat_n(Bytes::from(vec![b' '; CHUNK]), chunks));
        Body::from_stream(chunks.map(move |it| {
            taken.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(it)
        }))
    };
    let post = |path: &str| request("POST", path).header("Content-Type", "application/json");
    let create = post("/v1/applications");
    for (ask, status) in [
        (create.clone(), 413),
        (create.clone().anonymous(), 401),
        (create.clone().with("no-token"), 401),
        (post("/v1/nothing"), 404),
        (post("/v1/counts"), 405),
        (post("/v1/commands"), 415),
    ] {
        assert_eq!(
            read(world.open(ask, counted(100)).await).await.status,
            status
        );
        assert_eq!(taken.load(Ordering::SeqCst), 100, "{status}");
    }
    let waiting = create.clone().anonymous().header("Expect", "100-continue");
    for (ask, chunks, at_most) in [(create, 1000, (16 << 20) / CHUNK + 1), (waiting, 100, 0)] {
        read(world.open(ask, counted(chunks)).await).await;
        let taken = taken.load(Ordering::SeqCst);
        assert!(taken <= at_most + 20, "{taken} of {chunks}");
    }
}

async fn other_media_types(world: World) {
    let before = world.everything(&world.ours).await;
    let body = submit(1).to_string();
    for ask in asks() {
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonx",
            "application/x-ndjson",
            "json",
            "",
            "*/*",
            "text/json",
        ] {
            let answer = world.send(ask.clone().body(other, body.clone())).await;
            let problem = answer.problem(415, "unsupported_media_type");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("application/json"), "{other}: {detail}");
        }
        let mut without = ask.clone();
        without.body = body.clone().into();
        world
            .send(without)
            .await
            .problem(415, "unsupported_media_type");
    }
    for coding in ["gzip", "identity, br", ""] {
        for ask in [
            post("/v1/applications", &submit(1)),
            request("POST", "/v1/commands").body("application/x-ndjson", ""),
        ] {
            let answer = world.send(ask.header("Content-Encoding", coding)).await;
            let problem = answer.problem(415, "unsupported_media_type");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("Content-Encoding"), "{coding}: {detail}");
        }
    }
    let lines = request("POST", "/v1/commands").body("application/json", body.clone());
    let problem = world
        .send(lines)
        .await
        .problem(415, "unsupported_media_type");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("application/x-ndjson")
    );
    unchanged(&world, &before).await;
    let same = [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/x+json",
    ];
    for (number, same) in (1..).zip(same) {
        let mut ask = created(number);
        ask.headers.retain(|(name, _)| name != "content-type");
        let ask = ask.header("Content-Type", same);
        assert_eq!(world.send(ask).await.status, 201, "{same}");
    }
}

async fn bodies_that_break_off(world: World) {
    let before = world.everything(&world.ours).await;
    let whole = submit(1).to_string();
    let webhook = json!({"url": "https://example.com/"}).to_string();
    for (path, whole) in [("/v1/applications", whole), ("/v1/webhooks", webhook)] {
        for kept in [0, 1, whole.len() - 1, whole.len()] {
            let ask = request("POST", path).by("customer:john");
            let ask = ask.header("Content-Type", "application/json");
            let chunks = [
                Ok(Bytes::copy_from_slice(&whole.as_bytes()[..kept])),
                Err(std::io::Error::other("the connection was lost")),
            ];
            let answer = world
                .open(ask, Body::from_stream(stream::iter(chunks)))
                .await;
            is_refused(&read(answer).await, path);
        }
    }
    unchanged(&world, &before).await;
}
