//! The embedded store with acts.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, ToSql, params};

use super::SqliteStore;
use super::read::ask;
use crate::store::audit::{Act, ActId, ActOutcome, ActPage, Audit, RecordedAct};
use crate::store::stored::{self, Columns, act_columns, outcome_code};
use crate::store::{InstitutionId, Result, StoreError};

/// Acts as [`stored::act`] reads them; to be followed by a condition.
macro_rules! acts {
    ($condition:literal) => {
        concat!(
            "SELECT no, ",
            act_columns!(),
            ", outcome, reason FROM certlife_act WHERE ",
            $condition
        )
    };
}

/// Reads a row with its checks; what is wrong is reported with the row's number.
fn row(row: &Row<'_>) -> Result<(ActId, Result<RecordedAct>)> {
    let number = row.integer(0, "act.no");
    let number =
        number.map_err(|it| StoreError::corrupt("a row of table certlife_act".to_owned(), it))?;
    let act = stored::act(row).map_err(|it| StoreError::corrupt(format!("act {number}"), it));
    Ok((ActId(number), act))
}

fn page(
    connection: &Connection,
    institution: Option<&InstitutionId>,
    before: Option<ActId>,
    limit: u32,
) -> Result<ActPage> {
    let sql = match institution {
        Some(_) => acts!("institution = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3"),
        None => acts!("?1 IS NULL AND no < ?2 ORDER BY no DESC LIMIT ?3"),
    };
    let size = ActPage::size(limit);
    // One more tells whether there is a next page.
    let most = i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1);
    let before = before.map_or(i64::MAX, |it| it.0);
    let institution = institution.map(InstitutionId::as_str);
    let parameters: [&dyn ToSql; 3] = [&institution, &before, &most];
    Ok(ActPage::of(size, ask(connection, sql, &parameters, row)?))
}

fn record(connection: &Connection, act: &Act) -> rusqlite::Result<ActId> {
    connection
        .prepare_cached(concat!(
            "INSERT INTO certlife_act (",
            act_columns!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ))?
        .insert(params![
            act.institution.as_ref().map(InstitutionId::as_str),
            act.at.timestamp_millis(),
            stored::actor_code(act.actor.kind),
            act.actor.id.as_str(),
            act.kind.as_str(),
            act.subject.as_str(),
            act.detail.as_str(),
        ])
        .map(ActId)
}

fn end(connection: &Connection, id: ActId, outcome: &ActOutcome) -> rusqlite::Result<()> {
    let (outcome, reason) = outcome_code(outcome);
    connection
        .prepare_cached(
            "UPDATE certlife_act SET outcome = ?2, reason = ?3 WHERE no = ?1 AND outcome IS NULL",
        )?
        .execute(params![id.0, outcome, reason])?;
    Ok(())
}

fn prune(connection: &Connection, before: DateTime<Utc>, limit: u32) -> rusqlite::Result<u64> {
    let pruned = connection
        .prepare_cached(
            "DELETE FROM certlife_act WHERE no IN ( \
                 SELECT no FROM certlife_act WHERE at < ?1 ORDER BY at, no LIMIT ?2 \
             )",
        )?
        .execute(params![before.timestamp_millis(), limit])?;
    Ok(pruned as u64)
}

impl Audit for SqliteStore {
    async fn record_act(&self, act: Act) -> Result<ActId> {
        self.change(1, move |write| record(write.connection(), &act).map(Ok))
            .await
    }

    async fn end_act(&self, id: ActId, outcome: ActOutcome) -> Result<()> {
        self.change(1, move |write| {
            end(write.connection(), id, &outcome).map(Ok)
        })
        .await
    }

    async fn acts(
        &self,
        institution: Option<&InstitutionId>,
        before: Option<ActId>,
        limit: u32,
    ) -> Result<ActPage> {
        let institution = institution.cloned();
        self.read(move |reader| page(reader, institution.as_ref(), before, limit))
            .await
    }

    async fn prune_acts(&self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        self.change(limit as usize, move |write| {
            prune(write.connection(), before, limit).map(Ok)
        })
        .await
    }
}
