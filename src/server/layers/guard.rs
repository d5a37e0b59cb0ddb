//! The only place where it is decided who may ask a route at all.

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::UtoipaMethodRouter;

use super::authenticate::authenticate;
use crate::server::api::Api;
use crate::server::openapi;
use crate::server::principal::Principal;
use crate::store::Scope;

#[derive(Clone)]
struct Guard {
    api: Api,
    scopes: &'static [Scope],
}

/// The route, for requests that have one of these scopes. Nothing of any other request is read but
/// its head.
pub(in crate::server) fn guarded(
    api: &Api,
    scopes: &'static [Scope],
    (schemas, mut paths, methods): UtoipaMethodRouter<Api>,
) -> UtoipaMethodRouter<Api> {
    openapi::describe_guard(&mut paths, scopes);
    let api = api.clone();
    let guard = from_fn_with_state(Guard { api, scopes }, let_in);
    (schemas, paths, methods.route_layer(guard))
}

async fn let_in(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let principal = match request.extensions().get::<Principal>() {
        // The backend has authenticated the request.
        Some(_) => None,
        None => match authenticate(&guard.api, request.headers()).await {
            Ok(principal) => Some(principal),
            Err(problem) => return problem.into_response(),
        },
    };
    if let Some(principal) = principal {
        request.extensions_mut().insert(principal);
    }
    let allowed = request.extensions().get::<Principal>();
    match allowed.map(|it| it.require(guard.scopes)) {
        Some(Err(problem)) => problem.into_response(),
        _ => next.run(request).await,
    }
}
