//! A delivery is claimed by one at a time, and only the newest lease settles it.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{
    Claim, ClaimedBatch, DeliveryId, DeliveryStatus, Outbox, Outcome,
};
use std::time::Duration;

use crate::harness::Harness;
use crate::outbox_world::{
    LEASE, PLENTY, Post, at_ms, attempted, dead, hook, in_theirs, of_ours, of_theirs, reported,
    retry, settlement,
};
use crate::support::at;
use crate::world::{act, ours, submit, upload, whole_feed};

pub async fn a_claim_brings_events_and_webhooks<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_theirs(2), of_ours(3)]).await;
    post.clock.set(3);
    for number in 0..3 {
        post.done(submit(number)).await;
    }
    post.done(in_theirs(submit(3))).await;
    let feed = whole_feed(&post.engine, 4).await;
    post.put(1, |it| it.description = "as it is now".parse().unwrap())
        .await;
    // When two of the three are claimed for
    let batch = post.claim_of(5, &[(1, PLENTY), (2, PLENTY)]).await;
    // Then their events are there, and each webhook once
    let mut found = Vec::new();
    for claimed in &batch.deliveries {
        let event = claimed.event.clone().unwrap();
        let recorded = feed.iter().find(|it| it.event == event).unwrap();
        let webhook = if recorded.institution == ours() { 1 } else { 2 };
        assert_eq!(claimed.webhook, hook(webhook));
        assert_eq!((claimed.attempts, claimed.created_at), (0, at(3)));
        let delivery = post.delivery(claimed.id).await;
        assert_eq!(delivery.application, event.uuid());
        assert_eq!(delivery.status, DeliveryStatus::Pending);
        assert_eq!(delivery.at, at(65), "the end of the lease");
        found.push((webhook, reported(claimed)));
    }
    found.sort_unstable();
    assert_eq!(found, [(1, (0, 1)), (1, (1, 1)), (1, (2, 1)), (2, (3, 1))]);
    let mut webhooks = batch.webhooks;
    webhooks.sort_by_key(|it| it.endpoint.url.as_str().to_owned());
    assert_eq!(webhooks, [post.webhook(1).await, of_theirs(2)]);
    // What is for the third is still there
    assert_eq!(post.claims(3, 5).await, [(0, 1), (1, 1), (2, 1)]);
}

pub async fn nothing_is_claimed_where_nothing_is_wanted<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    post.done(submit(0)).await;
    for wanted in [vec![], vec![(1, 0), (2, 0)], vec![(9, PLENTY)]] {
        let batch = post.claim_of(0, &wanted).await;
        assert_eq!(batch, ClaimedBatch::default(), "{wanted:?}");
    }
    // An unknown one does not keep the others from being claimed for.
    let batch = post.claim_of(0, &[(9, 5), (2, 5), (1, 0)]).await;
    assert_eq!(batch.deliveries.len(), 1);
    assert_eq!(batch.webhooks, [of_ours(2)]);
}

pub async fn a_lease_puts_a_delivery_off_until_it_ends<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let first = post.claim_one(1, 0).await;
    // While the lease lasts, no other claim has it
    let another = post.harness.open().await;
    for now in [at(0), at(1), at_ms(59_999)] {
        let claim = Claim::new(now, Duration::from_secs(60), vec![(hook(1), PLENTY)]);
        for store in [&post.store, &another] {
            let batch = store.claim(claim.clone()).await.unwrap();
            assert_eq!(batch.deliveries, []);
        }
    }
    // When it has ended, it can be claimed again
    let second = post.claim_one(1, 60).await;
    assert_eq!(second.id, first.id);
    assert_ne!(second.token, first.token);
    assert_eq!(second.attempts, 0, "no settlement has an attempt");
    // Then the first settles nothing, whatever it says
    let before = post.delivery(first.id).await;
    for outcome in [Outcome::Delivered, retry(1), dead(), Outcome::Released] {
        assert!(!post.settled(61, &first, outcome).await);
        assert_eq!(post.delivery(first.id).await, before);
        assert_eq!(post.store.attempts(&ours(), first.id).await.unwrap(), []);
    }
    // And the second does
    post.settle(61, &second, Outcome::Delivered).await;
    assert!(!post.settled(62, &second, dead()).await, "it is over");
    assert!(!post.settled(62, &first, dead()).await);
    assert_eq!(
        post.delivery(first.id).await.status,
        DeliveryStatus::Delivered
    );
    assert_eq!(post.claim(1, 10_000).await, []);
}

pub async fn a_lease_of_any_length_can_be_taken_and_settled<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(upload(0)).await;
    post.done(act(0, Action::Fail)).await;
    let claim = |now| Claim::new(at(now), Duration::MAX, vec![(hook(1), PLENTY)]);
    let [first] = &post.store.claim(claim(0)).await.unwrap().deliveries[..] else {
        panic!("the later delivery waits for the earlier one")
    };
    assert_eq!(
        post.store.claim(claim(1_000_000)).await.unwrap().deliveries,
        []
    );
    assert!(post.delivery(first.id).await.is_leased);
    post.settle(1_000_001, first, Outcome::Delivered).await;
    assert_eq!(
        post.store
            .claim(claim(1_000_001))
            .await
            .unwrap()
            .deliveries
            .len(),
        1
    );
}

pub async fn the_newest_lease_settles_even_after_it_has_ended<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let claimed = post.claim_one(1, 0).await;
    post.settle(1_000, &claimed, Outcome::Delivered).await;
}

pub async fn new_ones_come_first_and_the_oldest_of_them<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    // Given ten that are due again, each at a time of its own, and twenty new ones
    for number in 0..10 {
        post.done(submit(number)).await;
    }
    for claimed in post.claim(1, 0).await {
        let number = i64::try_from(reported(&claimed).0).unwrap();
        // The last is due first.
        post.settle(0, &claimed, retry(20 - number)).await;
    }
    for number in 10..30 {
        // The clock does not make them older.
        post.clock.set(100 - i64::try_from(number).unwrap());
        post.done(submit(number)).await;
    }
    let claimed = async |room| {
        let batch = post.claim_of(50, &[(1, room)]).await;
        let mut numbers: Vec<_> = batch.deliveries.iter().map(|it| reported(it).0).collect();
        numbers.sort_unstable();
        numbers
    };
    // Then a quarter of the room is for those that are due again, the rest for new ones
    assert_eq!(claimed(3).await, [10, 11, 12]);
    assert_eq!(claimed(7).await, [9, 13, 14, 15, 16, 17, 18]);
    assert_eq!(claimed(8).await, [7, 8, 19, 20, 21, 22, 23, 24]);
    assert_eq!(claimed(1).await, [25]);
    // What a quarter of the room leaves goes by turns
    let claim = |turn| Claim::new(at(50), LEASE, vec![(hook(1), 1)]).with_turn(turn);
    let mut turns = Vec::new();
    for turn in 2..4 {
        let batch = post.store.claim(claim(turn)).await.unwrap();
        turns.extend(batch.deliveries.iter().map(|it| reported(it).0));
    }
    assert_eq!(turns, [26, 6]);
    // And all of it, where there are no others
    assert_eq!(claimed(7).await, [2, 3, 4, 5, 27, 28, 29]);
    assert_eq!(claimed(1).await, [1]);
    assert_eq!(claimed(2).await, [0]);
    assert_eq!(claimed(2).await, Vec::<u64>::new());
}

pub async fn new_ones_have_the_room_that_none_are_due_again_for<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    for number in 0..10 {
        post.done(submit(number)).await;
    }
    let batch = post.claim_of(0, &[(1, 8)]).await;
    let numbers: Vec<_> = batch.deliveries.iter().map(|it| reported(it).0).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
}

pub async fn what_is_released_is_due_at_once<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let claimed = post.claim_one(1, 0).await;
    // Released without an attempt
    let released = settlement(&claimed, Outcome::Released).with_attempt(None);
    let settled = post.store.settle(at(2), vec![released], Vec::new()).await;
    assert_eq!(settled.unwrap(), [true]);
    let delivery = post.delivery(claimed.id).await;
    assert_eq!((delivery.at, delivery.attempts), (at(2), 0));
    assert_eq!(post.store.attempts(&ours(), claimed.id).await.unwrap(), []);
    let again = post.claim_one(1, 2).await;
    assert_eq!((again.id, again.attempts), (claimed.id, 0));
    assert!(!post.settled(3, &claimed, Outcome::Delivered).await);
}

pub async fn a_retry_is_due_at_its_time<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let mut token = None;
    for attempt in 0..5 {
        let start = i64::from(attempt) * 1_000;
        let claimed = post.claim_one(1, start).await;
        assert_eq!(claimed.attempts, attempt);
        assert_ne!(token.replace(claimed.token), Some(claimed.token));
        post.settle(start + 1, &claimed, retry(start + 1_000)).await;
        let delivery = post.delivery(claimed.id).await;
        assert_eq!(delivery.status, DeliveryStatus::Pending);
        assert_eq!(delivery.at, at(start + 1_000));
        assert_eq!(delivery.attempts, attempt + 1);
        for before in [start + 1, start + 500, start + 999] {
            assert_eq!(post.claim(1, before).await, []);
        }
    }
}

pub async fn nothing_is_claimed_for_a_disabled_webhook<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    for number in 0..3 {
        post.done(submit(number)).await;
    }
    let held = post.claim_of(0, &[(1, 2)]).await.deliveries;
    post.settle(0, &held[0], retry(10)).await;
    post.disable(1).await;
    // What is pending stays
    let batch = post.claim_of(100, &[(1, PLENTY), (2, PLENTY)]).await;
    assert_eq!(batch.deliveries.len(), 3);
    assert_eq!(batch.webhooks, [of_ours(2)]);
    assert_eq!(post.made(1).await.len(), 3);
    // What is under way may still be settled
    post.settle(101, &held[1], Outcome::Delivered).await;
    // And when it is enabled, the rest goes
    post.enable(1).await;
    assert_eq!(post.claims(1, 101).await, [(0, 1), (2, 1)]);
}

pub async fn each_settlement_counts_for_itself<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    for number in 0..4 {
        post.done(submit(number)).await;
    }
    let old = post.claim(1, 0).await;
    let new = post.claim(1, 60).await;
    let of = |all: &[certificate_lifecycle::store::LeasedDelivery], number| {
        let found = all.iter().find(|it| reported(it).0 == number).unwrap();
        settlement(found, Outcome::Delivered)
    };
    let mut unknown = of(&new, 0);
    unknown.id = DeliveryId(i64::MAX);
    let mut wrong_token = of(&new, 3);
    wrong_token.token = wrong_token.token.wrapping_add(1);
    let mut of_another = of(&new, 3);
    of_another.id = post.delivery_of(2, 3, 1).await.id;
    // When good and bad are settled together, one of them twice
    let settlements = vec![
        of(&old, 0),
        of(&new, 1),
        unknown,
        of(&new, 0),
        of(&new, 1),
        wrong_token,
        of_another,
        of(&new, 2),
    ];
    let settled = post.store.settle(at(61), settlements, Vec::new()).await;
    // Then those count that should, and each is reported in its place
    assert_eq!(
        settled.unwrap(),
        [false, true, false, true, false, false, false, true]
    );
    for (number, attempts) in [(0, 1), (1, 1), (2, 1), (3, 0)] {
        let delivery = post.delivery_of(1, number, 1).await;
        let is_delivered = delivery.status == DeliveryStatus::Delivered;
        assert_eq!(is_delivered, attempts == 1);
        assert_eq!(delivery.attempts, attempts);
        let kept = post.store.attempts(&ours(), delivery.id).await.unwrap();
        assert_eq!(kept.len(), attempts as usize);
    }
    let none = post.store.settle(at(61), Vec::new(), Vec::new()).await;
    assert_eq!(none.unwrap(), Vec::<bool>::new());
}

pub async fn a_thousand_are_settled_in_one_call<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    let submitted = post.engine.execute_many((0..1_000).map(submit).collect());
    assert!(submitted.await.iter().all(Result::is_ok));
    let claimed = post.claim_of(0, &[(1, 1_000)]).await.deliveries;
    assert_eq!(claimed.len(), 1_000);
    let settlements = claimed.iter().zip(0..).map(|(claimed, place)| {
        settlement(claimed, Outcome::Delivered).with_attempt(Some(attempted(place, 204)))
    });
    let settled = post.store.settle(at(1), settlements.collect(), Vec::new());
    assert_eq!(settled.await.unwrap(), vec![true; 1_000]);
    for delivery in post.deliveries().await {
        assert_eq!(delivery.status, DeliveryStatus::Delivered);
        assert_eq!((delivery.attempts, delivery.at), (1, at(1)));
    }
    for (claimed, place) in claimed.iter().zip(0..).step_by(100) {
        let kept = post.store.attempts(&ours(), claimed.id).await.unwrap();
        assert_eq!(kept, [attempted(place, 204)]);
    }
}
