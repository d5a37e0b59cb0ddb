//! The configuration file of `serve`: its options, under their long names.
//!
//! What the file says takes the place of the defaults of the options, so that the command line and
//! variables come before it. No error repeats a value: it may be a secret, or have one in it.

use std::collections::HashMap;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Spanned, Value};

use super::super::harmless::unread;
use super::super::{Failure, say, store};
use super::variables::NAME;

/// The file that is read where none is named.
const USUAL: &str = "/etc/certlife/certlife.toml";

/// The id of the option that has the address of the store.
const STORE: &str = "address";

/// Options that no file can have.
const OUTSIDE: [&str; 2] = ["config", "check"];

/// The longest key that an error repeats, in bytes.
const LONGEST_KEY: usize = 32;

/// The program as the configuration file has it, if the command is `serve`, and there is a file.
pub(in crate::cli) fn configured(
    program: Command,
    given: &ArgMatches,
) -> Result<Option<Command>, Failure> {
    let Some(given) = given.subcommand_matches(NAME) else {
        return Ok(None);
    };
    if has_seen_password(given) {
        say(
            "the password in --store can be seen by all users of this machine, in the list of \
             processes; CERTLIFE_STORE or the configuration file may have it instead",
        );
    }
    let named = given.get_one::<PathBuf>("config").cloned();
    let usual = || Some(PathBuf::from(USUAL)).filter(|it| it.exists());
    let (Some(path), Some(serve)) = (named.or_else(usual), program.find_subcommand(NAME)) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::Read {
        input: unread(&path),
        error,
    })?;
    let file = File {
        path: &path,
        text: &text,
        serve,
    };
    let defaults = file.read()?;
    let configured = program.mut_subcommand(NAME, |mut serve| {
        for (option, values) in defaults {
            serve = serve.mut_arg(option, |it| it.default_values(values));
        }
        serve
    });
    Ok(Some(configured))
}

/// Whether the address of the store has a password in it, and stands on the command line.
fn has_seen_password(given: &ArgMatches) -> bool {
    let is_seen = given.value_source(STORE) == Some(ValueSource::CommandLine);
    let address = given.get_one::<OsString>(STORE).filter(|_| is_seen);
    address.is_some_and(|address| {
        let address = address.to_string_lossy();
        let user = address
            .split_once("://")
            .and_then(|it| it.1.rsplit_once('@'));
        user.is_some_and(|it| it.0.contains(':')) || address.contains("password=")
    })
}

/// An option, by its id, and its values. They are kept for as long as the process runs.
type Defaults = (String, Vec<&'static str>);

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    serve: &'a Command,
}

impl File<'_> {
    fn read(&self) -> Result<Vec<Defaults>, Failure> {
        let table: HashMap<Spanned<String>, Spanned<Value>> =
            toml::from_str(self.text).map_err(|error| {
                let at = error.span().map_or(0, |it| it.start);
                self.refused(at, &format!("this is no TOML: {}", error.message()))
            })?;
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let read = entries.into_iter().map(|(key, value)| {
            self.entry(key.get_ref(), value.get_ref())
                .map_err(|problem| self.refused(key.span().start, &problem))
        });
        read.collect()
    }

    fn refused(&self, at: usize, problem: &str) -> Failure {
        let before = self.text.bytes().take(at);
        let line = 1 + before.filter(|it| *it == b'\n').count();
        Failure::Content {
            input: format!("{}, line {line}", self.path.display()),
            problem: problem.to_owned(),
        }
    }

    fn entry(&self, key: &str, value: &Value) -> Result<Defaults, String> {
        let options = || self.serve.get_arguments();
        let option = options().find(|it| it.get_long() == Some(key) && !OUTSIDE.contains(&key));
        let Some(option) = option else {
            return Err(self.unknown(key));
        };
        let form = Form::of(option);
        let values = form.values(value).ok_or_else(|| {
            let found = kind(value);
            format!("{key} is {found}, but must be {}", form.words())
        })?;
        if form != Form::Switch {
            for value in &values {
                self.check(key, value)?;
            }
        }
        // clap takes any text there: it would repeat a password.
        if option.get_id() == STORE {
            let store = values.iter().map(|it| store::read(OsStr::new(it)));
            for read in store {
                read.map_err(|problem| format!("{key} {problem}"))?;
            }
        }
        let kept = values
            .into_iter()
            .map(|it| &*Box::leak(it.into_boxed_str()));
        Ok((option.get_id().to_string(), kept.collect()))
    }

    /// Has the option itself read the value.
    fn check(&self, key: &str, value: &str) -> Result<(), String> {
        let words = [format!("--{key}={value}")];
        let serve = self.serve.clone().no_binary_name(true);
        let Err(error) = serve.try_get_matches_from(words) else {
            return Ok(());
        };
        let problem = match (error.kind(), error.get(ContextKind::ValidValue)) {
            (ErrorKind::InvalidValue, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
                format!("expected one of {}", valid.join(", "))
            }
            (ErrorKind::InvalidValue, _) => "expected a value".to_owned(),
            _ => error
                .source()
                .map_or("it cannot be read".to_owned(), ToString::to_string),
        };
        Err(format!("{key}: {problem}"))
    }

    fn unknown(&self, key: &str) -> String {
        let is_word = |it: u8| it.is_ascii_alphanumeric() || b"-_".contains(&it);
        let named = if key.len() <= LONGEST_KEY && key.bytes().all(is_word) {
            format!("there is no option {key}")
        } else {
            "this key, which is not repeated here, is no option".to_owned()
        };
        match self.nearest(key) {
            Some(nearest) => format!("{named}; the nearest is {nearest}"),
            None => format!("{named}; there are {}", self.known().join(", ")),
        }
    }

    fn known(&self) -> Vec<&str> {
        let names = self.serve.get_arguments().filter_map(Arg::get_long);
        names.filter(|it| !OUTSIDE.contains(it)).collect()
    }

    /// The known key that is most like this one.
    fn nearest(&self, key: &str) -> Option<String> {
        let key = key.to_lowercase().replace('_', "-");
        let known = self.known();
        if known.contains(&key.as_str()) {
            return Some(key);
        }
        let serve = self.serve.clone().no_binary_name(true);
        let error = serve.try_get_matches_from([format!("--{key}")]).err()?;
        let suggested = match error.get(ContextKind::SuggestedArg)? {
            ContextValue::String(suggested) => suggested,
            ContextValue::Strings(suggested) => suggested.first()?,
            _ => return None,
        };
        let suggested = suggested.trim_start_matches('-');
        known.contains(&suggested).then(|| suggested.to_owned())
    }
}

/// What a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Switch,
    Number,
    Text,
    List,
}

impl Form {
    fn of(option: &Arg) -> Self {
        match option.get_action() {
            ArgAction::SetTrue => Self::Switch,
            ArgAction::Append => Self::List,
            _ => {
                let is_number = |it: &[_]| it.iter().any(|name| name == "NUMBER");
                match option.get_value_names() {
                    Some(names) if is_number(names) => Self::Number,
                    _ => Self::Text,
                }
            }
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Number => "an integer",
            Self::Text => "a string",
            Self::List => "a string, or an array of strings that is not empty",
        }
    }

    /// The value as words of a command line, if it has this form.
    fn values(self, value: &Value) -> Option<Vec<String>> {
        match (self, value) {
            (Self::Switch, Value::Boolean(value)) => Some(vec![value.to_string()]),
            (Self::Number, Value::Integer(value)) => Some(vec![value.to_string()]),
            (Self::Text | Self::List, Value::String(value)) => Some(vec![value.clone()]),
            (Self::List, Value::Array(values)) if !values.is_empty() => {
                let texts = values.iter().map(Value::as_str);
                texts.map(|it| it.map(str::to_owned)).collect()
            }
            _ => None,
        }
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}
