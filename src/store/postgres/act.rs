//! The store with acts.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::PostgresStore;
use super::failure::failed;
use super::outbox::milliseconds;
use super::session::Session;
use super::sql::statements;
use crate::store::audit::{Act, ActId, ActOutcome, ActPage, Audit, RecordedAct};
use crate::store::stored::{self, Columns, act_columns, outcome_code};
use crate::store::{InstitutionId, Result, StoreError};

statements! {
    PAGE(TEXT, INT8, INT8) = concat!(
        "SELECT number, ",
        act_columns!(),
        ", outcome, reason FROM certlife_act \
         WHERE ($1::text IS NULL OR institution = $1) AND number < $2 \
         ORDER BY number DESC LIMIT $3"
    );

    RECORD(TEXT, INT8, INT2, TEXT, TEXT, TEXT, TEXT) = concat!(
        "INSERT INTO certlife_act (",
        act_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING number"
    );

    END(INT8, INT2, TEXT) = "\
        UPDATE certlife_act SET outcome = $2, reason = $3 \
        WHERE number = $1 AND outcome IS NULL RETURNING number";

    PRUNE(INT8, INT8) = "\
        DELETE FROM certlife_act WHERE number = ANY (ARRAY( \
            SELECT number FROM certlife_act WHERE at < $1 ORDER BY at, number LIMIT $2 \
        )) RETURNING number";
}

/// Reads a row with its checks; what is wrong is reported with the row's number.
fn row(row: &Row) -> Result<(ActId, Result<RecordedAct>)> {
    let number = row.integer(0, "act.number");
    let number =
        number.map_err(|it| StoreError::corrupt("a row of table certlife_act".to_owned(), it))?;
    let act = stored::act(row).map_err(|it| StoreError::corrupt(format!("act {number}"), it));
    Ok((ActId(number), act))
}

async fn page(
    client: &Session,
    institution: Option<&InstitutionId>,
    before: Option<ActId>,
    limit: u32,
) -> Result<ActPage> {
    let size = ActPage::size(limit);
    // One more tells whether there is a next page.
    let most = i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1);
    let before = before.map_or(i64::MAX, |it| it.0);
    let institution = institution.map(InstitutionId::as_str);
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&institution, Type::TEXT),
        (&before, Type::INT8),
        (&most, Type::INT8),
    ];
    // Not prepared: which plan is good depends on what is asked for.
    let rows = client.query_typed(PAGE, &parameters).await;
    let rows: Vec<_> = rows
        .map_err(failed)?
        .iter()
        .map(row)
        .collect::<Result<_>>()?;
    Ok(ActPage::of(size, rows))
}

impl Audit for PostgresStore {
    async fn record_act(&self, act: Act) -> Result<ActId> {
        let parameters: [&(dyn ToSql + Sync); 7] = [
            &act.institution.as_ref().map(InstitutionId::as_str),
            &milliseconds(act.at),
            &stored::actor_code(act.actor.kind),
            &act.actor.id.as_str(),
            &act.kind.as_str(),
            &act.subject.as_str(),
            &act.detail.as_str(),
        ];
        let rows = self.change(RECORD, &parameters).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| StoreError::unavailable("the act has no number"))?;
        row.try_get(0).map(ActId).map_err(failed)
    }

    async fn end_act(&self, id: ActId, outcome: ActOutcome) -> Result<()> {
        let (outcome, reason) = outcome_code(&outcome);
        let parameters: [&(dyn ToSql + Sync); 3] = [&id.0, &outcome, &reason];
        self.change(END, &parameters).await?;
        Ok(())
    }

    async fn acts(
        &self,
        institution: Option<&InstitutionId>,
        before: Option<ActId>,
        limit: u32,
    ) -> Result<ActPage> {
        self.read(async |reader| page(reader, institution, before, limit).await)
            .await
    }

    async fn prune_acts(&self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        let parameters: [&(dyn ToSql + Sync); 2] = [&milliseconds(before), &i64::from(limit)];
        let pruned = self.change(PRUNE, &parameters).await?.len();
        Ok(u64::try_from(pruned).unwrap_or_default())
    }
}
