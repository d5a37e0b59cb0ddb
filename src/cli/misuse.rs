//! The arguments of the process, and what is wrong with them.
//!
//! clap repeats what it cannot read. That may be a secret in the wrong place, or a URL with a
//! password, so an error names the argument by its position unless its text is a plain word.

use std::ffi::OsString;

use clap::ArgMatches;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The longest word that an error repeats, in bytes.
const LONGEST_WORD: usize = 24;

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
    let given: Vec<_> = error
        .context()
        .filter(|(part, _)| is_given(kind, *part))
        .flat_map(|(part, value)| texts(value).map(move |text| (part, text.to_owned())))
        .filter(|(_, text)| !is_plain(text))
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
