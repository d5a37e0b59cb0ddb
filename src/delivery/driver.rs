//! Carries out the effects of the core, on a store, a transport and a clock.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::core::{Core, Effect, Goal, Input, Summary};
use super::effects::Effects;
use super::report::report;
use super::telemetry;
use super::transport::Transport;
use crate::store::{Outbox, StoreError};
use crate::waits::{ready, until, wait};

/// Runs until the goal is reached; after `shutdown`, until all outcomes are recorded.
pub(super) async fn run<S: Outbox, T: Transport>(
    effects: Effects<'_, S, T>,
    goal: Goal,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, StoreError> {
    telemetry::describe();
    let (mut sending, mut disabling) = (FuturesUnordered::new(), FuturesUnordered::new());
    // One at a time of each.
    let (mut asking, mut settling, mut keeping) = (None, None, None);
    let mut shutdown = pin!(shutdown.fuse());
    let mut waking = wait(effects.store.commits());
    let mut now = effects.now();
    let mut core = Core::new(now, Arc::clone(effects.options), goal);
    loop {
        while let Some(effect) = core.poll(now) {
            match effect {
                Effect::AskDue => asking = Some(effects.ask_due().boxed()),
                Effect::Claim(claim) => asking = Some(effects.claim(claim).boxed()),
                Effect::Send(attempt) => sending.push(effects.send(attempt).boxed()),
                Effect::Settle(settlements, health) => {
                    settling = Some(effects.settle(settlements, health).boxed());
                }
                Effect::Disable(cause) => disabling.push(effects.disable(cause).boxed()),
                Effect::KeepHouse => keeping = Some(effects.keep_house().boxed()),
                Effect::Report(it) => report(it),
            }
        }
        if core.is_done() {
            return core.finish();
        }
        let input = tokio::select! {
            biased;
            () = &mut shutdown => Input::Stop,
            // The store's answers first: while many requests are under way, one has always ended.
            input = ready(&mut settling) => input,
            input = ready(&mut asking) => input,
            Some(input) = sending.next(), if !sending.is_empty() => input,
            Some(input) = disabling.next(), if !disabling.is_empty() => input,
            input = ready(&mut keeping) => input,
            wake = &mut waking => {
                waking = wait(wake);
                Input::Woken
            }
            () = until(core.next_timeout()) => Input::Timeout,
        };
        now = effects.now();
        let is_sent = matches!(input, Input::Sent(_));
        core.handle(now, input);
        // All requests that have ended are handled together, so that one settlement records them.
        while is_sent && let Some(Some(input)) = sending.next().now_or_never() {
            core.handle(now, input);
        }
    }
}
