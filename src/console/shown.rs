//! Values as pages show them.

use std::fmt::{self, Display};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::language::Texts;
use crate::inert::inert;

/// A text of an application, an event or a receiver: what is invisible or acts is escaped.
pub(super) fn text(text: &str) -> String {
    inert(text)
}

/// A text of several lines, in an element that shows them as such.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(inert).collect();
    lines.join("\n")
}

/// A time: relative for people, exact for their browsers.
#[derive(Clone, Copy)]
pub(super) struct When {
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    texts: &'static Texts,
}

impl When {
    pub(super) const fn new(at: DateTime<Utc>, now: DateTime<Utc>, texts: &'static Texts) -> Self {
        Self { at, now, texts }
    }

    /// As RFC 3339 writes it, in UTC.
    pub(super) fn exact(&self) -> String {
        self.at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

impl Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.now - self.at;
        let texts = self.texts;
        let until = -since;
        let (count, one, many) = if until >= TimeDelta::days(100) {
            return write!(f, "{}", self.at.format("%Y-%m-%d"));
        } else if until >= TimeDelta::days(2) {
            (until.num_days(), texts.in_days, texts.in_days)
        } else if until >= TimeDelta::hours(2) {
            (until.num_hours(), texts.in_hours, texts.in_hours)
        } else if until >= TimeDelta::minutes(2) {
            (until.num_minutes(), texts.in_minutes, texts.in_minutes)
        } else if until > TimeDelta::seconds(5) {
            return f.write_str(texts.in_a_moment);
        } else if since < TimeDelta::minutes(1) {
            return f.write_str(texts.just_now);
        } else if since < TimeDelta::hours(1) {
            (since.num_minutes(), texts.minute_ago, texts.minutes_ago)
        } else if since < TimeDelta::days(1) {
            (since.num_hours(), texts.hour_ago, texts.hours_ago)
        } else if since < TimeDelta::days(100) {
            (since.num_days(), texts.day_ago, texts.days_ago)
        } else {
            return write!(f, "{}", self.at.format("%Y-%m-%d"));
        };
        f.write_str(&super::language::counted(count.unsigned_abs(), one, many))
    }
}

/// An address, of which only the first letter and the domain are shown.
pub(super) fn masked(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return "…".to_owned();
    };
    let first: String = local.chars().take(1).collect();
    format!("{first}…@{domain}")
}
