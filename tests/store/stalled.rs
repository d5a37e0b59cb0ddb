//! Work that got stuck is found, and failed without getting in the way of what goes on.

use certificate_lifecycle::store::Refusal;
use certificate_lifecycle::{Action, ProcessingError, Source, Status};
use std::time::Duration;

use crate::harness::Harness;
use crate::world::{
    World, act, bring, check, every_cell, id, jane, john, ours, submit, theirs, upload, worker,
};

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn timed_out() -> ProcessingError {
    ProcessingError::new("no answer from the renderer").unwrap()
}

pub async fn only_work_that_is_stuck_is_stalled<H: Harness>() {
    // Given one of each kind of application, at 0 and again after half an hour
    let world = World::<H>::new().await;
    let mut expected = Vec::new();
    let mut number = 0;
    for seconds in [0, 30 * 60] {
        world.clock.set(seconds);
        for (status, source) in every_cell() {
            let Some(way) = bring(number, status, source) else {
                continue;
            };
            world.all_given(way).await;
            // CONTRACT.md, "In progress".
            let in_progress = matches!(
                (status, source),
                (Status::Created, Source::Vault) | (Status::Processing | Status::Retried, _)
            );
            if in_progress {
                expected.push((id(number), seconds));
            }
            number += 1;
        }
    }
    // When an hour has passed since the first
    for (now, older_than, since) in [
        (60 * 60, minutes(45), 0),
        (60 * 60, minutes(60), -1),
        (60 * 60 + 1, minutes(60), 0),
        (60 * 60, minutes(0), 30 * 60),
        (60 * 60, Duration::MAX, -1),
    ] {
        world.clock.set(now);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = world
                .engine
                .stalled(&ours(), older_than, after, 2)
                .await
                .unwrap();
            found.extend(page.applications.iter().map(|it| it.details().uuid()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // Then those are stuck whose last event lies longer back than asked for
        let expected: Vec<_> = expected
            .iter()
            .filter(|(_, at)| *at <= since)
            .map(|(uuid, _)| *uuid)
            .collect();
        assert_eq!(found, expected, "older than {older_than:?} at {now}");
    }
}

pub async fn failing_the_stalled_fails_each_with_the_error<H: Harness>() {
    let world = World::<H>::new().await;
    world.every_kind().await;
    let mut others = upload(100);
    others.institution = theirs();
    world.given(others).await;
    world.clock.set(3600);
    world.given(upload(101)).await;
    let error = timed_out();
    let failed = world
        .engine
        .fail_stalled(&ours(), &worker(), minutes(30), &error)
        .await
        .unwrap();
    // Vault created and retried, customer processing and retried.
    assert_eq!(failed.len(), 4);
    for receipt in &failed {
        let application = world
            .engine
            .load(&ours(), receipt.event.uuid())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(application, receipt.event.application());
        assert_eq!(application.error(), Some(&error));
    }
    let again = world
        .engine
        .fail_stalled(&ours(), &worker(), minutes(30), &error)
        .await
        .unwrap();
    assert_eq!(again, []);
    check(&world.engine).await;
}

pub async fn only_the_system_fails_the_stalled<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(upload(0)).await;
    world.clock.set(3600);
    for actor in [john(), jane()] {
        let answer = world
            .engine
            .fail_stalled(&ours(), &actor, minutes(30), &timed_out())
            .await;
        let interrupted = answer.unwrap_err();
        assert!(matches!(
            interrupted.error.refusal(),
            Some(Refusal::Forbidden { .. })
        ));
        assert_eq!(interrupted.failed, []);
    }
    assert_eq!(check(&world.engine).await.feed.len(), 1);
}

pub async fn two_who_fail_the_stalled_at_once_fail_each_once<H: Harness>() {
    let world = World::<H>::new().await;
    for answer in world
        .engine
        .execute_many((0..300).map(upload).collect())
        .await
    {
        let _ = answer.unwrap();
    }
    world.clock.set(3600);
    let calls = world.several(4).await.into_iter().map(|engine| {
        tokio::spawn(async move {
            engine
                .fail_stalled(&ours(), &worker(), minutes(30), &timed_out())
                .await
                .unwrap()
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut failed = Vec::new();
    for call in calls {
        failed.extend(call.await.unwrap().into_iter().map(|it| it.event.uuid()));
    }
    failed.sort_unstable();
    assert_eq!(failed, (0..300).map(id).collect::<Vec<_>>());
    assert_eq!(check(&world.engine).await.feed.len(), 600);
}

pub async fn what_moves_on_meanwhile_is_left_alone<H: Harness>() {
    let world = World::<H>::new().await;
    for answer in world
        .engine
        .execute_many((0..200).map(upload).collect())
        .await
    {
        let _ = answer.unwrap();
    }
    world.clock.set(3600);
    // Given work that finishes while an operator fails what is stuck
    let another = world.another().await;
    let finishing = tokio::spawn(async move {
        let mut approved = Vec::new();
        for number in (0..200).rev() {
            if another.execute(act(number, Action::Approve)).await.is_ok() {
                approved.push(id(number));
            }
        }
        approved
    });
    let failed = world
        .engine
        .fail_stalled(&ours(), &worker(), minutes(30), &timed_out())
        .await
        .unwrap();
    let approved = finishing.await.unwrap();
    // Then each was approved or failed, and never both
    let mut all: Vec<_> = failed
        .iter()
        .map(|it| it.event.uuid())
        .chain(approved)
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..200).map(id).collect::<Vec<_>>());
    assert_eq!(check(&world.engine).await.feed.len(), 400);
}

pub async fn more_than_a_page_is_failed<H: Harness>() {
    let world = World::<H>::new().await;
    let created = (0..700).map(|number| {
        if number % 7 == 0 {
            submit(number)
        } else {
            upload(number)
        }
    });
    for answer in world.engine.execute_many(created.collect()).await {
        let _ = answer.unwrap();
    }
    world.clock.set(1);
    let failed = world
        .engine
        .fail_stalled(&ours(), &worker(), minutes(0), &timed_out())
        .await;
    assert_eq!(failed.unwrap().len(), 600);
    let left = world
        .engine
        .stalled(&ours(), minutes(0), None, 10)
        .await
        .unwrap();
    assert_eq!(left.applications, []);
}
