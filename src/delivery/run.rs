//! One run of a dispatcher: what is under way, and what comes next.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::chores::housekeeping;
use super::dispatcher::{Dispatcher, Summary};
use super::line::Line;
use super::recording::{Settled, is_about_one};
use super::send::Sent;
use super::telemetry;
use super::transport::Transport;
use crate::store::{
    Claim, ClaimedBatch, CommitWatch, DeliveryId, Due, HealthChange, Outbox, Settlement, StoreError,
};

/// How long small groups of free places are gathered before something is claimed for them.
pub(super) const GATHER: TimeDelta = TimeDelta::milliseconds(2);

/// For how long what is known of busy webhooks is known well enough.
const FRESH: Duration = Duration::from_millis(5);

/// For longer where the store takes long to tell: so many times as long, and at most this.
const WORTH: u32 = 16;
const STALE: Duration = Duration::from_millis(100);

/// How long a webhook is left alone that the store cannot read.
const UNREADABLE: TimeDelta = TimeDelta::seconds(30);

/// How long a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Until it is told to stop.
    Stop,
    /// Also until nothing is pending.
    Idle,
    /// It was told to stop.
    Finish,
}

/// What was pending when the store was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// Something, or that is unknown.
    Some,
    /// Only deliveries whose outcomes the database refuses.
    Refused,
    Nothing,
}

/// An answer of the store about what to do next.
pub(super) enum Answer {
    /// With the time that it took.
    Due(Duration, Result<Vec<Due>, StoreError>),
    LeasedDelivery(Claim, Result<ClaimedBatch, StoreError>),
}

pub(super) struct Run<'d, S, T> {
    pub(super) dispatcher: &'d Dispatcher<S, T>,
    pub(super) goal: Goal,
    pending: Pending,
    pub(super) lines: BTreeMap<Uuid, Line>,
    pub(super) under_way: u32,
    /// How many deliveries were claimed ahead.
    pub(super) waiting: u32,
    pub(super) sending: FuturesUnordered<BoxFuture<'d, Sent>>,
    pub(super) finished: Vec<Settlement>,
    pub(super) health: BTreeMap<Uuid, HealthChange>,
    pub(super) settling: Option<BoxFuture<'d, Settled>>,
    /// The webhooks whose health is being told.
    pub(super) telling: Vec<Uuid>,
    /// The webhooks whose health was told while the store was asked: its answer may be older.
    pub(super) told: Vec<Uuid>,
    pub(super) asking: Option<BoxFuture<'d, Answer>>,
    /// Claims to be made one by one, since one of them could not be read.
    alone: Vec<(Uuid, u32)>,
    pub(super) chores: FuturesUnordered<BoxFuture<'d, Result<(), StoreError>>>,
    /// The housekeeping, one at a time.
    keeping: Option<BoxFuture<'d, Result<(), StoreError>>>,
    /// When to look for something due.
    pub(super) look_at: Option<Instant>,
    /// Until when nothing is looked for, whatever may be due: the last claim came late.
    pub(super) held_until: Option<Instant>,
    /// How many claims in a row came late.
    pub(super) late: u32,
    /// When to record outcomes again, where the store is away.
    pub(super) settle_at: Option<Instant>,
    /// Whether the last outcomes could not be recorded.
    pub(super) is_cut_off: bool,
    /// The deliveries whose outcomes the database refuses, each with its webhook, if that is known.
    pub(super) refused: BTreeMap<DeliveryId, Option<Uuid>>,
    /// The last of these refusals.
    pub(super) refusal: Option<StoreError>,
    /// How many attempts of a delivery are missing in the store, since the database refuses them.
    pub(super) uncounted: BTreeMap<DeliveryId, u32>,
    /// Whether there was more to claim than there was room for.
    pub(super) has_more: bool,
    /// The webhooks that something was last claimed for.
    pub(super) asked: Vec<Due>,
    /// Those of them that had more than there was room for.
    pub(super) hot: Vec<Due>,
    /// When the store was last asked what is due.
    seen_at: Option<Instant>,
    /// For how long its answer is good enough where webhooks are busy.
    fresh: Duration,
    /// How many were under way or waiting after the last claim.
    pub(super) mark: u32,
    pub(super) turn: usize,
    /// How many claims there were.
    pub(super) claims: u64,
    /// How often in a row the store was asked in vain.
    pub(super) failures: u32,
    pub(super) summary: Summary,
}

impl<'d, S: Outbox, T: Transport> Run<'d, S, T> {
    pub(super) fn new(dispatcher: &'d Dispatcher<S, T>, goal: Goal) -> Self {
        telemetry::describe();
        Self {
            dispatcher,
            goal,
            pending: Pending::Some,
            lines: BTreeMap::new(),
            under_way: 0,
            waiting: 0,
            sending: FuturesUnordered::new(),
            finished: Vec::new(),
            health: BTreeMap::new(),
            settling: None,
            telling: Vec::new(),
            told: Vec::new(),
            asking: None,
            alone: Vec::new(),
            chores: FuturesUnordered::new(),
            keeping: None,
            look_at: Some(Instant::now()),
            held_until: None,
            late: 0,
            settle_at: None,
            is_cut_off: false,
            refused: BTreeMap::new(),
            refusal: None,
            uncounted: BTreeMap::new(),
            has_more: false,
            asked: Vec::new(),
            hot: Vec::new(),
            seen_at: None,
            fresh: FRESH,
            mark: 0,
            turn: 0,
            claims: 0,
            failures: 0,
            summary: Summary::default(),
        }
    }

    pub(super) async fn run(
        mut self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, StoreError> {
        let mut shutdown = pin!(shutdown);
        let mut waking = wait(self.dispatcher.store.commits());
        // Also by a run that ends as soon as nothing is pending: there may be no other.
        self.keeping = Some(self.housekeeping());
        let mut housekeeping_at = self.next_housekeeping();
        let mut give_up_at = None;
        loop {
            self.start_settling();
            self.start_asking();
            if self.is_over() {
                return Ok(self.summary);
            }
            if let Some(refusal) = self.only_refused() {
                return Err(refusal);
            }
            tokio::select! {
                biased;
                () = &mut shutdown, if self.goal != Goal::Finish => {
                    self.goal = Goal::Finish;
                    let webhooks: Vec<_> = self.lines.keys().copied().collect();
                    for webhook in webhooks {
                        self.release(webhook);
                    }
                    give_up_at = Some(Instant::now() + duration(self.dispatcher.options.lease()));
                }
                settled = ready(&mut self.settling) => self.settled(settled)?,
                Some(sent) = self.sending.next(), if !self.sending.is_empty() => {
                    self.sent(sent);
                    while let Some(Some(sent)) = self.sending.next().now_or_never() {
                        self.sent(sent);
                    }
                }
                answer = ready(&mut self.asking) => {
                    self.answered(answer)?;
                    self.forget_told();
                }
                Some(done) = self.chores.next(), if !self.chores.is_empty() => done_or_told(done),
                done = ready(&mut self.keeping) => done_or_told(done),
                wake = &mut waking => {
                    waking = wait(wake);
                    self.look();
                }
                () = until(self.held_until.or(self.look_at)),
                    if self.asking.is_none() && self.goal != Goal::Finish && !self.is_behind() => {}
                () = until(self.settle_at) => self.settle_at = None,
                () = tokio::time::sleep_until(housekeeping_at),
                    if self.keeping.is_none() && self.goal != Goal::Finish => {
                    housekeeping_at = self.next_housekeeping();
                    self.keeping = Some(self.housekeeping());
                }
                () = until(give_up_at) => return Err(StoreError::Unavailable {
                    reason: "the last outcomes could not be recorded".to_owned(),
                    cause: None,
                }),
            }
        }
    }

    /// Whether nothing is left to do.
    fn is_over(&self) -> bool {
        let is_done = match self.goal {
            Goal::Stop => false,
            Goal::Idle => self.pending == Pending::Nothing && self.keeping.is_none(),
            Goal::Finish => true,
        };
        !self.is_busy() && is_done
    }

    /// Why a run until nothing is pending cannot get there, if it has nothing else left to do.
    fn only_refused(&mut self) -> Option<StoreError> {
        let is_stuck = self.goal == Goal::Idle && self.pending == Pending::Refused;
        if is_stuck && self.keeping.is_none() && !self.is_busy() {
            self.refusal.take()
        } else {
            None
        }
    }

    fn is_busy(&self) -> bool {
        self.waiting > 0
            || !self.sending.is_empty()
            || !self.finished.is_empty()
            || self.settling.is_some()
            || self.asking.is_some()
            || !self.chores.is_empty()
    }

    /// Something may be due.
    pub(super) fn look(&mut self) {
        if self.pending == Pending::Refused {
            self.pending = Pending::Some;
        }
        self.look_at = Some(Instant::now());
    }

    pub(super) fn look_in(&mut self, delay: TimeDelta) {
        let at = Instant::now() + duration(delay);
        self.look_at = Some(self.look_at.map_or(at, |it| it.min(at)));
    }

    fn next_housekeeping(&self) -> Instant {
        Instant::now() + duration(self.dispatcher.options.chores_every)
    }

    fn housekeeping(&self) -> BoxFuture<'d, Result<(), StoreError>> {
        let it = self.dispatcher;
        housekeeping(&it.store, &*it.clock, &it.options).boxed()
    }

    fn start_asking(&mut self) {
        if self.asking.is_some() || self.goal == Goal::Finish || self.is_behind() {
            return;
        }
        let now = Instant::now();
        if self.held_until.is_some_and(|until| now < until) {
            return;
        }
        self.held_until = None;
        if let Some(wanted) = self.alone.pop() {
            self.asked.clear();
            return self.claim(vec![wanted]);
        }
        if self.look_at.is_none_or(|at| at > now) {
            return;
        }
        self.look_at = None;
        let hot = std::mem::take(&mut self.hot);
        let is_fresh = |at| now.duration_since(at) < self.fresh;
        if !hot.is_empty() && self.seen_at.is_some_and(is_fresh) {
            // They had more a moment ago; the others are looked at in a moment.
            self.look_at = Some(now + self.fresh);
            self.claim_for(&hot);
            if self.asking.is_none() {
                self.hot = hot;
            }
            return;
        }
        self.seen_at = Some(now);
        let it = self.dispatcher;
        let asking = async move {
            let answer = it.store.due().await;
            Answer::Due(now.elapsed(), answer)
        };
        let asking = asking.instrument(tracing::debug_span!("due"));
        self.asking = Some(asking.boxed());
    }

    fn answered(&mut self, answer: Answer) -> Result<(), StoreError> {
        match answer {
            // What is to be finished is under way already.
            Answer::Due(..) if self.goal == Goal::Finish => {}
            Answer::Due(took, Ok(due)) => {
                self.fresh = (took * WORTH).clamp(FRESH, STALE);
                self.due(&due);
            }
            Answer::Due(_, Err(error)) => {
                self.pending = Pending::Some;
                let delay = self.failed(&error, "what is due cannot be read")?;
                self.hold(delay);
            }
            Answer::LeasedDelivery(claim, Ok(batch)) => {
                self.failures = 0;
                self.claimed(&claim, batch);
            }
            Answer::LeasedDelivery(claim, Err(error)) if is_about_one(&error) => {
                // The others need not suffer.
                if let [(id, _)] = *claim.wanted {
                    // What is corrupt may quote its URL. Who asks for the webhook sees it.
                    let why = match error {
                        StoreError::Corrupt { row, .. } => format!("{row} is corrupt"),
                        refused => refused.to_string(),
                    };
                    tracing::error!(webhook = %id, why, "webhook cannot be served");
                    let until = self.dispatcher.now() + UNREADABLE;
                    self.lines.entry(id).or_default().unreadable_until = Some(until);
                } else {
                    self.alone = claim.wanted;
                }
                self.look();
            }
            Answer::LeasedDelivery(_, Err(error)) => {
                let delay = self.failed(&error, "nothing can be claimed")?;
                self.hold(delay);
            }
        }
        Ok(())
    }

    /// What is due, and when: something is claimed, or the next look has a time.
    fn due(&mut self, due: &[Due]) {
        self.pending = if due.is_empty() {
            self.refused.clear();
            self.uncounted.clear();
            Pending::Nothing
        } else if self.is_stuck_with(due) {
            Pending::Refused
        } else {
            Pending::Some
        };
        self.lines.retain(|_, line| !line.is_at_rest());
        let now = self.dispatcher.now();
        for due in due {
            let line = self.lines.entry(due.webhook).or_default();
            // What is yet to be told counts beside what the store was told by others.
            line.health.not_before = if line.has_unsaved_health {
                line.health.not_before.max(due.not_before)
            } else {
                due.not_before
            };
            // Also where the clock was set back meanwhile.
            let is_yet = |until: &DateTime<Utc>| now < *until && *until - now <= UNREADABLE;
            line.unreadable_until = line.unreadable_until.filter(is_yet);
        }
        self.claim_for(due);
        if self.asking.is_none() {
            // Whether something can be claimed is not known before somebody tries.
            self.failures = 0;
        }
    }
}

/// The next commit, or the time to look for one.
fn wait(mut wake: CommitWatch) -> BoxFuture<'static, CommitWatch> {
    async move {
        wake.wait().await;
        wake
    }
    .boxed()
}

/// What the future gives, once there is one.
async fn ready<T>(slot: &mut Option<BoxFuture<'_, T>>) -> T {
    match slot {
        Some(future) => {
            let value = future.await;
            *slot = None;
            value
        }
        None => std::future::pending().await,
    }
}

/// The time, once there is one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

pub(super) fn duration(delay: TimeDelta) -> Duration {
    // What lies in the past is now.
    delay.to_std().unwrap_or_default()
}

fn done_or_told(done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::warn!(error = %error, "a chore of the dispatcher failed");
    }
}
