//! Who decides at once with others wins or gets the error that they lost; nothing happens twice,
//! nothing in part.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{ExecuteError, Receipt, Refusal, Request, Store};
use certificate_lifecycle::{Action, Source};

use crate::harness::Harness;
use crate::world::{World, act, check, create, id, ours, refusal, submit, upload};

const ROUNDS: u64 = 1_000;

/// How many handles take part.
const HANDLES: usize = 4;

/// Sends each request through a handle of its own, all at once.
async fn at_once<S: Store>(
    engines: &[Engine<S>],
    requests: impl IntoIterator<Item = Request>,
) -> Vec<Result<Receipt, ExecuteError>> {
    let calls = requests.into_iter().zip(engines.iter().cycle());
    let calls = calls.map(|(request, engine)| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.execute(request).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

/// Two answers to one question, a thousand times, with and without a word on the version seen.
async fn has_one_winner<H: Harness>(source: Source, answers: [Action; 2]) {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    let created = (0..ROUNDS).map(|number| create(number, source));
    for answer in world.engine.execute_many(created.collect()).await {
        let _ = answer.unwrap();
    }
    let mut won = [0, 0];
    for round in 0..ROUNDS {
        // Given an application that waits, when two decide at once, each on a connection of their
        // own
        let versions = [round % 4 == 0, round % 4 < 2];
        let mut requests: Vec<_> = answers
            .iter()
            .zip(versions)
            .map(|(action, expecting)| {
                let request = act(round, *action);
                if expecting {
                    request.expecting(1)
                } else {
                    request
                }
            })
            .collect();
        let turn = usize::try_from(round).unwrap() % HANDLES;
        let mut engines = engines.clone();
        engines.rotate_left(turn);
        if turn % 2 == 1 {
            requests.reverse();
        }
        let received = at_once(&engines, requests.clone()).await;
        // Then one of them wins, and there is one event
        let winner = received.iter().position(Result::is_ok).unwrap();
        let event = received[winner].as_ref().unwrap().event.clone();
        let history = world.engine.history(&ours(), id(round)).await.unwrap();
        assert_eq!(history.len(), 2);
        assert_eq!(history[1].event, event);
        assert_eq!(event.kind().action(), requests[winner].operation.action());
        let place = answers
            .iter()
            .position(|it| Some(*it) == event.kind().action());
        won[place.unwrap()] += 1;
        // And the other gets what the winner left
        let expected = versions[if turn % 2 == 1 { winner } else { 1 - winner }];
        match refusal(received[1 - winner].clone()) {
            Refusal::Conflict {
                expected: 1,
                version: 2,
                status,
                ..
            } if expected => {
                assert_eq!(status, event.kind().status());
            }
            Refusal::Illegal(illegal) if !expected => {
                assert_eq!(illegal.application, event.application());
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    println!("won: {won:?}");
    let feed = check(&world.engine).await.feed;
    assert_eq!(feed.len() as u64, 2 * ROUNDS);
}

pub async fn accepting_and_rejecting_at_once_has_one_winner<H: Harness>() {
    has_one_winner::<H>(Source::Customer, [Action::BeginProcessing, Action::Reject]).await;
}

pub async fn approving_and_failing_at_once_has_one_winner<H: Harness>() {
    has_one_winner::<H>(Source::Vault, [Action::Approve, Action::Fail]).await;
}

pub async fn of_those_who_saw_the_same_version_one_wins<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    world.given(upload(0)).await;
    let mut version = 1;
    for round in 0..100 {
        // Given eight callers who saw the same version, each of whose commands would be legal
        let action = if round % 2 == 0 {
            Action::Fail
        } else {
            Action::Retry
        };
        let requests = vec![act(0, action).expecting(version); 8];
        let answers = at_once(&engines, requests).await;
        // Then one wins, and the others conflict with them
        version += 1;
        for answer in &answers {
            match answer {
                Ok(receipt) => assert_eq!(receipt.event.version(), version),
                Err(_) => assert!(matches!(
                    refusal(answer.clone()),
                    Refusal::Conflict { version: it, .. } if it == version
                )),
            }
        }
        assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 1);
    }
    check(&world.engine).await;
}

pub async fn creating_at_once_has_one_winner<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    for number in 0..100 {
        let requests = [
            submit(number),
            upload(number),
            submit(number),
            upload(number),
        ];
        let answers = at_once(&engines, requests).await;
        assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 1);
        for answer in answers.into_iter().filter(Result::is_err) {
            assert_eq!(refusal(answer), Refusal::AlreadyExists { uuid: id(number) });
        }
    }
    assert_eq!(check(&world.engine).await.feed.len(), 100);
}

pub async fn hot_applications_count_every_version_once<H: Harness>() {
    // Given three applications, and sixteen callers who fail and retry them as they can
    let world = World::<H>::new().await;
    let engines = world.several(HANDLES).await;
    world.all_given([upload(0), upload(1), upload(2)]).await;
    let callers = (0..16).map(|caller: u64| {
        let engine = engines[usize::try_from(caller).unwrap() % HANDLES].clone();
        tokio::spawn(async move {
            let mut events = Vec::new();
            for step in 0..40 {
                let number = (caller + step) % 3;
                let action = [Action::Fail, Action::Retry]
                    [usize::try_from((caller + step) / 3 % 2).unwrap()];
                match engine.execute(act(number, action)).await {
                    Ok(receipt) => events.push(receipt.event),
                    refused => assert!(matches!(refusal(refused), Refusal::Illegal(_))),
                }
            }
            events
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut acknowledged = Vec::new();
    for caller in callers {
        acknowledged.extend(caller.await.unwrap());
    }
    // Then every event that was answered is there once, and no other; the check counts the versions
    let feed = check(&world.engine).await.feed;
    assert_eq!(feed.len(), 3 + acknowledged.len());
    for event in acknowledged {
        assert_eq!(feed.iter().filter(|it| it.event == event).count(), 1);
    }
}
