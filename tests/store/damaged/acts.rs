//! Acts that were edited by hand.

use certificate_lifecycle::store::Audit;

use crate::act::{act_at, pages};
use crate::support::damaged::Damaged;
use crate::world::ours;

/// The edits of an act that every database's tables allow, each with a part of the error.
const EDITS: [(&str, &str); 6] = [
    ("kind = 'future.act'", "act.kind is one that this version"),
    ("actor = ' '", "white space"),
    ("actor_kind = 3", "act.actor_kind must be 0 to 2"),
    ("outcome = 2", "act.outcome must be 0 or 1, but is 2"),
    ("outcome = 1", "act.reason is missing"),
    ("at = 9223372036854775807", "there is no time"),
];

pub async fn acts_that_are_corrupt_are_reported_and_left_alone<H: Damaged>() {
    for (change, problem) in EDITS {
        // Given three acts, the second of them edited by hand
        let harness = H::fresh().await;
        let store = harness.open().await;
        for at in 1..4 {
            let _ = store.record_act(act_at(Some(ours()), at)).await.unwrap();
        }
        let second = "(SELECT max(at) - 1 FROM certlife_act)";
        let sql = format!("UPDATE certlife_act SET {change} WHERE at = {second}");
        harness.run_sql(&sql).await;
        let before = harness.dump().await;
        // Then the others are listed beside the error, which says which it is
        for limit in [1, 2, 10] {
            let (found, reported) = pages(&store, Some(&ours()), limit).await;
            let ids: Vec<_> = found.iter().map(|it| it.id.0).collect();
            assert_eq!(ids, [3, 1], "{change}");
            assert_eq!(reported.len(), 1, "{change}");
            let is_named = reported[0].contains("act 2");
            assert!(is_named && reported[0].contains(problem), "{reported:?}");
        }
        assert_eq!(harness.dump().await, before);
    }
}
