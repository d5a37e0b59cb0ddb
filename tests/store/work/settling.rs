//! A settlement by a transition: the end of the claim and the transition are one.

use std::time::Duration;

use certificate_lifecycle::store::{
    Append, DeliveryFilter, ExecuteError, Outbox, Refusal, WorkOutcome, WorkQueue, WorkSettled,
    WorkSettlement,
};
use certificate_lifecycle::{Action, Command, EventKind, Status};

use crate::harness::Harness;
use crate::outbox_world::{hook, name_of, of_ours, of_theirs};
use crate::support::{at, command};
use crate::work_world::{
    Desk, again, application, attempt, attempts, done, is_conflict, released, transition,
};
use crate::world::{OURS, act, check, engine_on, id, key, refusal, submit, theirs, upload, worker};

pub async fn a_transition_ends_the_claim<H: Harness<Store: WorkQueue + Outbox>>() {
    // Given webhooks of two institutions, and work at several versions
    let desk = Desk::<H>::new().await;
    for webhook in [of_ours(1), of_ours(2), of_theirs(3)] {
        assert!(desk.store.add_webhook(webhook).await.unwrap());
    }
    desk.given([upload(0), submit(1), act(1, Action::BeginProcessing)])
        .await;
    desk.given([
        upload(2),
        act(2, Action::Fail),
        act(2, Action::Retry),
        upload(3),
    ])
    .await;
    let ends = [Action::Approve, Action::Fail, Action::Approve, Action::Fail];
    for leased in desk.claim(10).await {
        let number = attempt(&leased).0;
        let action = ends[usize::try_from(number).unwrap()];
        let version = application(&leased).version() + 1;
        // When it is settled by a transition
        let receipt = desk.moves_on(&leased, 20, command(action)).await;
        // Then the application has moved on
        let moved_on = desk.load(&leased).await;
        assert!(!receipt.replayed);
        assert_eq!(receipt.event.application(), moved_on);
        assert_eq!(
            (moved_on.version(), moved_on.updated_at()),
            (version, at(20))
        );
        // And that is in the history and the feed, and on its way to the webhooks
        let history = desk.engine.history(&OURS, id(number)).await.unwrap();
        let last = history.last().unwrap();
        assert_eq!((&last.event, &last.actor), (&receipt.event, &worker()));
        assert_eq!(last.cursor, receipt.cursor);
        assert_eq!(history.len() as u64, version);
        let deliveries = desk
            .store
            .deliveries(None, DeliveryFilter::default(), None, 1_000);
        let deliveries = deliveries.await.unwrap().deliveries.into_iter();
        let mut webhooks: Vec<_> = deliveries
            .map(|it| name_of(&it))
            .filter(|it| (it.1, it.2) == (id(number), version))
            .map(|it| it.0)
            .collect();
        webhooks.sort_unstable();
        assert_eq!(webhooks, [hook(2), hook(1)]);
        // The claim is over
        desk.is_lost(&leased).await;
    }
    desk.is_empty().await;
    let _ = check(&desk.engine).await;
    let feed = desk
        .engine
        .feed(certificate_lifecycle::store::Cursor::START, 1_000)
        .await;
    let kinds: Vec<_> = feed
        .unwrap()
        .iter()
        .map(|it| it.event.kind())
        .skip(7)
        .collect();
    let approved = kinds
        .iter()
        .filter(|it| **it == EventKind::Approved)
        .count();
    assert_eq!((kinds.len(), approved), (4, 2));
}

pub async fn a_commit_by_a_settlement_is_noticed<H: Harness<Store: WorkQueue>>() {
    // Given a caller who waits for the end of an application
    let desk = Desk::<H>::with([upload(0)]).await;
    let leased = desk.claim_one(0).await;
    let engine = desk.engine.clone();
    let waiting = tokio::spawn(async move {
        let waited = engine.await_final(&OURS, id(0), Duration::from_secs(300));
        waited.await.unwrap()
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    // Then a settlement is heard of
    let _ = desk.moves_on(&leased, 0, Command::Approve).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    let ended = ended.expect("the commit was not heard of").unwrap();
    assert!(format!("{ended:?}").contains("Approved"), "{ended:?}");
}

pub async fn a_refused_transition_ends_the_claim<H: Harness<Store: WorkQueue>>() {
    // Given an application that an administrator's command has failed meanwhile
    let desk = Desk::<H>::with([upload(0)]).await;
    let leased = desk.claim_one(0).await;
    desk.given([act(0, Action::Fail)]).await;
    // When the processor approves what it has seen
    let settled = desk
        .settled(&leased, done(&leased, 10, Command::Approve))
        .await;
    // Then that is a conflict, and changes nothing
    is_conflict(settled, &leased, (2, Status::Failed));
    assert_eq!(desk.load(&leased).await.version(), 2);
    // And the claim is over, without a trace
    desk.is_empty().await;
    desk.is_lost(&leased).await;
    desk.claims_nothing(1_000_000).await;
}

pub async fn a_key_is_remembered<H: Harness<Store: WorkQueue>>() {
    // Given settlements whose commands have keys, one of which is refused
    let desk = Desk::<H>::with([upload(0), upload(1)]).await;
    let claimed = desk.claim(0).await;
    desk.given([act(1, Action::Fail)]).await;
    let (mut requests, mut settled) = (Vec::new(), Vec::new());
    for (leased, number) in claimed.iter().zip(0..) {
        let request = act(number, Action::Approve).with_key(key(&format!("processing:{number}")));
        let append = Append::new(request.clone(), at(10));
        settled.push(
            desk.settled(leased, WorkOutcome::Done(Box::new(append)))
                .await,
        );
        requests.push(request);
    }
    // When the same commands come again, through another handle, and both would be granted now
    desk.given([act(1, Action::Retry)]).await;
    let other = engine_on(desk.harness.open().await, &desk.clock);
    let repeated = other.execute(requests[0].clone()).await.unwrap();
    let refused_again = refusal(other.execute(requests[1].clone()).await);
    // Then they have the same answers
    let Ok(WorkSettled::Done(receipt)) = &settled[0] else {
        panic!("{settled:?}")
    };
    assert!(repeated.replayed && !receipt.replayed);
    assert_eq!(
        (&repeated.event, repeated.cursor),
        (&receipt.event, receipt.cursor)
    );
    let Err(ExecuteError::Refused(refused)) = &settled[1] else {
        panic!("{settled:?}")
    };
    assert!(matches!(refused, Refusal::Illegal(_)), "{refused:?}");
    assert!(
        matches!(refused_again, Refusal::Repeated { .. }),
        "{refused_again:?}"
    );
    assert_eq!(refused_again.code(), refused.code());
    let history = desk.engine.history(&OURS, id(0)).await.unwrap();
    assert_eq!(
        history.last().unwrap().idempotency_key,
        requests[0].idempotency_key
    );
}

pub async fn what_was_carried_out_before_is_answered_again<H: Harness<Store: WorkQueue>>() {
    // Given a command with a key that was carried out past the claim
    let desk = Desk::<H>::with([upload(0)]).await;
    let leased = desk.claim_one(0).await;
    let request = transition(&leased, Command::Approve).with_key(key("processing"));
    let receipt = desk.engine.execute(request.clone()).await.unwrap();
    // When it is settled by the same command
    let append = Append::new(request, at(10));
    let settled = desk
        .settled(&leased, WorkOutcome::Done(Box::new(append)))
        .await;
    // Then the answer is that of the first time, and the claim is over
    let Ok(WorkSettled::Done(repeated)) = settled else {
        panic!("{settled:?}")
    };
    assert!(repeated.replayed);
    assert_eq!(
        (&repeated.event, repeated.cursor),
        (&receipt.event, receipt.cursor)
    );
    desk.is_empty().await;
    desk.is_lost(&leased).await;
}

pub async fn each_settlement_counts_for_itself<H: Harness<Store: WorkQueue>>() {
    // Given leases of which one moved on, one was settled, and one was taken over
    let desk = Desk::<H>::with((0..8).map(upload)).await;
    let old = desk.claim(0).await;
    assert_eq!(attempts(&old).len(), 8);
    desk.puts_off(&old[2], released(1_000)).await;
    let others: Vec<_> = old
        .iter()
        .enumerate()
        .filter(|it| it.0 != 3)
        .map(|it| it.1)
        .collect();
    let _ = desk.renewed(&others, 500).await;
    let newer = desk.claim_one(60).await;
    desk.given([act(1, Action::Fail)]).await;
    // When all are settled in one call, the last of them twice
    let settlement = |leased, outcome| WorkSettlement::new(lease_of(leased), outcome);
    let mut settlements: Vec<_> = old
        .iter()
        .map(|it| settlement(it, done(it, 100, Command::Approve)))
        .collect();
    settlements[5] = settlement(&old[5], again(2_000));
    settlements[6] = settlement(&old[6], done(&old[6], 100, command(Action::Fail)));
    settlements.push(settlement(&old[7], done(&old[7], 100, Command::Approve)));
    settlements.push(settlement(&newer, again(3_000)));
    let settled = desk.store.settle_work(settlements).await;
    // Then each has its own answer, in the same order
    let answers: Vec<_> = settled.iter().map(name).collect();
    assert_eq!(
        answers,
        [
            "approved", "refused", "lost", "lost", "approved", "put off", "failed", "approved",
            "lost", "put off",
        ]
    );
    // And its own effect
    assert_eq!(attempts(&desk.claim(1_000).await), [(2, 1)]);
    assert_eq!(attempts(&desk.claim(2_000).await), [(2, 2), (5, 2)]);
    assert_eq!(attempts(&desk.claim(3_000).await), [(2, 3), (3, 3), (5, 3)]);
    assert!(desk.store.settle_work(Vec::new()).await.is_empty());
    let _ = check(&desk.engine).await;
}

const fn lease_of(
    leased: &certificate_lifecycle::store::LeasedWork,
) -> certificate_lifecycle::store::WorkLease {
    leased.lease
}

fn name(settled: &Result<WorkSettled, ExecuteError>) -> &'static str {
    match settled {
        Ok(WorkSettled::Done(receipt)) => match receipt.event.kind() {
            EventKind::Approved => "approved",
            EventKind::Failed => "failed",
            _ => "something else",
        },
        Ok(WorkSettled::PutOff) => "put off",
        Ok(WorkSettled::MovedOn) => "moved on",
        Ok(WorkSettled::Lost) => "lost",
        Err(ExecuteError::Refused(_)) => "refused",
        Err(_) => "an error",
    }
}

pub async fn commands_of_others_go_on_meanwhile<H: Harness<Store: WorkQueue>>() {
    const MANY: u64 = 200;
    // Given much work
    let desk = Desk::<H>::with([]).await;
    let answers = desk
        .engine
        .execute_many((0..MANY).map(upload).collect())
        .await;
    assert!(answers.iter().all(Result::is_ok));
    let claimed = desk.claim(0).await;
    // When it is settled, while others create and move on applications through the same handle
    let settlements: Vec<_> = claimed
        .iter()
        .map(|it| WorkSettlement::new(it.lease, done(it, 10, Command::Approve)))
        .collect();
    let calls: Vec<_> = settlements
        .chunks(10)
        .zip(0_u64..)
        .map(|(settlements, call)| {
            let (store, engine) = (desk.store.clone(), desk.engine.clone());
            let settlements = settlements.to_vec();
            let settled = tokio::spawn(async move { store.settle_work(settlements).await });
            let new = MANY + call * 10;
            let others = (new..new + 10).flat_map(|it| [upload(it), act(it, Action::Fail)]);
            let others: Vec<_> = others.chain([act(0, Action::Reject)]).collect();
            let written = tokio::spawn(async move { engine.execute_many(others).await });
            (settled, written)
        })
        .collect();
    for (settled, written) in calls {
        let settled = settled.await.unwrap();
        assert!(
            settled.iter().all(|it| name(it) == "approved"),
            "{settled:?}"
        );
        let written = written.await.unwrap();
        assert_eq!(written.iter().filter(|it| it.is_ok()).count(), 20);
        assert!(written.last().unwrap().is_err());
    }
    desk.is_empty().await;
    let _ = check(&desk.engine).await;
}

pub async fn half_of_a_settlement_is_never_left<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::with((0..60).map(upload)).await;
    for (round, leased) in (0_u64..).zip(desk.claim(0).await) {
        let is_put_off = round % 3 == 0;
        let outcome = || {
            if is_put_off {
                again(1_000_000)
            } else {
                done(&leased, 10, Command::Approve)
            }
        };
        // When a caller does not wait for the answer
        let settlements = vec![WorkSettlement::new(leased.lease, outcome())];
        let settling = desk.store.settle_work(settlements);
        let waited = Duration::from_micros(round * 30);
        let first = tokio::time::timeout(waited, settling).await;
        // Then it was carried out whole or not at all: it is done now, once
        let second = desk.settled(&leased, outcome()).await;
        let expected = if is_put_off { "put off" } else { "approved" };
        match first {
            Ok(first) => assert_eq!((name(&first[0]), name(&second)), (expected, "lost")),
            Err(_) => assert!([expected, "lost"].contains(&name(&second)), "{second:?}"),
        }
        let version = desk.load(&leased).await.version();
        assert_eq!(version, if is_put_off { 1 } else { 2 });
    }
    desk.claims_nothing(999_999).await;
    let put_off = (0..60).step_by(3).map(|number| (number, 2));
    assert_eq!(
        attempts(&desk.claim(1_000_000).await),
        put_off.collect::<Vec<_>>()
    );
    let _ = check(&desk.engine).await;
}

pub async fn a_settlement_counts_in_its_institution_only<H: Harness<Store: WorkQueue>>() {
    // Given a transition in another institution than the application's
    let desk = Desk::<H>::with([upload(0)]).await;
    let leased = desk.claim_one(0).await;
    let mut request = transition(&leased, Command::Approve);
    request.institution = theirs();
    let append = Append::new(request, at(10));
    let settled = desk
        .settled(&leased, WorkOutcome::Done(Box::new(append)))
        .await;
    // Then it is refused: they have no such application
    assert_eq!(name(&settled), "refused");
    assert_eq!(desk.load(&leased).await.version(), 1);
}
