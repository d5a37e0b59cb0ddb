//! `POST /v1/webhooks/{id}/replay`: what a webhook never got.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::administration::Administration;
use super::change::unknown;
use super::deliveries::kind;
use super::resend::Number;
use super::verbs::Head;
use super::view::Which;
use crate::engine::ReplayProgress;
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::openapi::{self as schema, IdempotencyKeyHeader, IfMatchHeader};
use crate::server::problem::{FieldProblem, Problem};
use crate::server::request::{Bytes1MiB, Form};
use crate::store::{ActKind, Replay, Webhook};
use crate::webhook::EventKinds;

/// What a webhook is to get of what was recorded before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Events of these kinds; of all that the webhook wants, if none are given.
    pub(crate) kinds: Option<EventKinds>,
    /// That happened then or later.
    pub(crate) from: Option<DateTime<Utc>>,
    /// That happened before.
    pub(crate) to: Option<DateTime<Utc>>,
}

impl Wanted {
    /// The replay of it to this webhook.
    fn replay(&self, webhook: &Webhook) -> Result<Replay, Problem> {
        let replay = Replay::wanted_by(webhook, self.kinds).map_err(|others| {
            let wanted = webhook.endpoint.kinds;
            let detail = format!(
                "the webhook's settings leave out {others}: change its events first, or ask for {wanted} alone"
            );
            FieldProblem::at("/events", detail)
        })?;
        if self.from.zip(self.to).is_some_and(|(from, to)| to <= from) {
            let detail = "to must be later than from: nothing lies between them";
            return Err(FieldProblem::at("/to", detail).into());
        }
        Ok(replay.with_since(self.from).with_until(self.to))
    }
}

impl Administration<'_> {
    /// Makes deliveries to a webhook of what it never got.
    pub(crate) async fn replay(
        &self,
        id: Uuid,
        wanted: &Wanted,
        each: impl FnMut(ReplayProgress) -> ControlFlow<()> + Send,
    ) -> Result<ReplayProgress, Problem> {
        let replay = self.find_replay(id, wanted).await?;
        let doing = self.take_steps(replay, each);
        self.acting(ActKind::DeliveriesReplayed, id, replay.to_string(), doing)
            .await
    }

    /// Counts what a replay would make.
    pub(crate) async fn count_replay(
        &self,
        id: Uuid,
        wanted: &Wanted,
        each: impl FnMut(ReplayProgress) -> ControlFlow<()> + Send,
    ) -> Result<ReplayProgress, Problem> {
        let replay = self.find_replay(id, wanted).await?;
        self.take_steps(replay.to_count(), each).await
    }

    async fn find_replay(&self, id: Uuid, wanted: &Wanted) -> Result<Replay, Problem> {
        let webhook = self.find(id).await?;
        wanted.replay(&webhook)
    }

    async fn take_steps(
        &self,
        replay: Replay,
        each: impl FnMut(ReplayProgress) -> ControlFlow<()> + Send,
    ) -> Result<ReplayProgress, Problem> {
        let replayed = self.engine.replay(self.institution(), replay, each);
        replayed.await?.ok_or_else(|| unknown(replay.webhook))
    }
}

/// What a webhook is to get of what was recorded before it was registered, or while it was
/// disabled or did not want such events.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replay)]
pub(in crate::server) struct Order {
    /// Of what happened at this time or later.
    #[schema(required = true, inline, value_type = schema::TimeValue)]
    from: String,
    /// Of what happened before this time.
    #[schema(required = false, inline, value_type = schema::TimeValue)]
    to: String,
    /// Events of these kinds, each of which the webhook's settings want; if absent, all of those.
    #[schema(required = false, inline, value_type = Vec<schema::EventNameValue>, min_items = 1)]
    events: Vec<String>,
    /// Count them, and change nothing.
    #[schema(required = false)]
    dry_run: bool,
}

/// What is wanted, and whether it is only to be counted.
fn read(body: &[u8]) -> Result<(Wanted, bool), Problem> {
    let mut form = Form::read_deep(body, &["from", "to", "events", "dry_run"])?;
    let kinds = form.texts("events", kind);
    if kinds.as_ref().is_some_and(Vec::is_empty) {
        let detail = "expected at least one event, or no field events for all";
        form.refuse("events", detail);
    }
    let wanted = Wanted {
        kinds: kinds.map(|it| it.into_iter().collect()),
        from: form.time("from"),
        to: form.optional_time("to"),
    };
    let is_dry_run = form.flag("dry_run");
    form.finish()?;
    Ok((wanted, is_dry_run))
}

/// Send a webhook what it never got.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay",
    operation_id = "replay",
    tag = "webhooks",
    summary = "Send a webhook the events that it never got",
    description = "For each event of the institution of which the webhook has no delivery, whatever became of it, one is \
                   made; it is sent behind what is new. What was delivered and has been pruned since is sent \
                   again. All events are looked at, which takes seconds for a million; a request that was cut off can be \
                   repeated.",
    params(Which, IdempotencyKeyHeader, IfMatchHeader),
    request_body = Order,
    responses((status = 202, description = "How many deliveries were made, or would be.", body = Number,
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn replay(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let (wanted, is_dry_run) = read(&body)?;
    let (administration, id) = (head.of(&api), head.id);
    let go_on = |_| ControlFlow::Continue(());
    let progress = if is_dry_run {
        administration.count_replay(id, &wanted, go_on).await?
    } else {
        administration.replay(id, &wanted, go_on).await?
    };
    let deliveries = progress.deliveries;
    Ok((StatusCode::ACCEPTED, Json(Number { deliveries })).into_response())
}
