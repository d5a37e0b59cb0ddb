//! The first page: what waits for a decision, what has failed, what is stuck, and which webhooks
//! have trouble.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::TimeDelta;
use futures_util::future::{try_join, try_join5};
use uuid::Uuid;

use super::chart::{self, Chart};
use super::frame::Frame;
use super::language::counted;
use super::page::page;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::lifecycle::value::ProcessingError;
use crate::store::{
    Backlog, Count, Filter, InstitutionId, ListOrder, ListQuery, Outbox, Scope, StoreError, Webhook,
};

/// How many failures are grouped, and how many that are stuck are counted.
const LOOKED_AT: u32 = 100;

/// What is in progress for longer than this is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60 * 60);

/// A delivery that is due for longer than this means trouble.
const LATE: TimeDelta = TimeDelta::minutes(5);

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    waiting: u64,
    /// When the applications were counted, if that is some time ago.
    counted_at: Option<When>,
    oldest: Option<When>,
    failed: u64,
    failed_looked_at: String,
    errors: Vec<Group>,
    stuck: String,
    has_stuck: bool,
    stuck_before: String,
    webhooks: Option<Vec<Trouble>>,
    chart: Option<Chart>,
    cells: Vec<Row>,
    total: Row,
}

/// The longest error that a URL names, in bytes: servers before this one may take no longer lines.
const LONGEST_IN_URL: usize = 1000;

/// Failures with the same error.
struct Group {
    error: String,
    count: u64,
    /// The query of their list; none where the error is too long for a URL.
    query: Option<String>,
}

/// A webhook with trouble.
struct Trouble {
    id: Uuid,
    url: String,
    why: Vec<Why>,
}

/// What is wrong, and the query of the deliveries that it is about.
struct Why {
    text: String,
    deliveries: Option<&'static str>,
}

/// The applications in one state.
struct Row {
    name: &'static str,
    status: &'static str,
    customer: u64,
    vault: u64,
}

impl Row {
    const fn all(&self) -> u64 {
        self.customer + self.vault
    }
}

pub(super) async fn overview(
    State(console): State<Console>,
    mut visit: Visit,
) -> Result<Response, Refused> {
    visit.require(&[Scope::ApplicationsRead])?;
    visit.frame.is_live = true;
    let frame = &visit.frame;
    let made = make(&console, frame, &visit.principal.institution).await;
    let overview = made.map_err(|error| Refused::store(frame, &error))?;
    Ok(page(&overview))
}

async fn make(
    console: &Console,
    frame: &Frame,
    institution: &InstitutionId,
) -> Result<Overview, StoreError> {
    let engine = &console.engine;
    let failures = ListQuery::new(institution.clone())
        .filter(Filter::all().status(Status::Failed))
        .order(ListOrder::NewestFirst)
        .limit(LOOKED_AT);
    let webhooks = async {
        if !frame.may(Scope::WebhooksRead) {
            return Ok(None);
        }
        let (store, one) = (engine.store(), Some(institution));
        let (webhooks, backlog) = try_join(store.webhooks(one), store.backlog(one)).await?;
        Ok(Some(troubles(frame, &webhooks, &backlog)))
    };
    let chart = async {
        if !frame.may_see_events() {
            return Ok(None);
        }
        let newest = engine.feed_before(Some(institution), None, None, chart::EVENTS);
        Ok::<_, StoreError>(Some(Chart::of(frame, &newest.await?)))
    };
    // Side by side: each waits for the store.
    let (counts, failures, stuck, webhooks, chart) = try_join5(
        Box::pin(console.counting.counts(engine, institution)),
        Box::pin(engine.list(failures)),
        Box::pin(engine.stalled(institution, STUCK_AFTER, None, LOOKED_AT)),
        Box::pin(webhooks),
        Box::pin(chart),
    )
    .await?;
    let counted_at = counts.age().and_then(|it| TimeDelta::from_std(it).ok());
    let counts = counts.counts;
    let waiting = of(&counts, Status::Created, Source::Customer);
    let errors = failures.applications.iter().filter_map(|it| it.error());
    let looked_at = failures.applications.len().to_string();
    let rows = rows(frame, &counts);
    let stuck_count = stuck.applications.len();
    let more = if stuck.next.is_some() { "+" } else { "" };
    let before = frame.now - TimeDelta::from_std(STUCK_AFTER).unwrap_or_default();
    Ok(Overview {
        waiting: waiting.map_or(0, |it| it.applications),
        oldest: waiting.map(|it| frame.when(it.oldest_updated_at)),
        failed: total(&counts, |it| it.status == Status::Failed),
        failed_looked_at: frame.texts.of_newest.replace("{}", &looked_at),
        errors: grouped(errors),
        counted_at: counted_at.map(|it| frame.when(frame.now - it)),
        stuck: format!("{stuck_count}{more}"),
        has_stuck: stuck_count > 0,
        stuck_before: frame.when(before).exact(),
        webhooks,
        chart,
        total: Row {
            name: frame.texts.total,
            status: "",
            customer: rows.iter().map(|it| it.customer).sum(),
            vault: rows.iter().map(|it| it.vault).sum(),
        },
        cells: rows,
        frame: frame.clone(),
    })
}

fn of(counts: &[Count], status: Status, source: Source) -> Option<&Count> {
    let is_it = |it: &&Count| it.status == status && it.source == source;
    counts.iter().find(is_it)
}

fn total(counts: &[Count], is_it: impl Fn(&&Count) -> bool) -> u64 {
    counts.iter().filter(is_it).map(|it| it.applications).sum()
}

fn rows(frame: &Frame, counts: &[Count]) -> Vec<Row> {
    let number = |status, source| of(counts, status, source).map_or(0, |it| it.applications);
    let row = |status: &Status| Row {
        name: frame.texts.status(*status),
        status: status.as_str(),
        customer: number(*status, Source::Customer),
        vault: number(*status, Source::Vault),
    };
    Status::ALL.iter().map(row).collect()
}

/// Errors with the number of their failures, the most frequent first.
fn grouped<'e>(errors: impl Iterator<Item = &'e ProcessingError>) -> Vec<Group> {
    let mut groups = std::collections::BTreeMap::<&str, u64>::new();
    for error in errors {
        *groups.entry(error.as_str()).or_default() += 1;
    }
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|(error, count)| Group {
            error: shown::text(error),
            count,
            query: (error.len() <= LONGEST_IN_URL).then(|| {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair("status", Status::Failed.as_str());
                query.append_pair("error", error).finish()
            }),
        })
        .collect();
    groups.sort_by_key(|it| std::cmp::Reverse(it.count));
    groups.truncate(10);
    groups
}

fn troubles(frame: &Frame, webhooks: &[Webhook], backlog: &[Backlog]) -> Vec<Trouble> {
    let trouble = |webhook: &Webhook| {
        let texts = frame.texts;
        let backlog = backlog.iter().find(|it| it.webhook == webhook.id);
        let mut why = Vec::new();
        let mut add = |text, deliveries| why.push(Why { text, deliveries });
        if !webhook.endpoint.is_enabled() {
            add(texts.disabled.to_owned(), None);
        }
        if let Some(at) = webhook.health.failing_since {
            add(format!("{} {}", texts.failing_since, frame.when(at)), None);
        }
        let dead = backlog.map_or(0, |it| it.dead);
        if dead > 0 {
            let text = counted(dead, texts.dead_letter, texts.dead_letters);
            add(text, Some("status=dead"));
        }
        let due = backlog
            .and_then(|it| it.first_due)
            .filter(|it| frame.now - *it > LATE);
        if let Some(at) = due {
            let text = format!("{} {}", texts.due_since, frame.when(at));
            add(text, Some("status=pending&order=oldest"));
        }
        (!why.is_empty()).then(|| Trouble {
            id: webhook.id,
            url: shown::text(webhook.endpoint.url.as_str()),
            why,
        })
    };
    webhooks.iter().filter_map(trouble).collect()
}
