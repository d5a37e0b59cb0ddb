//! The settings of a webhook, in a form.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::asked::Asked;
use super::fields::Fields;
use super::row::{Row, find};
use crate::console::frame::Frame;
use crate::console::page::{page, page_with};
use crate::console::refused::Refused;
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::store::Scope;

#[derive(Template)]
#[template(path = "webhook_settings.html")]
struct Settings {
    frame: Frame,
    row: Row,
    revision: u64,
    fields: Fields,
    /// Whether the webhook has changed since the form was made.
    has_changed: bool,
}

pub(in crate::console) async fn form(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    for scope in [Scope::WebhooksRead, Scope::WebhooksWrite] {
        visit.require(&[scope])?;
    }
    let id = id.parse().map_err(|_| Refused::not_found(&visit.frame))?;
    let (webhook, row) = find(&console, &visit, id).await?;
    Ok(page(&Settings {
        fields: Fields::of(&visit.frame, &webhook.endpoint),
        frame: visit.frame,
        row,
        revision: webhook.revision,
        has_changed: false,
    }))
}

/// Replaces the settings, or answers with what was typed, beside those that there are by now.
pub(in crate::console) async fn change(asked: Asked) -> Result<Response, Refused> {
    asked.visit.require(&[Scope::WebhooksRead])?;
    let mut fields = Fields::read(&asked.visit.frame, &asked.form);
    let (known, _) = find(&asked.console, &asked.visit, asked.id).await?;
    let settings = fields.settings(&asked.visit.frame, &known.endpoint.headers);
    let done = match settings {
        Ok(settings) => {
            let administration = asked.administration();
            administration.replace_json(asked.id, &settings).await
        }
        Err(problem) => Err(problem),
    };
    let Err(problem) = done else {
        return Ok(asked.back("saved"));
    };
    let (webhook, row) = find(&asked.console, &asked.visit, asked.id).await?;
    let status = fields.refuse(&asked.visit.frame, &problem);
    let has_changed = status == StatusCode::CONFLICT;
    let page = Settings {
        frame: asked.visit.frame,
        row,
        // What this page does not show as changed, the next attempt has to notice.
        revision: if has_changed {
            webhook.revision
        } else {
            asked.revision
        },
        fields,
        has_changed,
    };
    Ok(page_with(status, &page))
}
