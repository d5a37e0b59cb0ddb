//! What PostgreSQL says of a row that it refuses stays with PostgreSQL, but for the message.

use std::error::Error;

use super::{edit, fresh};
use crate::world::{details, submit};

/// A trigger of the database's administrator.
fn trigger(raise: &str) -> String {
    format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN RAISE EXCEPTION USING {raise}; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON certlife_application FOR EACH ROW \
         EXECUTE FUNCTION refuse()"
    )
}

/// All that a log may print of an error.
pub(super) fn printed(error: &(dyn Error + 'static)) -> String {
    let mut printed = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        printed = format!("{printed}\n{error}\n{error:?}");
        source = error.source();
    }
    printed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_row_that_is_refused_only_the_message_is_reported() {
    let quoting =
        trigger("MESSAGE = 'not here', DETAIL = NEW.applicant_email, HINT = NEW.certificate_title");
    for (sql, words) in [
        (quoting.as_str(), "ERROR: not here (SQLSTATE P0001)"),
        (
            "ALTER TABLE certlife_application ADD CONSTRAINT none_of_it CHECK (false)",
            "\"none_of_it\" (SQLSTATE 23514)",
        ),
    ] {
        let (schema, engine) = fresh().await;
        edit(&schema, sql).await;
        let answers = engine.execute_all(vec![submit(0), submit(1)]).await;
        let all = answers.into_iter().chain([engine.execute(submit(0)).await]);
        for answer in all {
            let error = answer.unwrap_err();
            let printed = printed(&error);
            if error.code() == "refused_by_database" {
                assert!(error.to_string().ends_with(words), "{sql}: {error}");
            }
            for personal in [
                details(0).applicant_email().as_str(),
                details(0).certificate_title().as_str(),
                details(1).applicant_email().as_str(),
            ] {
                assert!(!printed.contains(personal), "{sql}: {printed}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_message_is_one_line_and_not_all_of_a_long_one() {
    let (schema, engine) = fresh().await;
    let message = "MESSAGE = E'\\033[2J\\nno\\u202e ' || repeat('x', 300)";
    edit(&schema, &trigger(message)).await;
    let error = engine.execute(submit(0)).await.unwrap_err().to_string();
    let x = "x".repeat(200 - "\u{1b}[2J\nno\u{202e} ".chars().count());
    let words = format!(r"ERROR: \u{{1b}}[2J\nno\u{{202e}} {x}… (SQLSTATE P0001)");
    assert!(error.ends_with(&words), "{error}");
}
