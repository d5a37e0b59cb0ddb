//! The arguments of the process, and what is wrong with them.
//!
//! clap repeats what it cannot read. That may be a secret in the wrong place, or a URL with a
//! password, so an error names the argument by its position unless its text is a plain word, or has
//! the form of an address, an actor or a time where such a value is expected.

use std::ffi::OsString;

use super::harmless::may_be_secret;
use clap::ArgMatches;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The longest word that an error repeats, in bytes.
const LONGEST_WORD: usize = 24;

/// The longest address, actor, time or duration that an error repeats, in bytes.
const LONGEST_PUBLIC: usize = 64;

/// The most digits of a number that an error repeats, and the most letters of its unit.
const MOST_DIGITS: usize = 6;
const LONGEST_UNIT: usize = 4;

/// Reads the arguments of the process. Ends it where they ask for help, or are wrong.
pub(super) fn matches(command: clap::Command) -> ArgMatches {
    let arguments: Vec<_> = std::env::args_os().collect();
    match command.try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => without_values(error, &arguments).exit(),
    }
}

/// The error, with the position of an argument in place of its text, unless that is a plain word.
fn without_values(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let kind = error.kind();
    let expected = expected(&error);
    let given: Vec<_> = error
        .context()
        .filter(|(part, _)| is_given(kind, *part))
        .flat_map(|(part, value)| texts(value).map(move |text| (part, text.to_owned())))
        .filter(|(_, text)| !is_plain(text) && !is_public(&expected, text))
        .collect();
    for (part, text) in given {
        let which = which(&text, arguments);
        let tip = format!("{which} is not repeated here: it may be a secret, or have one in it");
        error.insert(part, ContextValue::String(format!("({which})")));
        // What clap suggests repeats the text.
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![StyledStr::from(tip)]),
        );
    }
    error
}

/// Whether this part of an error is a text that was given. The others are names and values of ours.
const fn is_given(kind: ErrorKind, part: ContextKind) -> bool {
    match part {
        ContextKind::InvalidValue => true,
        ContextKind::InvalidSubcommand => !matches!(
            kind,
            ErrorKind::MissingSubcommand | ErrorKind::ArgumentConflict
        ),
        ContextKind::InvalidArg => !matches!(
            kind,
            ErrorKind::ArgumentConflict
                | ErrorKind::InvalidValue
                | ErrorKind::MissingRequiredArgument
                | ErrorKind::NoEquals
                | ErrorKind::TooFewValues
                | ErrorKind::TooManyValues
                | ErrorKind::ValueValidation
                | ErrorKind::WrongNumberOfValues
        ),
        _ => false,
    }
}

fn texts(value: &ContextValue) -> impl Iterator<Item = &str> {
    let texts = match value {
        ContextValue::String(text) => std::slice::from_ref(text),
        ContextValue::Strings(texts) => texts,
        _ => &[],
    };
    texts.iter().map(String::as_str)
}

/// Whether a text is a word such as the name of a command or of an option, or a small number with
/// its unit, such as `-1h` or `101%`.
fn is_plain(text: &str) -> bool {
    let is_word = |it: u8| it.is_ascii_lowercase() || it == b'-';
    if text.len() <= LONGEST_WORD && text.bytes().all(is_word) {
        return true;
    }
    let number = text.strip_prefix('-').unwrap_or(text);
    let unit = number.trim_start_matches(|it: char| it.is_ascii_digit());
    let is_unit = unit == "%" || unit.bytes().all(|it| it.is_ascii_lowercase());
    is_unit && unit.len() <= LONGEST_UNIT && number.len() - unit.len() <= MOST_DIGITS
}

/// What the option is to have whose value cannot be used, as its help names it: `ADDRESS`.
fn expected(error: &clap::Error) -> String {
    let option = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) if error.kind() == ErrorKind::ValueValidation => option,
        _ => return String::new(),
    };
    let name = option.split_once('<').map_or("", |(_, name)| name);
    name.trim_end_matches(['.', '>']).to_owned()
}

/// Whether a text has the form of what is expected, where that is no secret.
fn is_public(expected: &str, text: &str) -> bool {
    if text.len() > LONGEST_PUBLIC || may_be_secret(text) {
        return false;
    }
    let consists_of = |text: &str, more: &str| {
        let is_in = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || more.contains(it);
        text.chars().all(is_in)
    };
    let is_number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    match expected {
        "ADDRESS" => {
            let is_host = consists_of(text, ".-:[]");
            let ends_in_port = |port: &str| port.len() <= MOST_DIGITS && is_number(port);
            let has_port = text
                .rsplit_once(':')
                .is_some_and(|(_, it)| ends_in_port(it));
            is_host && (has_port || is_number(&text.replace('.', "")))
        }
        "KIND:ID" => text.split_once(':').is_some_and(|(kind, id)| {
            kind.bytes().all(|it| it.is_ascii_lowercase())
                && id.len() <= LONGEST_WORD
                && consists_of(id, "._-")
        }),
        "TIME" => text
            .chars()
            .all(|it| it.is_ascii_digit() || "-:.+TZ ".contains(it)),
        "DURATION" | "DELAYS" => text.split(',').all(|it| {
            it.len() <= LONGEST_WORD / 2
                && it.starts_with(|first: char| first.is_ascii_digit())
                && consists_of(it, ". ")
        }),
        _ => false,
    }
}

/// The argument that a text is, or that it is a part of: `argument 1` is the first word after the
/// name of the program.
fn which(text: &str, arguments: &[OsString]) -> String {
    let words = || arguments.iter().map(|it| it.to_string_lossy()).enumerate();
    let whole = words().skip(1).find(|(_, word)| word == text);
    let found = whole.or_else(|| words().skip(1).find(|(_, word)| word.contains(text)));
    match found {
        Some((position, _)) => format!("argument {position}"),
        // A variable of the environment stands in for it.
        None => "the value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn what_is_expected_is_shown_if_it_has_its_form() {
        for (expected, text) in [
            ("ADDRESS", "localhost:8080"),
            ("ADDRESS", "127.0.0.1"),
            ("ADDRESS", "[::1]:99999"),
            ("KIND:ID", "x:y"),
            ("KIND:ID", "costumer:john.smith"),
            ("TIME", "2026-06-04 10:30"),
            ("DURATION", "1hour 30"),
            ("DELAYS", "0s,5,5m"),
        ] {
            assert!(is_public(expected, text), "{expected} {text}");
        }
        for (expected, text) in [
            ("ADDRESS", "jane:hunter2"),
            ("ADDRESS", "jane:hunter2@127.0.0.1:80"),
            ("ADDRESS", "dGhpc2lzYXNlY3JldA"),
            ("ADDRESS", "3f2a9c0d5e6b7a8f3f2a9c0d5e6b7a8f"),
            ("KIND:ID", "postgres://jane:hunter2@h/d"),
            ("KIND:ID", "clt_0123456789abcdef_abcdef"),
            ("KIND:ID", "bearer:3f2a9c0d5e6b7a8f3f2a9c0d5e6b7a8f"),
            ("TIME", "hunter2"),
            ("DURATION", "3f2a9c0d5e6b7a8f"),
            ("DURATION", "hunter2"),
            ("STORE", "1s"),
            ("SECRET", "1s"),
        ] {
            assert!(!is_public(expected, text), "{expected} {text}");
        }
    }
}
