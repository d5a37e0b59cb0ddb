//! A world from its beginning to its end: commanders, dispatchers, and fate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::delivery::{Dispatcher, DispatcherOptions};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{InstitutionId, MemoryStore, Outbox};
use certificate_lifecycle::webhook::RetrySchedule;
use chrono::TimeDelta;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::backend::Backend;
use crate::faulty::Faulty;
use crate::life::Life;
use crate::receivers::{MOODS, Moods, Wire};
use crate::world::{
    DELAYS, DISABLE_AFTER, HOUSEKEEPING_EVERY, MARGIN, SKEW, TIMEOUT, World, check,
};

pub const INSTITUTIONS: [&str; 3] = ["north", "south", "west"];

/// What became of a world.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub steps: u64,
    pub trace: u64,
    pub counts: BTreeMap<&'static str, u64>,
}

#[derive(Clone)]
pub struct Actors {
    pub world: Arc<World>,
    pub store: MemoryStore,
    pub moods: Moods,
    pub applications: Arc<Mutex<Vec<(InstitutionId, Uuid)>>>,
    /// How many dispatchers there were.
    lives: Arc<AtomicU64>,
}

pub async fn run(seed: u64) -> Outcome {
    let world = World::new(seed);
    let actors = Actors {
        world,
        store: MemoryStore::new(),
        moods: Moods::default(),
        applications: Arc::default(),
        lives: Arc::default(),
    };
    for _ in 0..4 {
        actors.add_webhook().await;
    }
    let dispatchers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(actors.clone().dispatchers()))
        .collect();
    let operators = tokio::spawn(actors.clone().operators());
    let fate = tokio::spawn(actors.clone().fate());
    let commanders: Vec<_> = (0..3)
        .map(|_| tokio::spawn(actors.clone().commanders()))
        .collect();
    for it in commanders {
        join(it).await;
    }
    for task in dispatchers.iter().chain([&operators, &fate]) {
        task.abort();
    }
    for task in dispatchers.into_iter().chain([operators, fate]) {
        let ended = task.await;
        check(ended.is_err_and(|it| it.is_cancelled()), || {
            "an actor has failed".to_owned()
        });
    }
    actors.end().await
}

/// What a task gives; its panic is ours.
pub async fn join<T>(task: tokio::task::JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl Actors {
    /// The moods of the receivers.
    async fn fate(self) {
        loop {
            let pause = if self.world.circumstances.is_long {
                12_000
            } else {
                4000
            };
            self.world.pause(pause).await;
            let webhooks = self.store.webhooks(None).await.unwrap();
            let (id, mood) = self
                .world
                .random(|it| (it.pick(&webhooks).id, *it.pick(&MOODS)));
            self.moods.set(id, mood);
        }
    }

    /// The engine of a backend whose clock is so wrong.
    pub fn engine(&self, skew: TimeDelta) -> Engine<Backend> {
        let (store, world) = (self.store.clone(), Arc::clone(&self.world));
        let clock = Arc::clone(&world);
        Engine::new(Backend { store, world }).with_clock(move || clock.now() + skew)
    }

    /// A dispatcher, and its life.
    pub fn dispatcher(&self, skew: TimeDelta) -> (Dispatcher<Faulty, Wire>, Arc<Life>) {
        let number = self.lives.fetch_add(1, Ordering::Relaxed);
        let life = Life::new(&self.world, number, skew);
        let delays = DELAYS.map(Duration::from_secs).to_vec();
        let options = DispatcherOptions::default()
            .with_concurrency(
                self.world
                    .random(|it| u32::try_from(1 + it.below(20)).unwrap()),
            )
            .with_schedule(RetrySchedule::new(delays).unwrap())
            .with_timeout(TIMEOUT.to_std().unwrap())
            .with_margin(MARGIN.to_std().unwrap())
            .with_disable_after(DISABLE_AFTER.to_std().unwrap())
            .with_retention(self.world.circumstances.retention.to_std().unwrap())
            .with_housekeeping_every(HOUSEKEEPING_EVERY.to_std().unwrap());
        let store = Faulty {
            store: self.store.clone(),
            world: Arc::clone(&self.world),
            bell: self.world.bell(),
            life: Arc::clone(&life),
        };
        let wire = Wire {
            world: Arc::clone(&self.world),
            moods: self.moods.clone(),
            life: Arc::clone(&life),
        };
        let clock = Arc::clone(&life);
        let dispatcher = Dispatcher::new(store, wire, options).with_clock(move || clock.now());
        (dispatcher, life)
    }

    /// How wrong the clock of a dispatcher is.
    pub fn skew(&self) -> TimeDelta {
        let most = SKEW.num_milliseconds();
        let skew = self
            .world
            .random(|it| it.below(most.cast_unsigned() * 2).cast_signed() - most);
        TimeDelta::milliseconds(skew)
    }

    /// One dispatcher after the other, each until it crashes or is shut down.
    async fn dispatchers(self) {
        loop {
            self.world.pause(3000).await;
            let (dispatcher, life) = self.dispatcher(self.skew());
            let (shut_down, reported) = oneshot::channel::<()>();
            let mut running = tokio::spawn(life.live(async move {
                let reported = async {
                    let _ = reported.await;
                };
                dispatcher.run(reported).await
            }));
            let crash = AbortOnDrop(running.abort_handle());
            let life = self.world.random(|it| it.below(30_000));
            let ended = tokio::time::timeout(Duration::from_millis(life), &mut running).await;
            check(ended.is_err(), || {
                format!("it stopped by itself: {ended:?}")
            });
            if self.world.percent(30) {
                self.world.count("shut down");
                drop(shut_down);
                // Away for too long, the store does not get the last outcomes.
                let _ = join(running).await;
            } else {
                self.world.count("crashes");
                self.world.step(&"crash");
                drop(crash);
                let ended = running.await;
                check(ended.is_err_and(|it| it.is_cancelled()), || {
                    "it has failed".to_owned()
                });
            }
        }
    }
}

/// A crash of its holder is one of its dispatcher, too.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
