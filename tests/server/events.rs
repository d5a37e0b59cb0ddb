//! The feed: pages, long polls, and streams of server-sent events.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use certificate_lifecycle::server::ServerOptions;
use certificate_lifecycle::store::Tokens;
use chrono::TimeDelta;
use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::support::{
    Kind, World, application, created, get, now, on_every_store, request, stream,
};

on_every_store! {
    pages_go_on_without_gaps_while_others_write,
    a_long_poll_is_answered_with_what_comes,
    a_stream_is_written_as_the_standard_says,
    a_stream_goes_on_where_it_is_asked_to,
    a_stream_has_nothing_of_others,
    cursors_are_checked_before_a_stream_begins,
    a_stream_ends_with_its_token,
    what_waits_ends_when_its_token_is_revoked,
    the_form_that_is_accepted_rather_is_sent,
}

/// Eight writers, a quarter of them of the other institution: how many events of ours there are.
fn writers(world: &Arc<World>) -> (usize, tokio::task::JoinSet<()>) {
    const EACH: u64 = 20;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let world = Arc::clone(world);
        tasks.spawn(async move {
            for number in 1..=EACH {
                let token = if task % 4 == 3 {
                    &world.theirs
                } else {
                    &world.ours
                };
                let ask = created(1 + task * EACH + number).with(token);
                assert_eq!(world.send(ask).await.status, 201);
            }
        });
    }
    (6 * 20, tasks)
}

async fn pages_go_on_without_gaps_while_others_write(world: World) {
    let world = Arc::new(world);
    let (number, mut tasks) = writers(&world);
    let (mut seen, mut after, start) = (Vec::new(), String::new(), Instant::now());
    while seen.len() < number {
        let page = world
            .send(get(format!("/v1/events?limit=7{after}")))
            .await
            .json();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 7);
        // A page that is not full may have passed over what others did.
        if data.len() == 7 {
            assert_eq!(page["next"], data[6]["cursor"], "{page}");
        }
        seen.extend(data.iter().cloned());
        after = format!("&after={}", page["next"].as_str().unwrap());
        assert!(start.elapsed() < Duration::from_secs(60), "{}", seen.len());
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let all = world.events(&world.ours, number as u64).await;
    assert_eq!(Value::from(seen), all);
    // From each of them on, the rest follows
    let all = all.as_array().unwrap();
    for (place, event) in all.iter().enumerate().step_by(17) {
        let cursor = event["cursor"].as_str().unwrap();
        let page = get(format!("/v1/events?limit=5&after={cursor}"));
        let page = world.send(page).await.json();
        let rest = &all[place + 1..];
        assert_eq!(
            page["data"].as_array().unwrap(),
            &rest[..rest.len().min(5)],
            "{cursor}"
        );
    }
}

async fn a_long_poll_is_answered_with_what_comes(world: World) {
    world.application(1, &[]).await;
    let events = world.events(&world.ours, 1).await;
    let cursor = events[0]["cursor"].as_str().unwrap().to_owned();
    let poll = |wait: u32| get(format!("/v1/events?after={cursor}&wait={wait}"));
    // What is there is not waited for
    let start = Instant::now();
    let there = world.send(get("/v1/events?wait=60")).await.json();
    assert_eq!(there["data"], events);
    // Nothing comes, and what others do is not waited for
    let theirs = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let ask = created(9).with(&world.theirs);
        assert_eq!(world.send(ask).await.status, 201);
    };
    let (nothing, ()) = tokio::join!(world.send(poll(2)), theirs);
    assert!(start.elapsed() >= Duration::from_millis(1900));
    let nothing = nothing.json();
    assert_eq!(nothing["data"], json!([]), "{nothing}");
    // Something comes
    let start = Instant::now();
    let ours = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.application(2, &[]).await;
    };
    let several = futures_util::future::join_all((0..5).map(|_| world.send(poll(60))));
    let (answers, ()) = tokio::join!(several, ours);
    for answer in answers {
        let page = answer.json();
        assert_eq!(page["data"][0]["payload"]["uuid"], application(2), "{page}");
        assert_eq!(page["next"], page["data"][0]["cursor"]);
    }
    assert!(start.elapsed() < Duration::from_secs(30));
    let next = nothing["next"].as_str().unwrap();
    let page = world.send(get(format!("/v1/events?after={next}"))).await;
    assert_eq!(page.json()["data"].as_array().unwrap().len(), 1);
}

async fn a_stream_is_written_as_the_standard_says(world: World) {
    let mut before = world.follow(stream("/v1/events")).await;
    world.application(1, &["begin-processing", "fail"]).await;
    let events = world.events(&world.ours, 3).await;
    let mut after = world.follow(stream("/v1/events")).await;
    let mut expected = String::from("retry: 2000\n\n");
    for event in events.as_array().unwrap() {
        let (cursor, name) = (&event["cursor"], &event["payload"]["event"]);
        let (cursor, name) = (cursor.as_str().unwrap(), name.as_str().unwrap());
        let _ = write!(expected, "id: {cursor}\nevent: {name}\ndata: DATA\n\n");
    }
    for following in [&mut before, &mut after] {
        let header = |name: &str| following.head.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-request-id"), "test");
        let seen = following.until(3).await.to_vec();
        let data: Vec<_> = seen.iter().map(super::support::Message::json).collect();
        assert_eq!(Value::from(data), events);
        let mut text = following.text();
        for message in &seen {
            text = text.replacen(&message.data, "DATA", 1);
        }
        assert_eq!(text, expected);
        assert_eq!(following.source.retry, Some(2000));
        assert!(following.is_silent(Duration::from_millis(100)).await);
    }
    // The data are those of the page, to the byte
    let page = world.send(get("/v1/events")).await;
    for message in &after.source.messages {
        assert!(page.text().contains(&message.data), "{}", message.data);
    }
}

async fn a_stream_goes_on_where_it_is_asked_to(world: World) {
    world.application(1, &["begin-processing", "approve"]).await;
    let events = world.events(&world.ours, 3).await;
    let cursor = |place: usize| events[place]["cursor"].as_str().unwrap().to_owned();
    let after = |place| stream(&format!("/v1/events?after={}", cursor(place)));
    let last = |place| stream("/v1/events").header("Last-Event-ID", cursor(place));
    let both = |asked: usize, had| after(asked).header("Last-Event-ID", cursor(had));
    for (ask, expected) in [
        (stream("/v1/events"), 0),
        (stream("/v1/events").header("Last-Event-ID", ""), 0),
        (after(0), 1),
        (after(0).header("Last-Event-ID", ""), 1),
        (last(1), 2),
        // What it has had counts, whatever it asked for at first
        (both(0, 1), 2),
        (both(2, 0), 1),
    ] {
        let mut following = world.follow(ask.clone()).await;
        let seen = following.until(3 - expected).await;
        let seen: Vec<_> = seen.iter().map(|it| it.id.clone()).collect();
        let all: Vec<_> = (expected..3).map(cursor).collect();
        assert_eq!(seen, all, "{ask:?}");
    }
    // At the end: what comes then
    let mut following = world.follow(last(2)).await;
    world.application(2, &[]).await;
    let seen = following.until(1).await[0].json();
    assert_eq!(seen["payload"]["uuid"], application(2));
}

async fn a_stream_has_nothing_of_others(world: World) {
    // While one is open, and before it is
    let mut early = world.follow(stream("/v1/events").with(&world.theirs)).await;
    world.things().await;
    world.events(&world.ours, 2).await;
    let mut late = world.follow(stream("/v1/events").with(&world.theirs)).await;
    while late.source.passed_over == 0 {
        assert!(late.more().await);
    }
    let ask = created(7).with(&world.theirs);
    assert_eq!(world.send(ask).await.status, 201);
    let own = world.events(&world.theirs, 1).await;
    for following in [&mut early, &mut late] {
        following.until(1).await;
        assert_eq!(following.source.messages.len(), 1);
        assert_eq!(following.source.messages[0].json(), own[0]);
        let text = following.text();
        for line in text.lines().filter(|it| it.starts_with("data:")) {
            assert!(line.contains("their-university"), "{text}");
        }
        for ours in ["our-university", &application(1), "processing"] {
            assert!(!text.contains(ours), "{text}");
        }
    }
    // What was passed over is not read again
    let last = late.source.last_id.clone();
    let ask = stream("/v1/events").with(&world.theirs);
    let mut again = world.follow(ask.header("Last-Event-ID", last)).await;
    assert!(again.more().await);
    assert_eq!(again.text(), "retry: 2000\n\n");
}

async fn cursors_are_checked_before_a_stream_begins(world: World) {
    for cursor in ["x", "-1", "1-", "99999999999999999999", "1 2"] {
        let last = stream("/v1/events").header("Last-Event-ID", cursor);
        assert_eq!(world.send(last).await.faults(), ["Last-Event-ID"]);
        let cursor = cursor.replace(' ', "%20");
        let after = stream(&format!("/v1/events?after={cursor}"));
        assert_eq!(world.send(after).await.faults(), ["after"], "{cursor}");
    }
    let beyond = stream("/v1/events").header("Last-Event-ID", "9000000000000000000");
    for ask in [beyond, get("/v1/events?after=9000000000000000000&wait=20")] {
        world.send(ask).await.problem(410, "cursor_beyond_end");
    }
}

async fn a_stream_ends_with_its_token(world: World) {
    let start = Instant::now();
    let token = world.expiring(now() + TimeDelta::seconds(3)).await;
    let mut following = world.follow(stream("/v1/events").with(&token)).await;
    world.application(1, &[]).await;
    following.until(1).await;
    while following.more().await {}
    assert!(start.elapsed() < Duration::from_secs(30));
    let again = world.send(stream("/v1/events").with(&token)).await;
    again.problem(401, "unauthenticated");
}

async fn what_waits_ends_when_its_token_is_revoked(world: World) {
    for is_here in [true, false] {
        let token = world.expiring(now() + TimeDelta::hours(1)).await;
        let other = world.expiring(now() + TimeDelta::hours(1)).await;
        let mut following = world.follow(stream("/v1/events").with(&token)).await;
        let mut kept = world.follow(stream("/v1/events").with(&other)).await;
        assert!(kept.more().await);
        let id = token.split('_').nth(1).unwrap();
        let revoke = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if is_here {
                let revoke = request("DELETE", format!("/v1/tokens/{id}"));
                assert_eq!(world.send(revoke).await.status, 204);
            } else {
                let removed = world.store.remove_token(None, id.parse().unwrap());
                assert!(removed.await.unwrap());
            }
            Instant::now()
        };
        let poll = world.send(get("/v1/events?wait=60").with(&token));
        let (poll, since) = tokio::join!(poll, revoke);
        poll.problem(401, "unauthenticated");
        while following.more().await {}
        let most = Duration::from_secs(if is_here { 2 } else { 8 });
        assert!(since.elapsed() < most, "{:?}", since.elapsed());
        assert!(kept.is_silent(Duration::from_millis(100)).await);
    }
}

async fn the_form_that_is_accepted_rather_is_sent(world: World) {
    for (accept, form) in [
        (
            "application/json;q=0.2, text/event-stream",
            "text/event-stream",
        ),
        (
            "text/event-stream;q=0.5, application/json",
            "application/json",
        ),
        ("text/event-stream;q=0", "application/json"),
        ("*/*", "application/json"),
    ] {
        let ask = get("/v1/events").header("Accept", accept);
        let answer = world.open(ask, axum::body::Body::empty()).await;
        assert_eq!(answer.headers()["content-type"], form, "{accept}");
    }
    // What only pages have
    let refused = world.send(stream("/v1/events?limit=1&wait=5&a=b")).await;
    assert_eq!(refused.faults(), ["limit", "wait", "a"]);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("only pages have it"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_polls_end_at_shutdown() {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        let (end, ends) = tokio::sync::oneshot::channel::<()>();
        let options = ServerOptions::default().with_shutdown(ends.map(|_| ()));
        let world = World::with(kind, options).await;
        let mut following = world.follow(stream("/v1/events")).await;
        world.application(1, &[]).await;
        let cursor = following.until(1).await[0].id.clone();
        let start = Instant::now();
        let poll = world.send(get(format!("/v1/events?after={cursor}&wait=60")));
        let shutdown = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            end.send(()).unwrap();
        };
        let (page, ()) = tokio::join!(poll, shutdown);
        assert_eq!(page.json(), json!({"data": [], "next": cursor}));
        while following.more().await {}
        // What is complete counts, and what comes after it is asked for elsewhere
        assert_eq!(following.source.last_id, cursor);
        let mut late = world.follow(stream("/v1/events")).await;
        while late.more().await {}
        assert!(start.elapsed() < Duration::from_secs(20));
        // Requests that do not wait are answered
        assert_eq!(world.send(get("/v1/events?wait=60")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_wait_than_are_allowed_to() {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        let options = ServerOptions::default().with_most_waiting(2);
        let world = World::with(kind, options).await;
        let first = world.follow(stream("/v1/events")).await;
        let second = world.follow(stream("/v1/events")).await;
        for ask in [stream("/v1/events"), get("/v1/events?wait=1")] {
            let answer = world.send(ask).await;
            answer.problem(429, "too_many_requests");
            assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
        }
        // What does not wait is answered
        assert_eq!(world.send(get("/v1/events")).await.status, 200);
        world.application(1, &[]).await;
        world.events(&world.ours, 1).await;
        assert_eq!(world.send(get("/v1/events?wait=9")).await.status, 200);
        drop((first, second));
        let mut third = world.follow(stream("/v1/events")).await;
        third.until(1).await;
    }
}

/// It takes as long as a comment takes to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_comes_beside_the_events_of_others() {
    let world = Arc::new(World::with(Kind::Memory, ServerOptions::default()).await);
    let start = Instant::now();
    let mut quiet = world.follow(stream("/v1/events").with(&world.theirs)).await;
    let busy = {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            for number in 1.. {
                world.send(created(number)).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
    };
    while !quiet.text().ends_with("\n\n:\n\n") {
        assert!(quiet.more().await);
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    busy.abort();
}
