//! `certlife migrate`: the tables, brought to the newest schema as a step of a deployment.

use std::time::Duration;

use serde::Serialize;

use super::arguments::{Form, duration};
use super::output::Output;
use super::table::{Column, Table};
use super::{Completion, Failure, block_on, store};
use certificate_lifecycle::store::{
    Migration, MigrationKind, MigrationStep, PostgresOptions, PostgresStore, SqliteOptions,
    SqliteStore, StoreAddress,
};

/// Bring the store's tables to the newest schema, before newer programs are started.
///
/// Programs of the version before go on working through an expansion. Before a contraction, stop
/// those that do not know its schema. Where there is no store, it is created.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  certlife migrate --check
  certlife migrate")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Change nothing: print what there is to do. The exit status is 1 if there is something.
    #[arg(long)]
    check: bool,

    /// How long to try while others keep tables locked, such as 90s. Running programs wait behind a
    /// try for 0.5 s at most.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    lock_timeout: Duration,

    #[command(flatten)]
    form: Form,
}

const COLUMNS: [Column; 3] = [
    Column::number("STEP"),
    // As wide as `contraction`.
    Column::word("KIND").at_least(11),
    Column::text("OLDER PROGRAMS"),
];

/// A migration, for programs.
#[derive(Serialize)]
struct Line<'m> {
    #[serde(flatten)]
    migration: &'m Migration,
    applied: bool,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let migration = block_on(migrate(args))?;
    let mut output = Output::plain();
    if args.form.json {
        let line = Line {
            migration: &migration,
            applied: !args.check,
        };
        let _ = output.object(&line)?;
    } else {
        let mut text = sentence(&migration, args.check);
        if !migration.steps.is_empty() {
            text += &Table::new(&COLUMNS).page(migration.steps.iter().map(row));
        }
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    Ok(if args.check && !migration.steps.is_empty() {
        Completion::Refused
    } else {
        Completion::Clean
    })
}

/// Brings the tables to the newest schema, or only says what that takes.
async fn migrate(args: &Args) -> Result<Migration, Failure> {
    // A negative duration cannot be written.
    let lock_timeout = args.lock_timeout;
    match args.store.address()? {
        StoreAddress::Postgres(url) => {
            let options = PostgresOptions::default().with_lock_timeout(lock_timeout);
            Ok(if args.check {
                PostgresStore::pending_migration(&url, options).await?
            } else {
                PostgresStore::migrate(&url, options).await?
            })
        }
        StoreAddress::Sqlite(path) => {
            let options = SqliteOptions::default().with_busy_timeout(lock_timeout);
            Ok(if args.check {
                SqliteStore::pending_migration(path, options)?
            } else {
                SqliteStore::migrate(path, options)?
            })
        }
        _ => Err(store::forgetful()),
    }
}

fn sentence(migration: &Migration, only_check: bool) -> String {
    let to = migration.to;
    let (made, upgraded) = if only_check {
        ("is to be made", "is to be upgraded")
    } else {
        ("was made", "was upgraded")
    };
    match migration.from {
        _ if migration.steps.is_empty() => {
            format!("the store has schema version {to}: there is nothing to do\n")
        }
        None => format!("the store {made}, with schema version {to}\n"),
        Some(from) => format!("the store {upgraded} from schema version {from} to {to}\n"),
    }
}

fn row(step: &MigrationStep) -> Vec<String> {
    let oldest = step.oldest_program;
    let programs = match step.kind {
        MigrationKind::Creation => "there are none".to_owned(),
        MigrationKind::Expansion => format!("go on working, from schema version {oldest} on"),
        // A contraction, and whatever kind a newer library knows.
        _ => format!("must be stopped, if below schema version {oldest}"),
    };
    vec![step.version.to_string(), step.kind.to_string(), programs]
}
