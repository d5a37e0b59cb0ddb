//! An engine on the store in memory, whose clock is Tokio's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::processor::{Control, Outcome, Processor, ProcessorOptions, Work};
use certificate_lifecycle::store::{Actor, Clock, InstitutionId, MemoryStore};
use certificate_lifecycle::{AnyApplication, VaultUpload};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support;

/// Tells the time that Tokio has.
#[derive(Debug, Clone)]
pub struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> DateTime<Utc> {
        support::at(0) + TimeDelta::from_std(self.0.elapsed()).unwrap()
    }
}

/// A store in memory with its engine.
pub struct Stage {
    pub engine: Engine<MemoryStore>,
    pub jane: Actor,
}

/// A processor that runs.
pub struct Running {
    stop: oneshot::Sender<()>,
    pub task: JoinHandle<certificate_lifecycle::processor::Summary>,
}

impl Running {
    /// Stops it softly, and waits for its end.
    pub async fn stop(self) -> certificate_lifecycle::processor::Summary {
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}

pub fn institution(name: &str) -> InstitutionId {
    InstitutionId::new(name).unwrap()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Stage {
    pub fn new() -> Self {
        let clock = TokioClock(Instant::now());
        Self {
            engine: Engine::new(MemoryStore::new()).with_clock(clock),
            jane: Actor::administrator("jane").unwrap(),
        }
    }

    /// Uploads one for this institution, which makes work.
    pub async fn upload(&self, of: &str) -> Uuid {
        let of = institution(of);
        let uuid = Uuid::new_v4();
        let details = certificate_lifecycle::ApplicationDetails::new(
            support::details().application_id(),
            uuid,
            support::details().certificate_title().clone(),
            support::details().applicant_email().clone(),
        );
        let scope = self.engine.scope(&of, &self.jane);
        scope.upload(details, VaultUpload::Single).await.unwrap();
        uuid
    }

    pub async fn load(&self, of: &str, uuid: Uuid) -> AnyApplication {
        let found = self.engine.load(&institution(of), uuid).await;
        found.unwrap().unwrap()
    }

    /// Runs a processor until it is stopped.
    pub fn run<F, R>(&self, options: ProcessorOptions, work: F) -> Running
    where
        F: Fn(Work, Control) -> R + Send + Sync + 'static,
        R: Future<Output = Outcome> + Send + 'static,
    {
        let processor = Processor::new(self.engine.clone(), work).with_options(options);
        let (stop, stopped) = oneshot::channel::<()>();
        let run = async move {
            let shutdown = async { drop(stopped.await) };
            processor.run(shutdown).await.unwrap()
        };
        let task = tokio::spawn(run);
        Running { stop, task }
    }
}

/// What attempts there were, and when.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Vec<(Uuid, u32, Duration)>>>);

impl Diary {
    pub fn note(&self, work: &Work, start: Instant) {
        let entry = (work.uuid(), work.attempt, start.elapsed());
        self.0.lock().unwrap().push(entry);
    }

    pub fn attempts_of(&self, uuid: Uuid) -> Vec<u32> {
        let all = self.0.lock().unwrap();
        let of = all.iter().filter(|(it, ..)| *it == uuid);
        of.map(|(_, attempt, _)| *attempt).collect()
    }

    pub fn times(&self) -> Vec<Duration> {
        self.0.lock().unwrap().iter().map(|it| it.2).collect()
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}
