//! What is asked of many applications at once: lists and counts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::actor::Actor;
use super::cells::Cells;
use super::error::{Result, StoreError};
use super::name::InstitutionId;
use super::page::page;
use super::request::RecordedEvent;
use crate::lifecycle::action::Action;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::rules;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::lifecycle::value::ApplicantEmail;

/// Which applications of an institution; all of them, until it is narrowed.
///
/// ```
/// use certificate_lifecycle::Status;
/// use certificate_lifecycle::store::Filter;
///
/// let to_be_decided = Filter::all().awaiting_decision();
/// let work_under_way = Filter::all().in_progress();
/// // `Created` alone has both: an upload into the vault is created, and at once in progress.
/// let created = Filter::all().status(Status::Created);
/// # let _ = (to_be_decided, work_under_way, created);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Filter {
    pub(crate) cells: Cells,
    pub(crate) email: Option<ApplicantEmail>,
    pub(crate) updated_before: Option<DateTime<Utc>>,
}

impl Filter {
    /// Every application.
    pub const fn all() -> Self {
        Self {
            cells: Cells::ALL,
            email: None,
            updated_before: None,
        }
    }

    /// Only those in this state.
    pub fn status(self, status: Status) -> Self {
        self.only(|it, _| it == status)
    }

    /// Only those from this source.
    pub fn source(self, source: Source) -> Self {
        self.only(|_, it| it == source)
    }

    /// Only those that background work owns (CONTRACT.md, "In progress").
    pub fn in_progress(mut self) -> Self {
        self.cells = self.cells.and(Cells::in_progress());
        self
    }

    /// Only those that an administrator has to decide: created, and from a customer (CONTRACT.md,
    /// "Lifecycle").
    pub fn awaiting_decision(self) -> Self {
        self.only(|status, source| rules::is_legal(status, source, Action::BeginProcessing))
    }

    /// Only those of this applicant, the address taken letter for letter.
    pub fn email(mut self, email: ApplicantEmail) -> Self {
        self.email = Some(email);
        self
    }

    /// Only those whose last event lies before this time.
    pub const fn updated_before(mut self, time: DateTime<Utc>) -> Self {
        self.updated_before = Some(time);
        self
    }

    /// The first whole second, since 1970, that is not before the time of
    /// [`updated_before`](Self::updated_before).
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn updated_before_seconds(&self) -> i64 {
        self.updated_before.map_or(i64::MAX, |time| {
            time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0)
        })
    }

    fn only(mut self, predicate: impl Fn(Status, Source) -> bool) -> Self {
        self.cells = self.cells.and(Cells::of(predicate));
        self
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::all()
    }
}

/// The order of a list: that in which the applications were created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ListOrder {
    /// The first that was created comes first.
    #[default]
    OldestFirst,
    /// The last that was created comes first.
    NewestFirst,
}

/// What is asked of a list: by itself, the first page of all applications of an institution, the
/// oldest first.
///
/// ```
/// use certificate_lifecycle::Status;
/// use certificate_lifecycle::store::{Filter, InstitutionId, ListQuery, ListOrder};
///
/// let institution = InstitutionId::new("example-university")?;
/// let latest_failures = ListQuery::new(institution)
///     .filter(Filter::all().status(Status::Failed))
///     .order(ListOrder::NewestFirst)
///     .limit(20);
/// # let _ = latest_failures;
/// # Ok::<(), certificate_lifecycle::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Whose applications.
    pub institution: InstitutionId,
    /// Which of them.
    pub filter: Filter,
    /// In which order.
    pub order: ListOrder,
    /// The page after this key; none is the first page.
    pub after: Option<PageKey>,
    /// The most applications on the page, corrupt ones included. 0 counts as 1: a page without
    /// applications would look like the end of the list.
    pub limit: u32,
    /// Whether [`Page::origins`] is wanted, which takes the engine one more read for each
    /// application.
    pub origins: bool,
}

impl ListQuery {
    /// How many applications a page has, where the query does not say.
    pub const LIMIT: u32 = 100;

    /// The first page of an institution's applications, the oldest first.
    #[must_use]
    pub const fn new(institution: InstitutionId) -> Self {
        Self {
            institution,
            filter: Filter::all(),
            order: ListOrder::OldestFirst,
            after: None,
            limit: Self::LIMIT,
            origins: false,
        }
    }

    /// The same, of these applications only.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// The same, in this order.
    #[must_use]
    pub const fn order(mut self, order: ListOrder) -> Self {
        self.order = order;
        self
    }

    /// The same, after this key: the [`next`](Page::next) of the page before. None is the first
    /// page.
    #[must_use]
    pub fn after(mut self, key: impl Into<Option<PageKey>>) -> Self {
        self.after = key.into();
        self
    }

    /// The same, with at most so many applications on the page.
    #[must_use]
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// The same, with the [`Origin`] of each application.
    #[must_use]
    pub const fn with_origins(mut self) -> Self {
        self.origins = true;
        self
    }

    /// How many applications the page has at most: for stores.
    #[must_use]
    pub const fn page_size(&self) -> u32 {
        if self.limit == 0 { 1 } else { self.limit }
    }
}

/// How an application came to be. An event does not say it, so neither does an application, which
/// is made of its last event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Origin {
    /// When it was submitted or uploaded, in whole seconds.
    #[serde(serialize_with = "super::json::serialize_time")]
    pub created_at: DateTime<Utc>,
    /// Who submitted or uploaded it. As JSON, `kind:id`.
    #[serde(serialize_with = "super::json::serialize_text")]
    pub created_by: Actor,
}

impl Origin {
    /// That of the application with this history; none where it has no beginning.
    pub(crate) fn of(history: &[RecordedEvent]) -> Option<Self> {
        let created = history.first()?;
        Some(Self {
            created_at: created.event.timestamp(),
            created_by: created.actor.clone(),
        })
    }
}

/// One page of a list. As JSON, the applications are their records.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The applications, in order.
    pub applications: Vec<AnyApplication>,
    /// What stands on this page and belongs to no legal application: a [`StoreError::Corrupt`] for
    /// each, with its row. It does not keep the others from being listed.
    #[serde(serialize_with = "super::json::serialize_texts")]
    pub corrupt: Vec<StoreError>,
    /// How each of the applications came to be, in their order: empty unless the query asks for it
    /// ([`ListQuery::with_origins`]). None where the history is corrupt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Option<Origin>>,
    /// Where the next page begins; none after the last.
    pub next: Option<PageKey>,
}

impl Page {
    /// The page of these rows: the key of each, and what it says.
    pub(crate) fn of(limit: u32, rows: Vec<(PageKey, Result<AnyApplication>)>) -> Self {
        let page = page(limit as usize, rows);
        Self {
            applications: page.sound,
            corrupt: page.corrupt.into_iter().map(|(_, error)| error).collect(),
            origins: Vec::new(),
            next: page.next,
        }
    }
}

/// Where a page of a list ends. Applications that are created or change meanwhile never shift it.
/// As text, and so in JSON, it is one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey(pub(crate) i64);

impl std::fmt::Display for PageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

crate::store::word::word!(PageKey);

/// A text that is no page key. The error does not repeat it: anything may stand there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("expected the key of a page as a list gives it")]
pub struct PageKeyError;

impl std::str::FromStr for PageKey {
    type Err = PageKeyError;

    /// # Errors
    /// [`PageKeyError`] where the text is none.
    fn from_str(text: &str) -> Result<Self, PageKeyError> {
        text.parse().map(Self).map_err(|_| PageKeyError)
    }
}

/// How many applications are in one state, from one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Count {
    /// The state.
    pub status: Status,
    /// The source.
    pub source: Source,
    /// How many; at least one.
    pub applications: u64,
}

impl Count {
    /// The counts of these, in order. What is of one state and source is added up.
    pub(crate) fn sorted(found: impl IntoIterator<Item = ((Status, Source), u64)>) -> Vec<Self> {
        let mut cells: HashMap<(Status, Source), u64> = HashMap::new();
        for (cell, applications) in found {
            *cells.entry(cell).or_default() += applications;
        }
        let count = |((status, source), applications)| Self {
            status,
            source,
            applications,
        };
        let mut counts: Vec<_> = cells.into_iter().map(count).collect();
        counts.sort_by_key(|count| (count.status, count.source));
        counts
    }
}
