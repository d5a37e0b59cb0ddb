//! Waiting for the end of an application.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turns, oneshot, watch};
use uuid::Uuid;

use super::{Engine, Follower};
use crate::lifecycle::any::AnyApplication;
use crate::store::{InstitutionId, RecordedEvent, Store, StoreError};

impl<S: Store> Engine<S> {
    /// Waits until an application is approved, rejected or failed, and answers with it; after the
    /// timeout, with what it is then. None where the institution has none by this identity.
    ///
    /// A failed application counts as one that has ended, until it is retried. One that has ended
    /// already is answered at once.
    ///
    /// However many calls wait, on all clones of this engine, one of them reads the feed for all.
    /// So where the feed stands still (docs/stores.md, "The feed stands still"), the end is noticed
    /// after the timeout only.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use certificate_lifecycle::{*, engine::Engine, store::*};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?, uuid::Uuid::nil(),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// # let (uuid, institution) = (details.uuid(), InstitutionId::new("example-university")?);
    /// # let (jane, worker) = (Actor::administrator("jane")?, Actor::system("worker")?);
    /// # let engine = Engine::new(MemoryStore::new());
    /// engine.scope(&institution, &jane).upload(details, VaultUpload::Single).await?;
    /// let (ended, approved) = tokio::join!(
    ///     engine.await_final(&institution, uuid, Duration::from_secs(30)),
    ///     engine.scope(&institution, &worker).approve(uuid),
    /// );
    /// approved?;
    /// assert_eq!(ended?.unwrap().status(), Status::Approved);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError`], where the application cannot be read, or the feed cannot for a reason that
    /// waiting does not end ([`StoreError::is_lasting`]).
    pub async fn await_final(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
        timeout: Duration,
    ) -> Result<Option<AnyApplication>, StoreError> {
        let (_call, end) = self.waiting.wait_for(institution.clone(), uuid);
        let waiting = self.wait(institution, uuid, end);
        match tokio::time::timeout(timeout, waiting).await {
            Ok(ended) => ended,
            Err(_) => self.load(institution, uuid).await,
        }
    }

    async fn wait(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
        mut end: oneshot::Receiver<AnyApplication>,
    ) -> Result<Option<AnyApplication>, StoreError> {
        let waiting = &*self.waiting;
        let mut readings = waiting.readings.subscribe();
        // The reading that tells what becomes of the application after it was loaded.
        let mut known = None;
        loop {
            let is_new = |it: &Reading| it.is_under_way() && Some(*it) != known;
            let mut reader = tokio::select! {
                biased;
                Ok(ended) = &mut end => return Ok(Some(ended)),
                reader = waiting.reader.lock() => Some(reader),
                Ok(_) = readings.wait_for(is_new) => None,
            };
            if let Some(follower) = &mut reader
                && !waiting.reading().is_under_way()
            {
                **follower = Some(self.follow(self.feed_end().await?));
                waiting.begin();
            }
            let reading = waiting.reading();
            if known != Some(reading) {
                match self.load(institution, uuid).await? {
                    Some(it) if !it.status().has_ended() => known = Some(reading),
                    ended => return Ok(ended),
                }
            }
            let Some(Some(follower)) = reader.as_deref_mut() else {
                continue;
            };
            while waiting.reading().is_under_way() {
                if let Ok(ended) = end.try_recv() {
                    return Ok(Some(ended));
                }
                match follower.next().await {
                    Ok(recorded) => waiting.tell(&recorded),
                    Err(error) if error.is_lasting() => return Err(error),
                    // What cannot be read is left out, and each application is looked at again.
                    Err(StoreError::Corrupt { .. } | StoreError::CursorBeyondEnd { .. }) => {
                        waiting.end();
                    }
                    // The follower waits before it asks again.
                    Err(_) => {}
                }
            }
        }
    }
}

/// A reading of the feed: it is under way if its number is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Reading(u64);

impl Reading {
    const fn is_under_way(self) -> bool {
        self.0 % 2 == 1
    }
}

/// The calls that wait for the same feed.
#[derive(Default)]
pub(super) struct Waiting {
    calls: Mutex<Calls>,
    /// Who has it reads for all.
    reader: Turns<Option<Follower>>,
    readings: watch::Sender<Reading>,
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

impl Waiting {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> Reading {
        *self.readings.borrow()
    }

    fn begin(&self) {
        self.change(|reading| !reading.is_under_way());
    }

    fn end(&self) {
        self.change(|reading| reading.is_under_way());
    }

    fn change(&self, is_due: impl FnOnce(Reading) -> bool) {
        self.readings.send_if_modified(|reading| {
            let is_due = is_due(*reading);
            reading.0 = reading.0.wrapping_add(u64::from(is_due));
            is_due
        });
    }

    /// Answers the calls for an application that has ended.
    fn tell(&self, recorded: &RecordedEvent) {
        let event = &recorded.event;
        if !event.kind().status().has_ended() {
            return;
        }
        let ended = self.calls().by_application.remove(&event.uuid());
        let ended = ended.into_iter().flat_map(HashMap::into_values);
        // To another institution, the application does not exist, and it is about to be answered so.
        for call in ended.filter(|it| it.institution == recorded.institution) {
            // A call that has come to its timeout needs no answer.
            let _ = call.answer.send(event.application());
        }
    }

    /// Counts a call as waiting, until what is returned is dropped.
    fn wait_for(
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
struct Call<'w> {
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
        // The feed is read as long as a call waits.
        if calls.by_application.is_empty() {
            self.waiting.end();
        }
    }
}
