//! What the receivers' answers say of webhooks: a model of its own, beside the store's.

use std::collections::BTreeMap;
use std::time::Duration;

use certificate_lifecycle::store::{Claim, ClaimedBatch, Due};
use certificate_lifecycle::webhook::{Disabled, DisabledReason};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::progress::Begun;
use crate::record::{Number, Taken};
use crate::world::{
    Circumstances, DISABLE_AFTER, LONGEST_SUSPENSION, MARGIN, SKEW, TIMEOUT, check,
};

/// How long an outcome is on its way to the store, at most: some tries of a store that is away.
const TELLING: TimeDelta = TimeDelta::seconds(2);

/// How long a webhook is left alone that asks for it without saying how long.
const PAUSE: Duration = Duration::from_secs(1);

/// What the answers of all webhooks say.
#[derive(Default)]
pub struct Healths {
    webhooks: BTreeMap<Uuid, Health>,
    /// Until when a receiver asks to be left alone, by the clock of the dispatcher that heard that,
    /// until it has reported it to the store.
    asked: BTreeMap<Begun, DateTime<Utc>>,
    /// What each dispatcher has heard of that itself.
    own: BTreeMap<(Number, Uuid), Own>,
    /// When the answer was given by which each dispatcher goes, in truth.
    looks: BTreeMap<Number, DateTime<Utc>>,
    /// When a dispatcher has looked whether a webhook is to be disabled.
    questions: BTreeMap<(Number, Uuid), DateTime<Utc>>,
}

#[derive(Default)]
struct Health {
    /// When it was made or enabled, in truth.
    enabled_at: DateTime<Utc>,
    /// When a success was recorded last, in truth.
    delivered_at: Option<DateTime<Utc>>,
    /// When a failure was recorded first after that.
    failed_at: Option<DateTime<Utc>>,
    pause: Option<Pause>,
    /// The latest time, by the clock of a dispatcher that has delivered: what was asked for until
    /// then is over.
    over: DateTime<Utc>,
    has_said_gone: bool,
    /// When it was disabled since everything had failed, in truth.
    given_up_at: Option<DateTime<Utc>>,
}

struct Pause {
    until: DateTime<Utc>,
    /// When the store recorded it, in truth.
    reported_at: DateTime<Utc>,
}

/// A pause that a dispatcher was asked for.
struct Own {
    /// By its clock.
    heard_at: DateTime<Utc>,
    until: DateTime<Utc>,
    /// When the store has acknowledged it, in truth.
    reported_at: Option<DateTime<Utc>>,
}

impl Healths {
    fn of(&mut self, webhook: Uuid) -> &mut Health {
        self.webhooks.entry(webhook).or_default()
    }

    /// A webhook was made, or enabled again: it begins in good health.
    pub fn enabled(&mut self, webhook: Uuid, now: DateTime<Utc>) {
        let health = self.of(webhook);
        health.enabled_at = now;
        health.failed_at = None;
        health.pause = None;
        health.given_up_at = None;
    }

    /// A receiver has answered.
    pub fn answers(&mut self, webhook: Uuid, status: u16) {
        self.of(webhook).has_said_gone |= status == 410;
    }

    /// A dispatcher hears that a receiver wants to be left alone, for so long if it says so.
    pub fn asks(&mut self, begun: Begun, asked: Option<Duration>, clock: DateTime<Utc>) {
        let until = clock + asked.unwrap_or(PAUSE);
        self.asked.insert(begun, until);
        let (by, place, _) = begun;
        let own = Own {
            heard_at: clock,
            until,
            reported_at: None,
        };
        self.own.insert((by, place.0), own);
    }

    /// Something was delivered, and that was recorded. A dispatcher whose claim is old need not see
    /// it: what it knows of the webhook's health is as old.
    pub fn delivered(&mut self, webhook: Uuid, taken: Taken, now: DateTime<Utc>) {
        if now - taken.at <= TIMEOUT + MARGIN + TELLING {
            let health = self.of(webhook);
            health.delivered_at = Some(now);
            health.failed_at = None;
        }
    }

    /// The store got whether these succeeded, at this time by the clock of the dispatcher,
    /// and in truth now.
    pub fn reported(
        &mut self,
        clock: DateTime<Utc>,
        outcomes: &[(Begun, Option<Taken>, bool)],
        now: DateTime<Utc>,
    ) {
        for ((_, place, _), _, _) in outcomes.iter().filter(|(_, _, is_success)| *is_success) {
            let health = self.of(place.0);
            health.over = health.over.max(clock);
            health.pause = health.pause.take().filter(|it| it.until > clock);
        }
        for (begun, taken, is_success) in outcomes {
            let asked = self.asked.get(begun).copied();
            let health = self.of(begun.1.0);
            if !is_success {
                health.failed_at = health.failed_at.or(Some(now));
            }
            // A claim before it was enabled has asked for what it was then.
            let is_of_now = taken.is_some_and(|it| it.at > health.enabled_at);
            let Some(until) = asked.filter(|until| is_of_now && *until > health.over) else {
                continue;
            };
            if health.pause.as_ref().is_none_or(|it| it.until < until) {
                health.pause = Some(Pause {
                    until,
                    reported_at: now,
                });
            }
        }
    }

    /// The store has acknowledged the outcomes of these.
    pub fn acknowledged(&mut self, outcomes: &[Begun], now: DateTime<Utc>) {
        for begun in outcomes {
            let (by, place, _) = *begun;
            if let Some(own) = self.own.get_mut(&(by, place.0)) {
                own.reported_at = own.reported_at.or(Some(now));
            }
            self.asked.remove(begun);
        }
    }

    /// The store says what is due: no pause that was reported to it is missing. How many webhooks
    /// have one.
    pub fn shown(&self, due: &[Due]) -> u64 {
        let mut pauses = 0;
        for it in due {
            let pause = self.webhooks.get(&it.webhook);
            let Some(pause) = pause.and_then(|it| it.pause.as_ref()) else {
                continue;
            };
            check(it.not_before >= Some(pause.until), || {
                format!(
                    "{} asked to be left alone until {}, and the store says {:?}",
                    it.webhook, pause.until, it.not_before
                )
            });
            pauses += 1;
        }
        pauses
    }

    /// A dispatcher hears what the store said then.
    pub fn looked(&mut self, by: Number, at: DateTime<Utc>) {
        self.looks.insert(by, at);
    }

    /// A claim was carried out: a dispatcher that was asked for a pause respects it, by its clock,
    /// and so does one that has looked since the store got it. What was asked for before one looked
    /// may be over by the clock of a dispatcher that has delivered since.
    pub fn claimed(&self, by: Number, claim: &Claim, batch: &ClaimedBatch) {
        let Some(looked_at) = self.looks.get(&by) else {
            return;
        };
        for webhook in &batch.webhooks {
            if let Some(own) = self.own.get(&(by, webhook.id)) {
                let is_news = own.reported_at.is_none_or(|it| *looked_at <= it);
                let range = own.heard_at..own.until;
                let respects = claim.now == own.heard_at || !range.contains(&claim.now);
                check(!is_news || respects, || {
                    format!(
                        "{by} claims at {} for {}, which has asked itself to be left alone until {}",
                        claim.now, webhook.id, own.until
                    )
                });
            }
            let pause = self.webhooks.get(&webhook.id);
            let Some(pause) = pause.and_then(|it| it.pause.as_ref()) else {
                continue;
            };
            let knows = *looked_at > pause.reported_at;
            check(!knows || pause.until <= claim.now, || {
                format!(
                    "{by} claims at {} for {}, which asked to be left alone until {}",
                    claim.now, webhook.id, pause.until
                )
            });
        }
    }

    /// A dispatcher asks how a webhook is, to disable it.
    pub fn asked(&mut self, by: Number, webhook: Uuid, now: DateTime<Utc>) {
        self.questions.insert((by, webhook), now);
    }

    /// A dispatcher has disabled a webhook: it had failed everything for long enough when that was
    /// looked at, or has said that it is gone.
    ///
    /// How long is by the clocks of two dispatchers. A success is not always reported at once: one
    /// that knows of no failure tells it once a minute, and knows what there was when it claimed.
    /// And a suspended dispatcher reports its failures later.
    pub fn disabled(
        &mut self,
        by: Number,
        webhook: Uuid,
        disabled: &Disabled,
        circumstances: &Circumstances,
        now: DateTime<Utc>,
    ) {
        let looked_at = self.questions.get(&(by, webhook)).copied();
        let health = self.of(webhook);
        if disabled.reason == DisabledReason::Gone {
            check(health.has_said_gone, || {
                format!("{webhook} was disabled, but has not said that it is gone")
            });
            return;
        }
        let Some(looked_at) = looked_at else {
            panic!("{webhook} was disabled, and no dispatcher has looked");
        };
        health.given_up_at = Some(now);
        let mut slack = SKEW * 2 + (TIMEOUT + MARGIN + TELLING) + TELLING;
        if circumstances.has_suspensions {
            slack += LONGEST_SUSPENSION;
        }
        let from = looked_at - (DISABLE_AFTER - slack);
        let delivered_at = health.delivered_at;
        check(
            delivered_at.is_none_or(|at| at < from || at > looked_at),
            || {
                format!(
                    "{webhook} was disabled for failing ({}) at {looked_at}, but something was delivered at {delivered_at:?}",
                    disabled.detail
                )
            },
        );
    }

    /// When the failures of a webhook began, and when it was disabled for that.
    pub fn failing(&self, webhook: Uuid) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let health = self.webhooks.get(&webhook);
        health.map_or((None, None), |it| (it.failed_at, it.given_up_at))
    }
}
