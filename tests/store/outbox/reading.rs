//! What can be asked about deliveries, and what is forgotten of them.

use certificate_lifecycle::EventKind;
use certificate_lifecycle::store::{
    Backlog, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus, Due, InstitutionId, ListOrder,
    Outbox, Outcome,
};

use crate::harness::Harness;
use crate::outbox_world::{
    LEASE, Post, at_ms, attempted, dead, hook, in_theirs, of_ours, of_theirs, reported, retry,
    settlement,
};
use crate::support::at;
use crate::world::{id, ours, submit, theirs};

/// Deliveries of two institutions to three webhooks, some delivered, some dead, made at several
/// times.
async fn of_every_kind<H: Harness<Store: Outbox>>() -> Post<H> {
    let post = Post::<H>::with([of_ours(1), of_ours(2), of_theirs(3)]).await;
    for number in 0..6 {
        post.clock.set(i64::try_from(number).unwrap() * 10);
        post.versions(number, 3).await;
        post.done(in_theirs(submit(number + 100))).await;
    }
    for webhook in [1, 3] {
        for claimed in post.claim(webhook, 60).await {
            match reported(&claimed).0 % 3 {
                0 => post.settle(61, &claimed, Outcome::Delivered).await,
                1 => post.settle(61, &claimed, dead()).await,
                _ => {}
            }
        }
    }
    post
}

pub async fn deliveries_are_filtered_by_everything<H: Harness<Store: Outbox>>() {
    let post = of_every_kind::<H>().await;
    let all = post.deliveries().await;
    assert_eq!(all.len(), 2 * 18 + 6);
    // Given every combination of what can be asked for, or not
    let institutions = [
        None,
        Some(ours()),
        Some(theirs()),
        InstitutionId::new("unknown").ok(),
    ];
    let webhooks = [None, Some(hook(1)), Some(hook(3)), Some(hook(9))];
    let applications = [None, Some(id(1)), Some(id(101)), Some(id(999))];
    let mut statuses = vec![None];
    statuses.extend(DeliveryStatus::ALL.map(Some));
    let times = [(None, None), (Some(at(20)), None), (None, Some(at(20)))];
    let between = [
        (Some(at_ms(10_001)), Some(at_ms(40_001))),
        (Some(at(30)), Some(at(30))),
    ];
    let times: Vec<_> = times.into_iter().chain(between).collect();
    let kinds = [EventKind::Created, EventKind::Processing, EventKind::Failed];
    let (mut turn, mut found_any, mut found_by_kind) = (0, 0, 0);
    for institution in &institutions {
        for webhook in webhooks {
            for application in applications {
                for status in &statuses {
                    turn += 1;
                    let of_kind = |times: &(_, _)| (*times, Some(kinds[turn % kinds.len()]));
                    let any = times.iter().map(|it| (*it, None));
                    for ((since, until), kind) in any.chain(times.iter().map(of_kind)) {
                        let filter = DeliveryFilter::default()
                            .with_webhook(webhook)
                            .with_application(application)
                            .with_status(*status)
                            .with_kind(kind)
                            .with_since(since)
                            .with_until(until);
                        let matches = |it: &&Delivery| {
                            let is_of = |of: &InstitutionId| it.institution == *of;
                            institution.as_ref().is_none_or(is_of)
                                && webhook.is_none_or(|of| it.webhook == of)
                                && application.is_none_or(|of| it.application == of)
                                && status.is_none_or(|of| it.status == of)
                                && kind.is_none_or(|of| it.kind == of)
                                && since.is_none_or(|time| it.created_at >= time)
                                && until.is_none_or(|time| it.created_at < time)
                        };
                        let expected: Vec<_> = all.iter().filter(matches).cloned().collect();
                        found_any += usize::from(!expected.is_empty());
                        if kind.is_some() && !expected.is_empty() {
                            found_by_kind += 1;
                        }
                        // Then those are found, and no others
                        let found = post.filtered(institution.as_ref(), filter.clone()).await;
                        assert_eq!(found, expected, "{institution:?} {filter:?}");
                    }
                }
            }
        }
    }
    assert!(found_by_kind > 20, "{found_by_kind}");
    assert!(found_any > 100, "{found_any}");
}

pub async fn pages_of_deliveries_of_any_size_tell_the_same<H: Harness<Store: Outbox>>() {
    let post = of_every_kind::<H>().await;
    let filters = [
        DeliveryFilter::default(),
        DeliveryFilter::default().with_webhook(Some(hook(1))),
        DeliveryFilter::default().with_application(Some(id(2))),
        DeliveryFilter::default().with_status(Some(DeliveryStatus::Pending)),
        DeliveryFilter::default().with_status(Some(DeliveryStatus::Dead)),
        DeliveryFilter::default().with_kind(Some(EventKind::Created)),
    ];
    let ours = ours();
    let orders = [ListOrder::OldestFirst, ListOrder::NewestFirst];
    let filters = filters
        .iter()
        .flat_map(|it| orders.map(|order| it.clone().with_order(order)));
    for (institution, filter) in filters.flat_map(|it| [(None, it.clone()), (Some(&ours), it)]) {
        let mut all = post
            .filtered(institution, filter.clone().with_order(orders[0]))
            .await;
        assert!(all.len() > 1);
        assert!(all.is_sorted_by_key(|it| it.id));
        let is_turned = filter.order == ListOrder::NewestFirst;
        if is_turned {
            all.reverse();
        }
        for limit in [1, 2, 7, 100] {
            let (mut pages, mut after) = (Vec::new(), None);
            loop {
                let page = post
                    .store
                    .deliveries(institution, filter.clone(), after, limit)
                    .await
                    .unwrap();
                assert!(page.corrupt.is_empty());
                let (last, found) = (page.deliveries.last(), page.deliveries.len());
                if page.next.is_some() {
                    assert_eq!((page.next, found), (last.map(|it| it.id), limit as usize));
                }
                after = page.next;
                pages.extend(page.deliveries);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(pages, all, "{limit}");
        }
        // A request for none gets one, and not that there are no more
        let one = post.store.deliveries(institution, filter.clone(), None, 0);
        let one = one.await.unwrap();
        assert_eq!((one.deliveries.len(), one.next), (1, Some(all[0].id)));
        let counts = if is_turned {
            [(i64::MIN, 0), (i64::MAX, all.len()), (-1, 0)]
        } else {
            [(i64::MIN, all.len()), (i64::MAX, 0), (-1, all.len())]
        };
        for (after, count) in counts {
            let page =
                post.store
                    .deliveries(institution, filter.clone(), Some(DeliveryId(after)), 1_000);
            assert_eq!(page.await.unwrap().deliveries.len(), count);
        }
    }
}

fn due_of(due: &[Due], number: u64) -> Option<Due> {
    let mut of = due.iter().filter(|it| it.webhook == hook(number));
    let found = of.next().copied();
    assert_eq!(of.next(), None);
    found
}

pub async fn what_is_due_is_reported<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2), of_theirs(3)]).await;
    let due = async |number| due_of(&post.store.due().await.unwrap(), number);
    let is = |number, has_new, at| Some(Due::new(hook(number)).with_has_new(has_new).with_at(at));
    assert_eq!(post.store.due().await.unwrap(), []);
    post.done(submit(0)).await;
    post.done(submit(1)).await;
    assert_eq!(due(1).await, is(1, true, None));
    assert_eq!(due(2).await, is(2, true, None));
    assert_eq!(due(3).await, None);
    // One that was claimed is due when its lease ends
    let first = post.claim_of(1, &[(1, 1)]).await.deliveries.remove(0);
    // (where another is new, a store need not say so)
    let answers = [is(1, true, Some(at(61))), is(1, true, None)];
    assert!(answers.contains(&due(1).await));
    let second = post.claim_of(2, &[(1, 1)]).await.deliveries.remove(0);
    assert_eq!(due(1).await, is(1, false, Some(at(61))));
    assert_eq!(due(2).await, is(2, true, None));
    // The first of several times counts
    post.settle(3, &first, retry(500)).await;
    assert_eq!(due(1).await, is(1, false, Some(at(62))));
    post.settle(3, &second, Outcome::Retry { at: at_ms(400_001) })
        .await;
    assert_eq!(due(1).await, is(1, false, Some(at_ms(400_001))));
    // Nothing is due for one that is disabled
    post.disable(1).await;
    assert_eq!(due(1).await, None);
    post.enable(1).await;
    assert_eq!(due(1).await, is(1, false, Some(at_ms(400_001))));
    // Nor when all is over
    for (number, time) in [(1, 500), (2, 500)] {
        for claimed in post.claim(number, time).await {
            let outcome = if number == 1 {
                Outcome::Delivered
            } else {
                dead()
            };
            post.settle(time, &claimed, outcome).await;
        }
        assert_eq!(due(number).await, None);
    }
    // What is redelivered is due
    post.store
        .redeliver(&ours(), at(600), vec![first.id])
        .await
        .unwrap();
    assert_eq!(due(1).await, is(1, false, Some(at(600))));
}

pub async fn the_backlog_is_counted<H: Harness<Store: Outbox>>() {
    let post = of_every_kind::<H>().await;
    // To webhook 4 everything was delivered, and to webhook 5 nothing was ever sent.
    post.register(of_ours(4)).await;
    post.clock.set(70);
    post.done(submit(50)).await;
    let claimed = post.claim_one(4, 70).await;
    post.settle(70, &claimed, Outcome::Delivered).await;
    post.register(of_ours(5)).await;
    post.disable(2).await;
    let mut backlog = post.store.backlog(None).await.unwrap();
    backlog.sort_by_key(|it| std::cmp::Reverse(it.webhook));
    let of = |number, pending, oldest, first_due, dead| {
        Backlog::new(hook(number), if number == 3 { theirs() } else { ours() })
            .with_is_enabled(number != 2)
            .with_pending(pending)
            .with_oldest(Some(at(oldest)))
            .with_first_due(Some(at(first_due)))
            .with_dead(dead)
    };
    // Of 0 and 3, the first version was delivered, of 1 and 4 it is dead: then the second one goes.
    // What was claimed is due when its lease ends, and what waits behind it a second later.
    let lease = 60 + LEASE.as_secs().cast_signed();
    let expected = [
        of(1, 19 - 4, 0, 61, 2),
        of(2, 19, 0, 0, 0),
        of(3, 2, 10, lease, 2),
    ];
    assert_eq!(backlog, expected);
    // Where all is dead, none is the oldest
    for claimed in post.claim(3, 1_000).await {
        post.settle(1_000, &claimed, dead()).await;
    }
    let backlog = post.store.backlog(None).await.unwrap();
    let of_theirs = backlog.iter().find(|it| it.webhook == hook(3)).unwrap();
    assert_eq!(
        (of_theirs.pending, of_theirs.oldest, of_theirs.dead),
        (0, None, 4)
    );
    // A clock that was set back makes no delivery the oldest.
    post.clock.set(-5);
    post.done(submit(51)).await;
    let backlog = post.store.backlog(None).await.unwrap();
    let of_ours = backlog.iter().find(|it| it.webhook == hook(1)).unwrap();
    assert_eq!((of_ours.pending, of_ours.oldest), (16, Some(at(0))));
}

/// Two attempts of each of six deliveries, which are over one second after the other, from second
/// 10 on: the even ones are delivered. Their numbers and ids.
async fn old_ones<H: Harness<Store: Outbox>>(post: &Post<H>) -> Vec<(u64, DeliveryId)> {
    for claimed in post.claim(1, 0).await {
        post.settle(0, &claimed, retry(0)).await;
    }
    let mut ids = Vec::new();
    for claimed in post.claim(1, 0).await {
        let (number, _) = reported(&claimed);
        let time = 10 + i64::try_from(number).unwrap();
        let outcome = match number {
            0 | 2 | 4 => Outcome::Delivered,
            1 | 3 => dead(),
            _ => retry(1_000),
        };
        let settlement = settlement(&claimed, outcome).with_attempt(Some(attempted(time, 200)));
        let settled = post.store.settle(at(time), vec![settlement], Vec::new());
        assert_eq!(settled.await.unwrap(), [true]);
        ids.push((number, claimed.id));
    }
    ids.sort_unstable();
    ids
}

pub async fn what_is_old_is_forgotten<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    for number in 0..6 {
        post.done(submit(number)).await;
    }
    let ids = old_ones(&post).await;
    let attempts = async |number: usize| post.store.attempts(&ours(), ids[number].1).await.unwrap();
    // Nothing is older than the oldest
    assert_eq!(post.store.prune(at(0), 100).await.unwrap(), 0);
    assert_eq!(post.store.prune(at(100), 0).await.unwrap(), 0);
    // When what came before the third was delivered is forgotten
    assert_eq!(post.store.prune(at(12), 100).await.unwrap(), 6 + 2 + 1);
    assert_eq!(post.store.prune(at(12), 100).await.unwrap(), 0);
    // Then the first is gone; those that are dead or pending stay, without their old attempts
    let made = post.made(1).await.into_iter().map(|it| it.0);
    assert!(made.eq([1, 2, 3, 4, 5]));
    for (number, kept) in [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 1)] {
        assert_eq!(attempts(number).await.len(), kept, "{number}");
    }
    assert_eq!(
        post.delivery(ids[1].1).await.attempts,
        2,
        "that they were is known"
    );
    assert_eq!(post.made(2).await.len(), 6);
    // The time counts to the millisecond
    assert_eq!(post.store.prune(at_ms(12_001), 100).await.unwrap(), 2);
    // And in the end only those are left
    assert_eq!(post.store.prune(at(100_000), 100).await.unwrap(), 3 + 1);
    let made = post.made(1).await.into_iter().map(|it| it.0);
    assert!(made.eq([1, 3, 5]));
    // What is gone cannot be settled or redelivered
    let gone = vec![ids[0].1, ids[2].1];
    assert_eq!(post.store.redeliver(&ours(), at(0), gone).await.unwrap(), 0);
    // What is dead still can
    assert_eq!(
        post.store
            .redeliver(&ours(), at(200), vec![ids[1].1])
            .await
            .unwrap(),
        1
    );
    assert_eq!(post.claims(1, 200).await, [(1, 1)]);
}

pub async fn what_is_forgotten_at_once_is_limited<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_theirs(2)]).await;
    for number in 0..10 {
        post.done(submit(number)).await;
        post.done(in_theirs(submit(100 + number))).await;
    }
    for number in [1, 2] {
        for claimed in post.claim(number, 0).await {
            post.settle(0, &claimed, retry(0)).await;
        }
        for claimed in post.claim(number, 0).await {
            post.settle(0, &claimed, Outcome::Delivered).await;
        }
    }
    // Given forty attempts and twenty that were delivered, of either no more than seven go at once
    let mut left = 20;
    for _ in 0..100 {
        let pruned = post.store.prune(at(1), 7).await.unwrap();
        assert!(pruned <= 14);
        let now = post.deliveries().await.len();
        assert!(left - now <= 7, "{left} {now}");
        left = now;
        if pruned == 0 {
            break;
        }
    }
    assert_eq!(left, 0);
}

pub async fn a_forgotten_delivery_takes_its_attempts_along<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let claimed = post.claim_one(1, 0).await;
    // Given an attempt that is said to have been made after it was settled
    let late = settlement(&claimed, Outcome::Delivered).with_attempt(Some(attempted(100, 200)));
    let settled = post.store.settle(at(1), vec![late], Vec::new()).await;
    assert_eq!(settled.unwrap(), [true]);
    assert_eq!(post.store.prune(at(2), 10).await.unwrap(), 1);
    assert_eq!(post.deliveries().await, []);
    assert_eq!(post.store.attempts(&ours(), claimed.id).await.unwrap(), []);
    assert_eq!(post.store.prune(at(200), 10).await.unwrap(), 0);
}
