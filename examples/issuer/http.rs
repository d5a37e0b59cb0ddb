//! What people and their programs ask for.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use certificate_lifecycle::engine::ScopedCommand;
use certificate_lifecycle::store::{
    Actor, AnyStore, Filter, IdempotencyKey, InstitutionId, ListQuery, Outbox, PageKey, Receipt,
    Webhook,
};
use certificate_lifecycle::webhook::{Endpoint, Secret, WebhookUrl};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command, RejectionReason,
    VaultUpload,
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::error::Error;

type Result<T = Response, E = Error> = std::result::Result<T, E>;

pub fn routes(app: App) -> Router {
    Router::new()
        .route("/applications", post(submit).get(waiting))
        .route("/uploads", post(upload))
        .route("/applications/{uuid}", get(show))
        .route("/applications/{uuid}/history", get(history))
        .route("/applications/{uuid}/accept", post(accept))
        .route("/applications/{uuid}/reject", post(reject))
        .route("/applications/{uuid}/retry", post(retry))
        .route("/webhooks", post(register).get(webhooks))
        .with_state(app)
}

/// Who asks. It stands for your login: here, the headers are believed.
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
        let header = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok());
        let actor =
            header("x-actor").ok_or_else(|| Error::new(401, "unauthorized", "who are you?"))?;
        let institution = header("x-institution").unwrap_or("example-university");
        let version = header(IF_MATCH.as_str()).map(|it| it.trim_matches('"').parse());
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
    /// Carries out a command, and answers with what it left.
    async fn answer(&self, mut command: ScopedCommand<'_, AnyStore>) -> Result<Json<Receipt>> {
        if let Some(version) = self.version {
            command = command.expecting(version);
        }
        if let Some(key) = &self.key {
            command = command.with_key(key.clone());
        }
        Ok(Json(command.await?))
    }

    async fn act(&self, app: &App, uuid: Uuid, command: Command) -> Result<Json<Receipt>> {
        let scope = app.engine.scope(&self.institution, &self.actor);
        self.answer(scope.act(uuid, command)).await
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
    /// The application that it makes: the same for the same key.
    fn details(self, caller: &Caller) -> ApplicationDetails {
        let uuid = caller.key.as_ref().map_or_else(Uuid::new_v4, |key| {
            let name = format!("{}/{key}", caller.institution);
            Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
        });
        let Self {
            application_id,
            certificate_title,
            applicant_email,
        } = self;
        ApplicationDetails::new(application_id, uuid, certificate_title, applicant_email)
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

#[derive(Deserialize)]
struct After {
    after: Option<PageKey>,
}

/// What waits for a decision.
async fn waiting(State(app): State<App>, caller: Caller, Query(it): Query<After>) -> Result {
    let query = ListQuery::new(caller.institution)
        .filter(Filter::all().awaiting_decision())
        .after(it.after);
    Ok(Json(app.engine.list(query).await?).into_response())
}

#[derive(Deserialize)]
struct Wait {
    /// How many seconds to wait for the end.
    wait: Option<u64>,
}

async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(uuid): Path<Uuid>,
    Query(Wait { wait }): Query<Wait>,
) -> Result {
    let timeout = Duration::from_secs(wait.unwrap_or(0).min(60));
    let found = app
        .engine
        .await_final(&caller.institution, uuid, timeout)
        .await?;
    let application = found.ok_or_else(Error::not_found)?;
    let etag = format!("\"{}\"", application.version());
    Ok(([("etag", etag)], Json(application.to_record())).into_response())
}

async fn history(State(app): State<App>, caller: Caller, Path(uuid): Path<Uuid>) -> Result {
    let history = app.engine.history(&caller.institution, uuid).await?;
    if history.is_empty() {
        return Err(Error::not_found());
    }
    Ok(Json(history).into_response())
}

async fn accept(
    State(app): State<App>,
    caller: Caller,
    Path(uuid): Path<Uuid>,
) -> Result<Json<Receipt>> {
    caller.act(&app, uuid, Command::BeginProcessing).await
}

#[derive(Deserialize)]
struct Rejection {
    rejection_reason: RejectionReason,
}

async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(uuid): Path<Uuid>,
    Json(it): Json<Rejection>,
) -> Result<Json<Receipt>> {
    let command = Command::Reject(it.rejection_reason);
    caller.act(&app, uuid, command).await
}

async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(uuid): Path<Uuid>,
) -> Result<Json<Receipt>> {
    caller.act(&app, uuid, Command::Retry).await
}

#[derive(Deserialize)]
struct Registration {
    url: String,
}

/// The secret is shown once.
async fn register(
    State(app): State<App>,
    caller: Caller,
    Json(it): Json<Registration>,
) -> Result<impl IntoResponse> {
    let url: WebhookUrl = it.url.parse().map_err(Error::bad)?;
    app.targets.check(&url).map_err(Error::bad)?;
    let secret = Secret::generate().map_err(Error::bad)?;
    let endpoint = Endpoint::new(url, secret.clone());
    let (id, now) = (Uuid::new_v4(), chrono::Utc::now());
    let webhook = Webhook::new(id, caller.institution, endpoint, now);
    app.engine.store().add_webhook(webhook).await?;
    let shown = json!({ "id": id, "secret": secret.expose() });
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn webhooks(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Webhook>>> {
    let webhooks = app.engine.store().webhooks(Some(&caller.institution));
    Ok(Json(webhooks.await?))
}
