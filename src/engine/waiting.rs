//! The calls that wait for ends of applications, and share one reading of the feed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turns, oneshot, watch};
use uuid::Uuid;

use super::follower::Follower;
use crate::lifecycle::any::AnyApplication;
use crate::store::{InstitutionId, RecordedEvent};

/// A reading of the feed: it is under way if its number is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reading(u64);

impl Reading {
    pub(super) const fn is_under_way(self) -> bool {
        self.0 % 2 == 1
    }
}

/// The calls that wait for the same feed.
pub(super) struct Waiting {
    calls: Mutex<Calls>,
    /// Who has it reads for all.
    pub(super) reader: Turns<Option<Follower>>,
    pub(super) readings: watch::Sender<Reading>,
}

#[derive(Default)]
struct Calls {
    last: u64,
    by_application: HashMap<Uuid, HashMap<u64, Answer>>,
}

/// How a call of this institution is answered.
struct Answer {
    institution: InstitutionId,
    answer: oneshot::Sender<AnyApplication>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            calls: Mutex::default(),
            reader: Turns::default(),
            readings: watch::Sender::new(Reading::default()),
        }
    }
}

impl Waiting {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reading(&self) -> Reading {
        *self.readings.borrow()
    }

    pub(super) fn begin(&self) {
        self.change(|reading| !reading.is_under_way());
    }

    pub(super) fn end(&self) {
        self.change(Reading::is_under_way);
    }

    fn change(&self, is_due: impl FnOnce(Reading) -> bool) {
        self.readings.send_if_modified(|reading| {
            let is_due = is_due(*reading);
            reading.0 = reading.0.wrapping_add(u64::from(is_due));
            is_due
        });
    }

    /// Answers the calls for an application that has ended.
    pub(super) fn tell(&self, recorded: &RecordedEvent) {
        let event = &recorded.event;
        if !event.kind().status().has_ended() {
            return;
        }
        let ended = self.calls().by_application.remove(&event.uuid());
        let ended = ended.into_iter().flat_map(HashMap::into_values);
        // To a call of another institution, the application does not exist; its own look says so.
        for call in ended.filter(|it| it.institution == recorded.institution) {
            // A call that has come to its timeout needs no answer.
            let _ = call.answer.send(event.application());
        }
    }

    /// Counts a call as waiting, until what is returned is dropped.
    pub(super) fn wait_for(
        &self,
        institution: InstitutionId,
        uuid: Uuid,
    ) -> (Call<'_>, oneshot::Receiver<AnyApplication>) {
        let (answer, answered) = oneshot::channel();
        let answer = Answer {
            institution,
            answer,
        };
        let mut calls = self.calls();
        calls.last = calls.last.wrapping_add(1);
        let number = calls.last;
        let of_application = calls.by_application.entry(uuid).or_default();
        of_application.insert(number, answer);
        drop(calls);
        let call = Call {
            waiting: self,
            uuid,
            number,
        };
        (call, answered)
    }
}

/// A call that waits.
pub(super) struct Call<'w> {
    waiting: &'w Waiting,
    uuid: Uuid,
    number: u64,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut calls = self.waiting.calls();
        if let Some(of_application) = calls.by_application.get_mut(&self.uuid) {
            of_application.remove(&self.number);
            if of_application.is_empty() {
                calls.by_application.remove(&self.uuid);
            }
        }
        // The feed is read as long as a call waits. Then the follower goes as well: with a question
        // that was begun it keeps a connection of the store's.
        let mut follower = None;
        if calls.by_application.is_empty() {
            self.waiting.end();
            let reader = self.waiting.reader.try_lock();
            follower = reader.ok().and_then(|mut it| it.take());
        }
        drop(calls);
        drop(follower);
    }
}
