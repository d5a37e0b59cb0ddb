//! Commands within a transaction of the caller's, on a connection of the caller's.
//!
//! The statements are the store's own. They name their tables with the schema, and change nothing
//! where the connection leads elsewhere: to another server or database than the store's writers, or
//! to a table that was restored since ([`Guard`]). So nothing is recorded under a history that the
//! store has not caught up with (docs/decisions/0007-feed.md).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connections::Connections;
use super::each::{Carried, each};
use super::failure::{Failure, not_understood};
use super::foreign::Foreign;
use super::link::{Guard, Link, Parameter};
use super::names::qualified;
use super::queue::Answer;
use super::read::seal;
use super::remember::remember;
use super::session::Session;
use super::sql::statements;
use super::statement::{MOST_EVENTS, Shape};
use super::together::{Plan, carry_out, of, undone};
use crate::store::stored::Columns;
use crate::store::within::Answers;
use crate::store::{Append, Atomicity, Result, StoreError};

/// How often commands are tried again that lost a race without being refused.
const MOST_TRIES: u32 = 20;

/// The caller's settings and patience decide how long an answer may take.
const UNLIMITED: Duration = Duration::MAX;

/// Whether a connection leads to the store: to its table, in its database, on its server.
macro_rules! is_here {
    () => {
        "tableoid = $1 AND current_database()::text = $2 AND $3 = \
         (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint"
    };
}

statements! {
    /// Where the store's tables are, as a writer of its own sees them.
    HERE() = "\
        SELECT quote_ident(n.nspname), f.tableoid::bigint, \
            (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, \
            current_database()::text \
        FROM certlife_feed f \
        JOIN pg_class c ON c.oid = f.tableoid JOIN pg_namespace n ON n.oid = c.relnamespace";

    /// Whether the connection leads there, and whether commits wait for a standby.
    THERE(OID, TEXT, INT8) = concat!(
        "SELECT ", is_here!(), ", current_setting('synchronous_standby_names') <> '' \
        FROM certlife_feed"
    );

    /// Why commands that are legal were not carried out: whether the connection leads there, has
    /// recorded too much in its transaction, and an application that was moved on by one that wrote
    /// later.
    WHY(OID, TEXT, INT8, UUID_ARRAY) = concat!(
        "SELECT ", is_here!(), ", coalesce((SELECT max(place) FROM certlife_event \
                WHERE transaction = base + pg_current_xact_id()::text::bigint), 0), \
            (SELECT a.uuid FROM certlife_application a \
                WHERE a.uuid = ANY ($4) \
                    AND a.transaction > base + pg_current_xact_id()::text::bigint LIMIT 1) \
        FROM certlife_feed"
    );

    /// The place of the transaction's last event.
    LAST() = "\
        SELECT coalesce((SELECT max(place) FROM certlife_event \
            WHERE transaction = base + pg_current_xact_id()::text::bigint), 0) \
        FROM certlife_feed";

    /// Has the caller's commit wait for the synchronous standby, also where it writes nothing else:
    /// it tells what others have committed, which may not be there yet.
    WAIT() = "SELECT pg_logical_emit_message(true, 'certlife', '') IS NOT NULL";

    BEGIN() = "SAVEPOINT certlife_within";
    UNDO() = "ROLLBACK TO SAVEPOINT certlife_within";
    END() = "RELEASE SAVEPOINT certlife_within";
}

/// Where the store's tables are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// As SQL names it.
    schema: String,
    /// The rest is what a [`Guard`] says.
    table: u32,
    database: String,
    started_at: i64,
}

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Option<Place>>);

impl Places {
    fn known(&self) -> Option<Place> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// As a writer of the store sees it, which has caught up with the history that it writes.
    async fn ask(&self, writer: &Session) -> Result<Place, Failure> {
        let rows = writer.send(HERE, &[]).await?;
        let row = rows
            .first()
            .ok_or_else(|| Failure::Undone(StoreError::corrupt("table certlife_feed", "no row")))?;
        let read = || {
            Ok(Place {
                schema: row.word(0, "schema")?,
                table: row.count(1, "table")?,
                started_at: row.integer(2, "started at")?,
                database: row.word(3, "database")?,
            })
        };
        let place = read().map_err(not_understood)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(place.clone());
        Ok(place)
    }
}

/// The caller's connection.
struct Joined<F> {
    connection: F,
    place: Place,
    last_place: Option<i32>,
    /// Whether commits wait for a standby, as far as it was asked.
    is_synchronous: AtomicBool,
}

impl<F> Joined<F> {
    fn new(connection: F, place: Place) -> Self {
        Self {
            connection,
            place,
            last_place: None,
            is_synchronous: AtomicBool::new(false),
        }
    }
}

impl<F: Foreign> Link for Joined<F> {
    type Row = F::Row;

    async fn send(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<F::Row>, Failure> {
        let sql = qualified(sql, &self.place.schema);
        self.connection.query(sql, parameters).await
    }

    fn guard(&self) -> Option<Guard<'_>> {
        Some(Guard {
            table: self.place.table,
            database: &self.place.database,
            started_at: self.place.started_at,
            last_place: self.last_place,
        })
    }

    async fn leads_there(&self) -> Result<bool, Failure> {
        let place = &self.place;
        let parameters: [Parameter<'_>; 3] = [
            (&place.table, Type::OID),
            (&place.database, Type::TEXT),
            (&place.started_at, Type::INT8),
        ];
        let rows = self.send(THERE, &parameters).await?;
        let Some(row) = rows.first() else {
            // It is reported that the row is missing.
            return Ok(true);
        };
        let is_synchronous = row.flag(1, "is synchronous").map_err(not_understood)?;
        self.is_synchronous.store(is_synchronous, Ordering::Relaxed);
        row.flag(0, "is here").map_err(not_understood)
    }
}

/// Carries out the commands of a call within the transaction of the connection. `writers` lead to
/// the store's server.
pub(super) async fn within<F: Foreign>(
    places: &Places,
    writers: &Connections,
    connection: F,
    batch: &[Append],
    atomicity: Atomicity,
) -> Answers {
    let call = Call { places, writers };
    match call.carry_out(connection, batch, atomicity).await {
        Ok(answers) => answers,
        Err(failure) => {
            let error = failed(failure);
            batch.iter().map(|_| Err(error.clone().into())).collect()
        }
    }
}

/// What befell a transaction, for its owner.
fn failed(failure: Failure) -> StoreError {
    let has_lost = matches!(
        failure,
        Failure::Again(_) | Failure::Locked(_) | Failure::Held(_)
    );
    let what_to_do = if has_lost {
        "roll the transaction back and repeat it"
    } else {
        "the transaction is to be rolled back"
    };
    // Where the connection was lost without a transaction, the command may be committed.
    let error = failure.into_error();
    error.with_reason(|it| format!("{it}; {what_to_do}"))
}

struct Call<'s> {
    places: &'s Places,
    writers: &'s Connections,
}

impl Call<'_> {
    async fn carry_out<F: Foreign>(
        &self,
        connection: F,
        batch: &[Append],
        atomicity: Atomicity,
    ) -> Result<Answers, Failure> {
        if i64::try_from(batch.len()).is_ok_and(|it| it > MOST_EVENTS) {
            // The places of its events would reach into those of the next transaction.
            return Err(too_many());
        }
        let place = match self.places.known() {
            Some(place) => place,
            None => self.places.ask(&self.writers.get().await?).await?,
        };
        let mut link = Joined::new(connection, place);
        let appends: Vec<&Append> = batch.iter().collect();
        let plan = Plan::in_turn(&appends);
        if plan.waves.len() > 1 {
            link.last_place = Some(self.last_place(&link).await?);
        }
        let answers = match atomicity {
            Atomicity::All => self.all(&mut link, &appends).await?,
            Atomicity::Each => {
                let mut answers: Vec<Option<Answer>> = appends.iter().map(|_| None).collect();
                for wave in &plan.waves {
                    let of_wave = self.wave(&mut link, &appends, wave).await?;
                    for (at, answer) in wave.iter().zip(of_wave) {
                        if let Some(place) = answers.get_mut(*at) {
                            *place = Some(answer);
                        }
                    }
                }
                answers.into_iter().flatten().collect()
            }
        };
        let is_of_others = |it: &Answer| match it {
            Ok(receipt) => receipt.replayed,
            Err(error) => error.refusal().is_some(),
        };
        if link.is_synchronous.load(Ordering::Relaxed) && answers.iter().any(is_of_others) {
            link.send(WAIT, &[]).await?;
        }
        Ok(answers)
    }

    /// Commands that one statement carries out, each for itself. Their keys remember refusals.
    async fn wave<F: Foreign>(
        &self,
        link: &mut Joined<F>,
        appends: &[&Append],
        wave: &[usize],
    ) -> Result<Answers, Failure> {
        let mut answers: Vec<Option<Answer>> = wave.iter().map(|_| None).collect();
        for tries in 0..MOST_TRIES {
            let left = |(at, answer): (&usize, &Option<Answer>)| answer.is_none().then_some(*at);
            let left: Vec<usize> = wave.iter().zip(&answers).filter_map(left).collect();
            let commands = of(appends, &left);
            let shape = if tries == 0 {
                Shape::of_first
            } else {
                Shape::of
            };
            let places = left.iter().map(|at| i32::try_from(at + 1));
            let places: Vec<i32> = places.map(|it| it.unwrap_or(i32::MAX)).collect();
            let shape = shape(&commands);
            let mut outcomes = each(link, shape, &commands, &places, UNLIMITED).await?;
            remember(link, &commands, &mut outcomes, UNLIMITED).await;
            let open = answers.iter_mut().filter(|it| it.is_none());
            let mut again = Vec::new();
            for ((answer, append), outcome) in open.zip(&commands).zip(outcomes) {
                match outcome {
                    Carried::Answered(known) => *answer = Some(known),
                    Carried::Again => again.push(append.uuid()),
                    Carried::Unsealed(digest) => seal(link, append.uuid(), digest).await?,
                    Carried::Unexplained(failure) => return Err(failure),
                }
            }
            if let Some(answers) = answers.iter().cloned().collect() {
                return Ok(answers);
            }
            self.look(link, again).await?;
        }
        Err(lost())
    }

    /// Commands that stand or fall together, and nothing of them if they fall.
    async fn all<F: Foreign>(
        &self,
        link: &mut Joined<F>,
        appends: &[&Append],
    ) -> Result<Answers, Failure> {
        for _ in 0..MOST_TRIES {
            let outcomes = match attempt(link, appends, &Plan::of(appends)).await? {
                // Nothing was carried out: they are tried one after the other, to say of each what
                // became of it.
                outcomes if outcomes.iter().any(Option::is_none) => {
                    attempt(link, appends, &Plan::in_turn(appends)).await?
                }
                outcomes => outcomes,
            };
            let mut answers = Vec::with_capacity(appends.len());
            let mut again = Vec::new();
            for (append, outcome) in appends.iter().zip(outcomes.into_iter().flatten()) {
                match outcome {
                    Carried::Answered(answer) => answers.push(answer),
                    Carried::Again => again.push(append.uuid()),
                    Carried::Unsealed(digest) => seal(link, append.uuid(), digest).await?,
                    Carried::Unexplained(failure) => return Err(failure),
                }
            }
            if answers.len() == appends.len() {
                return Ok(answers);
            }
            self.look(link, again).await?;
        }
        Err(lost())
    }

    /// Looks why commands for these applications, which are legal, were not carried out. An error,
    /// if they cannot be within this transaction.
    async fn look<F: Foreign>(
        &self,
        link: &mut Joined<F>,
        uuids: Vec<Uuid>,
    ) -> Result<(), Failure> {
        if uuids.is_empty() {
            return Ok(());
        }
        let parameters: [Parameter<'_>; 4] = [
            (&link.place.table, Type::OID),
            (&link.place.database, Type::TEXT),
            (&link.place.started_at, Type::INT8),
            (&uuids, Type::UUID_ARRAY),
        ];
        let rows = link.send(WHY, &parameters).await?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        if !row.flag(0, "is here").map_err(not_understood)? {
            let place = self.places.ask(&self.writers.get().await?).await?;
            if place == link.place {
                return Err(Failure::Undone(StoreError::misconfigured(
                    "the transaction is on another database or server than the store's",
                )));
            }
            link.place = place;
            return Ok(());
        }
        if row.integer(1, "place").map_err(not_understood)? >= MOST_EVENTS {
            return Err(too_many());
        }
        match row.uuid_or_none(2, "uuid").map_err(not_understood)? {
            None => Ok(()),
            // In the feed, its event would stand before the one that it follows.
            Some(uuid) => Err(Failure::Again(StoreError::unavailable(format!(
                "application {uuid} was moved on by a transaction that wrote later than this one \
                 began to"
            )))),
        }
    }

    /// The place of the transaction's last event, where the connection leads to the store.
    async fn last_place<F: Foreign>(&self, link: &Joined<F>) -> Result<i32, Failure> {
        let rows = link.send(LAST, &[]).await?;
        let place = rows.first().map(|row| row.count(0, "place")).transpose();
        Ok(place.map_err(not_understood)?.unwrap_or(0))
    }
}

/// One try of commands that stand or fall together. Where one has fallen, nothing of them is left.
async fn attempt<F: Foreign>(
    link: &Joined<F>,
    appends: &[&Append],
    plan: &Plan,
) -> Result<Vec<Option<Carried>>, Failure> {
    link.send(BEGIN, &[]).await?;
    let mut outcomes = carry_out(link, appends, plan, UNLIMITED).await?;
    if undone(&mut outcomes) {
        link.send(UNDO, &[]).await?;
    }
    link.send(END, &[]).await?;
    Ok(outcomes)
}

fn too_many() -> Failure {
    Failure::Undone(StoreError::unavailable(format!(
        "a transaction records at most {MOST_EVENTS} events"
    )))
}

fn lost() -> Failure {
    Failure::Again(StoreError::unavailable(format!(
        "gave up after {MOST_TRIES} conflicting changes to the application"
    )))
}
