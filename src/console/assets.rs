//! The stylesheet, the script and the icon: parts of the program, named after their content.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/icon.svg");

/// The names of the files, which change with what is in them.
#[derive(Clone)]
pub(super) struct Names {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

impl Names {
    pub(super) fn new() -> Self {
        let of = |content: &str, end: &str| {
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            format!("console-{:016x}.{end}", hasher.finish())
        };
        Self {
            style: of(STYLE, "css"),
            script: of(SCRIPT, "js"),
            icon: of(ICON, "svg"),
        }
    }
}

/// A file by its name. Another name than today's is that of another program's, and is unknown.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let names = Names::new();
    let (kind, content) = if name == names.style {
        ("text/css; charset=utf-8", STYLE)
    } else if name == names.script {
        ("text/javascript; charset=utf-8", SCRIPT)
    } else if name == names.icon {
        ("image/svg+xml", ICON)
    } else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let lasting = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, lasting);
    response
}
