//! The pages, and where they are.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use http::HeaderMap;

use super::assets::{Names, asset};
use super::attempts::Attempts;
use super::options::ConsoleOptions;
use super::reports::report;
use super::safe::{policy, safe};
use super::site::{Console, Shared};
use super::tasks::Tasks;
use super::{
    abandon, acts, application, applications, bulk, decide, deliveries, events, export, live,
    overview, queue, redeliver, refused, sign_in, tokens, webhooks,
};
use crate::engine::Engine;
use crate::server::{Authentication, Waiting, outermost, telemetry};
use crate::store::{AnyStore, Store};

/// The largest form, in bytes: a selection of 100 applications, and as a reason what is much too
/// long for one: it is refused and kept, up to 10,000 characters of 12 bytes each.
const LARGEST: usize = 256 << 10;

/// The pages of the console, to be mounted under the path that the options name.
///
/// A request needs a session, which a reader gets for a token of the store, or a
/// [`Principal`](crate::server::Principal) in its extensions, which a layer of the backend puts
/// there.
///
/// ```
/// use axum::Router;
/// use certificate_lifecycle::console::{self, ConsoleOptions};
/// use certificate_lifecycle::engine::Engine;
/// use certificate_lifecycle::store::MemoryStore;
///
/// let options = ConsoleOptions::default().with_path("/certificates".to_owned());
/// let console = console::router(Engine::new(MemoryStore::new()), options);
/// let app: Router = Router::new().nest("/certificates", console);
/// # let _ = app;
/// ```
pub fn router<S: Store + Into<AnyStore>>(engine: Engine<S>, options: ConsoleOptions) -> Router {
    telemetry::describe();
    let console = Console::new(Shared {
        engine: engine.map_store(Into::into),
        waiting: Waiting::new(options.server.most_waiting),
        policy: policy(&options.path),
        options,
        authentication: Authentication::default(),
        attempts: Attempts::default(),
        reports: Attempts::default(),
        tasks: Tasks::default(),
        counting: Arc::default(),
        tail: Arc::default(),
        names: Names::new(),
    });
    let unknown = |State(console): State<Console>, headers: HeaderMap| async move {
        refused::not_found(&console, &headers)
    };
    Router::new()
        .route("/", get(overview::overview))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/queue", get(queue::queue))
        .route("/applications", get(applications::list))
        .route("/applications/decide", post(decide::many))
        .route("/applications/all", get(bulk::ask).post(bulk::begin))
        .route("/events", get(events::events))
        .route("/live", get(live::live))
        .route("/reports", post(report))
        .route("/tasks", get(bulk::tasks))
        .route("/tasks/{id}", get(bulk::task))
        .route("/tokens", get(tokens::tokens).post(tokens::create))
        .route("/acts", get(acts::acts))
        .route("/tokens/{id}/revoke", post(tokens::revoke))
        .route("/export/{name}", get(export::export))
        .route("/applications/{uuid}", get(application::application))
        .route("/applications/{uuid}/decide", post(decide::one))
        .route("/assets/{name}", get(asset))
        .merge(sending())
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(from_fn_with_state(console.clone(), safe))
        .layer(from_fn(outermost))
        .with_state(console)
}

/// What is sent, and where.
fn sending() -> Router<Console> {
    Router::new()
        .route("/webhooks", get(webhooks::list).post(webhooks::register))
        .route("/webhooks/new", get(webhooks::new))
        .route("/webhooks/{id}", get(webhooks::webhook))
        .route("/webhooks/{id}/enable", post(webhooks::enable))
        .route("/webhooks/{id}/disable", post(webhooks::disable))
        .route("/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/webhooks/{id}/test", post(webhooks::test))
        .route(
            "/webhooks/{id}/settings",
            get(webhooks::settings).post(webhooks::change),
        )
        .route(
            "/webhooks/{id}/remove",
            get(webhooks::ask_to_remove).post(webhooks::remove),
        )
        .route(
            "/webhooks/{id}/replay",
            get(webhooks::ask_to_replay).post(webhooks::replay),
        )
        .route("/deliveries", get(deliveries::list))
        .route(
            "/deliveries/redeliver",
            get(redeliver::ask).post(redeliver::all),
        )
        .route("/deliveries/abandon", get(abandon::ask).post(abandon::all))
        .route("/deliveries/{id}", get(deliveries::delivery))
        .route("/deliveries/{id}/abandon", post(abandon::one))
        .route("/deliveries/{id}/redeliver", post(redeliver::one))
}
