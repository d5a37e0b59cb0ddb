//! Carries out the effects of the core, on a store and a clock.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tracing::Instrument;

use super::core::{Core, Effect, Goal, Input, Summary};
use super::options::ProcessorOptions;
use super::report::report;
use super::running::{Cancel, begin};
use super::telemetry;
use super::work::Worker;
use crate::instants::Instants;
use crate::store::{Clock, StoreError, WorkClaim, WorkLease, WorkQueue, WorkSettlement};
use crate::waits::{ready, until, wait};

/// How often the store is asked at least, since others may commit to it unheard.
const POLL: Duration = Duration::from_millis(500);

/// A store, a clock and a worker.
pub(super) struct Parts<'p, S, W> {
    pub(super) store: &'p S,
    pub(super) clock: &'p dyn Clock,
    pub(super) worker: &'p Arc<W>,
    pub(super) options: &'p Arc<ProcessorOptions>,
}

/// Runs until the goal is reached; after `shutdown`, until all outcomes are recorded.
pub(super) async fn run<S: WorkQueue, W: Worker>(
    parts: Parts<'_, S, W>,
    goal: Goal,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, StoreError> {
    telemetry::describe();
    let mut working = FuturesUnordered::new();
    let mut cancels: HashMap<_, Arc<Cancel>> = HashMap::new();
    // One at a time of each.
    let (mut asking, mut settling, mut renewing, mut counting) = (None, None, None, None);
    let mut shutdown = pin!(shutdown.fuse());
    let mut waking = wait(parts.store.commits().at_most_every(POLL));
    let mut now = parts.now();
    let mut core = Core::new(now, Arc::clone(parts.options), goal);
    loop {
        while let Some(effect) = core.poll(now) {
            match effect {
                Effect::AskDue => asking = Some(parts.ask_due().boxed()),
                Effect::Claim(claim) => asking = Some(parts.claim(claim).boxed()),
                Effect::Start(lease, work) => {
                    let (cancel, end) = begin(parts.worker, *work, parts.options.timeout);
                    cancels.insert(lease, cancel);
                    working.push(end.map(move |ended| (lease, ended)));
                }
                Effect::Cancel(lease, why) => {
                    if let Some(cancel) = cancels.get(&lease) {
                        cancel.send_replace(Some(why));
                    }
                }
                Effect::Renew(leases, until) => {
                    renewing = Some(parts.renew(leases, until).boxed());
                }
                Effect::Settle(settlements) => settling = Some(parts.settle(settlements).boxed()),
                Effect::Count => counting = Some(parts.count().boxed()),
                Effect::Report(it) => report(it),
            }
        }
        if core.is_done() {
            return core.finish();
        }
        let input = tokio::select! {
            biased;
            () = &mut shutdown => Input::Stop,
            input = ready(&mut settling) => input,
            input = ready(&mut renewing) => input,
            Some((lease, ended)) = working.next(), if !working.is_empty() => {
                cancels.remove(&lease);
                Input::Ended(lease, ended)
            }
            input = ready(&mut asking) => input,
            input = ready(&mut counting) => input,
            wake = &mut waking => {
                waking = wait(wake);
                Input::Woken
            }
            () = until(core.next_timeout()) => Input::Timeout,
        };
        now = parts.now();
        let is_end = matches!(input, Input::Ended(..));
        core.handle(now, input);
        // All that has ended is handled together, so that one settlement records it.
        while is_end && let Some(Some((lease, ended))) = working.next().now_or_never() {
            cancels.remove(&lease);
            core.handle(now, Input::Ended(lease, ended));
        }
    }
}

impl<'p, S: WorkQueue, W> Parts<'p, S, W> {
    fn now(&self) -> Instants {
        Instants {
            monotonic: Instant::now().into_std(),
            wall: self.clock.now(),
        }
    }

    fn ask_due(&self) -> impl Future<Output = Input> + Send + use<'p, S, W> {
        let (store, only) = (self.store, self.options.institution.as_ref());
        let start = Instant::now();
        let asking = async move {
            let answer = store.due_work(only).await;
            Input::Due(start.elapsed(), answer)
        };
        asking.instrument(tracing::debug_span!("due"))
    }

    fn claim(&self, claim: WorkClaim) -> impl Future<Output = Input> + Send + use<'p, S, W> {
        let store = self.store;
        let room: u32 = claim.wanted.iter().map(|(_, room)| room).sum();
        let institutions = claim.wanted.len();
        let claiming = async move {
            let answer = store.claim_work(claim.clone()).await;
            Input::Claimed(claim, answer)
        };
        claiming.instrument(tracing::debug_span!("claim", institutions, room))
    }

    fn renew(
        &self,
        leases: Vec<WorkLease>,
        until: DateTime<Utc>,
    ) -> impl Future<Output = Input> + Send + use<'p, S, W> {
        let store = self.store;
        let span = tracing::debug_span!("renew", leases = leases.len());
        let renewing = async move {
            let answer = store.renew_work(leases.clone(), until).await;
            Input::Renewed(leases, answer)
        };
        renewing.instrument(span)
    }

    fn settle(
        &self,
        settlements: Vec<WorkSettlement>,
    ) -> impl Future<Output = Input> + Send + use<'p, S, W> {
        let store = self.store;
        let span = tracing::debug_span!("settle", outcomes = settlements.len());
        let settling = async move {
            let answers = store.settle_work(settlements.clone()).await;
            Input::Settled(settlements, answers)
        };
        settling.instrument(span)
    }

    fn count(&self) -> impl Future<Output = Input> + Send + use<'p, S, W> {
        let (store, only) = (self.store, self.options.institution.as_ref());
        let now = self.clock.now();
        let counting = async move {
            let backlog = store.work_backlog(only).await;
            Input::Counted(backlog.map(|it| telemetry::backlog(&it, now)))
        };
        counting.instrument(tracing::debug_span!("count"))
    }
}
