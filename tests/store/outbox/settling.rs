//! What became of a delivery, and what an operator does about it afterwards.

use certificate_lifecycle::store::{
    Attempt, DeliveryId, DeliveryStatus, Health, HealthChange, Outbox, Outcome,
};

use crate::harness::Harness;
use crate::outbox_world::{
    Post, at_ms, attempted, dead, hook, of_ours, reported, retry, settlement, sick,
};
use crate::support::at;
use crate::world::submit;
use crate::world::{OURS, ours};

/// A text with what is easily lost.
const TEXT: &str = " \u{0}<html>\r\n'\"\\%_\u{7f}ä\u{feff}\u{1f600}\u{0} ";

pub async fn a_delivery_says_what_became_of_it<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.clock.set(1);
    for number in 0..4 {
        post.done(submit(number)).await;
    }
    let reason = Outcome::Dead {
        reason: TEXT.to_owned(),
    };
    let verdicts = [
        (
            Outcome::Delivered,
            DeliveryStatus::Delivered,
            at_ms(9_876),
            None,
        ),
        (
            reason,
            DeliveryStatus::Dead,
            at_ms(9_876),
            Some(TEXT.to_owned()),
        ),
        (
            Outcome::Retry { at: at_ms(12_345) },
            DeliveryStatus::Pending,
            at_ms(12_345),
            None,
        ),
        (
            Outcome::Released,
            DeliveryStatus::Pending,
            at_ms(9_876),
            None,
        ),
    ];
    let claimed = post.claim(1, 2).await;
    let settlements = claimed.iter().zip(&verdicts);
    let settlements = settlements.map(|(claimed, it)| settlement(claimed, it.0.clone()));
    let settled = post
        .store
        .settle(at_ms(9_876), settlements.collect(), Vec::new());
    assert_eq!(settled.await.unwrap(), [true; 4]);
    for (claimed, (_, status, time, reason)) in claimed.iter().zip(verdicts) {
        let delivery = post.delivery(claimed.id).await;
        assert_eq!((delivery.status, delivery.at), (status, time));
        assert_eq!(delivery.reason, reason);
        assert_eq!((delivery.attempts, delivery.created_at), (1, at(1)));
    }
}

pub async fn attempts_come_back_in_order<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    post.done(submit(1)).await;
    // Given attempts of every kind, at times in no order
    let attempts = [
        attempted(50, 500),
        Attempt::new(at_ms(-1_234))
            .with_milliseconds(u64::from(u32::MAX) * 4)
            .with_error(Some(TEXT.to_owned())),
        Attempt::new(at_ms(1))
            .with_status(Some(999))
            .with_error(Some(String::new()))
            .with_excerpt(Some(TEXT.repeat(500))),
        Attempt::new(at_ms(1))
            .with_milliseconds(1)
            .with_status(Some(100))
            .with_excerpt(Some(String::new())),
    ];
    let mut id = None;
    for (attempt, start) in attempts.iter().zip((0..).step_by(100)) {
        for claimed in post.claim(1, start).await {
            let is_first = reported(&claimed).0 == 0;
            id = id.or(is_first.then_some(claimed.id));
            let attempt = if is_first {
                attempt.clone()
            } else {
                attempted(start, 503)
            };
            let settlement = settlement(&claimed, retry(start + 100)).with_attempt(Some(attempt));
            let settled = post.store.settle(at(start), vec![settlement], Vec::new());
            assert_eq!(settled.await.unwrap(), [true]);
        }
    }
    // Then those of one delivery come back as they were made
    let another = post.harness.open().await;
    for store in [&post.store, &another] {
        assert_eq!(
            store.attempts(&ours(), id.unwrap()).await.unwrap(),
            attempts
        );
    }
    assert_eq!(
        post.store
            .attempts(&ours(), DeliveryId(i64::MAX))
            .await
            .unwrap(),
        []
    );
}

pub async fn health_is_recorded_with_what_is_settled<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2), of_ours(3)]).await;
    post.done(submit(0)).await;
    let claimed = post.claim_one(1, 0).await;
    let failing = Health::default()
        .with_failing_since(Some(at_ms(1_001)))
        .with_not_before(Some(at_ms(2_002)));
    let half = Health::default().with_failing_since(Some(at_ms(3)));
    let health = vec![
        (hook(9), sick(failing)),
        (hook(1), sick(failing)),
        (hook(2), sick(half)),
    ];
    let settlements = vec![settlement(&claimed, retry(10))];
    let settled = post.store.settle(at(1), settlements, health).await;
    assert_eq!(settled.unwrap(), [true]);
    assert_eq!(post.webhook(1).await.health, failing);
    assert_eq!(post.webhook(2).await.health, half);
    assert_eq!(post.webhook(3).await.health, Health::default());
    assert_eq!(post.webhook(1).await.revision, 0, "it was not replaced");
    assert_eq!(post.store.webhook(&ours(), hook(9)).await.unwrap(), None);
    // It comes with what is claimed, and with what is due
    let due = post.store.due().await.unwrap();
    let due = due.iter().find(|it| it.webhook == hook(1)).unwrap();
    assert_eq!(due.not_before, Some(at_ms(2_002)));
    let batch = post.claim_of(10, &[(1, 5)]).await;
    assert_eq!(batch.webhooks[0].health, failing);
    // The first failure counts, and the longest pause
    let report = async |seconds, change| {
        let health = vec![(hook(1), change)];
        let settled = post.store.settle(at(seconds), Vec::new(), health).await;
        assert_eq!(settled.unwrap(), Vec::<bool>::new());
        post.webhook(1).await.health
    };
    let failed = |seconds, not_before| {
        HealthChange::default()
            .with_failed_at(Some(at_ms(seconds)))
            .with_not_before(not_before)
    };
    let delivered = HealthChange::default().with_delivered(true);
    assert_eq!(report(1, failed(9_999, Some(at_ms(2_001)))).await, failing);
    let longer = failing.with_not_before(Some(at(5)));
    assert_eq!(report(1, failed(9_999, Some(at(5)))).await, longer);
    // What is delivered ends the failure, and a pause that is over
    let paused = longer.with_failing_since(None);
    assert_eq!(report(4, delivered).await, paused);
    assert_eq!(report(5, delivered).await, Health::default());
    assert_eq!(report(6, delivered).await, Health::default());
    // Of several, one after the other
    let health = vec![(hook(1), failed(7, None)), (hook(1), delivered)];
    post.store.settle(at(7), Vec::new(), health).await.unwrap();
    assert_eq!(post.webhook(1).await.health, Health::default());
    let health = vec![(hook(1), delivered), (hook(1), failed(8, None))];
    post.store.settle(at(8), Vec::new(), health).await.unwrap();
    assert_eq!(post.webhook(1).await.health.failing_since, Some(at_ms(8)));
}

pub async fn what_is_over_can_be_redelivered<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    for number in 0..4 {
        post.done(submit(number)).await;
    }
    let held = post.claim(1, 0).await;
    let of = |number| held.iter().find(|it| reported(it).0 == number).unwrap();
    let [delivered, refused, leased, waiting] = [0, 1, 2, 3].map(of);
    post.settle(1, delivered, Outcome::Delivered).await;
    post.settle(1, refused, dead()).await;
    post.settle(1, waiting, retry(50)).await;
    let before = [
        post.delivery(leased.id).await,
        post.delivery(waiting.id).await,
    ];
    // When they are redelivered, one of them twice, and one that does not exist
    let mut ids: Vec<_> = [delivered, refused, leased].map(|it| it.id).into();
    ids.extend([delivered.id, DeliveryId(i64::MAX), DeliveryId(-1)]);
    let redeliver = async |seconds, ids| post.store.redeliver(&ours(), at(seconds), ids).await;
    assert_eq!(redeliver(7, ids.clone()).await.unwrap(), 2);
    // Then those that were over are due at once, with all attempts before them
    for over in [delivered, refused] {
        let delivery = post.delivery(over.id).await;
        assert_eq!(delivery.status, DeliveryStatus::Pending);
        assert_eq!((delivery.attempts, delivery.at), (0, at(7)));
        assert_eq!((delivery.reason, delivery.created_at), (None, at(0)));
        // The attempts that were made are not forgotten.
        assert_eq!(
            post.store.attempts(&ours(), over.id).await.unwrap().len(),
            1
        );
    }
    // And what was under a lease is as it was, as is what was not named
    let after = [
        post.delivery(leased.id).await,
        post.delivery(waiting.id).await,
    ];
    assert_eq!(after, before);
    assert_eq!(redeliver(8, ids).await.unwrap(), 0);
    let again = post.claim(1, 7).await;
    assert_eq!(again.len(), 2);
    for claimed in &again {
        assert_eq!(claimed.attempts, 0);
        post.settle(9, claimed, Outcome::Delivered).await;
        assert_eq!(post.delivery(claimed.id).await.attempts, 1);
        assert_eq!(
            post.store
                .attempts(&ours(), claimed.id)
                .await
                .unwrap()
                .len(),
            2
        );
    }
    // Their holder before settles nothing
    assert!(!post.settled(9, delivered, dead()).await);
    assert_eq!(redeliver(10, Vec::new()).await.unwrap(), 0);
}

pub async fn what_waits_for_its_time_can_be_sent_now_unless_it_is_leased<
    H: Harness<Store: Outbox>,
>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    for number in 0..4 {
        post.done(submit(number)).await;
    }
    // Given one that is to be tried in a day, one in three seconds, one under a lease, and one that
    // was never looked at
    let held = post.claim_of(0, &[(1, 3)]).await.deliveries;
    let [waiting, soon, leased] = &held[..] else {
        panic!("{held:?}");
    };
    post.settle(1, waiting, retry(86_400)).await;
    post.settle(1, soon, retry(3)).await;
    let new = post.deliveries().await.into_iter();
    let new = new
        .map(|it| it.id)
        .find(|id| held.iter().all(|it| it.id != *id));
    let ids = [waiting.id, soon.id, leased.id, new.unwrap()];
    let others = async || {
        let deliveries = post.deliveries().await.into_iter();
        deliveries
            .filter(|it| it.id != waiting.id)
            .collect::<Vec<_>>()
    };
    let before = others().await;
    assert!(before.iter().all(|it| it.is_leased == (it.id == leased.id)));
    // When all are asked for, as the second is due already
    assert_eq!(
        post.store
            .redeliver(&ours(), at(5), ids.to_vec())
            .await
            .unwrap(),
        1
    );
    // Then the first is due, with all attempts before it, and the others are as they were
    let delivery = post.delivery(waiting.id).await;
    assert_eq!((delivery.at, delivery.attempts), (at(5), 0));
    assert_eq!(
        post.store
            .attempts(&ours(), waiting.id)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(others().await, before);
    assert!(post.claims(1, 5).await.contains(&reported(waiting)));
    // Nor is the lease cut short after its end, when it is due anyway
    assert_eq!(
        post.store
            .redeliver(&ours(), at(61), vec![leased.id])
            .await
            .unwrap(),
        0
    );
    post.settle(62, leased, Outcome::Delivered).await;
}

pub async fn a_lease_that_was_taken_over_is_one_as_well<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    for round in 0..3 {
        // Given one whose lease has ended some times without an outcome, and that is sent again
        let _ = post.claim_one(1, round * 60).await;
        // Then no other call can make it due
        let delivery = post.delivery_of(1, 0, 1).await;
        assert!(delivery.is_leased, "{round}");
        let redelivered = post
            .store
            .redeliver(&OURS, at(round * 60 + 1), vec![delivery.id]);
        assert_eq!(redelivered.await.unwrap(), 0, "{round}");
        assert_eq!(post.claims(1, round * 60 + 1).await, [], "{round}");
    }
}

pub async fn what_was_abandoned_while_it_was_sent_is_under_no_lease<H: Harness<Store: Outbox>>() {
    // Given one that was abandoned under a lease, and redelivered
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let first = post.claim_one(1, 0).await;
    let ids = || vec![first.id];
    let abandoned = post.store.abandon(&OURS, at(0), ids(), "no".to_owned());
    assert_eq!(abandoned.await.unwrap(), 1);
    assert!(!post.delivery(first.id).await.is_leased);
    assert_eq!(
        post.store.redeliver(&ours(), at(0), ids()).await.unwrap(),
        1
    );
    // Then its holder settles nothing
    assert!(!post.settled(0, &first, Outcome::Delivered).await);
    // And the next claim of it holds the next lease, until the outcome is known
    let second = post.claim_one(1, 0).await;
    assert!(post.delivery(first.id).await.is_leased);
    assert_eq!(
        post.store.redeliver(&ours(), at(1), ids()).await.unwrap(),
        0
    );
    post.settle(1, &second, retry(500)).await;
    assert!(!post.delivery(first.id).await.is_leased);
    assert_eq!(
        post.store.redeliver(&ours(), at(1), ids()).await.unwrap(),
        1
    );
    let third = post.claim_one(1, 1).await;
    post.settle(1, &third, Outcome::Released).await;
    assert!(!post.delivery(first.id).await.is_leased);
}

pub async fn what_is_pending_can_be_abandoned<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    for number in 0..3 {
        post.done(submit(number)).await;
    }
    let held = post.claim_of(0, &[(1, 2)]).await.deliveries;
    post.settle(0, &held[0], Outcome::Delivered).await;
    let delivered = post.delivery(held[0].id).await;
    let new = post.delivery_of(1, 2, 1).await;
    // When all are abandoned: one that is delivered, one under a lease, one that is new, and none
    let ids = vec![held[0].id, held[1].id, new.id, new.id, DeliveryId(i64::MAX)];
    let abandon = || {
        post.store
            .abandon(&OURS, at(3), ids.clone(), TEXT.to_owned())
    };
    assert_eq!(abandon().await.unwrap(), 2);
    assert_eq!(abandon().await.unwrap(), 0);
    // Then the pending ones are dead
    assert_eq!(post.delivery(held[0].id).await, delivered);
    for id in [held[1].id, new.id] {
        let delivery = post.delivery(id).await;
        assert_eq!(delivery.status, DeliveryStatus::Dead);
        assert_eq!(delivery.reason.as_deref(), Some(TEXT));
        assert_eq!((delivery.at, delivery.attempts), (at(3), 0));
    }
    assert!(!post.settled(4, &held[1], Outcome::Delivered).await);
    assert_eq!(post.claim(1, 100).await, []);
    let due = post.store.due().await.unwrap();
    assert_eq!(due, []);
}

pub async fn what_is_redelivered_is_not_ended_by_who_had_it_before<H: Harness<Store: Outbox>>() {
    for outcome in [dead(), retry(1_000), Outcome::Delivered] {
        let post = Post::<H>::with([of_ours(1)]).await;
        post.done(submit(0)).await;
        // Given a delivery that is abandoned while it is leased, and redelivered soon
        let before = post.claim_next(1, 0).await;
        let abandoned = post
            .store
            .abandon(&OURS, at(1), vec![before.id], TEXT.to_owned());
        assert_eq!(abandoned.await.unwrap(), 1);
        let redelivered = post.store.redeliver(&OURS, at(2), vec![before.id]);
        assert_eq!(redelivered.await.unwrap(), 1);
        // Then the attempt from before does not end it: it has all attempts before it
        assert!(!post.settled(3, &before, outcome).await);
        let delivery = post.delivery(before.id).await;
        assert_eq!(delivery.status, DeliveryStatus::Pending);
        assert_eq!((delivery.attempts, delivery.at), (0, at(2)));
        let again = post.claim_next(1, 3).await;
        assert_eq!((again.id, again.attempts), (before.id, 0));
        assert!(post.settled(4, &again, Outcome::Delivered).await);
    }
}

pub async fn a_token_is_good_for_one_settlement<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    for (start, outcome) in (0..)
        .step_by(1_000)
        .zip([retry(10), Outcome::Released, retry(20)])
    {
        let claimed = post.claim_next(1, start).await;
        let attempts = post
            .store
            .attempts(&ours(), claimed.id)
            .await
            .unwrap()
            .len();
        // Given an answer that was lost, so that it is reported again
        assert!(post.settled(start, &claimed, outcome.clone()).await);
        assert!(!post.settled(start, &claimed, outcome).await);
        // Then it was reported once
        let delivery = post.delivery(claimed.id).await;
        let now = post
            .store
            .attempts(&ours(), claimed.id)
            .await
            .unwrap()
            .len();
        assert_eq!(now, attempts + 1);
        assert_eq!(usize::try_from(delivery.attempts).unwrap(), now);
    }
}
