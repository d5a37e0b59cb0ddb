//! How a file is opened.

use std::time::Duration;

use crate::setters::setters;
use crate::store::Setup;

/// How much of an acknowledged transition survives what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// Survives a crash of the process, of the machine, and loss of power
    /// (`PRAGMA synchronous = FULL`).
    #[default]
    Full,
    /// Survives a crash of the process; a crash of the machine or loss of power may take back the
    /// last acknowledged transitions, together with their events, never half of one
    /// (`PRAGMA synchronous = NORMAL`). A reader who saw them meanwhile knows more than the
    /// store.
    Normal,
}

/// How a file is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// What an acknowledged transition survives; [`Durability::Full`].
    pub durability: Durability,
    /// How long to wait while another process writes; 30 seconds. At zero, no caller waits; more
    /// than 24 days count as so many.
    pub busy_timeout: Duration,
    /// How often a follower of the feed looks for events of other processes; 100 ms, and never
    /// more often than every millisecond.
    pub poll: Duration,
    /// Whether tables are made and upgraded; both.
    pub setup: Setup,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            busy_timeout: Duration::from_secs(30),
            poll: Duration::from_millis(100),
            setup: Setup::Create,
        }
    }
}

impl SqliteOptions {
    setters! {
        with_durability: durability, Durability;
        with_busy_timeout: busy_timeout, Duration;
        with_poll: poll, Duration;
        with_setup: setup, Setup;
    }
}
