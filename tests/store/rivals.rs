//! Handles that give batches of the same commands in opposite orders: all get through, and none
//! waits for another in a circle.

use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Atomicity, ExecuteError, Filter, ListOrder, Receipt, Refusal, Request, Store,
};
use certificate_lifecycle::{Action, AnyApplication};

use crate::harness::Harness;
use crate::world::{
    World, act, check, details, id, jane, key, ours, submit, upload, whole_feed, whole_list,
};

/// How many handles take part.
const HANDLES: usize = 4;

/// How many applications they are about.
const APPLICATIONS: u64 = 300;

/// How long all of it may take: a database looks for circles only after a second, and each would be
/// one.
const LIMIT: Duration = Duration::from_secs(60);

type Answers = Vec<Result<Receipt, ExecuteError>>;

/// The numbers in an order of the handle's own: up, down, odd ones first, even ones last to first.
fn order_of(handle: usize) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..APPLICATIONS).collect();
    match handle % 4 {
        0 => {}
        1 => numbers.reverse(),
        2 => numbers.sort_by_key(|it| it % 2 == 0),
        _ => numbers.sort_by_key(|it| (it % 2, APPLICATIONS - it)),
    }
    numbers
}

/// Each handle sends its batches, one after the other, all handles at once.
async fn at_once<S: Store>(
    engines: &[Engine<S>],
    atomicity: Atomicity,
    batches: impl Fn(usize) -> Vec<Vec<Request>>,
) -> Vec<Answers> {
    let calls: Vec<_> = (0..)
        .zip(engines)
        .map(|(handle, engine)| {
            let (engine, batches) = (engine.clone(), batches(handle));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for batch in batches {
                    answers.push(match atomicity {
                        Atomicity::Each => engine.execute_many(batch).await,
                        Atomicity::All => engine.execute_all(batch).await,
                    });
                }
                answers
            })
        })
        .collect();
    let all = async {
        let mut answers = Vec::new();
        for call in calls {
            answers.extend(call.await.unwrap());
        }
        answers
    };
    let answers = tokio::time::timeout(LIMIT, all).await;
    let answers = answers.expect("they wait for each other");
    // A command may come too late. The store fails for none.
    for answer in answers.iter().flatten() {
        assert!(!matches!(answer, Err(ExecuteError::Store(_))), "{answer:?}");
    }
    answers
}

fn successes(answers: &[Answers]) -> usize {
    answers.iter().flatten().filter(|it| it.is_ok()).count()
}

pub async fn transitions_in_opposite_orders_all_get_through<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    let created = (0..APPLICATIONS).map(submit).collect();
    let _ = world.engine.execute_many(created).await;
    let cycle = [
        Action::BeginProcessing,
        Action::Fail,
        Action::Retry,
        Action::Fail,
    ];
    let answers = at_once(&engines, Atomicity::Each, |handle| {
        let batch = |action: &Action| {
            let numbers = order_of(handle).into_iter();
            numbers.map(|it| act(it, *action)).collect()
        };
        cycle.iter().map(batch).collect()
    })
    .await;
    let feed = check(&world.engine).await.feed;
    assert_eq!(feed.len(), successes(&answers) + order_of(0).len());
}

pub async fn creations_in_opposite_orders_all_get_through<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    let answers = at_once(&engines, Atomicity::Each, |handle| {
        vec![order_of(handle).into_iter().map(upload).collect()]
    })
    .await;
    // Each is created once, and the others hear that it exists.
    assert_eq!(successes(&answers), order_of(0).len());
    for refusal in answers.iter().flatten().filter_map(|it| it.as_ref().err()) {
        let refusal = refusal.refusal();
        assert!(
            matches!(refusal, Some(Refusal::AlreadyExists { .. })),
            "{refusal:?}"
        );
    }
    let _ = check(&world.engine).await;
}

pub async fn keys_in_opposite_orders_all_get_through<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    // Given handles of which each has its own application for every key
    let answers = at_once(&engines, Atomicity::Each, |handle| {
        let first = u64::try_from(handle + 1).unwrap() * 1_000;
        let numbers = order_of(handle).into_iter();
        let with_key = |it: u64| submit(first + it).with_key(key(&format!("key {it}")));
        vec![numbers.map(with_key).collect()]
    })
    .await;
    // Then each key goes to one of them
    assert_eq!(successes(&answers), order_of(0).len());
    assert_eq!(check(&world.engine).await.feed.len(), order_of(0).len());
}

pub async fn refusals_under_keys_in_opposite_orders_are_remembered<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    let created = (0..APPLICATIONS).map(submit).collect();
    let _ = world.engine.execute_many(created).await;
    // Given commands that are illegal, under the same keys
    let answers = at_once(&engines, Atomicity::Each, |handle| {
        let numbers = order_of(handle).into_iter();
        let with_key = |it: u64| act(it, Action::Retry).with_key(key(&format!("key {it}")));
        vec![numbers.map(with_key).collect()]
    })
    .await;
    assert_eq!(successes(&answers), 0);
    let _ = check(&world.engine).await;
}

pub async fn all_or_none_in_opposite_orders_gets_through<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    let begun = 1_000..1_000 + APPLICATIONS;
    let created = begun.map(submit).collect();
    let _ = world.engine.execute_many(created).await;
    // Given calls that create some applications, with a key each, move them on, and move others on
    let answers = at_once(&engines, Atomicity::All, |handle| {
        let mut batch = Vec::new();
        for number in order_of(handle) {
            batch.push(submit(number).with_key(key(&format!("key {number}"))));
            batch.push(act(1_000 + number, Action::BeginProcessing));
            batch.push(act(number, Action::BeginProcessing));
        }
        // (the key of the first command once more, at the end)
        batch.push(batch[0].clone());
        vec![batch]
    })
    .await;
    // Then one of them did all of it, and the others nothing
    let winners = answers.iter().filter(|it| it.iter().all(Result::is_ok));
    assert_eq!(winners.count(), 1);
    let applications = order_of(0).len();
    assert_eq!(successes(&answers), 3 * applications + 1);
    assert_eq!(check(&world.engine).await.feed.len(), 4 * applications);
}

/// Whatever the order in which a database locks what a call is about.
pub async fn a_call_is_listed_and_reported_in_its_order<H: Harness>() {
    for atomicity in [Atomicity::Each, Atomicity::All] {
        let world = World::<H>::new().await;
        let numbers: Vec<u64> = (0..2_500).map(|it| (it * 1_667) % 2_500).collect();
        let uploads = numbers.iter().map(|it| details(*it)).collect();
        let answers = world
            .engine
            .scope(&ours(), &jane())
            .upload_many(uploads, atomicity)
            .await;
        assert!(answers.iter().all(Result::is_ok));
        let expected: Vec<_> = numbers.iter().map(|it| id(*it)).collect();
        let feed = whole_feed(&world.engine, expected.len()).await;
        let reported: Vec<_> = feed.iter().map(|it| it.event.uuid()).collect();
        assert!(reported == expected, "{atomicity:?}");
        let filter = Filter::default();
        let listed = whole_list(
            &world.engine,
            &ours(),
            &filter,
            ListOrder::OldestFirst,
            1_000,
        )
        .await;
        let listed: Vec<_> = listed.iter().map(AnyApplication::uuid).collect();
        assert!(listed == expected, "{atomicity:?}");
    }
}
