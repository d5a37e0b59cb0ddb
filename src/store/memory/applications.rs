//! Applications in memory: those of their facts that never change, and where the last event is.

use std::sync::Arc;

use uuid::Uuid;

use super::pieces::Pieces;
use crate::lifecycle::details::{ApplicationDetails, ManyDetails, SharedDetails};
use crate::lifecycle::source::TriggerContext;
use crate::places::Places;

/// What an application has beside its details, in 12 bytes.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) institution: u32,
    /// The place of its last event in the log.
    pub(super) last: u32,
    pub(super) trigger_context: TriggerContext,
}

/// All applications, in the order of creation.
#[derive(Debug, Default)]
pub(super) struct Applications {
    rows: Pieces<Row>,
    /// The details of the first ones, many in one allocation.
    many: Vec<Arc<ManyDetails>>,
    /// The details of the others, as they came.
    last: Vec<SharedDetails>,
    by_uuid: Places,
}

impl Applications {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, number: u32) -> Option<&Row> {
        self.rows.get(number)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Row> {
        self.rows.get_mut(number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// The number of the application with this identity.
    pub(super) fn number(&self, uuid: Uuid) -> Option<u32> {
        let is = |number| self.details(number).is_some_and(|it| it.uuid() == uuid);
        self.by_uuid.find(uuid, is)
    }

    /// The details of an application.
    pub(super) fn details(&self, number: u32) -> Option<&ApplicationDetails> {
        let (many, at) = split(number);
        match self.many.get(many) {
            Some(many) => many.get(usize::from(at)),
            None if many == self.many.len() => Some(self.last.get(usize::from(at))?),
            None => None,
        }
    }

    /// The same, to be kept.
    pub(super) fn share(&self, number: u32) -> Option<SharedDetails> {
        let (many, at) = split(number);
        match self.many.get(many) {
            Some(many) => Some(SharedDetails::Among(Arc::clone(many), at)),
            None if many == self.many.len() => self.last.get(usize::from(at)).cloned(),
            None => None,
        }
    }

    /// Adds an application: its number.
    pub(super) fn push(&mut self, details: &Arc<ApplicationDetails>, row: Row) -> u32 {
        let before = self.many.iter().flat_map(|it| it.iter());
        let before = before.chain(self.last.iter().map(|it| &**it));
        let before = before.map(ApplicationDetails::uuid);
        let number = self.by_uuid.push(details.uuid(), before);
        self.rows.push(row);
        self.last.push(Arc::clone(details).into());
        if self.last.len() == SharedDetails::MANY
            && let Some(many) = SharedDetails::together(&self.last)
        {
            self.many.push(many);
            self.last.clear();
        }
        number
    }

    /// Takes back the last application.
    pub(super) fn pop(&mut self) {
        self.rows.pop();
        if self.last.is_empty()
            && let Some(many) = self.many.pop()
        {
            self.last.extend(SharedDetails::each(&many));
        }
        if let Some(details) = self.last.pop() {
            self.by_uuid.pop(details.uuid());
        }
    }
}

/// Where the details of an application are: among which many, and at which place.
#[expect(clippy::cast_possible_truncation, reason = "MANY fits a byte")]
const fn split(number: u32) -> (usize, u8) {
    let number = number as usize;
    let at = number % SharedDetails::MANY;
    (number / SharedDetails::MANY, at as u8)
}

#[cfg(test)]
#[path = "../../../tests/unit/memory/applications.rs"]
mod tests;
