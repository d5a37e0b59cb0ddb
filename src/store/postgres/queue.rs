//! What waits to be carried out, in batches of one command an application.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::statement::Kind;
use crate::store::{Append, ExecuteError, IdempotencyKey, InstitutionId, Receipt, StoreError};

/// The most commands of one statement.
pub(super) const MOST: usize = 1000;

/// Fewer commands than this are not shared among the workers.
const SHARE: usize = 16;

pub(super) type Answer = Result<Receipt, ExecuteError>;

/// One command, or several that stand or fall together.
pub(super) struct Item {
    pub(super) commands: Vec<Append>,
    pub(super) stands_or_falls_together: bool,
    /// Answered at once for all of its commands.
    pub(super) answer: oneshot::Sender<Vec<Answer>>,
    pub(super) since: Instant,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// That it may have been carried out by an earlier try, which may even be under way still.
    pub(super) unknown: Option<StoreError>,
}

impl Item {
    pub(super) fn answer(self, answers: Vec<Answer>) {
        // Whoever does not wait any more does not want to know.
        let _ = self.answer.send(answers);
    }

    /// Which statement carries it out; none where its commands need several.
    fn kind(&self) -> Option<Kind> {
        match (self.stands_or_falls_together, self.commands.first()) {
            (false, Some(append)) => Some(Kind::of(append)),
            _ => None,
        }
    }

    /// Whether it can be repeated without fear that it happens twice.
    pub(super) fn is_repeatable(&self) -> bool {
        self.commands
            .iter()
            .all(|append| append.request.idempotency_key.is_some())
    }
}

/// What no two commands of a batch, or of batches that are under way, may share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Token {
    Application(Uuid),
    Key(InstitutionId, IdempotencyKey),
}

/// The tokens of one command.
pub(super) fn tokens(append: &Append) -> impl Iterator<Item = Token> {
    let request = &append.request;
    let key = request.idempotency_key.clone();
    let key = key.map(|key| Token::Key(request.institution.clone(), key));
    std::iter::once(Token::Application(append.uuid())).chain(key)
}

/// The items in the order of the calls, and who works on them.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Item>,
    busy: HashSet<Token>,
    workers: usize,
    /// How many of the workers have a batch.
    under_way: usize,
}

impl Queue {
    /// Adds items; whether another worker is needed for them.
    pub(super) fn push(&mut self, items: impl Iterator<Item = Item>, most_workers: usize) -> bool {
        self.waiting.extend(items);
        let is_needed = !self.waiting.is_empty() && self.workers < most_workers;
        self.workers += usize::from(is_needed);
        is_needed
    }

    /// How many items wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next batch for a worker, whose tokens are busy from now on; none, and the worker is gone.
    ///
    /// A batch is carried out by one statement, so it has either creations or transitions. A command waits
    /// for those before it that share one of its tokens; commands that stand or fall together are a batch
    /// of their own.
    pub(super) fn take(&mut self, most_workers: usize) -> Option<Vec<Item>> {
        // What is left is for those who have nothing to do, in parts that are worth a statement.
        let free = most_workers.saturating_sub(self.under_way).max(1);
        let share = self.waiting.len().div_ceil(free).clamp(SHARE, MOST);
        let mut batch: Vec<Item> = Vec::new();
        let mut taken: HashSet<Token> = HashSet::new();
        let mut blocked: HashSet<Token> = HashSet::new();
        let mut left = VecDeque::new();
        let mut is_full = false;
        while !is_full && let Some(item) = self.waiting.pop_front() {
            let wanted: HashSet<Token> = item.commands.iter().flat_map(tokens).collect();
            let is_free = wanted.iter().all(|token| {
                !self.busy.contains(token) && !taken.contains(token) && !blocked.contains(token)
            });
            let fits = match batch.first() {
                None => true,
                Some(first) => item.kind().is_some() && item.kind() == first.kind(),
            };
            if is_free && fits {
                taken.extend(wanted);
                is_full = item.stands_or_falls_together || batch.len() + 1 >= share;
                batch.push(item);
            } else {
                blocked.extend(wanted);
                left.push_back(item);
            }
        }
        while let Some(item) = left.pop_back() {
            self.waiting.push_front(item);
        }
        if batch.is_empty() {
            self.workers -= 1;
            return None;
        }
        self.busy.extend(taken);
        self.under_way += 1;
        Some(batch)
    }

    /// Ends a batch: these items are to be tried again, before all others.
    pub(super) fn put_back(&mut self, tokens: &[Token], again: Vec<Item>) {
        self.under_way -= 1;
        for token in tokens {
            self.busy.remove(token);
        }
        for item in again.into_iter().rev() {
            self.waiting.push_front(item);
        }
    }
}
