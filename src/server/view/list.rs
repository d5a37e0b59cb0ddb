//! Pages of lists (API.md, "Lists").

use axum::extract::OriginalUri;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Uri, header};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::server::answer::Json;

/// How many entries a page has at most, where the request does not say.
pub(in crate::server) const LIMIT: u32 = 20;

/// The most entries of a page.
pub(in crate::server) const MOST: u32 = 100;

/// A page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the parameters")]
pub(in crate::server) struct Paging {
    /// The most entries of the page.
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(required = false)]
    after: Option<String>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct List<T> {
    /// The entries.
    pub(in crate::server) data: Vec<T>,
    /// What `after` is for the next page; null after the last.
    pub(in crate::server) next: Option<String>,
}

impl<T: Serialize> List<T> {
    /// The answer to a request of this URI, with a link to the next page (RFC 8288).
    pub(in crate::server) fn answer(self, OriginalUri(uri): &OriginalUri) -> Response {
        let link = self.next.as_deref().and_then(|it| link(uri, it));
        let mut response = Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// The same request, for what comes after.
fn link(uri: &Uri, after: &str) -> Option<HeaderValue> {
    let query = uri.query().unwrap_or_default();
    let mut next = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "after" {
            next.append_pair(&name, &value);
        }
    }
    next.append_pair("after", after);
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), next.finish());
    HeaderValue::try_from(link).ok()
}

/// What has no pages.
#[derive(Serialize)]
pub(in crate::server) struct Data<T> {
    pub(in crate::server) data: Vec<T>,
}
