//! The way from every earlier version of the tables to the newest: see
//! docs/decisions/0011-upgrades.md.

use std::time::{Duration, Instant};

use deadpool_postgres::Transaction;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, IsolationLevel};

use super::connections::Connections;
use super::failure::{not_fitting, not_set_up};
use super::options::PostgresOptions;
use super::pause::pause;
use super::schema::{NEEDED, NEWEST, Version, check_shape, connection, place, refuse, version};
use crate::store::{Migration, MigrationKind, MigrationStep, Result, StoreError};

/// A step, and the oldest program that goes on working: with a contraction, the one that knows this
/// version; with an expansion (none), whichever did before.
type Step = (Option<i64>, &'static str);

/// From each version to the next; forward only. What has been released never changes.
///
/// Expand first, contract a release later: a step that takes away comes when the release that no
/// longer uses it is out, and `oldest` is the version of that release.
const STEPS: [Step; 12] = [
    (Some(1), include_str!("migrations/1_log.sql")),
    (Some(2), include_str!("migrations/2_lists.sql")),
    (Some(3), include_str!("migrations/3_refusals.sql")),
    (Some(4), include_str!("migrations/4_outbox.sql")),
    (Some(5), include_str!("migrations/5_numbers.sql")),
    (None, include_str!("migrations/6_history.sql")),
    (None, include_str!("migrations/7_work.sql")),
    (None, include_str!("migrations/8_token.sql")),
    (None, include_str!("migrations/9_reply.sql")),
    (None, include_str!("migrations/10_act.sql")),
    (None, include_str!("migrations/11_kept.sql")),
    (None, include_str!("migrations/12_leased.sql")),
];

/// The step that adds the column `expanded`.
const EXPANDED: i64 = 6;

/// Held to the end of a step, so that programs that upgrade the store at the same time wait.
const LOCK: i64 = 0x6365_7274_6c69_6665;

/// How long to wait for another program's step.
const OTHERS: Duration = Duration::from_secs(60);

/// How long a step waits for the lock of a table, at a time; `lock_timeout` is how long it is tried
/// in all. The commands of programs that go on working wait behind it for so long, and not longer.
const HELD_UP: Duration = Duration::from_millis(500);

/// The version after this step, and what it means.
fn step(number: i64) -> Option<(&'static str, MigrationStep)> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let (oldest, sql) = STEPS.get(index)?;
    let kind = match oldest {
        None => MigrationKind::Expansion,
        Some(_) => MigrationKind::Contraction,
    };
    let oldest = STEPS.iter().take(index + 1).rev().find_map(|it| it.0)?;
    Some((sql, MigrationStep::new(number, kind, oldest)))
}

/// The one step of a store that is made.
fn creation() -> Option<MigrationStep> {
    let (_, last) = step(NEWEST)?;
    Some(MigrationStep {
        kind: MigrationKind::Creation,
        ..last
    })
}

/// What is to be done from this version on.
pub(super) fn pending(found: Option<Version>) -> Migration {
    let from = found.map(|it| it.expanded);
    let steps: Vec<_> = match from {
        None => creation().into_iter().collect(),
        Some(from) => (from + 1..=NEWEST)
            .filter_map(|it| Some(step(it)?.1))
            .collect(),
    };
    Migration {
        from,
        to: from.map_or(NEWEST, |it| it.max(NEWEST)),
        steps,
    }
}

/// Brings the tables to this version at least, each step in a transaction of its own; makes them of
/// the newest version.
pub(super) async fn migrate(
    connections: &Connections,
    place: &str,
    options: &PostgresOptions,
    wanted: i64,
) -> Result<Migration> {
    let mut done: Option<Migration> = None;
    let mut since = Instant::now();
    let mut attempts = 0;
    loop {
        let (found, tried) = once(connections, place, options, wanted).await?;
        let migration = done.get_or_insert_with(|| Migration {
            from: found.map(|it| it.expanded),
            to: 0,
            steps: Vec::new(),
        });
        match tried {
            Tried::Nothing => {
                migration.to = found.map_or(NEWEST, |it| it.expanded);
                return Ok(migration.clone());
            }
            Tried::Done(step) => {
                migration.steps.push(step);
                (since, attempts) = (Instant::now(), 0);
            }
            Tried::Locked(error) if since.elapsed() >= options.lock_timeout => {
                return Err(held_up(options.lock_timeout, error));
            }
            Tried::Locked(_) => {
                attempts += 1;
                // What waited behind the lock goes first.
                tokio::time::sleep(HELD_UP + 10 * pause(attempts)).await;
            }
        }
    }
}

/// Why a step was not made.
fn held_up(limit: Duration, error: Error) -> StoreError {
    StoreError::unavailable(format!(
            "cannot upgrade the tables in PostgreSQL: for {limit:?}, other transactions have kept them locked, as \
             pg_dump and transactions that are left open do; try again when they have ended"
        )).caused_by(error)
}

/// What became of a try.
enum Tried {
    /// There is nothing to do.
    Nothing,
    /// The next step.
    Done(MigrationStep),
    /// Others keep a table locked.
    Locked(Error),
}

/// Makes the tables, or the next step from the version that is there, in a transaction. The version
/// that was found before.
async fn once(
    connections: &Connections,
    place: &str,
    options: &PostgresOptions,
    wanted: i64,
) -> Result<(Option<Version>, Tried)> {
    let mut client = connection(connections).await?;
    // A snapshot that is older than the lock would not see what was done under it.
    let committed = IsolationLevel::ReadCommitted;
    let transaction = client.build_transaction().isolation_level(committed);
    let transaction = transaction.start().await.map_err(not_set_up)?;
    let lock = format!(
        "SET LOCAL client_min_messages = warning; \
         SET LOCAL lock_timeout = {}; SELECT pg_advisory_xact_lock({LOCK}); SET LOCAL lock_timeout = {}",
        OTHERS.as_millis(),
        HELD_UP.min(options.lock_timeout).as_millis()
    );
    transaction.batch_execute(&lock).await.map_err(not_set_up)?;
    // Others may have done it meanwhile, or more than that.
    let found = version(&*transaction, place).await?;
    if found.is_some_and(|it| it.expanded >= wanted) {
        return Ok((found, Tried::Nothing));
    }
    refuse(found, place, options.setup, wanted)?;
    match apply(&transaction, found).await {
        // No step is missing: only what is older than the newest gets here.
        Ok(None) => Ok((found, Tried::Nothing)),
        Ok(Some(step)) => {
            // Of tables that are damaged, none is changed.
            if step.version >= EXPANDED {
                check_shape(&*transaction, place, step.version).await?;
            }
            transaction.commit().await.map_err(not_set_up)?;
            Ok((found, Tried::Done(step)))
        }
        Err(error) if is_locked(&error) => {
            transaction.rollback().await.map_err(not_set_up)?;
            Ok((found, Tried::Locked(error)))
        }
        Err(error) => Err(not_fitting(error, place, not_set_up)),
    }
}

/// Whether others keep a table locked, or wait for us in a circle.
fn is_locked(error: &Error) -> bool {
    let states = [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    error.code().is_some_and(|it| states.contains(it))
}

/// Makes the tables, or takes the next step.
async fn apply(
    transaction: &Transaction<'_>,
    found: Option<Version>,
) -> Result<Option<MigrationStep>, Error> {
    let Some(found) = found else {
        transaction
            .batch_execute("CREATE TABLE certlife_schema (version bigint NOT NULL)")
            .await?;
        for (_, sql) in STEPS {
            transaction.batch_execute(sql).await?;
        }
        let made = creation();
        if let Some(made) = made {
            let sql = "INSERT INTO certlife_schema (version, expanded) VALUES ($1, $2)";
            let row: [&(dyn ToSql + Sync); 2] = [&made.oldest_program, &made.version];
            transaction.execute(sql, &row).await?;
        }
        return Ok(made);
    };
    let Some((sql, next)) = step(found.expanded + 1) else {
        return Ok(None);
    };
    transaction.batch_execute(sql).await?;
    if next.version < EXPANDED {
        let sql = "UPDATE certlife_schema SET version = $1";
        transaction.execute(sql, &[&next.oldest_program]).await?;
    } else {
        let sql = "UPDATE certlife_schema SET version = $1, expanded = $2";
        let row: [&(dyn ToSql + Sync); 2] = [&next.oldest_program, &next.version];
        transaction.execute(sql, &row).await?;
    }
    Ok(Some(next))
}

/// Brings the database to the version that is needed, as far as that is wanted. First it only
/// looks, so that who may not change anything can read: on a standby, or in a role without the
/// rights. The index of the feed, by its whole name.
pub(super) async fn set_up(
    readers: &Connections,
    migrating: &Connections,
    options: &PostgresOptions,
) -> Result<String> {
    let client = connection(readers).await?;
    let looked = async {
        let (place, schema) = place(&**client).await?;
        let found = version(&**client, &place).await?;
        let is_done = found.is_some_and(|it| it.expanded >= NEEDED);
        if is_done {
            check_shape(&**client, &place, NEWEST).await?;
        }
        Ok((place, schema, found, is_done))
    };
    // An upgrade that is under way keeps the tables locked.
    let looked = tokio::time::timeout(options.answer_timeout, looked).await;
    let no_answer = |_| {
        StoreError::unavailable(
            "the server does not answer, or another session keeps the store's tables locked",
        )
    };
    let (place, schema, found, is_done) = looked.map_err(no_answer)??;
    if !is_done {
        refuse(found, &place, options.setup, NEEDED)?;
        // There may be no other connection.
        drop(client);
        migrate(migrating, &place, options, NEEDED).await?;
    }
    Ok(format!("{schema}.certlife_event_feed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_says_which_programs_go_on_working() {
        let steps: Vec<_> = (1..=NEWEST).filter_map(step).map(|it| it.1).collect();
        assert_eq!(steps.len(), STEPS.len());
        for (before, after) in steps.iter().zip(steps.iter().skip(1)) {
            let is_expansion = after.kind == MigrationKind::Expansion;
            assert_eq!(is_expansion, before.oldest_program == after.oldest_program);
            assert!(before.oldest_program <= after.oldest_program);
        }
        assert!(steps.iter().all(|it| it.oldest_program <= it.version));
        assert_eq!(step(0).map(|it| it.1), None);
        assert_eq!(step(NEWEST + 1).map(|it| it.1), None);
        // This program works with the tables that it makes.
        assert!(creation().is_some_and(|it| it.oldest_program <= NEEDED && NEEDED <= NEWEST));
    }

    #[test]
    fn what_a_newer_program_has_expanded_is_left_as_it_is() {
        let found = |oldest, expanded| Some(Version { oldest, expanded });
        let beyond = pending(found(5, NEWEST + 3));
        assert_eq!((beyond.to, beyond.steps.len()), (NEWEST + 3, 0));
        assert_eq!(pending(found(5, 5)).steps.len(), STEPS.len() - 5);
        assert_eq!(pending(None).steps.len(), 1);
    }
}
