//! A history's time never runs backwards, whatever the clock does.

use certificate_lifecycle::store::{Refusal, Request};
use certificate_lifecycle::{Action, Timestamp};
use chrono::{DateTime, TimeDelta, Utc};

use crate::harness::Harness;
use crate::support::at;
use crate::world::{World, act, check, id, jane, ours, snapshot, submit, upload};

pub async fn a_clock_that_runs_backwards_does_not_turn_a_history_back<H: Harness>() {
    // Given an application that was submitted at a time
    let world = World::<H>::new().await;
    world.clock.set(100);
    world.given(submit(0)).await;
    // When the clock jumps back, and forth again, while it moves on
    let mut times = Vec::new();
    for (seconds, action) in [
        (0, Action::BeginProcessing),
        (-1_000_000, Action::Fail),
        (99, Action::Retry),
        (101, Action::Fail),
        (50, Action::Retry),
    ] {
        world.clock.set(seconds);
        times.push(world.done(act(0, action)).await.event.timestamp());
    }
    // Then time stands still until the clock has caught up
    assert_eq!(times, [100, 100, 100, 101, 101].map(at));
    check(&world.engine).await;
}

pub async fn a_given_time_before_the_last_event_is_refused<H: Harness>() {
    let world = World::<H>::new().await;
    world.clock.set(100);
    world.given(submit(0)).await;
    let before = snapshot(&world.engine).await;
    // When a command gives a time before the last event
    let refusal = world
        .refused(act(0, Action::BeginProcessing).at(at(99)))
        .await;
    // Then it is refused, and says both times
    let timestamp = |seconds| Timestamp::new(at(seconds)).unwrap();
    let (early, last) = (timestamp(99), timestamp(100));
    assert_eq!(refusal, Refusal::Backwards { at: early, last });
    assert_eq!(snapshot(&world.engine).await, before);
    // But an illegal action is reported first
    let illegal = world.refused(act(0, Action::Retry).at(at(99))).await;
    assert!(matches!(illegal, Refusal::Illegal(_)));
    // And the same second is no step back
    let same = at(100) + TimeDelta::milliseconds(1);
    world.given(act(0, Action::BeginProcessing).at(same)).await;
    check(&world.engine).await;
}

pub async fn a_given_time_counts_instead_of_the_clock<H: Harness>() {
    let world = World::<H>::new().await;
    world.clock.set(1_000_000);
    // Given times long ago and far ahead of the clock
    let created = world.done(upload(0).at(at(5))).await;
    let failed = world.done(act(0, Action::Fail).at(at(5))).await;
    let retried = world.done(act(0, Action::Retry).at(at(9_999_999))).await;
    let approved = world.done(act(0, Action::Approve)).await;
    // Then they count, and the clock's time only where it lies after the last event
    let times = [created, failed, retried, approved].map(|it| it.event.timestamp());
    assert_eq!(times, [5, 5, 9_999_999, 9_999_999].map(at));
    check(&world.engine).await;
}

pub async fn every_time_that_can_be_written_comes_back<H: Harness>() {
    let world = World::<H>::new().await;
    let time = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
    let times = [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2038-01-19T03:14:08Z",
        "2024-02-29T23:59:59Z",
        "9999-12-31T23:59:59Z",
    ];
    // Given applications of every age
    for (number, text) in (0..).zip(times) {
        let receipt = world.done(submit(number).at(time(text))).await;
        assert_eq!(receipt.event.timestamp(), time(text));
        // Then their time comes back
        let loaded = world
            .engine
            .load(&ours(), id(number))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(loaded.updated_at(), time(text));
    }
    // And what lies outside of what can be written counts as the nearest that does not.
    for (number, (extreme, nearest)) in (100..).zip([
        (DateTime::<Utc>::MIN_UTC, times[0]),
        (DateTime::<Utc>::MAX_UTC, times[6]),
    ]) {
        let receipt = world.done(submit(number).at(extreme)).await;
        assert_eq!(receipt.event.timestamp(), time(nearest));
    }
    check(&world.engine).await;
}

pub async fn fractions_of_a_second_are_cut<H: Harness>() {
    let world = World::<H>::new().await;
    let almost = at(1) - TimeDelta::nanoseconds(1);
    let before_1970 = DateTime::from_timestamp(-1, 999_999_999).unwrap();
    for (number, (given, cut)) in [
        (almost, at(0)),
        (before_1970, DateTime::from_timestamp(-1, 0).unwrap()),
    ]
    .into_iter()
    .enumerate()
    {
        let details = crate::world::details(u64::try_from(number).unwrap());
        let upload = certificate_lifecycle::VaultUpload::Bulk;
        let request = Request::upload(ours(), jane(), details, upload).at(given);
        assert_eq!(world.done(request).await.event.timestamp(), cut);
    }
    check(&world.engine).await;
}
