//! `POST /v1/deliveries/redeliver` and `/abandon`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::administration::Administration;
use super::chosen::{Change, Chosen, Extent};
use super::deliveries::kind;
use super::reason::reason_to_abandon;
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::openapi::{self as schema, IdempotencyKeyHeader};
use crate::server::principal::Caller;
use crate::server::problem::Problem;
use crate::server::request::{Bytes1MiB, DeepForm, Form, Parameters, of_field, uuid};
use crate::store::{DeliveryFilter, DeliveryId, DeliveryStatus};

/// The most ids of one request.
const MOST: usize = 1000;

/// Which deliveries are sent again.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Redelivery {
    /// Their numbers, at most 1,000.
    #[schema(required = false, min_items = 1, max_items = 1000)]
    ids: Vec<u64>,
    /// In place of numbers: all that the filter lets through. Without a status, those that are
    /// delivered or dead.
    #[schema(required = false)]
    filter: Chooser,
    /// Count them, and change nothing.
    #[schema(required = false)]
    dry_run: bool,
}

/// Which deliveries are made dead.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Abandonment {
    /// Their numbers, at most 1,000.
    #[schema(required = false, min_items = 1, max_items = 1000)]
    ids: Vec<u64>,
    /// In place of numbers: all that are pending and that the filter lets through.
    #[schema(required = false)]
    filter: Chooser,
    /// Count them, and change nothing.
    #[schema(required = false)]
    dry_run: bool,
    /// Why, for those who look at it later: 1 to 256 characters.
    #[schema(min_length = 1, max_length = 256)]
    reason: String,
}

/// A filter of deliveries; what is absent does not matter.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryFilter)]
pub(in crate::server) struct Chooser {
    /// Those that are so far.
    #[schema(required = false, inline, value_type = schema::DeliveryStatusValue)]
    status: DeliveryStatus,
    /// To this webhook.
    #[schema(required = false)]
    webhook: Uuid,
    /// About this application.
    #[schema(required = false)]
    application: Uuid,
    /// Of this event.
    #[schema(required = false, inline, value_type = schema::EventNameValue)]
    event: String,
    /// Whose event was recorded at this time or later.
    #[schema(required = false, inline, value_type = schema::TimeValue)]
    from: String,
    /// Whose event was recorded before this time.
    #[schema(required = false, inline, value_type = schema::TimeValue)]
    to: String,
}

/// How many deliveries there were.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Number {
    pub(super) deliveries: u64,
}

/// The members of a filter.
const FILTER: [&str; 6] = ["status", "webhook", "application", "event", "from", "to"];

/// The deliveries that a request is about. Without any, a fault is kept.
fn chosen<const N: usize>(form: &mut DeepForm<'_, N>) -> Option<Chosen> {
    const RULE: &str = "the number of a delivery";
    let given = (form.has("ids"), form.has("filter"));
    let ids = form.integers("ids", RULE, |it| i64::try_from(it).ok().map(DeliveryId));
    let filter = form.object("filter", &FILTER, filter);
    match given {
        (true, true) => form.refuse("filter", "expected ids or a filter, not both"),
        (false, false) => form.refuse("ids", "expected ids, or a filter in their place"),
        _ => {}
    }
    match (ids, filter) {
        (Some(ids), _) if ids.is_empty() || ids.len() > MOST => {
            form.refuse("ids", "expected 1 to 1000 numbers of deliveries");
            None
        }
        (Some(mut ids), _) => {
            // Twice in the list, it still counts once.
            ids.sort_unstable();
            ids.dedup();
            Some(Chosen::Ids(ids))
        }
        (None, filter) => filter.map(Chosen::Filter),
    }
}

fn filter<const N: usize>(form: &mut Form<'_, N>) -> DeliveryFilter {
    let id = |name| move |text: &str| of_field(name, uuid(text));
    DeliveryFilter::default()
        .with_status(form.optional_text("status", str::parse::<DeliveryStatus>))
        .with_webhook(form.optional_text("webhook", id("webhook")))
        .with_application(form.optional_text("application", id("application")))
        .with_kind(form.optional_text("event", kind))
        .with_since(form.optional_time("from"))
        .with_until(form.optional_time("to"))
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
    let mut form = Form::read_deep(&body, &["ids", "filter", "dry_run"])?;
    let (chosen, is_dry_run) = (chosen(&mut form), form.flag("dry_run"));
    form.finish()?;
    let chosen = chosen.ok_or_else(|| Problem::invalid(Vec::new()))?;
    let administration = Administration::of(&api, &caller);
    let deliveries = if is_dry_run {
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
    let mut form = Form::read_deep(&body, &["ids", "filter", "dry_run", "reason"])?;
    let (chosen, is_dry_run) = (chosen(&mut form), form.flag("dry_run"));
    let reason = form.text("reason", reason_to_abandon);
    form.finish()?;
    let (Some(chosen), Some(reason)) = (chosen, reason) else {
        // What is missing was a fault.
        return Err(Problem::invalid(Vec::new()));
    };
    let administration = Administration::of(&api, &caller);
    let deliveries = if is_dry_run {
        let found = administration.count(&chosen, Change::Abandoned, Extent::All);
        found.await?.number
    } else {
        administration.abandon(&chosen, reason.as_str()).await?
    };
    Ok(Json(Number { deliveries }).into_response())
}
