//! What waits to be carried out, in batches of one command an application.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
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
    answer: oneshot::Sender<Vec<Answer>>,
    pub(super) since: Instant,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// That it may have been carried out by an earlier try, which may even be under way still.
    pub(super) unknown: Option<StoreError>,
    /// Its place in the order of the calls.
    number: u64,
}

impl Item {
    /// An item of a call that comes now.
    pub(super) fn new(
        commands: Vec<Append>,
        stands_or_falls_together: bool,
        since: Instant,
    ) -> (Self, oneshot::Receiver<Vec<Answer>>) {
        let (answer, receiver) = oneshot::channel();
        let item = Self {
            commands,
            stands_or_falls_together,
            answer,
            since,
            attempts: 0,
            unknown: None,
            number: 0,
        };
        (item, receiver)
    }

    pub(super) fn answer(self, answers: Vec<Answer>) {
        // A caller that has gone needs no answer.
        let _ = self.answer.send(answers);
    }

    /// Answers all commands with the error; no caller is assured that nothing was changed who was
    /// in doubt before.
    pub(super) fn refuse(self, error: &StoreError) {
        let error = self.unknown.as_ref().unwrap_or(error).clone();
        let answers = self.commands.iter().map(|_| Err(error.clone().into()));
        let answers = answers.collect();
        self.answer(answers);
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

    /// The tokens of its commands, each once.
    pub(super) fn tokens(&self) -> Vec<Token> {
        match self.commands.as_slice() {
            [append] => tokens(append).collect(),
            several => {
                let all: HashSet<Token> = several.iter().flat_map(tokens).collect();
                all.into_iter().collect()
            }
        }
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

/// Items by their place in the order of the calls.
type InOrder = BTreeMap<u64, Item>;

/// The items in the order of the calls, and who works on them.
///
/// An item stands in the line of each of its tokens, and is ready when it is the first in all of
/// them. It stays there until it is done. So whatever waits is looked at when it comes and when
/// a worker before it is done, however much else there is.
#[derive(Default)]
pub(super) struct Queue {
    /// Items that could be carried out, by what carries them out.
    creations: InOrder,
    transitions: InOrder,
    together: InOrder,
    /// Items that wait for others, and in how many lines.
    blocked: HashMap<u64, (Item, usize)>,
    /// Who waits behind the first, for each token that is out.
    lines: HashMap<Token, VecDeque<u64>>,
    /// How many items there have been.
    count: u64,
    workers: usize,
    /// How many of the workers have a batch.
    under_way: usize,
}

impl Queue {
    /// Adds items; whether another worker is needed for them.
    pub(super) fn push(&mut self, items: impl Iterator<Item = Item>, most_workers: usize) -> bool {
        for mut item in items {
            self.count += 1;
            item.number = self.count;
            let mut before = 0;
            for token in item.tokens() {
                match self.lines.entry(token) {
                    Entry::Vacant(line) => {
                        line.insert(VecDeque::new());
                    }
                    Entry::Occupied(mut line) => {
                        line.get_mut().push_back(item.number);
                        before += 1;
                    }
                }
            }
            if before == 0 {
                self.make_ready(item);
            } else {
                self.blocked.insert(item.number, (item, before));
            }
        }
        let is_needed = self.waiting() > 0 && self.workers < most_workers;
        self.workers += usize::from(is_needed);
        is_needed
    }

    /// How many items wait.
    pub(super) fn waiting(&self) -> usize {
        self.creations.len() + self.transitions.len() + self.together.len() + self.blocked.len()
    }

    /// The next batch for a worker; none, and the worker is gone.
    ///
    /// A batch is carried out by one statement, so it has either creations or transitions,
    /// whichever has waited longest. A command waits for those before it that share one of its
    /// tokens; commands that stand or fall together are a batch of their own.
    pub(super) fn take(&mut self, most_workers: usize) -> Option<Vec<Item>> {
        // What is left is for those who have nothing to do, in parts that are worth a statement.
        let free = most_workers.saturating_sub(self.under_way).max(1);
        let share = self.waiting().div_ceil(free).clamp(SHARE, MOST);
        let lanes = [
            (&mut self.creations, share),
            (&mut self.transitions, share),
            (&mut self.together, 1),
        ];
        let first = |items: &InOrder| items.first_key_value().map(|(number, _)| *number);
        let oldest = lanes
            .into_iter()
            .filter_map(|(items, most)| Some((first(items)?, items, most)))
            .min_by_key(|(number, ..)| *number);
        let Some((_, items, most)) = oldest else {
            self.workers -= 1;
            return None;
        };
        let mut batch = Vec::with_capacity(most.min(items.len()));
        while batch.len() < most
            && let Some((_, item)) = items.pop_first()
        {
            batch.push(item);
        }
        self.under_way += 1;
        Some(batch)
    }

    /// Ends a batch that had these tokens: these items of it are to be tried again, each at its
    /// place.
    pub(super) fn put_back(&mut self, tokens: &[Token], again: Vec<Item>) {
        self.under_way -= 1;
        let kept: HashSet<Token> = again.iter().flat_map(Item::tokens).collect();
        for token in tokens {
            if !kept.contains(token) {
                self.release(token);
            }
        }
        for item in again {
            self.make_ready(item);
        }
    }

    /// A worker is gone without having been asked to go.
    pub(super) fn lose_worker(&mut self) {
        self.workers -= 1;
    }

    /// All that does not wait for a batch that is under way: no worker is there to carry it out.
    pub(super) fn give_up(&mut self) -> Vec<Item> {
        let mut all = Vec::new();
        loop {
            let items = [
                &mut self.creations,
                &mut self.transitions,
                &mut self.together,
            ];
            let ready: Vec<Item> = items
                .into_iter()
                .flat_map(|items| std::mem::take(items).into_values())
                .collect();
            if ready.is_empty() {
                return all;
            }
            for token in ready.iter().flat_map(Item::tokens) {
                self.release(&token);
            }
            all.extend(ready);
        }
    }

    /// The first in the line of a token is done; the next may be ready.
    fn release(&mut self, token: &Token) {
        let Some(next) = self.lines.get_mut(token).and_then(VecDeque::pop_front) else {
            self.lines.remove(token);
            return;
        };
        if let Entry::Occupied(mut blocked) = self.blocked.entry(next) {
            blocked.get_mut().1 -= 1;
            if blocked.get().1 == 0 {
                let (item, _) = blocked.remove();
                self.make_ready(item);
            }
        }
    }

    fn make_ready(&mut self, item: Item) {
        let items = match item.kind() {
            Some(Kind::Creation) => &mut self.creations,
            Some(Kind::Transition) => &mut self.transitions,
            None => &mut self.together,
        };
        items.insert(item.number, item);
    }
}
