//! A claim holds an application for one processor, until its lease ends.

use std::time::Duration;

use certificate_lifecycle::store::{WorkClaim, WorkLease, WorkQueue};
use certificate_lifecycle::{Action, Command, Status};

use crate::harness::Harness;
use crate::outbox_world::{LEASE, PLENTY, in_theirs};
use crate::support::at;
use crate::work_world::{
    Desk, again, application, attempt, attempts, done, is_conflict, released, third,
};
use crate::world::{act, id, ours, theirs, upload};

pub async fn one_at_a_time_has_a_claim<H: Harness<Store: WorkQueue>>() {
    // Given a claim
    let desk = Desk::<H>::with([upload(0)]).await;
    let first = desk.claim_one(0).await;
    assert_eq!(attempt(&first), (0, 1));
    // Then another finds nothing, from whatever handle, until the lease ends
    let other = desk.harness.open().await;
    for seconds in [0, 1, 30, 59] {
        desk.claims_nothing(seconds).await;
        let claim = WorkClaim::new(at(seconds), LEASE, vec![(ours(), PLENTY)]);
        let claimed = other.claim_work(claim).await.unwrap();
        assert!(claimed.is_empty(), "{claimed:?}");
    }
    let claim = WorkClaim::new(at(60), LEASE, vec![(ours(), PLENTY)]);
    let claimed = other.claim_work(claim).await.unwrap();
    let [second] = &claimed[..] else {
        panic!("{claimed:?}")
    };
    // And then with a new token, at the second attempt
    assert_eq!(attempt(second), (0, 2));
    assert!(second.lease.token > first.lease.token);
    assert_eq!(second.since, first.since);
    assert_eq!(application(second), application(&first));
    // Which is the only one that counts
    desk.is_lost(&first).await;
    assert_eq!(desk.renewed(&[second], 200).await, [true]);
    desk.claims_nothing(199).await;
    let receipt = desk.moves_on(second, 300, Command::Approve).await;
    assert_eq!(receipt.event.version(), 2);
    desk.is_empty().await;
}

pub async fn the_newest_lease_settles_even_after_it_has_ended<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::with([upload(0), upload(1)]).await;
    let [approved, late] = &desk.claim(0).await[..] else {
        panic!("both are new")
    };
    let _ = desk.moves_on(approved, 10_000, Command::Approve).await;
    assert_eq!(desk.renewed(&[late], 20_000).await, [true]);
    desk.claims_nothing(19_999).await;
    desk.puts_off(late, again(15_000)).await;
    assert_eq!(attempt(&desk.claim_one(15_000).await), (1, 2));
}

pub async fn what_was_never_leased_is_not_held<H: Harness<Store: WorkQueue>>() {
    // Given work that was never claimed, some that was put off, and some that never was there
    let desk = Desk::<H>::with([upload(0), upload(1)]).await;
    desk.look().await;
    let claimed = desk.claim_of(0, &[(ours(), 1)]).await;
    desk.puts_off(&claimed[0], again(0)).await;
    let old = claimed[0].lease.token;
    for number in [0, 1, 2] {
        for token in [i64::MIN, -1, 0, 1, 2, 3, old, old + 1, i64::MAX] {
            // When a token is guessed
            let mut guessed = claimed[0].clone();
            guessed.lease = WorkLease::new(id(number), token);
            // Then it does nothing
            desk.is_lost(&guessed).await;
        }
    }
}

pub async fn renewals_put_off_the_end<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::with([upload(0), upload(1)]).await;
    let [one, other] = &desk.claim(0).await[..] else {
        panic!("both are new")
    };
    // When one is renewed, again and again
    for seconds in [20, 40, 60] {
        assert_eq!(desk.renewed(&[one], seconds + 60).await, [true]);
    }
    // Then only the other can be taken over
    let taken = desk.claim(60).await;
    assert_eq!(attempts(&taken), [(1, 2)]);
    desk.is_lost(other).await;
    desk.claims_nothing(119).await;
    // A renewal says when the lease ends, also where that is earlier
    assert_eq!(desk.renewed(&[one, &taken[0]], 100).await, [true, true]);
    assert_eq!(attempts(&desk.claim(100).await), [(0, 2), (1, 3)]);
}

pub async fn each_renewal_counts_for_itself<H: Harness<Store: WorkQueue>>() {
    // Given one that is settled, one put off, one taken over, one that moved on, and two held
    let desk = Desk::<H>::with((0..6).map(upload)).await;
    let mut leased = desk.claim(0).await;
    leased.sort_by_key(attempt);
    let _ = desk.moves_on(&leased[0], 0, Command::Approve).await;
    desk.puts_off(&leased[1], released(1_000)).await;
    let all: Vec<_> = leased.iter().collect();
    assert_eq!(desk.renewed(&all[3..], 100).await, [true; 3]);
    assert_eq!(attempts(&desk.claim(60).await), [(2, 2)]);
    desk.given([act(3, Action::Fail)]).await;
    // Then the last two are renewed, in whatever order, and each as often as it is named
    let expected = [false, false, false, false, true, true];
    assert_eq!(desk.renewed(&all, 200).await, expected);
    let turned: Vec<_> = all.iter().rev().chain(&all[4..5]).copied().collect();
    let expected = [true, true, false, false, false, false, true];
    assert_eq!(desk.renewed(&turned, 300).await, expected);
    assert!(desk.renewed(&[], 300).await.is_empty());
    desk.claims_nothing(119).await;
    assert_eq!(attempts(&desk.claim(299).await), [(2, 3)]);
    assert_eq!(attempts(&desk.claim(300).await), [(4, 2), (5, 2)]);
}

pub async fn a_lease_of_any_length_can_be_taken_and_settled<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::with((0..3).map(upload)).await;
    desk.look().await;
    // Given a lease that never ends
    let claim = |now, lease| WorkClaim::new(at(now), lease, vec![(ours(), 1)]);
    let claimed = desk
        .store
        .claim_work(claim(0, Duration::MAX))
        .await
        .unwrap();
    let [endless] = &claimed[..] else {
        panic!("{claimed:?}")
    };
    // And others that end at once
    let mut last = None;
    for attempt in 1..5 {
        let wanted = vec![(ours(), PLENTY)];
        let claim = WorkClaim::new(at(1_000_000_000), Duration::ZERO, wanted);
        let claimed = desk.store.claim_work(claim).await.unwrap();
        // Then one claim takes each once
        assert_eq!(attempts(&claimed), [(1, attempt), (2, attempt)]);
        last = Some(claimed);
    }
    for leased in last.unwrap().iter().chain([endless]) {
        let _ = desk.moves_on(leased, 0, Command::Approve).await;
    }
    desk.is_empty().await;
}

pub async fn room_is_never_exceeded<H: Harness<Store: WorkQueue>>() {
    // Given six of ours and six of theirs, half of which are due again
    let ours_and_theirs = (0..12).map(|number| match number % 2 {
        0 => upload(number),
        _ => in_theirs(upload(number)),
    });
    let desk = Desk::<H>::with(ours_and_theirs).await;
    desk.look().await;
    for leased in desk.claim_of(0, &[(ours(), 3), (theirs(), 3)]).await {
        desk.puts_off(&leased, again(10)).await;
    }
    // Nothing is claimed where there is no room, or nothing is wanted, or nothing is known
    for wanted in [
        vec![],
        vec![(ours(), 0)],
        vec![(ours(), 0), (theirs(), 0)],
        vec![(third(), PLENTY)],
        vec![(third(), 0), (ours(), 0)],
    ] {
        let claimed = desk.claim_of(10, &wanted).await;
        assert!(claimed.is_empty(), "{claimed:?}");
    }
    // When there is room for some
    let wanted = [(theirs(), 2), (third(), 3), (ours(), 1)];
    let claimed = desk.claim_of(10, &wanted).await;
    // Then each institution has its own
    let of = |institution| {
        claimed
            .iter()
            .filter(|it| it.institution == institution)
            .count()
    };
    assert_eq!((of(theirs()), of(third()), of(ours())), (2, 0, 1));
    for leased in &claimed {
        let is_theirs = attempt(leased).0 % 2 == 1;
        assert_eq!(leased.institution == theirs(), is_theirs);
    }
    // And where there is more than enough, all there is
    let claimed = desk
        .claim_of(10, &[(ours(), u32::MAX), (theirs(), u32::MAX)])
        .await;
    assert_eq!(claimed.len(), 9);
    desk.claims_nothing(10).await;
}

pub async fn what_has_moved_on_is_never_claimed<H: Harness<Store: WorkQueue>>() {
    // Given applications that were found, some of which have a lease that has ended
    let desk = Desk::<H>::with((0..6).map(upload)).await;
    desk.look().await;
    let leased = desk.claim_of(0, &[(ours(), 3)]).await;
    assert_eq!(attempts(&leased), [(0, 1), (1, 1), (2, 1)]);
    // When some have moved on
    for number in [0, 2, 3, 5] {
        desk.given([act(number, Action::Fail)]).await;
    }
    // Then the others are claimed
    assert_eq!(attempts(&desk.claim(60).await), [(1, 2), (4, 1)]);
    for moved_on in [&leased[0], &leased[2]] {
        assert_eq!(desk.renewed(&[moved_on], 1_000).await, [false]);
    }
    // And a settlement of one that has, where no claim has found that, does nothing to it
    let last = desk.claim(1_000).await;
    let version = (2, Status::Approved);
    desk.given(last.iter().map(|it| act(attempt(it).0, Action::Approve)))
        .await;
    for leased in &last {
        let settled = desk
            .settled(leased, done(leased, 1_000, Command::Approve))
            .await;
        is_conflict(settled, leased, version);
    }
    desk.is_empty().await;
}
