//! Callers at the same time become one statement.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_postgres::{GenericClient, Statement};

use super::PostgresOptions;
use super::batch;
use super::failure::{Failure, is_lost, unavailable};
use super::queue::{Answer, Item, MOST, Queue, Token, tokens};
use super::read::{Seen, seal, see};
use super::remember::remember;
use super::statement::Shape;
use super::together::together;
use crate::store::decide::{decide, replay};
use crate::store::{Append, Atomicity, ExecuteError, Receipt, Refusal, StoreError};

/// How often a command is tried again that lost a race without being refused.
const MOST_ATTEMPTS: u32 = 200;

/// How long to wait before a lost connection is tried again.
const RECONNECT: Duration = Duration::from_millis(100);

/// The queue of the commands, and the workers that carry them out.
pub(super) struct Coalescer {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    options: PostgresOptions,
    queue: Mutex<Queue>,
    commits: watch::Sender<()>,
    tell: mpsc::Sender<()>,
}

/// What became of one command of a statement.
pub(super) enum Outcome {
    Answered(Answer),
    /// Nothing was changed, but by now it is legal: somebody else was faster, and then slower.
    Again,
}

impl Coalescer {
    pub(super) fn new(
        pool: Pool,
        options: PostgresOptions,
        commits: watch::Sender<()>,
        tell: mpsc::Sender<()>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                pool,
                options,
                queue: Mutex::default(),
                commits,
                tell,
            }),
        }
    }

    /// Carries out commands. They are carried out even if nobody waits for the answers.
    pub(super) async fn append(&self, batch: Vec<Append>, atomicity: Atomicity) -> Vec<Answer> {
        let count = batch.len();
        if count == 0 {
            return Vec::new();
        }
        let mut answers = Vec::new();
        let since = Instant::now();
        let mut item = |commands| {
            let (answer, receiver) = oneshot::channel();
            answers.push(receiver);
            Item {
                commands,
                stands_or_falls_together: atomicity == Atomicity::All,
                answer,
                since,
                attempts: 0,
                unknown: None,
            }
        };
        let items: Vec<_> = match atomicity {
            Atomicity::All => vec![item(batch)],
            Atomicity::Each => batch.into_iter().map(|it| item(vec![it])).collect(),
        };
        let is_worker_needed = self
            .shared
            .queue()
            .push(items.into_iter(), self.shared.options.writers);
        if is_worker_needed {
            tokio::spawn(Arc::clone(&self.shared).work());
        }
        let mut all = Vec::with_capacity(count);
        for answer in answers {
            match answer.await {
                Ok(answers) => all.extend(answers),
                // Only where the runtime is shut down under way.
                Err(_) => all.push(Err(StoreError::UnknownOutcome {
                    reason: "the runtime was shut down".to_owned(),
                    cause: None,
                }
                .into())),
            }
        }
        all
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out batch after batch, until nothing is left that could be.
    async fn work(self: Arc<Self>) {
        loop {
            self.gather().await;
            let Some(batch) = self.queue().take(self.options.writers) else {
                return;
            };
            let busy: Vec<Token> = batch
                .iter()
                .flat_map(|item| item.commands.iter().flat_map(tokens))
                .collect();
            let again = self.carry_out(batch).await;
            self.queue().put_back(&busy, again);
        }
    }

    /// Callers who were answered together come back one after the other. Whoever takes the first of them
    /// at once leaves the others to a statement of their own; so the callers go first, as long as more
    /// of them come.
    async fn gather(&self) {
        let mut waiting = self.queue().waiting();
        loop {
            tokio::task::yield_now().await;
            let more = self.queue().waiting();
            if more <= waiting || more >= MOST {
                return;
            }
            waiting = more;
        }
    }

    /// Carries out a batch and answers its items; those that are to be tried again come back.
    async fn carry_out(&self, batch: Vec<Item>) -> Vec<Item> {
        let is_atomic = batch.iter().any(|item| item.stands_or_falls_together);
        let attempt = self.attempt(&batch, is_atomic);
        match attempt.await {
            Ok(outcomes) => self.answer(batch, outcomes, is_atomic),
            Err(Failure::Undone(_) | Failure::Stray(_)) if batch.len() > 1 => {
                // Something is wrong with one of them; the others need not suffer.
                let mut again = Vec::new();
                for item in batch {
                    again.extend(Box::pin(self.carry_out(vec![item])).await);
                }
                again
            }
            Err(failure) => self.fail(batch, &failure).await,
        }
    }

    fn answer(&self, batch: Vec<Item>, outcomes: Vec<Outcome>, is_atomic: bool) -> Vec<Item> {
        self.commits.send_replace(());
        // If one is under way already, it comes after this commit.
        let _ = self.tell.try_send(());
        if is_atomic {
            let answers: Option<Vec<Answer>> = outcomes
                .into_iter()
                .map(|outcome| match outcome {
                    Outcome::Answered(answer) => Some(answer),
                    Outcome::Again => None,
                })
                .collect();
            return match answers {
                Some(answers) => {
                    for item in batch {
                        item.answer(answers.clone());
                    }
                    Vec::new()
                }
                None => retry(batch, &contended()),
            };
        }
        let mut again = Vec::new();
        for (item, outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Answered(answer) => item.answer(vec![answer]),
                Outcome::Again => again.push(item),
            }
        }
        retry(again, &contended())
    }

    async fn fail(&self, batch: Vec<Item>, failure: &Failure) -> Vec<Item> {
        let patience = self.options.patience;
        let error = match failure {
            Failure::Again(error) => {
                // Long enough for others to get through first.
                let attempts = batch.first().map_or(0, |item| item.attempts);
                let pause = Duration::from_millis(u64::from(attempts.min(20)));
                tokio::time::sleep(pause).await;
                return retry(batch, error);
            }
            Failure::Stray(detail) => {
                for item in batch {
                    let uuids = item.commands.iter().map(|it| it.uuid().to_string());
                    let row = format!("application {}", uuids.collect::<Vec<_>>().join(", "));
                    let problem = format!("an event stands after its last one: {detail}");
                    refuse(item, &StoreError::corrupt(row, problem));
                }
                return Vec::new();
            }
            Failure::Undone(error) | Failure::Unsent(error) | Failure::Unknown(error) => error,
        };
        let mut again = Vec::new();
        for mut item in batch {
            let may_repeat = match failure {
                Failure::Unknown(error) => {
                    item.unknown.get_or_insert_with(|| error.clone());
                    item.is_repeatable()
                }
                // What is in its way may be its own earlier try.
                Failure::Undone(_) => item.unknown.is_some(),
                Failure::Unsent(_) | Failure::Again(_) | Failure::Stray(_) => true,
            };
            if may_repeat && item.since.elapsed() < patience {
                again.push(item);
            } else {
                refuse(item, error);
            }
        }
        if !again.is_empty() {
            tokio::time::sleep(RECONNECT).await;
        }
        again
    }

    /// One try, on one connection. Should the server not answer, the connection is given up.
    async fn attempt(&self, batch: &[Item], is_atomic: bool) -> Result<Vec<Outcome>, Failure> {
        let mut client = self.pool.get().await?;
        let appends: Vec<&Append> = batch.iter().flat_map(|item| &item.commands).collect();
        let attempt = async {
            if is_atomic {
                together(&mut client, &appends).await
            } else {
                let statement = prepare(&client, &appends).await?;
                let client: &tokio_postgres::Client = &client;
                let mut outcomes = each(client, &statement, &appends, 0).await?;
                remember(client, &appends, &mut outcomes).await;
                Ok(outcomes)
            }
        };
        if let Ok(outcomes) = tokio::time::timeout(self.options.answer_timeout, attempt).await {
            return outcomes;
        }
        // Not to be used again: an answer may yet come.
        drop(Object::take(client));
        Err(Failure::Unknown(StoreError::UnknownOutcome {
            reason: format!(
                "the server has not answered within {:?}",
                self.options.answer_timeout
            ),
            cause: None,
        }))
    }
}

/// The statement for the commands, which are all of one kind.
pub(super) async fn prepare(client: &Object, appends: &[&Append]) -> Result<Statement, Failure> {
    client
        .prepare_cached(Shape::of(appends).sql())
        .await
        .map_err(|error| {
            let is_unsent = is_lost(&error);
            let error = unavailable(error);
            if is_unsent {
                Failure::Unsent(error)
            } else {
                Failure::Undone(error)
            }
        })
}

/// What a command hears that lost every race.
fn contended() -> StoreError {
    StoreError::Unavailable {
        reason: "the application is being changed all the time".to_owned(),
        cause: None,
    }
}

/// The items that have attempts left; the others are answered with the error.
fn retry(batch: Vec<Item>, error: &StoreError) -> Vec<Item> {
    let mut again = Vec::new();
    for mut item in batch {
        item.attempts += 1;
        if item.attempts < MOST_ATTEMPTS {
            again.push(item);
        } else {
            refuse(item, error);
        }
    }
    again
}

/// Answers all commands of the item with the error; nobody is told that nothing was changed who was in
/// doubt before.
fn refuse(item: Item, error: &StoreError) {
    let error = item.unknown.as_ref().unwrap_or(error).clone();
    let answers = item.commands.iter().map(|_| Err(error.clone().into()));
    let answers = answers.collect();
    item.answer(answers);
}

/// Carries out commands, no two of which share a token, in one statement, each for itself.
pub(super) async fn each(
    client: &impl GenericClient,
    statement: &Statement,
    appends: &[&Append],
    place: usize,
) -> Result<Vec<Outcome>, Failure> {
    let mut events = batch::append(client, statement, appends, place).await?;
    let left: Vec<&Append> = appends
        .iter()
        .filter(|append| !events.contains_key(&append.uuid()))
        .copied()
        .collect();
    let seen = if left.is_empty() {
        None
    } else {
        Some(see(client, &left).await)
    };
    let mut outcomes = Vec::with_capacity(appends.len());
    for append in appends {
        let uuid = append.uuid();
        outcomes.push(match (events.remove(&uuid), &seen) {
            (Some(event), _) => {
                let receipt = |event| Receipt {
                    event,
                    replayed: false,
                };
                Outcome::Answered(event.map(receipt).map_err(ExecuteError::from))
            }
            (None, Some(Ok(seen))) => {
                let outcome = explain(append, seen);
                if matches!(outcome, Outcome::Again)
                    && let Some(digest) = seen.unsealed(uuid)
                {
                    seal(client, uuid, digest).await?;
                }
                outcome
            }
            // Nothing was changed for it; only why is not known.
            (None, _) => Outcome::Again,
        });
    }
    Ok(outcomes)
}

/// Why a command did not go through.
fn explain(append: &Append, seen: &Seen) -> Outcome {
    let explained = || -> Answer {
        if let Some(used) = seen.used(append)? {
            return Ok(replay(append, used)?);
        }
        let uuid = append.uuid();
        if append.request.operation.creation().is_some() && seen.is_taken(uuid) {
            return Err(Refusal::AlreadyExists { uuid }.into());
        }
        let event = decide(append, seen.application(append)?)?;
        Ok(Receipt {
            event,
            replayed: false,
        })
    };
    match explained() {
        // It would be legal by now.
        Ok(Receipt {
            replayed: false, ..
        }) => Outcome::Again,
        answer => Outcome::Answered(answer),
    }
}
