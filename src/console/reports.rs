//! What browsers report: that the policy has kept a page from something (CSP, level 3, 5.3). Our
//! pages do nothing that it forbids, so something has got into one.

use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;

use super::site::Console;
use crate::excerpt::shorten;

/// A report, as browsers send it to `report-uri`. What it says of the page's address may name
/// a person, and is passed over.
#[derive(Deserialize)]
struct Report {
    #[serde(rename = "csp-report")]
    report: Violation,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Violation {
    #[serde(default)]
    effective_directive: String,
    #[serde(default)]
    blocked_uri: String,
}

/// Writes a report to the log, at most 60 in a minute.
pub(super) async fn report(State(console): State<Console>, body: Bytes) -> StatusCode {
    let Ok(Report { report }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    if console.reports.is_one_too_many() {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    // Without its query.
    let blocked = report.blocked_uri.split(['?', '#']).next();
    tracing::warn!(
        directive = ?shorten(&report.effective_directive),
        blocked = ?shorten(blocked.unwrap_or_default()),
        "the policy has kept a page from something"
    );
    StatusCode::NO_CONTENT
}
