//! What takes long: carried out in the background, in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::engine::Engine;
use crate::lifecycle::action::{Action, Command};
use crate::server::Principal;
use crate::store::{Actor, AnyStore, ExecuteError, InstitutionId, ListQuery, Request, StoreError};

/// How many tasks are kept, with those that have ended.
const KEPT: usize = 100;

/// How many of those about which nothing was decided are listed.
const LISTED: usize = 1000;

/// How many applications are decided about at once.
const AT_ONCE: u32 = 100;

/// The tasks of this process.
#[derive(Default)]
pub(super) struct Tasks(Mutex<BTreeMap<Uuid, Arc<Task>>>);

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskKind {
    /// It decides about applications.
    Decision(Action),
    /// It makes deliveries to this webhook of what that never got.
    Replay(Uuid),
}

/// One task.
pub(super) struct Task {
    pub(super) id: Uuid,
    pub(super) institution: InstitutionId,
    pub(super) actor: Actor,
    pub(super) kind: TaskKind,
    pub(super) began_at: DateTime<Utc>,
    /// How many there were, of what it is about, when the task began; none if that is unknown.
    pub(super) total: Option<u64>,
    state: Mutex<State>,
}

/// How far a task is.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) done: u64,
    pub(super) refused: u64,
    /// The first of those about which nothing was decided, and why.
    pub(super) faults: Vec<(Uuid, ExecuteError)>,
    pub(super) has_ended: bool,
    /// Whether something has ended it too early.
    pub(super) has_failed: bool,
}

impl Task {
    pub(super) fn state(&self) -> State {
        self.lock().clone()
    }

    /// So much of it is done.
    pub(super) fn has_done(&self, number: u64) {
        self.lock().done = number;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks {
    /// Begins a task; none if so many are under way that no further one is taken.
    pub(super) fn begin<T, E: std::fmt::Display>(
        &self,
        principal: &Principal,
        (kind, total): (TaskKind, Option<u64>),
        now: DateTime<Utc>,
        work: impl FnOnce(Arc<Task>) -> T,
    ) -> Option<Arc<Task>>
    where
        T: Future<Output = Result<(), E>> + Send + 'static,
    {
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok()?;
        let task = Arc::new(Task {
            id: uuid::Builder::from_random_bytes(random).into_uuid(),
            institution: principal.institution.clone(),
            actor: principal.actor.clone(),
            kind,
            began_at: now,
            total,
            state: Mutex::default(),
        });
        let mut all = self.all();
        if all.len() >= KEPT {
            let ended = all.values().filter(|it| it.lock().has_ended);
            let oldest = ended.min_by_key(|it| it.began_at).map(|it| it.id);
            all.remove(&oldest?);
        }
        all.insert(task.id, Arc::clone(&task));
        drop(all);
        let (work, running) = (work(Arc::clone(&task)), Arc::clone(&task));
        tokio::spawn(async move {
            let ended = work.await;
            let mut state = running.lock();
            state.has_ended = true;
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the console has failed");
                state.has_failed = true;
            }
        });
        Some(task)
    }

    /// A task of this institution.
    pub(super) fn find(&self, institution: &InstitutionId, id: Uuid) -> Option<Arc<Task>> {
        let all = self.all();
        all.get(&id)
            .filter(|it| it.institution == *institution)
            .cloned()
    }

    /// The tasks of this institution, the newest first.
    pub(super) fn of(&self, institution: &InstitutionId) -> Vec<Arc<Task>> {
        let all = self.all();
        let own = all.values().filter(|it| it.institution == *institution);
        let mut own: Vec<_> = own.cloned().collect();
        own.sort_by_key(|it| std::cmp::Reverse(it.began_at));
        own
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Uuid, Arc<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides about all that the filter shows, each at the version that it has now.
pub(super) async fn decide_all(
    engine: &Engine<AnyStore>,
    task: &Task,
    query: ListQuery,
    command: &Command,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = query.clone().limit(AT_ONCE).after(after);
        let page = engine.list(page).await?;
        let request = |it: &crate::lifecycle::any::AnyApplication| {
            let (institution, actor) = (task.institution.clone(), task.actor.clone());
            Request::transition(institution, actor, it.uuid(), command.clone())
                .expecting(it.version())
        };
        let requests: Vec<_> = page.applications.iter().map(request).collect();
        let answers = engine.execute_many(requests).await;
        let mut state = task.lock();
        for (application, answer) in page.applications.iter().zip(answers) {
            match answer {
                Ok(_) => state.done += 1,
                // Others would fare no better.
                Err(ExecuteError::Store(error @ StoreError::Unavailable { .. })) => {
                    return Err(error);
                }
                Err(error) => {
                    state.refused += 1;
                    if state.faults.len() < LISTED {
                        state.faults.push((application.uuid(), error));
                    }
                }
            }
        }
        drop(state);
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
