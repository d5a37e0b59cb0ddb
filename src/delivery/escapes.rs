//! What a text says, whatever it is escaped for.

/// How long the longest escape is, in bytes: `&#x10ffff;`, or two halves in JSON, `\ud83c\udf93`.
const LONGEST: usize = 12;

/// What the names of HTML stand for, as far as servers escape by them.
const NAMED: [(&str, char); 6] = [
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&apos;", '\''),
    ("&nbsp;", '\u{a0}'),
];

/// A text without its escapes: those of JSON and of programming languages (`\"`, `\/`, `\u0026`, `\x26`), of HTML
/// (`&amp;`, `&#38;`, `&#x26;`) and of URLs (`%26`), all at once, since they may be mixed. Where each byte stood is
/// known.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) text: String,
    /// Where what stands for each byte begins, and where the last one ends. An escape that is cut off comes after it.
    places: Vec<usize>,
}

impl Plain {
    /// As it is.
    pub(super) fn unescaped(text: &str) -> Self {
        let mut plain = Self::default();
        for (at, letter) in text.char_indices() {
            plain.push(letter, at);
        }
        plain.ended(text.len())
    }

    /// Without escapes. In forms, `+` is a blank.
    pub(super) fn of(text: &str, is_form: bool) -> Self {
        let mut plain = Self::default();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|it| !it.is_empty()) {
            match escape(rest) {
                Some((letter, length)) => {
                    plain.push(letter, at);
                    at += length;
                }
                None if may_be_cut(rest) => break,
                None => {
                    let letter = rest.chars().next().unwrap_or_default();
                    let is_blank = is_form && letter == '+';
                    plain.push(if is_blank { ' ' } else { letter }, at);
                    at += letter.len_utf8();
                }
            }
        }
        plain.ended(at)
    }

    fn push(&mut self, letter: char, at: usize) {
        // In one case, so that it is found in any. In ASCII, for the same number of bytes.
        self.text.push(letter.to_ascii_lowercase());
        self.places.resize(self.text.len(), at);
    }

    fn ended(mut self, at: usize) -> Self {
        self.places.push(at);
        self
    }

    /// Where a byte of it stood.
    pub(super) fn place(&self, byte: usize) -> usize {
        self.places.get(byte).copied().unwrap_or_default()
    }
}

/// The letter that an escape stands for, if the text begins with one, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    match text.as_bytes().first()? {
        b'\\' => of_languages(text),
        b'&' => of_html(text),
        b'%' => of_urls(text),
        _ => None,
    }
}

/// Whether the text, which begins with no whole escape, is the beginning of one.
fn may_be_cut(text: &str) -> bool {
    let is_start = text.starts_with(['\\', '&', '%']);
    let is_inside = |it: char| it.is_ascii_alphanumeric() || "\\&%#;".contains(it);
    is_start && text.len() < LONGEST && text.chars().all(is_inside)
}

fn of_languages(text: &str) -> Option<(char, usize)> {
    let letter = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        quoted @ (b'"' | b'\'' | b'/' | b'\\') => char::from(*quoted),
        b'x' => return Some((char::from_u32(hex(text, 2, 2)?)?, 4)),
        b'u' => {
            let first = hex(text, 2, 4)?;
            if let Some(letter) = char::from_u32(first) {
                return Some((letter, 6));
            }
            let second = text.get(6..8).filter(|it| *it == "\\u");
            let second = second.and_then(|_| hex(text, 8, 4))?;
            let units = [first, second].map(|it| u16::try_from(it).unwrap_or_default());
            let mut letters = char::decode_utf16(units);
            return Some((letters.next()?.ok()?, 12));
        }
        _ => return None,
    };
    Some((letter, 2))
}

fn of_html(text: &str) -> Option<(char, usize)> {
    let named = NAMED.iter().find(|(name, _)| text.starts_with(name));
    if let Some((name, letter)) = named {
        return Some((*letter, name.len()));
    }
    let end = text.bytes().take(LONGEST).position(|it| it == b';')?;
    let number = text.get(2..end).filter(|_| text.starts_with("&#"))?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    Some((char::from_u32(code.ok()?)?, end + 1))
}

/// The bytes of one letter.
fn of_urls(text: &str) -> Option<(char, usize)> {
    let mut bytes = Vec::with_capacity(4);
    for number in 0..4 {
        let at = 3 * number;
        if text.as_bytes().get(at) != Some(&b'%') {
            return None;
        }
        bytes.push(u8::try_from(hex(text, at + 1, 2)?).ok()?);
        if let Ok(letter) = std::str::from_utf8(&bytes) {
            return Some((letter.chars().next()?, at + 3));
        }
    }
    None
}

/// So many digits there.
fn hex(text: &str, at: usize, digits: usize) -> Option<u32> {
    let digits = text.get(at..at + digits)?;
    let are_digits = digits.bytes().all(|it| it.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| are_digits)
}
