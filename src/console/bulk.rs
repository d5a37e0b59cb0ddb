//! Decisions about all that a filter shows: the question, the task, and how far it is.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chrono::{DateTime, SubsecRound, Utc};
use http::StatusCode;
use uuid::Uuid;

use super::command::{Form, command, reason, why};
use super::frame::Frame;
use super::language::counted;
use super::page::{go_to, page, page_with};
use super::query::Given;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::tasks::{Task, TaskKind, decide_all};
use super::visit::Visit;
use crate::forms::rfc_3339;
use crate::lifecycle::action::Action;
use crate::store::{ListQuery, Scope, StoreError};

/// How many applications are counted at once, and how often, before the question is asked; all,
/// where that is wanted.
const AT_ONCE: u32 = 600;
const LOOKS: u32 = 2;

const DECIDE: [Scope; 2] = [Scope::ApplicationsDecide, Scope::ApplicationsRetry];

/// Who may begin a task may see those of others.
const BEGIN: [Scope; 3] = [
    Scope::ApplicationsDecide,
    Scope::ApplicationsRetry,
    Scope::DeliveriesWrite,
];

#[derive(Template)]
#[template(path = "all.html")]
struct All {
    frame: Frame,
    given: Given,
    query: String,
    moment: String,
    total: u64,
    words: String,
    /// Where all of them are counted, if they are not.
    to_count: Option<String>,
    reasons: Vec<String>,
    fault: Option<String>,
    /// What was typed as a reason.
    typed: String,
}

/// What a query shows, up to a moment: what changes later is another state than was shown.
fn shown_at(visit: &Visit, given: &Given, moment: DateTime<Utc>) -> Result<ListQuery, Refused> {
    let query = ListQuery::new(visit.principal.institution.clone());
    let first = Given {
        after: String::new(),
        ..given.clone()
    };
    let (mut query, faults) = first.to_query(query, visit.frame.texts);
    if let Some(fault) = faults.first() {
        let text = visit.frame.texts.wrong_filter;
        let detail = format!("{text} {fault}");
        return Err(Refused::new(
            &visit.frame,
            StatusCode::UNPROCESSABLE_ENTITY,
            detail,
        ));
    }
    let given_before = (!given.before.is_empty())
        .then(|| given.time_before())
        .flatten();
    let before = given_before.map_or(moment, |it| it.min(moment));
    query.filter = query.filter.updated_before(before);
    Ok(query)
}

/// Asks whether all that the filter shows is meant, with their number.
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&DECIDE)?;
    let given = Given::read(query.as_deref());
    let question = question(&console, visit, given).await?;
    Ok(page(&question))
}

async fn question(console: &Console, visit: Visit, given: Given) -> Result<All, Refused> {
    // Stores keep whole seconds. What happens in this one may come after the question: it is
    // neither counted nor decided.
    let moment = console.engine.clock().now().trunc_subsecs(0);
    let query = shown_at(&visit, &given, moment)?;
    let failed = |error: StoreError| Refused::store(&visit.frame, &error);
    let (mut total, mut after, mut looks) = (0, None, 0);
    let is_all_wanted = given.count == "all";
    loop {
        let asked = query.clone().limit(AT_ONCE).after(after);
        let found = console.engine.list(asked).await.map_err(failed)?;
        total += found.applications.len() as u64;
        after = found.next;
        looks += 1;
        if after.is_none() || (!is_all_wanted && looks == LOOKS) {
            break;
        }
    }
    let frame = visit.frame;
    let texts = frame.texts;
    let words = counted(total, texts.all_one, texts.all_many);
    Ok(All {
        query: given.at(None),
        to_count: after.map(|_| format!("{}&count=all", given.at(None))),
        given,
        moment: frame.when(moment).exact(),
        total,
        words: if after.is_some() {
            format!("{} {words}", texts.more_than)
        } else {
            words
        },
        reasons: console.reasons(&visit.principal.institution),
        fault: None,
        typed: String::new(),
        frame,
    })
}

/// Begins the task.
pub(super) async fn begin(
    State(console): State<Console>,
    visit: Visit,
    form: Form,
) -> Result<Response, Refused> {
    let texts = visit.frame.texts;
    let given = Given::read(Some(form.field("query")));
    let (command, scope, _) = match command(&form, texts) {
        Ok(it) => it,
        Err(fault) => {
            visit.require(&DECIDE)?;
            let fault = fault.unwrap_or(texts.bad_request).to_owned();
            let mut question = question(&console, visit, given).await?;
            question.fault = Some(fault);
            question.typed = reason(&form);
            return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &question));
        }
    };
    visit.require(&[scope])?;
    let refuse =
        |detail: &str| Refused::new(&visit.frame, StatusCode::UNPROCESSABLE_ENTITY, detail);
    let moment = rfc_3339(form.field("moment")).ok_or_else(|| refuse(texts.bad_request))?;
    let query = shown_at(&visit, &given, moment.min(console.engine.clock().now()))?;
    let total = form.field("total").parse().unwrap_or_default();
    let kind = (TaskKind::Decision(command.action()), Some(total));
    let (engine, now) = (console.engine.clone(), console.engine.clock().now());
    let work = |task: Arc<Task>| async move { decide_all(&engine, &task, query, &command).await };
    let task = console.tasks.begin(&visit.principal, kind, now, work);
    let task = task.ok_or_else(|| too_many(&visit.frame))?;
    Ok(go_to(&format!("{}/tasks/{}", visit.frame.base, task.id)))
}

/// That so many tasks are under way that no further one is taken.
pub(super) fn too_many(frame: &Frame) -> Refused {
    let status = StatusCode::TOO_MANY_REQUESTS;
    Refused::new(frame, status, frame.texts.too_many_tasks)
}

/// A task in a list.
struct Row {
    id: Uuid,
    action: &'static str,
    who: String,
    began: When,
    done: u64,
    refused: u64,
    /// None if it is unknown.
    total: Option<u64>,
    state: &'static str,
    has_ended: bool,
    /// The webhook that it is about.
    webhook: Option<Uuid>,
}

impl Row {
    fn of(frame: &Frame, task: &Task) -> Self {
        let state = task.state();
        let texts = frame.texts;
        Self {
            id: task.id,
            action: match task.kind {
                TaskKind::Decision(Action::BeginProcessing) => texts.accept,
                TaskKind::Decision(Action::Reject) => texts.reject,
                TaskKind::Decision(_) => texts.retry,
                TaskKind::Replay(_) => texts.replay,
            },
            who: shown::text(&task.actor.to_string()),
            began: frame.when(task.began_at),
            done: state.done,
            refused: state.refused,
            total: task.total.map(|it| it.max(state.done + state.refused)),
            state: match (state.has_ended, state.has_failed) {
                (false, _) => texts.running,
                (true, false) => texts.ended,
                (true, true) => texts.broken_off,
            },
            has_ended: state.has_ended,
            webhook: match task.kind {
                TaskKind::Decision(_) => None,
                TaskKind::Replay(webhook) => Some(webhook),
            },
        }
    }
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    frame: Frame,
    row: Row,
    faults: Vec<(Uuid, String)>,
    more: u64,
    failure: Option<&'static str>,
}

pub(super) async fn task(
    State(console): State<Console>,
    mut visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    visit.require(&BEGIN)?;
    visit.frame.is_live = true;
    let frame = visit.frame;
    let id = id.parse().map_err(|_| Refused::not_found(&frame))?;
    let task = console.tasks.find(&visit.principal.institution, id);
    let task = task.ok_or_else(|| Refused::not_found(&frame))?;
    let state = task.state();
    let faults = state.faults.iter();
    let faults: Vec<_> = faults
        .map(|(uuid, error)| {
            (
                *uuid,
                why(frame.texts, frame.texts.changed_meanwhile, error),
            )
        })
        .collect();
    Ok(page(&TaskPage {
        row: Row::of(&frame, &task),
        more: state.refused - (faults.len() as u64).min(state.refused),
        faults,
        failure: state.has_failed.then_some(frame.texts.task_broken_off),
        frame,
    }))
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage {
    frame: Frame,
    rows: Vec<Row>,
}

pub(super) async fn tasks(
    State(console): State<Console>,
    mut visit: Visit,
) -> Result<Response, Refused> {
    visit.require(&BEGIN)?;
    visit.frame.is_live = true;
    let frame = visit.frame;
    let all = console.tasks.of(&visit.principal.institution);
    let rows = all.iter().map(|it| Row::of(&frame, it)).collect();
    Ok(page(&TasksPage { frame, rows }))
}
