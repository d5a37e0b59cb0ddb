//! Tokens that were edited by hand.

use certificate_lifecycle::store::Tokens;

use super::outbox::corrupt;
use crate::support::damaged::Damaged;
use crate::token_world::{our_token, token_id, token_pages};
use crate::world::ours;

/// The edits of a token that every database's tables allow, each with a part of the error.
const EDITS: [(&str, &str); 10] = [
    (
        "scopes = 'applications:read,future:word'",
        "a scope that this version",
    ),
    ("scopes = 'all'", "a scope that this version"),
    ("scopes = ','", "a scope that this version"),
    ("name = ''", "1 to 100 characters"),
    ("institution = ''", "1 to 64 characters"),
    ("actor = ' '", "white space"),
    ("actor_kind = 3", "token.actor_kind must be 0 to 2"),
    (
        "secret_hash = substr(secret_hash, 1, 31)",
        "must have 32 bytes, but has 31",
    ),
    ("created_at = 9223372036854775807", "there is no time"),
    ("expires_at = -9223372036854775808", "there is no time"),
];

pub async fn tokens_that_are_corrupt_are_reported_and_left_alone<H: Damaged>() {
    for (change, problem) in EDITS {
        // Given three tokens, the second of them edited by hand
        let harness = H::fresh().await;
        let store = harness.open().await;
        for number in 1..4 {
            assert!(store.add_token(our_token(number)).await.unwrap());
        }
        let id = token_id(2);
        let sql = format!("UPDATE certlife_token SET {change} WHERE id = '{id}'");
        harness.run_sql(&sql).await;
        let before = harness.dump().await;
        // Then the error of a reader says which
        let error = corrupt(store.token(id).await);
        let is_named = error.starts_with(&format!("token {id}: "));
        assert!(is_named && error.contains(problem), "{change}: {error}");
        // And the others are listed beside it
        for limit in [1, 2, 10] {
            let (found, reported) = token_pages(&store, None, limit).await;
            assert_eq!(found, [1, 3].map(token_id), "{change}");
            assert!(reported.len() == 1 && reported[0].contains(problem));
        }
        assert_eq!(store.token(token_id(3)).await.unwrap(), Some(our_token(3)));
        assert_eq!(harness.dump().await, before);
        // And it can be removed, unless it is not ours any more
        let is_ours = !change.starts_with("institution");
        let removed = store.remove_token(Some(&ours()), id).await.unwrap();
        assert_eq!(removed, is_ours);
        assert_eq!(store.remove_token(None, id).await.unwrap(), !is_ours);
    }
}

pub async fn a_token_whose_id_is_none_is_reported_by_its_row<H: Damaged>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    for number in 1..4 {
        assert!(store.add_token(our_token(number)).await.unwrap());
    }
    let id = token_id(2);
    let sql = format!("UPDATE certlife_token SET id = upper(id) WHERE id = '{id}'");
    harness.run_sql(&sql).await;
    assert_eq!(store.token(id).await.unwrap(), None);
    let (found, reported) = token_pages(&store, Some(&ours()), 2).await;
    assert_eq!(found, [1, 3].map(token_id));
    assert!(reported[0].contains("token row 2"), "{reported:?}");
    assert!(reported[0].contains("16 lower-case"), "{reported:?}");
}
