//! What is corrupt is told to its institution. To another it answers like one that does not exist.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{ExecuteError, Request, StoreError};

use super::corrupt::{EDITS, NUMBER, with_numbers};
use super::{edit, engine, file_with_every_kind};
use crate::world::{act, bring, id, key, ours, submit, theirs};
use certificate_lifecycle::{Source, Status};

fn of_theirs(mut request: Request) -> Request {
    request.institution = theirs();
    request
}

/// After these, nobody can tell whose application it is.
fn leaves_the_institution(sql: &str) -> bool {
    let lost = [
        "head SET institution",
        "DELETE FROM certlife_head",
        "DELETE FROM certlife_institution",
    ];
    !lost.iter().any(|it| sql.contains(it))
}

#[tokio::test]
async fn what_is_corrupt_does_not_exist_for_another_institution() {
    let not_text = "UPDATE certlife_institution SET id = CAST(X'FF' AS TEXT)";
    let edits = EDITS.iter().map(|(sql, _)| *sql).chain([not_text]);
    for sql in edits.filter(|sql| leaves_the_institution(sql)) {
        // Given an application of ours that was edited by hand
        let file = file_with_every_kind().await;
        edit(&file.path(), &with_numbers(sql));
        let engine = engine(&file.path());
        // When another institution asks, first one that nobody has heard of, and then one that is
        // known
        for _ in 0..2 {
            let loaded = engine.load(&theirs(), id(NUMBER)).await;
            assert_eq!(loaded.unwrap(), None, "{sql}");
            let history = engine.history(&theirs(), id(NUMBER)).await;
            assert_eq!(history.unwrap(), [], "{sql}");
            let next = of_theirs(act(NUMBER, Action::Approve));
            for request in [
                next.clone(),
                next.clone().expecting(4),
                next.with_key(key("9-4")),
            ] {
                let answer = engine.execute(request).await;
                // (under a key, as it was told before)
                let message = format!("there is no application {}", id(NUMBER));
                let unknown = matches!(&answer, Err(ExecuteError::Refused(refusal))
                    if refusal.code() == "unknown_application"
                        && refusal.to_string().starts_with(&message));
                assert!(unknown, "{sql}: {answer:?}");
            }
            let _ = engine.execute(of_theirs(submit(500))).await;
        }
    }
}

#[tokio::test]
async fn what_is_corrupt_says_nothing_of_another_institution() {
    let last = bring(NUMBER, Status::Retried, Source::Customer)
        .unwrap()
        .pop();
    let repeated = last.unwrap().with_key(key("9-4"));
    // Given rows of ours that were made to point at an event of theirs, corrupt or not
    let theirs_seq = "(SELECT max(seq) FROM certlife_event)";
    for pointing in [
        format!(
            "UPDATE certlife_idempotency SET event = {theirs_seq} WHERE institution = 1 AND key = '9-4'"
        ),
        format!(
            "UPDATE certlife_event SET previous = {theirs_seq} \
             WHERE seq = (SELECT event FROM certlife_head WHERE application = 10)"
        ),
    ] {
        for more in [
            "",
            "; UPDATE certlife_application SET certificate_title = '' WHERE no = 11",
        ] {
            let file = file_with_every_kind().await;
            let theirs = of_theirs(submit(500)).with_key(key("9-4"));
            let _ = engine(&file.path()).execute(theirs).await.unwrap();
            edit(&file.path(), &format!("{pointing}{more}"));
            // When we ask
            let engine = engine(&file.path());
            let error = if pointing.contains("idempotency") {
                match engine.execute(repeated.clone()).await {
                    Err(ExecuteError::Store(error)) => error,
                    other => panic!("{other:?}"),
                }
            } else {
                engine.history(&ours(), id(NUMBER)).await.unwrap_err()
            };
            // Then our row is told, and nothing of theirs
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
            let sentence = error.to_string();
            assert!(!sentence.contains(&id(500).to_string()), "{sentence}");
            assert!(!sentence.contains("certificate_title"), "{sentence}");
        }
    }
}
