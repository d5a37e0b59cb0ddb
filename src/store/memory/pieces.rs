//! Rows that grow in pieces: a growing array would take twice its memory whenever it grows.

/// Memory is full long before there are 2³² of anything.
pub(super) fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
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
mod tests {
    use super::*;

    #[test]
    fn rows_stay_at_their_places_across_pieces() {
        let count = place(Pieces::<u32>::PIECE) * 2 + 1;
        let mut pieces = Pieces::default();
        for number in 0..count {
            pieces.push(number);
        }
        assert!(pieces.iter().copied().eq(0..count));
        for at in 0..count {
            assert_eq!(pieces.get(at).copied(), Some(at));
            *pieces.get_mut(at).unwrap() += 1;
        }
        assert_eq!(pieces.get(count), None);
        assert_eq!(pieces.get(u32::MAX), None);
        assert_eq!(pieces.get_mut(count), None);
        for at in (0..count).rev() {
            assert_eq!(pieces.len(), at as usize + 1);
            assert_eq!(pieces.pop(), Some(at + 1));
        }
        assert_eq!(pieces.pop(), None);
        pieces.push(7);
        assert_eq!(pieces.get(0), Some(&7));
    }
}
