//! Rows that only a file has, edited by hand: what is said of them, and to whom.

use certificate_lifecycle::store::{ExecuteError, Filter, ListOrder, ListQuery, StoreError};
use certificate_lifecycle::{Source, Status};

use super::damaged::{NAMES, numbered};
use super::{edit, engine, file_with_every_kind};
use crate::damaged::NUMBER;
use crate::damaged::corrupt::ask;
use crate::outbox_world::in_theirs;
use crate::support::damaged::Question::{Counts, Feed, History, List, Load, Repeat};
use crate::world::{bring, id, key, ours, submit};

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
        edit(&file.path(), &numbered(sql));
        match ask(&file, &engine(&file.path()), question).await {
            Err(StoreError::Corrupt { row, .. }) => assert_eq!(row, named, "{sql}"),
            other => panic!("{sql}: {other:?}"),
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
            let theirs = in_theirs(submit(500)).with_key(key("9-4"));
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
            // Then our row is reported, and nothing of theirs
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
            let sentence = error.to_string();
            assert!(!sentence.contains(&id(500).to_string()), "{sentence}");
            assert!(!sentence.contains("certificate_title"), "{sentence}");
        }
    }
}
