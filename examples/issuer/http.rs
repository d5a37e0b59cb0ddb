//! What people and their programs ask for.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use certificate_lifecycle::engine::{Clock, ScopedCommand, SystemClock};
use certificate_lifecycle::store::{
    Actor, AnyStore, Filter, IdempotencyKey, InstitutionId, ListQuery, Outbox, PageKey, Receipt,
    Webhook,
};
use certificate_lifecycle::webhook::{Endpoint, Secret, WebhookUrl};
use certificate_lifecycle::{
    Action, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command,
    VaultUpload,
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::App;
use super::error::Error;

type Result<T = Response, E = Error> = std::result::Result<T, E>;

pub fn routes(app: App) -> Router {
    Router::new()
        .route("/applications", post(submit).get(waiting))
        .route("/uploads", post(upload))
        .route("/applications/{uuid}", get(show))
        .route("/applications/{uuid}/history", get(history))
        .route("/applications/{uuid}/{action}", post(act))
        .route("/webhooks", post(register).get(webhooks))
        .with_state(app)
}

/// Who asks. It stands in for your login: here, the headers are believed.
struct Caller {
    institution: InstitutionId,
    actor: Actor,
    /// Makes a command repeatable (`Idempotency-Key`).
    key: Option<IdempotencyKey>,
    /// The version that the page showed (`If-Match: "1"`).
    version: Option<u64>,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let header = |name| parts.headers.get(name).and_then(|it| it.to_str().ok());
        let no_actor = || Error::new(401, "unauthorized", "expected X-Actor: KIND:ID");
        let actor = header("x-actor").ok_or_else(no_actor)?;
        let institution = header("x-institution").unwrap_or("example-university");
        let version = header("if-match").map(|it| it.trim_matches('"').parse());
        let key = header("idempotency-key").map(IdempotencyKey::new);
        Ok(Self {
            institution: InstitutionId::new(institution).map_err(Error::bad)?,
            actor: actor.parse().map_err(Error::bad)?,
            key: key.transpose().map_err(Error::bad)?,
            version: version.transpose().map_err(Error::bad)?,
        })
    }
}

impl Caller {
    /// Carries out a command, and answers with its event and what it left.
    async fn answer(&self, mut command: ScopedCommand<'_, AnyStore>) -> Result<Json<Receipt>> {
        if let Some(version) = self.version {
            command = command.expecting(version);
        }
        if let Some(key) = &self.key {
            command = command.with_key(key.clone());
        }
        Ok(Json(command.await?))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    application_id: ApplicationId,
    certificate_title: CertificateTitle,
    applicant_email: ApplicantEmail,
}

impl Form {
    /// The application that it makes: the same one for the same key.
    fn details(self, caller: &Caller) -> ApplicationDetails {
        let of_key = |key: &IdempotencyKey| {
            let name = format!("{}/{key}", caller.institution);
            Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
        };
        let uuid = caller.key.as_ref().map_or_else(Uuid::new_v4, of_key);
        let (title, email) = (self.certificate_title, self.applicant_email);
        ApplicationDetails::new(self.application_id, uuid, title, email)
    }
}

async fn submit(State(app): State<App>, caller: Caller, Json(form): Json<Form>) -> Result {
    let scope = app.engine.scope(&caller.institution, &caller.actor);
    let receipt = caller.answer(scope.submit(form.details(&caller))).await?;
    Ok((StatusCode::CREATED, receipt).into_response())
}

async fn upload(State(app): State<App>, caller: Caller, Json(form): Json<Form>) -> Result {
    let scope = app.engine.scope(&caller.institution, &caller.actor);
    let upload = scope.upload(form.details(&caller), VaultUpload::Single);
    Ok((StatusCode::CREATED, caller.answer(upload).await?).into_response())
}

/// `begin_processing`, `retry`, or `reject` with the reason as the body. The engine knows who may
/// do what.
async fn act(
    State(app): State<App>,
    caller: Caller,
    Path((uuid, action)): Path<(Uuid, Action)>,
    body: String,
) -> Result<Json<Receipt>> {
    let text = Some(&*body).filter(|it| !it.is_empty());
    let command = Command::new(action, text).map_err(Error::bad)?;
    let scope = app.engine.scope(&caller.institution, &caller.actor);
    caller.answer(scope.act(uuid, command)).await
}

#[derive(Deserialize)]
struct Question {
    /// The page after this key.
    after: Option<PageKey>,
    /// How many seconds to wait for the end.
    wait: Option<u64>,
}

/// What waits for a decision.
async fn waiting(State(app): State<App>, caller: Caller, Query(it): Query<Question>) -> Result {
    let query = ListQuery::new(caller.institution).after(it.after);
    let query = query.filter(Filter::all().awaiting_decision());
    Ok(Json(app.engine.list(query).await?).into_response())
}

async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(uuid): Path<Uuid>,
    Query(it): Query<Question>,
) -> Result {
    let timeout = Duration::from_secs(it.wait.unwrap_or(0).min(60));
    let ended = app.engine.await_final(&caller.institution, uuid, timeout);
    let application = ended.await?.ok_or_else(Error::not_found)?;
    let etag = format!("\"{}\"", application.version());
    Ok(([("etag", etag)], Json(application)).into_response())
}

async fn history(State(app): State<App>, caller: Caller, Path(uuid): Path<Uuid>) -> Result {
    let history = app.engine.history(&caller.institution, uuid).await?;
    if history.is_empty() {
        return Err(Error::not_found());
    }
    Ok(Json(history).into_response())
}

/// The body is the URL. The secret is shown this once.
async fn register(State(app): State<App>, caller: Caller, url: String) -> Result {
    let url: WebhookUrl = url.parse().map_err(Error::bad)?;
    app.targets.check(&url).map_err(Error::bad)?;
    let secret = Secret::generate().map_err(Error::bad)?;
    let (id, endpoint) = (Uuid::new_v4(), Endpoint::new(url, secret.clone()));
    let webhook = Webhook::new(id, caller.institution, endpoint, SystemClock.now());
    app.engine.store().add_webhook(webhook).await?;
    let shown = json!({ "id": id, "secret": secret.expose() });
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

async fn webhooks(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Webhook>>> {
    let store = app.engine.store();
    Ok(Json(store.webhooks(Some(&caller.institution)).await?))
}
