//! How far every delivery is: a model beside the store's rows, of what was committed.

use std::collections::{BTreeMap, BTreeSet};

use certificate_lifecycle::delivery::{Response, SendError};
use certificate_lifecycle::store::{Delivery, DeliveryStatus, LeasedDelivery, Outcome, Settlement};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::record::{Number, Place, place_of};
use crate::world::{DELAYS, check};

/// How far all deliveries are, those of removed webhooks and pruned ones aside.
#[derive(Default)]
pub struct Progress {
    /// What is pending, and how many attempts were recorded since it last became so.
    pending: BTreeMap<Place, u32>,
    /// What is dead, after how many attempts, and why.
    dead: BTreeMap<Place, (u32, String)>,
    /// What was dead at some time, and may have been sent again since.
    once_dead: BTreeSet<Place>,
    /// What was heard of each request. One dispatcher may have two under way for one place, where
    /// it was abandoned and redelivered meanwhile; where they began at the same time,
    /// either will do.
    heard: BTreeMap<Begun, Vec<Heard>>,
}

/// Who has begun a request, for which place, and when by its clock.
pub type Begun = (Number, Place, DateTime<Utc>);

/// What is heard of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub status: Option<u16>,
    /// What went wrong, as a reason has to name it.
    pub error: Option<String>,
}

impl Heard {
    /// No answer came, and no failure either, until the sender gave up.
    fn nothing() -> Self {
        Self::of(&Err(SendError::Timeout("sending")))
    }

    pub fn of(answer: &Result<Response, SendError>) -> Self {
        match answer {
            Ok(response) => Self {
                status: Some(response.status),
                error: (response.status != 204).then(|| format!("status {}", response.status)),
            },
            Err(error) => Self {
                status: None,
                error: Some(error.to_string()),
            },
        }
    }
}

impl Progress {
    /// An event was recorded, and must reach this webhook.
    pub fn made(&mut self, place: Place) {
        self.pending.insert(place, 0);
    }

    /// A claim was carried out now: it was this one's turn, in truth.
    pub fn claimed(&self, place: Place, claimed: &LeasedDelivery) {
        let attempts = self.pending.get(&place).copied();
        check(attempts == Some(claimed.attempts), || {
            format!(
                "{place:?} is claimed after {} attempts, but pending after {attempts:?}",
                claimed.attempts
            )
        });
        let (webhook, application, _) = place;
        let mut earlier = self.pending.range((webhook, application, 0)..place);
        let open = earlier.next();
        check(open.is_none(), || {
            format!("{place:?} is claimed before {open:?}, which is pending")
        });
    }

    /// A request begins; which one of its dispatcher for that place at that time, by its clock.
    pub fn begins(&mut self, by: Number, place: Place, at: DateTime<Utc>) -> usize {
        let heard = self.heard.entry((by, place, at)).or_default();
        heard.push(Heard::nothing());
        heard.len() - 1
    }

    /// A request has ended, before its sender gave up.
    pub fn ends(&mut self, begun: Begun, which: usize, answer: &Result<Response, SendError>) {
        self.heard.get_mut(&begun).unwrap()[which] = Heard::of(answer);
    }

    /// A settlement counted: it tells of the attempt what was heard, and its outcome is what
    /// follows from that.
    pub fn settled(&mut self, by: Number, place: Place, settlement: &Settlement) {
        let Some(before) = self.pending.get(&place).copied() else {
            panic!("{place:?} was settled, but was not pending");
        };
        let Some(attempt) = &settlement.attempt else {
            // All that is stored there can be sent, so it does not die untried.
            check(settlement.outcome == Outcome::Released, || {
                format!("{place:?} was not tried, but {:?}", settlement.outcome)
            });
            return;
        };
        let heard = self.heard.get(&(by, place, attempt.at));
        let reported = Heard {
            status: attempt.status,
            error: attempt.error.clone(),
        };
        check(heard.is_some_and(|it| it.contains(&reported)), || {
            format!("{place:?}: {reported:?} was reported, but {heard:?} was heard")
        });
        let attempts = before + 1;
        let is_last = attempts as usize == DELAYS.len();
        let follows = match (&settlement.outcome, &reported.error) {
            (Outcome::Delivered, None) => true,
            (Outcome::Dead { reason }, Some(error)) => {
                let count = format!("all {attempts} attempts");
                is_last && reason.contains(&count) && reason.ends_with(error)
            }
            (Outcome::Retry { .. }, Some(_)) => !is_last,
            _ => false,
        };
        check(follows, || {
            let outcome = &settlement.outcome;
            format!("{place:?}: {outcome:?} after {attempts} attempts, and at last {reported:?}")
        });
        match &settlement.outcome {
            Outcome::Delivered => {
                self.pending.remove(&place);
            }
            Outcome::Dead { reason } => self.dies(place, attempts, reason),
            Outcome::Retry { .. } | Outcome::Released => {
                self.pending.insert(place, attempts);
            }
        }
    }

    /// It was made dead by hand.
    pub fn abandoned(&mut self, place: Place, reason: &str) {
        if let Some(attempts) = self.pending.get(&place).copied() {
            self.dies(place, attempts, reason);
        }
    }

    fn dies(&mut self, place: Place, attempts: u32, reason: &str) {
        self.pending.remove(&place);
        self.dead.insert(place, (attempts, reason.to_owned()));
        self.once_dead.insert(place);
    }

    /// It is pending again, if it was not; what was put off begins anew.
    pub fn redelivered(&mut self, place: Place, is_put_off: bool) {
        self.dead.remove(&place);
        let attempts = self.pending.entry(place).or_insert(0);
        if is_put_off {
            *attempts = 0;
        }
    }

    /// A webhook was removed, and nothing of it is pending any more, or dead.
    pub fn removed(&mut self, webhook: Uuid) {
        self.pending.retain(|it, _| it.0 != webhook);
        self.dead.retain(|it, _| it.0 != webhook);
    }

    /// Whether a task that waits for it need not wait any more, or did not at some time.
    pub fn was_dead(&self, place: &Place) -> bool {
        self.once_dead.contains(place)
    }

    /// These are all deliveries that the store has: they are as far as they should be.
    pub fn is_that_of(&self, rows: &[Delivery]) {
        for it in rows {
            let place = place_of(it);
            let (pending, dead) = (self.pending.get(&place), self.dead.get(&place));
            let agrees = match it.status {
                DeliveryStatus::Pending => pending == Some(&it.attempts),
                DeliveryStatus::Dead => dead.is_some_and(|(attempts, reason)| {
                    *attempts == it.attempts && it.reason.as_ref() == Some(reason)
                }),
                DeliveryStatus::Delivered => pending.is_none() && dead.is_none(),
            };
            check(agrees, || {
                format!("{it:?}, but it is pending {pending:?} or dead {dead:?}")
            });
        }
        let unsettled = rows
            .iter()
            .filter(|it| it.status != DeliveryStatus::Delivered);
        let (unsettled, all) = (unsettled.count(), self.pending.len() + self.dead.len());
        check(unsettled == all, || {
            format!("{unsettled} deliveries are pending or dead, but should be {all}")
        });
    }
}
