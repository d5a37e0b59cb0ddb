//! Idempotency keys of the requests that make no event: the store keeps the reply, and a repeat has
//! it again.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tokio::task::JoinError;
use tracing::Instrument;
use utoipa_axum::router::UtoipaMethodRouter;
use uuid::Uuid;

use super::envelope::panicked;
use crate::server::answer::ShownOnce;
use crate::server::api::Api;
use crate::server::header_names::{IDEMPOTENT_REPLAYED, REQUEST_ID};
use crate::server::principal::{Caller, Principal};
use crate::server::problem::{Problem, ProblemCode};
use crate::server::request::{Bytes1MiB, IdempotencyHeader};
use crate::store::{Begun, IdempotencyKey, InstitutionId, Replies, Reply};

/// Within this namespace lie the digests of requests.
const REQUESTS: Uuid = uuid::uuid!("3d0c8f0e-5b7a-4a5e-9b1f-6a2f0d9c47e8");

/// The headers that belong to a reply.
const KEPT: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::ETAG,
    header::LOCATION,
];

/// The route, whose requests can be repeated under their idempotency keys. It stands within the
/// guard: of what was not let in, nothing is kept.
pub(in crate::server) fn replayed(
    api: &Api,
    (schemas, paths, methods): UtoipaMethodRouter<Api>,
) -> UtoipaMethodRouter<Api> {
    let layer = from_fn_with_state(api.clone(), replay);
    (schemas, paths, methods.route_layer(layer))
}

async fn replay(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match IdempotencyHeader::from_request_parts(&mut parts, &api).await {
        Ok(IdempotencyHeader(Some(key))) => keyed(api, key, parts, body, next)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        Ok(IdempotencyHeader(None)) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

/// Carries out a request with a key, or answers as the first time.
async fn keyed(
    api: Api,
    key: IdempotencyKey,
    mut parts: Parts,
    body: Body,
    next: Next,
) -> Result<Response, Problem> {
    let Caller(caller) = Caller::from_request_parts(&mut parts, &api).await?;
    let whole = Request::from_parts(parts.clone(), body);
    let Bytes1MiB(body) = Bytes1MiB::from_request(whole, &api).await?;
    let id = parts.headers.get(REQUEST_ID);
    let keyed = Keyed {
        digest: digest(&parts, &caller, &body),
        id: id.and_then(|it| it.to_str().ok()).map(str::to_owned),
        api,
        institution: caller.institution,
        key,
    };
    let request = Request::from_parts(parts, Body::from(body));
    // To its end, even if the client goes away: it has the answer when it repeats the request.
    let answered = tokio::spawn(keyed.answer(request, next).in_current_span());
    answered.await.unwrap_or_else(|error| Ok(broken_off(error)))
}

/// A digest of all that makes it this request.
fn digest(parts: &Parts, caller: &Principal, body: &[u8]) -> Uuid {
    let (actor, target) = (caller.actor.to_string(), parts.uri.path_and_query());
    let target = target.map_or("", |it| it.as_str());
    let mut all = Vec::new();
    let mut add = |part: &[u8]| {
        // Behind its length: no other parts have the same bytes together.
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    };
    for part in [parts.method.as_str(), target, &actor] {
        add(part.as_bytes());
    }
    add(body);
    for expected in parts.headers.get_all(header::IF_MATCH) {
        add(expected.as_bytes());
    }
    Uuid::new_v5(&REQUESTS, &all)
}

/// A request with a key.
struct Keyed {
    api: Api,
    institution: InstitutionId,
    key: IdempotencyKey,
    digest: Uuid,
    /// The id of the request.
    id: Option<String>,
}

impl Keyed {
    async fn answer(self, request: Request, next: Next) -> Result<Response, Problem> {
        let (store, now) = (self.api.store(), self.api.engine.clock().now());
        let begun = store.begin_reply(&self.institution, &self.key, self.digest, now);
        match begun.await? {
            Begun::New { owner } => {
                // A panic of the handler frees the key.
                let handler = tokio::spawn(next.run(request).in_current_span());
                let response = handler.await.unwrap_or_else(broken_off);
                Ok(self.end(owner, response).await)
            }
            Begun::Done(reply) => Ok(again(reply)),
            Begun::Running => {
                let detail = "the same request is being carried out under this idempotency key; repeat it after \
                              Retry-After, to have its answer";
                Err(Problem::new(ProblemCode::InProgress, detail))
            }
            Begun::Other => {
                let detail = "this idempotency key was used for another request: with another path, body, actor or \
                              If-Match";
                Err(Problem::new(ProblemCode::IdempotencyMismatch, detail))
            }
        }
    }

    /// Keeps the reply, if it is a decision on the request; otherwise the key is free again.
    async fn end(&self, owner: i64, mut response: Response) -> Response {
        let instead = response.extensions_mut().remove::<ShownOnce>();
        let (response, mut reply) = match self.read(response).await {
            Ok(both) => both,
            Err(problem) => (problem.into_response(), None),
        };
        if let Some(ShownOnce(problem)) = instead {
            let instead = self.read(problem.into_response()).await;
            reply = instead.ok().and_then(|(_, reply)| reply);
        }
        let (store, institution, key) = (self.api.store(), &self.institution, &self.key);
        let ended = match reply {
            Some(reply) => store.end_reply(institution, key, owner, reply).await,
            None => store.abandon_reply(institution, key, owner).await,
        };
        match ended {
            Ok(true) => {}
            Ok(false) => tracing::warn!("a reply came too late to be kept under its key"),
            Err(error) => tracing::error!(%error, "a reply was not kept under its key"),
        }
        response
    }

    /// A response, and the reply to be kept of it, if there is one.
    async fn read(&self, response: Response) -> Result<(Response, Option<Reply>), Problem> {
        let (head, body) = response.into_parts();
        if !is_decision(head.status) {
            return Ok((Response::from_parts(head, body), None));
        }
        let body = match head.extensions.get::<Problem>() {
            // As the outermost layer writes it.
            Some(problem) => problem.body(self.id.as_deref()).into(),
            None => body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes)
                .map_err(|error| {
                    let detail =
                        "the answer ended before it was complete; the request was carried out";
                    Problem::new(ProblemCode::Internal, detail).caused_by(error)
                })?,
        };
        let kept = KEPT.iter().filter_map(|name| {
            let value = head.headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let reply = Reply::new(head.status.as_u16(), kept.collect(), body.to_vec());
        let response = Response::from_parts(head, Body::from(body));
        Ok((response, Some(reply)))
    }
}

/// Whether an answer with this status decides on the request, so that a repeat has the same. After
/// any other one, the client is to mend something, or to try again.
fn is_decision(status: StatusCode) -> bool {
    status.is_success()
        || matches!(
            status,
            StatusCode::NOT_FOUND
                | StatusCode::CONFLICT
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::UNPROCESSABLE_ENTITY
        )
}

/// The answer of a task that has panicked, or that the end of the process has stopped.
fn broken_off(error: JoinError) -> Response {
    match error.try_into_panic() {
        Ok(panic) => panicked(panic),
        Err(error) => {
            let detail =
                "the server is being stopped; repeat the request with the same idempotency key";
            Problem::new(ProblemCode::UnknownOutcome, detail)
                .caused_by(error)
                .into_response()
        }
    }
}

/// The reply once more.
fn again(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    // The store has checked it.
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    let headers = response.headers_mut();
    for (name, value) in &reply.headers {
        let header = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = header {
            headers.insert(name, value);
        }
    }
    headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}
