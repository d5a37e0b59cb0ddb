//! What every store promises of acts: who did what.

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::store::{
    Act, ActId, ActKind, ActNote, ActOutcome, Actor, Audit, CommitWatch, Cursor, InstitutionId,
    MemoryStore, RecordedAct, Store, StoreError, acting, sealed,
};
use certificate_lifecycle::store::{
    ActPage, Append, Atomicity, ExecuteError, Receipt, RecordedEvent,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::harness::Harness;
use crate::outbox_world::at_ms;
use crate::world::{ours, theirs};

/// An act at so many milliseconds.
pub fn act_at(institution: Option<InstitutionId>, milliseconds: i64) -> Act {
    let jane = Actor::administrator("jane").unwrap();
    Act::new(
        institution,
        jane,
        ActKind::TokenRevoked,
        at_ms(milliseconds),
    )
    .with_subject("c100000000000001".into())
}

/// All acts, page by page, and what is reported beside them.
pub async fn pages(
    store: &impl Audit,
    institution: Option<&InstitutionId>,
    limit: u32,
) -> (Vec<RecordedAct>, Vec<String>) {
    let (mut found, mut reported, mut before) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.acts(institution, before, limit).await.unwrap();
        let length = page.acts.len() + page.corrupt.len();
        assert!(length <= usize::try_from(limit.max(1)).unwrap());
        found.extend(page.acts);
        reported.extend(page.corrupt.iter().map(ToString::to_string));
        before = page.next;
        if before.is_none() {
            return (found, reported);
        }
    }
}

pub async fn an_act_comes_back_as_it_was<H: Harness<Store: Audit>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    let actors = [
        Actor::customer("a 'customer'").unwrap(),
        Actor::administrator("jane").unwrap(),
        Actor::system("certlife").unwrap(),
    ];
    let mut expected = Vec::new();
    for (kind, number) in ActKind::ALL.into_iter().zip(0..) {
        let actor = actors[usize::try_from(number).unwrap() % 3].clone();
        let institution = (number % 2 == 0).then(ours);
        let long = ActNote::new(&"ä\u{0}\n".repeat(400));
        let act =
            Act::new(institution, actor, kind, at_ms(number)).with_subject(kind.as_str().into());
        let act = act.with_detail(if number == 3 {
            long
        } else {
            "url, events".into()
        });
        let id = store.record_act(act.clone()).await.unwrap();
        let outcome = match number % 3 {
            0 => None,
            1 => Some(ActOutcome::Done),
            _ => Some(ActOutcome::Refused("conflict".into())),
        };
        if let Some(outcome) = &outcome {
            store.end_act(id, outcome.clone()).await.unwrap();
        }
        expected.push((id, act, outcome));
    }
    expected.reverse();
    // Also for another handle
    for store in [store, harness.open().await] {
        let (found, reported) = pages(&store, None, 100).await;
        let found = found.into_iter().map(|it| (it.id, it.act, it.outcome));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(reported, [""; 0]);
    }
}

pub async fn the_first_outcome_stays<H: Harness<Store: Audit>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    let id = store.record_act(act_at(None, 0)).await.unwrap();
    let refused = ActOutcome::Refused("unknown_token".into());
    store.end_act(id, refused.clone()).await.unwrap();
    store.end_act(id, ActOutcome::Done).await.unwrap();
    // One that is not there is passed over.
    store
        .end_act(ActId(id.0 + 1), refused.clone())
        .await
        .unwrap();
    store
        .end_act(ActId(i64::MIN), refused.clone())
        .await
        .unwrap();
    let (found, _) = pages(&store, None, 10).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Some(refused));
}

pub async fn the_newest_comes_first_page_by_page<H: Harness<Store: Audit>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    for number in 1..=12 {
        // The clocks of those who record may differ: the order is that of the records.
        let act = act_at((number % 3 > 0).then(ours), -number);
        let _ = store.record_act(act).await.unwrap();
    }
    for institution in [None, Some(ours())] {
        let institution = institution.as_ref();
        let whole = pages(&store, institution, u32::MAX).await;
        assert_eq!(whole.0.len(), if institution.is_none() { 12 } else { 8 });
        assert!(whole.0.is_sorted_by(|a, b| a.id > b.id));
        for limit in 0..14 {
            assert_eq!(pages(&store, institution, limit).await, whole, "{limit}");
        }
    }
    // What is recorded meanwhile shifts no page.
    let first = store.acts(None, None, 5).await.unwrap();
    let _ = store.record_act(act_at(None, 0)).await.unwrap();
    let second = store.acts(None, first.next, 5).await.unwrap();
    assert_eq!(first.acts.last().unwrap().id.0 - 1, second.acts[0].id.0);
}

pub async fn another_institution_sees_no_act<H: Harness<Store: Audit>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    let star = InstitutionId::new("*").unwrap();
    for institution in [None, Some(ours()), Some(star.clone())] {
        let _ = store.record_act(act_at(institution, 0)).await.unwrap();
    }
    for (institution, count) in [
        (None, 3),
        (Some(ours()), 1),
        (Some(star), 1),
        (Some(theirs()), 0),
    ] {
        let (found, _) = pages(&store, institution.as_ref(), 10).await;
        assert_eq!(found.len(), count, "{institution:?}");
        let is_of = |it: &RecordedAct| institution.is_none() || it.act.institution == institution;
        assert!(found.iter().all(is_of));
    }
}

pub async fn old_acts_are_pruned_and_their_numbers_not_given_again<H: Harness<Store: Audit>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    for at in [30, 10, 20, 40] {
        let _ = store.record_act(act_at(Some(ours()), at)).await.unwrap();
    }
    let times = async || {
        let (found, _) = pages(&store, None, 10).await;
        found.iter().map(|it| it.act.at).collect::<Vec<_>>()
    };
    assert_eq!(store.prune_acts(at_ms(10), 10).await.unwrap(), 0);
    assert_eq!(store.prune_acts(at_ms(31), 0).await.unwrap(), 0);
    // The oldest first, and no more than asked for
    assert_eq!(store.prune_acts(at_ms(31), 2).await.unwrap(), 2);
    assert_eq!(times().await, [40, 30].map(at_ms));
    assert_eq!(store.prune_acts(at_ms(1000), u32::MAX).await.unwrap(), 2);
    assert!(times().await.is_empty());
    let next = store.record_act(act_at(None, 50)).await.unwrap();
    assert!(next > ActId(4), "{next}");
}

pub async fn what_came_of_an_act_is_recorded<H: Harness<Store: Audit>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    let outcome = |answer: &Result<bool, StoreError>| match answer {
        Ok(true) => Some(ActOutcome::Done),
        Ok(false) => Some(ActOutcome::Refused("no".into())),
        Err(_) => None,
    };
    let fault = unavailable("the test");
    for answer in [Ok(true), Ok(false), Err(fault)] {
        let expected = outcome(&answer);
        let doing = async {
            // It is recorded before it is done.
            let page = store.acts(None, None, 1).await.unwrap();
            assert_eq!(page.acts[0].outcome, None);
            answer.clone()
        };
        let answered = acting(&store, act_at(None, 0), outcome, doing).await;
        assert_eq!(answered.is_ok(), answer.is_ok());
        let page = store.acts(None, None, 1).await.unwrap();
        assert_eq!(page.acts[0].outcome, expected);
    }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
        cause: None,
    }
}

/// A store that records no act.
#[derive(Clone)]
struct Full {
    store: MemoryStore,
}

impl sealed::Sealed for Full {}

impl Store for Full {
    delegate!(append load history feed feed_end wake);
}

impl Audit for Full {
    async fn record_act(&self, _: Act) -> Result<ActId, StoreError> {
        Err(unavailable("the disk is full"))
    }

    delegate!(end_act acts prune_acts);
}

#[tokio::test]
async fn nothing_is_done_that_is_not_recorded() {
    let store = Full {
        store: MemoryStore::new(),
    };
    let mut is_done = false;
    let doing = async {
        is_done = true;
        Ok::<_, StoreError>(())
    };
    let answer = acting(&store, act_at(None, 0), |_| Some(ActOutcome::Done), doing).await;
    assert_eq!(answer.unwrap_err().code(), "unavailable");
    assert!(!is_done);
}
