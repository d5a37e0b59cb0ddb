//! The memory store's lists and counts, and its feed backward.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::applications::Row;
use super::pieces::place;
use super::{MemoryStore, Tables, cursor};
use crate::lifecycle::event::EventKind;
use crate::store::contract::Queries;
use crate::store::queries::{Count, Filter, ListOrder, ListQuery, Page, PageKey};
use crate::store::title::Needle;
use crate::store::{Cursor, FeedPage, InstitutionId, Result};

impl Tables {
    fn list(&self, institution: u32, query: &ListQuery) -> Page {
        let count = self.applications.len();
        // Applications are numbered from 1, as in a database, and a key may be any number.
        let up_to = |key: i64| usize::try_from(key.max(0)).map_or(count, |it| it.min(count));
        let (start, end) = match (query.order, query.after) {
            (_, None) => (0, count),
            (ListOrder::OldestFirst, Some(key)) => (up_to(key.0), count),
            (ListOrder::NewestFirst, Some(key)) => (0, up_to(key.0.saturating_sub(1))),
        };
        let filter = &query.filter;
        let needle = filter.title.as_ref().map(Needle::new);
        let mut look = query.look();
        for place_in_order in 0..end - start {
            let at = match query.order {
                ListOrder::OldestFirst => start + place_in_order,
                ListOrder::NewestFirst => end - 1 - place_in_order,
            };
            let row = self.applications.get(place(at));
            let Some(row) = row.filter(|row| row.institution == institution) else {
                continue;
            };
            let matches = self.matches(filter, needle.as_ref(), place(at), row);
            // What was entered came out of a transition.
            let event = matches.then(|| {
                let details = self.applications.share(place(at))?;
                self.log.get(row.last)?.event(row, details, &self.texts)
            });
            let event = event.flatten();
            let key = PageKey(i64::from(place(at)) + 1);
            if look
                .at(key, event.map(|it| Ok(it.application())))
                .is_break()
            {
                break;
            }
        }
        Page::of(look.page())
    }

    /// Whether the filter lets the application with this number through.
    fn matches(&self, filter: &Filter, title: Option<&Needle>, number: u32, row: &Row) -> bool {
        let Some(last) = self.log.get(row.last) else {
            return false;
        };
        let time = || DateTime::<Utc>::from(last.at());
        let is_of_details = || {
            self.applications.details(number).is_some_and(|details| {
                let (email, number) = (details.applicant_email(), details.application_id());
                filter.application_id.is_none_or(|it| it == number)
                    && filter.email.as_ref().is_none_or(|it| it == email)
                    && title.is_none_or(|it| it.is_in(details.certificate_title().as_str()))
            })
        };
        let asks_details =
            filter.application_id.is_some() || filter.email.is_some() || title.is_some();
        filter
            .cells
            .contains(last.kind.status(), row.trigger_context.source())
            && filter.updated_after.is_none_or(|it| it <= time())
            && filter.updated_before.is_none_or(|it| time() < it)
            && (!asks_details || is_of_details())
            && filter
                .error
                .as_ref()
                .is_none_or(|it| last.text(&self.texts) == Some(it.as_str()))
    }

    fn counts(&self, institution: u32) -> Vec<Count> {
        let rows = self.applications.iter();
        let count = |row: &Row| {
            let last = self.log.get(row.last)?;
            Some(Count {
                status: last.kind.status(),
                source: row.trigger_context.source(),
                applications: 1,
                oldest_updated_at: last.at().into(),
            })
        };
        Count::sorted(
            rows.filter(|row| row.institution == institution)
                .filter_map(count),
        )
    }

    fn feed_before(
        &self,
        institution: Option<&InstitutionId>,
        kind: Option<EventKind>,
        before: Option<Cursor>,
        limit: u32,
    ) -> FeedPage {
        let number = institution.map(|it| self.institution(it));
        let end = before.map_or(u64::MAX, |it| it.transaction().saturating_sub(1));
        let count = place(self.log.len());
        let end = u32::try_from(end).map_or(count, |it| it.min(count));
        let mut look = FeedPage::look(limit);
        for at in (0..end).rev() {
            let matches = self.log.get(at).is_some_and(|entered| {
                let row = self.applications.get(entered.application);
                let is_of = |it: Option<u32>| it.is_some() && row.map(|row| row.institution) == it;
                number.is_none_or(is_of) && kind.is_none_or(|it| entered.kind == it)
            });
            let recorded = matches.then(|| self.recorded(at)).flatten();
            if look.at(cursor(at), recorded.map(Ok)).is_break() {
                break;
            }
        }
        FeedPage::of(look.page())
    }
}

impl Queries for MemoryStore {
    async fn list(&self, query: ListQuery) -> Result<Page> {
        let tables = self.tables();
        let page = tables
            .institution(&query.institution)
            .map(|institution| tables.list(institution, &query));
        Ok(page.unwrap_or_default())
    }

    async fn institutions(&self) -> Result<Vec<InstitutionId>> {
        let tables = self.tables();
        let of_applications = tables.applications.iter().filter_map(|it| {
            let number = it.institution as usize;
            tables.institutions.all.get(number)
        });
        let of_webhooks = tables.outbox.in_order().map(|it| &it.institution);
        let all: BTreeSet<_> = of_applications.chain(of_webhooks).collect();
        Ok(all.into_iter().cloned().collect())
    }

    async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>> {
        let tables = self.tables();
        let institution = tables.institution(institution);
        Ok(institution.map_or_else(Vec::new, |it| tables.counts(it)))
    }

    async fn feed_before(
        &self,
        institution: Option<&InstitutionId>,
        kind: Option<EventKind>,
        before: Option<Cursor>,
        limit: u32,
    ) -> Result<FeedPage> {
        Ok(self.tables().feed_before(institution, kind, before, limit))
    }
}
