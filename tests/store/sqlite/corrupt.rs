//! Rows that were edited by hand, so that they belong to no legal application, are reported, and
//! left as they are.

use std::fs;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, ExecuteError, Filter, ListOrder, ListQuery, SqliteStore, StoreError,
};
use certificate_lifecycle::{Action, Source, Status};

use super::{dump, edit, engine, file_with_every_kind};
use crate::gaps;
use crate::harness::Sqlite;
use crate::world::{act, bring, id, key, ours};

/// The application that is edited: a customer's that failed and was retried, with four events. It
/// is the last of the ten kinds.
pub const NUMBER: u64 = 9;

/// What a caller may ask of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
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

/// In the SQL of an edit, these stand for numbers of rows: the application's, its events', another
/// application's and its event's.
const NAMES: [(&str, &str); 6] = [
    ("{app}", "(SELECT max(no) FROM certlife_application)"),
    (
        "{failed}",
        "(SELECT seq FROM certlife_event WHERE idempotency_key = '9-3')",
    ),
    (
        "{processing}",
        "(SELECT seq FROM certlife_event WHERE idempotency_key = '9-2')",
    ),
    ("{last}", "(SELECT max(seq) FROM certlife_event)"),
    ("{other}", "(SELECT max(no) - 1 FROM certlife_application)"),
    (
        "{others}",
        "(SELECT seq FROM certlife_event WHERE idempotency_key = '8-2')",
    ),
];

/// The edit, with the numbers for their names.
pub fn with_numbers(sql: &str) -> String {
    NAMES
        .iter()
        .fold(sql.to_owned(), |sql, (name, rows)| sql.replace(name, rows))
}

/// An edit, and who must be told of it.
pub const EDITS: &[(&str, &[Question])] = &[
    // The application itself.
    (
        "UPDATE certlife_application SET application_id = 0 WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET application_id = -1 WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET application_id = 9007199254740992 WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET certificate_title = '' WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET certificate_title = '  ' WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET certificate_title = printf('%256c', 'x') WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET applicant_email = '' WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET applicant_email = 'nobody' WHERE no = {app}",
        ALL,
    ),
    (
        "UPDATE certlife_application SET uuid = X'00' WHERE no = {app}",
        &[List, Feed, Repeat],
    ),
    (
        "DELETE FROM certlife_application WHERE no = {app}",
        &[List, Feed, Repeat],
    ),
    // Where it stands.
    (
        "UPDATE certlife_head SET status = 99 WHERE application = {app}",
        &[Load, History, List, Counts, Act],
    ),
    (
        "UPDATE certlife_head SET status = -1 WHERE application = {app}",
        &[Load, History, List, Counts, Act],
    ),
    (
        "UPDATE certlife_head SET status = 0 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET status = 4 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET version = 0 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET version = -4 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET version = 3 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET version = 6 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET updated_at = updated_at + 1 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET updated_at = -99999999999999 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET trigger_context = 3 WHERE application = {app}",
        &[Load, History, List, Counts, Feed, Act, Repeat],
    ),
    (
        "UPDATE certlife_head SET trigger_context = -1 WHERE application = {app}",
        &[Load, History, List, Counts, Feed, Act, Repeat],
    ),
    (
        "UPDATE certlife_head SET trigger_context = 0 WHERE application = {app}",
        &[Load, History, List, Feed, Act],
    ),
    (
        "UPDATE certlife_head SET institution = 99 WHERE application = {app}",
        &[Load, History, Feed, Act, Repeat],
    ),
    (
        "UPDATE certlife_head SET event = 999999 WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET event = {others} WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_head SET event = {failed} WHERE application = {app}",
        WHERE_IT_IS,
    ),
    (
        "DELETE FROM certlife_head WHERE application = {app}",
        &[Load, History, Feed, Act, Repeat],
    ),
    // Its last event.
    (
        "UPDATE certlife_event SET kind = 99 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET kind = -1 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET kind = 2 WHERE seq = {last}",
        WHERE_IT_IS,
    ),
    ("UPDATE certlife_event SET kind = 3 WHERE seq = {last}", ALL),
    (
        "UPDATE certlife_event SET version = 0 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET version = -1 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET version = 6 WHERE seq = {last}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_event SET version = 9223372036854775807 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET at = at + 1 WHERE seq = {last}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_event SET at = 9223372036854775807 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET at = 253402300800 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET at = -62167219201 WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET text = 'why?' WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET previous = NULL WHERE seq = {last}",
        ALL,
    ),
    (
        "UPDATE certlife_event SET previous = 999999 WHERE seq = {last}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET previous = {last} WHERE seq = {last}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET previous = {processing} WHERE seq = {last}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET previous = {others} WHERE seq = {last}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET application = {other} WHERE seq = {last}",
        WHERE_IT_IS,
    ),
    (
        "UPDATE certlife_event SET application = 999999 WHERE seq = {last}",
        &[Load, History, List, Feed, Act, Repeat],
    ),
    (
        "DELETE FROM certlife_event WHERE seq = {last}",
        &[Load, History, List, Act, Repeat],
    ),
    // An event of its past.
    (
        "UPDATE certlife_event SET text = NULL WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET text = '' WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET text = printf('%1001c', 'x') WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET actor_kind = 3 WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET actor = '' WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET actor = 'a' || char(10) WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET idempotency_key = '' WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET idempotency_key = printf('%256c', 'x') WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET kind = 0 WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET kind = 5, text = NULL WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    // Possible at this version, but not before what follows.
    (
        "UPDATE certlife_event SET kind = 2, text = NULL WHERE seq = {failed}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET kind = 3, text = 'no' WHERE seq = {processing}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET at = at + 1 WHERE seq = {failed}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET version = 2 WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET version = 5 WHERE seq = {failed}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET previous = NULL WHERE seq = {failed}",
        IN_THE_PAST,
    ),
    (
        "UPDATE certlife_event SET previous = {last} WHERE seq = {failed}",
        &[History],
    ),
    (
        "UPDATE certlife_event SET application = {other} WHERE seq = {failed}",
        &[History],
    ),
    (
        "DELETE FROM certlife_event WHERE seq = {failed}",
        &[History],
    ),
    // Whose it is, and the keys.
    ("UPDATE certlife_institution SET id = ''", &[Feed]),
    (
        "UPDATE certlife_institution SET id = 'a' || char(0)",
        &[Feed],
    ),
    (
        "UPDATE certlife_institution SET id = printf('%65c', 'x')",
        &[Feed],
    ),
    (
        "DELETE FROM certlife_institution",
        &[Load, History, Feed, Act],
    ),
    (
        "UPDATE certlife_idempotency SET refused = '{}' WHERE key = '9-4'",
        &[Repeat],
    ),
    (
        "UPDATE certlife_idempotency SET event = 999999 WHERE key = '9-4'",
        &[Repeat],
    ),
    (
        "UPDATE certlife_idempotency SET event = {failed} WHERE key = '9-4'",
        &[Repeat],
    ),
    (
        "UPDATE certlife_idempotency SET event = {others} WHERE key = '9-4'",
        &[Repeat],
    ),
];

/// What the store answers: nothing of interest, or an error.
async fn ask(engine: &Engine<SqliteStore>, question: Question) -> Result<(), StoreError> {
    let last = bring(NUMBER, Status::Retried, Source::Customer)
        .unwrap()
        .pop()
        .unwrap();
    let command = match question {
        Load => return engine.load(&ours(), id(NUMBER)).await.map(drop),
        History => return engine.history(&ours(), id(NUMBER)).await.map(drop),
        Counts => return engine.counts(&ours()).await.map(drop),
        List => return list(engine).await,
        Feed => return feed(engine).await,
        Act => act(NUMBER, Action::Approve),
        Repeat => last.with_key(key("9-4")),
    };
    match engine.execute(command).await {
        Err(ExecuteError::Store(error)) => Err(error),
        // Whatever else it is, it is no worse than any answer to a command.
        _ => Ok(()),
    }
}

async fn list(engine: &Engine<SqliteStore>) -> Result<(), StoreError> {
    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
        let query = ListQuery {
            institution: ours(),
            filter: Filter::all(),
            order,
            after: None,
            limit: 100,
            origins: false,
        };
        // It tells of what is corrupt, and of all others.
        let page = engine.list(query).await?;
        if let Some(corrupt) = page.corrupt.into_iter().next() {
            assert_eq!(page.applications.len(), 9);
            return Err(corrupt);
        }
    }
    Ok(())
}

/// To the first error, which must not hide what stands before it.
async fn feed(engine: &Engine<SqliteStore>) -> Result<(), StoreError> {
    let mut cursor = Cursor::START;
    while let Some(last) = engine.feed(cursor, 7).await?.last() {
        cursor = last.cursor;
    }
    Ok(())
}

/// The edits that are not told to whom they should be.
async fn untold(file: &Sqlite, sql: &str, told: &[Question]) -> Vec<String> {
    let named = with_numbers(sql);
    let original = fs::read(file.path()).unwrap();
    let mut untold = Vec::new();
    for question in [Load, History, List, Counts, Feed, Act, Repeat] {
        fs::write(file.path(), &original).unwrap();
        edit(&file.path(), &named);
        let before = dump(&file.path());
        let answer = {
            let engine = engine(&file.path());
            ask(&engine, question).await
        };
        let is_told = match &answer {
            // It names the row.
            Err(StoreError::Corrupt { row, problem }) => !row.is_empty() && !problem.is_empty(),
            Err(error) => panic!("{question:?} after {sql}: {error:?}"),
            Ok(()) => false,
        };
        if told.contains(&question) && !is_told {
            untold.push(format!("{question:?} is not told of: {sql}"));
        }
        if question != Act || is_told {
            // A key may remember that its command was refused; nothing else is new, and nothing is
            // gone.
            let mut after = dump(&file.path());
            after.retain(|row| before.contains(row) || !row.contains("\\\"code\\\""));
            after.retain(|row| {
                before.contains(row)
                    || row != "certlife_institution [Integer(2), Text(\"our-university\")]"
            });
            assert_eq!(after, before, "{question:?} after {sql}");
        }
    }
    fs::write(file.path(), &original).unwrap();
    untold
}

#[tokio::test]
async fn rows_that_no_application_could_have_are_reported_and_left_alone() {
    let file = file_with_every_kind().await;
    let mut all = Vec::new();
    for (sql, told) in EDITS {
        all.extend(untold(&file, sql, told).await);
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[tokio::test]
async fn a_corrupt_application_does_not_stand_in_the_way_of_others() {
    let file = file_with_every_kind().await;
    let bad = "UPDATE certlife_application SET application_id = 0 WHERE no = 10";
    edit(&file.path(), bad);
    let engine = engine(&file.path());
    // Given many commands in one call and in one commit, of which one meets the corrupt row
    let mut requests: Vec<_> = (100..120).map(crate::world::submit).collect();
    requests.insert(7, act(NUMBER, Action::Approve));
    let answers = engine.execute_many(requests).await;
    // Then only that one is told
    for (index, answer) in answers.iter().enumerate() {
        let corrupt = matches!(answer, Err(ExecuteError::Store(StoreError::Corrupt { row, .. }))
            if row.contains(&id(NUMBER).to_string()));
        assert_eq!(corrupt, index == 7, "{answer:?}");
        assert_eq!(answer.is_ok(), index != 7);
    }
    // And the feed tells of what stands before it, and then of it
    let mut cursor = Cursor::START;
    let mut told = 0;
    let error = loop {
        match engine.feed(cursor, 5).await {
            Ok(page) => {
                told += page.len();
                cursor = page.last().unwrap().cursor;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(told, 19);
    assert!(matches!(error, StoreError::Corrupt { .. }));
}

#[tokio::test]
async fn lists_and_what_fails_the_stalled_go_on_without_corrupt_rows() {
    let world = gaps::uploads::<Sqlite>().await;
    let ids = gaps::EDITED_IDS;
    edit(
        &world.harness.path(),
        &format!(
            "UPDATE certlife_application SET certificate_title = '' WHERE application_id IN {ids}"
        ),
    );
    gaps::lists_go_on(&world).await;
    gaps::the_sound_are_failed(&world, gaps::EDITED.len()).await;
}

#[tokio::test]
async fn a_list_goes_on_where_an_application_is_missing() {
    // Given a row of where it stands, and nothing of what it is
    let file = file_with_every_kind().await;
    edit(
        &file.path(),
        "DELETE FROM certlife_application WHERE no IN (3, 10)",
    );
    let engine = engine(&file.path());
    let (mut sound, mut corrupt, mut after) = (0, 0, None);
    loop {
        let query = ListQuery {
            institution: ours(),
            filter: Filter::all(),
            order: ListOrder::OldestFirst,
            after,
            limit: 3,
            origins: false,
        };
        let page = engine.list(query).await.unwrap();
        sound += page.applications.len();
        corrupt += page.corrupt.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((sound, corrupt), (8, 2));
}

#[tokio::test]
async fn a_corrupt_row_is_named_by_what_it_is_and_where() {
    let uuid = id(NUMBER);
    for (sql, question, named) in [
        (
            "UPDATE certlife_event SET text = NULL WHERE seq = {failed}",
            History,
            format!("application {uuid}, event 3 (event row {{failed}})"),
        ),
        (
            "UPDATE certlife_event SET text = NULL WHERE seq = {failed}",
            Feed,
            format!("application {uuid}, event 3 (event row {{failed}})"),
        ),
        (
            "DELETE FROM certlife_event WHERE seq = {failed}",
            History,
            format!("application {uuid}, event row {{failed}}"),
        ),
        (
            "UPDATE certlife_application SET uuid = X'00' WHERE no = {app}",
            List,
            "application row 10, event 4 (event row {last})".to_owned(),
        ),
        (
            "DELETE FROM certlife_application WHERE no = {app}",
            List,
            "event 4 (event row {last})".to_owned(),
        ),
        (
            "DELETE FROM certlife_event WHERE seq = {last}",
            Load,
            format!("application {uuid}"),
        ),
        (
            "UPDATE certlife_head SET status = 99 WHERE application = {app}",
            Counts,
            "table certlife_head of institution \"our-university\"".to_owned(),
        ),
        (
            "UPDATE certlife_idempotency SET event = 999999 WHERE key = '9-4'",
            Repeat,
            "idempotency key \"9-4\"".to_owned(),
        ),
    ] {
        let file = file_with_every_kind().await;
        // The keys of the events, as one sees them in the file
        let connection = rusqlite::Connection::open(file.path()).unwrap();
        let named = NAMES.iter().fold(named, |named, (name, rows)| {
            let number = connection.query_row(&format!("SELECT {rows}"), [], |row| row.get(0));
            let number: i64 = number.unwrap();
            named.replace(name, &number.to_string())
        });
        edit(&file.path(), &with_numbers(sql));
        match ask(&engine(&file.path()), question).await {
            Err(StoreError::Corrupt { row, .. }) => assert_eq!(row, named, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}
