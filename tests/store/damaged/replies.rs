//! Replies that were edited by hand.

use certificate_lifecycle::store::{Begun, IdempotencyKey, Replies, Reply};
use uuid::Uuid;

use super::outbox::corrupt;
use crate::outbox_world::at_ms;
use crate::support::damaged::Damaged;
use crate::world::ours;

/// The edits that every database's tables allow, each with a part of the error.
const EDITS: [(&str, &str); 6] = [
    ("status = 99", "must be 100 to 999, but is 99"),
    ("status = -1", "must be 100 to 999, but is -1"),
    ("headers = NULL", "reply.headers is missing"),
    ("headers = '{\"etag\":\"1\"}'", "are no headers"),
    ("body = NULL", "reply.body is missing"),
    ("begun_at = 9223372036854775807", "there is no time"),
];

pub async fn replies_that_are_corrupt_are_reported_and_left_alone<H: Damaged>() {
    for (change, problem) in EDITS {
        // Given two replies, one of them edited by hand
        let harness = H::fresh().await;
        let (store, ours, request) = (harness.open().await, ours(), Uuid::from_u128(1));
        let keys = ["edited", "sound"].map(|it| IdempotencyKey::new(it).unwrap());
        let reply = Reply::new(200, Vec::new(), b"secret".to_vec());
        for key in &keys {
            let begun = store.begin_reply(&ours, key, request, at_ms(0)).await;
            let Begun::New { owner } = begun.unwrap() else {
                panic!("it is not new");
            };
            let ended = store.end_reply(&ours, key, owner, reply.clone()).await;
            assert!(ended.unwrap());
        }
        let sql = format!("UPDATE certlife_reply SET {change} WHERE key = 'edited'");
        harness.run_sql(&sql).await;
        // Then the error says which, and nothing begins anew
        for _ in 0..2 {
            let begun = store.begin_reply(&ours, &keys[0], request, at_ms(70_000));
            let error = corrupt(begun.await);
            let is_named = error.starts_with(&format!("reply to request {request}: "));
            assert!(is_named && error.contains(problem), "{change}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let begun = store.begin_reply(&ours, &keys[1], request, at_ms(70_000));
        assert_eq!(begun.await.unwrap(), Begun::Done(reply));
    }
}
