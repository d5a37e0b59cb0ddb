//! No value of a secret, and nothing personal, in what comes out: marked values go through every
//! command, option, header and answer, and are looked for in all that is printed.

mod arguments;
mod sent;

use std::fmt::Write;

/// A value that must not come out, and the part of it that is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) name: &'static str,
    /// As it is given.
    pub(super) text: &'static str,
    /// What of it is secret or personal. Encodings are made of this alone, so that a part is found.
    core: &'static str,
}

const fn mark(name: &'static str, text: &'static str, core: &'static str) -> Mark {
    Mark { name, text, core }
}

/// Of the key `marked-key-Kq7vW2xT9zLm4RdP8sYb1`.
pub(super) const SECRET: Mark = mark(
    "webhook secret",
    "whsec_bWFya2VkLWtleS1LcTd2VzJ4VDl6TG00UmRQOHNZYjE=",
    "LcTd2VzJ4VDl6TG00UmRQ",
);
/// For errors that cut off what they repeat.
pub(super) const SECRET_START: Mark = mark("start of the webhook secret", "", "bWFya2VkLWtl");
pub(super) const KEY: Mark = mark("key of the webhook secret", "", "Kq7vW2xT9zLm4RdP8sY");
pub(super) const HEADER: Mark = mark(
    "header",
    "X-Marked: Bearer header-Vb5nC3mZ8k",
    "header-Vb5nC3mZ8k",
);
pub(super) const URL: Mark = mark(
    "URL with a password",
    "https://ann:url-Hj4dS9fG2a@example.com/hooks",
    "url-Hj4dS9fG2a",
);
pub(super) const ESCAPED_URL: Mark = mark(
    "URL with a password and an escaped @",
    "https://ann:escaped-Yt6rE1wQ5u%40example.com/",
    "escaped-Yt6rE1wQ5u",
);
pub(super) const DATABASE: Mark = mark(
    "URL of a database",
    "postgres://ann:database-Lm8kN4bV7c@127.0.0.1:1/certlife",
    "database-Lm8kN4bV7c",
);
pub(super) const CONNECTION: Mark = mark(
    "connection string",
    "host=127.0.0.1 port=1 user=ann password=connection-Xs2dF6gH9j",
    "connection-Xs2dF6gH9j",
);
pub(super) const EMAIL: Mark = mark(
    "e-mail address",
    "person-Qw3eR7tY1u@example.com",
    "person-Qw3eR7tY1u@example.com",
);
pub(super) const TITLE: Mark = mark(
    "title",
    "Diplôme \"Zx9cV4bN6m\" für Ärzte",
    "Diplôme \"Zx9cV4bN6m\" für Ärzte",
);
pub(super) const REASON: Mark = mark(
    "rejection reason",
    "reason-Op5iU8yT2r was not paid",
    "reason-Op5iU8yT2r was not paid",
);
pub(super) const ERROR: Mark = mark(
    "error text",
    "error-As1dF7gH3j of the printer",
    "error-As1dF7gH3j of the printer",
);

impl Mark {
    /// The form in which this mark stands in a text, if it does.
    pub(super) fn found_in(&self, text: &str) -> Option<&'static str> {
        let folded = text.to_lowercase();
        let bytes = self.core.as_bytes();
        let json = serde_json::to_string(self.core).unwrap();
        let each = |form| each_byte(bytes, form);
        let forms = [
            ("plain", self.core.to_owned()),
            ("JSON", json.trim_matches('"').to_owned()),
            ("JSON in ASCII", in_ascii(self.core)),
            (
                "Debug",
                format!("{:?}", self.core).trim_matches('"').to_owned(),
            ),
            ("percent-encoded", each(percent)),
            (
                "percent-encoded throughout",
                each(|it| format!("%{it:02x}")),
            ),
            ("hexadecimal", each(|it| format!("{it:02x}"))),
            ("escaped bytes", each(|it| format!("\\x{it:02x}"))),
        ];
        let form = forms
            .into_iter()
            .find(|(_, form)| folded.contains(&form.to_lowercase()));
        if let Some((name, _)) = form {
            return Some(name);
        }
        let in_base64 = |start| {
            let form = base64(bytes, start);
            let safe = form.replace('+', "-").replace('/', "_");
            text.contains(&form) || text.contains(&safe)
        };
        (0..3).any(in_base64).then_some("base64")
    }
}

fn each_byte(bytes: &[u8], form: fn(u8) -> String) -> String {
    bytes.iter().map(|it| form(*it)).collect()
}

fn in_ascii(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    let mut escaped = String::new();
    for character in json.trim_matches('"').chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            write!(escaped, "\\u{:04x}", u32::from(character)).unwrap();
        }
    }
    escaped
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02x}")
    }
}

/// What base64 has of these bytes wherever they stand at this place of a group of three: without
/// the digits at either end, which depend on the bytes beside them.
pub(super) fn base64(bytes: &[u8], start: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = std::iter::repeat_n(0, start)
        .chain(bytes.iter().copied())
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let digit = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum << 1 | bit);
    let digits = bits
        .chunks_exact(6)
        .map(|bits| DIGITS[usize::from(digit(bits))]);
    let unknown = (start * 8).div_ceil(6);
    digits.skip(unknown).map(char::from).collect()
}

/// Fails if one of these marks stands in what was printed.
#[track_caller]
pub(super) fn refuse(marks: &[Mark], printed: &str, by: &str) {
    for mark in marks {
        if let Some(form) = mark.found_in(printed) {
            panic!("{by} printed the {} ({form}):\n{printed}", mark.name);
        }
    }
}

#[test]
fn marks_are_found_in_each_encoding() {
    let core = TITLE.core;
    let encoded: String = core.bytes().map(percent).collect();
    for text in [
        format!("a {core} b"),
        core.to_uppercase(),
        serde_json::json!({ "title": core }).to_string(),
        in_ascii(core),
        encoded.to_uppercase(),
        format!("{core:?}"),
    ] {
        assert!(TITLE.found_in(&text).is_some(), "{text}");
    }
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{core}{before}");
        let hexadecimal: String = each_byte(text.as_bytes(), |it| format!("{it:02X}"));
        assert_eq!(TITLE.found_in(&hexadecimal), Some("hexadecimal"));
        assert_eq!(TITLE.found_in(&base64(text.as_bytes(), 0)), Some("base64"));
    }
    assert_eq!(TITLE.found_in("Diplôme"), None);
}
