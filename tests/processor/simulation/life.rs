//! The life of one processor: its clock, and the times at which it stands still.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use certificate_lifecycle::processor::ProcessorOptions;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, Sleep, sleep_until};

use super::world::World;

pub struct Life {
    pub number: usize,
    pub world: Arc<World>,
    pub options: ProcessorOptions,
    /// How wrong its clock is.
    skew: TimeDelta,
    still: Mutex<Still>,
}

#[derive(Default)]
struct Still {
    until: Option<Instant>,
    since: Option<Instant>,
    /// How long it stood still before.
    before: Duration,
}

impl Life {
    pub fn new(
        world: &Arc<World>,
        number: usize,
        options: ProcessorOptions,
        skew: TimeDelta,
    ) -> Arc<Self> {
        Arc::new(Self {
            number,
            world: Arc::clone(world),
            options,
            skew,
            still: Mutex::default(),
        })
    }

    /// The time, by its clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.world.now() + self.skew
    }

    /// How long it has lived without the times at which it stood still.
    pub fn lived(&self) -> Duration {
        let still = self.still.lock().unwrap();
        let now = still.since.map_or(Duration::ZERO, |it| it.elapsed());
        self.world.elapsed() - still.before - now
    }

    /// It stands still from now on, for so long.
    pub fn suspend(&self, length: Duration) {
        let mut still = self.still.lock().unwrap();
        if still.since.is_none() {
            still.since = Some(Instant::now());
            still.until = Some(Instant::now() + length);
        }
    }

    /// Until when it stands still, if it does.
    fn is_still(&self) -> Option<Instant> {
        let mut still = self.still.lock().unwrap();
        let until = still.until?;
        if Instant::now() < until {
            return Some(until);
        }
        let since = still.since.take();
        still.before += since.map_or(Duration::ZERO, |it| it.elapsed());
        still.until = None;
        None
    }

    pub fn stands_still(&self) -> bool {
        self.is_still().is_some()
    }

    /// The future, which is not polled while the life stands still, whatever happens meanwhile.
    pub fn live<F: Future>(self: &Arc<Self>, future: F) -> Living<F> {
        Living {
            life: Arc::clone(self),
            future: Box::pin(future),
            sleep: None,
        }
    }
}

pub struct Living<F> {
    life: Arc<Life>,
    future: Pin<Box<F>>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Living<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        while let Some(until) = self.life.is_still() {
            let sleep = self.sleep.insert(Box::pin(sleep_until(until)));
            std::task::ready!(sleep.as_mut().poll(context));
        }
        self.sleep = None;
        self.future.as_mut().poll(context)
    }
}
