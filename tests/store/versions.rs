//! Optimistic concurrency: a caller says which version they have seen.

use certificate_lifecycle::store::Refusal;
use certificate_lifecycle::{Action, Status};

use crate::harness::Harness;
use crate::world::{World, act, check, id, key, snapshot, submit};

pub async fn the_version_that_the_caller_has_seen_is_right<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    let actions = [
        Action::BeginProcessing,
        Action::Fail,
        Action::Retry,
        Action::Approve,
    ];
    for (version, action) in (1..).zip(actions) {
        let receipt = world.done(act(0, action).expecting(version)).await;
        assert_eq!(receipt.event.version(), version + 1);
    }
    check(&world.engine).await;
}

pub async fn a_stale_version_is_a_conflict_that_says_what_is_there<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    world.given(act(0, Action::BeginProcessing)).await;
    let before = snapshot(&world.engine).await;
    for expected in [0, 1, 3] {
        let refusal = world
            .refused(act(0, Action::Approve).expecting(expected))
            .await;
        let conflict = Refusal::Conflict {
            uuid: id(0),
            expected,
            version: 2,
            status: Status::Processing,
        };
        assert_eq!(refusal, conflict);
    }
    assert_eq!(snapshot(&world.engine).await, before);
}

pub async fn a_stale_version_is_reported_before_an_illegal_action<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    world.given(act(0, Action::Reject)).await;
    // What the caller wants is illegal because of what they have not seen.
    let stale = world
        .refused(act(0, Action::BeginProcessing).expecting(1))
        .await;
    assert!(matches!(
        stale,
        Refusal::Conflict {
            version: 2,
            status: Status::Rejected,
            ..
        }
    ));
    let illegal = world
        .refused(act(0, Action::BeginProcessing).expecting(2))
        .await;
    assert!(matches!(illegal, Refusal::Illegal(_)));
    // Of an application that is not there, no version is stale.
    let unknown = world.refused(act(9, Action::Reject).expecting(1)).await;
    assert_eq!(unknown, Refusal::UnknownApplication { uuid: id(9) });
}

pub async fn no_version_is_too_large_to_be_wrong<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    let large = [
        1 << 31,
        1 << 32,
        (1 << 32) + 1,
        1 << 63,
        (1 << 63) + 1,
        u64::MAX,
    ];
    for expected in large {
        let refusal = world
            .refused(act(0, Action::Reject).expecting(expected))
            .await;
        let found =
            matches!(refusal, Refusal::Conflict { expected: it, version: 1, .. } if it == expected);
        assert!(found, "{refusal:?}");
    }
    check(&world.engine).await;
}

pub async fn a_repeated_command_may_expect_what_it_expected<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    let request = act(0, Action::BeginProcessing)
        .expecting(1)
        .with_key(key("begin"));
    let original = world.done(request.clone()).await;
    world.given(act(0, Action::Approve)).await;
    // The version is stale by now, but the command was carried out when it was not.
    let again = world.done(request).await;
    assert_eq!((again.replayed, again.event), (true, original.event));
}
