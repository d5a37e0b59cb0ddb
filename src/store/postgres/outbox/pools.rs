//! What the store has for the outbox.

use tokio::sync::mpsc;

use super::DueHints;
use crate::store::postgres::connections::Connections;

/// Connections, and what is known of the queues.
pub(in crate::store::postgres) struct OutboxPools {
    /// For what must be on disk when it is answered.
    pub(in crate::store::postgres) writers: Connections,
    /// For claims and settlements: what is lost of them is sent again.
    pub(in crate::store::postgres) delivering: Connections,
    pub(in crate::store::postgres) hints: DueHints,
    /// Tells others that something may have become due.
    pub(in crate::store::postgres) tell: mpsc::Sender<()>,
}
