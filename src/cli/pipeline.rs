//! Commands on their way through the store: while one batch commits, the next is read, and what is
//! committed is printed in the order of the input.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::output::{Output, Reader};
use super::refusal::{Code, Known, Refusal};
use super::report::Report;
use super::store;
use super::{Completion, Failure, block_on};
use certificate_lifecycle::Event;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::Refusal::{IdempotencyMismatch, Repeated};
use certificate_lifecycle::store::{
    AnyStore, Atomicity, ExecuteError, Receipt, Request, StoreError,
};

/// How many batches the store has at once: it need not wait while the events of one are printed.
const IN_FLIGHT: usize = 2;

/// Where commands come from, on a thread of its own.
pub(super) trait Source: Send + 'static {
    /// What the refusal of a command adds whose idempotency key was used before.
    const KEY_IS_USED: &'static str = "";

    /// The next commands, as many as come without waiting; none at the end.
    fn next_batch(&mut self) -> Result<Option<Batch>, Failure>;

    /// Takes the progress bar, if it reads so much at once that people would wonder.
    fn show_progress(&mut self, _bar: ProgressBar) {}
}

/// Commands for one call of the store.
pub(super) struct Batch {
    /// What became of each line: a request, in the same order, or a refusal.
    lines: Vec<ReadLine>,
    requests: Vec<Request>,
    atomicity: Atomicity,
    /// How many bytes of the input have been read with it.
    pub(super) position: u64,
}

impl Batch {
    pub(super) fn new(atomicity: Atomicity) -> Self {
        Self {
            lines: Vec::new(),
            requests: Vec::new(),
            atomicity,
            position: 0,
        }
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether a line is refused already.
    pub(super) fn has_refused(&self) -> bool {
        self.requests.len() < self.lines.len()
    }

    /// Adds a command that no line stands for and the store refuses: with it, nothing of an atomic
    /// batch is carried out, but the store says what else is wrong.
    pub(super) fn doom(&mut self, refused: Request) {
        self.requests.push(refused);
    }

    /// Adds a line: what was read, and what is known of it for a refusal.
    pub(super) fn push(&mut self, number: u64, known: Known, read: Result<Request, Refusal>) {
        let refused = match read {
            Ok(request) => {
                self.requests.push(request);
                None
            }
            Err(refusal) => Some(Box::new(refusal)),
        };
        self.lines.push(ReadLine {
            number,
            known,
            refused,
        });
    }
}

/// One line that was read.
pub(super) struct ReadLine {
    number: u64,
    known: Known,
    /// Why it is no command.
    refused: Option<Box<Refusal>>,
}

/// Carries out all commands of a source, prints their events, and reports what was refused.
pub(super) fn run<S: Source>(
    store: &store::Args,
    webhook_id: Uuid,
    size: Option<u64>,
    mut source: S,
) -> Result<Completion, Failure> {
    block_on(async {
        let engine = store.open().await?;
        store::leave(engine.store());
        let report = Report::new(size);
        if let Some(bar) = report.bar() {
            source.show_progress(bar.clone());
        }
        let (batches, spent) = read(source)?;
        let mut printer = Printer {
            spent,
            webhook_id,
            key_is_used: S::KEY_IS_USED,
            output: Output::new(&report),
            report,
            tally: Tally::default(),
            broken: None,
        };
        let carried_out = carry_out(&engine, batches, &mut printer).await;
        // Whatever ended the reading, the commands carried out are reported.
        let _ = printer.output.flush()?;
        printer.report.finish()?;
        let _ = carried_out?;
        if let Some((error, line)) = printer.broken {
            return Err(Failure::StoreAfter { error, line });
        }
        let tally = &printer.tally;
        if printer.report.is_for_people() {
            printer.report.line(&(), || tally.summary())?;
        }
        if tally.refused.is_empty() {
            Ok(Completion::Clean)
        } else {
            Ok(Completion::Refused)
        }
    })
}

type Batches = mpsc::Receiver<Result<Batch, Failure>>;

/// Events that are printed, on their way to the thread that has made their texts: to free what
/// another thread has allocated takes the lock of that one.
type Spent = std::sync::mpsc::Sender<Vec<Event>>;

/// Reads on a thread of its own, one batch ahead. When no more is wanted, the thread may still wait
/// for input; it ends with the process.
fn read(mut source: impl Source) -> Result<(Batches, Spent), Failure> {
    let (read, batches) = mpsc::channel(1);
    let (spent, returned) = std::sync::mpsc::channel();
    let reading = move || {
        while let Some(batch) = source.next_batch().transpose() {
            returned.try_iter().for_each(drop);
            let is_last = batch.is_err();
            if read.blocking_send(batch).is_err() || is_last {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("certlife-reader".to_owned())
        .spawn(reading)
        .map_err(|error| Failure::Start { error })?;
    Ok((batches, spent))
}

/// A batch that the store has.
struct InFlight<'e> {
    lines: Vec<ReadLine>,
    answers: MaybeDone<Pin<Box<dyn Future<Output = Vec<Answer>> + 'e>>>,
    position: u64,
}

type Answer = Result<Receipt, ExecuteError>;

impl<'e> InFlight<'e> {
    fn new(engine: &'e Engine<AnyStore>, batch: Batch) -> Self {
        let (requests, atomicity) = (batch.requests, batch.atomicity);
        let answers: Pin<Box<dyn Future<Output = _>>> = Box::pin(async move {
            match atomicity {
                _ if requests.is_empty() => Vec::new(),
                Atomicity::Each => engine.execute_many(requests).await,
                Atomicity::All => engine.execute_all(requests).await,
            }
        });
        Self {
            lines: batch.lines,
            answers: maybe_done(answers),
            position: batch.position,
        }
    }
}

/// Goes on with all batches, until the first has its answers. They are begun in order, and so the
/// store carries them out in order.
async fn first_answered(in_flight: &mut VecDeque<InFlight<'_>>) {
    poll_fn(|context| {
        for batch in &mut *in_flight {
            let _ = Pin::new(&mut batch.answers).poll(context);
        }
        match in_flight.front() {
            Some(batch) if matches!(batch.answers, MaybeDone::Future(_)) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

async fn carry_out(
    engine: &Engine<AnyStore>,
    mut batches: Batches,
    printer: &mut Printer,
) -> Result<Reader, Failure> {
    let mut in_flight = VecDeque::with_capacity(IN_FLIGHT);
    let mut end = None;
    loop {
        if in_flight.is_empty() && end.is_some() {
            return end.unwrap_or(Ok(Reader::Listening));
        }
        let has_room = end.is_none() && in_flight.len() < IN_FLIGHT;
        tokio::select! {
            biased;
            () = first_answered(&mut in_flight), if !in_flight.is_empty() => {
                if let Some(answered) = in_flight.pop_front()
                    && printer.print(answered)? == Reader::Gone
                {
                    return Ok(Reader::Gone);
                }
                if printer.broken.is_some() {
                    // What the store has already got is still answered; nothing more goes there.
                    end.get_or_insert(Ok(Reader::Listening));
                }
            }
            batch = batches.recv(), if has_room => match batch {
                Some(Ok(batch)) => in_flight.push_back(InFlight::new(engine, batch)),
                Some(Err(failure)) => end = Some(Err(failure)),
                None => end = Some(Ok(Reader::Listening)),
            },
        }
    }
}

/// One refused line.
#[derive(Serialize)]
struct RefusedLine<'a> {
    line: u64,
    #[serde(flatten)]
    known: &'a Known,
    #[serde(flatten)]
    refusal: &'a Refusal,
}

/// Tells what became of each line.
struct Printer {
    spent: Spent,
    webhook_id: Uuid,
    /// See [`Source::KEY_IS_USED`].
    key_is_used: &'static str,
    output: Output,
    report: Report,
    tally: Tally,
    /// What the store ran into first, and the last line that it was given.
    broken: Option<(StoreError, u64)>,
}

impl Printer {
    fn print(&mut self, mut batch: InFlight<'_>) -> Result<Reader, Failure> {
        let answers = Pin::new(&mut batch.answers).take_output();
        let mut answers = answers.unwrap_or_default().into_iter();
        let mut events = Vec::with_capacity(batch.lines.len());
        let last = batch.lines.last().map_or(0, |line| line.number);
        // Before the refusals: each makes the terminal show it again.
        self.report.progress(batch.position);
        for line in batch.lines {
            let refusal = match line.refused {
                Some(refusal) => *refusal,
                None => match answers
                    .next()
                    .unwrap_or(Err(ExecuteError::Abandoned { index: 0 }))
                {
                    Ok(receipt) => {
                        self.tally.accepted += 1;
                        self.tally.repeated += u64::from(receipt.replayed);
                        let text = self.output.text();
                        receipt.event.write_json(self.webhook_id, text);
                        events.push(receipt.event);
                        if self.output.end_line()? == Reader::Gone {
                            return Ok(Reader::Gone);
                        }
                        continue;
                    }
                    Err(ExecuteError::Abandoned { .. }) => {
                        self.tally.abandoned += 1;
                        continue;
                    }
                    Err(error) => {
                        // What the database does not keep concerns this line alone.
                        if let ExecuteError::Store(error) = &error
                            && !matches!(error, StoreError::RefusedByDatabase { .. })
                        {
                            let broken = self.broken.get_or_insert((error.clone(), last));
                            broken.1 = last;
                        }
                        let is_of_key = matches!(
                            error.refusal(),
                            Some(IdempotencyMismatch { .. } | Repeated { .. })
                        );
                        let mut refusal = Refusal::from(error);
                        if is_of_key {
                            refusal.message.push_str(self.key_is_used);
                        }
                        refusal
                    }
                },
            };
            if self.refuse(line.number, &line.known, &refusal)? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        // The thread may have ended.
        let _ = self.spent.send(events);
        // A caller who sends one command and waits for its event must not wait for a full buffer.
        self.report.flush()?;
        self.output.flush()
    }

    fn refuse(&mut self, line: u64, known: &Known, refusal: &Refusal) -> Result<Reader, Failure> {
        if self.report.is_for_people() && self.output.flush()? == Reader::Gone {
            // On one terminal, a refusal stands after the events of the lines before it.
            return Ok(Reader::Gone);
        }
        *self.tally.refused.entry(refusal.code).or_default() += 1;
        let refused = RefusedLine {
            line,
            known,
            refusal,
        };
        self.report
            .line(&refused, || format!("line {line}: {}", refusal.message))?;
        Ok(Reader::Listening)
    }
}

/// How many lines were accepted and refused.
#[derive(Default)]
struct Tally {
    accepted: u64,
    /// Of the accepted, those that had been carried out before, under the same key.
    repeated: u64,
    refused: BTreeMap<Code, u64>,
    abandoned: u64,
}

impl Tally {
    fn summary(&self) -> String {
        let refused: u64 = self.refused.values().sum();
        let mut summary = format!("{} accepted", self.accepted);
        if self.repeated > 0 {
            summary = format!("{summary} ({} repeated)", self.repeated);
        }
        summary = format!("{summary}, {refused} refused");
        let kinds: Vec<_> = self
            .refused
            .iter()
            .map(|(code, count)| format!("{count} {code}"))
            .collect();
        if !kinds.is_empty() {
            summary = format!("{summary} ({})", kinds.join(", "));
        }
        if self.abandoned > 0 {
            let abandoned = self.abandoned;
            summary = format!(
                "{summary}, {abandoned} not carried out because another command of the batch was \
                 refused"
            );
        }
        summary
    }
}
