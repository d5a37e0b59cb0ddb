//! What the core reports, in the log and the metrics.

use super::core::Report;
use super::telemetry;

/// Logs a report, or counts it.
pub(super) fn report(report: Report) {
    match report {
        Report::Attempted {
            lease,
            attempt,
            outcome,
            why,
        } => {
            telemetry::attempted(outcome);
            let application = lease.application;
            match why {
                None => tracing::debug!(%application, attempt, outcome, "work is over"),
                // Its error is in the event, and may be personal.
                Some(_) if outcome == "failed" => {
                    tracing::error!(%application, attempt, "failed");
                }
                Some(why) => tracing::warn!(%application, attempt, outcome, why, "not done"),
            }
        }
        Report::Unreadable { lease, error } => {
            let application = lease.application;
            tracing::error!(%application, error = %error, "cannot be worked on");
        }
        Report::LostLease(lease) => {
            telemetry::lost_lease();
            tracing::info!(
                application = %lease.application,
                "the work does not count: another processor has taken over, or the application has \
                 moved on"
            );
        }
        Report::Refused { lease, error } => {
            let application = lease.application;
            tracing::error!(%application, error = %error, "an outcome cannot be recorded");
        }
        Report::StoreFailed { what, error } => tracing::warn!(error = %error, "{what}"),
    }
}
