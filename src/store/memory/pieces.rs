//! Rows that grow in pieces: a growing array would take twice its memory whenever it grows.

/// Memory is full long before there are 2³² of anything.
pub(super) fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A number of which the lowest bytes were kept, the lowest first.
pub(super) fn widened<const N: usize>(bytes: [u8; N]) -> u64 {
    let mut all = [0; 8];
    for (to, from) in all.iter_mut().zip(bytes) {
        *to = from;
    }
    u64::from_le_bytes(all)
}

/// Rows, each at the place at which it was added.
#[derive(Debug)]
pub(super) struct Pieces<T> {
    full: Vec<Box<[T]>>,
    last: Vec<T>,
}

impl<T> Default for Pieces<T> {
    fn default() -> Self {
        Self {
            full: Vec::new(),
            last: Vec::new(),
        }
    }
}

impl<T> Pieces<T> {
    const PIECE: usize = 4096;

    pub(super) fn len(&self) -> usize {
        self.full.len() * Self::PIECE + self.last.len()
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        let (piece, at) = Self::split(at);
        match self.full.get(piece) {
            Some(full) => full.get(at),
            None if piece == self.full.len() => self.last.get(at),
            None => None,
        }
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let (piece, at) = Self::split(at);
        let count = self.full.len();
        match self.full.get_mut(piece) {
            Some(full) => full.get_mut(at),
            None if piece == count => self.last.get_mut(at),
            None => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flatten().chain(&self.last)
    }

    pub(super) fn push(&mut self, row: T) {
        if self.last.is_empty() {
            self.last.reserve_exact(Self::PIECE);
        }
        self.last.push(row);
        if self.last.len() == Self::PIECE {
            let full = std::mem::take(&mut self.last);
            self.full.push(full.into_boxed_slice());
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        if self.last.is_empty() {
            self.last = self.full.pop()?.into_vec();
        }
        self.last.pop()
    }

    /// The piece, and the place in it.
    const fn split(at: u32) -> (usize, usize) {
        let at = at as usize;
        (at / Self::PIECE, at % Self::PIECE)
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/memory/pieces.rs"]
mod tests;
