//! The parameters of a query.

use std::time::Duration;

use axum::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use http::request::Parts;

use crate::excerpt::shorten;
use crate::forms::rfc_3339;
use crate::lifecycle::timestamp::Timestamp;
use crate::server::problem::{FieldProblem, Problem};

/// The parameters of a query; each at most once, and all of them known.
pub(in crate::server) struct Parameters {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldProblem>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self::parse(query))
    }
}

/// What is not UTF-8 becomes this character, which a query may also have itself.
const REPLACED: char = char::REPLACEMENT_CHARACTER;

impl Parameters {
    fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let pairs: Vec<(String, String)> = pairs.into_owned().collect();
        let own = query.to_ascii_uppercase().matches("%EF%BF%BD").count()
            + query.matches(REPLACED).count();
        let count = |(name, value): &(String, String)| {
            name.matches(REPLACED).count() + value.matches(REPLACED).count()
        };
        let mut errors = Vec::new();
        if pairs.iter().map(count).sum::<usize>() > own {
            let broken = pairs.iter().find(|it| count(it) > 0);
            let name = broken.map_or("", |(name, _)| name.as_str());
            let detail = format!("parameter {} is not UTF-8", shorten(name));
            errors.push(FieldProblem::parameter(shorten(name), detail));
        }
        Self {
            pairs,
            known: Vec::new(),
            errors,
        }
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let place = self.pairs.iter().position(|(it, _)| it == name)?;
        let (_, value) = self.pairs.swap_remove(place);
        if self.pairs.iter().any(|(it, _)| it == name) {
            self.pairs.retain(|(it, _)| it != name);
            self.refuse(name, format!("parameter {name} appears more than once"));
            return None;
        }
        Some(value)
    }

    /// Keeps what is wrong with a parameter: the first fault tells most.
    fn refuse(&mut self, name: &str, detail: impl ToString) {
        let is_of_it = |it: &FieldProblem| it.parameter.as_deref() == Some(name);
        if !self.errors.iter().any(is_of_it) {
            self.errors.push(FieldProblem::parameter(name, detail));
        }
    }

    /// The value of a parameter that may be absent.
    pub(in crate::server) fn optional<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.take(name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(name, format!("parameter {name}: {}", error.to_string()));
                None
            }
        }
    }

    /// A number within these bounds; the default where it is absent.
    pub(in crate::server) fn number(
        &mut self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> u32 {
        let (least, most) = (*bounds.start(), *bounds.end());
        let rule = || format!("expected an integer from {least} to {most}");
        let read = |text: &str| {
            let is_number = text.bytes().all(|it| it.is_ascii_digit());
            let number = is_number.then(|| text.parse().ok()).flatten();
            number.filter(|it| bounds.contains(it)).ok_or_else(rule)
        };
        self.optional(name, read).unwrap_or(default)
    }

    /// A length of time in whole seconds, at most this long; none where it is absent.
    pub(in crate::server) fn seconds(&mut self, name: &'static str, most: u32) -> Duration {
        Duration::from_secs(self.number(name, 0..=most, 0).into())
    }

    /// Yes or no; no where it is absent.
    pub(in crate::server) fn flag(&mut self, name: &'static str) -> bool {
        let read = |text: &str| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected true or false"),
        };
        self.optional(name, read).unwrap_or(false)
    }

    /// A time as RFC 3339 writes it.
    pub(in crate::server) fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        self.optional(name, time)
    }

    /// That all parameters are known and right.
    ///
    /// # Errors
    /// A problem with each that is not.
    pub(in crate::server) fn finish(mut self) -> Result<(), Problem> {
        let known = match self.known.as_slice() {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
        for (name, _) in std::mem::take(&mut self.pairs) {
            let name = shorten(&name);
            let detail = format!("unknown parameter {name:?}; known are: {known}");
            self.refuse(&name, detail);
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.errors))
        }
    }
}

/// Reads a time as RFC 3339 writes it.
pub(in crate::server) fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let expected =
        "expected an RFC 3339 time with its offset from UTC, such as 2026-06-04T10:30:00Z";
    // In a query, a plus sign that is not escaped has become a blank.
    let text = text.replace(' ', "+");
    let at = rfc_3339(&text).filter(|it| Timestamp::new(*it).is_ok());
    at.ok_or(expected)
}
