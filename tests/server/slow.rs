//! `POST /v1/commands` of clients that are slow, and of many at a time.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{Instant, timeout};

use crate::support::{Answer, Ask, Kind, World, get, read, request, submit};

const PATIENCE: Duration = Duration::from_secs(30);

fn ndjson(query: &str) -> Ask {
    let path = format!("/v1/commands{query}");
    request("POST", &path).body("application/x-ndjson", "")
}

/// A body, and the way to send pieces of it.
fn body() -> (Sender<Bytes>, Body) {
    let (pieces, body) = channel(16);
    let body = stream::unfold(body, async |mut body| {
        let piece: Bytes = tokio::sync::mpsc::Receiver::recv(&mut body).await?;
        Some((Ok::<_, Infallible>(piece), body))
    });
    (pieces, Body::from_stream(body))
}

fn line(number: u64) -> Bytes {
    let mut line = submit(number);
    line["actor"] = "customer:john".into();
    format!("{line}\n").into()
}

async fn applications(world: &World) -> Value {
    let counts = world.send(get("/v1/counts")).await.json();
    counts["data"][0]["applications"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_which_nothing_comes_ends() {
    let world = World::fresh(Kind::Memory).await;
    let (pieces, body) = body();
    let answer = world.open(ndjson(""), body).await;
    let mut out = answer.into_body().into_data_stream();
    pieces.send(line(1)).await.unwrap();
    let first = out.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"{\"line\":1,\"event\""), "{first:?}");
    // Given blank lines, it stays open
    for _ in 0..10 {
        pieces.send("\n".into()).await.unwrap();
        let quiet = timeout(Duration::from_secs(29), out.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
    // Given nothing, or a part of a line, it says which line did not come
    pieces.send(line(2).slice(..20)).await.unwrap();
    let began = Instant::now();
    let last: Value = serde_json::from_slice(&out.next().await.unwrap().unwrap()).unwrap();
    assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
    assert_eq!(last["line"], 12);
    assert_eq!(last["problem"]["code"], "request_timeout");
    assert!(out.next().await.is_none());
    assert_eq!(applications(&world).await, 1);
}

#[tokio::test(start_paused = true)]
async fn all_or_none_of_a_body_that_comes_too_slowly_is_none() {
    let world = World::fresh(Kind::Memory).await;
    for size in [0, 4 << 20] {
        let (pieces, body) = body();
        let began = Instant::now();
        let sent = tokio::spawn(async move {
            pieces.send(line(1)).await.unwrap();
            pieces.send(vec![b'x'; size].into()).await.unwrap();
            pieces.send("\n".into()).await.unwrap();
            pieces.closed().await;
        });
        let answer = read(world.open(ndjson("?atomic=true"), body).await).await;
        answer.problem(408, "request_timeout");
        sent.await.unwrap();
        // A line that is too long is not kept, and gives no time
        assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
        assert!(began.elapsed() < 2 * PATIENCE, "{:?}", began.elapsed());
    }
    assert_eq!(applications(&world).await, Value::Null);
    // What comes gives time for what is to come: 2 MiB, eight seconds
    let (pieces, body) = body();
    let sent = tokio::spawn(async move {
        for number in 1..=4 {
            let padded = [&b" ".repeat(1 << 19)[..], &line(number)].concat();
            pieces.send(padded.into()).await.unwrap();
        }
        tokio::time::sleep(PATIENCE + Duration::from_secs(7)).await;
        pieces.send(line(5)).await.unwrap();
    });
    let answer = read(world.open(ndjson("?atomic=true"), body).await).await;
    sent.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(applications(&world).await, 5);
}

#[tokio::test]
async fn atomic_streams_hold_no_more_than_a_part_of_memory() {
    let world = World::fresh(Kind::Memory).await;
    // A line that is refused, and as long as a line may be
    let long: Bytes = [&b"x".repeat((1 << 20) - 1)[..], b"\n"].concat().into();
    let mut held = Vec::new();
    let mut refused: Vec<Answer> = Vec::new();
    for _ in 0..5 {
        let (pieces, body) = body();
        let router = world.router.clone();
        let token = world.ours.clone();
        let ask = ndjson("?atomic=true").with(&token).into_request(body);
        let answer = tokio::spawn(async move {
            let answer = tower::ServiceExt::oneshot(router, ask).await.unwrap();
            read(answer).await
        });
        for _ in 0..60 {
            if pieces.send(long.clone()).await.is_err() {
                break;
            }
        }
        held.push((pieces, answer));
    }
    // Four of the largest are taken, and not a fifth
    for (pieces, answer) in held {
        drop(pieces);
        let answer = answer.await.unwrap();
        if answer.status == 429 {
            refused.push(answer);
        } else {
            answer.problem(409, "abandoned");
        }
    }
    assert_eq!(refused.len(), 1);
    let (refused, retry_after) = (&refused[0], "1");
    refused.problem(429, "too_many_requests");
    assert_eq!(refused.header("retry-after"), retry_after);
    // What they held is given back
    let another = Body::from(long.repeat(60));
    let answer = world.open(ndjson("?atomic=true"), another).await;
    read(answer).await.problem(409, "abandoned");
}
