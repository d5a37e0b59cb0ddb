//! Readings of a text, for comparison without regard to escapes and case.

use std::ops::Range;

/// How long the longest escape is, in bytes: two halves in JSON, `\ud83c\udf93`, or one letter in a
/// URL, `%f0%9f%8e%93`.
const LONGEST: usize = 12;

/// How many layers of escapes are undone: more than JSON in JSON can have within an excerpt, for
/// each of them doubles the backslashes.
const LAYERS: usize = 16;

/// The names that HTML has for U+00A0 to U+00FF, in order.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 \
    sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring \
    AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times \
    Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute \
    ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc \
    uuml yacute thorn yuml";

/// Other names of HTML that servers use for escapes, and their letters.
const NAMED: [(&str, char); 14] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("lsquo", '\u{2018}'),
    ("rsquo", '\u{2019}'),
    ("ldquo", '\u{201c}'),
    ("rdquo", '\u{201d}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("hellip", '\u{2026}'),
    ("euro", '\u{20ac}'),
    ("trade", '\u{2122}'),
];

/// A reading of a text, with the original place of each byte.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) text: String,
    /// Where the original of each byte begins and ends.
    places: Vec<Range<usize>>,
}

/// All readings of a text: as it is, without its escapes, without the escapes in that, and so on
/// until nothing changes. A title may look like an escape itself, so each reading counts.
pub(super) struct Readings {
    pub(super) all: Vec<Plain>,
    /// Whether it had no more layers than are undone.
    pub(super) are_complete: bool,
}

impl Readings {
    pub(super) fn of(text: &str) -> Self {
        let (mut layers, mut are_complete) = Plain::layers(text, false);
        if layers.iter().any(|it| it.text.contains('+')) {
            let (as_form, are_all) = Plain::layers(text, true);
            layers.extend(as_form.into_iter().skip(1));
            are_complete &= are_all;
        }
        Self {
            all: layers.iter().map(Plain::folded).collect(),
            are_complete,
        }
    }
}

impl Plain {
    /// As it is.
    fn of(text: &str) -> Self {
        let mut plain = Self::default();
        for (at, letter) in text.char_indices() {
            plain.push(letter, at..at + letter.len_utf8());
        }
        plain
    }

    /// The text, and one reading for each layer of its escapes; and whether no layer is left.
    fn layers(text: &str, is_form: bool) -> (Vec<Self>, bool) {
        let mut layers = Vec::with_capacity(2);
        let mut layer = Self::of(text);
        while layers.len() < LAYERS {
            let next = layer.undone(is_form);
            let is_last = next.text == layer.text;
            layers.push(layer);
            if is_last {
                return (layers, true);
            }
            layer = next;
        }
        layers.push(layer);
        (layers, false)
    }

    /// Without one layer of escapes: those of JSON and of programming languages (`\"`, `\/`,
    /// `\u0026`, `\x26`), of HTML (`&amp;`, `&#38;`, `&#x26;`) and of URLs (`%26`), all at once,
    /// since they may be mixed. In forms, `+` is a blank.
    fn undone(&self, is_form: bool) -> Self {
        let mut plain = Self::default();
        let mut at = 0;
        while let Some(rest) = self.text.get(at..).filter(|it| !it.is_empty()) {
            match escape(rest) {
                Some((letter, length)) => {
                    plain.push(letter, self.place(at..at + length));
                    at += length;
                }
                None if may_be_cut(rest) => break,
                None => {
                    let letter = rest.chars().next().unwrap_or_default();
                    let is_blank = is_form && letter == '+';
                    let place = self.place(at..at + letter.len_utf8());
                    plain.push(if is_blank { ' ' } else { letter }, place);
                    at += letter.len_utf8();
                }
            }
        }
        plain
    }

    /// For comparison: letters in one case as Unicode folds it, so that `ß` is `ss`; all blanks
    /// between two words as one, since line breaks and indents change on the way; and quotes that
    /// are doubled (CSV, SQL) as one.
    fn folded(&self) -> Self {
        let mut folded = Self::default();
        for (at, letter) in self.text.char_indices() {
            let place = self.place(at..at + letter.len_utf8());
            let letter = if letter.is_whitespace() { ' ' } else { letter };
            if matches!(letter, ' ' | '"' | '\'') && folded.text.ends_with(letter) {
                continue;
            }
            if letter.is_ascii() {
                folded.push(letter.to_ascii_lowercase(), place);
                continue;
            }
            let upper = letter.to_lowercase().flat_map(char::to_uppercase);
            // Without the dot of the Turkish capital I: some languages keep it in lower case, and
            // others do not.
            let lower = upper.flat_map(char::to_lowercase);
            let lower = lower.filter(|it| *it != '\u{307}');
            lower.for_each(|it| folded.push(it, place.clone()));
        }
        folded
    }

    fn push(&mut self, letter: char, place: Range<usize>) {
        self.text.push(letter);
        self.places.resize(self.text.len(), place);
    }

    /// The original place of some bytes.
    pub(super) fn place(&self, bytes: Range<usize>) -> Range<usize> {
        let first = self.places.get(bytes.start);
        let last = bytes.end.checked_sub(1).and_then(|it| self.places.get(it));
        let start = first.map(|it| it.start).unwrap_or_default();
        start..last.map(|it| it.end).unwrap_or_default()
    }
}

/// The texts that are searched for in readings: the text as it is, and without all of its escapes.
/// A part that looks like an escape may have been undone with others.
pub(super) fn needles(what: &str) -> Vec<String> {
    let (layers, _) = Plain::layers(what, false);
    let ends = [layers.first(), layers.last()].into_iter().flatten();
    let mut needles: Vec<_> = ends.map(|it| it.folded().text).collect();
    needles.dedup();
    needles
}

/// A value of a form, as a server understands it.
pub(super) fn of_form(text: &str) -> String {
    Plain::of(text).undone(true).text
}

/// The letter that an escape stands for, if the text begins with one, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    match text.as_bytes().first()? {
        b'\\' => of_languages(text),
        b'&' => of_html(text),
        b'%' => of_bytes(text, "%"),
        _ => None,
    }
}

/// Whether the text, which begins with no whole escape, is the beginning of one.
fn may_be_cut(text: &str) -> bool {
    let is_start = text.starts_with(['\\', '&', '%']);
    let is_inside = |it: char| it.is_ascii_alphanumeric() || "\\&%#;{}".contains(it);
    is_start && text.len() < LONGEST && text.chars().all(is_inside)
}

fn of_languages(text: &str) -> Option<(char, usize)> {
    let letter = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        // `\"` and `\/`, and what Markdown, shells and regular expressions quote.
        quoted if quoted.is_ascii_punctuation() || *quoted == b' ' => char::from(*quoted),
        b'x' => {
            // The bytes of a letter, or its number.
            let number = || Some((char::from_u32(hex(text, 2, 2)?)?, 4));
            return of_bytes(text, "\\x").or_else(number);
        }
        b'U' => return Some((char::from_u32(hex(text, 2, 8)?)?, 10)),
        b'u' if text.as_bytes().get(2) == Some(&b'{') => {
            let digits = text.bytes().skip(3).take(7).position(|it| it == b'}')?;
            return Some((char::from_u32(hex(text, 3, digits)?)?, digits + 4));
        }
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
    let end = text.bytes().take(LONGEST).position(|it| it == b';')?;
    let name = text.get(1..end)?;
    let letter = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => named(name)?,
    };
    Some((letter, end + 1))
}

fn named(name: &str) -> Option<char> {
    let latin = LATIN.split(' ').zip('\u{a0}'..);
    let mut all = NAMED.into_iter().chain(latin);
    all.find(|(it, _)| *it == name).map(|(_, letter)| letter)
}

/// One letter by its bytes, each in two digits after a prefix.
fn of_bytes(text: &str, prefix: &str) -> Option<(char, usize)> {
    let mut bytes = Vec::with_capacity(4);
    let mut at = 0;
    while bytes.len() < 4 {
        text.get(at..).filter(|it| it.starts_with(prefix))?;
        at += prefix.len();
        bytes.push(u8::try_from(hex(text, at, 2)?).ok()?);
        at += 2;
        if let Ok(letter) = std::str::from_utf8(&bytes) {
            return Some((letter.chars().next()?, at));
        }
    }
    None
}

/// This number of digits at this place.
fn hex(text: &str, at: usize, digits: usize) -> Option<u32> {
    let digits = text.get(at..at + digits)?;
    let are_digits = digits.bytes().all(|it| it.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| are_digits)
}
