//! What is done to a webhook: enabled, disabled, tested, given a new secret.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::one::{Said, show};
use super::secret::secret_page;
use crate::console::command::Form;
use crate::console::page::go_to;
use crate::console::refused::{Refused, fault};
use crate::console::shown;
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::server::{Administration, Problem, times};
use crate::store::Scope;
use crate::webhook::Description;

/// The form of an action: which webhook, and at which revision the page has shown it.
struct Asked {
    form: Form,
    id: Uuid,
    revision: u64,
}

impl Asked {
    fn read(visit: &Visit, id: &str, body: &[u8]) -> Result<Self, Refused> {
        visit.require(&[Scope::WebhooksWrite])?;
        let id = id.parse().map_err(|_| Refused::not_found(&visit.frame))?;
        let form = Form::read(body);
        let revision = form.field("revision").parse();
        let revision = revision.map_err(|_| {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Refused::new(&visit.frame, status, visit.frame.texts.bad_request)
        })?;
        Ok(Self { form, id, revision })
    }

    fn of<'a>(&self, console: &'a Console, visit: &'a Visit) -> Administration<'a> {
        let (engine, options) = (&console.engine, &console.options.server);
        Administration::new(engine, options, &visit.principal).at(self.revision)
    }
}

/// The page of the webhook, with why nothing was done.
async fn refuse(
    console: &Console,
    visit: Visit,
    id: Uuid,
    problem: &Problem,
) -> Result<Response, Refused> {
    if problem.status == 404 || !visit.frame.may_see_webhooks() {
        return Err(Refused::problem(&visit.frame, problem));
    }
    let (status, detail) = fault(&visit.frame, problem);
    let said = Said {
        fault: Some(detail),
        ..Said::default()
    };
    show(console, visit, id, status, said).await
}

pub(in crate::console) async fn enable(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refused> {
    let asked = Asked::read(&visit, &id, &body)?;
    let drops = match asked.form.field("pending") {
        "resume" => Some(false),
        "drop" => Some(true),
        _ => None,
    };
    match asked.of(&console, &visit).enable(asked.id, drops).await {
        Ok(_) => Ok(back(&visit, asked.id, "enabled")),
        Err(problem) => refuse(&console, visit, asked.id, &problem).await,
    }
}

pub(in crate::console) async fn disable(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refused> {
    let asked = Asked::read(&visit, &id, &body)?;
    let reason = match Description::new(asked.form.field("reason").trim()) {
        Ok(reason) => reason,
        Err(error) => {
            let error = shown::text(&error.to_string());
            let said = Said {
                fault: Some(format!("{} {error}", visit.frame.texts.refused)),
                ..Said::default()
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return show(&console, visit, asked.id, status, said).await;
        }
    };
    match asked.of(&console, &visit).disable(asked.id, reason).await {
        Ok(_) => Ok(back(&visit, asked.id, "disabled")),
        Err(problem) => refuse(&console, visit, asked.id, &problem).await,
    }
}

/// Answers with the new secret, and nothing else ever does.
pub(in crate::console) async fn rotate(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refused> {
    let asked = Asked::read(&visit, &id, &body)?;
    let is_revoked = asked.form.field("revoke") == "yes";
    let times = (!is_revoked).then(|| times(None, None));
    match asked.of(&console, &visit).rotate(asked.id, times).await {
        Ok((webhook, secret)) => {
            let said = visit.frame.texts.webhook_rotated;
            Ok(secret_page(
                visit.frame,
                StatusCode::OK,
                &webhook,
                &secret,
                said,
            ))
        }
        Err(problem) => refuse(&console, visit, asked.id, &problem).await,
    }
}

pub(in crate::console) async fn test(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refused> {
    let asked = Asked::read(&visit, &id, &body)?;
    match asked.of(&console, &visit).send_test(asked.id).await {
        Ok(attempt) => {
            let said = Said {
                tested: Some(attempt),
                ..Said::default()
            };
            show(&console, visit, asked.id, StatusCode::OK, said).await
        }
        Err(problem) => refuse(&console, visit, asked.id, &problem).await,
    }
}

fn back(visit: &Visit, id: Uuid, notice: &str) -> Response {
    go_to(&format!(
        "{}/webhooks/{id}?notice={notice}",
        visit.frame.base
    ))
}
