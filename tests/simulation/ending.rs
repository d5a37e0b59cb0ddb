//! The end of a world: nothing goes wrong any more, and all is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{DisabledReason, EventKinds};
use certificate_lifecycle::*;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::driver::{Actors, Outcome, join};
use crate::receivers::Mood;
use crate::record::place_of;
use crate::world::{DISABLE_AFTER, HOUSEKEEPING_EVERY, SKEW, TIMEOUT, check};

/// The moods of receivers that nothing gets through to.
const HOPELESS: [Mood; 4] = [Mood::Ill, Mood::Overloaded, Mood::Silent, Mood::Away];

impl Actors {
    /// What is left is delivered, and all is checked.
    pub async fn end(self) -> Outcome {
        // The sender of what is still on its way to the store has crashed, or given up.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.world.heal();
        self.moods.recover();
        for webhook in self.store.webhooks(None).await.unwrap() {
            self.enable(webhook).await;
        }
        if self.world.circumstances.is_long {
            self.hopeless().await;
        }
        let (dispatcher, _) = self.dispatcher(TimeDelta::zero());
        let done = dispatcher.run_until_idle(std::future::pending());
        let done = tokio::time::timeout(Duration::from_secs(3600), done).await;
        check(done.is_ok_and(|it| it.is_ok()), || {
            "something is pending for ever".to_owned()
        });
        // What is still on the wire.
        tokio::time::sleep(Duration::from_secs(20)).await;
        self.each_command_had_its_effect_once().await;
        self.all_is_delivered_or_dead().await;
        self.only_the_dead_are_kept().await;
        let (steps, trace) = (self.world.steps(), self.world.record().traced());
        let counts = self.world.record().counts.clone();
        Outcome {
            steps,
            trace,
            counts,
        }
    }

    async fn enable(&self, mut webhook: Webhook) {
        if webhook.endpoint.disabled.take().is_some() {
            self.world.count("webhooks disabled");
            self.put(webhook).await;
        }
    }

    /// A webhook that fails everything is disabled when it has for long enough, and no other is:
    /// also not one that recovers at about that time, unless it was disabled before.
    async fn hopeless(&self) {
        let id = self.add_webhook_for(EventKinds::ALL).await;
        let (mood, recovers_after) = self.world.random(|it| {
            let milliseconds = 33_000 + it.below(15_000).cast_signed();
            let recovers = it.percent(60);
            // A commander that waits for an answer then knows of the failures only.
            let is_silent = recovers && it.percent(70);
            let mood = if is_silent {
                Mood::Silent
            } else {
                *it.pick(&HOPELESS)
            };
            (
                mood,
                recovers.then_some(TimeDelta::milliseconds(milliseconds)),
            )
        });
        self.moods.set(id, mood);
        let (mut stops, mut running) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let (dispatcher, life) = self.dispatcher(self.skew());
            let (stop, reported) = oneshot::channel::<()>();
            stops.push(stop);
            running.push(tokio::spawn(life.live(async move {
                let reported = async {
                    let _ = reported.await;
                };
                dispatcher.run(reported).await
            })));
        }
        // Clocks differ; something is tried every three seconds, and takes as long.
        let (earliest, latest) = (DISABLE_AFTER - SKEW * 2, DISABLE_AFTER + SKEW * 2);
        let latest = latest + TIMEOUT + TimeDelta::seconds(8);
        let webhooks = self.store.webhooks(None).await.unwrap();
        let webhook = webhooks.into_iter().find(|it| it.id == id);
        let institution = webhook.unwrap().institution;
        let start = self.world.now();
        while self.world.now() - start < latest + TimeDelta::seconds(2) {
            self.world.pause(2000).await;
            self.submit(&institution).await;
            if recovers_after.is_some_and(|it| self.world.now() - start > it) {
                self.moods.recover();
            }
        }
        drop(stops);
        for it in running {
            join(it).await.unwrap();
        }
        let (failed_at, given_up_at) = self.world.record().health.failing(id);
        if recovers_after.is_none() {
            let took = given_up_at.zip(failed_at).map(|(end, start)| end - start);
            check(
                took.is_some_and(|it| (earliest..latest).contains(&it)),
                || format!("{id} is {mood:?}, and was disabled after {took:?}"),
            );
        }
        self.world.count(match (recovers_after, given_up_at) {
            (None, _) => "hopeless webhooks disabled",
            (Some(_), Some(_)) => "webhooks disabled before they recovered",
            (Some(_), None) => "webhooks recovered before they were disabled",
        });
        self.only_the_hopeless_is_disabled(id, given_up_at.is_some())
            .await;
        self.moods.recover();
    }

    /// No webhook is disabled but the hopeless one, if it is; and all are enabled again.
    async fn only_the_hopeless_is_disabled(&self, hopeless: Uuid, is_disabled: bool) {
        for webhook in self.store.webhooks(None).await.unwrap() {
            let disabled = webhook.endpoint.disabled.as_ref();
            let is_failing = disabled.is_some_and(|it| it.reason == DisabledReason::Failing);
            let is_given_up = webhook.id == hopeless && is_disabled;
            check(is_failing == is_given_up, || {
                format!("{} is well, but disabled: {disabled:?}", webhook.id)
            });
            self.enable(webhook).await;
        }
    }

    async fn submit(&self, institution: &InstitutionId) {
        let uuid = self.world.random(crate::random::Random::uuid);
        let details = ApplicationDetails::new(
            ApplicationId::new(1).unwrap(),
            uuid,
            CertificateTitle::new("Certificate of Patience").unwrap(),
            ApplicantEmail::new("john@example.com").unwrap(),
        );
        let actor = Actor::customer("john").unwrap();
        let request = Request::submit(institution.clone(), actor, details);
        let engine = self.engine(TimeDelta::zero());
        self.command(&engine, request).await;
    }

    /// The events are those of the commands that were carried out, and each history runs forwards.
    async fn each_command_had_its_effect_once(&self) {
        let events = self.store.feed(Cursor::START, u32::MAX).await.unwrap();
        let record = self.world.record();
        record.outcomes.made(&events);
        let mut last: BTreeMap<Uuid, (u64, DateTime<Utc>)> = BTreeMap::new();
        for RecordedEvent {
            event, institution, ..
        } in &events
        {
            let (uuid, version) = (event.uuid(), event.version());
            let is_known = record.events.get(&event.id()) == Some(&(uuid, version));
            let is_of = record.institutions.get(&uuid);
            check(
                is_known && is_of.is_some_and(|it| it == institution.as_str()),
                || format!("no command has caused {event:?} of {institution}"),
            );
            let before = last.insert(uuid, (version, event.timestamp()));
            let (before, then) = before.unwrap_or_default();
            check(version == before + 1 && then <= event.timestamp(), || {
                format!("{event:?} comes after version {before}, of {then}")
            });
        }
    }

    /// Each event was delivered to each subscriber that is still there, or is dead with a reason.
    async fn all_is_delivered_or_dead(&self) {
        let mut found = BTreeSet::new();
        let rows = self.all_deliveries().await;
        self.world.record().progress.is_that_of(&rows);
        for it in rows {
            let place = place_of(&it);
            let mut record = self.world.record();
            check(record.expected.contains(&place), || {
                format!("{place:?} too many")
            });
            let is_over = match it.status {
                DeliveryStatus::Pending => false,
                DeliveryStatus::Delivered => record.accepted.contains_key(&place),
                DeliveryStatus::Dead => true,
            };
            check(is_over, || {
                format!("{place:?} is {} and has not arrived", it.status)
            });
            record.count(it.status.as_str());
            found.insert(place);
        }
        let record = self.world.record();
        for place in &record.pruned {
            check(record.accepted.contains_key(place), || {
                format!("{place:?} was pruned and has not arrived")
            });
            check(!found.contains(place), || {
                format!("{place:?} was pruned and is there")
            });
        }
        for place in &record.expected {
            let is_removed = record.removed.contains_key(&place.0);
            let is_known = found.contains(place) || record.pruned.contains(place);
            check(is_removed || is_known, || {
                format!("{place:?} was never made, or is lost")
            });
            check(!is_removed || !found.contains(place), || {
                format!("{place:?} is there, but its webhook is not")
            });
        }
    }

    /// When the retention has passed, what was delivered is gone, and what is dead is there.
    async fn only_the_dead_are_kept(&self) {
        let is_dead = |it: &Delivery| it.status == DeliveryStatus::Dead;
        let before = self.all_deliveries().await;
        let dead: Vec<_> = before.into_iter().filter(is_dead).collect();
        let (dispatcher, _) = self.dispatcher(TimeDelta::zero());
        let retention = self.world.circumstances.retention;
        let long = (retention + SKEW + HOUSEKEEPING_EVERY * 2)
            .to_std()
            .unwrap();
        dispatcher.run(tokio::time::sleep(long)).await.unwrap();
        let left = self.all_deliveries().await;
        check(left == dead, || {
            let (left, dead) = (left.len(), dead.len());
            format!("{left} deliveries are kept, of which {dead} were dead")
        });
        let oldest = self.world.now() - retention - HOUSEKEEPING_EVERY - TimeDelta::seconds(1);
        for it in &left {
            let attempts = self.store.attempts(&it.institution, it.id).await.unwrap();
            let old = attempts.iter().find(|it| it.at < oldest);
            check(old.is_none(), || format!("{}: {old:?} is kept", it.id));
        }
        let backlog = self.store.backlog(None).await.unwrap();
        let pending: u64 = backlog.iter().map(|it| it.pending).sum();
        let counted: u64 = backlog.iter().map(|it| it.dead).sum();
        check(pending == 0 && counted == dead.len() as u64, || {
            format!("{backlog:?}, but {} are dead", dead.len())
        });
    }
}
