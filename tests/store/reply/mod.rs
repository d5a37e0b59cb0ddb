//! What every store promises of the replies that it keeps.

use certificate_lifecycle::store::{Begun, IdempotencyKey, InstitutionId, Replies, Reply};
use uuid::Uuid;

use crate::harness::Harness;
use crate::outbox_world::at_ms;
use crate::world::{ours, theirs};

/// A request, by its digest.
fn request(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).unwrap()
}

/// The owner of a request that has just begun.
#[track_caller]
fn owner(begun: Begun) -> i64 {
    match begun {
        Begun::New { owner } => owner,
        other => panic!("it is not new: {other:?}"),
    }
}

fn replies() -> [Reply; 3] {
    let headers = [("etag", "\"3\""), ("location", "/v1/tokens/ä?'\\")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    [
        Reply::new(204, Vec::new(), Vec::new()),
        Reply::new(200, headers.into(), b"{\"secret\":\"whsec_AA==\"}".to_vec()),
        Reply::new(999, Vec::new(), (0..=255).cycle().take(70_000).collect()),
    ]
}

pub async fn a_reply_is_kept_as_it_was<H: Harness<Store: Replies>>() {
    let harness = H::fresh().await;
    let (store, ours) = (harness.open().await, ours());
    for (number, reply) in replies().into_iter().enumerate() {
        let key = key(&format!("'ß' no. {number}"));
        let begun = store.begin_reply(&ours, &key, request(1), at_ms(0)).await;
        let owner = owner(begun.unwrap());
        // While it is carried out, it does not begin again, up to a minute after
        let other = harness.open().await;
        for at in [-1, 0, 60_000] {
            let again = other.begin_reply(&ours, &key, request(1), at_ms(at)).await;
            assert_eq!(again.unwrap(), Begun::Running);
        }
        let ended = store.end_reply(&ours, &key, owner, reply.clone()).await;
        assert!(ended.unwrap());
        // Then it is the same for good, through another handle too
        for at in [0, 60_001, i64::from(u32::MAX) * 1000] {
            let again = other.begin_reply(&ours, &key, request(1), at_ms(at)).await;
            assert_eq!(again.unwrap(), Begun::Done(reply.clone()));
        }
    }
}

pub async fn a_key_belongs_to_one_request<H: Harness<Store: Replies>>() {
    let harness = H::fresh().await;
    let (store, ours) = (harness.open().await, ours());
    let [_, reply, _] = replies();
    let begin = |number, at| {
        let (store, ours) = (store.clone(), ours.clone());
        async move {
            let key = key("a");
            let begun = store.begin_reply(&ours, &key, request(number), at_ms(at));
            begun.await.unwrap()
        }
    };
    let owner = owner(begin(1, 0).await);
    // While it is carried out, when it was broken off, and when it is done
    assert_eq!(begin(2, 0).await, Begun::Other);
    assert_eq!(begin(2, 60_001).await, Begun::Other);
    let ended = store
        .end_reply(&ours, &key("a"), owner, reply.clone())
        .await;
    assert!(ended.unwrap());
    assert_eq!(begin(2, 60_001).await, Begun::Other);
    assert_eq!(begin(1, 60_001).await, Begun::Done(reply));
}

pub async fn each_institution_has_its_own_keys<H: Harness<Store: Replies>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    let [first, second, _] = replies();
    let shouting = InstitutionId::new(ours().as_str().to_uppercase()).unwrap();
    let mut owners = Vec::new();
    for (institution, number) in [(ours(), 1), (theirs(), 2), (shouting, 3)] {
        for text in ["key", "KEY"] {
            let key = key(text);
            let begun = store.begin_reply(&institution, &key, request(number), at_ms(0));
            owners.push(owner(begun.await.unwrap()));
        }
    }
    // No number is that of two
    let mut apart = owners.clone();
    apart.sort_unstable();
    apart.dedup();
    assert_eq!(apart.len(), owners.len(), "{owners:?}");
    let key = key("key");
    // The owner of another institution's key ends nothing of ours
    let (ours, theirs) = (ours(), theirs());
    let taken = store.end_reply(&ours, &key, owners[2], second.clone());
    assert!(!taken.await.unwrap());
    assert!(!store.abandon_reply(&ours, &key, owners[2]).await.unwrap());
    let ended = store.end_reply(&ours, &key, owners[0], first.clone());
    assert!(ended.await.unwrap());
    let ended = store.end_reply(&theirs, &key, owners[2], second.clone());
    assert!(ended.await.unwrap());
    for (institution, number, reply) in [(ours, 1, first), (theirs, 2, second)] {
        let again = store.begin_reply(&institution, &key, request(number), at_ms(0));
        assert_eq!(again.await.unwrap(), Begun::Done(reply));
    }
}

pub async fn a_request_that_came_to_nothing_frees_its_key<H: Harness<Store: Replies>>() {
    let harness = H::fresh().await;
    let (store, ours, key) = (harness.open().await, ours(), key("a"));
    let [reply, other, _] = replies();
    let begun = store.begin_reply(&ours, &key, request(1), at_ms(0)).await;
    let first = owner(begun.unwrap());
    assert!(store.abandon_reply(&ours, &key, first).await.unwrap());
    assert!(!store.abandon_reply(&ours, &key, first).await.unwrap());
    // Even for another request, which the first owner does not end
    let begun = store.begin_reply(&ours, &key, request(2), at_ms(0)).await;
    let second = owner(begun.unwrap());
    let late = store.end_reply(&ours, &key, first, other.clone()).await;
    assert!(!late.unwrap());
    assert!(!store.abandon_reply(&ours, &key, first).await.unwrap());
    let ended = store.end_reply(&ours, &key, second, reply.clone()).await;
    assert!(ended.unwrap());
    // What is done stays
    assert!(!store.abandon_reply(&ours, &key, second).await.unwrap());
    assert!(!store.end_reply(&ours, &key, second, other).await.unwrap());
    let again = store.begin_reply(&ours, &key, request(2), at_ms(0)).await;
    assert_eq!(again.unwrap(), Begun::Done(reply));
}

pub async fn a_request_that_was_broken_off_begins_anew<H: Harness<Store: Replies>>() {
    let harness = H::fresh().await;
    let (store, ours, key) = (harness.open().await, ours(), key("a"));
    let [late, reply, _] = replies();
    let begun = store.begin_reply(&ours, &key, request(1), at_ms(0)).await;
    let first = owner(begun.unwrap());
    let begun = store
        .begin_reply(&ours, &key, request(1), at_ms(60_001))
        .await;
    let second = owner(begun.unwrap());
    assert_ne!(first, second);
    // It has a minute of its own
    let again = store
        .begin_reply(&ours, &key, request(1), at_ms(120_001))
        .await;
    assert_eq!(again.unwrap(), Begun::Running);
    // And who comes late writes nothing over it
    let ended = store.end_reply(&ours, &key, first, late.clone()).await;
    assert!(!ended.unwrap());
    assert!(!store.abandon_reply(&ours, &key, first).await.unwrap());
    let ended = store.end_reply(&ours, &key, second, reply.clone()).await;
    assert!(ended.unwrap());
    assert!(!store.end_reply(&ours, &key, first, late).await.unwrap());
    let again = store.begin_reply(&ours, &key, request(1), at_ms(0)).await;
    assert_eq!(again.unwrap(), Begun::Done(reply));
}

pub async fn of_those_who_begin_at_once_one_does<H: Harness<Store: Replies>>() {
    let harness = H::fresh().await;
    // The first time, and after it was broken off
    for at in [0, 60_001] {
        let mut beginning = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = harness.open().await;
            beginning.spawn(async move {
                let (ours, key) = (ours(), key("a"));
                let begun = store.begin_reply(&ours, &key, request(1), at_ms(at));
                begun.await.unwrap()
            });
        }
        let begun = beginning.join_all().await;
        let is_new = |it: &&Begun| matches!(it, Begun::New { .. });
        assert_eq!(begun.iter().filter(is_new).count(), 1, "{begun:?}");
        let is_running = |it: &&Begun| **it == Begun::Running;
        assert_eq!(begun.iter().filter(is_running).count(), 7, "{begun:?}");
    }
}
