//! A store carries out exactly the transitions of the contract, and tells of each the same
//! everywhere.

use certificate_lifecycle::store::{ExecuteError, Refusal};
use certificate_lifecycle::{Action, Command, EventKind, Source, Status};

use crate::harness::Harness;
use crate::support::{APPLICATION, at, command, contract};
use crate::world::{
    World, act, bring, check, create, details, every_cell, id, ours, snapshot, submit, upload,
    way_to, whole_feed,
};

pub async fn a_submission_lives_to_each_of_its_ends<H: Harness>() {
    lives_to_each_of_its_ends::<H>(Source::Customer).await;
}

pub async fn an_upload_lives_to_each_of_its_ends<H: Harness>() {
    lives_to_each_of_its_ends::<H>(Source::Vault).await;
}

/// From creation along every path without a loop, to `approved` and `rejected`.
async fn lives_to_each_of_its_ends<H: Harness>(source: Source) {
    let world = World::<H>::new().await;
    let mut paths: Vec<Vec<Action>> = vec![vec![]];
    let (mut number, mut ends) = (0, 0);
    while let Some(path) = paths.pop() {
        // Given an application that went along the path, one second a step
        let mut expected = match source {
            Source::Customer => {
                certificate_lifecycle::Application::submit(details(number), at(0)).map(Into::into)
            }
            Source::Vault => certificate_lifecycle::Application::upload(
                details(number),
                certificate_lifecycle::VaultUpload::Single,
                at(0),
            )
            .map(Into::into),
        };
        world.clock.set(0);
        let mut receipt = world.done(create(number, source)).await;
        for (second, action) in (1..).zip(&path) {
            world.clock.set(second);
            let application: certificate_lifecycle::AnyApplication = expected.application;
            expected = application.apply(command(*action), at(second)).unwrap();
            receipt = world.done(act(number, *action)).await;
        }
        // Then its event and its state are those of the core
        assert_eq!(receipt.event, expected.event);
        assert!(!receipt.replayed);
        let loaded = world.engine.load(&ours(), id(number)).await.unwrap();
        assert_eq!(loaded.as_ref(), Some(&expected.application));
        number += 1;
        let next = expected.application.legal_actions();
        ends += u32::from(next.is_empty());
        if path.len() < 6 {
            let longer = |action| path.iter().copied().chain([action]).collect();
            paths.extend(next.iter().map(|action| longer(*action)));
        }
    }
    assert!(ends >= 3);
    check(&world.engine).await;
}

pub async fn every_cell_of_the_table_is_legal_or_refused_as_the_contract_says<H: Harness>() {
    let world = World::<H>::new().await;
    let (mut number, mut legal) = (0, 0);
    for (status, source) in every_cell() {
        for action in Action::ALL {
            let row = contract(status, source, action);
            // Given an application in this state
            let Some(way) = bring(number, status, source) else {
                assert!(row.is_none(), "{status} {source} cannot be reached");
                continue;
            };
            let before = world.all_done(way).await.pop().unwrap();
            let uuid = id(number);
            let history = world.engine.history(&ours(), uuid).await.unwrap();
            // When the action is asked for
            let answer = world.engine.execute(act(number, action)).await;
            // Then it is carried out, with the contract's event, or refused, with nothing changed
            let current = before.event.application();
            if let Some(row) = row {
                let receipt = answer.unwrap();
                let expected = current.apply(command(action), at(0)).unwrap();
                assert_eq!(receipt.event, expected.event);
                assert_eq!(receipt.event.kind(), row.event);
                assert_eq!(receipt.event.application().status(), row.to);
                legal += 1;
            } else {
                let Err(ExecuteError::Refused(Refusal::Illegal(illegal))) = answer else {
                    panic!("{action} of {status} {source}: {answer:?}");
                };
                assert_eq!(*illegal, current.apply(command(action), at(0)).unwrap_err());
                assert_eq!(world.engine.history(&ours(), uuid).await.unwrap(), history);
            }
            number += 1;
        }
    }
    assert_eq!((number, legal), (50, 12));
    check(&world.engine).await;
}

pub async fn every_way_to_read_an_application_tells_the_same<H: Harness>() {
    // Given one of each of the ten kinds of application
    let world = World::<H>::new().await;
    let kinds = world.every_kind().await;
    assert_eq!(kinds.len(), 10);
    // Then feed, histories, applications and lists agree, and have what was asked for
    let seen = check(&world.engine).await;
    for (number, (status, source)) in (0..).zip(kinds) {
        let history = world.engine.history(&ours(), id(number)).await.unwrap();
        let kinds: Vec<_> = history.iter().map(|it| it.event.kind().action()).collect();
        let expected = way_to(status, source).unwrap().iter().copied().map(Some);
        assert_eq!(
            kinds,
            std::iter::once(None).chain(expected).collect::<Vec<_>>()
        );
        for recorded in &history {
            assert_eq!(recorded.institution, ours());
            let expected = match recorded.event.kind().action() {
                Some(action) => act(number, action).actor,
                None => create(number, source).actor,
            };
            assert_eq!(recorded.actor, expected);
        }
        let listed = &seen.lists[0][usize::try_from(number).unwrap()];
        assert_eq!((listed.status(), listed.source()), (status, source));
    }
}

pub async fn an_application_that_was_never_created_is_unknown<H: Harness>() {
    let world = World::<H>::new().await;
    for known in [false, true] {
        if known {
            world.given(submit(1)).await;
        }
        let before = snapshot(&world.engine).await;
        assert_eq!(world.engine.load(&ours(), APPLICATION).await.unwrap(), None);
        assert_eq!(
            world.engine.history(&ours(), APPLICATION).await.unwrap(),
            []
        );
        for action in Action::ALL {
            let refusal = world.refused(act(0, action)).await;
            assert_eq!(refusal, Refusal::UnknownApplication { uuid: id(0) });
        }
        assert_eq!(snapshot(&world.engine).await, before);
    }
}

pub async fn the_longest_history_is_read_in_order<H: Harness>() {
    // Given an application that failed and was retried many times
    let world = World::<H>::new().await;
    let rounds = (0..300).flat_map(|_| [act(0, Action::Fail), act(0, Action::Retry)]);
    let all: Vec<_> = std::iter::once(upload(0)).chain(rounds).collect();
    for answer in world.engine.execute_many(all).await {
        let _ = answer.unwrap();
    }
    // Then its history has them all
    let history = world.engine.history(&ours(), id(0)).await.unwrap();
    assert_eq!(history.len(), 601);
    assert_eq!(history, whole_feed(&world.engine, 601).await);
    let last = world.done(act(0, Action::Approve)).await.event;
    assert_eq!((last.version(), last.kind()), (602, EventKind::Approved));
    check(&world.engine).await;
}

pub async fn everything_is_found_through_another_handle<H: Harness>() {
    // Given applications of every kind
    let world = World::<H>::new().await;
    world.every_kind().await;
    let seen = check(&world.engine).await;
    // When another handle is opened, and moves one on
    let another = world.another().await;
    assert_eq!(check(&another).await, seen);
    let waiting = seen.lists[0]
        .iter()
        .position(|it| it.status() == Status::Created && it.source() == Source::Customer);
    let number = u64::try_from(waiting.unwrap()).unwrap();
    let moved = another.execute(act(number, Action::Reject)).await.unwrap();
    // Then the first one sees it, and goes on from there
    let found = world
        .engine
        .load(&ours(), id(number))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found, moved.event.application());
    let refused = world.refused(order(number)).await;
    assert!(matches!(refused, Refusal::Illegal(it) if it.application == found));
    assert_eq!(check(&world.engine).await, check(&another).await);
    assert_eq!(found.updated_at(), at(0));
}

fn order(number: u64) -> certificate_lifecycle::store::Request {
    crate::world::order(number, Command::BeginProcessing)
}
