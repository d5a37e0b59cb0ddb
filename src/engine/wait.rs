//! Waiting for the end of an application.

use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::Engine;
use super::waiting::Reading;
use crate::lifecycle::any::AnyApplication;
use crate::store::{InstitutionId, Store, StoreError};

impl<S: Store> Engine<S> {
    /// Waits until an application is approved, rejected or failed, and answers with it; after the
    /// timeout, with what it is then. None where the institution has none by this identity.
    ///
    /// A failed application counts as one that has ended, until it is retried. One that has ended
    /// already is answered at once.
    ///
    /// However many calls wait, on all clones of this engine, one of them reads the feed for all.
    /// So where the feed stands still (docs/stores.md, "The feed stands still"), the end is noticed
    /// after the timeout only; and so it is while the call that reads is held without being polled,
    /// as in a branch of a `select!` that is not taken. In a task of its own, it never is.
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
    /// [`StoreError`], where the application or the end of the feed cannot be read, or what follows
    /// in the feed cannot for a reason that waiting does not end ([`StoreError::is_lasting`]).
    pub async fn await_final(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
        timeout: Duration,
    ) -> Result<Option<AnyApplication>, StoreError> {
        let waiting = async {
            let wait_for = || self.waiting.wait_for(institution.clone(), uuid);
            let (mut call, mut end) = wait_for();
            loop {
                let (ended, seen) = self.wait(institution, uuid, end).await?;
                if ended.as_ref().is_none_or(|it| it.version() > seen) {
                    return Ok(ended);
                }
                // The feed comes behind: this failure was retried before the application was
                // loaded. A call waits throughout, so the feed is read on from there.
                let again = wait_for();
                drop(std::mem::replace(&mut call, again.0));
                end = again.1;
            }
        };
        match tokio::time::timeout(timeout, waiting).await {
            Ok(ended) => ended,
            Err(_) => self.load(institution, uuid).await,
        }
    }

    /// The end, and the version at which the application was loaded before: an end that is not
    /// newer is none.
    async fn wait(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
        mut end: oneshot::Receiver<AnyApplication>,
    ) -> Result<(Option<AnyApplication>, u64), StoreError> {
        let waiting = &*self.waiting;
        let mut readings = waiting.readings.subscribe();
        // The reading that tells what becomes of the application after it was loaded.
        let mut known = None;
        // An end that the feed has before the application was loaded may be an old one.
        let mut seen = u64::MAX;
        loop {
            let is_new = |it: &Reading| it.is_under_way() && Some(*it) != known;
            let mut reader = tokio::select! {
                biased;
                Ok(ended) = &mut end => return Ok((Some(ended), seen)),
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
                    Some(it) if !it.status().has_ended() => {
                        known = Some(reading);
                        seen = it.version();
                    }
                    ended => return Ok((ended, 0)),
                }
            }
            let Some(Some(follower)) = reader.as_deref_mut() else {
                continue;
            };
            while waiting.reading().is_under_way() {
                if let Ok(ended) = end.try_recv() {
                    return Ok((Some(ended), seen));
                }
                match follower.next().await {
                    Ok(recorded) => waiting.tell(&recorded),
                    Err(error) if error.is_lasting() => {
                        // The next reading answers the others, without its pause.
                        waiting.end();
                        return Err(error);
                    }
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
