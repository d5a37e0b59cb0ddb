//! Texts in bulk, one behind the other, without an allocation for each.

use super::pieces::{place, widened};

/// Where texts that were added together begin: the place in the piece in two bytes, the piece in
/// four.
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

/// All texts. Each stands behind its length; those that were added together stand in one piece.
///
/// Lengths are written in ASCII, so a piece is a `String`, and reading checks no text again.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Texts {
    pieces: Vec<String>,
}

impl std::fmt::Debug for Texts {
    /// Without what is personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texts(…)")
    }
}

impl Texts {
    /// As many bytes as an address has places for. Texts that are longer have a piece of their own.
    const PIECE: usize = 1 << 16;

    /// The digits of the longest length.
    const MOST_DIGITS: usize = usize::BITS.div_ceil(6) as usize;

    /// Adds texts that are read together: their address.
    pub(super) fn push<const N: usize>(&mut self, texts: [&str; N]) -> Address {
        let size: usize = texts.iter().map(|it| it.len() + Self::MOST_DIGITS).sum();
        let last = self.pieces.last();
        if last.is_none_or(|it| it.len() + size > Self::PIECE) {
            let capacity = size.max(Self::PIECE);
            self.pieces.push(String::with_capacity(capacity));
        }
        let at = self.pieces.len() - 1;
        let Some(piece) = self.pieces.last_mut() else {
            return Address::NONE;
        };
        let address = Address::new(at, piece.len());
        for text in texts {
            push_length(piece, text.len());
            piece.push_str(text);
        }
        address
    }

    /// The texts that were added together at this address.
    pub(super) fn get<const N: usize>(&self, address: Address) -> Option<[&str; N]> {
        let (piece, offset) = address.parts();
        let mut rest = self.pieces.get(piece)?.get(offset..)?;
        let mut texts = [""; N];
        for text in &mut texts {
            let (length, behind) = read_length(rest)?;
            (*text, rest) = behind.split_at_checked(length)?;
        }
        Some(texts)
    }

    /// Takes back the texts at this address, and all that were added after them.
    pub(super) fn truncate(&mut self, address: Address) {
        let (at, offset) = address.parts();
        self.pieces.truncate(at.saturating_add(1));
        if let Some(piece) = self.pieces.get_mut(at) {
            // It does not panic: an address is where a length begins, or nothing has been added.
            piece.truncate(offset);
        }
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

/// A length, and what stands behind it.
fn read_length(text: &str) -> Option<(usize, &str)> {
    let mut length = 0;
    let mut shift = 0;
    for (at, digit) in text.bytes().enumerate() {
        length |= usize::from(digit & 63).checked_shl(shift)?;
        if digit & 64 == 0 {
            return Some((length, text.get(at + 1..)?));
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
        let long = "é".repeat(Texts::PIECE);
        let all: Vec<String> = (0..2000)
            .map(|length| "\0a".repeat(length))
            .chain([long, String::new(), "𝄞\u{7f}@\u{0}".to_owned()])
            .collect();
        let pairs: Vec<_> = all.iter().zip(all.iter().rev()).collect();
        let push = |(one, other): &(&String, &String)| texts.push([one.as_str(), other.as_str()]);
        let addresses: Vec<_> = pairs.iter().map(push).collect();
        assert!(texts.pieces.len() > 3);
        for ((one, other), address) in pairs.into_iter().zip(addresses) {
            assert_eq!(texts.get(address), Some([one.as_str(), other.as_str()]));
        }
    }

    #[test]
    fn pieces_do_not_grow() {
        let mut texts = Texts::default();
        for _ in 0..10_000 {
            texts.push(["Certificate of Achievement", "john@example.com"]);
        }
        for piece in &texts.pieces {
            assert_eq!(piece.capacity(), Texts::PIECE);
        }
    }

    #[test]
    fn no_text_is_where_none_was_added() {
        let mut texts = Texts::default();
        assert_eq!(texts.get::<1>(Address::NONE), None);
        texts.push(["a"]);
        assert_eq!(texts.get::<1>(Address::NONE), None);
        assert_eq!(texts.get::<1>(Address::new(0, 2)), None);
        assert_eq!(texts.get::<2>(Address::new(0, 0)), None);
    }

    #[test]
    fn what_was_taken_back_leaves_no_trace() {
        let mut texts = Texts::default();
        let kept = texts.push(["kept"]);
        let first = texts.push(["first", "ü"]);
        let others: Vec<_> = (0..20).map(|_| texts.push([&"x".repeat(9000)])).collect();
        assert!(texts.pieces.len() > 2);
        for address in others.into_iter().rev() {
            texts.truncate(address);
            assert_eq!(texts.get::<1>(address), None);
        }
        texts.truncate(first);
        assert_eq!(texts.push(["second", "ö"]), first);
        assert_eq!(texts.get(first), Some(["second", "ö"]));
        assert_eq!(texts.get(kept), Some(["kept"]));
    }
}
