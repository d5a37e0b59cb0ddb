//! What the store in memory keeps in bulk.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::lifecycle::application::ApplicationDetails;
use crate::lifecycle::event::{Event, EventBody};
use crate::lifecycle::timestamp::Timestamp;

/// Memory is full long before there are 2³² of anything.
pub(super) fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// An event, but for the details, which its application has.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) body: EventBody,
    pub(super) at: Timestamp,
    pub(super) application: u32,
    pub(super) version: u32,
    pub(super) actor: u32,
    /// The place of the application's event before; its own for the first.
    pub(super) previous: u32,
}

/// Entries that grow in pieces: a growing array would take twice its memory whenever it grows.
#[derive(Debug, Default)]
pub(super) struct Log {
    full: Vec<Box<[Entered]>>,
    last: Vec<Entered>,
}

impl Entered {
    pub(super) fn event(&self, details: Arc<ApplicationDetails>) -> Option<Event> {
        // What was entered came out of a transition.
        Event::restore(details, self.version.into(), self.at, self.body.clone()).ok()
    }
}

impl Log {
    const PIECE: usize = 4096;

    pub(super) fn len(&self) -> usize {
        self.full.len() * Self::PIECE + self.last.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Entered> {
        match self.full.get(at / Self::PIECE) {
            Some(piece) => piece.get(at % Self::PIECE),
            None => self
                .last
                .get(at.checked_sub(self.full.len() * Self::PIECE)?),
        }
    }

    pub(super) fn push(&mut self, entered: Entered) {
        if self.last.is_empty() {
            self.last.reserve_exact(Self::PIECE);
        }
        self.last.push(entered);
        if self.last.len() == Self::PIECE {
            let full = std::mem::take(&mut self.last);
            self.full.push(full.into_boxed_slice());
        }
    }

    pub(super) fn pop(&mut self) -> Option<Entered> {
        if self.last.is_empty() {
            self.last = self.full.pop()?.into_vec();
        }
        self.last.pop()
    }
}

/// Values that occur often, each kept once.
#[derive(Debug)]
pub(super) struct Names<T> {
    pub(super) all: Vec<T>,
    pub(super) numbers: HashMap<T, u32>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    pub(super) fn number(&mut self, name: &T) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = place(self.all.len());
        self.all.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}
