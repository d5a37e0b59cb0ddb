//! A webhook gets what it never got.

use std::ops::ControlFlow;

use certificate_lifecycle::store::{
    Cursor, DeliveryFilter, DeliveryStatus, Outbox, Replay, Replayed,
};
use certificate_lifecycle::webhook::EventKinds;
use certificate_lifecycle::{Action, EventKind};

use crate::harness::Harness;
use crate::outbox_world::{Post, at_ms, hook, in_theirs, of_ours, of_theirs, reported};
use crate::support::at;
use crate::world::{OURS, act, ours, submit, theirs, upload};

/// All steps of a replay of so many events each; how many deliveries there were.
async fn replayed<H: Harness<Store: Outbox>>(post: &Post<H>, replay: Replay, now: i64) -> u64 {
    let (mut count, mut step) = (0, replay);
    loop {
        let found = post.store.replay(&ours(), at(now), step).await.unwrap();
        let Replayed {
            deliveries, next, ..
        } = found.unwrap();
        count += deliveries;
        match next {
            Some(next) => step.after = next,
            None => return count,
        }
    }
}

/// The application and the version of all deliveries to a webhook, in the order of their numbers.
async fn deliveries<H: Harness<Store: Outbox>>(post: &Post<H>, number: u64) -> Vec<(u64, u64)> {
    let filter = DeliveryFilter::default().with_webhook(Some(hook(number)));
    let page = post.store.deliveries(Some(&OURS), filter, None, 1000);
    let page = page.await.unwrap().deliveries.into_iter();
    page.map(|it| (crate::outbox_world::number_of(it.application), it.version))
        .collect()
}

pub async fn a_webhook_gets_what_happened_before_it_was_registered<H: Harness<Store: Outbox>>() {
    // Given events of two institutions, and webhooks that were registered afterwards
    let post = Post::<H>::new().await;
    post.clock.set(7);
    post.versions(0, 3).await;
    post.done(in_theirs(submit(1))).await;
    post.done(submit(2)).await;
    post.register(of_ours(1)).await;
    post.register(of_theirs(2)).await;
    post.done(act(0, Action::Fail)).await;
    // Then a count says how many it never got, and changes nothing
    let replay = Replay::new(hook(1));
    assert_eq!(replayed(&post, replay.to_count(), 100).await, 4);
    assert_eq!(deliveries(&post, 1).await, [(0, 4)]);
    // And a replay makes them, whatever it looks at in one step, once
    for limit in [1, 0, 3, 1000, u32::MAX] {
        let made = replayed(&post, replay.with_limit(limit), 100).await;
        assert_eq!(made, if limit == 1 { 4 } else { 0 });
    }
    let all = [(0, 4), (0, 1), (0, 2), (0, 3), (2, 1)];
    assert_eq!(deliveries(&post, 1).await, all);
    assert_eq!(deliveries(&post, 2).await, []);
    // They are due, and go in their order
    let claimed = post.claim(1, 100).await;
    assert_eq!(
        claimed.iter().map(reported).collect::<Vec<_>>(),
        [(0, 1), (2, 1)]
    );
    for it in &claimed {
        assert_eq!((it.attempts, it.created_at), (0, at(7)));
    }
}

pub async fn a_replay_is_of_kinds_and_times<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    for number in 0..4 {
        post.clock.set(10 * i64::try_from(number).unwrap());
        post.done(upload(number)).await;
        post.done(act(number, Action::Fail)).await;
    }
    post.register(of_ours(1)).await;
    let all = Replay::new(hook(1)).to_count();
    let failed = all.with_kinds(EventKinds::from_iter([EventKind::Failed]));
    assert_eq!(replayed(&post, all, 100).await, 8);
    assert_eq!(replayed(&post, failed, 100).await, 4);
    assert_eq!(
        replayed(&post, all.with_kinds(EventKinds::NONE), 100).await,
        0
    );
    // From a time on, and before one; a fraction of a second is later than the second
    let cases = [
        (Some(10_000), None, 6),
        (Some(10_001), None, 4),
        (None, Some(10_000), 2),
        (None, Some(10_001), 4),
        (Some(10_000), Some(20_000), 2),
        (Some(20_000), Some(10_000), 0),
        (Some(31_000), None, 0),
        (Some(i64::MIN), Some(i64::MAX), 8),
    ];
    for (since, until, expected) in cases {
        let far = |it| match it {
            i64::MIN => chrono::DateTime::<chrono::Utc>::MIN_UTC,
            i64::MAX => chrono::DateTime::<chrono::Utc>::MAX_UTC,
            it => at_ms(it),
        };
        let within = all.with_since(since.map(far)).with_until(until.map(far));
        assert_eq!(replayed(&post, within, 100).await, expected, "{within}");
    }
    // What is made is what was counted
    let within = failed.with_is_dry_run(false).with_since(Some(at(10)));
    assert_eq!(replayed(&post, within, 100).await, 3);
    assert_eq!(deliveries(&post, 1).await, [(1, 2), (2, 2), (3, 2)]);
}

pub async fn what_a_webhook_had_before_is_not_replayed<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    // Given what is delivered, dead, pending, and what was not wanted
    for number in 0..3 {
        post.done(submit(number)).await;
    }
    let claimed = post.claim(1, 0).await;
    post.settle(0, &claimed[0], crate::outbox_world::dead())
        .await;
    let delivered = certificate_lifecycle::store::Outcome::Delivered;
    post.settle(0, &claimed[1], delivered).await;
    post.disable(1).await;
    post.done(submit(3)).await;
    post.enable(1).await;
    post.wants(1, [EventKind::Failed]).await;
    post.done(submit(4)).await;
    // Then it gets only what it has no delivery of
    assert_eq!(replayed(&post, Replay::new(hook(1)), 10).await, 2);
    let all = deliveries(&post, 1).await;
    assert_eq!(all, [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
    // What was delivered and is forgotten counts as what it never got
    assert!(post.store.prune(at(100), 1000).await.unwrap() > 0);
    assert_eq!(replayed(&post, Replay::new(hook(1)), 10).await, 1);
    let dead = DeliveryFilter::default().with_status(Some(DeliveryStatus::Dead));
    let dead = post.store.deliveries(None, dead, None, 10).await.unwrap();
    assert_eq!(dead.deliveries.len(), 1);
}

pub async fn what_is_replayed_is_not_sent_beside_a_later_version<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    post.done(upload(0)).await;
    post.register(of_ours(1)).await;
    post.done(act(0, Action::Fail)).await;
    // Given that the later version is being sent, until 62
    let later = post.claim_one(1, 2).await;
    assert_eq!(reported(&later), (0, 2));
    assert_eq!(replayed(&post, Replay::new(hook(1)), 3).await, 1);
    // Then the earlier one goes when that lease ends
    assert_eq!(post.claims(1, 61).await, []);
    assert_eq!(post.claims(1, 62).await, [(0, 1)]);
}

pub async fn a_replay_to_no_webhook_is_none<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_theirs(2)]).await;
    post.done(submit(0)).await;
    assert!(post.store.remove_webhook(&ours(), hook(1)).await.unwrap());
    for number in [1, 2, 3] {
        for replay in [
            Replay::new(hook(number)),
            Replay::new(hook(number)).to_count(),
        ] {
            let found = post.store.replay(&ours(), at(1), replay).await.unwrap();
            assert_eq!(found, None, "{number}");
        }
    }
    assert_eq!(deliveries(&post, 1).await, []);
    // Beyond the end of the feed, there is nothing
    let beyond = Replay::new(hook(2)).with_after(Cursor::new(u64::MAX, u32::MAX));
    let found = post.store.replay(&theirs(), at(1), beyond).await.unwrap();
    assert_eq!(found, Some(Replayed::default()));
}

pub async fn two_who_replay_at_once_make_each_once<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    for number in 0..200 {
        post.done(submit(number)).await;
    }
    post.register(of_ours(1)).await;
    let institution = ours();
    let go_on = |_| ControlFlow::Continue(());
    let replay = |limit| {
        let replay = Replay::new(hook(1)).with_limit(limit);
        post.engine.replay(&institution, replay, go_on)
    };
    let (one, another) = tokio::join!(replay(7), replay(11));
    let [one, another] = [one, another].map(|it| it.unwrap().unwrap());
    assert_eq!(one.deliveries + another.deliveries, 200);
    assert!(one.is_complete && another.is_complete);
    let expected: Vec<_> = (0..200).map(|number| (number, 1)).collect();
    let mut made = deliveries(&post, 1).await;
    made.sort_unstable();
    assert_eq!(made, expected);
}

pub async fn a_replay_can_be_broken_off_and_goes_on<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    for number in 0..10 {
        post.done(submit(number)).await;
    }
    post.register(of_ours(1)).await;
    let replay = Replay::new(hook(1)).with_limit(4);
    let once = post
        .engine
        .replay(&OURS, replay, |_| ControlFlow::Break(()));
    let once = once.await.unwrap().unwrap();
    assert_eq!(
        (once.deliveries, once.looked_at, once.is_complete),
        (4, 4, false)
    );
    let mut seen = Vec::new();
    let each = |progress: certificate_lifecycle::engine::ReplayProgress| {
        seen.push((progress.deliveries, progress.is_complete));
        ControlFlow::Continue(())
    };
    let whole = post.engine.replay(&ours(), replay, each).await.unwrap();
    assert_eq!(whole.unwrap().deliveries, 6);
    assert_eq!(seen.first(), Some(&(0, false)));
    assert_eq!(seen.last(), Some(&(6, true)));
    let institution = theirs();
    let unknown = post
        .engine
        .replay(&institution, replay, |_| ControlFlow::Continue(()));
    assert_eq!(unknown.await.unwrap(), None);
}
