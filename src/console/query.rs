//! What the query of a list says: its filter, its order and its place, all of it in the URL.

use super::language::Texts;
use crate::forms::rfc_3339;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, ProcessingError};
use crate::store::{Filter, ListOrder, ListQuery, PageKey, TitlePart};

/// The fields of the filter, as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) status: String,
    pub(super) source: String,
    pub(super) email: String,
    pub(super) title: String,
    pub(super) number: String,
    /// The error that they have failed with.
    pub(super) error: String,
    pub(super) from: String,
    pub(super) before: String,
    /// Whether background work owns it, if it is to.
    pub(super) progress: String,
    pub(super) order: String,
    pub(super) after: String,
    pub(super) notice: String,
    /// `all`, where all that the filter shows is to be counted.
    pub(super) count: String,
}

impl Given {
    /// Reads a query. What it does not know is passed over: the URL may have been shared.
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let field = match &*name {
                "status" => &mut given.status,
                "source" => &mut given.source,
                "email" => &mut given.email,
                "title" => &mut given.title,
                "number" => &mut given.number,
                "error" => &mut given.error,
                "from" => &mut given.from,
                "before" => &mut given.before,
                "progress" => &mut given.progress,
                "order" => &mut given.order,
                "after" => &mut given.after,
                "notice" => &mut given.notice,
                "count" => &mut given.count,
                _ => continue,
            };
            // An error is compared letter for letter.
            let value = if name == "error" {
                &*value
            } else {
                value.trim()
            };
            value.clone_into(field);
        }
        given
    }

    /// The query of this filter, at another place; `&` and all.
    pub(super) fn at(&self, after: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("status", &*self.status),
            ("source", &self.source),
            ("email", &self.email),
            ("title", &self.title),
            ("number", &self.number),
            ("error", &self.error),
            ("from", &self.from),
            ("before", &self.before),
            ("progress", &self.progress),
            ("order", &self.order),
            ("after", after.unwrap_or_default()),
        ];
        for (name, value) in fields {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// The fields that are set, with the names that pages show.
    pub(super) fn shown(&self, texts: &Texts) -> Vec<(&'static str, String)> {
        let status = self.status.parse().map(|it| texts.status(it).to_owned());
        let source = self.source.parse().map(|it| texts.source(it).to_owned());
        let fields = [
            (texts.status, status.unwrap_or_default()),
            (texts.source, source.unwrap_or_default()),
            (texts.email, self.email.clone()),
            (texts.title_part, self.title.clone()),
            (texts.number, self.number.clone()),
            (texts.error, self.error.clone()),
            (texts.changed_from, self.from.clone()),
            (texts.changed_before, self.before.clone()),
        ];
        let set = fields.into_iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| (name, super::shown::text(&value)))
            .collect()
    }

    /// The time before which what is shown was changed, if it is one.
    pub(super) fn time_before(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        time(&self.before).ok()
    }

    /// The question to the store; what is wrong with the filter, and the rest of it.
    pub(super) fn to_query(&self, query: ListQuery, texts: &Texts) -> (ListQuery, Vec<String>) {
        let mut faults = Faults::default();
        let mut filter = Filter::all();
        if let Some(it) = faults.value(
            &self.status,
            str::parse::<Status>,
            texts.status,
            texts.no_such_choice,
        ) {
            filter = filter.status(it);
        }
        if let Some(it) = faults.value(
            &self.source,
            str::parse::<Source>,
            texts.source,
            texts.no_such_choice,
        ) {
            filter = filter.source(it);
        }
        if let Some(it) = faults.value(
            &self.email,
            |it| ApplicantEmail::new(it),
            texts.email,
            texts.no_email,
        ) {
            filter = filter.email(it);
        }
        if let Some(it) = faults.value(
            &self.title,
            |it| TitlePart::new(it),
            texts.title_part,
            texts.no_title,
        ) {
            filter = filter.title(it);
        }
        if let Some(it) = faults.value(&self.number, number, texts.number, texts.no_number) {
            filter = filter.application_id(it);
        }
        let error = |it: &str| ProcessingError::new(it);
        if let Some(it) = faults.value(&self.error, error, texts.error, texts.no_error) {
            filter = filter.error(it);
        }
        if let Some(it) = faults.value(&self.from, time, texts.changed_from, texts.no_time) {
            filter = filter.updated_after(it);
        }
        if let Some(it) = faults.value(&self.before, time, texts.changed_before, texts.no_time) {
            filter = filter.updated_before(it);
        }
        if !self.progress.is_empty() {
            filter = filter.in_progress();
        }
        let order = if self.order == "oldest" {
            ListOrder::OldestFirst
        } else {
            ListOrder::NewestFirst
        };
        let after: Option<PageKey> =
            faults.value(&self.after, str::parse, texts.page, texts.no_place);
        (query.filter(filter).order(order).after(after), faults.0)
    }
}

/// What is wrong with the fields of a filter, each in a sentence.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<String>);

impl Faults {
    /// The value of a field that is not empty; what is wrong with it is kept, in the reader's
    /// language: the field, and the rule that it breaks.
    pub(super) fn value<T, E>(
        &mut self,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
        field: &str,
        rule: &str,
    ) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        let value = read(text).ok();
        if value.is_none() {
            self.0.push(format!("{field}: {rule}"));
        }
        value
    }
}

fn number(text: &str) -> Result<ApplicationId, ()> {
    let is_number = text.bytes().all(|it| it.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.and_then(|it| ApplicationId::new(it).ok()).ok_or(())
}

/// A time: a day, a minute as browsers send it, both in UTC, or RFC 3339.
pub(super) fn time(text: &str) -> Result<chrono::DateTime<chrono::Utc>, ()> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.replace(' ', "+"),
    };
    rfc_3339(&whole).ok_or(())
}
