//! What is asked of many applications at once: lists and counts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::actor::Actor;
use super::cells::Cells;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::clock::whole_second;
use super::error::{Result, StoreError};
use super::name::InstitutionId;
use super::page::{Look, PageOf};
use super::request::RecordedEvent;
use super::title::TitlePart;
use crate::lifecycle::action::Action;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventBody;
use crate::lifecycle::rules;
use crate::lifecycle::source::{Source, TriggerContext};
use crate::lifecycle::state::Status;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, ProcessingError};

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
    pub(crate) application_id: Option<ApplicationId>,
    pub(crate) title: Option<TitlePart>,
    pub(crate) error: Option<ProcessingError>,
    pub(crate) updated_after: Option<DateTime<Utc>>,
    pub(crate) updated_before: Option<DateTime<Utc>>,
}

impl Filter {
    /// Every application.
    pub const fn all() -> Self {
        Self {
            cells: Cells::ALL,
            email: None,
            application_id: None,
            title: None,
            error: None,
            updated_after: None,
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

    /// Only those with this number of the backend's, which several may have.
    pub const fn application_id(mut self, number: ApplicationId) -> Self {
        self.application_id = Some(number);
        self
    }

    /// Only those whose certificate title contains this part, ignoring case.
    ///
    /// Both are compared letter by letter in lower case, by Unicode's simple mapping: so `İ` is
    /// `i`, `ẞ` is `ß` and not `ss`, `Σ` is `σ` and not `ς`, and `É` is not `e`. No letter of the
    /// part stands for others.
    pub fn title(mut self, part: TitlePart) -> Self {
        self.title = Some(part);
        self
    }

    /// Only those that have failed with this error, letter for letter.
    pub fn error(self, error: ProcessingError) -> Self {
        Self {
            error: Some(error),
            ..self.status(Status::Failed)
        }
    }

    /// Only those whose last event lies at this time or later.
    pub const fn updated_after(mut self, time: DateTime<Utc>) -> Self {
        self.updated_after = Some(time);
        self
    }

    /// Only those whose last event lies before this time.
    pub const fn updated_before(mut self, time: DateTime<Utc>) -> Self {
        self.updated_before = Some(time);
        self
    }

    /// The whole seconds since 1970 between which the last event lies: from the first on, and
    /// before the second.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn updated_seconds(&self) -> (i64, i64) {
        (
            self.updated_after.map_or(i64::MIN, whole_second),
            self.updated_before.map_or(i64::MAX, whole_second),
        )
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
    /// The most applications on the page, corrupt ones included; there may be fewer, and a next
    /// page nevertheless ([`Page::next`]). 0 counts as 1: a list would not go on for a reader of
    /// pages without room.
    pub limit: u32,
    /// Whether [`Page::origins`] is wanted, which takes the engine one more read for each
    /// application.
    pub origins: bool,
}

impl ListQuery {
    /// How many applications a page has, where the query does not say.
    pub const LIMIT: u32 = 100;

    /// How many applications one call looks at, at most, to find those that the filter lets
    /// through; or [`limit`](Self::limit), if that is more.
    pub const LOOK: u32 = 10_000;

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

    /// How many applications are looked at, at most.
    pub(crate) const fn most(&self) -> u32 {
        if self.page_size() > Self::LOOK {
            self.page_size()
        } else {
            Self::LOOK
        }
    }

    /// The page, before the first row is looked at.
    pub(in crate::store) const fn look(&self) -> Look<PageKey, AnyApplication> {
        Look::new(self.page_size() as usize, self.most() as usize)
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
    /// How it was created.
    pub trigger_context: TriggerContext,
}

impl Origin {
    /// That of the application with this history; none where it has no beginning.
    pub(crate) fn of(history: &[RecordedEvent]) -> Option<Self> {
        let created = history.first()?;
        let EventBody::Created { trigger_context } = created.event.body() else {
            return None;
        };
        Some(Self {
            trigger_context: *trigger_context,
            created_at: created.event.timestamp(),
            created_by: created.actor.clone(),
        })
    }
}

/// One page of a list. As JSON, the applications are their records.
///
/// Where a filter lets few through, a page may be short or empty and have a
/// [`next`](Self::next): one call looks at no more than [`ListQuery::LOOK`] applications. Only a
/// page without `next` is the last. Without a filter, every page but the last is full.
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
    /// Where the next page begins; none after the last. It alone tells whether the list goes on,
    /// and not how many applications there are here.
    pub next: Option<PageKey>,
}

impl Page {
    pub(in crate::store) fn of(page: PageOf<PageKey, AnyApplication>) -> Self {
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

/// How many applications are in one state, from one source, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Count {
    /// The state.
    pub status: Status,
    /// The source.
    pub source: Source,
    /// How many; at least one.
    pub applications: u64,
    /// Since when the one is here that has been here the longest: the time of its last event, in
    /// whole seconds.
    #[serde(serialize_with = "super::json::serialize_time")]
    pub oldest_updated_at: DateTime<Utc>,
}

impl Count {
    /// The counts of these, in order. What is of one state and source is added up.
    pub(crate) fn sorted(found: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut cells: HashMap<(Status, Source), Self> = HashMap::new();
        for count in found {
            let cell = (count.status, count.source);
            let and = |of: &mut Self| {
                of.applications += count.applications;
                of.oldest_updated_at = of.oldest_updated_at.min(count.oldest_updated_at);
            };
            cells.entry(cell).and_modify(and).or_insert(count);
        }
        let mut counts: Vec<_> = cells.into_values().collect();
        counts.sort_by_key(|count| (count.status, count.source));
        counts
    }
}
