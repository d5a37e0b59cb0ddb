//! How many applications there are, by state and source. Stores count them one by one: where that
//! takes long, a page shows what was counted shortly before, and says when that was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::store::{AnyStore, Count, InstitutionId, StoreError};

/// What is counted in less than this is counted for each page.
const SHORT: Duration = Duration::from_millis(15);

/// For how many times as long as it took, what was counted is shown: counting takes no more than a
/// twentieth of the time.
const LASTS: u32 = 20;

/// How many institutions are known at most.
const KEPT: usize = 1000;

/// What was counted last, for each institution.
#[derive(Default)]
pub(super) struct Counting(Mutex<BTreeMap<InstitutionId, Counted>>);

/// What was counted.
#[derive(Clone)]
pub(super) struct Counted {
    pub(super) counts: Vec<Count>,
    began: Instant,
    took: Duration,
    /// Whether it is being counted anew.
    is_counting: bool,
}

impl Counted {
    /// How long ago it was counted, if that is long enough to be said.
    pub(super) fn age(&self) -> Option<Duration> {
        let age = self.began.elapsed();
        (self.took >= SHORT && age >= Duration::from_secs(1)).then_some(age)
    }
}

impl Counting {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstitutionId, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted last; and whether it is to be counted anew, which one caller is asked for.
    fn last(&self, institution: &InstitutionId) -> Option<(Counted, bool)> {
        let mut all = self.lock();
        let counted = all.get_mut(institution)?;
        if counted.took < SHORT {
            return None;
        }
        let is_old = counted.began.elapsed() >= counted.took.saturating_mul(LASTS);
        let is_first = is_old && !std::mem::replace(&mut counted.is_counting, true);
        Some((counted.clone(), is_first))
    }

    fn keep(&self, institution: InstitutionId, counted: Counted) {
        let mut all = self.lock();
        if all.len() >= KEPT && !all.contains_key(&institution) {
            // They are counted again when they are asked for.
            all.clear();
        }
        all.insert(institution, counted);
    }

    /// How many applications the institution has.
    pub(super) async fn counts(
        self: &Arc<Self>,
        engine: &Engine<AnyStore>,
        institution: &InstitutionId,
    ) -> Result<Counted, StoreError> {
        let Some((counted, is_old)) = self.last(institution) else {
            return self.count(engine, institution).await;
        };
        if is_old {
            let (all, engine) = (Arc::clone(self), engine.clone());
            let institution = institution.clone();
            tokio::spawn(async move {
                if let Err(error) = all.count(&engine, &institution).await {
                    tracing::error!(%error, "applications could not be counted");
                    if let Some(it) = all.lock().get_mut(&institution) {
                        it.is_counting = false;
                    }
                }
            });
        }
        Ok(counted)
    }

    /// Counts, and keeps what was counted.
    async fn count(
        &self,
        engine: &Engine<AnyStore>,
        institution: &InstitutionId,
    ) -> Result<Counted, StoreError> {
        let began = Instant::now();
        let counts = engine.counts(institution).await?;
        let counted = Counted {
            counts,
            began,
            took: began.elapsed(),
            is_counting: false,
        };
        self.keep(institution.clone(), counted.clone());
        Ok(counted)
    }
}

#[cfg(test)]
#[path = "../../tests/unit/counting.rs"]
mod tests;
