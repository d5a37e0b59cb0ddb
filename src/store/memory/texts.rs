//! Texts in bulk, one behind the other, without an allocation for each.

use std::sync::Arc;

use super::pieces::{place, widened};
use crate::lifecycle::text::Text;

/// Where a text begins: the place in the piece in two bytes, the piece in four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address([u8; 6]);

impl Address {
    /// Where no text is.
    pub(super) const NONE: Self = Self([u8::MAX; 6]);

    fn new(piece: usize, offset: usize) -> Self {
        let offset = u16::try_from(offset).unwrap_or(u16::MAX);
        let address = u64::from(place(piece)) << 16 | u64::from(offset);
        let [bytes @ .., _, _] = address.to_le_bytes();
        Self(bytes)
    }

    fn parts(self) -> (usize, usize) {
        let address = widened(self.0);
        let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        (index(address >> 16), index(address & u64::from(u16::MAX)))
    }
}

/// All texts. Each stands behind its length, in one piece.
///
/// Lengths are written in ASCII, so a piece is a `String`, and reading checks no text again.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Texts {
    /// Those that are read share them.
    full: Vec<Arc<String>>,
    last: String,
}

impl std::fmt::Debug for Texts {
    /// Without what is personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texts(…)")
    }
}

impl Texts {
    /// At most as many bytes as an address has places for. Texts that are longer have a piece of
    /// their own. A text that was read keeps its piece, so they are not as long as they could be.
    const PIECE: usize = 1 << 14;

    /// The digits of the longest length.
    const MOST_DIGITS: usize = usize::BITS.div_ceil(6) as usize;

    /// Adds a text: its address.
    pub(super) fn push(&mut self, text: &str) -> Address {
        let size = text.len() + Self::MOST_DIGITS;
        if self.last.len() + size > Self::PIECE && !self.last.is_empty() {
            let full = std::mem::take(&mut self.last);
            self.full.push(Arc::new(full));
        }
        if self.last.capacity() == 0 {
            self.last.reserve_exact(size.max(Self::PIECE));
        }
        let address = Address::new(self.full.len(), self.last.len());
        push_length(&mut self.last, text.len());
        self.last.push_str(text);
        address
    }

    /// The text at this address.
    pub(super) fn get(&self, address: Address) -> Option<&str> {
        let (piece, offset) = address.parts();
        let piece = self.piece(piece)?;
        let (start, length) = Self::bounds(piece, offset)?;
        piece.get(start..start.checked_add(length)?)
    }

    /// The same, without a copy of it where its piece is full.
    pub(super) fn share(&self, address: Address) -> Option<Text> {
        let (piece, offset) = address.parts();
        let Some(full) = self.full.get(piece) else {
            return self.get(address).map(Text::from);
        };
        let (start, length) = Self::bounds(full, offset)?;
        Text::of(full, start, length)
    }

    /// Takes back the text at this address, and all that were added after it.
    pub(super) fn truncate(&mut self, address: Address) {
        let (piece, offset) = address.parts();
        if piece < self.full.len() {
            self.full.truncate(piece.saturating_add(1));
            self.last = self
                .full
                .pop()
                .map(Arc::unwrap_or_clone)
                .unwrap_or_default();
        }
        if piece == self.full.len() {
            // It does not panic: an address is where a length begins, or nothing has been added.
            self.last.truncate(offset);
        }
    }

    fn piece(&self, piece: usize) -> Option<&String> {
        let last = (piece == self.full.len()).then_some(&self.last);
        self.full.get(piece).map(|it| &**it).or(last)
    }

    /// Where a text stands whose length begins at this place, and how long it is.
    fn bounds(piece: &str, offset: usize) -> Option<(usize, usize)> {
        let (length, digits) = read_length(piece.as_bytes().get(offset..)?)?;
        Some((offset + digits, length))
    }
}

/// Six bits a character, the lowest first; the seventh bit is set if another follows.
fn push_length(piece: &mut String, mut length: usize) {
    loop {
        // Six bits.
        let low = u8::try_from(length & 63).unwrap_or_default();
        length >>= 6;
        let is_last = length == 0;
        piece.push(char::from(if is_last { low } else { low | 64 }));
        if is_last {
            return;
        }
    }
}

/// A length, and how many digits it has.
fn read_length(digits: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    let mut shift = 0;
    for (at, digit) in digits.iter().enumerate() {
        length |= usize::from(digit & 63).checked_shl(shift)?;
        if digit & 64 == 0 {
            return Some((length, at + 1));
        }
        shift += 6;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_come_back_to_the_byte() {
        let mut texts = Texts::default();
        let long = "é".repeat(1 << 17);
        let all: Vec<String> = (0..2000)
            .map(|length| "\0a".repeat(length))
            .chain([long, String::new(), "𝄞\u{7f}@\u{0}".to_owned()])
            .collect();
        let addresses: Vec<_> = all.iter().map(|it| texts.push(it)).collect();
        assert!(texts.full.len() > 3);
        for (one, address) in all.iter().zip(addresses) {
            assert_eq!(texts.get(address), Some(one.as_str()));
            assert_eq!(texts.share(address).as_deref(), Some(one.as_str()));
        }
    }

    #[test]
    fn pieces_do_not_grow() {
        let mut texts = Texts::default();
        for _ in 0..10_000 {
            texts.push("Certificate of Achievement");
        }
        for piece in texts.full.iter().map(|it| &**it).chain([&texts.last]) {
            assert_eq!(piece.capacity(), Texts::PIECE);
        }
    }

    #[test]
    fn no_text_is_where_none_was_added() {
        let mut texts = Texts::default();
        assert_eq!(texts.get(Address::NONE), None);
        texts.push("a");
        for address in [Address::NONE, Address::new(0, 2), Address::new(1, 0)] {
            assert_eq!(texts.get(address), None);
            assert_eq!(texts.share(address), None);
        }
    }

    #[test]
    fn what_was_taken_back_leaves_no_trace() {
        let mut texts = Texts::default();
        let kept = texts.push("kept");
        let first = texts.push("first");
        let others: Vec<_> = (0..20).map(|_| texts.push(&"x".repeat(9000))).collect();
        assert!(texts.full.len() > 2);
        let read: Vec<_> = others.iter().map(|it| texts.share(*it)).collect();
        for address in others.into_iter().rev() {
            texts.truncate(address);
            assert_eq!(texts.get(address), None);
        }
        texts.truncate(first);
        assert_eq!(texts.push("second"), first);
        assert_eq!(texts.get(first), Some("second"));
        assert_eq!(texts.get(kept), Some("kept"));
        // Those that were read before stay as they were.
        assert!(
            read.iter()
                .all(|it| it.as_ref().is_some_and(|it| it.len() == 9000))
        );
    }
}
