//! Processors: real ones, and work that ends in every way.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use certificate_lifecycle::ProcessingError;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::processor::{Control, Outcome, Processor, ProcessorOptions, Work};
use certificate_lifecycle::store::{StoreError, WorkLease};
use chrono::TimeDelta;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::claims::{End, Progress};
use super::faulty::Faulty;
use super::life::Life;
use super::world::{World, others_first};

/// How long a run goes on at most after its grace: a lease, and a moment.
const STOP_BOUND: Duration = Duration::from_millis(1500);

/// A processor that runs.
pub struct Running {
    pub life: Arc<Life>,
    pub calls: Arc<AtomicU64>,
    pub task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Running {
    pub fn start(world: &Arc<World>, number: usize, is_last: bool) -> Self {
        let options = options(world, is_last);
        let third = TimeDelta::from_std(options.lease / 3).unwrap();
        let skew = TimeDelta::from_std(world.part_of(options.lease * 2 / 3, 100)).unwrap() - third;
        let life = Life::new(world, number, options.clone(), skew);
        let calls = Arc::new(AtomicU64::new(0));
        let stopped = Arc::new(OnceLock::new());
        let faulty = Faulty {
            store: world.store.clone(),
            bell: world.bell(),
            life: Arc::clone(&life),
            calls: Arc::clone(&calls),
            stopped: Arc::clone(&stopped),
        };
        let (clock, of) = (Arc::clone(&life), Arc::clone(&life));
        let of_work = Arc::clone(&stopped);
        let engine = Engine::new(faulty).with_clock(move || clock.now());
        let worker = move |it: Work, control: Control| {
            let (life, stopped) = (Arc::clone(&of), Arc::clone(&of_work));
            async move { life.live(work(&life, &stopped, it, control)).await }
        };
        let processor = Processor::new(engine, worker).with_options(options);
        let (stop, asked) = oneshot::channel::<()>();
        let of = Arc::clone(&life);
        let run = async move {
            let shutdown = async {
                match asked.await {
                    Ok(()) => drop(stopped.set(of.lived())),
                    Err(_) => pending().await,
                }
            };
            let summary = if is_last {
                processor.run_until_idle(shutdown).await
            } else {
                processor.run(shutdown).await
            };
            // Work that was cancelled is dropped first.
            others_first().await;
            ended(&of, stopped.get().copied(), is_last, &summary);
        };
        let task = tokio::spawn(life.live(run));
        Self {
            life,
            calls,
            task,
            stop,
        }
    }

    /// Its process dies.
    pub fn crash(self) {
        let mut record = self.life.world.record();
        record.gone.insert(self.life.number);
        record.count("crashes");
        drop(record);
        self.task.abort();
    }

    /// It is asked to end.
    pub fn stop(self) -> (Arc<Life>, JoinHandle<()>) {
        let _ = self.stop.send(());
        self.life.world.record().count("soft stops");
        (self.life, self.task)
    }
}

fn options(world: &World, is_last: bool) -> ProcessorOptions {
    let of = &world.circumstances;
    let only = world.percent(20) && !is_last;
    let which = usize::try_from(world.below(of.institutions.len() as u64)).unwrap();
    let most = u32::try_from(1 + world.below(3)).unwrap();
    ProcessorOptions::default()
        .with_concurrency(u32::try_from(1 + world.below(8)).unwrap())
        .with_most_of_one(world.percent(25).then_some(most))
        .with_institution(only.then(|| of.institutions[which].clone()))
        .with_lease(of.lease)
        .with_attempts(of.attempts)
        .with_timeout(of.timeout)
        .with_first_wait(of.first_wait)
        .with_longest_wait(of.longest_wait)
        .with_grace(world.part_of(of.lease, 100))
        .with_count_every(Duration::from_secs(10))
}

/// A run has ended by itself.
fn ended(
    life: &Life,
    stopped: Option<Duration>,
    is_last: bool,
    summary: &Result<certificate_lifecycle::processor::Summary, StoreError>,
) {
    let mut record = life.world.record();
    let number = life.number;
    let options = &life.options;
    if let Some(stopped) = stopped {
        let took = life.lived() - stopped;
        let most = options.grace + options.lease + STOP_BOUND;
        record.check(took <= most, || {
            format!("{number} has ended after {took:?}")
        });
        let gave_up = summary.is_err();
        let is_early = gave_up && took < options.grace + options.lease;
        record.check(!is_early, || format!("{number} gave up after {took:?}"));
    } else {
        record.check(is_last && summary.is_ok(), || {
            format!("{number} has ended by itself: {summary:?}")
        });
        record.idle();
    }
    if let Ok(summary) = summary {
        record.run_ended(number);
        let counted = record.tallies.remove(&number).unwrap_or_default();
        let said = (summary.approved, summary.failed, summary.again);
        record.check(said == counted, || {
            format!("{said:?} instead of {counted:?}")
        });
    } else {
        record.gone.insert(number);
        record.count("gave up");
    }
}

/// Notes how work ends, also where its future is dropped.
struct Ending<'l> {
    life: &'l Life,
    lease: WorkLease,
    control: Control,
    end: Option<End>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let end = self.end.take();
        let end = end.unwrap_or_else(|| End::Dropped(self.control.is_cancelled()));
        self.life.world.record().ended(self.life, self.lease, &end);
    }
}

/// Work of any length that ends somehow.
async fn work(life: &Life, stopped: &OnceLock<Duration>, work: Work, control: Control) -> Outcome {
    let world = &life.world;
    let Some(lease) = begin(life, stopped, &work) else {
        return Outcome::Approve;
    };
    let mut ending = Ending {
        life,
        lease,
        control: control.clone(),
        end: None,
    };
    let takes = match world.below(10) {
        0 | 1 => Duration::ZERO,
        2..=5 => world.part_of(life.options.lease, 10),
        _ => world.part_of(life.options.lease, 200),
    };
    let way = world.below(100);
    if way < 8 {
        // It never ends, and may heed that it is cancelled.
        control.cancelled().await;
        if world.percent(50) {
            pending::<()>().await;
        }
        sleep(Duration::from_millis(world.below(990))).await;
    } else {
        sleep(takes).await;
    }
    let (end, outcome) = match way {
        0..50 => (End::Approve, Outcome::Approve),
        50..60 => {
            let error = ProcessingError::new("the template is missing").unwrap();
            (End::Fail(error.to_string()), Outcome::Fail(error))
        }
        60..82 => {
            let why = format!("not this time, {}", world.below(1000));
            (End::Again(why.clone()), Outcome::Again(why))
        }
        82..92 => {
            let after = world.part_of(life.options.lease, 150);
            let why = "later".to_owned();
            (End::Later(after), Outcome::Later { after, why })
        }
        _ => {
            ending.end = Some(End::Panicked);
            drop(ending);
            resume_unwind(Box::new("a panic that is not printed"));
        }
    };
    ending.end = Some(end);
    outcome
}

/// The lease of work that begins.
fn begin(life: &Life, stopped: &OnceLock<Duration>, work: &Work) -> Option<WorkLease> {
    let world = &life.world;
    let mut record = world.record();
    let late = stopped.get().is_some_and(|it| *it < life.lived());
    record.check(!late, || format!("{} begins after the stop", life.number));
    let of = WorkLease::new(work.uuid(), i64::MIN)..=WorkLease::new(work.uuid(), i64::MAX);
    let known = record.claims.range(of).rev().find(|(_, it)| {
        let is_its = it.by == life.number && it.progress == Progress::Known;
        is_its && (it.attempt, it.version) == (work.attempt, work.version())
    });
    let Some(lease) = known.map(|(lease, _)| *lease) else {
        record.check(false, || format!("{work:?} begins without a claim"));
        return None;
    };
    record.begun(life, lease);
    let right = life.now() + TimeDelta::from_std(life.options.timeout).unwrap();
    let off = (work.deadline - right).num_milliseconds().abs();
    record.check(off <= 1 || world.is_faulty(), || {
        format!("a deadline {off} ms off")
    });
    Some(lease)
}
