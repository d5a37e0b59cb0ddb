//! The applications that the writer saw last, so that it need not read what it wrote a moment ago.

use std::collections::HashMap;

use uuid::Uuid;

use crate::lifecycle::event::Event;

/// How many applications one generation holds: enough for the work under way, and a bounded memory.
const GENERATION: usize = 16 << 10;

/// What the writer knows of an application.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) number: i64,
    pub(super) institution: i64,
    pub(super) last: Event,
    pub(super) last_seq: i64,
}

/// Two generations: what is used moves to the young one, and when that is full, the old one goes.
///
/// It holds only while no other writer does: see [`Write::begin`](super::write::Write::begin).
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<Uuid, Current>,
    old: HashMap<Uuid, Current>,
}

impl Cache {
    /// Takes out what is known of an application.
    pub(super) fn take(&mut self, uuid: Uuid) -> Option<Current> {
        self.young.remove(&uuid).or_else(|| self.old.remove(&uuid))
    }

    /// Keeps what is known of an application.
    pub(super) fn put(&mut self, current: Current) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(current.last.uuid(), current);
    }

    /// Forgets everything: what was kept may have been rolled back.
    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}
