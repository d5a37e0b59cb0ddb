//! Events that were recorded before, for a webhook that never got them.

use std::ops::ControlFlow;

use super::Engine;
use crate::store::{InstitutionId, Outbox, Replay, StoreError};

/// How far a replay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReplayProgress {
    /// How many deliveries were made, or would be.
    pub deliveries: u64,
    /// How many events were looked at, of all institutions.
    pub looked_at: u64,
    /// Whether those are all that there are.
    pub is_complete: bool,
}

impl<S: Outbox> Engine<S> {
    /// Makes a delivery to a webhook of the institution for each event that it never got: those
    /// of the kinds and times of the [`Replay`], from its [`after`](Replay::after) on. None if the
    /// institution has no such webhook, or none any more. What others commit while it is under way
    /// may be left out.
    ///
    /// It takes many [steps](Outbox::replay), each of them a transaction of its own, and goes on
    /// while others record and deliver. After each step it says how far it is, and ends where the
    /// answer is [`Break`](ControlFlow::Break). What was made stays, so a replay that was cut off
    /// can be asked for again: it makes what is missing.
    ///
    /// Each step looks at [`limit`](Replay::limit) events. All of the feed is read, which takes a
    /// few seconds for a million events.
    ///
    /// ```
    /// # use certificate_lifecycle::{*, engine::Engine, store::*, webhook::*};
    /// # use std::ops::ControlFlow;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?, uuid::Uuid::nil(),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// # let institution = InstitutionId::new("example-university")?;
    /// # let (url, secret) = ("https://example.com/hooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    /// let engine = Engine::new(MemoryStore::new());
    /// engine.scope(&institution, &Actor::customer("john")?).submit(details).await?;
    ///
    /// // Registered afterwards, it would never hear of it.
    /// let id = uuid::uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");
    /// let endpoint = Endpoint::new(url.parse()?, secret.parse()?);
    /// let webhook = Webhook::new(id, institution.clone(), endpoint, SystemClock.now());
    /// engine.store().add_webhook(webhook).await?;
    /// let progress = engine.replay(&institution, Replay::new(id), |_| ControlFlow::Continue(()));
    /// assert_eq!(progress.await?.map(|it| it.deliveries), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replay(
        &self,
        institution: &InstitutionId,
        replay: Replay,
        mut each: impl FnMut(ReplayProgress) -> ControlFlow<()> + Send,
    ) -> Result<Option<ReplayProgress>, StoreError> {
        let (mut progress, mut step) = (ReplayProgress::default(), replay);
        loop {
            let now = self.clock.now();
            let Some(replayed) = self.store.replay(institution, now, step).await? else {
                return Ok(None);
            };
            progress.deliveries += replayed.deliveries;
            progress.looked_at += replayed.looked_at;
            progress.is_complete = replayed.next.is_none();
            if each(progress).is_break() {
                return Ok(Some(progress));
            }
            match replayed.next {
                Some(next) => step.after = next,
                None => return Ok(Some(progress)),
            }
        }
    }
}
