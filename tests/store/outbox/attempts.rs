//! Attempts and leases that databases keep in the row of their delivery.

use certificate_lifecycle::store::{Due, Outbox, Outcome};

use crate::harness::Harness;
use crate::outbox_world::{Post, attempted, hook, of_ours, retry, settlement};
use crate::support::at;
use crate::world::{ours, upload};

pub async fn attempts_stay_in_their_order_when_a_delivery_is_sent_again<H>()
where
    H: Harness<Store: Outbox>,
{
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(upload(1)).await;
    let mut made = Vec::new();
    // The last one is recorded long after it was sent
    for (now, sent, outcome) in [
        (10, 10, retry(20)),
        (20, 19, Outcome::Delivered),
        (100, 100, Outcome::Delivered),
        (1000, 200, Outcome::Delivered),
    ] {
        let claimed = post.claim_one(1, now).await;
        made.push(attempted(sent, 204));
        let settlement = settlement(&claimed, outcome).with_attempt(made.last().cloned());
        let is_delivered = settlement.outcome == Outcome::Delivered;
        let settled = post.store.settle(at(now), vec![settlement], Vec::new());
        assert_eq!(settled.await.unwrap(), [true]);
        let attempts = async || post.store.attempts(&ours(), claimed.id).await.unwrap();
        assert_eq!(attempts().await, made);
        if is_delivered {
            let ids = vec![claimed.id];
            let again = post.store.redeliver(&ours(), at(now), ids).await;
            assert_eq!(again.unwrap(), 1);
            assert_eq!(attempts().await, made);
        }
    }
}

pub async fn an_attempt_is_forgotten_before_its_delivery<H>()
where
    H: Harness<Store: Outbox>,
{
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(upload(1)).await;
    let claimed = post.claim_one(1, 100).await;
    let settlement =
        settlement(&claimed, Outcome::Delivered).with_attempt(Some(attempted(100, 204)));
    let settled = post.store.settle(at(104), vec![settlement], Vec::new());
    assert_eq!(settled.await.unwrap(), [true]);
    for (before, pruned, attempts) in [(100, 0, 1), (102, 1, 0), (102, 0, 0), (105, 1, 0)] {
        assert_eq!(post.store.prune(at(before), 10).await.unwrap(), pruned);
        let left = post.store.attempts(&ours(), claimed.id).await.unwrap();
        assert_eq!(left.len(), attempts, "{before}");
    }
}

pub async fn under_its_lease_a_delivery_is_passed_by_and_afterwards_claimed_again<H>()
where
    H: Harness<Store: Outbox>,
{
    let post = Post::<H>::with([of_ours(1)]).await;
    for number in 1..=3 {
        post.done(upload(number)).await;
    }
    let lost = post.claim_of(0, &[(1, 1)]).await.deliveries.remove(0);
    let next = post.claim_of(30, &[(1, 1)]).await.deliveries.remove(0);
    assert_ne!(next.id, lost.id);
    // Afterwards the old lease settles nothing
    let again = post.claim_of(61, &[(1, 2)]).await.deliveries;
    assert_eq!(again.len(), 2);
    let again = again.into_iter().find(|it| it.id == lost.id).unwrap();
    assert!(!post.settled(62, &lost, Outcome::Delivered).await);
    assert!(post.settled(62, &again, Outcome::Delivered).await);
    // What is leased anew is due when that lease ends
    let due = post.store.due().await.unwrap();
    let expected = Due::new(hook(1)).with_at(Some(at(90)));
    assert_eq!(due, [expected]);
}
