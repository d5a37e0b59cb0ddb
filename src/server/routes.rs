//! All routes, each with the scopes of which one is needed (API.md, "Common").

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::routing::get;
use http::header;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::Api;
use super::applications::{create, list, read, transition};
use super::layers::{cors, guarded, method_not_allowed, not_found, outermost, panicked, replayed};
use super::openapi::{Methods, base, finished};
use super::options::ServerOptions;
use super::telemetry;
use super::webhooks::{deliveries, endpoints, replay, resend, verbs};
use super::{commands, events, health, tokens, work};
use crate::engine::Engine;
use crate::store::{AnyStore, MemoryStore, Scope, Store};

/// The routes of the HTTP API, to be served, or mounted in another router.
///
/// A request needs a [`Principal`](super::Principal) in its extensions, which a layer of the
/// backend puts there, or a token of the store.
///
/// ```
/// use axum::{Router, extract::Request, middleware::{self, Next}};
/// use certificate_lifecycle::engine::Engine;
/// use certificate_lifecycle::server::{self, Principal, ServerOptions};
/// use certificate_lifecycle::store::{Actor, InstitutionId, MemoryStore, Role};
///
/// // Of a session of the backend's own.
/// let jane = Principal::new(
///     InstitutionId::new("example-university")?,
///     Actor::administrator("jane")?,
///     Role::Reviewer.scopes(),
/// );
/// let authenticated = middleware::from_fn(move |mut request: Request, next: Next| {
///     request.extensions_mut().insert(jane.clone());
///     next.run(request)
/// });
/// let engine = Engine::new(MemoryStore::new());
/// let api = server::router(engine, ServerOptions::default()).layer(authenticated);
/// let app: Router = Router::new().nest("/certificates", api);
/// # let _ = app;
/// # Ok::<(), certificate_lifecycle::InvalidValue>(())
/// ```
pub fn router<S: Store + Into<AnyStore>>(engine: Engine<S>, options: ServerOptions) -> Router {
    telemetry::describe();
    let api = Api::new(engine.map_store(Into::into), options);
    let cors = cors(&api.options.cors_origins);
    let (router, document) = routes(&api).split_for_parts();
    let methods = Arc::new(Methods::of_routes(&document));
    let document = bytes::Bytes::from(text(&document));
    let served = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    let router = router
        .route("/openapi.json", get(served))
        .fallback(not_found)
        .method_not_allowed_fallback(async move |request: Request| {
            method_not_allowed(&request, &methods)
        })
        .layer(CatchPanicLayer::custom(panicked));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn(outermost)).with_state(api)
}

/// The `OpenAPI` document (3.1), as JSON.
#[must_use]
pub fn openapi() -> String {
    let engine = Engine::new(AnyStore::Memory(MemoryStore::new()));
    let api = Api::new(engine, ServerOptions::default());
    text(&routes(&api).into_openapi())
}

fn text(document: &utoipa::openapi::OpenApi) -> String {
    // It has no maps with keys that are no strings.
    let mut text = serde_json::to_string_pretty(&finished(document)).unwrap_or_default();
    text.push('\n');
    text
}

/// A route for each line: the scopes of which one is needed, what answers, and whether the replies
/// are kept under idempotency keys: where neither the engine nor the handler does it.
macro_rules! guarded_routes {
    ($router:ident, $api:ident, $($scopes:expr => $($handler:ident)::+ $(, $layer:ident)?;)+) => {{
        let mut router: OpenApiRouter<Api> = $router;
        $(
            let route = routes!($($handler)::+);
            $(let route = $layer($api, route);)?
            router = router.routes(guarded($api, &$scopes, route));
        )+
        router
    }};
}

fn routes(api: &Api) -> OpenApiRouter<Api> {
    use Scope::{
        ApplicationsDecide as Decide, ApplicationsProcess as Process, ApplicationsRead as Read,
        ApplicationsRetry as Retry, ApplicationsSubmit as Submit, ApplicationsUpload as Upload,
        DeliveriesRead, DeliveriesWrite, EventsRead, TokensWrite, WebhooksRead, WebhooksWrite,
    };

    let router = OpenApiRouter::with_openapi(base())
        .routes(routes!(health::live))
        .routes(routes!(health::ready));
    guarded_routes! { router, api,
        [Read] => list::list;
        [Submit, Upload] => create::create;
        [Read] => read::read;
        [Read] => read::history;
        [Decide] => transition::begin_processing;
        [Process] => transition::approve;
        [Decide] => transition::reject;
        [Process] => transition::fail;
        [Retry] => transition::retry;
        [Submit, Upload, Decide, Retry, Process] => commands::execute;
        [Read] => list::counts;
        [EventsRead] => events::events;
        [WebhooksRead] => endpoints::list;
        [WebhooksWrite] => endpoints::create, replayed;
        [WebhooksRead] => endpoints::read;
        [WebhooksWrite] => endpoints::patch;
        [WebhooksWrite] => endpoints::remove;
        [WebhooksWrite] => verbs::rotate, replayed;
        [WebhooksWrite] => verbs::test, replayed;
        [WebhooksWrite] => verbs::disable, replayed;
        [WebhooksWrite] => verbs::enable, replayed;
        [DeliveriesWrite] => replay::replay, replayed;
        [DeliveriesRead] => deliveries::of_application;
        [DeliveriesRead] => deliveries::list;
        [DeliveriesRead] => deliveries::read;
        [DeliveriesWrite] => resend::redeliver, replayed;
        [DeliveriesWrite] => resend::abandon, replayed;
        [Process] => work::claim, replayed;
        [Process] => work::heartbeat, replayed;
        [Process] => work::approve;
        [Process] => work::fail;
        [Process] => work::again, replayed;
        [Process] => work::release, replayed;
        [TokensWrite] => tokens::list;
        [TokensWrite] => tokens::create, replayed;
        [TokensWrite] => tokens::revoke;
    }
}
