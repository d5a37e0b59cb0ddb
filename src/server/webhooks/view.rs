//! What is shown of webhooks and deliveries. Most of it the store shows itself; its schemas stand
//! here.

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::lifecycle::timestamp::Timestamp;
use crate::server::openapi as schema;
use crate::store::{Attempt, Delivery, DeliveryStatus, Webhook};

/// A webhook (API.md, "W"). Never its secret, nor the values of its headers.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(in crate::server) struct WebhookView {
    /// What `X-Webhook-ID` and `webhook_id` say.
    id: Uuid,
    /// Whose events it is sent.
    institution: String,
    /// Where they are sent.
    url: String,
    /// Which events it is sent.
    #[schema(inline, value_type = schema::EventKindsValue)]
    events: Vec<String>,
    /// What people call it.
    description: String,
    /// The names of the headers that each request carries.
    headers: Vec<String>,
    /// Whether events are sent to it.
    enabled: bool,
    /// Why it is disabled, if it is.
    #[schema(required = false, value_type = DisabledView)]
    disabled: Option<DisabledView>,
    /// When it was registered.
    #[schema(inline, value_type = schema::TimeValue)]
    created_at: String,
    /// The first of the failures since something was delivered last.
    #[schema(inline, value_type = schema::OptionalTimeValue)]
    failing_since: Option<String>,
    /// Until when nothing is sent, because its server has asked for it.
    #[schema(inline, value_type = schema::OptionalTimeValue)]
    not_before: Option<String>,
    /// How often its settings were replaced: the `ETag`.
    revision: u64,
}

/// Why a webhook is disabled.
#[derive(Serialize, ToSchema)]
#[schema(as = Disabled)]
pub(in crate::server) struct DisabledView {
    /// `manual`, `gone` or `failing`.
    reason: String,
    #[schema(inline, value_type = schema::TimeValue)]
    at: String,
    /// What was said when it was disabled.
    detail: String,
}

/// A webhook with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct WithSecret<'a> {
    #[serde(flatten)]
    #[schema(value_type = WebhookView)]
    pub(super) webhook: &'a Webhook,
    /// What deliveries are signed with: `whsec_` and base64.
    pub(super) secret: &'a str,
}

/// The webhook that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the parameter")]
pub(in crate::server) struct Which {
    /// The webhook.
    id: Uuid,
}

/// One event on its way to one webhook (API.md, "D").
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(in crate::server) struct DeliveryView {
    /// Its number.
    id: i64,
    /// The event's full name.
    #[schema(inline, value_type = schema::EventNameValue)]
    event: &'static str,
    /// The version of the application that the event left.
    #[schema(inline, value_type = schema::VersionValue)]
    version: u64,
    application: Uuid,
    webhook: Uuid,
    institution: String,
    /// How far it is.
    #[schema(inline, value_type = schema::DeliveryStatusValue)]
    status: DeliveryStatus,
    /// How many attempts there were since it was last made pending.
    attempt_count: u32,
    /// When the event was recorded.
    #[schema(inline, value_type = schema::TimeValue)]
    recorded_at: String,
    /// While it is pending: when it is due, or its lease ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, value_type = schema::TimeValue, required = false)]
    due_at: Option<String>,
    /// When it was delivered or became dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, value_type = schema::TimeValue, required = false)]
    settled_at: Option<String>,
    /// Why it is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    reason: Option<String>,
    /// The attempts that are still kept: of one delivery alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Vec<AttemptView>)]
    attempts: Option<Vec<Attempt>>,
}

/// One attempt to deliver.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(in crate::server) struct AttemptView {
    /// When it was sent.
    #[schema(inline, value_type = schema::TimeValue)]
    at: String,
    /// How long it took.
    milliseconds: u64,
    /// The status of the response, if there was one.
    status: Option<u16>,
    /// What went wrong, if something did.
    error: Option<String>,
    /// The beginning of the response, without what is secret or personal.
    excerpt: Option<String>,
}

impl DeliveryView {
    pub(super) fn of(delivery: Delivery) -> Self {
        let at = Timestamp::saturating(delivery.at).to_string();
        let (due_at, settled_at) = match delivery.status {
            DeliveryStatus::Pending => (Some(at), None),
            DeliveryStatus::Delivered | DeliveryStatus::Dead => (None, Some(at)),
        };
        Self {
            id: delivery.id.0,
            event: delivery.kind.name(),
            version: delivery.version,
            application: delivery.application,
            webhook: delivery.webhook,
            institution: delivery.institution.as_str().to_owned(),
            status: delivery.status,
            attempt_count: delivery.attempts,
            recorded_at: Timestamp::saturating(delivery.created_at).to_string(),
            due_at,
            settled_at,
            reason: delivery.reason,
            attempts: None,
        }
    }

    pub(super) fn with_attempts(self, attempts: Vec<Attempt>) -> Self {
        Self {
            attempts: Some(attempts),
            ..self
        }
    }
}
