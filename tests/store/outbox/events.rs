//! An event makes one delivery for each webhook of its institution that wants it, with the event or
//! not at all.

use std::collections::BTreeMap;

use certificate_lifecycle::store::{
    DeliveryFilter, DeliveryStatus, InstitutionId, Outbox, Request, Webhook,
};
use certificate_lifecycle::{Action, EventKind, Source, Status, VaultUpload};

use crate::harness::Harness;
use crate::outbox_world::{
    Post, at_ms, disabled, endpoint, hook, in_theirs, number_of, of_ours, of_theirs,
};
use crate::support::at;
use crate::world::{
    act, bring, details, engine_on, every_kind_with_keys, id, jane, key, ours, submit, upload,
    whole_feed,
};

pub async fn every_webhook_of_the_institution_gets_every_event<H: Harness<Store: Outbox>>() {
    // Given webhooks of two institutions, and one without
    let post = Post::<H>::with([of_ours(1), of_theirs(2), of_ours(3)]).await;
    let without = InstitutionId::new("without-webhooks").unwrap();
    let mut of_no_webhook = submit(300);
    of_no_webhook.institution = without;
    // When everything happens in each
    for request in every_kind_with_keys() {
        post.done(request).await;
    }
    post.done(in_theirs(submit(100))).await;
    post.done(in_theirs(act(100, Action::Reject))).await;
    post.done(of_no_webhook).await;
    // Then each has its institution's events, once
    let feed = whole_feed(&post.engine, 26).await;
    for (number, institution) in [(1, ours()), (2, crate::world::theirs()), (3, ours())] {
        let of = feed.iter().filter(|it| it.institution == institution);
        let mut expected: Vec<_> = of
            .map(|it| (number_of(it.event.uuid()), it.event.version()))
            .collect();
        expected.sort_unstable();
        assert_eq!(post.made(number).await, expected);
    }
    // And they say what the events say
    let events: BTreeMap<_, _> = feed
        .iter()
        .map(|it| ((it.event.uuid(), it.event.version()), it))
        .collect();
    for delivery in post.deliveries().await {
        let recorded = events[&(delivery.application, delivery.version)];
        assert_eq!(delivery.institution, recorded.institution);
        assert_eq!(delivery.kind, recorded.event.kind());
        assert_eq!(delivery.status, DeliveryStatus::Pending);
        assert_eq!(delivery.attempts, 0);
        assert_eq!((delivery.created_at, delivery.at), (at(0), at(0)));
        assert_eq!(delivery.reason, None);
    }
}

pub async fn kinds_are_respected<H: Harness<Store: Outbox>>() {
    // Given a webhook for each kind, one for two, one for none
    let post = Post::<H>::new().await;
    let number_of_kind = |kind: EventKind| {
        let place = EventKind::ALL.iter().position(|it| *it == kind).unwrap();
        u64::try_from(place).unwrap()
    };
    for kind in EventKind::ALL {
        let number = number_of_kind(kind);
        post.register(of_ours(number)).await;
        post.wants(number, [kind]).await;
    }
    let two = [EventKind::Approved, EventKind::Failed];
    post.register(of_ours(20)).await;
    post.wants(20, two).await;
    post.register(of_ours(21)).await;
    post.wants(21, []).await;
    // When everything happens
    for request in every_kind_with_keys() {
        post.done(request).await;
    }
    // Then each has those that it wants
    let feed = whole_feed(&post.engine, 23).await;
    let of_kinds = |kinds: &[EventKind]| {
        let events = feed.iter().map(|it| &it.event);
        let mut names: Vec<_> = events
            .filter(|it| kinds.contains(&it.kind()))
            .map(|it| (number_of(it.uuid()), it.version()))
            .collect();
        names.sort_unstable();
        names
    };
    for kind in EventKind::ALL {
        let made = post.made(number_of_kind(kind)).await;
        assert_eq!(made, of_kinds(&[kind]), "{kind}");
        assert!(!made.is_empty());
    }
    assert_eq!(post.made(20).await, of_kinds(&two));
    assert_eq!(post.made(21).await, []);
}

pub async fn what_is_disabled_gets_nothing_new<H: Harness<Store: Outbox>>() {
    let mut second = of_ours(2);
    second.endpoint = disabled(endpoint(2));
    let post = Post::<H>::with([of_ours(1), second]).await;
    post.done(submit(0)).await;
    post.disable(1).await;
    post.done(submit(1)).await;
    post.enable(1).await;
    post.done(submit(2)).await;
    // What was pending stays, and what happened meanwhile is not made up for
    assert_eq!(post.made(1).await, [(0, 1), (2, 1)]);
    assert_eq!(post.made(2).await, []);
    post.enable(2).await;
    post.done(submit(3)).await;
    assert_eq!(post.made(2).await, [(3, 1)]);
}

pub async fn a_webhook_hears_of_what_comes_after_it<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    post.versions(0, 2).await;
    post.register(of_ours(1)).await;
    assert_eq!(post.made(1).await, []);
    post.more_versions(0, 2..4).await;
    post.wants(1, [EventKind::Created]).await;
    post.more_versions(0, 4..5).await;
    post.done(submit(1)).await;
    assert_eq!(post.made(1).await, [(0, 3), (0, 4), (1, 1)]);
}

pub async fn what_is_registered_through_another_handle_counts_at_once<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    let other = post.harness.open().await;
    let mut number = 0;
    for round in 0..20 {
        // Given two who write in turns, so that each knows something
        let another = engine_on(other.clone(), &post.clock);
        let _ = another.execute(submit(number)).await.unwrap();
        post.done(submit(number + 1)).await;
        // When one registers, replaces and removes a webhook
        post.register(of_ours(round)).await;
        let _ = another.execute(submit(number + 2)).await.unwrap();
        assert_eq!(post.made(round).await, [(number + 2, 1)]);
        post.disable(round).await;
        let _ = another.execute(submit(number + 3)).await.unwrap();
        post.enable(round).await;
        post.wants(round, [EventKind::Approved]).await;
        let _ = another.execute(submit(number + 4)).await.unwrap();
        assert_eq!(post.made(round).await, [(number + 2, 1)]);
        post.wants(round, [EventKind::Created]).await;
        let _ = another.execute(submit(number + 5)).await.unwrap();
        // Then the other goes by it at once
        assert_eq!(post.made(round).await, [(number + 2, 1), (number + 5, 1)]);
        assert!(
            post.store
                .remove_webhook(&ours(), hook(round))
                .await
                .unwrap()
        );
        let _ = another.execute(submit(number + 6)).await.unwrap();
        assert_eq!(post.deliveries().await, []);
        number += 7;
    }
}

pub async fn what_is_refused_makes_no_delivery<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(upload(0)).await;
    let made = post.deliveries().await;
    for request in [
        submit(0),
        act(0, Action::Retry),
        act(1, Action::Approve),
        act(0, Action::Approve).expecting(7),
        act(0, Action::Reject).with_key(key("refused")),
        act(0, Action::Reject).with_key(key("refused")),
        in_theirs(act(0, Action::Approve)),
    ] {
        assert!(post.engine.execute(request).await.is_err());
    }
    // Nor does what was refused beside others
    let requests = vec![submit(0), submit(2), act(3, Action::Fail), submit(4)];
    let answers = post.engine.execute_many(requests).await;
    assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 2);
    assert_eq!(post.made(1).await, [(0, 1), (2, 1), (4, 1)]);
    assert_eq!(post.deliveries().await[0], made[0]);
}

pub async fn all_or_none_makes_all_deliveries_or_none<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    post.done(upload(0)).await;
    // When one of many is refused
    for refused in [0, 2, 4] {
        let mut requests = vec![
            submit(1),
            act(0, Action::Fail),
            act(0, Action::Retry),
            submit(2),
        ];
        requests.insert(refused, act(9, Action::Approve));
        let answers = post.engine.execute_all(requests).await;
        assert!(answers.iter().all(Result::is_err));
        // Then there is no delivery of any
        assert_eq!(post.made(1).await, [(0, 1)]);
        assert_eq!(post.made(2).await, [(0, 1)]);
    }
    // And what follows is as if it had not been
    let requests = vec![
        submit(1),
        act(0, Action::Fail),
        act(0, Action::Retry),
        submit(2),
    ];
    let answers = post.engine.execute_all(requests).await;
    assert!(answers.iter().all(Result::is_ok));
    for number in [1, 2] {
        let expected = [(0, 1), (0, 2), (0, 3), (1, 1), (2, 1)];
        assert_eq!(post.made(number).await, expected);
        assert_eq!(post.claims(number, 0).await, [(0, 1), (1, 1), (2, 1)]);
    }
}

pub async fn a_repeated_command_makes_no_second_delivery<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    for _ in 0..2 {
        for request in every_kind_with_keys() {
            post.done(request).await;
        }
    }
    let made = post.made(1).await;
    assert_eq!(made.len(), 23);
    let all = every_kind_with_keys();
    let answers = post.engine.execute_many(all.clone()).await;
    assert!(
        answers
            .iter()
            .all(|it| it.as_ref().is_ok_and(|it| it.replayed))
    );
    let answers = post.engine.execute_all(all).await;
    assert!(
        answers
            .iter()
            .all(|it| it.as_ref().is_ok_and(|it| it.replayed))
    );
    // Twice in one call, it is carried out once
    let twice = submit(500).with_key(key("twice"));
    let answers = post.engine.execute_many(vec![twice.clone(), twice]).await;
    assert!(answers.iter().all(Result::is_ok));
    let mut expected = made;
    expected.push((500, 1));
    assert_eq!(post.made(1).await, expected);
    // A webhook that comes later hears nothing of what is repeated
    post.register(of_ours(2)).await;
    for request in every_kind_with_keys() {
        post.done(request).await;
    }
    assert_eq!(post.made(2).await, []);
}

pub async fn many_commands_of_one_call_make_as_many_deliveries<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2), of_theirs(3)]).await;
    post.wants(2, [EventKind::Failed]).await;
    // When a bulk is uploaded, and others among it
    let bulk = (0..1_000)
        .map(|number| Request::upload(ours(), jane(), details(number), VaultUpload::Bulk));
    let answers = post.engine.execute_many(bulk.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    let way = bring(2_000, Status::Retried, Source::Customer).unwrap();
    let answers = post.engine.execute_many(way).await;
    assert!(answers.iter().all(Result::is_ok));
    let failed = (0..1_000)
        .step_by(3)
        .map(|number| act(number, Action::Fail));
    let answers = post.engine.execute_many(failed.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    // Then each has its own
    let created = (0..1_000).map(|number| (number, 1));
    let failed = (0..1_000).step_by(3).map(|number| (number, 2));
    let mut expected: Vec<_> = created.chain(failed.clone()).collect();
    expected.extend((1..=4).map(|version| (2_000, version)));
    expected.sort_unstable();
    assert_eq!(post.made(1).await, expected);
    let failed: Vec<_> = failed.chain([(2_000, 3)]).collect();
    assert_eq!(post.made(2).await, failed);
    assert_eq!(post.made(3).await, []);
}

pub async fn a_delivery_was_made_when_its_event_was_recorded<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    // Given a clock with milliseconds, and a command that has a time of its own
    let engine =
        certificate_lifecycle::engine::Engine::new(post.store.clone()).with_clock(|| at_ms(12_345));
    let _ = engine.execute(submit(0).at(at(-500))).await.unwrap();
    // Then the delivery counts from the clock
    let made = post.filtered(None, DeliveryFilter::default()).await;
    assert_eq!(made[0].created_at, at_ms(12_345));
    assert_eq!(made[0].at, at_ms(12_345));
    let claimed = post.claim_one(1, 13).await;
    assert_eq!(claimed.created_at, at_ms(12_345));
    assert_eq!(claimed.event.unwrap().timestamp(), at(-500));
}

pub async fn many_webhooks_get_one_event<H: Harness<Store: Outbox>>() {
    let webhooks =
        (0..100).map(|number| Webhook::new(hook(number), ours(), endpoint(number), at(0)));
    let post = Post::<H>::with(webhooks).await;
    post.done(submit(0)).await;
    let deliveries = post.deliveries().await;
    assert_eq!(deliveries.len(), 100);
    for number in 0..100 {
        let to = deliveries.iter().filter(|it| it.webhook == hook(number));
        assert_eq!(to.map(|it| it.application).collect::<Vec<_>>(), [id(0)]);
    }
}
