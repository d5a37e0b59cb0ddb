//! A command of one request: carried out, and answered.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};

use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::source::TriggerContext;
use crate::server::answer::{Json, tagged};
use crate::server::api::Api;
use crate::server::header_names::IDEMPOTENT_REPLAYED;
use crate::server::problem::Problem;
use crate::server::view::{ApplicationView, Carried, EventView, known_context};
use crate::store::{ExecuteError, InstitutionId, Receipt, Request, StoreError};

/// What created an application, where it does not say so itself.
///
/// An application is made of its last event, and of an upload only the first one has it.
pub(in crate::server) async fn trigger_context(
    api: &Api,
    institution: &InstitutionId,
    application: &AnyApplication,
) -> Result<Option<TriggerContext>, Problem> {
    let known = known_context(application);
    if known.is_some() {
        return Ok(known);
    }
    match api.engine.origin(institution, application.uuid()).await {
        Ok(origin) => Ok(origin.map(|it| it.trigger_context)),
        // The application itself can be read.
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Carries out a command, and answers with its event.
///
/// Where the outcome is unknown, a command with a key is tried once more; it cannot happen twice.
pub(in crate::server) async fn execute(
    api: &Api,
    request: Request,
) -> Result<Receipt, ExecuteError> {
    let again = request.idempotency_key.is_some().then(|| request.clone());
    match (api.engine.execute(request).await, again) {
        (Err(ExecuteError::Store(StoreError::UnknownOutcome { .. })), Some(again)) => {
            api.engine.execute(again).await
        }
        (answer, _) => answer,
    }
}

/// The answer to a command that was carried out.
pub(in crate::server) async fn carried_out(
    api: &Api,
    institution: &InstitutionId,
    status: StatusCode,
    receipt: &Receipt,
) -> Result<Response, Problem> {
    api.committed.note(receipt.cursor);
    let application = receipt.event.application();
    let created_by = trigger_context(api, institution, &application).await?;
    let carried = Carried {
        application: ApplicationView::of(&application, created_by),
        event: EventView::of(&receipt.event, receipt.cursor),
    };
    let mut response = tagged(application.version(), Json(carried));
    *response.status_mut() = status;
    if receipt.replayed {
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, yes);
    }
    Ok(response.into_response())
}
