//! Callers at the same time become one statement.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::connections::Connections;
use super::each::{Carried, each};
use super::failure::{Failure, impatient, in_time};
use super::holders::{Holders, held};
use super::options::PostgresOptions;
use super::pause::pause;
use super::queue::{Answer, Item, MOST, Queue, Token};
use super::read::seal;
use super::remember::remember;
use super::runtime::Home;
use super::session::Session;
use super::statement::Shape;
use super::together::together;
use crate::store::callers::Callers;
use crate::store::{Append, Atomicity, StoreError};

/// How often a command is tried again that lost a race without being refused.
const MOST_ATTEMPTS: u32 = 200;

/// How long to wait before a lost connection is tried again.
const RECONNECT: Duration = Duration::from_millis(100);

/// How long a caller that is alone stays awake: a command on a server of the same machine, or one
/// close by.
const PATIENCE: Duration = Duration::from_micros(600);

/// What a command hears whose worker is gone.
const ABANDONED: &str = "its worker is gone: it panicked, or the store's runtime was shut down";

/// The queue of the commands, and the workers that carry them out.
pub(super) struct Coalescer {
    shared: Arc<Shared>,
}

struct Shared {
    home: Arc<Home>,
    pool: Connections,
    options: PostgresOptions,
    /// How long a command is repeated.
    patience: Duration,
    queue: Mutex<Queue>,
    commits: watch::Sender<()>,
    tell: mpsc::Sender<()>,
    callers: Callers,
}

impl Coalescer {
    pub(super) fn new(
        home: Arc<Home>,
        pool: Connections,
        options: PostgresOptions,
        patience: Duration,
        commits: watch::Sender<()>,
        tell: mpsc::Sender<()>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                home,
                pool,
                options,
                patience,
                queue: Mutex::default(),
                commits,
                tell,
                callers: Callers::new(PATIENCE),
            }),
        }
    }

    /// Carries out commands. They are carried out even if no caller waits for the answers.
    pub(super) async fn append(&self, batch: Vec<Append>, atomicity: Atomicity) -> Vec<Answer> {
        let count = batch.len();
        if count == 0 {
            return Vec::new();
        }
        let mut answers = Vec::new();
        let since = Instant::now();
        let mut item = |commands| {
            let (item, answer) = Item::new(commands, atomicity == Atomicity::All, since);
            answers.push(answer);
            item
        };
        let items: Vec<_> = match atomicity {
            Atomicity::All => vec![item(batch)],
            Atomicity::Each => batch.into_iter().map(|it| item(vec![it])).collect(),
        };
        let most_workers = self.shared.options.writers;
        let is_worker_needed = self.shared.queue().push(items.into_iter(), most_workers);
        if is_worker_needed {
            self.shared.start_worker();
        }
        let mut all = Vec::with_capacity(count);
        for answer in answers {
            match self.shared.callers.wait(answer).await {
                Some(answers) => all.extend(answers),
                // The worker that had it under way is gone.
                None => all.push(Err(StoreError::unknown_outcome(ABANDONED).into())),
            }
        }
        all
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker, who counts already.
    fn start_worker(self: &Arc<Self>) {
        let worker = Worker {
            shared: Arc::clone(self),
            busy: None,
            is_done: false,
        };
        self.home.spawn(worker.work());
    }

    /// Callers who were answered together come back one after the other. A worker that takes the
    /// first of them at once leaves the others to a statement of their own; so the callers go
    /// first, as long as more of them come.
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
            Ok(outcomes) => self.answer(batch, outcomes).await,
            Err(Failure::Locked(error)) => match self.holders().await {
                Holders::Rivals => retry(batch, &error),
                Holders::WaitForStandby => self.fail(batch, &Failure::Held(held(&error))).await,
                Holders::Others if batch.len() > 1 => self.carry_out_each(batch).await,
                Holders::Others => self.fail(batch, &Failure::Locked(error)).await,
            },
            Err(Failure::Undone(_) | Failure::Stray(_)) if batch.len() > 1 => {
                self.carry_out_each(batch).await
            }
            Err(failure) => self.fail(batch, &failure).await,
        }
    }

    /// Something is wrong with one of them; the others need not suffer.
    async fn carry_out_each(&self, batch: Vec<Item>) -> Vec<Item> {
        let mut again = Vec::new();
        for item in batch {
            again.extend(Box::pin(self.carry_out(vec![item])).await);
        }
        again
    }

    async fn holders(&self) -> Holders {
        let asked = async {
            let client = self.pool.get().await?;
            Holders::ask(&client).await
        };
        let holders = in_time(self.options.answer_timeout, asked).await;
        holders.unwrap_or(Holders::Others)
    }

    /// Answers what was carried out, and only then sees to the rest: whatever becomes of that is
    /// nothing to those whose commands are committed.
    async fn answer(&self, batch: Vec<Item>, outcomes: Vec<Carried>) -> Vec<Item> {
        self.commits.send_replace(());
        // If one is under way already, it comes after this commit.
        let _ = self.tell.try_send(());
        let (mut again, mut edited) = (Vec::new(), Vec::new());
        // Those that are in doubt, and those that were not carried out.
        let mut unexplained: [Option<(Failure, Vec<Item>)>; 2] = [None, None];
        let mut outcomes = outcomes.into_iter();
        for item in batch {
            let mut answers = Vec::with_capacity(item.commands.len());
            let mut unsealed = Vec::new();
            let mut why = None;
            let of_the_item = item.commands.iter().zip(outcomes.by_ref());
            for (append, outcome) in of_the_item {
                match outcome {
                    Carried::Answered(answer) => answers.push(answer),
                    Carried::Again => {}
                    Carried::Unsealed(digest) => unsealed.push((append.uuid(), digest)),
                    Carried::Unexplained(failure) => why = Some(failure),
                }
            }
            if answers.len() == item.commands.len() {
                item.answer(answers);
            } else if !unsealed.is_empty() {
                edited.push((item, unsealed));
            } else if let Some(failure) = why {
                let [unknown, undone] = &mut unexplained;
                let of_its_kind = match failure {
                    Failure::Unknown(_) => unknown,
                    _ => undone,
                };
                let (_, items) = of_its_kind.get_or_insert_with(|| (failure, Vec::new()));
                items.push(item);
            } else {
                again.push(item);
            }
        }
        let mut again = retry(again, &contended());
        for (item, unsealed) in edited {
            match self.seal(&unsealed).await {
                Ok(()) => again.extend(retry(vec![item], &contended())),
                Err(failure) => again.extend(self.fail(vec![item], &failure).await),
            }
        }
        for (failure, items) in unexplained.into_iter().flatten() {
            again.extend(self.fail(items, &failure).await);
        }
        again
    }

    /// Seals the details of applications anew that were edited by hand, and that are good. Outside
    /// of every transaction, or it would be rolled back with an all-or-nothing call that has to
    /// wait for it.
    async fn seal(&self, unsealed: &[(Uuid, Uuid)]) -> Result<(), Failure> {
        let client = self.pool.get().await?;
        for (uuid, digest) in unsealed {
            let sealed = seal(&client, *uuid, *digest);
            let sealed = in_time(self.options.answer_timeout, sealed).await;
            if let Err(failure) = sealed.map_err(Failure::without_effect) {
                if failure.is_of_the_connection() {
                    client.give_up();
                }
                return Err(failure);
            }
        }
        Ok(())
    }

    async fn fail(&self, batch: Vec<Item>, failure: &Failure) -> Vec<Item> {
        let patience = self.patience;
        let error = match failure {
            Failure::Again(error) => {
                // Long enough for others to get through first.
                let attempts = batch.first().map_or(0, |item| item.attempts);
                tokio::time::sleep(pause(attempts + 1)).await;
                return retry(batch, error);
            }
            Failure::Stray(detail) => {
                for item in batch {
                    let uuids = item.commands.iter().map(|it| it.uuid().to_string());
                    let row = format!("application {}", uuids.collect::<Vec<_>>().join(", "));
                    let problem = format!("an event stands after its last one: {detail}");
                    item.refuse(&StoreError::corrupt(row, problem));
                }
                return Vec::new();
            }
            Failure::Undone(error)
            | Failure::Locked(error)
            | Failure::Held(error)
            | Failure::Unsent(error)
            | Failure::Unknown(error) => error,
        };
        let mut again = Vec::new();
        for mut item in batch {
            let may_repeat = match failure {
                Failure::Unknown(error) => {
                    item.unknown.get_or_insert_with(|| error.clone());
                    item.is_repeatable()
                }
                Failure::Held(error) => {
                    // A command with the same key may be under way, and carried out later.
                    if item.is_repeatable() {
                        item.unknown
                            .get_or_insert_with(|| StoreError::unknown_outcome(error.to_string()));
                    }
                    true
                }
                // What is in its way may be its own earlier try.
                Failure::Undone(_) | Failure::Locked(_) => item.unknown.is_some(),
                Failure::Unsent(_) | Failure::Again(_) | Failure::Stray(_) => true,
            };
            if !may_repeat || error.is_lasting() {
                item.refuse(error);
            } else if item.since.elapsed() < patience {
                again.push(item);
            } else {
                item.unknown = item.unknown.map(|it| impatient(it, patience));
                item.refuse(&impatient(error.clone(), patience));
            }
        }
        if !again.is_empty() {
            tokio::time::sleep(RECONNECT).await;
        }
        again
    }

    /// The outcomes, as far as they are known: what was committed here has waited for the
    /// standby, unless the server warns that it has not; what is answered from what others have
    /// committed waits now.
    async fn confirmed(
        &self,
        client: &Session,
        mut outcomes: Vec<Carried>,
    ) -> Result<Vec<Carried>, Failure> {
        client.check()?;
        if outcomes.iter().any(Carried::is_of_others)
            && let Err(failure) = client.confirm(self.options.answer_timeout).await
        {
            for outcome in outcomes.iter_mut().filter(|it| it.is_of_others()) {
                let failure = failure.clone();
                *outcome = Carried::Unexplained(match outcome {
                    // Of what was refused, nothing was carried out.
                    Carried::Answered(Err(_)) => failure.without_effect(),
                    _ => failure,
                });
            }
        }
        Ok(outcomes)
    }

    /// One try, on one connection. Should the server not answer, the connection is given up.
    async fn attempt(&self, batch: &[Item], is_atomic: bool) -> Result<Vec<Carried>, Failure> {
        let mut client = self.pool.get().await?;
        let limit = self.options.answer_timeout;
        let appends: Vec<&Append> = batch.iter().flat_map(|item| &item.commands).collect();
        let attempt = async {
            if is_atomic {
                together(&mut client, &appends, limit).await
            } else {
                let is_first = batch.iter().all(|item| item.attempts == 0);
                let shape = if is_first { Shape::of_first } else { Shape::of };
                let places: Vec<i32> = (1..).take(appends.len()).collect();
                let mut outcomes = each(&client, shape(&appends), &appends, &places, limit).await?;
                remember(&client, &appends, &mut outcomes, limit).await;
                Ok(outcomes)
            }
        };
        let outcomes = match attempt.await {
            Ok(outcomes) => self.confirmed(&client, outcomes).await,
            failed => failed,
        };
        let is_over = match &outcomes {
            Ok(outcomes) => outcomes.iter().any(|outcome| {
                matches!(outcome, Carried::Unexplained(failure) if failure.is_of_the_connection())
            }),
            Err(failure) => failure.is_of_the_connection(),
        };
        if is_over {
            client.give_up();
        }
        outcomes
    }
}

/// Who carries out batch after batch.
struct Worker {
    shared: Arc<Shared>,
    /// The tokens of the batch that is under way.
    busy: Option<Vec<Token>>,
    is_done: bool,
}

impl Worker {
    /// Until nothing is left that could be carried out.
    async fn work(mut self) {
        loop {
            self.shared.gather().await;
            let batch = self.shared.queue().take(self.shared.options.writers);
            let Some(batch) = batch else {
                self.is_done = true;
                return;
            };
            self.busy = Some(batch.iter().flat_map(Item::tokens).collect());
            // Should it panic, its callers are in doubt, and no others.
            let carried_out = AssertUnwindSafe(self.shared.carry_out(batch)).catch_unwind();
            let again = carried_out.await.unwrap_or_default();
            let busy = self.busy.take().unwrap_or_default();
            self.shared.queue().put_back(&busy, again);
        }
    }
}

impl Drop for Worker {
    /// Where the runtime is shut down, what others wait for is given back, and what no worker is
    /// left to carry out is answered.
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut queue = self.shared.queue();
        if let Some(busy) = self.busy.take() {
            queue.put_back(&busy, Vec::new());
        }
        queue.lose_worker();
        let left = queue.give_up();
        drop(queue);
        let error = StoreError::unavailable(ABANDONED);
        for item in left {
            item.refuse(&error);
        }
    }
}

/// What a command hears that lost every race.
fn contended() -> StoreError {
    StoreError::unavailable(format!(
        "gave up after {MOST_ATTEMPTS} conflicting changes to the application"
    ))
}

/// The items that have attempts left; the others are answered with the error.
fn retry(batch: Vec<Item>, error: &StoreError) -> Vec<Item> {
    let mut again = Vec::new();
    for mut item in batch {
        item.attempts += 1;
        if item.attempts < MOST_ATTEMPTS {
            again.push(item);
        } else {
            item.refuse(error);
        }
    }
    again
}
