//! What became of commands: each key stands for one, which has its effect once, however often it is
//! reported.

use std::collections::BTreeMap;

use certificate_lifecycle::store::{ExecuteError, Receipt, RecordedEvent, Request};
use uuid::Uuid;

use crate::world::check;

/// The outcomes of all commands, by their keys.
#[derive(Default)]
pub struct Outcomes(BTreeMap<String, Outcome>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was carried out, and this is its event.
    Done(Uuid),
    /// It was refused, with this code.
    Refused(&'static str),
}

impl Outcome {
    fn of(answer: &Result<Receipt, ExecuteError>) -> Self {
        match answer {
            Ok(receipt) => Self::Done(receipt.event.id()),
            Err(error) => Self::Refused(error.code()),
        }
    }
}

fn key_of(request: &Request) -> String {
    request.idempotency_key.as_ref().unwrap().to_string()
}

impl Outcomes {
    /// The store has carried out a command, or refused it: whether that was the first time it heard
    /// of it. If not, it says the same again.
    pub fn reported(&mut self, request: &Request, answer: &Result<Receipt, ExecuteError>) -> bool {
        let outcome = Outcome::of(answer);
        let known = self.0.insert(key_of(request), outcome);
        let is_replayed = answer.as_ref().is_ok_and(|it| it.replayed);
        check(known.is_none_or(|it| it == outcome), || {
            format!("{request:?} was {known:?} before, and is {outcome:?} now")
        });
        check(answer.is_err() || is_replayed == known.is_some(), || {
            format!("{request:?} was {known:?} before, but is replayed: {is_replayed}")
        });
        known.is_none()
    }

    /// A commander has an answer: it is what became of the command.
    pub fn answered(&self, request: &Request, answer: &Result<Receipt, ExecuteError>) {
        let (known, outcome) = (self.0.get(&key_of(request)), Outcome::of(answer));
        check(known == Some(&outcome), || {
            format!("{request:?} was {known:?}, but {outcome:?} is what is said")
        });
    }

    /// These are all events that there are: those of the commands that were carried out, each once.
    pub fn made(&self, events: &[RecordedEvent]) {
        for it in events {
            let key = it.idempotency_key.as_ref().unwrap().as_str();
            let (known, outcome) = (self.0.get(key), Outcome::Done(it.event.id()));
            check(known == Some(&outcome), || {
                format!("{it:?} is of a command that was {known:?}")
            });
        }
        let done = self.0.values();
        let done = done.filter(|it| matches!(it, Outcome::Done(_))).count();
        check(events.len() == done, || {
            format!("{} events of {done} commands", events.len())
        });
    }
}
