//! A new webhook.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::fields::Fields;
use super::secret::secret_page;
use crate::console::command::Form;
use crate::console::frame::Frame;
use crate::console::page::{go_to, page_with};
use crate::console::refused::Refused;
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::store::{IdempotencyKey, Scope};
use crate::webhook::CustomHeaders;

#[derive(Template)]
#[template(path = "webhook_new.html")]
struct New {
    frame: Frame,
    /// What makes a form that is sent twice register one webhook.
    key: String,
    fields: Fields,
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
        fields: Fields::new(&frame),
        frame,
    };
    Ok(page_with(StatusCode::OK, &page))
}

/// Answers with the secret of the new webhook; a form that is sent again does not.
pub(in crate::console) async fn register(
    State(console): State<Console>,
    visit: Visit,
    form: Form,
) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksWrite])?;
    let key: Option<Uuid> = form.field("key").parse().ok();
    let key = key.and_then(|it| IdempotencyKey::new(it.to_string()).ok());
    let key = key.ok_or_else(|| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Refused::new(&visit.frame, status, visit.frame.texts.bad_request)
    })?;
    let mut fields = Fields::read(&visit.frame, &form);
    let done = match fields.settings(&visit.frame, &CustomHeaders::default()) {
        Ok(settings) => {
            let administration = console.administration(&visit.principal);
            administration.register_json(&settings, &key).await
        }
        Err(problem) => Err(problem),
    };
    match done {
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
            let status = fields.refuse(&visit.frame, &problem);
            let page = New {
                key: key.as_str().to_owned(),
                fields,
                frame: visit.frame,
            };
            Ok(page_with(status, &page))
        }
    }
}
