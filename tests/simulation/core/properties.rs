//! Properties of the core, over random inputs in legal order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

use super::super::{DispatcherOptions, Effect, Goal, Input, Instants, Refused, Sent, Settled};
use super::super::{Unrecorded, error};
use super::model::ModelStore;
use super::watched::Watched;
use super::{away, options};
use crate::delivery::transport::{Response, SendError};
use crate::store::{Attempt, StoreError};

/// Much longer than a run: housekeeping wakes no core that should have woken by itself.
const NEVER: Duration = Duration::from_secs(1000 * 24 * 60 * 60);

/// The longest that a core leaves alone what is due: a webhook that the store cannot read.
const SLACK: Duration = Duration::from_secs(31);

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The answer to one of the open effects, and which one.
    Answer { place: usize, how: u8 },
    /// So many milliseconds pass, or less if the core has something to do before.
    Pass(u64),
    /// New deliveries for a webhook, and the core hears of them.
    Add { webhook: usize, count: u32 },
    /// The clock jumps by so many milliseconds.
    Jump(i64),
}

/// No answer is a failure.
const WELL: u8 = 0;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (any::<usize>(), 0_u8..12).prop_map(|(place, how)| Step::Answer { place, how }),
        2 => (0_u64..3000).prop_map(Step::Pass),
        1 => (any::<usize>(), 1_u32..30).prop_map(|(webhook, count)| Step::Add { webhook, count }),
        1 => (-4000_i64..4000).prop_map(Step::Jump),
    ];
    prop::collection::vec(step, 0..300)
}

struct Run {
    watched: Watched,
    store: ModelStore,
    options: Arc<DispatcherOptions>,
    start: Instant,
    now: Instants,
    open: Vec<Effect>,
}

impl Run {
    fn new(concurrency: u32, webhooks: u64) -> Self {
        let options = options(concurrency, NEVER);
        let start = Instant::now();
        let now = Instants {
            monotonic: start,
            wall: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
        };
        let (watched, open) = Watched::new(now, &options, Goal::Stop);
        Self {
            watched,
            store: ModelStore::new(webhooks),
            options,
            start,
            now,
            open,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Answer { place, how } => self.answer(place, how),
            Step::Pass(milliseconds) => {
                let until = self.now.monotonic + Duration::from_millis(milliseconds);
                self.pass(until);
            }
            Step::Add { webhook, count } => {
                self.store.add(webhook, count);
                self.give(Input::Woken);
            }
            Step::Jump(milliseconds) => {
                self.now.wall += TimeDelta::milliseconds(milliseconds);
                self.give(Input::Woken);
            }
        }
        if let Some(due_in) = self.store.due_in(self.now.wall) {
            self.watched.check_waking(self.now, due_in, SLACK);
        }
    }

    fn give(&mut self, input: Input) {
        let effects = self.watched.give(self.now, vec![input]);
        self.open.extend(effects);
    }

    /// Time passes until then, or until the core wakes.
    fn pass(&mut self, until: Instant) {
        let wakes_at = self.watched.next_timeout().filter(|it| *it <= until);
        let at = wakes_at.unwrap_or(until).max(self.now.monotonic);
        let passed = at - self.now.monotonic;
        self.now.monotonic = at;
        self.now.wall += TimeDelta::from_std(passed).unwrap();
        if wakes_at.is_some() {
            self.give(Input::Timeout);
        }
    }

    fn answer(&mut self, place: usize, how: u8) {
        if self.open.is_empty() {
            return;
        }
        let place = place % self.open.len();
        let effect = self.open.swap_remove(place);
        let input = self.input(effect, how);
        self.give(input);
    }

    fn input(&mut self, effect: Effect, how: u8) -> Input {
        match effect {
            Effect::AskDue => {
                let answer = if how == 9 {
                    Err(away())
                } else {
                    Ok(self.store.due())
                };
                Input::Due(Duration::from_millis(u64::from(how)), answer)
            }
            Effect::Claim(claim) => {
                let answer = match how {
                    7 => Err(refused()),
                    8 => Err(away()),
                    9 => {
                        self.store.claim(&claim);
                        Err(away())
                    }
                    _ => Ok(self.store.claim(&claim)),
                };
                Input::Claimed(claim, answer)
            }
            Effect::Send(attempt) => {
                let answer = answer(how);
                Input::Sent(Sent {
                    attempt: Attempt {
                        at: self.now.wall,
                        milliseconds: u64::from(how) * 20,
                        status: answer.as_ref().ok().map(|it| it.status),
                        error: error(&answer),
                        excerpt: None,
                    },
                    lease: attempt.lease,
                    event_id: attempt.event.id(),
                    webhook: attempt.webhook,
                    answer,
                    answered_at: self.now.wall,
                })
            }
            Effect::Settle(mut settlements, health) => {
                let mut settled = Settled::default();
                if how == 7
                    && let Some(it) = settlements.pop()
                {
                    settled.refused.push(Refused {
                        delivery: it.id,
                        webhook: None,
                        error: refused(),
                    });
                }
                if how != 8 {
                    settled.lost = self.store.settle(self.now.wall, &settlements, &health);
                }
                if how >= 8 {
                    settled.unrecorded = Some(Unrecorded {
                        settlements,
                        health,
                        error: away(),
                    });
                } else {
                    settled.recorded = settlements.iter().map(|it| it.id).collect();
                }
                Input::Settled(settled)
            }
            Effect::Disable(_) => Input::Disabled(outcome(how)),
            Effect::KeepHouse => Input::HouseKept(outcome(how)),
            Effect::Report(_) => unreachable!(),
        }
    }

    /// All is answered in this way, and time passes where nothing is open, until it holds.
    fn go_on(&mut self, how: u8, is_over: impl Fn(&Self) -> bool) {
        let end = self.now.monotonic + Duration::from_secs(600);
        for _ in 0..100_000 {
            if is_over(self) {
                return;
            }
            assert!(self.now.monotonic < end, "the core sleeps for ever");
            if self.open.is_empty() {
                self.pass(self.start + Duration::from_secs(1_000_000));
            } else {
                self.answer(0, how);
            }
        }
        panic!("the core spins");
    }
}

fn answer(how: u8) -> Result<Response, SendError> {
    let status = match how {
        5 => return Err(SendError::Timeout("waiting")),
        6 => return Err(SendError::Local("no file descriptors".to_owned())),
        7 => 500,
        8 => 503,
        9 => 410,
        _ => 204,
    };
    Ok(Response {
        status,
        retry_after: None,
        excerpt: Vec::new(),
    })
}

fn outcome(how: u8) -> Result<(), StoreError> {
    if how == 9 { Err(away()) } else { Ok(()) }
}

fn refused() -> StoreError {
    StoreError::RefusedByDatabase {
        reason: "a trigger".to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() })]

    /// [`Watched`] checks each effect: the room, one question at a time, and each lease. Here, in
    /// addition: a core with something due wakes; when all is well again, all is delivered or dead.
    #[test]
    fn whatever_happens_the_core_keeps_its_promises_and_all_is_settled_in_the_end(
        steps in steps(),
        concurrency in 1_u32..40,
        webhooks in 1_u64..5,
    ) {
        let mut run = Run::new(concurrency, webhooks);
        run.store.add(0, 20);
        for it in &steps {
            run.take(it);
        }
        run.go_on(WELL, |it| it.store.is_empty());
        run.give(Input::Stop);
        run.go_on(WELL, |it| it.watched.is_done());
        prop_assert!(run.watched.finish().is_ok());
    }

    /// After `Stop` in the middle of anything nothing is claimed or sent, and the core ends: at the
    /// latest when the last lease is over, if outcomes cannot be recorded. Where they can be, it
    /// ends well, unless it had to wait before it tries again, or the time was over before.
    #[test]
    fn a_core_that_is_stopped_ends(
        steps in steps(),
        concurrency in 1_u32..40,
        (after, how) in (any::<usize>(), 0_u8..12),
    ) {
        let mut run = Run::new(concurrency, 3);
        run.store.add(0, 20);
        let (before, later) = steps.split_at(after % (steps.len() + 1));
        for it in before {
            run.take(it);
        }
        run.give(Input::Stop);
        let stopped_at = run.now.monotonic;
        for it in later {
            if !run.watched.is_done() {
                run.take(it);
            }
        }
        let waits = run.watched.is_cut_off();
        run.go_on(how, |it| it.watched.is_done());
        let took = run.now.monotonic.max(stopped_at) - stopped_at;
        let passed = later.iter().map(|it| match it {
            Step::Pass(milliseconds) => *milliseconds,
            _ => 0,
        });
        let most = Duration::from_millis(passed.sum::<u64>());
        let lease = run.options.lease();
        prop_assert!(took <= most + lease, "it ended {took:?} later");
        let is_recorded = how < 8;
        let finished = run.watched.finish();
        prop_assert!(!is_recorded || waits || most >= lease || finished.is_ok());
    }
}
