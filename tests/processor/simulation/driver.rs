//! What happens in a world: faults first; then they end, and everything must come to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Actor, InstitutionId, MemoryStore, Store};
use certificate_lifecycle::{ApplicationDetails, Status, VaultUpload};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::life::Life;
use super::working::Running;
use super::world::World;
use crate::support;

/// How long due work waits at most while a processor has nothing under way and the store is well:
/// the longest pauses after failures (2 s) and slow looks, and some calls.
const STARVED: TimeDelta = TimeDelta::seconds(6);

/// How often a processor calls the store in a second, at most, while nothing is in progress.
const QUIET_CALLS: u64 = 4;

/// The same while others are at work: it looks again whenever one of their leases may end.
const IDLE_CALLS: u64 = 12;

/// Until then everything ends.
const END: Duration = Duration::from_secs(4000);

/// What a world has come to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub digest: u64,
    pub counts: BTreeMap<&'static str, u64>,
}

struct Driver {
    world: Arc<World>,
    engine: Engine<MemoryStore>,
    running: Vec<Running>,
    stopping: Vec<(Arc<Life>, JoinHandle<()>)>,
    started: usize,
}

pub async fn run(seed: u64) -> Result<Outcome, String> {
    let world = World::new(seed);
    let clock = Arc::clone(&world);
    let engine = Engine::new(world.store.clone()).with_clock(move || clock.now());
    let mut driver = Driver {
        world: Arc::clone(&world),
        engine,
        running: Vec::new(),
        stopping: Vec::new(),
        started: 0,
    };
    for _ in 0..5 + world.below(15) {
        driver.upload().await;
    }
    let until = world.circumstances.lease * u32::try_from(4 + world.below(5)).unwrap();
    while world.elapsed() < until {
        driver.step().await;
        sleep(Duration::from_millis(world.below(1500))).await;
    }
    // Nothing new happens, so that nothing else wakes a processor that waits for its store.
    sleep(world.circumstances.lease * 2).await;
    world.heal();
    driver.finish().await;
    world.record().verdict()?;
    driver.be_idle().await;
    driver.stop_all().await;
    driver.compare().await;
    let mut record = world.record();
    record.end();
    record.verdict()?;
    Ok(Outcome {
        digest: record.digest,
        counts: record.counts.clone(),
    })
}

impl Driver {
    fn start(&mut self, is_last: bool) -> Running {
        self.started += 1;
        Running::start(&self.world, self.started, is_last)
    }

    fn which(&self) -> usize {
        usize::try_from(self.world.below(self.running.len() as u64)).unwrap()
    }

    async fn step(&mut self) {
        let world = Arc::clone(&self.world);
        let lacks = (self.running.len() as u64) < world.circumstances.processors;
        if self.running.is_empty() || lacks && world.percent(60) {
            let running = self.start(false);
            self.running.push(running);
        }
        match world.below(100) {
            0..10 => {
                let crashed = self.running.swap_remove(self.which());
                crashed.crash();
            }
            10..22 => {
                let length = world.part_of(world.circumstances.lease, 200);
                self.running[self.which()].life.suspend(length);
                world.record().count("suspensions");
            }
            22..28 => {
                let stopped = self.running.swap_remove(self.which());
                self.stopping.push(stopped.stop());
            }
            28..60 => self.upload().await,
            60..75 => self.submit().await,
            75..87 => self.fail_one().await,
            _ => self.retry_all().await,
        }
        world.look().await;
    }

    fn institution(&self) -> InstitutionId {
        let all = &self.world.circumstances.institutions;
        all[usize::try_from(self.world.below(all.len() as u64)).unwrap()].clone()
    }

    fn details(&self) -> ApplicationDetails {
        let some = support::details();
        let (title, email) = (some.certificate_title(), some.applicant_email());
        let uuid = self.world.uuid();
        ApplicationDetails::new(some.application_id(), uuid, title.clone(), email.clone())
    }

    async fn upload(&self) {
        let jane = Actor::administrator("jane").unwrap();
        let of = self.institution();
        let scope = self.engine.scope(&of, &jane);
        scope
            .upload(self.details(), VaultUpload::Single)
            .await
            .unwrap();
        self.world.look().await;
    }

    async fn submit(&self) {
        let (john, jane) = (
            Actor::customer("john").unwrap(),
            Actor::administrator("jane").unwrap(),
        );
        let (of, details) = (self.institution(), self.details());
        let uuid = details.uuid();
        self.engine.scope(&of, &john).submit(details).await.unwrap();
        self.engine
            .scope(&of, &jane)
            .begin_processing(uuid)
            .await
            .unwrap();
    }

    /// Those that are in progress, or have failed.
    fn some(&self, has_failed: bool) -> Vec<(Uuid, InstitutionId)> {
        let record = self.world.record();
        let some = record.apps.iter().filter(|(_, it)| {
            if has_failed {
                it.status == Status::Failed
            } else {
                it.is_in_progress
            }
        });
        some.map(|(uuid, it)| (*uuid, it.institution.clone()))
            .collect()
    }

    async fn fail_one(&self) {
        self.world.look().await;
        let some = self.some(false);
        let watchdog = Actor::system("watchdog").unwrap();
        if !some.is_empty() {
            let which = usize::try_from(self.world.below(some.len() as u64)).unwrap();
            let (uuid, of) = &some[which];
            let scope = self.engine.scope(of, &watchdog);
            scope.fail(*uuid, support::error()).await.unwrap();
            self.world.record().count("failed by hand");
        }
    }

    async fn retry_all(&self) {
        self.world.look().await;
        let jane = Actor::administrator("jane").unwrap();
        for (uuid, of) in self.some(true) {
            self.engine.scope(&of, &jane).retry(uuid).await.unwrap();
            self.world.record().count("retried");
        }
    }

    /// Everything comes to its end, and meanwhile no processor leaves work waiting.
    async fn finish(&mut self) {
        let last = self.start(true);
        self.running.push(last);
        let mut idle_since: BTreeMap<usize, DateTime<Utc>> = BTreeMap::new();
        let mut before: BTreeMap<usize, (u64, Option<u64>)> = BTreeMap::new();
        let start = self.world.elapsed();
        let mut ticks = 0_u64;
        while !self.running.last().is_some_and(|it| it.task.is_finished()) {
            sleep(Duration::from_millis(100)).await;
            ticks += 1;
            let (now, mut record) = (self.world.now(), self.world.record());
            for it in &self.running {
                let (life, number) = (&it.life, it.life.number);
                if life.stands_still() || record.has_something(number) || it.task.is_finished() {
                    idle_since.remove(&number);
                    before.remove(&number);
                    continue;
                }
                let idle = *idle_since.entry(number).or_insert(now);
                let due = record.due_since(life);
                let starved = due
                    .iter()
                    .find(|(_, since)| now - (*since).max(idle) > STARVED);
                let starved = starved.map(|(uuid, _)| *uuid);
                record.check(starved.is_none(), || {
                    format!("{number} is idle, and {starved:?} is due for long")
                });
                if ticks.is_multiple_of(10) {
                    let calls = it.calls.load(Ordering::Relaxed);
                    let feed = due.is_empty().then_some(record.events);
                    let quiet = before.insert(number, (calls, feed));
                    if let Some((then, then_feed)) = quiet
                        && feed.is_some()
                        && then_feed == feed
                    {
                        record.check(calls - then <= IDLE_CALLS, || {
                            format!("{number} has called {} times, and was idle", calls - then)
                        });
                    }
                }
            }
            let is_over = self.world.elapsed() - start > END;
            record.check(!is_over, || "it does not end".to_owned());
            if record.verdict().is_err() {
                break;
            }
        }
        self.running.pop();
    }

    /// Nothing is in progress: processors let the store alone.
    async fn be_idle(&self) {
        // Leases on what was moved on by others are over when they end.
        sleep(self.world.circumstances.lease * 2).await;
        for _ in 0..30 {
            let calls = |it: &Running| it.calls.load(Ordering::Relaxed);
            let before: Vec<u64> = self.running.iter().map(calls).collect();
            sleep(Duration::from_secs(1)).await;
            for (it, before) in self.running.iter().zip(before) {
                let times = calls(it) - before;
                self.world.record().check(times <= QUIET_CALLS, || {
                    format!(
                        "{} has called {times} times, and nothing is in progress",
                        it.life.number
                    )
                });
            }
        }
    }

    async fn stop_all(&mut self) {
        let all: Vec<_> = self.running.drain(..).map(Running::stop).collect();
        for (life, task) in all {
            let ended = timeout(Duration::from_secs(1), task).await;
            self.world.record().check(ended.is_ok(), || {
                format!("{} has nothing to do, and does not end", life.number)
            });
        }
        for (life, task) in self.stopping.drain(..) {
            self.world.record().check(task.is_finished(), || {
                format!("{} was stopped, and does not end", life.number)
            });
            drop(task.await);
        }
    }

    /// The applications are as their last events say.
    async fn compare(&self) {
        self.world.look().await;
        let all: Vec<_> = {
            let record = self.world.record();
            let all = record.apps.iter();
            all.map(|(uuid, it)| (*uuid, it.institution.clone(), it.status, it.version))
                .collect()
        };
        for (uuid, of, status, version) in all {
            let found = self.world.store.load(&of, uuid).await.unwrap().unwrap();
            let is = (found.status(), found.version());
            self.world.record().check(is == (status, version), || {
                format!("{uuid} is {is:?}, and its last event says {status} {version}")
            });
        }
    }
}
