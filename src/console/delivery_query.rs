//! Which deliveries a list shows: its filter, its order and its place, all of it in the URL.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::StatusCode;
use uuid::Uuid;

use super::frame::Frame;
use super::language::{Texts, counted};
use super::query::{Faults, time};
use super::refused::Refused;
use crate::server::{Chosen, Extent, Found, kind};
use crate::store::{DeliveryFilter, DeliveryStatus, ListOrder};

/// The fields of the filter, as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) status: String,
    pub(super) webhook: String,
    pub(super) application: String,
    pub(super) event: String,
    pub(super) from: String,
    pub(super) to: String,
    order: String,
    pub(super) after: String,
    /// How many deliveries were sent again, after that was asked for.
    redelivered: String,
    /// How many were abandoned.
    abandoned: String,
    /// `all`, where all of them are to be counted before it is asked.
    count: String,
}

impl Given {
    /// Reads a query or a form. What it does not know is passed over.
    pub(super) fn read(query: &[u8]) -> Self {
        Self::of(form_urlencoded::parse(query))
    }

    /// The same of its fields.
    pub(super) fn of<T: AsRef<str>>(fields: impl Iterator<Item = (T, T)>) -> Self {
        let mut given = Self::default();
        for (name, value) in fields {
            let field = match name.as_ref() {
                "status" => &mut given.status,
                "webhook" => &mut given.webhook,
                "application" => &mut given.application,
                "event" => &mut given.event,
                "from" => &mut given.from,
                "to" => &mut given.to,
                "order" => &mut given.order,
                "after" => &mut given.after,
                "redelivered" => &mut given.redelivered,
                "abandoned" => &mut given.abandoned,
                "count" => &mut given.count,
                _ => continue,
            };
            value.as_ref().trim().clone_into(field);
        }
        given
    }

    /// How far is counted before it is asked.
    pub(super) fn extent(&self) -> Extent {
        if self.count == "all" {
            Extent::All
        } else {
            Extent::First
        }
    }

    pub(super) fn is_oldest_first(&self) -> bool {
        self.order == "oldest"
    }

    /// Whether the filter lets through what is pending.
    pub(super) fn may_be_pending(&self) -> bool {
        self.status.is_empty() || self.status == DeliveryStatus::Pending.as_str()
    }

    pub(super) const fn is_later_page(&self) -> bool {
        !self.after.is_empty()
    }

    /// The fields of the filter, by their names.
    pub(super) fn fields(&self) -> [(&'static str, &str); 7] {
        [
            ("status", &self.status),
            ("webhook", &self.webhook),
            ("application", &self.application),
            ("event", &self.event),
            ("from", &self.from),
            ("to", &self.to),
            ("order", &self.order),
        ]
    }

    /// The query of this filter, with this beside it.
    pub(super) fn with(&self, beside: Option<(&str, &str)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = self.fields().into_iter();
        let given = fields.filter(|(_, value)| !value.is_empty());
        for (name, value) in given.chain(beside) {
            query.append_pair(name, value);
        }
        query.finish()
    }

    /// The same filter, for what is recorded up to this moment: what comes after a count is not
    /// part of it.
    pub(super) fn up_to(mut self, now: DateTime<Utc>) -> Self {
        if self.to.is_empty() {
            // Times are kept in milliseconds, and those of this one count.
            let end = now + TimeDelta::milliseconds(1);
            self.to = end.to_rfc3339_opts(SecondsFormat::Millis, true);
        }
        self
    }

    /// How many deliveries were sent again or abandoned, in words.
    pub(super) fn notice(&self, texts: &Texts) -> Option<String> {
        let counts = [
            (
                &self.redelivered,
                texts.redelivered_one,
                texts.redelivered_many,
            ),
            (&self.abandoned, texts.abandoned_one, texts.abandoned_many),
        ];
        let mut notices = counts.into_iter().filter_map(|(count, one, many)| {
            let count: u64 = count.parse().ok()?;
            Some(counted(count, one, many))
        });
        notices.next()
    }

    /// The deliveries of the filter, from the first on: what is changed meanwhile is not seen
    /// twice.
    pub(super) fn chosen(&self, frame: &Frame) -> Result<Chosen, Refused> {
        let (filter, faults) = self.filter(frame.texts);
        if faults.0.is_empty() {
            return Ok(Chosen::Filter(filter.with_order(ListOrder::OldestFirst)));
        }
        let detail = format!("{} {}", frame.texts.wrong_filter, faults.0.join("; "));
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Err(Refused::new(frame, status, detail))
    }

    /// The query of the page that counts them all; none where all are counted.
    pub(super) fn to_count(&self, found: Found) -> Option<String> {
        (!found.is_all).then(|| self.with(Some(("count", "all"))))
    }

    /// The same filter for deliveries of each status.
    pub(super) fn with_any_status(self) -> Self {
        Self {
            status: String::new(),
            ..self
        }
    }

    /// The filter; what is wrong with it.
    pub(super) fn filter(&self, texts: &Texts) -> (DeliveryFilter, Faults) {
        let mut faults = Faults::default();
        let id = str::parse::<Uuid>;
        let choice = texts.no_such_choice;
        let status = str::parse::<DeliveryStatus>;
        let status = faults.value(&self.status, status, texts.status, choice);
        let order = if self.is_oldest_first() {
            ListOrder::OldestFirst
        } else {
            ListOrder::NewestFirst
        };
        let filter = DeliveryFilter::default()
            .with_status(status)
            .with_webhook(faults.value(&self.webhook, id, texts.webhook, texts.no_id))
            .with_application(faults.value(&self.application, id, texts.application, texts.no_id))
            .with_kind(faults.value(&self.event, kind, texts.event, choice))
            .with_since(faults.value(&self.from, time, texts.from_time, texts.no_time))
            .with_until(faults.value(&self.to, time, texts.to_time, texts.no_time))
            .with_order(order);
        (filter, faults)
    }
}
