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
            // Stores are to quote nothing; the log does not rely on it.
            tracing::error!(%delivery, %webhook, reason = UNSENDABLE, "dead");
        }
        Report::CircuitOpened(webhook) => tracing::warn!(
            %webhook,
            "circuit opened: attempts fail in a row; until one succeeds, only a few are made now and then"
        ),
        Report::CircuitClosed(webhook) => {
            tracing::info!(%webhook, "circuit closed: something was delivered");
        }
        Report::Unreadable { webhook, why } => {
            tracing::error!(%webhook, why, "webhook cannot be served");
        }
        Report::ClaimsLate(in_a_row) => tracing::warn!(
            late = in_a_row,
            "a claim came too late: the store is slow, or the clock jumps"
        ),
        Report::LostLeases(lost) => {
            telemetry::lost_leases(lost);
            tracing::info!(
                lost,
                "outcomes do not count: somebody else has taken over, or the webhook is gone"
            );
        }
        Report::StoreFailed { what, error } => tracing::warn!(error = %error, "{what}"),
        Report::HousekeepingFailed(error) => {
            tracing::warn!(error = %error, "housekeeping failed");
        }
    }
}
