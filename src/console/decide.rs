//! What is decided about applications: accepted, rejected, retried.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::application::{Said, show};
use super::command::{Form, command, reason, why};
use super::frame::Frame;
use super::language::counted;
use super::page::{go_to, page};
use super::refused::Refused;
use super::shown;
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::action::Command;
use crate::store::{ExecuteError, Refusal, Request};

/// The most applications of one selection.
const MOST: usize = 100;

/// One application, at the version that the page has shown.
pub(super) async fn one(
    State(console): State<Console>,
    visit: Visit,
    Path(uuid): Path<String>,
    form: Form,
) -> Result<Response, Refused> {
    let uuid: Uuid = uuid.parse().map_err(|_| Refused::not_found(&visit.frame))?;
    let version: Option<u64> = form.field("version").parse().ok();
    let texts = visit.frame.texts;
    let typed = reason(&form);
    let bad = || {
        Refused::new(
            &visit.frame,
            StatusCode::UNPROCESSABLE_ENTITY,
            texts.bad_request,
        )
    };
    let version = version.ok_or_else(bad)?;
    let (command, scope, done) = match command(&form, texts) {
        Ok(it) => it,
        Err(None) => return Err(bad()),
        Err(Some(fault)) => {
            let fault = Some(fault.to_owned());
            let said = Said {
                fault,
                typed,
                ..Said::default()
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return show(&console, visit, uuid, status, said).await;
        }
    };
    visit.require(&[scope])?;
    let request = request(&visit, uuid, command, version);
    match console.engine.execute(request).await {
        Ok(_) => {
            let base = &visit.frame.base;
            Ok(match form.field("from") {
                "queue" => {
                    let after = form_urlencoded::byte_serialize(form.field("after").as_bytes());
                    let after: String = after.collect();
                    go_to(&format!("{base}/queue?after={after}&notice={done}"))
                }
                _ => go_to(&format!("{base}/applications/{uuid}?notice={done}")),
            })
        }
        Err(ExecuteError::Store(error)) => Err(Refused::store(&visit.frame, &error)),
        Err(error) => {
            let (status, fault) = (status_of(&error), why(texts, texts.conflict, &error));
            let fault = Some(fault);
            show(
                &console,
                visit,
                uuid,
                status,
                Said {
                    fault,
                    typed,
                    ..Said::default()
                },
            )
            .await
        }
    }
}

fn request(visit: &Visit, uuid: Uuid, command: Command, version: u64) -> Request {
    let principal = &visit.principal;
    let (institution, actor) = (principal.institution.clone(), principal.actor.clone());
    Request::transition(institution, actor, uuid, command).expecting(version)
}

const fn status_of(error: &ExecuteError) -> StatusCode {
    match error {
        ExecuteError::Refused(Refusal::UnknownApplication { .. }) => StatusCode::NOT_FOUND,
        ExecuteError::Refused(Refusal::Forbidden { .. }) => StatusCode::FORBIDDEN,
        _ => StatusCode::CONFLICT,
    }
}

/// The title of an application; its identity where it has none that can be read.
async fn title(console: &Console, visit: &Visit, uuid: Uuid) -> String {
    let institution = &visit.principal.institution;
    match console.engine.load(institution, uuid).await {
        Ok(Some(it)) => shown::text(it.details().certificate_title().as_str()),
        _ => uuid.to_string(),
    }
}

#[derive(Template)]
#[template(path = "decided.html")]
struct Decided {
    frame: Frame,
    done: Option<String>,
    faults: Vec<Fault>,
    back: String,
}

/// An application about which nothing was decided, and why.
struct Fault {
    uuid: Uuid,
    /// Its title, where it can be read.
    title: String,
    why: String,
}

/// A selection, each at the version that the page has shown.
pub(super) async fn many(
    State(console): State<Console>,
    visit: Visit,
    form: Form,
) -> Result<Response, Refused> {
    let texts = visit.frame.texts;
    let refuse =
        |detail: String| Refused::new(&visit.frame, StatusCode::UNPROCESSABLE_ENTITY, detail);
    let command = command(&form, texts);
    let command = command.map_err(|it| refuse(it.unwrap_or(texts.bad_request).to_owned()));
    let (command, scope, _) = command?;
    visit.require(&[scope])?;
    let mut selected = BTreeMap::new();
    for (name, value) in &form.0 {
        if name == "selected" {
            let chosen = value.split_once(' ').and_then(|(uuid, version)| {
                Some((uuid.parse::<Uuid>().ok()?, version.parse::<u64>().ok()?))
            });
            let (uuid, version) = chosen.ok_or_else(|| refuse(texts.bad_request.to_owned()))?;
            selected.insert(uuid, version);
        }
    }
    if selected.is_empty() {
        return Err(refuse(texts.none_selected.to_owned()));
    }
    if selected.len() > MOST {
        return Err(refuse(texts.bad_request.to_owned()));
    }
    let all: Vec<(Uuid, u64)> = selected.into_iter().collect();
    let requests = all.iter();
    let requests =
        requests.map(|(uuid, version)| request(&visit, *uuid, command.clone(), *version));
    let answers = console.engine.execute_many(requests.collect()).await;
    let mut done = 0_u64;
    let mut faults = Vec::new();
    for ((uuid, _), answer) in all.iter().zip(answers) {
        match answer {
            Ok(_) => done += 1,
            Err(error) => {
                if let ExecuteError::Store(error) = &error {
                    tracing::error!(%error, "a decision was not recorded");
                }
                let why = match &error {
                    ExecuteError::Store(_) => texts.unavailable.to_owned(),
                    error => why(texts, texts.changed_meanwhile, error),
                };
                faults.push(Fault {
                    uuid: *uuid,
                    title: title(&console, &visit, *uuid).await,
                    why,
                });
            }
        }
    }
    let query = form.field("query");
    Ok(page(&Decided {
        done: (done > 0).then(|| counted(done, texts.done_one, texts.done_many)),
        faults,
        back: format!("{}/applications?{query}", visit.frame.base),
        frame: visit.frame,
    }))
}
