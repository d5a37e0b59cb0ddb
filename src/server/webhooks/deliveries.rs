//! `GET /v1/deliveries`, `GET /v1/deliveries/{id}`, `GET /v1/applications/{uuid}/deliveries`.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;
use uuid::Uuid;

use super::view::DeliveryView;
use crate::lifecycle::event::EventKind;
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::applications::unknown as unknown_application;
use crate::server::openapi::{self as schema, ApplicationParameter};
use crate::server::principal::Caller;
use crate::server::problem::{Problem, ProblemCode};
use crate::server::request::{Parameters, Segment, uuid};
use crate::server::view::{LIMIT, List, MOST, Paging};
use crate::store::{DeliveryFilter, DeliveryId, DeliveryStatus, InstitutionId, Outbox};

/// Which deliveries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the parameters")]
pub(in crate::server) struct Filter {
    /// Only those that are so far.
    #[param(required = false, inline, value_type = schema::DeliveryStatusValue)]
    status: Option<String>,
    /// Only those to this webhook.
    #[param(required = false)]
    webhook: Option<Uuid>,
    /// Only those about this application.
    #[param(required = false)]
    application: Option<Uuid>,
    /// Only those of this event.
    #[param(required = false, inline, value_type = schema::EventNameValue)]
    event: Option<String>,
    /// Only those whose event was recorded at this time or later.
    #[param(required = false, inline, value_type = schema::TimeValue)]
    from: Option<String>,
    /// Only those whose event was recorded before this time.
    #[param(required = false, inline, value_type = schema::TimeValue)]
    to: Option<String>,
}

/// The kind of an event, by its short or its full name.
pub(crate) fn kind(name: &str) -> Result<EventKind, crate::lifecycle::names::UnknownName> {
    EventKind::from_name(name).map_or_else(|| name.parse(), Ok)
}

/// The number of a delivery.
pub(crate) fn delivery_id(text: &str) -> Result<DeliveryId, &'static str> {
    let is_number = text.bytes().all(|it| it.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number
        .map(DeliveryId)
        .ok_or("expected the number of a delivery")
}

/// The deliveries of the institution.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    operation_id = "listDeliveries",
    tag = "webhooks",
    summary = "The deliveries of events to webhooks, in the order in which they were made",
    params(Filter, Paging),
    responses((status = 200, description = "A page.", body = inline(List<DeliveryView>),
        headers(("Link" = String)))),
)]
pub(in crate::server) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    uri: OriginalUri,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let filter = DeliveryFilter::default()
        .with_status(parameters.optional("status", str::parse::<DeliveryStatus>))
        .with_webhook(parameters.optional("webhook", uuid))
        .with_application(parameters.optional("application", uuid))
        .with_kind(parameters.optional("event", kind))
        .with_since(parameters.time("from"))
        .with_until(parameters.time("to"));
    page(&api, &caller.institution, filter, &uri, parameters).await
}

/// The deliveries of the events of one application.
#[utoipa::path(
    get,
    path = "/v1/applications/{uuid}/deliveries",
    operation_id = "listApplicationDeliveries",
    tag = "webhooks",
    summary = "The deliveries of the events of one application",
    params(ApplicationParameter, Paging),
    responses((status = 200, description = "A page.", body = inline(List<DeliveryView>),
        headers(("Link" = String)))),
)]
pub(in crate::server) async fn of_application(
    State(api): State<Api>,
    Caller(caller): Caller,
    of: Segment,
    uri: OriginalUri,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let of = of.uuid()?;
    let institution = &caller.institution;
    let filter = DeliveryFilter::default().with_application(Some(of));
    let known = api.engine.load(institution, of).await?;
    known.ok_or_else(|| unknown_application(of))?;
    page(&api, institution, filter, &uri, parameters).await
}

async fn page(
    api: &Api,
    institution: &InstitutionId,
    filter: DeliveryFilter,
    uri: &OriginalUri,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.number("limit", 1..=MOST, LIMIT);
    let after = parameters.optional("after", delivery_id);
    parameters.finish()?;
    let page = api
        .store()
        .deliveries(Some(institution), filter, after, limit);
    let page = page.await?;
    for (_, corrupt) in &page.corrupt {
        tracing::error!(error = %corrupt, "left out of a list");
    }
    let data: Vec<_> = page.deliveries.into_iter().map(DeliveryView::of).collect();
    let next = page.next.map(|it| it.to_string());
    Ok(List { data, next }.answer(uri))
}

/// The delivery that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the parameter")]
pub(in crate::server) struct Which {
    /// The number of the delivery.
    #[param(minimum = 0)]
    id: i64,
}

/// A delivery with its attempts.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{id}",
    operation_id = "getDelivery",
    tag = "webhooks",
    summary = "A delivery with its attempts, as far as they are still kept",
    params(Which),
    responses((status = 200, description = "The delivery.", body = DeliveryView)),
)]
pub(in crate::server) async fn read(
    State(api): State<Api>,
    Caller(caller): Caller,
    id: Segment,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = id.read(delivery_id)?;
    parameters.finish()?;
    let institution = &caller.institution;
    let Some(delivery) = api.store().delivery(institution, id).await? else {
        let detail = format!("there is no delivery {id}");
        return Err(Problem::new(ProblemCode::UnknownDelivery, detail));
    };
    let attempts = api.store().attempts(institution, id).await?;
    let view = DeliveryView::of(delivery).with_attempts(attempts);
    Ok(Json(view).into_response())
}
