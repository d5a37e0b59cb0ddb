//! Rows that were edited by hand, so that they belong to no legal application, are reported, and
//! left as they are.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, ExecuteError, Filter, ListOrder, ListQuery, PostgresStore, Request, StoreError,
};
use certificate_lifecycle::{Action, Command, Source, Status};

use super::{dump, edit, fresh};
use crate::gaps;
use crate::harness::Postgres;
use crate::world::{act, bring, id, key, ours, theirs, worker};

/// The application that is edited: a customer's that failed and was retried, with four events.
const NUMBER: u64 = 1;

/// What a caller may ask of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Load,
    History,
    List,
    Counts,
    Feed,
    /// The next transition.
    Act,
    /// The last command again, with its key.
    Repeat,
}

use Question::{Act, Counts, Feed, History, List, Load, Repeat};

const ALL: &[Question] = &[Load, History, List, Feed, Act, Repeat];
const WHERE_IT_IS: &[Question] = &[Load, History, List, Act];
const IN_THE_PAST: &[Question] = &[History, Feed];

const APPLICATION: &str = "UPDATE certlife_application SET {edit} WHERE application_id = 2";
const LAST: &str = "UPDATE certlife_event SET {edit} WHERE idempotency_key = '1-4'";
const FAILED: &str = "UPDATE certlife_event SET {edit} WHERE idempotency_key = '1-3'";
const PROCESSING: &str = "UPDATE certlife_event SET {edit} WHERE idempotency_key = '1-2'";
const KEY: &str = "UPDATE certlife_idempotency SET {edit} WHERE key = '1-4'";

/// An edit, and who must be told of it.
const EDITS: &[(&str, &str, &[Question])] = &[
    (APPLICATION, "application_id = 0", ALL),
    (APPLICATION, "application_id = -1", ALL),
    (APPLICATION, "application_id = 9007199254740992", ALL),
    (APPLICATION, "certificate_title = ''", ALL),
    (APPLICATION, "certificate_title = '  '", ALL),
    (APPLICATION, "certificate_title = repeat('x', 256)", ALL),
    (APPLICATION, "applicant_email = ''", ALL),
    (APPLICATION, "applicant_email = 'nobody'", ALL),
    (APPLICATION, "applicant_email = 'no body@example.com'", ALL),
    (
        APPLICATION,
        "status = 99",
        &[Load, History, List, Counts, Act],
    ),
    (
        APPLICATION,
        "status = -1",
        &[Load, History, List, Counts, Act],
    ),
    (APPLICATION, "status = 0", WHERE_IT_IS),
    (APPLICATION, "status = 4", WHERE_IT_IS),
    (APPLICATION, "version = 0", WHERE_IT_IS),
    (APPLICATION, "version = -4", WHERE_IT_IS),
    (APPLICATION, "version = 3", WHERE_IT_IS),
    (APPLICATION, "version = 6", WHERE_IT_IS),
    (APPLICATION, "version = 9223372036854775807", WHERE_IT_IS),
    (APPLICATION, "transaction = 9223372036854775807", &[Act]),
    (APPLICATION, "transaction = -9223372036854775808", &[Act]),
    (APPLICATION, "transaction = transaction - 1", &[Act]),
    (APPLICATION, "updated_at = updated_at + 1", WHERE_IT_IS),
    (APPLICATION, "updated_at = -99999999999999", WHERE_IT_IS),
    (
        APPLICATION,
        "trigger_context = 3",
        &[Load, History, List, Counts, Feed, Act, Repeat],
    ),
    (
        APPLICATION,
        "trigger_context = -1",
        &[Load, History, List, Counts, Feed, Act, Repeat],
    ),
    (APPLICATION, "trigger_context = 0", &[History, Feed]),
    (APPLICATION, "institution = ''", &[Feed]),
    (LAST, "kind = 99", ALL),
    (LAST, "kind = -1", ALL),
    (LAST, "kind = 2", WHERE_IT_IS),
    (LAST, "kind = 3", ALL),
    (LAST, "version = 0", &[Load, History, List, Feed, Act]),
    (LAST, "version = -1", &[Load, History, List, Feed, Act]),
    (LAST, "version = 6", WHERE_IT_IS),
    (
        LAST,
        "version = 9223372036854775807",
        &[Load, History, List, Feed, Act],
    ),
    (LAST, "at = at + 1", WHERE_IT_IS),
    (LAST, "at = 9223372036854775807", ALL),
    (LAST, "at = 253402300800", ALL),
    (LAST, "text = 'why?'", ALL),
    (
        LAST,
        "uuid = '00000000-0000-0000-0000-000000000000'",
        &[Load, History, List, Feed, Act],
    ),
    (FAILED, "text = NULL", IN_THE_PAST),
    (FAILED, "text = ''", IN_THE_PAST),
    (FAILED, "text = repeat('x', 1001)", IN_THE_PAST),
    (FAILED, "actor_kind = 3", IN_THE_PAST),
    (FAILED, "actor = ''", IN_THE_PAST),
    (FAILED, "idempotency_key = ''", IN_THE_PAST),
    (FAILED, "kind = 0", IN_THE_PAST),
    (FAILED, "kind = 5, text = NULL", IN_THE_PAST),
    (FAILED, "kind = 2, text = NULL", &[History]),
    (PROCESSING, "kind = 3, text = 'no'", &[History]),
    (FAILED, "at = at + 1", &[History]),
    (FAILED, "version = 5", &[History]),
    (
        FAILED,
        "uuid = '00000000-0000-0000-0000-000000000000'",
        IN_THE_PAST,
    ),
    (KEY, "version = 99", &[Repeat]),
    (KEY, "refused = ''", &[Repeat]),
    (KEY, "refused = '{}'", &[Repeat]),
    (KEY, "version = 3", &[Repeat]),
    (
        KEY,
        "uuid = '00000000-0000-0000-0000-000000000000'",
        &[Repeat],
    ),
];

/// What the store answers: nothing of interest, or an error.
async fn ask(engine: &Engine<PostgresStore>, question: Question) -> Result<(), StoreError> {
    let last = bring(NUMBER, Status::Retried, Source::Customer)
        .unwrap()
        .pop()
        .unwrap();
    let command = match question {
        Load => return engine.load(&ours(), id(NUMBER)).await.map(drop),
        History => return engine.history(&ours(), id(NUMBER)).await.map(drop),
        Counts => return engine.counts(&ours()).await.map(drop),
        List => {
            let query = ListQuery {
                institution: ours(),
                filter: Filter::all(),
                order: ListOrder::OldestFirst,
                after: None,
                limit: 100,
                origins: false,
            };
            // It tells of what is corrupt, and of all others.
            let page = engine.list(query).await?;
            let Some(corrupt) = page.corrupt.into_iter().next() else {
                return Ok(());
            };
            assert_eq!(page.applications.len(), 2);
            return Err(corrupt);
        }
        Feed => {
            // What is committed appears behind other tests' transactions.
            let (mut cursor, mut told) = (Cursor::START, 0);
            while told < 6 {
                let page = engine.feed(cursor, 1).await?;
                cursor = page.last().map_or(cursor, |it| it.cursor);
                told += page.len();
            }
            return Ok(());
        }
        Act => act(NUMBER, Action::Approve),
        Repeat => last.with_key(key("1-4")),
    };
    match engine.execute(command).await {
        Err(ExecuteError::Store(error)) => Err(error),
        _ => Ok(()),
    }
}

/// A schema with a rejected application, the one that is edited, and an upload.
async fn three() -> (Postgres, Engine<PostgresStore>) {
    let (schema, engine) = fresh().await;
    let all = [
        bring(0, Status::Created, Source::Customer),
        bring(NUMBER, Status::Retried, Source::Customer),
        bring(2, Status::Created, Source::Vault),
    ];
    for (number, way) in (0..).zip(all) {
        for (version, request) in (1..).zip(way.unwrap()) {
            let key = key(&format!("{number}-{version}"));
            let _ = engine.execute(request.with_key(key)).await.unwrap();
        }
    }
    (schema, engine)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_no_application_could_have_are_reported_and_left_alone() {
    let (schema, engine) = three().await;
    let save = "CREATE TABLE saved_application AS TABLE certlife_application; \
                CREATE TABLE saved_event AS TABLE certlife_event; \
                CREATE TABLE saved_key AS TABLE certlife_idempotency";
    edit(&schema, save).await;
    let restore = "TRUNCATE certlife_application, certlife_event, certlife_idempotency; \
                   INSERT INTO certlife_application OVERRIDING SYSTEM VALUE TABLE saved_application; \
                   INSERT INTO certlife_event TABLE saved_event; \
                   INSERT INTO certlife_idempotency TABLE saved_key";
    let mut untold = Vec::new();
    for (row, change, told) in EDITS {
        let sql = row.replace("{edit}", change);
        for question in [Load, History, List, Counts, Feed, Act, Repeat] {
            edit(&schema, &format!("{restore}; {sql}")).await;
            let before = dump(&schema).await;
            let is_told = match ask(&engine, question).await {
                // It names the row.
                Err(StoreError::Corrupt { row, problem }) => !row.is_empty() && !problem.is_empty(),
                Err(error) => {
                    untold.push(format!("{question:?} is not told, but {error}: {sql}"));
                    true
                }
                Ok(()) => false,
            };
            if told.contains(&question) && !is_told {
                untold.push(format!("{question:?} is not told of: {sql}"));
            }
            if (question != Act || is_told) && dump(&schema).await != before {
                untold.push(format!("{question:?} is told, but overwrites: {sql}"));
            }
        }
    }
    assert!(untold.is_empty(), "{}", untold.join("\n"));
}

/// An application whose own row is as the store wrote it moves on, whatever was done to its events:
/// what was done is told by whoever reads them, and nothing of it is overwritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_edited_are_told_where_they_are_read() {
    let events = EDITS.iter().filter(|(row, ..)| *row == LAST);
    for (row, change, told) in events {
        let sql = row.replace("{edit}", change);
        let (schema, engine) = three().await;
        edit(&schema, &sql).await;
        let before = dump(&schema).await;
        let moved_on = ask(&engine, Act).await;
        assert!(
            matches!(moved_on, Ok(()) | Err(StoreError::Corrupt { .. })),
            "{sql}: {moved_on:?}"
        );
        let after = dump(&schema).await;
        let is_event = |row: &&String| row.starts_with("certlife_event");
        for row in before.iter().filter(is_event) {
            assert!(after.contains(row), "{sql}: {row} is gone");
        }
        for question in [History, Feed] {
            if told.contains(&question) {
                let answer = ask(&engine, question).await;
                assert!(
                    matches!(answer, Err(StoreError::Corrupt { .. })),
                    "{sql}: {question:?} is not told, but {answer:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_what_fails_the_stalled_go_on_without_corrupt_rows() {
    let world = gaps::uploads::<Postgres>().await;
    let ids = gaps::EDITED_IDS;
    let sql = format!(
        "UPDATE certlife_application SET certificate_title = '' WHERE application_id IN {ids}"
    );
    edit(&world.harness, &sql).await;
    gaps::lists_go_on(&world).await;
    gaps::the_sound_are_failed(&world, gaps::EDITED.len()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_the_stalled_goes_on_without_what_only_a_command_sees_to_be_corrupt() {
    let world = gaps::uploads::<Postgres>().await;
    let sql = "UPDATE certlife_application SET transaction = transaction - 1 \
               WHERE application_id = 1";
    edit(&world.harness, sql).await;
    gaps::the_sound_are_failed(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_count_names_its_institution_as_it_is_called() {
    let (schema, engine) = three().await;
    edit(&schema, &APPLICATION.replace("{edit}", "status = 99")).await;
    let Err(StoreError::Corrupt { row, .. }) = ask(&engine, Counts).await else {
        panic!("it is not told");
    };
    let named = "table certlife_application of institution \"our-university\"";
    assert_eq!(row, named);
}

/// To another institution, an application is one that does not exist, whatever its rows are like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_corrupt_is_nothing_to_another_institution() {
    let (schema, engine) = three().await;
    let nothing = id(77);
    for (row, change, _) in EDITS.iter().filter(|(row, ..)| *row == APPLICATION) {
        edit(
            &schema,
            "CREATE TABLE IF NOT EXISTS saved AS TABLE certlife_application; \
             TRUNCATE certlife_application; \
             INSERT INTO certlife_application OVERRIDING SYSTEM VALUE TABLE saved",
        )
        .await;
        edit(&schema, &row.replace("{edit}", change)).await;
        let mut answers = Vec::new();
        for uuid in [id(NUMBER), nothing] {
            let approve = Request::transition(theirs(), worker(), uuid, Command::Approve);
            let requests = [
                approve.clone(),
                approve.clone().expecting(4),
                approve.with_key(key(&format!("{change}, {uuid}"))),
            ];
            for request in requests {
                let answer = format!("{:?}", engine.execute(request.clone()).await);
                answers.push(answer.replace(&uuid.to_string(), "it"));
                let answer = format!("{:?}", engine.execute_all(vec![request]).await);
                answers.push(answer.replace(&uuid.to_string(), "it"));
            }
            let loaded = engine.load(&theirs(), uuid).await;
            answers.push(format!("{loaded:?}"));
            let history = engine.history(&theirs(), uuid).await;
            answers.push(format!("{history:?}"));
        }
        let (of_theirs, of_nothing) = answers.split_at(answers.len() / 2);
        assert_eq!(of_theirs, of_nothing, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_table_of_the_feed_is_told_by_its_name() {
    let (schema, engine) = three().await;
    let before = dump(&schema).await;
    edit(&schema, "DELETE FROM certlife_feed").await;
    let named = |error: &StoreError| matches!(error, StoreError::Corrupt { row, .. } if row == "table certlife_feed");
    // A program that was up, and one that comes now
    let later = super::engine(schema.url(), super::impatient()).await;
    for engine in [engine, later] {
        let error = engine.feed(Cursor::START, 10).await.unwrap_err();
        assert!(named(&error), "{error}");
        let creation = crate::world::submit(9);
        let commands = vec![creation, act(NUMBER, Action::Approve)];
        let answers = engine.execute_many(commands.clone()).await;
        let together = engine.execute_all(commands).await;
        for answer in answers.into_iter().chain(together) {
            assert!(
                matches!(&answer, Err(ExecuteError::Store(error)) if named(error)),
                "{answer:?}"
            );
        }
    }
    assert_eq!(dump(&schema).await, before);
}
