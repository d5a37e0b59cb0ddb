//! The names of what the domain has, in the language of the texts.

use super::texts::Texts;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::store::{ActKind, DeliveryStatus};
use crate::webhook::DisabledReason;

impl Texts {
    pub(in crate::console) const fn status(&self, status: Status) -> &'static str {
        match status {
            Status::Created => self.created,
            Status::Processing => self.processing,
            Status::Approved => self.approved,
            Status::Rejected => self.rejected_status,
            Status::Failed => self.failed_status,
            Status::Retried => self.retried_event,
        }
    }

    pub(in crate::console) const fn source(&self, source: Source) -> &'static str {
        match source {
            Source::Customer => self.customer,
            Source::Vault => self.vault,
        }
    }

    pub(in crate::console) const fn delivery_status(&self, status: DeliveryStatus) -> &'static str {
        match status {
            DeliveryStatus::Pending => self.pending,
            DeliveryStatus::Delivered => self.delivered,
            DeliveryStatus::Dead => self.dead,
        }
    }

    pub(in crate::console) const fn disabled_reason(&self, reason: DisabledReason) -> &'static str {
        match reason {
            DisabledReason::Manual => self.disabled_manual,
            DisabledReason::Gone => self.disabled_gone,
            DisabledReason::Failing => self.disabled_failing,
        }
    }

    pub(in crate::console) const fn act(&self, kind: ActKind) -> &'static str {
        match kind {
            ActKind::WebhookRegistered => self.webhook_registered_act,
            ActKind::WebhookChanged => self.webhook_changed_act,
            ActKind::WebhookEnabled => self.webhook_enabled_act,
            ActKind::WebhookDisabled => self.webhook_disabled_act,
            ActKind::WebhookRotated => self.webhook_rotated_act,
            ActKind::WebhookTested => self.webhook_tested_act,
            ActKind::WebhookRemoved => self.webhook_removed_act,
            ActKind::DeliveriesRedelivered => self.redelivered_act,
            ActKind::DeliveriesAbandoned => self.abandoned_act,
            ActKind::DeliveriesReplayed => self.replayed_act,
            ActKind::TokenCreated => self.token_created_act,
            ActKind::TokenRevoked => self.token_revoked_act,
            ActKind::SessionBegun => self.session_begun_act,
            ActKind::SessionEnded => self.session_ended_act,
        }
    }

    pub(in crate::console) const fn event(&self, kind: EventKind) -> &'static str {
        self.status(kind.status())
    }
}
