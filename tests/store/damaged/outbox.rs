//! Webhooks and deliveries that were edited by hand, or whose removal was cut off.

use certificate_lifecycle::store::{Delivery, DeliveryFilter, Due, Outbox, Outcome, StoreError};
use chrono::{DateTime, Utc};

use crate::outbox_world::{Post, dead, hook, in_theirs, of_ours, of_theirs, reported, retry};
use crate::support::at;
use crate::support::damaged::Damaged;
use crate::world::{OURS, ours, submit};

/// The row that an answer says is corrupt, and why.
pub fn corrupt<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Corrupt { row, problem }) => format!("{row}: {problem}"),
        other => panic!("{other:?}"),
    }
}

pub async fn all(store: &impl Outbox) -> Vec<Delivery> {
    let all = store.deliveries(None, DeliveryFilter::default(), None, 10_000);
    all.await.unwrap().deliveries
}

/// The numbers of all deliveries, page by page, and what is reported beside them.
async fn pages(store: &impl Outbox, limit: u32) -> (Vec<i64>, Vec<(i64, String)>) {
    let (mut found, mut reported, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.deliveries(None, DeliveryFilter::default(), after, limit);
        let page = page.await.unwrap();
        found.extend(page.deliveries.iter().map(|it| it.id.0));
        for (id, error) in page.corrupt {
            reported.push((id.0, corrupt::<()>(Err(error))));
        }
        after = page.next;
        if after.is_none() {
            return (found, reported);
        }
    }
}

/// The edits of a webhook that every database's tables allow.
const WEBHOOK_EDITS: [(&str, &str); 6] = [
    ("settings = ''", "its settings cannot be read"),
    ("settings = '{}'", "its settings cannot be read"),
    ("settings = replace(settings, 'https:', 'gopher:')", "http"),
    (
        "settings = replace(settings, 'whsec_', 'secret_')",
        "its secret",
    ),
    ("created_at = 9223372036854775807", "there is no time"),
    ("not_before = -9223372036854775808", "there is no time"),
];

pub async fn settings_that_are_corrupt_are_reported_and_left_alone<H: Damaged>() {
    for (change, problem) in WEBHOOK_EDITS.iter().chain(H::WEBHOOK_EDITS) {
        // Given two webhooks, each with a delivery, one of them edited by hand
        let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
        post.done(submit(0)).await;
        post.harness.run_sql(&H::edit_first_webhook(change)).await;
        let before = post.harness.dump().await;
        // Then the error of a reader says which
        let reported_of = |text: String| {
            let is_named = text.starts_with(&format!("webhook {}", hook(1)));
            assert!(is_named && text.contains(problem), "{change}: {text}");
            // And no secret
            assert!(!text.contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "{text}");
        };
        match post.store.webhook(&ours(), hook(1)).await {
            // It is not ours any more.
            Ok(one) => assert_eq!((one, change.starts_with("institution")), (None, true)),
            one => reported_of(corrupt(one)),
        }
        reported_of(corrupt(post.store.webhooks(None).await));
        reported_of(corrupt(post.claim_for(0, &[1]).await));
        assert_eq!(post.harness.dump().await, before, "{change}");
        // And the other is sent to all the same
        assert_eq!(post.webhook(2).await, of_ours(2));
        let batch = post.claim_for(0, &[1, 2]).await.unwrap();
        let [delivery] = &batch.deliveries[..] else {
            panic!("{change}: {batch:?}");
        };
        assert_eq!(
            (delivery.webhook, batch.webhooks),
            (hook(2), vec![of_ours(2)])
        );
        reported_of(corrupt(post.claim_for(0, &[1, 2]).await));
    }
}

pub async fn deliveries_that_are_corrupt_are_reported_and_left_alone<H: Damaged>() {
    const EDITS: [(&str, &str); 3] = [
        ("state = 4", "state must be 0 to 3"),
        ("created_at = 9223372036854775807", "no time"),
        ("attempts = -1", "attempts"),
    ];
    let edits = EDITS.map(|(change, problem)| (H::edit_second_delivery(change), problem));
    let own = H::DELIVERY_EDITS
        .iter()
        .map(|(sql, problem)| ((*sql).to_owned(), *problem));
    for (sql, problem) in edits.into_iter().chain(own) {
        // Given three deliveries, the middle one edited by hand
        let post = Post::<H>::with([of_ours(1), of_theirs(2)]).await;
        post.done(submit(0)).await;
        post.done(in_theirs(submit(1))).await;
        post.done(submit(2)).await;
        post.harness.run_sql(&sql).await;
        let before = post.harness.dump().await;
        // Then it is reported beside the others, on a page with them and on one of its own
        for limit in [10, 3, 2, 1] {
            let (found, reported) = pages(&post.store, limit).await;
            assert_eq!(found, [1, 3], "{sql}");
            let [(2, text)] = &reported[..] else {
                panic!("{sql}: {reported:?}");
            };
            let is_named = text.starts_with("delivery 2: ");
            assert!(is_named && text.contains(problem), "{sql}: {text}");
        }
        assert_eq!(post.harness.dump().await, before, "{sql}");
    }
}

pub async fn a_delivery_without_its_event_is_claimed_so_that_it_is_settled<H: Damaged>() {
    for (sql, problem) in H::EVENT_EDITS {
        // Given three deliveries, of which the event of one is none
        let post = Post::<H>::with([of_ours(1)]).await;
        for number in 0..3 {
            post.done(submit(number)).await;
        }
        post.done(in_theirs(submit(3))).await;
        post.harness.run_sql(sql).await;
        // When they are claimed
        let claimed = post.claim_of(0, &[(1, 10)]).await.deliveries;
        // Then that one says why it cannot be sent
        assert_eq!(claimed.len(), 3, "{sql}");
        let text = claimed[1].event.as_ref().unwrap_err();
        assert!(text.contains(problem), "{sql}: {text}");
        assert_eq!(
            (reported(&claimed[0]), reported(&claimed[2])),
            ((0, 1), (2, 1))
        );
        // And all can be brought to an end
        post.settle(0, &claimed[1], dead()).await;
        for whole in [&claimed[0], &claimed[2]] {
            post.settle(0, whole, Outcome::Delivered).await;
        }
        assert_eq!(post.store.due().await.unwrap(), [], "{sql}");
    }
}

pub async fn what_was_cut_off_of_a_removal_is_not_there_and_is_cleared_away<H: Damaged>() {
    // Given two webhooks whose removal was cut off
    let post = Post::<H>::with([of_ours(1), of_ours(2), of_ours(3)]).await;
    for number in 0..3 {
        post.done(submit(number)).await;
    }
    let held = post.claim(1, 0).await;
    post.settle(0, &held[0], retry(1)).await;
    post.settle(0, &held[1], dead()).await;
    post.harness.run_sql(H::CUT_OFF).await;
    // Then there is nothing of them
    assert_eq!(post.store.webhooks(None).await.unwrap(), [of_ours(2)]);
    assert_eq!(post.store.webhook(&ours(), hook(1)).await.unwrap(), None);
    let left = all(&post.store).await;
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|it| it.webhook == hook(2)), "{left:?}");
    assert_eq!(post.store.backlog(None).await.unwrap().len(), 1);
    assert_eq!(post.claims(1, 0).await, []);
    for claimed in &held {
        assert_eq!(post.store.attempts(&ours(), claimed.id).await.unwrap(), []);
    }
    // And no lease settles it, not the one that is alive either
    for claimed in &held {
        assert!(!post.settled(2, claimed, Outcome::Delivered).await);
    }
    let ids: Vec<_> = held.iter().map(|it| it.id).collect();
    let redelivered = post.store.redeliver(&ours(), at(2), ids.clone()).await;
    assert_eq!(redelivered.unwrap(), 0);
    let abandoned = post.store.abandon(&OURS, at(2), ids, "no".to_owned());
    assert_eq!(abandoned.await.unwrap(), 0);
    post.done(submit(3)).await;
    assert_eq!(all(&post.store).await.len(), 4);
    // And they are deleted when something is forgotten
    for _ in 0..2 {
        assert_eq!(post.store.prune(at(-1_000), 10).await.unwrap(), 0);
    }
    let rows = post.harness.dump().await;
    let counts = [
        "certlife_webhook ",
        "certlife_delivery ",
        "certlife_attempt ",
    ]
    .map(|table| rows.iter().filter(|it| it.starts_with(table)).count());
    assert_eq!(counts, [1, 4, 0]);
}

pub async fn a_delivery_that_is_due_at_no_time_is_reported_as_one_of_the_farthest<H: Damaged>() {
    for (written, time) in [
        (i64::MAX, DateTime::<Utc>::MAX_UTC),
        (i64::MIN, DateTime::<Utc>::MIN_UTC),
    ] {
        let post = Post::<H>::with([of_ours(1)]).await;
        post.done(submit(0)).await;
        let sql = format!("UPDATE certlife_delivery SET state = 1, at = {written}");
        post.harness.run_sql(&sql).await;
        let due = Due::new(hook(1)).with_at(Some(time));
        assert_eq!(post.store.due().await.unwrap(), [due]);
        let backlog = post.store.backlog(None).await.unwrap();
        assert_eq!(backlog[0].first_due, Some(time));
    }
}
