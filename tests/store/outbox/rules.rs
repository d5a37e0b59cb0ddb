//! The rules of deliveries, as tables of all their cases: every store decides as they say, in
//! whatever language it does so.

use certificate_lifecycle::store::{DeliveryStatus, Health, HealthChange, Outbox, Outcome};
use chrono::{DateTime, Utc};

use crate::harness::Harness;
use crate::outbox_world::{PLENTY, Post, dead, hook, of_ours, retry};
use crate::support::at;
use crate::world::{OURS, ours, submit};

/// When a change is recorded.
const NOW: i64 = 100;

pub async fn health_after_a_change_is_that_of_the_rule<H: Harness<Store: Outbox>>() {
    // Given a webhook in every health, for every change
    let times: [Option<DateTime<Utc>>; 5] =
        [None, Some(99), Some(NOW), Some(101), Some(200)].map(|it| it.map(at));
    let mut cases = Vec::new();
    for failing_since in [None, Some(at(50))] {
        for not_before in times {
            for delivered in [false, true] {
                for failed_at in [None, Some(at(98))] {
                    for until in times {
                        let health = Health::default()
                            .with_failing_since(failing_since)
                            .with_not_before(not_before);
                        let change = HealthChange::default()
                            .with_delivered(delivered)
                            .with_failed_at(failed_at)
                            .with_not_before(until);
                        cases.push((health, change));
                    }
                }
            }
        }
    }
    let post = Post::<H>::new().await;
    let mut changes = Vec::new();
    for (number, (health, change)) in (0..).zip(&cases) {
        let mut webhook = of_ours(number);
        webhook.health = *health;
        post.register(webhook).await;
        changes.push((hook(number), *change));
    }
    // When all of it is recorded
    let settled = post.store.settle(at(NOW), Vec::new(), changes).await;
    assert!(settled.unwrap().is_empty());
    // Then each is in the health that the rule says
    let webhooks = post.store.webhooks(Some(&ours())).await.unwrap();
    assert_eq!(webhooks.len(), cases.len());
    for (webhook, (health, change)) in webhooks.iter().zip(cases) {
        let expected = health.after(change, at(NOW));
        assert_eq!(webhook.health, expected, "{health:?}, {change:?}");
    }
}

pub async fn what_is_redelivered_is_what_the_rule_says<H: Harness<Store: Outbox>>() {
    // Given deliveries in every state, under a lease and without one
    let post = Post::<H>::with([of_ours(1)]).await;
    post.clock.set(1);
    for number in 0..8 {
        post.done(submit(number)).await;
    }
    let batch = post.claim_of(2, &[(1, 7)]).await;
    let outcomes = [
        Some(Outcome::Delivered),
        Some(dead()),
        Some(retry(NOW - 1)),
        Some(retry(NOW)),
        Some(retry(NOW + 1)),
        Some(Outcome::Released),
        None,
    ];
    for (claimed, outcome) in batch.deliveries.iter().zip(outcomes) {
        if let Some(outcome) = outcome {
            post.settle(3, claimed, outcome).await;
        }
    }
    // Then, before the lease ends and after that, the rule and the store say the same
    for now in [3, 61, 62, 63, NOW - 1, NOW, NOW + 1] {
        for delivery in post.deliveries().await {
            if delivery.status != DeliveryStatus::Pending && now != NOW {
                continue;
            }
            let expected = u64::from(delivery.can_be_redelivered(at(now)));
            let redelivered = post.store.redeliver(&OURS, at(now), vec![delivery.id]);
            assert_eq!(redelivered.await.unwrap(), expected, "{now}: {delivery:?}");
        }
    }
}

pub async fn what_was_never_claimed_waits_as_long_as_the_rule_says<H: Harness<Store: Outbox>>() {
    // A lease that is taken at 1 ends at 61. What waits so long for its own time is waited for.
    for (earlier, expected) in [(2, 2), (60, 2), (61, 2), (62, 62), (1000, 1000)] {
        let post = Post::<H>::with([of_ours(1)]).await;
        post.versions(0, 2).await;
        let first = post.claim_next(1, 0).await;
        post.settle(1, &first, retry(earlier)).await;
        let batch = post.claim_of(1, &[(1, PLENTY)]).await;
        assert_eq!(batch.deliveries, [], "{earlier}");
        let second = post.delivery_of(1, 0, 2).await;
        assert_eq!(second.at, at(expected), "{earlier}");
    }
}

pub async fn what_was_claimed_before_looks_again_soon<H: Harness<Store: Outbox>>() {
    for earlier in [8, 66, 67, 1000] {
        // Given a second version that was tried, and a first that is tried again
        let post = Post::<H>::with([of_ours(1)]).await;
        post.versions(0, 2).await;
        let first = post.claim_next(1, 0).await;
        post.settle(0, &first, Outcome::Delivered).await;
        let second = post.claim_next(1, 0).await;
        post.settle(0, &second, retry(6)).await;
        let redelivered = post.store.redeliver(&OURS, at(1), vec![first.id]).await;
        assert_eq!(redelivered.unwrap(), 1);
        let first = post.claim_next(1, 1).await;
        post.settle(1, &first, retry(earlier)).await;
        // When it is its time, it waits a second, however long the first one waits
        let batch = post.claim_of(6, &[(1, PLENTY)]).await;
        assert_eq!(batch.deliveries, [], "{earlier}");
        assert_eq!(post.delivery(second.id).await.at, at(7), "{earlier}");
    }
}
