//! The life of one dispatcher: its clock, and the times at which it stands still.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Sleep, sleep};

use crate::record::Number;
use crate::world::{LONGEST_SUSPENSION, World};

pub struct Life {
    pub number: Number,
    pub world: Arc<World>,
    /// How wrong its clock is.
    pub skew: TimeDelta,
    /// For how long it is to be suspended as soon as it waits for something.
    pending: Mutex<Option<Duration>>,
}

impl Life {
    pub fn new(world: &Arc<World>, number: Number, skew: TimeDelta) -> Arc<Self> {
        Arc::new(Self {
            number,
            world: Arc::clone(world),
            skew,
            pending: Mutex::default(),
        })
    }

    /// The time, by its clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.world.now() + self.skew
    }

    /// Here it might stand still.
    pub fn may_stop(&self) {
        let can = self.world.is_faulty() && self.world.circumstances.has_suspensions;
        if !can || !self.world.random(|it| it.below(150) == 0) {
            return;
        }
        let most = LONGEST_SUSPENSION.num_milliseconds().cast_unsigned();
        let milliseconds = self.world.random(|it| it.below(most));
        *self.pending.lock().unwrap() = Some(Duration::from_millis(milliseconds));
    }

    /// The future, which is not polled while the life stands still, whatever happens meanwhile.
    pub fn live<F: Future>(self: &Arc<Self>, future: F) -> Living<F> {
        Living {
            life: Arc::clone(self),
            future: Box::pin(future),
            stopped: None,
        }
    }
}

pub struct Living<F> {
    life: Arc<Life>,
    future: Pin<Box<F>>,
    stopped: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Living<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if let Some(stopped) = &mut self.stopped {
                std::task::ready!(stopped.as_mut().poll(context));
                self.stopped = None;
                self.life.world.trace(&"goes on");
                self.goes_on();
            }
            if let Poll::Ready(output) = self.future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            let Some(pause) = self.life.pending.lock().unwrap().take() else {
                return Poll::Pending;
            };
            self.stopped = Some(Box::pin(sleep(pause)));
            self.life.world.trace(&("suspended", pause));
            let mut record = self.life.world.record();
            record.count("suspensions");
            record.suspended.insert(self.life.number);
            record.once_suspended.insert(self.life.number);
        }
    }
}

impl<F> Living<F> {
    fn goes_on(&self) {
        self.life.world.record().suspended.remove(&self.life.number);
    }
}

impl<F> Drop for Living<F> {
    fn drop(&mut self) {
        self.goes_on();
    }
}
