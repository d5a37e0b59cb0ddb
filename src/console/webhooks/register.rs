//! A new webhook.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::secret::secret_page;
use crate::console::command::Form;
use crate::console::frame::Frame;
use crate::console::page::{go_to, page_with};
use crate::console::refused::{Refused, fault};
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::lifecycle::event::EventKind;
use crate::server::Administration;
use crate::store::{IdempotencyKey, Scope};

#[derive(Template)]
#[template(path = "webhook_new.html")]
struct New {
    frame: Frame,
    /// What makes a form that is sent twice register one webhook.
    key: String,
    url: String,
    description: String,
    kinds: Vec<Kind>,
    fault: Option<String>,
}

/// An event that may be chosen.
struct Kind {
    value: &'static str,
    name: &'static str,
    is_chosen: bool,
}

fn kinds(frame: &Frame, is_chosen: impl Fn(EventKind) -> bool) -> Vec<Kind> {
    let kind = |it: EventKind| Kind {
        value: it.as_str(),
        name: frame.texts.event(it),
        is_chosen: is_chosen(it),
    };
    EventKind::ALL.into_iter().map(kind).collect()
}

pub(in crate::console) async fn new(visit: Visit) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksWrite])?;
    let frame = visit.frame;
    let mut random = [0; 16];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::error!(%error, "no form could be made");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return Err(Refused::new(&frame, status, frame.texts.broken));
    }
    let key = uuid::Builder::from_random_bytes(random).into_uuid();
    let page = New {
        key: key.to_string(),
        url: String::new(),
        description: String::new(),
        kinds: kinds(&frame, |_| true),
        fault: None,
        frame,
    };
    Ok(page_with(StatusCode::OK, &page))
}

/// Answers with the secret of the new webhook; a form that is sent again does not.
pub(in crate::console) async fn register(
    State(console): State<Console>,
    visit: Visit,
    body: Bytes,
) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksWrite])?;
    let form = Form::read(&body);
    let key: Option<Uuid> = form.field("key").parse().ok();
    let key = key.and_then(|it| IdempotencyKey::new(it.to_string()).ok());
    let key = key.ok_or_else(|| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Refused::new(&visit.frame, status, visit.frame.texts.bad_request)
    })?;
    let (url, description) = (form.field("url").trim(), form.field("description").trim());
    let events: Vec<&str> = form.all("event").collect();
    let settings = json!({ "url": url, "description": description, "events": events });
    let options = &console.options.server;
    let administration = Administration::new(&console.engine, options, &visit.principal);
    match administration.register_json(&settings, &key).await {
        Ok((webhook, true)) => {
            let (status, said) = (StatusCode::CREATED, visit.frame.texts.webhook_registered);
            let secret = webhook.endpoint.secrets.current();
            Ok(secret_page(visit.frame, status, &webhook, secret, said))
        }
        Ok((webhook, false)) => {
            let (base, id) = (&visit.frame.base, webhook.id);
            Ok(go_to(&format!("{base}/webhooks/{id}?notice=known")))
        }
        Err(problem) => {
            let (status, detail) = fault(&visit.frame, &problem);
            let page = New {
                key: key.as_str().to_owned(),
                url: url.to_owned(),
                description: description.to_owned(),
                kinds: kinds(&visit.frame, |it| events.contains(&it.as_str())),
                fault: Some(detail),
                frame: visit.frame,
            };
            Ok(page_with(status, &page))
        }
    }
}
