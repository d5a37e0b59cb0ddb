//! What a webhook never got.
//! States in SQL: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::milliseconds;
use crate::store::postgres::{
    PostgresStore,
    failure::{failed, in_time},
    row::cursor,
    session::Session,
    sql::statements,
};
use crate::store::stored::Columns;
use crate::store::{InstitutionId, Replay, Replayed, Result, StoreError};

/// The webhook; the events that a step looks at; and those of them that it never got. Each is
/// looked for by its key: joined otherwise, all of them might be read.
///
/// The feed waits for transactions that are under way, of others on the same server too. Here, none
/// is waited for: what they record has its deliveries when it appears.
macro_rules! missing {
    ($lock:literal) => {
        concat!(
            "WITH webhook AS ( \
                 SELECT id, institution FROM certlife_webhook \
                 WHERE id = $1 AND institution = $2 AND NOT removed",
            $lock,
            "), looked AS MATERIALIZED ( \
                 SELECT e.uuid, e.version, e.kind, e.at, e.transaction, e.place \
                 FROM certlife_event e WHERE (e.transaction, e.place) > ($3, $4) \
                 ORDER BY e.transaction, e.place LIMIT $5 \
             ), missing AS MATERIALIZED ( \
                 SELECT a.number, webhook.id, e.version, e.transaction, e.place, e.at \
                 FROM webhook CROSS JOIN looked e \
                 JOIN LATERAL ( \
                     SELECT a.number, a.institution FROM certlife_application a \
                     WHERE a.uuid = e.uuid OFFSET 0 \
                 ) a ON a.institution = webhook.institution \
                 LEFT JOIN LATERAL ( \
                     SELECT d.number FROM certlife_delivery d \
                     WHERE d.application = a.number AND d.webhook = webhook.id \
                         AND d.version = e.version OFFSET 0 \
                 ) d ON true \
                 WHERE $6::integer >> e.kind & 1 = 1 AND e.at >= $7 AND e.at < $8 AND d.number IS NULL \
             )"
        )
    };
}

/// How many there are, how many events were looked at, and the place of the last of them.
macro_rules! answer {
    ($counted:literal) => {
        concat!(
            "SELECT (SELECT count(*) FROM ",
            $counted,
            "), (SELECT count(*) FROM looked), last.transaction, last.place \
             FROM webhook LEFT JOIN LATERAL ( \
                 SELECT transaction, place FROM looked ORDER BY transaction DESC, place DESC LIMIT 1 \
             ) last ON true"
        )
    };
}

statements! {
    COUNT(UUID, TEXT, INT8, INT4, INT8, INT4, INT8, INT8) =
        concat!(missing!(""), answer!("missing"));

    /// The lock keeps the webhook from being removed meanwhile: what belongs to it would be left
    /// behind. None goes before the lease has ended on what comes after it.
    MAKE(UUID, TEXT, INT8, INT4, INT8, INT4, INT8, INT8, INT8) = concat!(
        missing!(" FOR SHARE"),
        ", made AS ( \
             INSERT INTO certlife_delivery ( \
                 application, webhook, version, transaction, place, at, created_at, token, attempts, \
                 state \
             ) \
             SELECT m.number, m.id, m.version, m.transaction, m.place, greatest($9, ( \
                     SELECT max(CASE WHEN later.state = 0 THEN later.leased_until ELSE later.at END) \
                     FROM certlife_delivery later \
                     WHERE later.application = m.number AND later.webhook = m.id \
                         AND later.version > m.version AND later.state < 2 AND later.token & 1 = 1 \
                 )), m.at * 1000, 0, 0, 1 \
             FROM missing m ORDER BY m.transaction, m.place \
             ON CONFLICT DO NOTHING RETURNING 1 \
         ) ",
        answer!("made")
    );
}

/// The parameters that both statements have.
struct Given<'a> {
    replay: &'a Replay,
    institution: &'a str,
    transaction: i64,
    place: i32,
    limit: i64,
    kinds: i32,
    seconds: (i64, i64),
}

impl<'a> Given<'a> {
    fn new(institution: &'a InstitutionId, replay: &'a Replay) -> Self {
        Self {
            institution: institution.as_str(),
            // Beyond what PostgreSQL can hold, nothing lies.
            transaction: i64::try_from(replay.after.transaction()).unwrap_or(i64::MAX),
            place: i32::try_from(replay.after.index()).unwrap_or(i32::MAX),
            limit: i64::from(replay.size()),
            kinds: i32::from(replay.kinds.bits()),
            // The oldest and the newest time that a row can have are within.
            seconds: replay.seconds(),
            replay,
        }
    }

    /// With their types, since neither statement is prepared: a plan that is kept while the tables
    /// grow reads all events for each step.
    fn typed(&self) -> [(&(dyn ToSql + Sync), Type); 8] {
        [
            (&self.replay.webhook, Type::UUID),
            (&self.institution, Type::TEXT),
            (&self.transaction, Type::INT8),
            (&self.place, Type::INT4),
            (&self.limit, Type::INT8),
            (&self.kinds, Type::INT4),
            (&self.seconds.0, Type::INT8),
            (&self.seconds.1, Type::INT8),
        ]
    }

    /// What a row says; none if there is no such webhook.
    fn replayed(&self, rows: &[Row]) -> Result<Option<Replayed>> {
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let count = |at| {
            let count: i64 = row.try_get(at).map_err(failed)?;
            Ok::<_, StoreError>(u64::try_from(count).unwrap_or_default())
        };
        let corrupt = |problem| StoreError::corrupt("an event of the feed".to_owned(), problem);
        let transaction = row.integer_or_none(2, "transaction").map_err(corrupt)?;
        let place = row.integer_or_none(3, "place").map_err(corrupt)?;
        let last = transaction.zip(place);
        let last = last.map(|(transaction, place)| cursor(transaction, place));
        let last = last.transpose().map_err(corrupt)?;
        let size = self.replay.size();
        Ok(Some(Replayed::of(count(0)?, count(1)?, size, last)))
    }
}

/// Counts what a step would make.
pub(super) async fn count(
    client: &Session,
    institution: &InstitutionId,
    replay: &Replay,
) -> Result<Option<Replayed>> {
    let given = Given::new(institution, replay);
    let rows = client.query_typed(COUNT, &given.typed()).await;
    given.replayed(&rows.map_err(failed)?)
}

/// Makes the deliveries of a step.
pub(super) async fn make(
    store: &PostgresStore,
    institution: &InstitutionId,
    now: DateTime<Utc>,
    replay: &Replay,
) -> Result<Option<Replayed>> {
    let (given, now) = (Given::new(institution, replay), milliseconds(now));
    let mut parameters = given.typed().to_vec();
    parameters.push((&now, Type::INT8));
    let tries = store.tries();
    let (limit, parameters) = (tries.limit, &*parameters);
    let make = |session: Session| async move {
        let made = in_time(limit, async {
            Ok(session.query_typed(MAKE, parameters).await?)
        });
        let made = made.await;
        (session, made)
    };
    let rows = store.retry(tries, make).await?;
    given.replayed(&rows)
}
