//! To another institution, what is corrupt answers like an application that does not exist.

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{ExecuteError, Queries};
use uuid::Uuid;

use super::corrupt::edits;
use super::{NUMBER, at_rest, every_kind};
use crate::outbox_world::in_theirs;
use crate::support::damaged::Damaged;
use crate::world::{act, id, key, submit, theirs};

/// Nothing tells any more whose application it is.
fn loses_the_institution(sql: &str) -> bool {
    let lost = [
        "certlife_head SET institution",
        "DELETE FROM certlife_head",
        "DELETE FROM certlife_institution",
    ];
    lost.iter().any(|it| sql.contains(it))
}

/// Whatever another institution asks of an application, and the answers, without its identity.
async fn asked<S: Queries>(engine: &Engine<S>, number: u64, key_text: &str) -> Vec<String> {
    let uuid: Uuid = id(number);
    let loaded = engine.load(&theirs(), uuid).await.unwrap();
    assert_eq!(loaded, None);
    let history = engine.history(&theirs(), uuid).await.unwrap();
    assert_eq!(history, []);
    let next = in_theirs(act(number, Action::Approve));
    let mut answers = Vec::new();
    for request in [
        next.clone(),
        next.clone().expecting(4),
        next.with_key(key(key_text)),
    ] {
        let alone = engine.execute(request.clone()).await;
        let together = engine.execute_all(vec![request]).await;
        for answer in [alone].into_iter().chain(together) {
            // (under a key, as it was reported before)
            let message = format!("there is no application {uuid}");
            let is_unknown = matches!(&answer, Err(ExecuteError::Refused(refusal))
                if refusal.code() == "unknown_application"
                    && refusal.to_string().starts_with(&message));
            assert!(is_unknown, "{answer:?}");
            answers.push(format!("{answer:?}").replace(&uuid.to_string(), "it"));
        }
    }
    answers
}

pub async fn what_is_corrupt_does_not_exist_for_another_institution<H: Damaged>() {
    let place = every_kind::<H>().await;
    let saved = place.save().await;
    for (_, sql, _) in edits::<H>().filter(|(_, sql, _)| !loses_the_institution(sql)) {
        // Given an application of ours that was edited by hand
        let engine = at_rest(place.damage(&saved, &sql).await);
        // When another institution asks, first one that is unknown, and then one that is
        // known
        for _ in 0..2 {
            let corrupt = asked(&engine, NUMBER, "9-4").await;
            let nothing = asked(&engine, 77, "77-4").await;
            assert_eq!(corrupt, nothing, "{sql}");
            let _ = engine.execute(in_theirs(submit(500))).await;
        }
    }
}
