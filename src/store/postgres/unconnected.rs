//! Why there is no connection, in the store's terms.

use deadpool::managed::{PoolError, TimeoutType};

use super::connector::NotConnected;
use super::failure::{Failure, is_misconfigured, store_error, whole_words};
use crate::store::StoreError;

impl From<PoolError<NotConnected>> for Failure {
    fn from(error: PoolError<NotConnected>) -> Self {
        // The pool's words about its own objects help no caller.
        let reason = match error {
            PoolError::Backend(error) => return Self::Unsent(not_connected(error)),
            PoolError::Timeout(TimeoutType::Wait) => {
                "all of the store's connections are in use, and none became free in time".to_owned()
            }
            PoolError::Timeout(_) => "cannot connect to PostgreSQL: it does not answer".to_owned(),
            other => format!("cannot connect to PostgreSQL: {other:?}"),
        };
        Self::Unsent(StoreError::unavailable(reason))
    }
}

/// An error while connecting. Whether the tables fit is no part of it: while a dump is being
/// restored, a new connection finds only some of them.
pub(super) fn not_connected(error: NotConnected) -> StoreError {
    let is_lasting = takes_a_person(&error);
    let reason = format!("cannot connect to PostgreSQL: {}", why(&error));
    match error {
        NotConnected::Driver(error) | NotConnected::SetUp(error) => {
            store_error(reason, is_lasting, error)
        }
        _ => StoreError::unusable(is_lasting, reason),
    }
}

/// Whether it takes a person to put it right; of several hosts, whether it does so for each.
fn takes_a_person(error: &NotConnected) -> bool {
    match error {
        NotConnected::Driver(error) | NotConnected::SetUp(error) => is_misconfigured(error),
        NotConnected::SharedSession => true,
        NotConnected::Hosts(hosts) => hosts.iter().all(|(_, error)| takes_a_person(error)),
        _ => false,
    }
}

/// Why there is no connection, in words.
fn why(error: &NotConnected) -> String {
    match error {
        // No row is read or written, so that the message quotes none; it quotes settings.
        NotConnected::Driver(error) | NotConnected::SetUp(error) => whole_words(error),
        NotConnected::NoAnswer(limit) => format!("it does not answer within {limit:?}"),
        NotConnected::ReadOnly { is_standby: true } => "it is a standby".to_owned(),
        NotConnected::ReadOnly { is_standby: false } => {
            "it takes no writes (default_transaction_read_only)".to_owned()
        }
        NotConnected::Writable => {
            "it takes writes, but the URL's target_session_attrs asks for a standby".to_owned()
        }
        NotConnected::Past { timeline, newest } => format!(
            "its history ended (it is on timeline {timeline}, but another server is on timeline {newest}); if the \
             database was set back on purpose, start this program again"
        ),
        NotConnected::TooManyWait(waiting) => format!(
            "{waiting} sessions of this role wait for the synchronous standby already; no more commands are sent until it is back"
        ),
        NotConnected::SharedSession => {
            "the session is shared with others, as by PgBouncer with pool_mode = transaction or statement; use \
             pool_mode = session, or connect to PostgreSQL itself"
                .to_owned()
        }
        NotConnected::Hosts(hosts) => {
            let of_hosts = hosts
                .iter()
                .map(|(name, error)| format!("{name}: {}", why(error)));
            of_hosts.collect::<Vec<_>>().join("; ")
        }
        NotConnected::Over => "the program's runtime has ended".to_owned(),
    }
}
