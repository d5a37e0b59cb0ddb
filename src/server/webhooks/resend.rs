//! `POST /v1/deliveries/redeliver` and `/abandon`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::administration::Administration;
use super::chosen::{Change, Chosen, Extent};
use super::deliveries::kind;
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::openapi::{self as schema, IdempotencyKeyHeader};
use crate::server::principal::Caller;
use crate::server::problem::{FieldProblem, Problem};
use crate::server::request::{Bytes1MiB, Object, Parameters, json, time, uuid};
use crate::store::{DeliveryFilter, DeliveryId, DeliveryStatus};
use crate::webhook::Description;

/// The most ids of one request.
const MOST: usize = 1000;

/// Which deliveries are sent again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Redelivery {
    /// Their numbers, at most 1,000.
    #[serde(default)]
    #[schema(required = false, value_type = Vec<i64>, min_items = 1, max_items = 1000)]
    ids: Option<Vec<i64>>,
    /// In place of numbers: all that the filter lets through. Without a status, those that are
    /// delivered or dead.
    #[serde(default)]
    #[schema(required = false, value_type = Chooser)]
    filter: Option<Object<Chooser>>,
    /// Count them, and change nothing.
    #[serde(default)]
    #[schema(required = false, value_type = bool)]
    dry_run: Option<bool>,
}

/// Which deliveries are made dead.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Abandonment {
    /// Their numbers, at most 1,000.
    #[serde(default)]
    #[schema(required = false, value_type = Vec<i64>, min_items = 1, max_items = 1000)]
    ids: Option<Vec<i64>>,
    /// In place of numbers: all that are pending and that the filter lets through.
    #[serde(default)]
    #[schema(required = false, value_type = Chooser)]
    filter: Option<Object<Chooser>>,
    /// Count them, and change nothing.
    #[serde(default)]
    #[schema(required = false, value_type = bool)]
    dry_run: Option<bool>,
    /// Why, for those who look at it later: 1 to 256 characters.
    #[serde(default)]
    #[schema(required = true, value_type = String, min_length = 1, max_length = 256)]
    reason: Option<String>,
}

/// A filter of deliveries; what is absent does not matter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryFilter)]
pub(in crate::server) struct Chooser {
    /// Those that are so far.
    #[serde(default)]
    #[schema(required = false, inline, value_type = schema::DeliveryStatusValue)]
    status: Option<DeliveryStatus>,
    /// To this webhook.
    #[serde(default)]
    #[schema(required = false, value_type = Uuid)]
    webhook: Option<String>,
    /// About this application.
    #[serde(default)]
    #[schema(required = false, value_type = Uuid)]
    application: Option<String>,
    /// Of this event.
    #[serde(default)]
    #[schema(required = false, inline, value_type = schema::EventNameValue)]
    event: Option<String>,
    /// Whose event was recorded at this time or later.
    #[serde(default)]
    #[schema(required = false, inline, value_type = schema::TimeValue)]
    from: Option<String>,
    /// Whose event was recorded before this time.
    #[serde(default)]
    #[schema(required = false, inline, value_type = schema::TimeValue)]
    to: Option<String>,
}

/// How many deliveries there were.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Number {
    pub(super) deliveries: u64,
}

/// The deliveries that a request is about.
fn chosen(ids: Option<Vec<i64>>, filter: Option<Object<Chooser>>) -> Result<Chosen, Problem> {
    let refused = |pointer, detail: &str| Err(FieldProblem::at(pointer, detail).into());
    match (ids, filter) {
        (Some(ids), None) if ids.is_empty() || ids.len() > MOST => {
            refused("/ids", "expected 1 to 1000 numbers of deliveries")
        }
        (Some(ids), None) => {
            // Twice in the list, it still counts once.
            let mut ids: Vec<_> = ids.into_iter().map(DeliveryId).collect();
            ids.sort_unstable();
            ids.dedup();
            Ok(Chosen::Ids(ids))
        }
        (None, Some(Object(filter))) => Ok(Chosen::Filter(filter.read()?)),
        (Some(_), Some(_)) => refused("/filter", "expected ids or a filter, not both"),
        (None, None) => refused("/ids", "expected ids, or a filter in their place"),
    }
}

impl Chooser {
    fn read(self) -> Result<DeliveryFilter, Problem> {
        let mut errors = Vec::new();
        let mut keep = |name: &str, detail: String| {
            errors.push(FieldProblem::at(format!("/filter/{name}"), detail));
        };
        let mut id = |name, text: Option<String>| {
            let id = text.as_deref().map(uuid).transpose();
            id.map_err(|error| keep(name, error.to_owned()))
                .ok()
                .flatten()
        };
        let webhook = id("webhook", self.webhook);
        let application = id("application", self.application);
        let event = self.event.as_deref().map(kind).transpose();
        let event = event.map_err(|error| keep("event", error.to_string()));
        let mut at = |name, text: Option<String>| {
            let at = text.as_deref().map(time).transpose();
            at.map_err(|error| keep(name, error.to_owned()))
                .ok()
                .flatten()
        };
        let (since, until) = (at("from", self.from), at("to", self.to));
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(DeliveryFilter::default()
            .with_status(self.status)
            .with_webhook(webhook)
            .with_application(application)
            .with_kind(event.unwrap_or_default())
            .with_since(since)
            .with_until(until))
    }
}

/// Why deliveries are abandoned.
pub(crate) fn reason_to_abandon(text: &str) -> Result<Description, Problem> {
    let reason = Description::new(text);
    let reason = reason.map_err(|error| FieldProblem::at("/reason", error))?;
    if reason.as_str().trim().is_empty() {
        let detail = "expected why they are abandoned, 1 to 256 characters";
        return Err(FieldProblem::at("/reason", detail).into());
    }
    Ok(reason)
}

/// Send deliveries again.
#[utoipa::path(
    post,
    path = "/v1/deliveries/redeliver",
    operation_id = "redeliver",
    tag = "webhooks",
    summary = "Send deliveries again, with all of their attempts before them",
    description = "Those that are being sent, or are due already, stay as they are, and do not count.",
    params(IdempotencyKeyHeader),
    request_body = Redelivery,
    responses((status = 200, description = "How many are due now.", body = Number,
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn redeliver(
    State(api): State<Api>,
    Caller(caller): Caller,
    parameters: Parameters,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let body = json::<Redelivery>(&body)?;
    let chosen = chosen(body.ids, body.filter)?;
    let administration = Administration::of(&api, &caller);
    let deliveries = if body.dry_run == Some(true) {
        let found = administration.count(&chosen, Change::Redelivered, Extent::All);
        found.await?.number
    } else {
        administration.redeliver(&chosen).await?
    };
    Ok(Json(Number { deliveries }).into_response())
}

/// Make deliveries dead.
#[utoipa::path(
    post,
    path = "/v1/deliveries/abandon",
    operation_id = "abandon",
    tag = "webhooks",
    summary = "Make pending deliveries dead: they are not sent any more",
    params(IdempotencyKeyHeader),
    request_body = Abandonment,
    responses((status = 200, description = "How many are dead now.", body = Number,
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn abandon(
    State(api): State<Api>,
    Caller(caller): Caller,
    parameters: Parameters,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let body = json::<Abandonment>(&body)?;
    let reason = body.reason.ok_or_else(|| FieldProblem::missing("reason"))?;
    let reason = reason_to_abandon(&reason)?;
    let chosen = chosen(body.ids, body.filter)?;
    let administration = Administration::of(&api, &caller);
    let deliveries = if body.dry_run == Some(true) {
        let found = administration.count(&chosen, Change::Abandoned, Extent::All);
        found.await?.number
    } else {
        administration.abandon(&chosen, reason.as_str()).await?
    };
    Ok(Json(Number { deliveries }).into_response())
}
