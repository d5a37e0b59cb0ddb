//! Random walks of mixed commands in a small world, step by step the same as in the reference: the
//! store in memory.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, ActorId, ActorKind, ExecuteError, MemoryStore, Operation, Receipt, RecordedEvent,
    Refusal, Request, Store,
};
use certificate_lifecycle::{
    Action, AnyApplication, Command, Event, ProcessingError, RejectionReason, VaultUpload,
};

use crate::harness::Harness;
use crate::random::Random;
use crate::receipts::are_in;
use crate::support::at;
use crate::world::{
    Snapshot, TestClock, World, check, details, engine_on, id, key, ours, snapshot, theirs,
};

const STEPS: u64 = 400;

/// One command of a world in which everything is rare enough to be met again; what is final is left
/// behind step by step.
fn request(random: &mut Random, step: u64) -> Request {
    let number = step / 10 + random.below(6);
    let is_theirs = number.is_multiple_of(3) != random.one_in(10);
    let institution = if is_theirs { theirs() } else { ours() };
    let texts = ["a text", "another text"];
    let operation = match random.below(12) {
        0 => Operation::Submit(details(number).into()),
        1 => Operation::Upload(
            details(number).into(),
            *random.pick(&[VaultUpload::Single, VaultUpload::Bulk]),
        ),
        _ => Operation::Act {
            uuid: id(number),
            command: match *random.pick(&Action::ALL) {
                Action::BeginProcessing => Command::BeginProcessing,
                Action::Approve if random.one_in(3) => Command::Approve,
                Action::Reject if random.one_in(3) => {
                    Command::Reject(RejectionReason::new(random.pick(&texts)).unwrap())
                }
                Action::Retry => Command::Retry,
                _ => Command::Fail(ProcessingError::new(random.pick(&texts)).unwrap()),
            },
            expected_version: random.one_in(4).then(|| random.below(6)),
        },
    };
    // Mostly who may, so that something happens.
    let kind = match operation.action() {
        _ if random.one_in(10) => *random.pick(&ActorKind::ALL),
        Some(Action::Approve | Action::Fail) => ActorKind::System,
        None if matches!(operation, Operation::Submit(_)) => ActorKind::Customer,
        _ => ActorKind::Administrator,
    };
    let name = *random.pick(&["one", "another"]);
    let mut request = Request::new(
        institution,
        Actor::new(kind, ActorId::new(name).unwrap()),
        operation,
    );
    if random.one_in(3) {
        request = request.with_key(key(&format!("key {}", step / 10 + random.below(20))));
    }
    if random.one_in(6) {
        request = request.at(at(i64::try_from(random.below(100)).unwrap()));
    }
    request
}

/// What can be compared of an answer: the event, and whether it was there before.
fn comparable(answer: &Result<Receipt, ExecuteError>) -> Result<(Event, bool), Option<Refusal>> {
    match answer {
        Ok(receipt) => Ok((receipt.event.clone(), receipt.replayed)),
        Err(ExecuteError::Refused(refusal)) => Err(Some(refusal.clone())),
        Err(ExecuteError::Abandoned { .. }) => Err(None),
        Err(error) => panic!("{error:?}"),
    }
}

/// What was kept, in an order that does not depend on the store: commands of one call for different
/// applications may be carried out in any.
fn by_identity(mut seen: Snapshot) -> (Vec<AnyApplication>, Vec<impl PartialEq + std::fmt::Debug>) {
    let mut applications: Vec<_> = seen.lists.into_iter().flatten().collect();
    applications.sort_by_key(|it| it.details().uuid());
    seen.feed
        .sort_by_key(|it| (it.event.uuid(), it.event.version()));
    (applications, seen.feed.into_iter().map(fact).collect())
}

/// All but the cursor, which is each store's own.
fn fact(recorded: RecordedEvent) -> impl PartialEq + std::fmt::Debug {
    let RecordedEvent {
        institution,
        event,
        actor,
        idempotency_key,
        ..
    } = recorded;
    (institution, event, actor, idempotency_key)
}

async fn one_call<S: Store>(
    engine: &Engine<S>,
    requests: Vec<Request>,
    all: bool,
) -> Vec<Result<Receipt, ExecuteError>> {
    if all {
        engine.execute_all(requests).await
    } else {
        engine.execute_many(requests).await
    }
}

async fn walk<H: Harness>(handles: usize) {
    let mut random = Random::new("walk");
    let world = World::<H>::new().await;
    let mut engines = world.several(handles).await;
    let clock: TestClock = world.clock.clone();
    let reference = engine_on(MemoryStore::new(), &clock);
    let (mut done, mut refused, mut replayed) = (0, 0, 0);
    let mut sent: Vec<Request> = Vec::new();
    let mut receipts = [const { Vec::new() }; 2];
    for step in 0..STEPS {
        // Given a clock that also runs backwards, and a handle that may be a new one
        clock.set(i64::try_from(random.below(60)).unwrap() + i64::try_from(step / 10).unwrap());
        let handle = usize::try_from(random.below(handles as u64)).unwrap();
        if handles > 1 && random.one_in(50) {
            engines[handle] = world.another().await;
        }
        // When the same call goes to both
        let size = if random.one_in(3) { random.below(8) } else { 1 };
        let mut requests: Vec<_> = (0..size).map(|_| request(&mut random, step)).collect();
        // Now and then, something that was done is sent again.
        if random.one_in(4) && !sent.is_empty() {
            let late = sent.len().saturating_sub(30);
            requests.push(random.pick(&sent[late..]).clone());
        }
        let all = random.one_in(2) && requests.len() > 1;
        let answers = one_call(&engines[handle], requests.clone(), all).await;
        let expected = one_call(&reference, requests.clone(), all).await;
        // Then both answer the same
        assert_eq!(answers.len(), expected.len());
        for (receipts, answers) in receipts.iter_mut().zip([&answers, &expected]) {
            receipts.extend(answers.iter().flatten().cloned());
        }
        for (index, (answer, expected)) in answers.iter().zip(&expected).enumerate() {
            let (answer, expected) = (comparable(answer), comparable(expected));
            assert_eq!(answer, expected, "step {step}: {:#?}", requests[index]);
            match answer {
                Ok((_, true)) => replayed += 1,
                Ok(_) => {
                    done += 1;
                    let request = requests[index].clone();
                    sent.extend(request.idempotency_key.is_some().then_some(request));
                }
                Err(_) => refused += 1,
            }
        }
        // And both have kept the same, where the receipts say
        if step % 20 == 0 || step + 1 == STEPS {
            let (ours, theirs) = (check(&engines[handle]).await, snapshot(&reference).await);
            assert_eq!(ours.counts, theirs.counts);
            are_in(&ours.feed, &std::mem::take(&mut receipts[0]));
            are_in(&theirs.feed, &std::mem::take(&mut receipts[1]));
            assert_eq!(by_identity(ours), by_identity(theirs));
        }
    }
    println!("done {done}, refused {refused}, replayed {replayed}");
    assert!(done > 20 && refused > 20, "the walk went nowhere");
    assert!(replayed > 0, "nothing was repeated");
}

pub async fn a_random_walk_is_that_of_the_reference<H: Harness>() {
    walk::<H>(1).await;
}

pub async fn a_random_walk_over_several_handles_is_that_of_the_reference<H: Harness>() {
    walk::<H>(3).await;
}
