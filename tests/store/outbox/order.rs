//! Of one application, a webhook hears in order: the next version goes when the one before is over.

use certificate_lifecycle::store::{Outbox, Outcome};

use crate::harness::Harness;
use crate::outbox_world::{PLENTY, Post, dead, of_ours, reported, retry};
use crate::support::at;
use crate::world::{OURS, ours};

pub async fn only_the_first_pending_version_is_claimed<H: Harness<Store: Outbox>>() {
    // Given applications with several versions
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    for number in 0..5 {
        post.versions(number, number + 1).await;
    }
    // Then the first of each is claimed, however often one claims
    let firsts = [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)];
    assert_eq!(post.claims(1, 0).await, firsts);
    for seconds in 0..60 {
        assert_eq!(post.claims(1, seconds).await, []);
    }
    // Nor is another claimed when the lease ends
    assert_eq!(post.claims(1, 60).await, firsts);
    // Another webhook is another matter
    assert_eq!(post.claims(2, 60).await, firsts);
}

pub async fn the_next_version_goes_at_once_when_one_is_over<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    post.versions(0, 12).await;
    for version in 1..=12 {
        // Given that the next was put off, or not yet looked at
        let start = i64::try_from(version).unwrap() * 2_000;
        let claimed = if version % 2 == 0 {
            post.claim_one(1, start).await
        } else {
            post.claim_next(1, start).await
        };
        assert_eq!(reported(&claimed), (0, version));
        // When one is over, in whatever way
        match version % 3 {
            0 => post.settle(start, &claimed, Outcome::Delivered).await,
            1 => post.settle(start, &claimed, dead()).await,
            _ => {
                let abandoned =
                    post.store
                        .abandon(&OURS, at(start), vec![claimed.id], "no".to_owned());
                assert_eq!(abandoned.await.unwrap(), 1);
            }
        }
        // Then the next goes at the same time
        let due = post.store.due().await.unwrap();
        let is_due = due
            .iter()
            .any(|it| it.webhook == claimed.webhook && (it.has_new || it.at <= Some(at(start))));
        assert_eq!(is_due, version < 12);
        let next = post.claims(1, start).await;
        let expected: Vec<_> = (version < 12)
            .then_some((0, version + 1))
            .into_iter()
            .collect();
        assert_eq!(next, expected);
    }
    assert_eq!(post.claims(2, 0).await, [(0, 1)]);
}

pub async fn a_whole_history_is_reported_in_order<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    for number in 0..3 {
        post.versions(number, 20).await;
    }
    let mut last = [0; 3];
    for _ in 0..20 {
        let claimed = post.claim(1, 0).await;
        assert_eq!(claimed.len(), 3);
        for claimed in claimed {
            let (number, version) = reported(&claimed);
            let last = &mut last[usize::try_from(number).unwrap()];
            assert_eq!(version, *last + 1);
            *last = version;
            post.settle(0, &claimed, Outcome::Delivered).await;
        }
    }
    assert_eq!(last, [20; 3]);
    assert_eq!(post.claim(1, 100_000).await, []);
}

pub async fn what_waits_holds_up_its_own_application_only<H: Harness<Store: Outbox>>() {
    // Given an application whose first version is tried again in an hour
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    post.versions(0, 3).await;
    let first = post.claim_one(1, 0).await;
    post.settle(0, &first, retry(3_600)).await;
    // When others happen, in the same application and in another
    post.more_versions(0, 3..30).await;
    post.versions(1, 2).await;
    // Then the other goes, and to the other webhook both
    assert_eq!(post.claims(1, 10).await, [(1, 1)]);
    assert_eq!(post.claims(2, 10).await, [(0, 1), (1, 1)]);
    for seconds in (11..3_600).step_by(97) {
        for claimed in post.claim(1, seconds).await {
            assert_eq!(reported(&claimed).0, 1);
            post.settle(seconds, &claimed, Outcome::Delivered).await;
        }
    }
    // And nothing looks due that waits
    let due = post.store.due().await.unwrap();
    let due = due.iter().find(|it| it.webhook == first.webhook).unwrap();
    assert_eq!((due.has_new, due.at), (false, Some(at(3_600))));
    // Until the first is due
    let again = post.claim_one(1, 3_600).await;
    assert_eq!(reported(&again), (0, 1));
    post.settle(3_600, &again, Outcome::Delivered).await;
    assert_eq!(post.claims(1, 3_600).await, [(0, 2)]);
}

pub async fn many_that_wait_do_not_hold_up_what_came_later<H: Harness<Store: Outbox>>() {
    // Given hundreds of deliveries that wait for an earlier one, in front of one that does not
    let post = Post::<H>::with([of_ours(1)]).await;
    post.versions(0, 300).await;
    let first = post.claim_of(0, &[(1, 1)]).await.deliveries.remove(0);
    post.settle(0, &first, retry(3_600)).await;
    post.versions(1, 1).await;
    // When there is room for one at a time
    let mut claims = 0;
    let claimed = loop {
        let batch = post.claim_of(1, &[(1, 1)]).await;
        claims += 1;
        assert!(claims <= 300, "nothing moves");
        if let Some(claimed) = batch.deliveries.first() {
            break reported(claimed);
        }
    };
    // Then it comes all the same
    assert_eq!(claimed, (1, 1));
}

pub async fn what_is_redelivered_holds_up_what_came_after_it<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.versions(0, 3).await;
    let first = post.claim_one(1, 0).await;
    post.settle(0, &first, Outcome::Delivered).await;
    // When the first is redelivered before the second was claimed
    let redelivered = post.store.redeliver(&ours(), at(1), vec![first.id]).await;
    assert_eq!(redelivered.unwrap(), 1);
    // Then it goes first again
    let again = post.claim_one(1, 1).await;
    assert_eq!(reported(&again), (0, 1));
    post.settle(1, &again, retry(500)).await;
    assert_eq!(post.claims(1, 499).await, []);
    let again = post.claim_one(1, 500).await;
    post.settle(500, &again, Outcome::Delivered).await;
    assert_eq!(post.claims(1, 500).await, [(0, 2)]);
}

pub async fn what_had_a_time_of_its_own_goes_soon_when_the_one_before_is_over<
    H: Harness<Store: Outbox>,
>() {
    // Given a second version that is due again, and the first one redelivered, to be tried in an
    // hour
    let post = Post::<H>::with([of_ours(1)]).await;
    post.versions(0, 2).await;
    let first = post.claim_one(1, 0).await;
    post.settle(0, &first, Outcome::Delivered).await;
    let second = post.claim_one(1, 0).await;
    post.settle(0, &second, retry(10)).await;
    post.store
        .redeliver(&ours(), at(1), vec![first.id])
        .await
        .unwrap();
    let first = post.claim_one(1, 1).await;
    assert_eq!(reported(&first), (0, 1));
    post.settle(1, &first, retry(3_600)).await;
    assert_eq!(post.claims(1, 10).await, []);
    // When the first is over before that
    post.store
        .abandon(&ours(), at(20), vec![first.id], "no".to_owned())
        .await
        .unwrap();
    // Then the second does not wait for that hour
    assert_eq!(post.claims(1, 21).await, [(0, 2)]);
}

pub async fn what_is_redelivered_is_not_sent_beside_a_later_version<H: Harness<Store: Outbox>>() {
    for outcome in [Outcome::Delivered, retry(10), Outcome::Released] {
        // Given the second version of one of two applications under a lease, for a minute
        let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
        post.versions(0, 2).await;
        post.versions(1, 1).await;
        let mut firsts = Vec::new();
        for webhook in [1, 2] {
            for first in post.claim(webhook, 0).await {
                post.settle(0, &first, dead()).await;
                firsts.push(first.id);
            }
        }
        let second = post.claim_one(1, 0).await;
        assert_eq!(reported(&second), (0, 2));
        // When all first ones are redelivered
        assert_eq!(
            post.store.redeliver(&ours(), at(1), firsts).await.unwrap(),
            4
        );
        // Then that of this application waits, to this webhook, and no other
        assert_eq!(post.claims(1, 1).await, [(1, 1)]);
        assert_eq!(post.claims(2, 1).await, [(0, 1), (1, 1)]);
        // The lease is not cut short
        let is_over = outcome == Outcome::Delivered;
        post.settle(2, &second, outcome).await;
        assert_eq!(post.claims(1, 59).await, []);
        // And when its time is over, the first goes, and what is left of the second comes after it
        let first = post.claim_next(1, 60).await;
        assert_eq!(reported(&first), (0, 1));
        post.settle(60, &first, Outcome::Delivered).await;
        let rest = post.claims(1, 61).await;
        assert_eq!(rest.contains(&(0, 2)), !is_over, "{rest:?}");
    }
}

pub async fn what_is_redelivered_goes_at_once_where_a_lease_has_ended<H: Harness<Store: Outbox>>() {
    // Given a second version whose lease has ended without a settlement
    let post = Post::<H>::with([of_ours(1)]).await;
    post.versions(0, 2).await;
    let first = post.claim_one(1, 0).await;
    post.settle(0, &first, Outcome::Delivered).await;
    let second = post.claim_one(1, 0).await;
    post.store
        .redeliver(&ours(), at(61), vec![first.id])
        .await
        .unwrap();
    // Then the first goes, and the holder of the second may still settle it
    let first = post.claim_one(1, 61).await;
    assert_eq!(reported(&first), (0, 1));
    post.settle(62, &second, Outcome::Delivered).await;
    post.settle(62, &first, Outcome::Delivered).await;
    assert_eq!(post.claims(1, 62).await, []);
}

pub async fn a_released_version_still_comes_before_the_next<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.versions(0, 3).await;
    for round in 0..3 {
        let batch = post.claim_of(round, &[(1, PLENTY)]).await;
        let reported: Vec<_> = batch.deliveries.iter().map(reported).collect();
        assert_eq!(reported, [(0, 1)]);
        post.settle(round, &batch.deliveries[0], Outcome::Released)
            .await;
    }
    let claimed = post.claim_one(1, 5).await;
    post.settle(5, &claimed, Outcome::Delivered).await;
    assert_eq!(post.claims(1, 5).await, [(0, 2)]);
}

pub async fn what_is_redelivered_waits_for_what_was_never_looked_at<H: Harness<Store: Outbox>>() {
    // Given a third version that was abandoned and redelivered, before a claim has looked at the
    // first two
    let post = Post::<H>::with([of_ours(1)]).await;
    post.versions(0, 3).await;
    let third = vec![post.delivery_of(1, 0, 3).await.id];
    let abandoned = post
        .store
        .abandon(&OURS, at(0), third.clone(), "no".to_owned());
    assert_eq!(abandoned.await.unwrap(), 1);
    assert_eq!(
        post.store.redeliver(&ours(), at(0), third).await.unwrap(),
        1
    );
    // Then it waits for its turn
    for version in 1..=3 {
        let claimed = post.claim_one(1, 10).await;
        assert_eq!(reported(&claimed), (0, version));
        post.settle(10, &claimed, Outcome::Delivered).await;
    }
    assert_eq!(post.claims(1, 10).await, []);
}
