//! A log audited by many threads, with the findings in the order of the log.
//!
//! The threads stand in a ring. Each takes the input, cuts off a chunk of lines, passes the input
//! on, and reads the events of its chunk, which is most of the work. Then it takes the shares of
//! the applications, one after the other, and holds its events against them. All that is passed
//! goes around the ring in one direction, so every share meets the events in the order of the log.

use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde::Serialize;
use uuid::Uuid;

use super::Failure;
use super::input::{Chunk, Line, Lines, too_long};
use certificate_lifecycle::audit::{Audit, Finding, Problem};
use certificate_lifecycle::{EventKind, EventPayload, Status};

/// More threads than these would wait for each other: only one at a time can read the input.
const MOST_THREADS: usize = 8;

/// The audit of some of the applications. It is never dropped: at the end of the process, giving
/// back every application one by one would be work for nothing.
type Share = ManuallyDrop<Audit>;

/// One finding.
#[derive(Serialize)]
pub(super) struct FindingLine {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<Uuid>,
    finding: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

impl FindingLine {
    fn new(line: u64, uuid: Option<Uuid>, problem: &Problem) -> Self {
        Self {
            line,
            uuid,
            finding: problem.code(),
            message: problem.to_string(),
            field: problem.field(),
        }
    }

    fn too_long(line: u64) -> Self {
        Self {
            line,
            uuid: None,
            finding: "invalid_json",
            message: too_long(),
            field: None,
        }
    }
}

/// What was seen in all, up to some line.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) events: Vec<(EventKind, u64)>,
    pub(super) applications: Vec<(Status, u64)>,
}

impl Counted {
    pub(super) fn nothing() -> Self {
        let mut counted = Self::default();
        counted.add(&Audit::default());
        counted
    }

    fn add(&mut self, audit: &Audit) {
        add(&mut self.events, audit.events_by_kind());
        add(&mut self.applications, audit.applications_by_status());
    }
}

/// Adds counts of the same names in the same order.
fn add<N>(totals: &mut Vec<(N, u64)>, counts: Vec<(N, u64)>) {
    if totals.is_empty() {
        *totals = counts;
    } else {
        for ((_, total), (_, count)) in totals.iter_mut().zip(counts) {
            *total += count;
        }
    }
}

/// What became of a chunk.
pub(super) struct Audited {
    pub(super) findings: Vec<FindingLine>,
    /// What was seen up to its end.
    pub(super) counted: Counted,
    /// How many bytes of the input have been read with it.
    pub(super) position: u64,
}

/// A chunk, or none at the end.
type Outcome = Result<Option<Audited>, Failure>;

/// The threads. They are not waited for: when no more is wanted, one may still wait for input; it
/// ends with the process.
pub(super) struct Auditors {
    /// In the order of the ring.
    outcomes: Vec<Receiver<Outcome>>,
    /// Whose turn it is.
    turn: usize,
}

impl Auditors {
    /// As many as the machine has cores.
    pub(super) fn start(lines: Lines) -> Result<Self, Failure> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let count = cores.min(MOST_THREADS);
        let mut rings: Vec<_> = (0..count)
            .map(|_| ring(count, Share::default()).into_iter())
            .collect();
        let mut outcomes = Vec::new();
        for lines in ring(count, lines) {
            // One may wait to be printed while the thread goes on.
            let (sender, receiver) = sync_channel(1);
            outcomes.push(receiver);
            let auditor = Auditor {
                lines,
                shares: rings.iter_mut().filter_map(Iterator::next).collect(),
                outcomes: sender,
            };
            thread::Builder::new()
                .name("certlife-auditor".to_owned())
                .spawn(move || auditor.run())
                .map_err(|error| Failure::Start { error })?;
        }
        Ok(Self { outcomes, turn: 0 })
    }

    /// What became of the next chunk; none at the end.
    pub(super) fn next(&mut self) -> Outcome {
        let outcome = self.outcomes.get(self.turn).and_then(|it| it.recv().ok());
        self.turn = (self.turn + 1) % self.outcomes.len();
        outcome.unwrap_or(Err(Failure::ThreadEnded))
    }
}

/// A place in a ring in which one value goes around.
struct Place<T> {
    before: Receiver<T>,
    after: SyncSender<T>,
}

impl<T> Place<T> {
    /// Waits for the value; none if the ring is broken.
    fn take(&self) -> Option<T> {
        self.before.recv().ok()
    }

    fn pass(&self, value: T) {
        // At the end of the input, the next thread is no longer there.
        let _ = self.after.send(value);
    }
}

/// The places of a ring; the value is at the first.
fn ring<T>(places: usize, value: T) -> Vec<Place<T>> {
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..places).map(|_| sync_channel(1)).unzip();
    if let Some(first) = senders.first() {
        // Its receiver is in the other list.
        let _ = first.send(value);
        senders.rotate_left(1);
    }
    let places = receivers.into_iter().zip(senders);
    places
        .map(|(before, after)| Place { before, after })
        .collect()
}

/// The events of a chunk.
struct Events<'a> {
    /// Those of each share, with their lines.
    of_shares: Vec<Vec<(u64, EventPayload<'a>)>>,
    /// What is wrong with the lines that are none.
    findings: Vec<FindingLine>,
}

impl<'a> Events<'a> {
    fn read(chunk: &'a Chunk, shares: usize) -> Self {
        // With room for shares of somewhat different sizes.
        let room = chunk.count / shares * 5 / 4;
        let mut of_shares: Vec<_> = (0..shares).map(|_| Vec::with_capacity(room)).collect();
        let mut findings = Vec::new();
        for (number, line) in chunk.lines() {
            match line {
                Line::Blank => {}
                Line::TooLong => findings.push(FindingLine::too_long(number)),
                Line::Text(text) => match EventPayload::parse(text) {
                    Ok(payload) => {
                        // The first bytes of some UUIDs are a time, the last ones of none.
                        let [.., last] = *payload.uuid().as_bytes();
                        if let Some(share) = of_shares.get_mut(usize::from(last) % shares) {
                            share.push((number, payload));
                        }
                    }
                    Err(error) => {
                        let problem = Problem::from(error.problem);
                        findings.push(FindingLine::new(number, error.uuid, &problem));
                    }
                },
            }
        }
        Self {
            of_shares,
            findings,
        }
    }
}

/// One of the threads.
struct Auditor {
    lines: Place<Lines>,
    shares: Vec<Place<Share>>,
    outcomes: SyncSender<Outcome>,
}

impl Auditor {
    fn run(self) {
        let mut chunk = Chunk::default();
        while let Some(outcome) = self.audit_next(&mut chunk) {
            let is_last = !matches!(outcome, Ok(Some(_)));
            if self.outcomes.send(outcome).is_err() || is_last {
                return;
            }
        }
    }

    /// Audits the next chunk; none if another thread has come to the end.
    fn audit_next(&self, chunk: &mut Chunk) -> Option<Outcome> {
        let mut lines = self.lines.take()?;
        match lines.next_chunk(chunk) {
            Ok(true) => self.lines.pass(lines),
            Ok(false) => return Some(Ok(None)),
            Err(failure) => return Some(Err(failure)),
        }
        let Events {
            of_shares,
            mut findings,
        } = Events::read(chunk, self.shares.len());
        let mut counted = Counted::default();
        for (place, events) in self.shares.iter().zip(of_shares) {
            let mut share = place.take()?;
            for (number, payload) in &events {
                for Finding { uuid, problem, .. } in share.observe(payload) {
                    findings.push(FindingLine::new(*number, uuid, &problem));
                }
            }
            counted.add(&share);
            place.pass(share);
        }
        // All findings of a line are of one share, and stay in their order.
        findings.sort_by_key(|it| it.line);
        Some(Ok(Some(Audited {
            findings,
            counted,
            position: chunk.position,
        })))
    }
}
