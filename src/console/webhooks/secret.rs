//! The page that shows a new secret, once.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use crate::console::frame::Frame;
use crate::console::page::page_with;
use crate::console::shown;
use crate::store::Webhook;
use crate::webhook::Secret;

#[derive(Template)]
#[template(path = "webhook_secret.html")]
struct SecretPage<'a> {
    frame: Frame,
    said: &'static str,
    id: String,
    url: String,
    secret: &'a str,
}

/// The answer with the secret. It belongs to a POST, so it is in no history, and no cache keeps it.
pub(super) fn secret_page(
    frame: Frame,
    status: StatusCode,
    webhook: &Webhook,
    secret: &Secret,
    said: &'static str,
) -> Response {
    let page = SecretPage {
        frame,
        said,
        id: webhook.id.to_string(),
        url: shown::text(webhook.endpoint.url.as_str()),
        secret: secret.expose(),
    };
    let mut response = page_with(status, &page);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
