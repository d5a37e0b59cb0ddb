//! What the core reports, in the log and the metrics.

use super::core::{Report, UNSENDABLE};
use super::telemetry;

/// Logs a report, or counts it.
pub(super) fn report(report: Report) {
    match report {
        Report::Attempted {
            outcome,
            milliseconds,
        } => telemetry::attempted(outcome, milliseconds),
        Report::Delivered { created_at, at } => telemetry::delivered(created_at, at),
        Report::Dead {
            delivery,
            webhook,
            event,
            reason,
        } => {
            telemetry::dead();
            tracing::error!(%delivery, %webhook, %event, reason, "dead");
        }
        Report::Unsendable { delivery, webhook } => {
            telemetry::dead();
            // A store must quote nothing private, but the log does not rely on that.
            tracing::error!(%delivery, %webhook, reason = UNSENDABLE, "dead");
        }
        Report::CircuitOpened(webhook) => tracing::warn!(
            %webhook,
            "circuit opened: attempts fail in a row; only probes are sent until one succeeds"
        ),
        Report::CircuitClosed(webhook) => {
            tracing::info!(%webhook, "circuit closed: a probe succeeded");
        }
        Report::Unreadable { webhook, why } => {
            tracing::error!(%webhook, why, "webhook cannot be served");
        }
        Report::ClaimsLate(in_a_row) => tracing::warn!(
            late = in_a_row,
            "a claim came too late, its deliveries are released: the store is slow, or the clock jumps"
        ),
        Report::LostLeases(lost) => {
            telemetry::lost_leases(lost);
            tracing::info!(
                lost,
                "outcomes do not count: another dispatcher has taken over, or the webhook was removed"
            );
        }
        Report::StoreFailed { what, error } => tracing::warn!(error = %error, "{what}"),
        Report::HousekeepingFailed(error) => {
            tracing::warn!(error = %error, "housekeeping failed");
        }
    }
}
