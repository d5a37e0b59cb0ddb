//! How many applications there are.

use serde::Serialize;
use utoipa::ToSchema;

use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::lifecycle::timestamp::Timestamp;
use crate::server::openapi as schema;
use crate::store::Count;

/// How many applications are in one state, from one source.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct CountView {
    #[schema(inline, value_type = schema::StatusValue)]
    status: Status,
    #[schema(inline, value_type = schema::SourceValue)]
    source: Source,
    /// How many; at least one.
    applications: u64,
    /// The time of the last event of the one that has been in this state the longest.
    #[schema(inline, value_type = schema::TimeValue)]
    oldest_updated_at: String,
}

impl CountView {
    pub(in crate::server) fn of(count: Count) -> Self {
        Self {
            status: count.status,
            source: count.source,
            applications: count.applications,
            oldest_updated_at: Timestamp::saturating(count.oldest_updated_at).to_string(),
        }
    }
}
