//! What a webhook never got: counted first, then sent.

use std::ops::ControlFlow;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::StatusCode;
use uuid::Uuid;

use super::row::{Row, find};
use crate::console::bulk::too_many;
use crate::console::command::Form;
use crate::console::frame::Frame;
use crate::console::language::{Texts, counted};
use crate::console::page::{go_to, page_with};
use crate::console::query::{Faults, time};
use crate::console::refused::Refused;
use crate::console::site::Console;
use crate::console::tasks::{Task, TaskKind};
use crate::console::visit::Visit;
use crate::engine::ReplayProgress;
use crate::lifecycle::event::EventKind;
use crate::server::{Wanted, kind};
use crate::store::{Scope, Webhook};

/// How many events are looked at before the question is asked; all, where that is wanted.
const FIRST: u64 = 20_000;

/// What was given, in a query or in a form.
#[derive(Default)]
struct Given {
    from: String,
    to: String,
    events: Vec<String>,
    /// `all`, where all of them are to be counted.
    count: String,
    /// Whether anything was given: otherwise it is the form that is asked for.
    is_filled_in: bool,
}

impl Given {
    fn of<T: AsRef<str>>(fields: impl Iterator<Item = (T, T)>) -> Self {
        let mut given = Self::default();
        for (name, value) in fields {
            let value = value.as_ref().trim().to_owned();
            match name.as_ref() {
                "from" => given.from = value,
                "to" => given.to = value,
                "event" => given.events.push(value),
                "count" => given.count = value,
                _ => continue,
            }
            given.is_filled_in = true;
        }
        given
    }

    /// The same, for what has happened by now: what comes later the webhook gets anyway.
    fn up_to(mut self, now: DateTime<Utc>) -> Self {
        if self.to.is_empty() {
            // Events have whole seconds, and those of this one count.
            let end = now + TimeDelta::seconds(1);
            self.to = end.to_rfc3339_opts(SecondsFormat::Secs, true);
        }
        self
    }

    /// What is wanted, or what is wrong with it.
    fn wanted(&self, texts: &Texts) -> Result<Wanted, Vec<String>> {
        let mut faults = Faults::default();
        let from = faults.value(&self.from, time, texts.from_time, texts.no_time);
        let to = faults.value(&self.to, time, texts.to_time, texts.no_time);
        let choice = texts.no_such_choice;
        let kinds = self.events.iter();
        let kinds: Vec<_> = kinds
            .map(|it| faults.value(it, kind, texts.events, choice))
            .collect();
        let mut faults = faults.0;
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            faults.push(texts.no_time_between.to_owned());
        }
        if self.events.is_empty() {
            faults.push(texts.no_event_chosen.to_owned());
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Wanted {
            kinds: Some(kinds.into_iter().flatten().collect()),
            from,
            to,
        })
    }

    fn query(&self, count: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("from", &self.from);
        query.append_pair("to", &self.to);
        for event in &self.events {
            query.append_pair("event", event);
        }
        if let Some(count) = count {
            query.append_pair("count", count);
        }
        query.finish()
    }
}

/// A kind of events that may be chosen.
struct Choice {
    value: &'static str,
    name: &'static str,
    is_chosen: bool,
}

/// What was found.
struct Count {
    number: u64,
    words: String,
    /// The query of the page that counts all of them, if they are not.
    all: Option<String>,
}

#[derive(Template)]
#[template(path = "webhook_replay.html")]
struct Page {
    frame: Frame,
    row: Row,
    given: Given,
    choices: Vec<Choice>,
    faults: Vec<String>,
    count: Option<Count>,
}

/// The form, and below it how many there are, once it is filled in.
pub(in crate::console) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    for scope in [Scope::WebhooksRead, Scope::DeliveriesWrite] {
        visit.require(&[scope])?;
    }
    let id = id.parse().map_err(|_| Refused::not_found(&visit.frame))?;
    let query = query.unwrap_or_default();
    let given = Given::of(form_urlencoded::parse(query.as_bytes()));
    let given = if given.is_filled_in {
        given.up_to(visit.frame.now)
    } else {
        given
    };
    show(&console, visit, id, given).await
}

async fn show(
    console: &Console,
    visit: Visit,
    id: Uuid,
    given: Given,
) -> Result<Response, Refused> {
    let (webhook, row) = find(console, &visit, id).await?;
    let texts = visit.frame.texts;
    let (mut faults, mut count) = (Vec::new(), None);
    if given.is_filled_in {
        match given.wanted(texts) {
            Ok(wanted) => count = Some(counted_for(console, &visit, id, &given, &wanted).await?),
            Err(wrong) => faults = wrong,
        }
    }
    let status = if faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let page = Page {
        choices: choices(texts, &webhook, &given),
        frame: visit.frame,
        row,
        given,
        faults,
        count,
    };
    Ok(page_with(status, &page))
}

/// The kinds that the webhook wants; all of them, until some are chosen.
fn choices(texts: &Texts, webhook: &Webhook, given: &Given) -> Vec<Choice> {
    let kinds = webhook.endpoint.kinds.iter();
    let choice = |kind: EventKind| Choice {
        value: kind.as_str(),
        name: texts.event(kind),
        is_chosen: !given.is_filled_in || given.events.iter().any(|it| it == kind.as_str()),
    };
    kinds.map(choice).collect()
}

/// How many there are.
async fn counted_for(
    console: &Console,
    visit: &Visit,
    id: Uuid,
    given: &Given,
    wanted: &Wanted,
) -> Result<Count, Refused> {
    let is_all_wanted = given.count == "all";
    let each = |progress: ReplayProgress| {
        if !is_all_wanted && progress.looked_at >= FIRST {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let administration = console.administration(&visit.principal);
    let progress = administration.count_replay(id, wanted, each).await;
    let progress = progress.map_err(|problem| Refused::problem(&visit.frame, &problem))?;
    let texts = visit.frame.texts;
    let words = counted(
        progress.deliveries,
        texts.replay_ask_one,
        texts.replay_ask_many,
    );
    Ok(Count {
        number: progress.deliveries,
        words: if progress.is_complete {
            words
        } else {
            format!("{} {words}", texts.more_than)
        },
        all: (!progress.is_complete).then(|| given.query(Some("all"))),
    })
}

/// Begins the task that makes the deliveries.
pub(in crate::console) async fn begin(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Refused> {
    for scope in [Scope::WebhooksRead, Scope::DeliveriesWrite] {
        visit.require(&[scope])?;
    }
    let id: Uuid = id.parse().map_err(|_| Refused::not_found(&visit.frame))?;
    let given = Given::of(form.0.iter().map(|(name, it)| (&**name, &**it))).up_to(visit.frame.now);
    let Ok(wanted) = given.wanted(visit.frame.texts) else {
        return show(&console, visit, id, given).await;
    };
    // What is refused is said here, and not by the task.
    let administration = console.administration(&visit.principal);
    let first_step = |_| ControlFlow::Break(());
    let first = administration.count_replay(id, &wanted, first_step).await;
    first.map_err(|problem| Refused::problem(&visit.frame, &problem))?;

    let total = form.field("total").parse().ok();
    let (all, principal) = (console.clone(), visit.principal.clone());
    let work = move |task: Arc<Task>| async move {
        let administration = all.administration(&principal);
        let each = |progress: ReplayProgress| {
            task.has_done(progress.deliveries);
            ControlFlow::Continue(())
        };
        let replayed = administration.replay(id, &wanted, each).await;
        replayed.map(drop).map_err(|it| it.detail.clone())
    };
    let kind = (TaskKind::Replay(id), total);
    let now = console.engine.clock().now();
    let task = console.tasks.begin(&visit.principal, kind, now, work);
    let task = task.ok_or_else(|| too_many(&visit.frame))?;
    Ok(go_to(&format!("{}/tasks/{}", visit.frame.base, task.id)))
}
