//! An application that comes into progress again is new work, whatever is left of the old.

use certificate_lifecycle::store::{
    ExecuteError, LeasedWork, WorkOutcome, WorkQueue, WorkSettled, WorkSettlement,
};
use certificate_lifecycle::{Action, Command, Status};

use crate::harness::Harness;
use crate::support::{at, command};
use crate::work_world::{Desk, again, application, attempt, attempts, done, is_conflict, released};
use crate::world::{act, upload};

/// The application was retried: it is claimed as new work, and the leases of before are lost.
async fn is_new_work<H: Harness<Store: WorkQueue>>(
    desk: &Desk<H>,
    seconds: i64,
    before: &[LeasedWork],
) -> LeasedWork {
    // Given old leases, they are lost as soon as the new work was found
    desk.look().await;
    for old in before {
        desk.is_lost(old).await;
    }
    // When it is claimed
    let new = desk.claim_one(seconds).await;
    // Then it is new
    assert_eq!(attempt(&new), (0, 1));
    assert_eq!(application(&new).status(), Status::Retried);
    for old in before {
        assert!(
            new.lease.token > old.lease.token,
            "{} and {}",
            new.lease.token,
            old.lease.token
        );
        assert!(application(&new).version() > application(old).version());
        // And the old leases are still lost
        desk.is_lost(old).await;
    }
    assert_eq!(desk.renewed(&[&new], seconds + 60).await, [true]);
    new
}

pub async fn a_retry_after_the_end_is_new_work<H: Harness<Store: WorkQueue>>() {
    // Given an application that needed several attempts, and then failed
    let desk = Desk::<H>::with([upload(0)]).await;
    let mut before = Vec::new();
    for round in 0..10_u32 {
        let now = i64::from(round) * 10_000;
        desk.clock.set(now);
        let mut newest = match round {
            0 => desk.claim_one(now).await,
            _ => is_new_work(&desk, now, &before).await,
        };
        assert_eq!(newest.since, at(now));
        for attempts in 1..=round % 4 {
            before.push(newest.clone());
            let now = now + i64::from(attempts) * 100;
            if attempts % 2 == 0 {
                desk.puts_off(&newest, again(now)).await;
            }
            newest = desk.claim_one(now).await;
            assert_eq!(attempt(&newest), (0, attempts + 1));
        }
        // When it is retried
        let _ = desk
            .moves_on(&newest, now + 1_000, command(Action::Fail))
            .await;
        desk.is_empty().await;
        before.push(newest);
        desk.clock.set(now + 10_000);
        desk.given([act(0, Action::Retry)]).await;
    }
    // Then it is new work, each time
    let last = is_new_work(&desk, 100_000, &before).await;
    let _ = desk.moves_on(&last, 100_000, Command::Approve).await;
    before.push(last);
    for old in &before {
        desk.is_lost(old).await;
    }
    desk.is_empty().await;
}

pub async fn a_retry_while_the_old_claim_lies_there_is_new_work<H: Harness<Store: WorkQueue>>() {
    // Given a lease, under which the application was failed and retried, both at once or not, and
    // was looked at in between or not
    let desk = Desk::<H>::with([upload(0)]).await;
    let mut before = vec![desk.claim_one(0).await];
    for round in 1..8_i64 {
        let now = round * 10;
        desk.clock.set(now);
        desk.given([act(0, Action::Fail)]).await;
        if round % 2 == 0 {
            desk.look().await;
        }
        if round % 4 > 1 {
            // A claim finds it where the lease has ended, or it was put off to now.
            desk.claims_nothing(now).await;
        }
        desk.given([act(0, Action::Retry)]).await;
        // Then it is new work, though the lease has not ended
        let new = is_new_work(&desk, now, &before).await;
        if round % 3 == 0 {
            desk.puts_off(&new, again(now)).await;
        }
        before.push(new);
    }
}

pub async fn an_end_that_a_claim_finds_ends_the_lease<H: Harness<Store: WorkQueue>>() {
    // Given a lease that has ended, and the application has failed
    let desk = Desk::<H>::with([upload(0)]).await;
    let old = desk.claim_one(0).await;
    desk.given([act(0, Action::Fail)]).await;
    // When a claim finds that
    desk.claims_nothing(60).await;
    // Then nothing is left of it
    desk.is_lost(&old).await;
    desk.is_empty().await;
    // And the old lease does not come back with new work
    desk.given([act(0, Action::Retry)]).await;
    let new = is_new_work(&desk, 61, std::slice::from_ref(&old)).await;
    let _ = desk.moves_on(&new, 62, Command::Approve).await;
}

pub async fn an_old_lease_does_not_disturb_new_work<H: Harness<Store: WorkQueue>>() {
    // Given a lease under which the application was failed and retried, which was not found yet
    let outcomes: [fn(&LeasedWork) -> WorkOutcome; 3] = [
        |_| again(1_000_000),
        |_| released(1_000_000),
        |leased| done(leased, 10, Command::Approve),
    ];
    for outcome in outcomes {
        let desk = Desk::<H>::with([upload(0)]).await;
        let old = desk.claim_one(0).await;
        desk.given([act(0, Action::Fail), act(0, Action::Retry)])
            .await;
        assert_eq!(desk.renewed(&[&old], 1_000).await, [false]);
        // When it is settled
        let settled = desk.settled(&old, outcome(&old)).await;
        // Then the application stays as it is
        if !matches!(settled, Ok(WorkSettled::MovedOn)) {
            is_conflict(settled, &old, (3, Status::Retried));
        }
        // And the new work is there at once
        let new = is_new_work(&desk, 20, &[old]).await;
        assert_eq!(application(&new).version(), 3);
    }
}

pub async fn commands_that_are_taken_back_change_no_work<H: Harness<Store: WorkQueue>>() {
    // Given work under a lease, and some that was not claimed
    let desk = Desk::<H>::with([upload(0), upload(1)]).await;
    desk.look().await;
    let leased = desk.claim_of(0, &[(crate::world::ours(), 1)]).await;
    let before = desk.look().await;
    for round in 0..5 {
        // When a call of all or none is refused at its end
        let requests = [
            act(0, Action::Fail),
            act(0, Action::Retry),
            act(1, Action::Approve),
            upload(2),
            upload(3),
            act(3, Action::Fail),
            act(3, Action::Retry),
            act(3, Action::Reject),
        ];
        let answers = desk.engine.execute_all(requests.to_vec()).await;
        assert!(answers.iter().all(Result::is_err));
        // Then no work came of it, and none is lost
        assert_eq!(desk.look().await, before);
        let until = 100 + round;
        assert_eq!(desk.renewed(&[&leased[0]], until).await, [true]);
        assert_eq!(desk.renewed(&[&leased[0]], 60).await, [true]);
    }
    assert_eq!(attempts(&desk.claim(0).await), [(1, 1)]);
    let _ = desk.moves_on(&leased[0], 10, Command::Approve).await;
    // And what comes then, at their place in the feed, is found
    let requests = vec![upload(2), upload(3), act(2, Action::Fail)];
    let answers = desk.engine.execute_all(requests).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(attempts(&desk.claim(10).await), [(3, 1)]);
}

pub async fn of_a_processor_and_a_command_one_wins<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::new().await;
    for number in 0..50 {
        // Given a lease
        desk.given([upload(number)]).await;
        let leased = desk.claim_one(0).await;
        // When it is settled, and the application is failed through another handle, both at once
        let engine = crate::world::engine_on(desk.harness.open().await, &desk.clock);
        let failed = tokio::spawn(async move { engine.execute(act(number, Action::Fail)).await });
        let store = desk.store.clone();
        let settlement = WorkSettlement::new(leased.lease, done(&leased, 0, Command::Approve));
        let settled = tokio::spawn(async move { store.settle_work(vec![settlement]).await });
        let (failed, settled) = (failed.await.unwrap(), settled.await.unwrap().remove(0));
        // Then one of them is done, and the claim is over
        let loaded = desk.load(&leased).await;
        assert_eq!(loaded.version(), 2);
        let expected = match (failed.is_ok(), &settled) {
            (true, Err(ExecuteError::Refused(_))) => Status::Failed,
            (false, Ok(WorkSettled::Done(_))) => Status::Approved,
            other => panic!("{other:?}"),
        };
        assert_eq!(loaded.status(), expected);
        desk.is_lost(&leased).await;
    }
    desk.is_empty().await;
}
