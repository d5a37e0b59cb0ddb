//! What must hold after a round.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, DeliveryFilter, DeliveryStatus, Outbox, PostgresStore, RecordedEvent, Store,
};
use futures_util::StreamExt;
use uuid::Uuid;

use crate::receiver::Arrival;
use crate::round::{WEBHOOKS, acknowledged};
use crate::work::request;

/// What the world outside of the store has seen.
pub struct Seen<'s> {
    /// The lines of the writers.
    pub written: &'s [String],
    /// The lines of the follower.
    pub followed: &'s [String],
    pub arrived: &'s [(u128, Arrival)],
}

/// How much of a case is printed.
const LONGEST_CASE: usize = 600;

/// What did not hold, by its kind: how often, and the first case.
#[derive(Default)]
struct Violations(BTreeMap<&'static str, (usize, String)>);

impl Violations {
    fn add(&mut self, kind: &'static str, case: impl FnOnce() -> String) {
        self.0.entry(kind).or_insert_with(|| (0, case())).0 += 1;
    }

    fn into_lines(self) -> Vec<String> {
        let line = |(kind, (count, case)): (_, (_, String))| {
            let case: String = case.chars().take(LONGEST_CASE).collect();
            format!("{count} × {kind}, first: {case}")
        };
        self.0.into_iter().map(line).collect()
    }
}

/// The whole feed, as it is now; nothing is being written.
pub async fn feed(store: &PostgresStore) -> Vec<RecordedEvent> {
    let (mut feed, mut cursor) = (Vec::<RecordedEvent>::new(), Cursor::START);
    loop {
        let page = store.feed(cursor, 1000).await.unwrap();
        let Some(last) = page.last() else {
            return feed;
        };
        cursor = last.cursor;
        feed.extend(page);
    }
}

pub async fn violations(
    store: PostgresStore,
    feed: &[RecordedEvent],
    seen: &Seen<'_>,
) -> Vec<String> {
    let mut found = Violations::default();
    the_feed_is_in_order(feed, &mut found);
    what_was_acknowledged_is_there(feed, seen.written, &mut found);
    the_follower_saw_the_feed(feed, seen.followed, &mut found);
    the_receiver_has_the_events(feed, seen.arrived, &mut found);
    deliveries_are_those_of_the_events(&store, feed, &mut found).await;
    keys_are_known(store, seen.written, &mut found).await;
    found.into_lines()
}

fn the_feed_is_in_order(feed: &[RecordedEvent], found: &mut Violations) {
    let (mut versions, mut keys) = (HashMap::<Uuid, u64>::new(), BTreeSet::new());
    for recorded in feed {
        let version = versions.entry(recorded.event.uuid()).or_default();
        *version += 1;
        if recorded.event.version() != *version {
            found.add("events out of the order of versions", || {
                format!("{recorded:?}")
            });
        }
        let key = recorded.idempotency_key.as_ref().map(ToString::to_string);
        if !keys.insert(key) {
            found.add("keys used twice", || format!("{recorded:?}"));
        }
    }
    for pair in feed.windows(2).filter(|it| it[0].cursor >= it[1].cursor) {
        found.add("cursors that do not ascend", || format!("{pair:?}"));
    }
}

fn what_was_acknowledged_is_there(
    feed: &[RecordedEvent],
    written: &[String],
    found: &mut Violations,
) {
    let of_key = |it: &RecordedEvent| {
        Some((
            it.idempotency_key.as_ref()?.to_string(),
            it.event.to_json(Uuid::nil()),
        ))
    };
    let there: HashMap<_, _> = feed.iter().filter_map(of_key).collect();
    for (moment, key, event) in acknowledged(written) {
        match there.get(key) {
            Some(there) if there == event => {}
            Some(there) => found.add("acknowledged, and there as another event", || {
                format!("{key} at {moment}: {event}, there: {there}")
            }),
            None => found.add("acknowledged and lost", || {
                format!("{key} at {moment}: {event}")
            }),
        }
    }
    for line in written.iter().filter(|it| it.contains(" refused ")) {
        found.add("refused, which nothing here is to be", || line.clone());
    }
}

fn the_follower_saw_the_feed(feed: &[RecordedEvent], followed: &[String], found: &mut Violations) {
    let parts = followed
        .iter()
        .map(|it| it.splitn(4, ' ').collect::<Vec<_>>());
    let saw = parts.filter_map(|parts| match parts[..] {
        [_, "saw", cursor, event] => Some((cursor.parse::<Cursor>().unwrap(), event.to_owned())),
        _ => None,
    });
    let saw: Vec<_> = saw.collect();
    let expected = feed
        .iter()
        .map(|it| (it.cursor, it.event.to_json(Uuid::nil())));
    let expected: Vec<_> = expected.collect();
    let (were_seen, are_there): (BTreeSet<_>, BTreeSet<_>) = (
        saw.iter().map(|it| &it.1).collect(),
        expected.iter().map(|it| &it.1).collect(),
    );
    for event in were_seen.difference(&are_there) {
        found.add("followed, and not there", || (*event).clone());
    }
    for event in are_there.difference(&were_seen) {
        let last = followed.last();
        found.add("there, and not followed", || {
            format!("{event}; the last line: {last:?}")
        });
    }
    for pair in saw.windows(2).filter(|it| it[0].0 >= it[1].0) {
        found.add("followed with cursors that do not ascend", || {
            format!("{pair:?}")
        });
    }
    let differ = saw
        .iter()
        .zip(&expected)
        .find(|(saw, expected)| saw != expected);
    if let Some((saw, expected)) = differ {
        found.add("followed otherwise than it is", || {
            format!("{saw:?}, there: {expected:?}")
        });
    }
}

fn the_receiver_has_the_events(
    feed: &[RecordedEvent],
    arrived: &[(u128, Arrival)],
    found: &mut Violations,
) {
    let arrived: BTreeSet<_> = arrived.iter().map(|(_, it)| it.clone()).collect();
    let expected = feed.iter().flat_map(|recorded| {
        WEBHOOKS.map(|(webhook, path)| Arrival {
            path: path.to_owned(),
            webhook_id: recorded.event.id().to_string(),
            body: recorded.event.to_json(webhook),
        })
    });
    let expected: BTreeSet<_> = expected.collect();
    for arrival in arrived.difference(&expected) {
        found.add("arrived, and not there", || format!("{arrival:?}"));
    }
    for arrival in expected.difference(&arrived) {
        found.add("there, and not arrived", || format!("{arrival:?}"));
    }
}

async fn deliveries_are_those_of_the_events(
    store: &PostgresStore,
    feed: &[RecordedEvent],
    found: &mut Violations,
) {
    let (mut made, mut after) = (BTreeMap::<_, usize>::new(), None);
    loop {
        let page = store.deliveries(None, DeliveryFilter::default(), after, 1000);
        let page = page.await.unwrap();
        for it in &page.deliveries {
            *made
                .entry((it.application, it.version, it.webhook))
                .or_default() += 1;
            if it.status != DeliveryStatus::Delivered {
                found.add("deliveries that are not delivered", || format!("{it:?}"));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for recorded in feed {
        for (webhook, _) in WEBHOOKS {
            let of = (recorded.event.uuid(), recorded.event.version(), webhook);
            match made.remove(&of) {
                Some(1) => {}
                count => found.add("events whose deliveries are not one", || {
                    format!("{of:?}: {count:?}")
                }),
            }
        }
    }
    for of in made.keys() {
        found.add("deliveries of no event", || format!("{of:?}"));
    }
}

/// A command that was acknowledged, given again, is known by its key.
async fn keys_are_known(store: PostgresStore, written: &[String], found: &mut Violations) {
    let engine = Engine::new(store);
    let repeats = acknowledged(written).into_iter().map(|(_, key, event)| {
        let (engine, key, event) = (engine.clone(), key.to_owned(), event.to_owned());
        async move {
            let answer = engine.execute(request(&key)).await;
            let answer = answer.map(|it| (it.replayed, it.event.to_json(Uuid::nil())));
            (key, event, answer)
        }
    });
    let answers: Vec<_> = futures_util::stream::iter(repeats)
        .buffered(64)
        .collect()
        .await;
    for (key, event, answer) in answers {
        if !matches!(&answer, Ok((true, there)) if *there == event) {
            found.add("acknowledged, and its key unknown", || {
                format!("{key}: {event}; {answer:?}")
            });
        }
    }
}
