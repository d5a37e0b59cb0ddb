//! Which server a connection has led to.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::sql::statements;

/// What is known of a server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// Where its log stands; not known of a standby, nor of a server that does not tell.
    pub(super) history: Option<History>,
    /// When it was started, in microseconds since 1970: it distinguishes two servers on one host
    /// it.
    started_at: i64,
    /// The process that serves this connection.
    pub(super) process: i32,
    /// Whether it takes no writes from this connection.
    pub(super) is_read_only: bool,
    /// Whether it follows another server.
    pub(super) is_standby: bool,
}

impl Server {
    /// Whether both are one server, which was not started again.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.started_at == other.started_at && self.history == other.history
    }

    /// Whether both are one session of one server.
    pub(super) fn is_same_session(&self, other: &Self) -> bool {
        self.process == other.process && self.is_same(other)
    }
}

/// The history that a server writes: each time a standby takes the place of its primary, or a
/// backup is restored to a point in time, a new one begins, which the server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct History {
    system: i64,
    timeline: i64,
}

impl History {
    /// Whether this one is the past of the other, and no longer goes on.
    pub(super) const fn is_before(self, other: Self) -> bool {
        self.system == other.system && self.timeline < other.timeline
    }

    pub(super) const fn timeline(self) -> i64 {
        self.timeline
    }
}

impl std::fmt::Display for History {
    /// As it is kept in `certlife_feed`: two numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.system, self.timeline)
    }
}

statements! {
    /// What every connection is asked first. `certlife.session` is set by what this crate asks
    /// next: where it is set already, the session is another's.
    SERVER() = "\
        SELECT current_setting('transaction_read_only') = 'on', pg_is_in_recovery(), \
            (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, \
            coalesce(current_setting('certlife.session', true), '') <> '', pg_backend_pid()";

    /// The timeline in use: `pg_control_checkpoint()` has it only after the next checkpoint. A
    /// standby has none. Databases that only speak PostgreSQL's protocol may not have it.
    HISTORY() = "\
        SELECT c.system_identifier, \
            CASE WHEN NOT pg_is_in_recovery() THEN \
                ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END \
        FROM pg_control_system() c";

    /// Of these processes of the server: those that are not there, or have done nothing for a
    /// while. A program that is starved reads answers late, so this is twice as long as an answer
    /// usually takes.
    IDLE(INT4_ARRAY) = "\
        SELECT process FROM unnest($1::integer[]) AS process \
        LEFT JOIN pg_stat_activity a ON a.pid = process \
        WHERE a.pid IS NULL OR (a.state LIKE 'idle%' AND a.state_change < clock_timestamp() - interval '1.5 s')";
}

/// Whether a server has no such function, or keeps it from the role.
pub(super) fn does_not_tell(state: &SqlState) -> bool {
    [
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .contains(state)
}

/// Asks the server which of its processes it has nothing to do for.
pub(super) async fn idle(
    client: &Client,
    processes: &[i32],
) -> Result<Vec<i32>, tokio_postgres::Error> {
    if processes.is_empty() {
        return Ok(Vec::new());
    }
    let rows = client.query(IDLE, &[&processes]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// What a connection answers, and whether its session is used by others as well.
pub(super) async fn ask(client: &Client) -> Result<(Server, bool), tokio_postgres::Error> {
    let server = client.query_typed_one(SERVER, &[]);
    let history = client.query_typed_one(HISTORY, &[]);
    // Both go out at once.
    let (row, history) = tokio::join!(server, history);
    let row = row?;
    let history = match history {
        Ok(row) => {
            let system = row.try_get(0)?;
            let timeline: Option<i64> = row.try_get(1)?;
            timeline.map(|timeline| History { system, timeline })
        }
        Err(error) if error.code().is_some_and(does_not_tell) => None,
        Err(error) => return Err(error),
    };
    let server = Server {
        history,
        started_at: row.try_get(2)?,
        is_read_only: row.try_get(0)?,
        is_standby: row.try_get(1)?,
        process: row.try_get(4)?,
    };
    Ok((server, row.try_get(3)?))
}
