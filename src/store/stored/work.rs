//! What databases keep of background work.

use chrono::{DateTime, Utc};

use super::{Columns, Problem, from_seconds};
use crate::store::work::{DueInstitution, WorkBacklog};

/// From the columns institution, whether something is new, at.
pub(in crate::store) fn due_work(row: &impl Columns) -> Result<DueInstitution, Problem> {
    let due = DueInstitution::new(row.institution(0)?);
    Ok(due
        .with_has_new(row.flag(1, "has_new")?)
        .with_at(row.nearest_time(2, "work.at")?))
}

/// From the columns institution, how much waits, since when the first, how much is under way.
pub(in crate::store) fn work_backlog(row: &impl Columns) -> Result<WorkBacklog, Problem> {
    let oldest = row.integer_or_none(2, "work.since")?;
    Ok(WorkBacklog::new(row.institution(0)?)
        .with_waiting(row.count(1, "waiting")?)
        .with_oldest(oldest.map(since).transpose()?)
        .with_under_way(row.count(3, "under_way")?))
}

/// Since when an application has been in progress.
pub(in crate::store) fn since(seconds: i64) -> Result<DateTime<Utc>, Problem> {
    from_seconds(seconds).map(DateTime::from)
}
