//! Time, as the engine and the dispatcher are given it.

use chrono::{DateTime, Utc};

/// What tells the time.
///
/// Any function that returns a time is one: `|| "2026-06-04T10:30:00Z".parse().unwrap()`.
pub trait Clock: Send + Sync + 'static {
    /// The time now. Should it run backwards, histories do not: see
    /// [`Engine`](crate::engine::Engine).
    fn now(&self) -> DateTime<Utc>;
}

impl<F: Fn() -> DateTime<Utc> + Send + Sync + 'static> Clock for F {
    fn now(&self) -> DateTime<Utc> {
        self()
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        std::time::SystemTime::now().into()
    }
}

/// The first whole second that is not before the time, since 1970: events have no others.
pub(in crate::store) fn whole_second(time: DateTime<Utc>) -> i64 {
    time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0)
}
