//! Many who claim, settle and write at once: no delivery goes to two, and none is lost.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{
    Claim, DeliveryFilter, DeliveryStatus, LeasedDelivery, Outbox, Outcome,
};
use chrono::TimeDelta;

use crate::harness::Harness;
use crate::outbox_world::{Post, hook, of_ours, reported, settlement};
use crate::random::Random;
use crate::support::at;
use crate::world::{act, engine_on, ours, submit, upload};

/// How many handles take part.
const HANDLES: usize = 3;

async fn handles<H: Harness>(post: &Post<H>) -> Vec<H::Store>
where
    H::Store: Outbox,
{
    let mut handles = vec![post.store.clone()];
    while handles.len() < HANDLES {
        handles.push(post.harness.open().await);
    }
    handles
}

pub async fn two_who_claim_at_once_never_get_the_same<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    let handles = handles(&post).await;
    let mut number = 0;
    for round in 0..40 {
        // Given twelve deliveries to each, on which some had a lease that has ended
        let new = (number..number + 12).map(submit);
        number += 12;
        let answers = post.engine.execute_many(new.collect()).await;
        assert!(answers.iter().all(Result::is_ok));
        let now = round * 100;
        if round % 2 == 1 {
            post.claim_of(now - 80, &[(1, 5), (2, 12)]).await;
        }
        // When eight claim at once, of whom all together have more room than there is
        let calls = (0..8).map(|caller: usize| {
            let store = handles[caller % HANDLES].clone();
            let wanted = if caller.is_multiple_of(2) {
                vec![(hook(1), 3), (hook(2), 4)]
            } else {
                vec![(hook(2), 4), (hook(1), 3)]
            };
            let claim = Claim::new(at(now), Duration::from_secs(60 * 60 * 24), wanted);
            tokio::spawn(async move { store.claim(claim).await.unwrap().deliveries })
        });
        let mut claimed: Vec<LeasedDelivery> = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            claimed.extend(call.await.unwrap());
        }
        let ids: HashSet<_> = claimed.iter().map(|it| it.id).collect();
        assert_eq!(ids.len(), claimed.len(), "one went to two");
        // Then each has got one, and what is left is there for the next
        for webhook in [1, 2] {
            claimed.extend(post.claim(webhook, now).await);
        }
        assert_eq!(claimed.len(), 24);
        let settlements = claimed.iter().map(|it| settlement(it, Outcome::Delivered));
        let settled = post
            .store
            .settle(at(now), settlements.collect(), Vec::new());
        assert_eq!(settled.await.unwrap(), [true; 24]);
    }
}

pub async fn of_two_leases_one_settles<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    let handles = handles(&post).await;
    for round in 0..100 {
        let number = u64::try_from(round).unwrap();
        post.done(submit(number)).await;
        // Given a lease that has ended, and a new one
        let old = post.claim_one(1, round * 1_000).await;
        let new = post.claim_one(1, round * 1_000 + 60).await;
        // When both settle at once, and it is abandoned
        let calls = [&old, &new, &old, &new].into_iter().enumerate();
        let calls = calls.map(|(caller, claimed)| {
            let store = handles[caller % HANDLES].clone();
            let settlement = settlement(claimed, Outcome::Delivered);
            tokio::spawn(async move {
                let settled = store.settle(at(0), vec![settlement], Vec::new()).await;
                settled.unwrap()[0]
            })
        });
        let mut counted = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            counted.push(call.await.unwrap());
        }
        // Then the new one does, once
        assert!(!counted[0] && !counted[2], "{counted:?}");
        assert!(counted[1] != counted[3], "{counted:?}");
        assert_eq!(post.store.attempts(&ours(), new.id).await.unwrap().len(), 1);
    }
}

/// What those who send share with those who write.
struct Traffic {
    /// Each claim is a second later.
    now: AtomicI64,
    is_over: AtomicBool,
    /// The versions of each application that were sent, in that order.
    sent: Mutex<BTreeMap<u64, Vec<u64>>>,
}

/// Claims and settles until nothing more comes.
async fn dispatch<S: Outbox>(store: S, traffic: Arc<Traffic>, mut random: Random) {
    loop {
        // A store in memory never waits, and the writers need their turn.
        tokio::task::yield_now().await;
        let was_over = traffic.is_over.load(Ordering::SeqCst);
        let now = at(traffic.now.fetch_add(1, Ordering::SeqCst));
        let claim = Claim::new(
            now,
            Duration::from_secs(1_000 * 60 * 60 * 24),
            vec![(hook(1), 1 + u32::try_from(random.below(8)).unwrap())],
        );
        let claimed = store.claim(claim).await.unwrap().deliveries;
        let mut settlements = Vec::new();
        for claimed in &claimed {
            let outcome = match random.below(4) {
                0 => Outcome::Released,
                1 => Outcome::Retry {
                    at: now + TimeDelta::seconds(2),
                },
                _ => {
                    let (number, version) = reported(claimed);
                    let mut sent = traffic.sent.lock().unwrap();
                    sent.entry(number).or_default().push(version);
                    Outcome::Delivered
                }
            };
            settlements.push(settlement(claimed, outcome));
        }
        let count = settlements.len();
        let settled = store.settle(now, settlements, Vec::new()).await.unwrap();
        assert_eq!(settled, vec![true; count]);
        if was_over && store.due().await.unwrap().is_empty() {
            return;
        }
    }
}

pub async fn those_who_claim_settle_and_write_at_once_lose_nothing<H: Harness<Store: Outbox>>() {
    const APPLICATIONS: u64 = 12;
    const VERSIONS: u64 = 20;
    let post = Post::<H>::with([of_ours(1)]).await;
    let handles = handles(&post).await;
    let mut random = Random::new("outbox race");
    let traffic = Arc::new(Traffic {
        now: AtomicI64::new(0),
        is_over: AtomicBool::new(false),
        sent: Mutex::default(),
    });
    // Given four who send
    let senders = (0..4).map(|sender: usize| {
        let store = handles[sender % HANDLES].clone();
        let random = Random::from_seed(random.next());
        tokio::spawn(dispatch(store, Arc::clone(&traffic), random))
    });
    let senders: Vec<_> = senders.collect();
    // When four write meanwhile, each to its own applications
    let writers = (0..4).map(|writer: u64| {
        let store = handles[usize::try_from(writer).unwrap() % HANDLES].clone();
        let engine = engine_on(store, &post.clock);
        tokio::spawn(async move {
            let numbers = || (writer..APPLICATIONS).step_by(4);
            let answers = engine.execute_many(numbers().map(upload).collect()).await;
            assert!(answers.iter().all(Result::is_ok));
            for version in 1..VERSIONS {
                let action = [Action::Retry, Action::Fail][usize::try_from(version % 2).unwrap()];
                let requests = numbers().map(|number| act(number, action)).collect();
                let answers = engine.execute_many(requests).await;
                assert!(answers.iter().all(Result::is_ok));
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    traffic.is_over.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    // Then every version was sent once, in order
    let sent = traffic.sent.lock().unwrap().clone();
    let versions: Vec<_> = (1..=VERSIONS).collect();
    let expected = (0..APPLICATIONS).map(|number| (number, versions.clone()));
    assert_eq!(sent, expected.collect());
    let delivered = post.filtered(
        None,
        DeliveryFilter::default().with_status(Some(DeliveryStatus::Delivered)),
    );
    let all = usize::try_from(APPLICATIONS * VERSIONS).unwrap();
    assert_eq!(delivered.await.len(), all);
    assert_eq!(post.store.backlog(None).await.unwrap(), []);
}

pub async fn who_writes_while_webhooks_come_and_go_is_not_held_up<H: Harness<Store: Outbox>>() {
    // Given one webhook that stays, and another that comes and goes through another handle
    let post = Post::<H>::with([of_ours(1)]).await;
    let handles = handles(&post).await;
    let other = handles[1].clone();
    let comes_and_goes = tokio::spawn(async move {
        for _ in 0..30 {
            assert!(other.add_webhook(of_ours(2)).await.unwrap());
            let mut webhook = of_ours(2);
            webhook.endpoint.kinds = [certificate_lifecycle::EventKind::Created]
                .into_iter()
                .collect();
            assert!(other.put_webhook(webhook).await.unwrap().is_done());
            assert!(other.remove_webhook(&ours(), hook(2)).await.unwrap());
        }
    });
    for number in 0..100 {
        post.done(submit(number)).await;
    }
    comes_and_goes.await.unwrap();
    // Then the one that stays has everything, and nothing is left of the other
    let expected: Vec<_> = (0..100).map(|number| (number, 1)).collect();
    assert_eq!(post.made(1).await, expected);
    assert_eq!(post.deliveries().await.len(), 100);
}
