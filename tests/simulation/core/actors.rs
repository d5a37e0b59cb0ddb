//! Dispatchers whose effects are carried out on a store in memory, receivers, and commanders.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;

use super::super::{
    DispatcherOptions, Effect, Goal, Input, Instants, NextAttempt, Sent, Settled, Unrecorded, error,
};
use super::record::Place;
use super::watched::Watched;
use super::world::{Happening, MARGIN, MOST_INPUTS, Mood, World};
use super::{application, away, institution, options};
use crate::delivery::housekeeping::{disable, keep_house};
use crate::delivery::transport::{Response, RetryAfter, SendError};
use crate::lifecycle::action::Command;
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle, ProcessingError};
use crate::store::{
    Actor, Append, Atomicity, Attempt, MemoryStore, Outbox, Request as StoreRequest, Store, Webhook,
};

/// How often a dispatcher keeps house.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(10);

/// A dispatcher.
pub(super) struct Sender {
    pub(super) watched: Watched,
    pub(super) skew: TimeDelta,
    /// In nanoseconds from the start of the world on.
    pub(super) asleep_until: u64,
    options: Arc<DispatcherOptions>,
    /// The timeout that is planned.
    timer: Option<Instant>,
    /// How many inputs it had at this time.
    inputs: (DateTime<Utc>, u32),
}

/// What a dispatcher is given.
pub(super) enum Answer {
    Ready(Input),
    /// What is due, asked for then.
    Due(DateTime<Utc>, Input),
    Sent(Begun, Result<Response, SendError>),
    Woken,
    Timeout,
    Stop,
}

/// A request that was begun.
pub(super) struct Begun {
    attempt: NextAttempt,
    place: Place,
    /// By the clock of its dispatcher.
    at: DateTime<Utc>,
}

/// A request on the wire.
pub(super) struct Request {
    place: Place,
    /// The dispatcher that waits for the answer, if it still does.
    sender: Option<(u64, Begun)>,
}

impl Sender {
    pub(super) fn new(
        now: Instants,
        skew: TimeDelta,
        concurrency: u32,
        goal: Goal,
    ) -> (Self, Vec<Effect>) {
        let options = options(concurrency, HOUSEKEEPING_EVERY);
        let (watched, effects) = Watched::new(now, &options, goal);
        let it = Self {
            watched,
            skew,
            asleep_until: 0,
            options,
            timer: None,
            inputs: (now.wall, 0),
        };
        (it, effects)
    }
}

impl World {
    /// A dispatcher is given something, and what it asks for is begun.
    pub(super) fn give(&mut self, life: u64, answers: Vec<Answer>) {
        let Some(sender) = self.senders.get(&life) else {
            return;
        };
        let now = self.instants(sender.skew);
        let inputs = answers.into_iter().map(|it| input(it, now)).collect();
        let Some(sender) = self.senders.get_mut(&life) else {
            return;
        };
        if sender.inputs.0 != now.wall {
            sender.inputs = (now.wall, 0);
        }
        sender.inputs.1 += 1;
        assert!(sender.inputs.1 < MOST_INPUTS, "{life} spins");
        let effects = sender.watched.give(now, inputs);
        self.carry_out(life, effects);
    }

    pub(super) fn time_out(&mut self, life: u64, at: Instant) {
        let sender = self.senders.get_mut(&life);
        let timer = sender.and_then(|it| it.timer.take_if(|timer| *timer == at));
        if timer.is_some() {
            self.give(life, vec![Answer::Timeout]);
        }
    }

    pub(super) fn carry_out(&mut self, life: u64, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(attempt) => self.send(life, attempt),
                other => self.plan_within(20, Happening::Ask(life, other)),
            }
        }
        let Some(sender) = self.senders.get_mut(&life) else {
            return;
        };
        if sender.watched.is_done() {
            return self.ended(life);
        }
        let timeout = sender.watched.next_timeout();
        if timeout != sender.timer {
            sender.timer = timeout;
            if let Some(at) = timeout {
                self.plan_timeout(life, at);
            }
        }
        if self.is_faulty && self.random.below(150) == 0 {
            self.suspend(life);
        }
    }

    /// A question arrives at the store; it, or the answer, may be lost.
    pub(super) fn ask(&mut self, life: u64, effect: Effect) {
        let Some(sender) = self.senders.get(&life) else {
            return;
        };
        let (skew, options) = (sender.skew, Arc::clone(&sender.options));
        self.steps += if matches!(effect, Effect::KeepHouse) {
            2
        } else {
            1
        };
        let is_lost = self.is_faulty && (self.is_store_away || self.random.percent(3));
        let is_answer_lost = self.is_faulty && self.random.percent(3);
        if is_lost {
            self.record.count("questions lost");
        } else if is_answer_lost {
            self.record.count("answers lost");
        }
        let is_slow =
            matches!(effect, Effect::Claim(_)) && self.is_faulty && self.random.below(100) == 0;
        let fails = is_lost || is_answer_lost;
        let now = self.instants(skew);
        let answer = if is_lost {
            None
        } else {
            self.execute(&effect, skew, now, &options)
        };
        let answer = match answer.filter(|_| !fails) {
            Some(answer) => answer,
            None => Answer::Ready(failed(effect)),
        };
        let most = if is_slow { 6000 } else { 20 };
        self.plan_within(most, Happening::Give(life, answer));
    }

    /// Carries out what a dispatcher asks for.
    fn execute(
        &mut self,
        effect: &Effect,
        skew: TimeDelta,
        now: Instants,
        options: &DispatcherOptions,
    ) -> Option<Answer> {
        let store = self.store.clone();
        let input = match effect {
            Effect::AskDue => {
                let due = store.due().now_or_never()?;
                return Some(Answer::Due(now.wall, Input::Due(Duration::ZERO, due)));
            }
            Effect::Claim(claim) => {
                let batch = store.claim(claim.clone()).now_or_never()?.unwrap();
                self.record.claimed(claim, &batch, skew, self.now());
                Input::Claimed(claim.clone(), Ok(batch))
            }
            Effect::Settle(settlements, health) => {
                let settling = store.settle(now.wall, settlements.clone(), health.clone());
                let counted = settling.now_or_never()?.unwrap();
                for (settlement, counts) in settlements.iter().zip(&counted) {
                    self.record.settled(settlement, *counts);
                }
                Input::Settled(Settled {
                    recorded: settlements.iter().map(|it| it.id).collect(),
                    lost: counted.iter().filter(|it| !**it).count(),
                    ..Settled::default()
                })
            }
            Effect::Disable(disabling) => {
                self.record.count("disabled");
                let disabling = disabling.clone();
                let done = disable(&store, disabling, options.disable_after).now_or_never()?;
                Input::Disabled(done)
            }
            Effect::KeepHouse => {
                let wall = now.wall;
                let clock = move || wall;
                Input::HouseKept(keep_house(&store, &clock, options).now_or_never()?)
            }
            Effect::Send(_) | Effect::Report(_) => unreachable!(),
        };
        Some(Answer::Ready(input))
    }

    fn send(&mut self, life: u64, attempt: NextAttempt) {
        let skew = self.senders[&life].skew;
        let at = self.instants(skew).wall;
        assert!(at <= attempt.claimed_at + MARGIN / 2);
        let place = Place::new(attempt.webhook.id, &attempt.event);
        let begun = Begun { attempt, place, at };
        let request = Request {
            place,
            sender: Some((life, begun)),
        };
        self.plan_within(30, Happening::Arrive(request));
    }

    pub(super) fn arrive(&mut self, request: Request) {
        let Request { place, sender } = request;
        let Some((life, begun)) = sender else {
            // Its sender has given it up.
            return self.record.arrives(place);
        };
        self.steps += 1;
        let mood = self
            .moods
            .get(&place.webhook())
            .copied()
            .unwrap_or(Mood::Well);
        let answer = match mood {
            Mood::Away => Err(SendError::Connect("no route".to_owned())),
            Mood::Silent => {
                if self.random.percent(50) {
                    let late = Request {
                        place,
                        sender: None,
                    };
                    self.plan_within(10_000, Happening::Arrive(late));
                }
                let answer = Err(SendError::Timeout("waiting"));
                return self.plan(3000, Happening::Give(life, Answer::Sent(begun, answer)));
            }
            Mood::Ill => Ok(500),
            Mood::Overloaded => Ok(503),
            Mood::Gone => Ok(410),
            Mood::Well => Ok(204),
        };
        let asks = answer == Ok(503) && self.random.percent(50);
        if let Ok(status) = answer {
            self.record.arrives(place);
            if status == 204 {
                self.record.accepts(place);
            }
        }
        let answer = answer.map(|status| Response {
            status,
            retry_after: asks.then_some(RetryAfter::Delay(Duration::from_secs(2))),
            excerpt: Vec::new(),
        });
        let is_lost = self.is_faulty && self.random.percent(3);
        let answer = if is_lost && answer.is_ok() {
            self.record.count("responses lost");
            Err(SendError::Broken("reset".to_owned()))
        } else {
            answer
        };
        self.plan_within(30, Happening::Give(life, Answer::Sent(begun, answer)));
    }

    /// A command, legal or illegal; its event is recorded for the webhooks that are enabled.
    pub(super) fn command(&mut self) {
        let actor = Actor::administrator("jane").unwrap();
        let request = if self.applications.is_empty() || self.random.percent(25) {
            let number = u64::try_from(self.applications.len()).unwrap();
            let uuid = application(number);
            self.applications.push(uuid);
            let details = ApplicationDetails::new(
                ApplicationId::new(1).unwrap(),
                uuid,
                CertificateTitle::new("Certificate").unwrap(),
                ApplicantEmail::new("john@example.com").unwrap(),
            );
            StoreRequest::submit(institution(), Actor::customer("john").unwrap(), details)
        } else {
            let command = match self.random.below(5) {
                0 | 1 => Command::BeginProcessing,
                2 | 3 => Command::Fail(ProcessingError::new("no template").unwrap()),
                _ => Command::Retry,
            };
            let uuid = *self.random.pick(&self.applications);
            StoreRequest::transition(institution(), actor, uuid, command)
        };
        self.steps += 1;
        let now = self.now();
        let append = vec![Append { request, now }];
        let answers = self.store.append(append, Atomicity::Each).now_or_never();
        if let Some(Ok(receipt)) = answers.unwrap().first() {
            let webhooks = self.store.webhooks(None).now_or_never().unwrap().unwrap();
            let enabled = webhooks.iter().filter(|it| it.endpoint.is_enabled());
            self.record.made(&receipt.event, enabled.map(|it| it.id));
            self.ring();
        }
    }

    /// Something was committed: a dispatcher hears of it, unless that is lost.
    fn ring(&mut self) {
        let lives: Vec<_> = self.senders.keys().copied().collect();
        for life in lives {
            if !self.is_faulty || self.random.percent(90) {
                self.plan(0, Happening::Wake(life));
            }
        }
    }

    pub(super) fn enable(&mut self, webhook: Webhook) {
        let store: MemoryStore = self.store.clone();
        let put = store.put_webhook(webhook).now_or_never();
        assert!(put.unwrap().unwrap().is_done());
        self.ring();
    }
}

fn input(answer: Answer, now: Instants) -> Input {
    match answer {
        Answer::Ready(input) => input,
        Answer::Due(asked_at, Input::Due(_, due)) => {
            let took = (now.wall - asked_at).to_std().unwrap_or_default();
            Input::Due(took, due)
        }
        Answer::Due(_, other) => other,
        Answer::Woken => Input::Woken,
        Answer::Timeout => Input::Timeout,
        Answer::Stop => Input::Stop,
        Answer::Sent(begun, answer) => {
            let took = (now.wall - begun.at).num_milliseconds();
            Input::Sent(Sent {
                attempt: Attempt {
                    at: begun.at,
                    milliseconds: u64::try_from(took).unwrap_or_default(),
                    status: answer.as_ref().ok().map(|it| it.status),
                    error: error(&answer),
                    excerpt: None,
                },
                lease: begun.attempt.lease,
                event_id: begun.place.event_id(),
                webhook: begun.attempt.webhook,
                answer,
                answered_at: now.wall,
            })
        }
    }
}

/// The store has not answered.
fn failed(effect: Effect) -> Input {
    match effect {
        Effect::AskDue => Input::Due(Duration::ZERO, Err(away())),
        Effect::Claim(claim) => Input::Claimed(claim, Err(away())),
        Effect::Settle(settlements, health) => Input::Settled(Settled {
            unrecorded: Some(Unrecorded {
                settlements,
                health,
                error: away(),
            }),
            ..Settled::default()
        }),
        Effect::Disable(_) => Input::Disabled(Err(away())),
        Effect::KeepHouse => Input::HouseKept(Err(away())),
        Effect::Send(_) | Effect::Report(_) => unreachable!(),
    }
}
