//! Which webhook may be sent how much.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::options::DispatcherOptions;
use super::effect::NextAttempt;
use super::input::{Instants, Sent};
use super::pacing::Wanted;
use super::webhook_state::{Readiness, Verdict, WebhookState};
use crate::lengths::later;
use crate::share::shares;
use crate::store::{Due, Health, Settlement};

/// The webhooks of which something is to be remembered.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    states: BTreeMap<Uuid, WebhookState>,
    /// How many requests are under way.
    under_way: u32,
    /// How many deliveries were claimed ahead.
    queued: u32,
    /// Where the next distribution of the room begins.
    rotation: usize,
}

/// A webhook that has failed of late, among those that something may be claimed for.
struct Suspect {
    place: usize,
    /// When a request to it was begun last.
    tried_at: Option<Instant>,
    under_way: u32,
    most: u32,
}

/// A webhook that something may be claimed for.
struct Ready {
    due: Due,
    under_way: u32,
    /// The most that may be added.
    most: u32,
}

/// How the room for requests is distributed.
#[derive(Debug, Default)]
pub(super) struct Allotment {
    /// How much is to be claimed for which webhooks.
    pub(super) wanted: Wanted,
    /// What is due to these webhooks, in the same order.
    pub(super) claimed_for: Vec<Due>,
    /// Whether something is due that there is no room for.
    pub(super) has_more: bool,
    /// When the first of the other webhooks is ready.
    pub(super) next: Option<DateTime<Utc>>,
    /// Attempts of deliveries that were claimed ahead.
    pub(super) attempts: Vec<NextAttempt>,
    /// Deliveries whose leases may end before an answer comes.
    pub(super) released: Vec<Settlement>,
}

/// The queued delivery whose turn it is.
pub(super) enum Next {
    None,
    Attempt(NextAttempt),
    /// The lease may end before an answer comes: it and those behind it are given back.
    Late(Vec<Settlement>),
}

/// Whether a lease that was taken then may end before an answer comes.
pub(super) fn is_late(now: Instants, claimed: DateTime<Utc>, margin: Duration) -> bool {
    now.wall > later(claimed, margin / 2)
}

impl Webhooks {
    pub(super) const fn under_way(&self) -> u32 {
        self.under_way
    }

    /// How many deliveries were claimed ahead.
    pub(super) const fn queued(&self) -> u32 {
        self.queued
    }

    /// How many deliveries are under way or queued.
    pub(super) const fn in_hand(&self) -> u32 {
        self.under_way + self.queued
    }

    /// The store's view of all webhooks with something pending. Others may be forgotten.
    pub(super) fn note_due(&mut self, due: &[Due], now: DateTime<Utc>) {
        self.states.retain(|_, state| !state.is_at_rest());
        for due in due {
            let state = self.states.entry(due.webhook).or_default();
            state.note_due(due, now);
        }
    }

    /// The store cannot read this webhook.
    pub(super) fn note_unreadable(&mut self, webhook: Uuid, now: DateTime<Utc>) {
        self.states.entry(webhook).or_default().note_unreadable(now);
    }

    pub(super) fn set_unsaved_health(&mut self, webhook: Uuid, is_unsaved: bool) {
        if let Some(state) = self.states.get_mut(&webhook) {
            state.set_unsaved_health(is_unsaved);
        }
    }

    /// Distributes the room for requests among the webhooks that have something due.
    pub(super) fn allot(
        &mut self,
        now: Instants,
        due: &[Due],
        options: &DispatcherOptions,
    ) -> Allotment {
        let (ready, next) = self.ready(now.wall, due, options);
        let free = options.concurrency.saturating_sub(self.under_way);
        let under_way: Vec<_> = ready.iter().map(|it| (it.under_way, it.most)).collect();
        let rooms = shares(free, self.rotation, &under_way);
        self.rotation = self.rotation.wrapping_add(free as usize);
        let mut allotment = Allotment {
            next,
            ..Allotment::default()
        };
        for (it, room) in ready.iter().zip(rooms) {
            let wanted = self.allot_one(now, it, room, options.margin, &mut allotment);
            if wanted > 0 {
                allotment.wanted.push((it.due.webhook, wanted));
                allotment.claimed_for.push(it.due);
            }
        }
        allotment.has_more = allotment.wanted.len() < ready.len();
        allotment
    }

    /// Gives a webhook so much room. Returns how many deliveries are to be claimed for it.
    fn allot_one(
        &mut self,
        now: Instants,
        ready: &Ready,
        room: u32,
        margin: Duration,
        allotment: &mut Allotment,
    ) -> u32 {
        let webhook = ready.due.webhook;
        let state = self.states.entry(webhook).or_default();
        state.allow(ready.under_way + room);
        let started = room.min(state.queued());
        for _ in 0..started {
            match self.next_attempt(now, webhook, margin) {
                Next::Attempt(attempt) => allotment.attempts.push(attempt),
                Next::Late(released) => allotment.released.extend(released),
                Next::None => break,
            }
        }
        let is_trusted = ready.most == u32::MAX;
        let state = self.states.get(&webhook).filter(|_| is_trusted);
        room - started + state.map_or(0, WebhookState::ahead)
    }

    /// The webhooks that something may be claimed for, and when the next one is ready.
    fn ready(
        &self,
        now: DateTime<Utc>,
        due: &[Due],
        options: &DispatcherOptions,
    ) -> (Vec<Ready>, Option<DateTime<Utc>>) {
        let mut ready = Vec::new();
        let mut suspects = Vec::new();
        let mut next = None;
        let at_rest = WebhookState::default();
        for due in due {
            let state = self.states.get(&due.webhook).unwrap_or(&at_rest);
            let under_way = state.under_way();
            let most = match state.readiness(due, now) {
                Readiness::Now => u32::MAX,
                readiness @ (Readiness::Suspicious | Readiness::Probes) => {
                    let most = match readiness {
                        Readiness::Probes => options.probes().saturating_sub(under_way),
                        _ => u32::MAX,
                    };
                    suspects.push(Suspect {
                        place: ready.len(),
                        tried_at: state.tried_at(),
                        under_way,
                        most,
                    });
                    0
                }
                Readiness::At(at) => {
                    next = Some(next.map_or(at, |it: DateTime<_>| it.min(at)));
                    continue;
                }
            };
            ready.push(Ready {
                due: *due,
                under_way,
                most,
            });
        }
        for (place, room) in self.rooms_of(suspects, options.concurrency) {
            if let Some(it) = ready.get_mut(place) {
                it.most = room;
            }
        }
        (ready, next)
    }

    /// The most that webhooks may have which have failed of late: half of the room together, shared
    /// as the whole room is.
    ///
    /// If they are too many for that, the one that has waited longest comes first. So one that has
    /// recovered is tried soon, however many others swallow their requests.
    fn rooms_of(
        &self,
        mut suspects: Vec<Suspect>,
        concurrency: u32,
    ) -> impl Iterator<Item = (usize, u32)> {
        let failing = self.states.values().filter(|it| it.is_suspicious());
        let under_way: u32 = failing.map(WebhookState::under_way).sum();
        let half = (concurrency / 2).max(1);
        suspects.sort_by_key(|it| it.tried_at);
        let wanted: Vec<_> = suspects.iter().map(|it| (it.under_way, it.most)).collect();
        let rooms = shares(half.saturating_sub(under_way), 0, &wanted);
        suspects.into_iter().map(|it| it.place).zip(rooms)
    }

    /// Takes a claimed delivery. Returns it if there is room for its request now, and queues it
    /// otherwise.
    pub(super) fn admit(&mut self, now: Instants, attempt: NextAttempt) -> Option<NextAttempt> {
        let state = self.states.entry(attempt.webhook.id).or_default();
        let health: Health = attempt.webhook.health;
        state.note_health(health);
        if state.has_room() {
            state.begin(now.monotonic);
            self.under_way += 1;
            return Some(attempt);
        }
        state.enqueue(attempt);
        self.queued += 1;
        None
    }

    /// In place of a request that has ended, the next one to the same webhook.
    pub(super) fn next_attempt(&mut self, now: Instants, webhook: Uuid, margin: Duration) -> Next {
        let Some(state) = self.states.get_mut(&webhook) else {
            return Next::None;
        };
        let Some(attempt) = state.dequeue() else {
            return Next::None;
        };
        self.queued -= 1;
        if is_late(now, attempt.claimed_at, margin) {
            let mut released = vec![attempt.lease.released()];
            released.extend(self.release(webhook));
            return Next::Late(released);
        }
        state.begin(now.monotonic);
        self.under_way += 1;
        Next::Attempt(attempt)
    }

    /// Gives back the queued deliveries of a webhook.
    pub(super) fn release(&mut self, webhook: Uuid) -> impl Iterator<Item = Settlement> + use<> {
        let state = self.states.get_mut(&webhook);
        let queue = state.map(WebhookState::empty_queue).unwrap_or_default();
        self.queued -= u32::try_from(queue.len()).unwrap_or_default();
        queue.into_iter().map(|it| it.lease.released())
    }

    /// Gives back all queued deliveries.
    pub(super) fn release_all(&mut self) -> impl Iterator<Item = Settlement> {
        self.queued = 0;
        let queues = self.states.values_mut().flat_map(WebhookState::empty_queue);
        queues.map(|it| it.lease.released())
    }

    /// A request is over.
    pub(super) fn end(&mut self, webhook: Uuid) {
        self.states.entry(webhook).or_default().end();
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Decides what follows from an attempt.
    pub(super) fn judge(&mut self, sent: &Sent, options: &DispatcherOptions) -> Verdict {
        let state = self.states.entry(sent.webhook.id).or_default();
        state.judge(sent, options)
    }
}
