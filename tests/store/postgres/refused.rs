//! What a rule of the database's administrator refuses concerns its command alone, and is not tried
//! again.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{ExecuteError, Outbox, PostgresStore, Request, StoreError};
use certificate_lifecycle::{ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle};

use super::personal::printed;
use super::{edit, fresh};
use crate::harness::Postgres;
use crate::outbox_world::{Post, of_ours};
use crate::server::client;
use crate::world::{check, id, john, ours};

/// An application with an address of its own.
fn submit(number: u64, address: &str) -> Request {
    let details = ApplicationDetails::new(
        ApplicationId::new(number + 1).unwrap(),
        id(number),
        CertificateTitle::new("Diploma").unwrap(),
        ApplicantEmail::new(address).unwrap(),
    );
    Request::submit(ours(), john(), details)
}

fn address(number: u64) -> String {
    format!("applicant-{number}@example.com")
}

/// The last number that rows of this table were given: each try takes some, and a rollback gives
/// none back.
async fn numbers(schema: &Postgres, table: &str) -> i64 {
    let sql = format!("SELECT nextval(pg_get_serial_sequence('{table}', 'number'))");
    let row = client(schema.url()).await.query_one(&sql, &[]).await;
    row.unwrap().get(0)
}

/// Of 21 commands of one call, the last one is refused, and the others are carried out.
async fn only_the_last_is_refused(engine: &Engine<PostgresStore>, address_of_last: &str) -> String {
    let commands = (0..20).map(|number| submit(number, &address(number)));
    let commands = commands.chain([submit(20, address_of_last)]).collect();
    let mut answers = engine.execute_many(commands).await;
    let last = answers.pop().unwrap().unwrap_err();
    for answer in answers {
        let _ = answer.unwrap();
    }
    let ExecuteError::Store(StoreError::RefusedByDatabase { reason }) = &last else {
        panic!("{last:?}");
    };
    assert_eq!(last.code(), "refused_by_database");
    assert!(!printed(&last).contains(address_of_last), "{last:?}");
    assert_eq!(check(engine).await.feed.len(), 20);
    reason.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unique_index_of_the_administrator_refuses_one_command_of_its_batch() {
    let (schema, engine) = fresh().await;
    let index = "CREATE UNIQUE INDEX dba ON certlife_application (applicant_email)";
    edit(&schema, index).await;
    let reason = only_the_last_is_refused(&engine, &address(7)).await;
    assert!(reason.contains("\"dba\" (SQLSTATE 23505)"), "{reason}");
    // Once together, and once each
    assert!(numbers(&schema, "certlife_application").await <= 43);
    // Also among those that stand or fall together
    let call = vec![submit(30, &address(30)), submit(31, &address(7))];
    for answer in engine.execute_all(call).await {
        let code = answer.unwrap_err().code();
        assert_eq!(code, "refused_by_database");
    }
    assert!(numbers(&schema, "certlife_application").await <= 46);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unique_index_of_the_administrator_on_webhooks_is_not_tried_again() {
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    let index = "CREATE UNIQUE INDEX dba ON certlife_webhook (institution)";
    edit(&post.harness, index).await;
    let error = post.store.add_webhook(of_ours(2)).await.unwrap_err();
    assert_eq!(error.code(), "refused_by_database", "{error}");
    assert_eq!(numbers(&post.harness, "certlife_webhook").await, 3);
}

/// A trigger with this in its body, which sees one address that is no number.
fn trigger(body: &str) -> String {
    format!(
        "CREATE FUNCTION rule() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n int; \
         BEGIN {body}; RETURN NEW; END $$; \
         CREATE TRIGGER rule BEFORE INSERT ON certlife_application FOR EACH ROW \
         WHEN (NEW.applicant_email LIKE 'private%') EXECUTE FUNCTION rule()"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_meets_a_value_refuses_one_command_and_quotes_nothing() {
    for (body, words) in [
        (
            "PERFORM NEW.applicant_email::int",
            "a value is refused (SQLSTATE 22P02)",
        ),
        (
            "PERFORM NEW.applicant_email::timestamptz",
            "a value is refused (SQLSTATE 22007)",
        ),
        (
            "EXECUTE 'SELECT 1 ' || quote_literal(NEW.applicant_email) || ' ('",
            "a value is refused (SQLSTATE 42601)",
        ),
        (
            "CASE NEW.applicant_email WHEN '' THEN n := 1; END CASE",
            "case not found (SQLSTATE 20000)",
        ),
        (
            "n := (SELECT 1 FROM generate_series(1, 2))",
            "used as an expression (SQLSTATE 21000)",
        ),
        (
            "SELECT 1 INTO STRICT n WHERE false",
            "query returned no rows (SQLSTATE P0002)",
        ),
        (
            "RAISE 'not here' USING ERRCODE = 'ZZ001'",
            "ERROR: not here (SQLSTATE ZZ001)",
        ),
    ] {
        let (schema, engine) = fresh().await;
        edit(&schema, &trigger(body)).await;
        let reason = only_the_last_is_refused(&engine, "private@example.com").await;
        assert!(reason.ends_with(words), "{body}: {reason}");
    }
}

/// A missing table needs a person, and a limit passes: neither is about the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_misses_a_table_or_meets_a_limit_is_no_refusal() {
    for (body, code) in [
        ("PERFORM * FROM nowhere", "misconfigured"),
        ("RAISE 'full' USING ERRCODE = '53100'", "unavailable"),
    ] {
        let (schema, engine) = fresh().await;
        edit(&schema, &trigger(body)).await;
        let answer = engine.execute(submit(0, "private@example.com")).await;
        assert_eq!(answer.unwrap_err().code(), code, "{body}");
    }
}

/// The keys of two commands at once are ours: one of them is carried out, and the other is its
/// repetition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_for_a_key_of_ours_is_tried_again() {
    let (schema, engine) = fresh().await;
    // Given another transaction that has recorded the key, and ends later
    let mut other = client(schema.url()).await;
    let pid = super::pid(&other).await;
    let other = other.transaction().await.unwrap();
    let key = "INSERT INTO certlife_idempotency (key, institution, uuid, version) \
               SELECT 'key', $1, $2, 1";
    let institution = ours();
    other
        .execute(key, &[&institution.as_str(), &id(5)])
        .await
        .unwrap();
    let (calling, request) = (engine.clone(), submit(5, &address(5)));
    let request = request.with_key(crate::world::key("key"));
    let call = tokio::spawn(async move { calling.execute(request).await });
    super::a_session_waits_for(&schema, pid).await;
    // When it commits, then the command is looked at again: the key names an event that is not
    // there
    other.commit().await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "corrupt", "{error:?}");
}
