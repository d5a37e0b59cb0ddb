//! Commands within a transaction of the caller's, on a connection of the caller's to the same file.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OptionalExtension, Savepoint, Transaction};

use super::SqliteStore;
use super::failure::{code_of, text_of, unavailable};
use super::job::refusals;
use super::write::Write;
use super::writer::Writer;
use crate::store::within::{Answers, Joins, Rusqlite, sealed::Sealed};
use crate::store::{Append, Atomicity, ExecuteError, Receipt, Result, StoreError};

/// A connection within a transaction.
macro_rules! joins {
    ($($transaction:ident)+) => {$(
        impl Sealed<Rusqlite> for &$transaction<'_> {}

        impl Joins<SqliteStore, Rusqlite> for &$transaction<'_> {
            type Answer<A: Send + 'static> = A;

            fn known<A: Send + 'static>(self, answer: A) -> A {
                answer
            }

            fn append<A: Send + 'static>(
                self,
                store: SqliteStore,
                batch: Vec<Append>,
                atomicity: Atomicity,
                answer: impl FnOnce(Vec<Result<Receipt, ExecuteError>>) -> A + Send + 'static,
            ) -> A {
                answer(append(self, &store, &batch, atomicity))
            }
        }
    )+};
}

joins! { Transaction Savepoint }

fn append(
    connection: &Connection,
    store: &SqliteStore,
    batch: &[Append],
    atomicity: Atomicity,
) -> Answers {
    let checked = check(connection, store);
    let answers = checked.and_then(|()| carry_out(connection, batch, atomicity));
    answers.unwrap_or_else(|error| refusals(batch, &error))
}

/// That the transaction goes on, and is on the store's file.
fn check(connection: &Connection, store: &SqliteStore) -> Result<()> {
    let writer = store.shared.writer.as_ref();
    let anchor = writer.map(Writer::anchor).ok_or_else(|| {
        StoreError::misconfigured("the store was opened for reading only, and records nothing")
    })?;
    let path = connection.path().filter(|it| !it.is_empty());
    if !path.is_some_and(|it| anchor.is_opened_at(Path::new(it))) {
        return Err(StoreError::misconfigured(format!(
            "the transaction is on {}, but the store is on {}: open the connection with the store's path",
            path.map_or_else(|| "a database in memory".to_owned(), |it| format!("{it:?}")),
            anchor.path().display()
        )));
    }
    if connection.is_autocommit() {
        return Err(StoreError::unavailable(
            "the transaction is over: it was committed or rolled back",
        ));
    }
    if connection.is_readonly(MAIN_DB).map_err(unavailable)? {
        return Err(StoreError::misconfigured(
            "the transaction's connection was opened for reading only",
        ));
    }
    // What is moved or removed while it is open is nothing that others find again.
    anchor.check()?;
    check_names(connection).map_err(unavailable)?
}

/// That the store's names mean its tables: a temporary table or view hides the one of the file.
fn check_names(connection: &Connection) -> rusqlite::Result<Result<()>> {
    let sql = "SELECT name FROM sqlite_temp_schema \
        WHERE type IN ('table', 'view') AND lower(name) GLOB 'certlife_*' LIMIT 1";
    let hides: Option<String> = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(hides.map_or(Ok(()), |name| {
        Err(StoreError::misconfigured(format!(
            "the transaction's connection has a temporary table or view {name:?}, which hides the \
             store's"
        )))
    }))
}

/// Carries out the commands, or leaves nothing of them in the transaction.
fn carry_out(connection: &Connection, batch: &[Append], atomicity: Atomicity) -> Result<Answers> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]);
    // Where this fails, there is nothing to take back: a savepoint of that name is the caller's.
    execute("SAVEPOINT certlife_within").map_err(|error| {
        StoreError::unavailable(format!(
            "cannot open a savepoint within the transaction: {}; a statement that writes, as with \
             RETURNING, is to be ended first",
            text_of(&error)
        ))
        .caused_by(error)
    })?;
    let carried_out = Write::new(connection).and_then(|mut write| match atomicity {
        Atomicity::Each => write.each(batch),
        Atomicity::All => write.all(batch),
    });
    // Of some errors, SQLite rolls the whole transaction back.
    let goes_on = !connection.is_autocommit();
    let ended = if goes_on && carried_out.is_err() {
        execute("ROLLBACK TO certlife_within").and_then(|_| execute("RELEASE certlife_within"))
    } else if goes_on {
        execute("RELEASE certlife_within")
    } else {
        Ok(0)
    };
    match (carried_out, ended) {
        (Ok(answers), Ok(_)) if goes_on => Ok(answers),
        (Ok(_), Ok(_)) => Err(StoreError::unavailable(
            "SQLite has rolled the transaction back",
        )),
        (Err(error), _) | (_, Err(error)) => Err(failed(error, goes_on)),
    }
}

fn failed(error: rusqlite::Error, goes_on: bool) -> StoreError {
    let is_busy = matches!(
        code_of(&error),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    );
    let error = unavailable(error);
    if is_busy {
        // A transaction that has read before it writes cannot wait for another writer.
        error.with_reason(|it| {
            format!("{it}; begin the transaction with TransactionBehavior::Immediate")
        })
    } else if goes_on {
        error
    } else {
        error.with_reason(|it| format!("{it}; SQLite has rolled the transaction back"))
    }
}
