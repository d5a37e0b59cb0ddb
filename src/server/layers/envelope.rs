//! Ids of requests, and the bodies of problems.

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use uuid::Uuid;

use super::observed::Observed;
use crate::server::header_names::REQUEST_ID;
use crate::server::openapi::Methods;
use crate::server::problem::{Problem, ProblemCode};
use crate::store::chance::chance;

/// The longest id of a request that is taken over, in bytes.
const LONGEST: usize = 128;

/// Gives the request an id, and the answer its end: the id, the body of a problem, a line of log.
pub(super) async fn envelope(mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let observed = Observed::new(&request, &id);
    let mut response = observed.run(next.run(request)).await;
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        let body = problem.body(id.to_str().ok());
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = Body::from(body);
    }
    response.headers_mut().insert(REQUEST_ID, id);
    observed.end(&response, problem.as_ref());
    response
}

/// The caller's id, if it is one word of visible ASCII; otherwise a new one.
fn request_id(request: &Request) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID);
    let is_sane = |it: &&HeaderValue| {
        let bytes = it.as_bytes();
        let is_word = bytes.iter().all(u8::is_ascii_graphic);
        is_word && !bytes.is_empty() && bytes.len() <= LONGEST
    };
    if let Some(id) = given.filter(is_sane) {
        return id.clone();
    }
    // It is no secret, and to ask the system takes longer than the line of log.
    let random = u128::from(chance()) << 64 | u128::from(chance());
    let id = uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid();
    let mut text = Uuid::encode_buffer();
    let id = id.hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"))
}

/// The answer where no route has the path.
pub(in crate::server) async fn not_found(request: Request) -> Response {
    let path = request.uri().path();
    let path = crate::excerpt::shorten(path);
    let detail = format!("there is no resource {path}; /openapi.json lists those that there are");
    Problem::new(ProblemCode::NotFound, detail).into_response()
}

/// The answer where the route does not take the method. axum adds `Allow`, behind all layers.
pub(in crate::server) fn method_not_allowed(request: &Request, allowed: &Methods) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let methods = allowed.of(route.map_or("", MatchedPath::as_str));
    let detail = format!(
        "{} is not allowed here; expected {methods}",
        request.method()
    );
    Problem::new(ProblemCode::MethodNotAllowed, detail).into_response()
}

/// The answer where a route has panicked.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that the layer takes"
)]
pub(in crate::server) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let detail = "the server failed; its log has the cause, under the request's id";
    Problem::new(ProblemCode::Internal, detail)
        .caused_by(text.unwrap_or_else(|| "a panic".to_owned()))
        .into_response()
}
