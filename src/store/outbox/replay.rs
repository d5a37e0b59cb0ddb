//! Deliveries of what was recorded before: a webhook gets what it never got.

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::delivery::named_values;
use super::webhook::Webhook;
use crate::setters::setters;
use crate::store::Cursor;
use crate::store::clock::whole_second;
use crate::webhook::EventKinds;

/// One step of a replay: the next events of the feed, of which a webhook is to get those that it
/// never got.
///
/// [`Engine::replay`](crate::engine::Engine::replay) takes all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replay {
    /// The webhook.
    pub webhook: Uuid,
    /// Events of these kinds. What the webhook's own settings want does not matter to a store.
    pub kinds: EventKinds,
    /// That say that they happened then or later.
    pub since: Option<DateTime<Utc>>,
    /// That say that they happened before.
    pub until: Option<DateTime<Utc>>,
    /// Where the step begins.
    pub after: Cursor,
    /// How many events of the feed, of all institutions, are looked at; 0 is taken for 1, and more
    /// than [`MOST`](Self::MOST) for that.
    pub limit: u32,
    /// Whether they are only counted.
    pub is_dry_run: bool,
}

impl Replay {
    /// The most events that one step looks at.
    pub const MOST: u32 = 10_000;

    /// A replay to this webhook of the kinds that are given, or of all that its settings want.
    ///
    /// # Errors
    /// Those of the kinds that its settings leave out: it does not want them.
    pub fn wanted_by(webhook: &Webhook, kinds: Option<EventKinds>) -> Result<Self, EventKinds> {
        let wanted = webhook.endpoint.kinds;
        let kinds = kinds.unwrap_or(wanted);
        let others = kinds.without(wanted);
        if others.is_empty() {
            Ok(Self::new(webhook.id).with_kinds(kinds))
        } else {
            Err(others)
        }
    }

    /// The same, only to count: that takes no lock, so a step looks at [`MOST`](Self::MOST).
    #[must_use]
    pub fn to_count(self) -> Self {
        self.with_is_dry_run(true).with_limit(Self::MOST)
    }

    /// A replay of all events to this webhook, from the start of the feed.
    #[must_use]
    pub const fn new(webhook: Uuid) -> Self {
        Self {
            webhook,
            kinds: EventKinds::ALL,
            since: None,
            until: None,
            after: Cursor::START,
            limit: 1000,
            is_dry_run: false,
        }
    }

    setters! {
        with_kinds: kinds, EventKinds;
        with_since: since, Option<DateTime<Utc>>;
        with_until: until, Option<DateTime<Utc>>;
        with_after: after, Cursor;
        with_limit: limit, u32;
        with_is_dry_run: is_dry_run, bool;
    }

    /// How many events are looked at.
    pub(in crate::store) const fn size(&self) -> u32 {
        match self.limit {
            0 => 1,
            limit if limit > Self::MOST => Self::MOST,
            limit => limit,
        }
    }

    /// The whole seconds since 1970 between which the events lie: from the first on, and before the
    /// second. No event has another time than one that can be written.
    pub(in crate::store) fn seconds(&self) -> (i64, i64) {
        (
            whole_second(self.since.unwrap_or(DateTime::<Utc>::MIN_UTC)),
            whole_second(self.until.unwrap_or(DateTime::<Utc>::MAX_UTC)),
        )
    }
}

impl std::fmt::Display for Replay {
    /// What it asks for, as the API names it: `from=2026-06-04T10:30:00.000Z events=approved`. All
    /// events at all times are `all`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = |it: DateTime<Utc>| it.to_rfc3339_opts(SecondsFormat::Millis, true);
        let kinds = Some(self.kinds).filter(|it| *it != EventKinds::ALL);
        let fields = [
            ("from", self.since.map(time)),
            ("to", self.until.map(time)),
            ("events", kinds.map(|it| it.to_string())),
        ];
        named_values(f, fields)
    }
}

/// What a step of a replay has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Replayed {
    /// How many deliveries were made, or would be.
    pub deliveries: u64,
    /// How many events were looked at.
    pub looked_at: u64,
    /// Where the next step begins; none behind the last event.
    pub next: Option<Cursor>,
}

impl Replayed {
    /// A step that has looked at so many events, of these many that it was to look at, the last of
    /// them at this place.
    pub(in crate::store) fn of(
        deliveries: u64,
        looked_at: u64,
        size: u32,
        last: Option<Cursor>,
    ) -> Self {
        Self {
            deliveries,
            looked_at,
            next: last.filter(|_| looked_at >= u64::from(size)),
        }
    }
}
