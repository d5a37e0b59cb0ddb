//! Places by identity: a hash table that holds no keys, since they stand in the rows.

use std::hash::{BuildHasher, RandomState};

use uuid::Uuid;

/// The places of rows by their identities: a table with open addressing, at most three quarters
/// full.
///
/// Rows are added and removed at the end only. So the table is always as if its rows had been added
/// to it in order, and the last one is removed by making its slot empty.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// With keys of its own: callers choose identities, and must not choose collisions.
    hashes: RandomState,
    count: u32,
    slots: Box<[Slot]>,
}

/// One place, in five bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// Seven bits of the hash, which save looking at most rows; 0 where the slot is empty.
    tag: u8,
    place: [u8; 4],
}

impl Slot {
    const EMPTY: Self = Self {
        tag: 0,
        place: [0; 4],
    };

    const fn new(tag: u8, place: u32) -> Self {
        let place = place.to_le_bytes();
        Self { tag, place }
    }

    const fn place(self) -> u32 {
        u32::from_le_bytes(self.place)
    }
}

impl Places {
    const FEWEST_SLOTS: usize = 16;
    const IS_FULL: u8 = 128;

    /// The place for which the row has this identity, as `is` says.
    pub(crate) fn find(&self, uuid: Uuid, is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hashes.hash_one(uuid);
        let tag = tag(hash);
        for at in slots(hash, self.slots.len()) {
            let slot = *self.slots.get(at)?;
            if slot.tag == 0 {
                return None;
            }
            if slot.tag == tag && is(slot.place()) {
                return Some(slot.place());
            }
        }
        None
    }

    /// Adds the next row: its place. `uuids` are the identities of the rows before it, in order.
    pub(crate) fn push(&mut self, uuid: Uuid, uuids: impl Iterator<Item = Uuid>) -> u32 {
        let place = self.count;
        if (place as usize + 1) * 4 > self.slots.len() * 3 {
            self.grow(uuids);
        }
        self.put(uuid, place);
        self.count += 1;
        place
    }

    /// Removes the last row, which has this identity.
    #[cfg_attr(
        not(any(feature = "engine", test)),
        expect(dead_code, reason = "an audit removes nothing")
    )]
    pub(crate) fn pop(&mut self, uuid: Uuid) {
        let Some(last) = self.count.checked_sub(1) else {
            return;
        };
        let hash = self.hashes.hash_one(uuid);
        let sought = Slot::new(tag(hash), last);
        let mut slots = slots(hash, self.slots.len());
        let found = slots.find(|at| self.slots.get(*at) == Some(&sought));
        if let Some(slot) = found.and_then(|at| self.slots.get_mut(at)) {
            *slot = Slot::EMPTY;
            self.count = last;
        }
    }

    fn grow(&mut self, uuids: impl Iterator<Item = Uuid>) {
        let count = (self.slots.len() * 2).max(Self::FEWEST_SLOTS);
        self.slots = vec![Slot::EMPTY; count].into_boxed_slice();
        for (at, uuid) in uuids.enumerate() {
            // Memory is full long before there are 2³² rows.
            self.put(uuid, u32::try_from(at).unwrap_or(u32::MAX));
        }
    }

    fn put(&mut self, uuid: Uuid, place: u32) {
        let hash = self.hashes.hash_one(uuid);
        let mut slots = slots(hash, self.slots.len());
        // A quarter of the slots is empty.
        let found = slots.find(|at| self.slots.get(*at) == Some(&Slot::EMPTY));
        if let Some(slot) = found.and_then(|at| self.slots.get_mut(at)) {
            *slot = Slot::new(tag(hash), place);
        }
    }
}

/// The highest bits: the slot comes from the lowest.
const fn tag(hash: u64) -> u8 {
    (hash >> 57) as u8 | Places::IS_FULL
}

/// The slots, in the order in which one is looked for. Their number is a power of two.
#[expect(clippy::cast_possible_truncation, reason = "the low bits count")]
fn slots(hash: u64, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |step| (hash as usize).wrapping_add(step) & (count - 1))
}

#[cfg(test)]
#[path = "../tests/unit/places.rs"]
mod tests;
