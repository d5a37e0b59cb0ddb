//! The feed has every event once, in the order of commits; no reader ever misses one.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use certificate_lifecycle::engine::{Engine, Follower};
use certificate_lifecycle::store::{
    Cursor, Filter, ListOrder, RecordedEvent, Request, Store, StoreError,
};
use certificate_lifecycle::{Action, AnyApplication};
use uuid::Uuid;

use crate::harness::Harness;
use crate::world::{World, act, check, engine_on, ours, submit, upload, whole_feed, whole_list};

pub async fn pages_of_any_size_tell_the_same<H: Harness>() {
    let world = World::<H>::new().await;
    world.every_kind().await;
    // Several events of one commit as well.
    for answer in world
        .engine
        .execute_many((100..120).map(submit).collect())
        .await
    {
        let _ = answer.unwrap();
    }
    let all = check(&world.engine).await.feed;
    for size in [1, 2, 3, 7, 10_000, u32::MAX] {
        let (mut paged, mut cursor) = (Vec::new(), Cursor::START);
        loop {
            let page = world.engine.feed(cursor, size).await.unwrap();
            // A page that is not full is the last.
            let last = page.len() < size as usize;
            paged.extend(page);
            if last {
                break;
            }
            cursor = paged.last().unwrap().cursor;
        }
        assert_eq!(paged, all, "pages of {size}");
    }
    // From after every event, the rest follows.
    for (index, recorded) in all.iter().enumerate() {
        let rest = world.engine.feed(recorded.cursor, 10_000).await.unwrap();
        assert_eq!(rest, all[index + 1..]);
    }
}

pub async fn an_empty_feed_is_empty<H: Harness>() {
    let world = World::<H>::new().await;
    assert_eq!(world.engine.feed(Cursor::START, 10).await.unwrap(), []);
    let end = world.engine.feed_end().await.unwrap();
    assert_eq!(world.engine.feed(end, 10).await.unwrap(), []);
}

/// It is that of another store, or of a history that was lost: who goes on after it would wait for
/// what never comes, and then miss what does.
pub async fn a_cursor_beyond_the_end_is_an_error<H: Harness>() {
    let world = World::<H>::new().await;
    for events in 0..3 {
        let end = world.engine.feed_end().await.unwrap();
        for beyond in [
            Cursor::new(end.transaction() + (1 << 40), 0),
            Cursor::new(i64::MAX.unsigned_abs(), 0),
            Cursor::new(u64::MAX, u32::MAX),
        ] {
            let error = world.engine.feed(beyond, 10).await.unwrap_err();
            let is_right = matches!(error, StoreError::CursorBeyondEnd { cursor, end: it }
                // On a server, transactions of other schemas move the end meanwhile.
                if cursor == beyond && it >= end);
            assert!(is_right, "{error:?}");
            assert!(!error.is_lasting());
            assert_eq!(
                (error.code(), error.http_status()),
                ("cursor_beyond_end", 410)
            );
            // Who follows hears of it, and may go on.
            let mut events = world.engine.follow(beyond);
            assert!(events.next().await.is_err());
        }
        world.given(submit(events)).await;
        // Transactions of other tests may hold it up for a moment.
        whole_feed(&world.engine, usize::try_from(events).unwrap() + 1).await;
        let end = world.engine.feed_end().await.unwrap();
        assert_eq!(world.engine.feed(end, 10).await.unwrap(), []);
    }
}

pub async fn a_cursor_is_kept_as_text<H: Harness>() {
    let world = World::<H>::new().await;
    world.all_given((0..10).map(submit)).await;
    let all = whole_feed(&world.engine, 10).await;
    for (index, recorded) in all.iter().enumerate() {
        let kept = recorded.cursor.to_string();
        let cursor: Cursor = kept.parse().unwrap();
        assert_eq!(cursor, recorded.cursor);
        assert_eq!(
            world.engine.feed(cursor, 100).await.unwrap(),
            all[index + 1..]
        );
    }
}

pub async fn a_page_of_none_is_empty<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    assert_eq!(world.engine.feed(Cursor::START, 0).await.unwrap(), []);
}

/// Reads in small pages, from the start, until it has seen as many as there will be.
async fn read_all<S: Store>(engine: Engine<S>, size: u32, total: usize) -> Vec<RecordedEvent> {
    let (mut seen, mut cursor) = (Vec::<RecordedEvent>::new(), Cursor::START);
    while seen.len() < total {
        let page = engine.feed(cursor, size).await.unwrap();
        if let Some(last) = page.last() {
            cursor = last.cursor;
        } else {
            tokio::task::yield_now().await;
        }
        seen.extend(page);
    }
    seen
}

pub async fn readers_miss_nothing_while_many_write<H: Harness>() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 30;
    let world = World::<H>::new().await;
    let engines = world.several(4).await;
    let engine = |index: u64| engines[usize::try_from(index % 4).unwrap()].clone();
    let total = usize::try_from(WRITERS * EACH * 4).unwrap();
    // Given readers in pages of several sizes
    let readers = [1, 7, 64, 1000]
        .into_iter()
        .zip(0..)
        .map(|(size, index)| tokio::spawn(read_all(engine(index), size, total)));
    let readers: Vec<_> = readers.collect();
    // And writers over several handles: one by one, in calls of many, all or none
    let writers = (0..WRITERS).map(|writer| {
        let engine = engine(writer);
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for round in 0..EACH {
                let number = writer * EACH + round;
                let requests = vec![
                    upload(number),
                    act(number, Action::Fail),
                    act(number, Action::Retry),
                    act(number, Action::Approve),
                ];
                let answers = match round % 3 {
                    0 => engine.execute_many(requests).await,
                    1 => engine.execute_all(requests).await,
                    _ => {
                        let mut answers = Vec::new();
                        for request in requests {
                            answers.push(engine.execute(request).await);
                        }
                        answers
                    }
                };
                acknowledged.extend(answers.into_iter().map(|it| it.unwrap().event));
            }
            acknowledged
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.push(writer.await.unwrap());
    }
    // Then every reader has seen the same, and everything
    let feed = check(&world.engine).await.feed;
    assert_eq!(feed.len(), total);
    for reader in readers {
        assert!(reader.await.unwrap() == feed);
    }
    // And what one writer got one after the other stands in that order
    let place: HashMap<Uuid, usize> = feed
        .iter()
        .enumerate()
        .map(|(place, it)| (it.event.id(), place))
        .collect();
    for events in acknowledged {
        assert!(events.iter().map(|it| place[&it.id()]).is_sorted());
    }
}

pub async fn what_was_acknowledged_first_comes_first<H: Harness>() {
    // Given callers on several handles, who note the hour before they send and after they are
    // answered
    let world = World::<H>::new().await;
    let engines = world.several(4).await;
    let hour = Arc::new(AtomicU64::new(0));
    let callers = (0..8_u64).map(|caller| {
        let engine = engines[usize::try_from(caller % 4).unwrap()].clone();
        let hour = Arc::clone(&hour);
        tokio::spawn(async move {
            let mut noted = Vec::new();
            for round in 0..40 {
                let sent = hour.fetch_add(1, Ordering::SeqCst);
                let receipt = engine.execute(submit(caller * 1000 + round)).await.unwrap();
                let answered = hour.fetch_add(1, Ordering::SeqCst);
                noted.push((receipt.event.id(), sent, answered));
            }
            noted
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut hours = HashMap::new();
    for caller in callers {
        for (event, sent, answered) in caller.await.unwrap() {
            hours.insert(event, (sent, answered));
        }
    }
    // Then no event stands behind one that was sent after it was acknowledged
    let feed = whole_feed(&world.engine, hours.len()).await;
    let mut latest_sent = 0;
    for recorded in &feed {
        let (sent, answered) = hours[&recorded.event.id()];
        assert!(
            answered > latest_sent,
            "acknowledged before one that stands before it was sent"
        );
        latest_sent = latest_sent.max(sent);
    }
    assert_eq!(feed.len(), hours.len());
}

async fn next(events: &mut Follower) -> RecordedEvent {
    events.next().await.unwrap()
}

pub async fn following_waits_for_what_comes<H: Harness>() {
    let world = World::<H>::new().await;
    let mut events = world.engine.follow(Cursor::START);
    for number in 0..50 {
        // Given that everything so far was reported, there is nothing to tell
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(events.next()).poll(&mut context).is_pending());
        // When something happens, it is reported
        let receipt = world.done(submit(number)).await;
        assert_eq!(next(&mut events).await.event, receipt.event);
    }
}

pub async fn following_hears_of_other_handles<H: Harness>() {
    let world = World::<H>::new().await;
    let another = world.another().await;
    let reported = Arc::new(AtomicUsize::new(0));
    let following = {
        let (engine, reported) = (world.engine.clone(), Arc::clone(&reported));
        tokio::spawn(async move {
            let mut events = engine.follow(Cursor::START);
            let mut seen = Vec::new();
            while seen.len() < 20 {
                seen.push(next(&mut events).await);
                reported.store(seen.len(), Ordering::SeqCst);
            }
            seen
        })
    };
    // Given that the other handle writes one after the other, each when the last was reported
    for number in 0..20_u64 {
        let _ = another.execute(submit(number)).await.unwrap();
        if number % 5 == 0 {
            while (reported.load(Ordering::SeqCst) as u64) <= number {
                tokio::task::yield_now().await;
            }
        }
    }
    assert_eq!(
        following.await.unwrap(),
        whole_feed(&world.engine, 20).await
    );
}

pub async fn following_starts_anywhere<H: Harness>() {
    let world = World::<H>::new().await;
    // More than are read at once.
    for answer in world
        .engine
        .execute_many((0..1200).map(submit).collect())
        .await
    {
        let _ = answer.unwrap();
    }
    let feed = whole_feed(&world.engine, 1200).await;
    for start in [0, 1, 511, 512, 1198] {
        let mut following = world.engine.follow(feed[start].cursor);
        for expected in &feed[start + 1..] {
            assert!(next(&mut following).await == *expected);
        }
    }
    // The follower does not need the engine that it came from.
    let engine = engine_on(world.harness.open().await, &world.clock);
    let mut following = engine.follow(Cursor::START);
    drop(engine);
    for expected in &feed {
        assert!(next(&mut following).await == *expected);
    }
}

pub async fn the_end_of_the_feed_is_behind_all_that_was_reported<H: Harness>() {
    let world = World::<H>::new().await;
    let end = world.engine.feed_end().await.unwrap();
    assert_eq!(end, Cursor::START);
    for number in 0..10 {
        // Given that all that happened was reported
        world
            .all_given([submit(number), act(number, Action::Reject)])
            .await;
        let events = usize::try_from(number * 3 + 2).unwrap();
        let reported = whole_feed(&world.engine, events).await;
        // Then the end is there on each handle, and behind it comes only what happens next
        let another = world.another().await;
        let end = another.feed_end().await.unwrap();
        assert_eq!(end, reported.last().unwrap().cursor);
        assert_eq!(end, world.engine.feed_end().await.unwrap());
        assert_eq!(another.feed(end, 10).await.unwrap(), []);
        let kept: Cursor = end.to_string().parse().unwrap();
        let next = world.done(submit(100 + number)).await;
        let mut events = another.follow(kept);
        assert_eq!(self::next(&mut events).await.event, next.event);
    }
}

pub async fn a_subscriber_who_starts_now_misses_nothing_that_is_committed_later<H: Harness>() {
    const WRITERS: u64 = 6;
    const EACH: u64 = 40;
    let world = World::<H>::new().await;
    let engines = world.several(3).await;
    let engine = |index: u64| engines[usize::try_from(index % 3).unwrap()].clone();
    // Given writers over several handles
    let writers = (0..WRITERS).map(|writer| {
        let engine = engine(writer);
        tokio::spawn(async move {
            for round in 0..EACH {
                engine.execute(submit(writer * EACH + round)).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    // And subscribers who come meanwhile, and see what is committed once they have the end
    let subscribers = (0..3).map(|subscriber| {
        let engine = engine(subscriber);
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 20 {
                let end = engine.feed_end().await.unwrap();
                let all = Filter::all();
                let listed = whole_list(&engine, &ours(), &all, ListOrder::OldestFirst, 1000).await;
                let listed: HashSet<_> = listed.iter().map(AnyApplication::uuid).collect();
                seen.push((end, listed));
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            seen
        })
    });
    let subscribers: Vec<_> = subscribers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // Then everything that was not committed by then stands behind the end
    let total = usize::try_from(WRITERS * EACH).unwrap();
    let feed = check(&world.engine).await.feed;
    assert_eq!(feed.len(), total);
    for subscriber in subscribers {
        for (end, listed) in subscriber.await.unwrap() {
            let later = feed.iter().filter(|it| !listed.contains(&it.event.uuid()));
            for recorded in later {
                assert!(
                    recorded.cursor > end,
                    "{} is not behind {end}",
                    recorded.cursor
                );
            }
        }
    }
    // And when all is quiet, nothing does
    assert_eq!(
        world.engine.feed_end().await.unwrap(),
        feed[total - 1].cursor
    );
}

pub async fn all_or_none_stands_together<H: Harness>() {
    // Given four callers who create ten at a time
    let world = World::<H>::new().await;
    let engines = world.several(4).await;
    let callers = engines
        .into_iter()
        .zip(0..)
        .map(|(engine, caller): (_, u64)| {
            tokio::spawn(async move {
                for round in 0..10 {
                    let first = caller * 1000 + round * 10;
                    let requests: Vec<Request> = (first..first + 10).map(submit).collect();
                    for answer in engine.execute_all(requests).await {
                        let _ = answer.unwrap();
                    }
                }
            })
        });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    // Then the ten of a call stand together, in their order
    let feed = check(&world.engine).await.feed;
    let numbers: Vec<_> = feed
        .iter()
        .map(|it| it.event.details().application_id().get() - 1)
        .collect();
    for call in numbers.chunks(10) {
        assert!(call[0] % 10 == 0 && call.iter().zip(call[0]..).all(|(it, next)| *it == next));
    }
}
