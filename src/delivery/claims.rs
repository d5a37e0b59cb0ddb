//! For whom how much is claimed.

use chrono::TimeDelta;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::line::{Line, Readiness};
use super::run::{Answer, Run};
use super::share::shares;
use super::transport::Transport;
use crate::store::{Claim, Due, Outbox};

/// The golden ratio, as a part of 2⁶⁴: its multiples spread evenly, and so does every second,
/// third, … of them. So each webhook has its turn, in whichever of the claims it is.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A webhook that has failed of late, among those that something may be claimed for.
struct Suspect {
    place: usize,
    /// When a request to it was begun last.
    tried_at: Option<Instant>,
    under_way: u32,
    most: u32,
}

impl<S: Outbox, T: Transport> Run<'_, S, T> {
    /// Claims for these webhooks what there is room for, of what is due.
    pub(super) fn claim_for(&mut self, due: &[Due]) {
        let now = self.dispatcher.now();
        let options = &self.dispatcher.options;
        let mut ready = Vec::new();
        let mut suspects = Vec::new();
        let mut next = None;
        let at_rest = Line::default();
        for due in due {
            let line = self.lines.get(&due.webhook).unwrap_or(&at_rest);
            let most = match line.readiness(due, now) {
                Readiness::Now => u32::MAX,
                readiness @ (Readiness::Suspicious | Readiness::Probes) => {
                    let most = match readiness {
                        Readiness::Probes => options.probes().saturating_sub(line.under_way),
                        _ => u32::MAX,
                    };
                    suspects.push(Suspect {
                        place: ready.len(),
                        tried_at: line.tried_at,
                        under_way: line.under_way,
                        most,
                    });
                    0
                }
                Readiness::At(at) => {
                    next = Some(next.map_or(at, |it: chrono::DateTime<_>| it.min(at)));
                    continue;
                }
            };
            ready.push((*due, line.under_way, most));
        }
        for (place, room) in self.rooms_of(suspects) {
            if let Some((.., most)) = ready.get_mut(place) {
                *most = room;
            }
        }
        if let Some(at) = next {
            self.look_in((at - now).max(TimeDelta::milliseconds(1)));
        }
        let free = options.concurrency.saturating_sub(self.under_way);
        let under_way: Vec<_> = ready.iter().map(|(_, has, most)| (*has, *most)).collect();
        let rooms = shares(free, self.turn, &under_way);
        self.turn = self.turn.wrapping_add(free as usize);
        let (mut claims, mut asked) = (Vec::new(), Vec::new());
        for ((due, under_way, most), room) in ready.iter().zip(rooms) {
            let webhook = due.webhook;
            let line = self.lines.entry(webhook).or_default();
            line.allowed = under_way + room;
            let waiting = u32::try_from(line.waiting.len()).unwrap_or(u32::MAX);
            let started = room.min(waiting);
            for _ in 0..started {
                self.start_next(webhook);
            }
            let line = self.lines.entry(webhook).or_default();
            let ahead = if *most == u32::MAX {
                line.ahead(line.allowed)
            } else {
                0
            };
            let wanted = room - started + ahead;
            if wanted > 0 {
                claims.push((webhook, wanted));
                asked.push(*due);
            }
        }
        self.has_more = claims.len() < ready.len();
        self.asked = asked;
        if !claims.is_empty() {
            self.claim(claims);
        }
    }

    /// What those may have at most who have failed of late: half of the room together, shared as
    /// the whole room is. If they are too many for that, whoever has waited longest comes first:
    /// one that has recovered is tried soon, however many others swallow their requests.
    fn rooms_of(&self, mut suspects: Vec<Suspect>) -> impl Iterator<Item = (usize, u32)> {
        let failing = self.lines.values().filter(|it| it.breaker.is_suspicious());
        let under_way: u32 = failing.map(|it| it.under_way).sum();
        let half = (self.dispatcher.options.concurrency / 2).max(1);
        suspects.sort_by_key(|it| it.tried_at);
        let wanted: Vec<_> = suspects.iter().map(|it| (it.under_way, it.most)).collect();
        let rooms = shares(half.saturating_sub(under_way), 0, &wanted);
        suspects.into_iter().map(|it| it.place).zip(rooms)
    }

    pub(super) fn claim(&mut self, wanted: Vec<(Uuid, u32)>) {
        let it = self.dispatcher;
        let claim = Claim {
            now: it.now(),
            lease: it.options.lease(),
            wanted,
            turn: self.claims.wrapping_mul(GOLDEN) >> 32,
        };
        self.claims = self.claims.wrapping_add(1);
        let room: u32 = claim.wanted.iter().map(|(_, room)| room).sum();
        let span = tracing::debug_span!("claim", webhooks = claim.wanted.len(), room);
        let claiming = async move {
            let answer = it.store.claim(claim.clone()).await;
            Answer::LeasedDelivery(claim, answer)
        };
        self.asking = Some(claiming.instrument(span).boxed());
    }
}
