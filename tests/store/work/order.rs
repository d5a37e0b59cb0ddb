//! What is claimed first.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{WorkClaim, WorkQueue};

use crate::harness::Harness;
use crate::outbox_world::{LEASE, PLENTY, in_theirs};
use crate::support::at;
use crate::work_world::{Desk, again, attempt, attempts, numbers, released};
use crate::world::{act, ours, submit, theirs, upload};

pub async fn what_is_new_comes_in_the_order_of_the_feed<H: Harness<Store: WorkQueue>>() {
    // Given applications that came into progress in another order than they were created, and the
    // clock ran backwards
    let desk = Desk::<H>::new().await;
    desk.given([
        submit(0),
        submit(1),
        upload(2),
        in_theirs(upload(3)),
        submit(4),
    ])
    .await;
    let orders = [
        act(4, Action::BeginProcessing),
        act(1, Action::BeginProcessing),
        act(2, Action::Fail),
        act(0, Action::BeginProcessing),
        act(2, Action::Retry),
        upload(5),
    ];
    for (seconds, request) in (0_i64..).zip(orders) {
        desk.clock.set(1_000 - seconds);
        desk.given([request]).await;
    }
    desk.look().await;
    // When they are claimed one by one, or several at once
    let mut claimed = Vec::new();
    for room in [1, 2, 1, PLENTY] {
        claimed.extend(desk.claim_of(0, &[(ours(), room)]).await);
    }
    // Then they come in the order of the feed
    assert_eq!(numbers(&claimed), [4, 1, 0, 2, 5]);
    assert_eq!(numbers(&desk.claim(0).await), [3]);
}

pub async fn commands_of_one_call_are_claimed_in_their_order<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::new().await;
    let shuffled = || (0..40).map(|it| it * 7 % 40);
    let answers = desk
        .engine
        .execute_many(shuffled().map(upload).collect())
        .await;
    assert!(answers.iter().all(Result::is_ok));
    let claimed = desk.claim(0).await;
    assert_eq!(numbers(&claimed), shuffled().collect::<Vec<_>>());
}

/// So many that are due again, the last of them first, and as many new ones behind them.
async fn some_of_each<H: Harness<Store: WorkQueue>>(each: u64) -> Desk<H> {
    let desk = Desk::<H>::with((0..each).map(upload)).await;
    for leased in desk.claim(0).await {
        let number = i64::try_from(attempt(&leased).0).unwrap();
        desk.puts_off(&leased, again(100 - number)).await;
    }
    desk.given((each..each * 2).map(upload)).await;
    desk.look().await;
    desk
}

pub async fn a_quarter_is_for_what_is_due_again<H: Harness<Store: WorkQueue>>() {
    let desk = some_of_each::<H>(10).await;
    // When there is room for eight
    let claimed = desk.claim_of(100, &[(ours(), 8)]).await;
    // Then two of them are those that were due first, and the others the first that are new
    let expected = [
        (8, 2),
        (9, 2),
        (10, 1),
        (11, 1),
        (12, 1),
        (13, 1),
        (14, 1),
        (15, 1),
    ];
    assert_eq!(attempts(&claimed), expected);
    // What is new comes first where a quarter is less than one
    let claimed = desk.claim_of(100, &[(ours(), 3)]).await;
    assert_eq!(attempts(&claimed), [(16, 1), (17, 1), (18, 1)]);
    // And has the room of what is new, where that is less
    let claimed = desk.claim_of(100, &[(ours(), 8)]).await;
    let again = [
        (1, 2),
        (2, 2),
        (3, 2),
        (4, 2),
        (5, 2),
        (6, 2),
        (7, 2),
        (19, 1),
    ];
    assert_eq!(attempts(&claimed), again);
    assert_eq!(attempts(&desk.claim(100).await), [(0, 2)]);
}

pub async fn the_rest_of_a_quarter_goes_by_turns<H: Harness<Store: WorkQueue>>() {
    let desk = some_of_each::<H>(8).await;
    // When there is room for one, four times
    let mut due_again = 0;
    for turn in 0..4 {
        let claim = WorkClaim::new(at(100), LEASE, vec![(ours(), 1)]).with_turn(turn);
        let claimed = desk.store.claim_work(claim).await.unwrap();
        let [leased] = &claimed[..] else {
            panic!("{claimed:?}")
        };
        due_again += u32::from(leased.attempt == 2);
    }
    // Then it is once for what is due again
    assert_eq!(due_again, 1);
}

pub async fn new_ones_have_the_room_that_none_are_due_again_for<H: Harness<Store: WorkQueue>>() {
    let desk = some_of_each::<H>(10).await;
    // When nothing is due again yet
    let claimed = desk.claim_of(90, &[(ours(), 8)]).await;
    // Then the whole room is for what is new
    assert_eq!(numbers(&claimed), (10..18).collect::<Vec<_>>());
    // One that is due again is no reason for others that are not
    let claimed = desk.claim_of(91, &[(ours(), 8)]).await;
    assert_eq!(attempts(&claimed), [(9, 2), (18, 1), (19, 1)]);
}

pub async fn institutions_are_apart<H: Harness<Store: WorkQueue>>() {
    // Given much of ours, and some of theirs behind it
    let desk = Desk::<H>::with((0..50).map(upload)).await;
    desk.given((50..55).map(|it| in_theirs(upload(it)))).await;
    desk.look().await;
    // Then theirs do not wait for ours
    let claimed = desk.claim_of(0, &[(ours(), 4), (theirs(), 4)]).await;
    let mut claimed = numbers(&claimed);
    claimed.sort_unstable();
    assert_eq!(claimed, [0, 1, 2, 3, 50, 51, 52, 53]);
    let claimed = desk.claim_of(0, &[(theirs(), PLENTY)]).await;
    assert_eq!(numbers(&claimed), [54]);
}

pub async fn a_time_to_the_millisecond_counts<H: Harness<Store: WorkQueue>>() {
    use crate::outbox_world::at_ms;
    use certificate_lifecycle::store::{WorkOutcome, WorkSettled};

    let desk = Desk::<H>::with([upload(0)]).await;
    let leased = desk.claim_one(0).await;
    let at = at_ms(1_234);
    let reason = Some("it is too early".to_owned());
    let settled = desk
        .settled(&leased, WorkOutcome::Released { at, reason })
        .await;
    assert_eq!(settled.unwrap(), WorkSettled::PutOff);
    assert_eq!(desk.look().await[0].at, Some(at));
    for (now, expected) in [(1_233, 0), (1_234, 1)] {
        let claim = WorkClaim::new(at_ms(now), LEASE, vec![(ours(), 1)]);
        assert_eq!(desk.store.claim_work(claim).await.unwrap().len(), expected);
    }
    assert_eq!(desk.look().await[0].at, Some(at + LEASE));
}

pub async fn what_is_put_off_is_due_at_its_time<H: Harness<Store: WorkQueue>>() {
    // Given one that is tried again, and one that was given back
    let desk = Desk::<H>::with([upload(0), upload(1)]).await;
    for round in 1..5 {
        let now = i64::from(round) * 1_000;
        let claimed = desk.claim(now).await;
        // Then the attempts of the first are counted, and not those of the other
        assert_eq!(attempts(&claimed), [(0, round), (1, 1)]);
        for leased in &claimed {
            let outcome = match attempt(leased).0 {
                0 => again(now + 100),
                _ => released(now + 300),
            };
            desk.puts_off(leased, outcome).await;
            desk.is_lost(leased).await;
        }
        // And each is due at its time, and not before
        desk.claims_nothing(now + 99).await;
        let first = desk.claim_one(now + 100).await;
        assert_eq!(attempt(&first), (0, round + 1));
        desk.puts_off(&first, released(now + 400)).await;
        desk.claims_nothing(now + 299).await;
        let second = desk.claim_one(now + 300).await;
        assert_eq!(attempt(&second), (1, 1));
        // What is given back at once is there at once
        desk.puts_off(&second, released(0)).await;
        let second = desk.claim_one(now + 300).await;
        assert_eq!(attempt(&second), (1, 1));
        desk.puts_off(&second, released(now + 400)).await;
    }
    // A lease that ends without a settlement counts
    assert_eq!(attempts(&desk.claim(10_000).await), [(0, 5), (1, 1)]);
    assert_eq!(attempts(&desk.claim(20_000).await), [(0, 6), (1, 2)]);
}
