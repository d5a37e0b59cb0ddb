//! Commands on their way: while one batch commits, the next is read.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write;
use std::mem;
use std::pin::Pin;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{MaybeDone, maybe_done};
use futures_util::stream::{self, Stream, StreamExt};
use serde::Serialize;
use std::task::Poll;
use uuid::Uuid;

use super::limits::QUIET;
use super::lines::{Line, Lines, Next};
use super::read::Reader;
use crate::server::api::Api;
use crate::server::problem::{Problem, ProblemCode};
use crate::store::{ExecuteError, Receipt, Request, StoreError};

/// How many lines and bytes of them one call of the store has at most.
const MOST_LINES: usize = 4096;
const MOST_BYTES: usize = 4 << 20;

/// How many batches the store has at once: the second one only if it is full.
const IN_FLIGHT: usize = 2;

type Answer = Result<Receipt, ExecuteError>;

/// Lines for one call of the store.
struct Batch {
    /// The number of each line; why it makes no request.
    lines: Vec<(u64, Option<Problem>)>,
    answers: MaybeDone<Pin<Box<dyn Future<Output = Vec<Answer>> + Send>>>,
}

/// Lines that are gathered for the next call of the store.
#[derive(Default)]
struct Gathered {
    lines: Vec<(u64, Option<Problem>)>,
    requests: Vec<Request>,
    bytes: usize,
}

impl Gathered {
    const fn is_full(&self) -> bool {
        self.lines.len() >= MOST_LINES || self.bytes >= MOST_BYTES
    }
}

/// A stream under way.
struct Run {
    api: Api,
    reader: Reader,
    /// The id of the request.
    id: Option<String>,
    lines: Lines,
    gathered: Gathered,
    in_flight: VecDeque<Batch>,
    /// Whether nothing more is read.
    is_over: bool,
}

/// The answers to the lines of a body, in order, each as soon as it is committed.
pub(super) fn answers(
    api: Api,
    reader: Reader,
    id: Option<String>,
    body: Body,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let run = Run {
        api,
        reader,
        id,
        lines: Lines::new(body),
        gathered: Gathered::default(),
        in_flight: VecDeque::with_capacity(IN_FLIGHT),
        is_over: false,
    };
    // Compression asks a stream once more after its end.
    stream::unfold(run, async |mut run| {
        let answers = run.next().await?;
        Some((Ok(Bytes::from(answers)), run))
    })
    .fuse()
}

impl Run {
    /// The answers to the next batch; none at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            self.gather();
            self.begin();
            if self.in_flight.is_empty() && self.is_over {
                return None;
            }
            let has_room = !self.is_over && !self.gathered.is_full();
            // A client that waits for its answers is not quiet.
            let is_quiet = !self.is_over && self.in_flight.is_empty();
            let shutdown = self.api.options.shutdown.clone();
            tokio::select! {
                biased;
                () = first_answered(&mut self.in_flight), if !self.in_flight.is_empty() => {
                    let batch = self.in_flight.pop_front()?;
                    return Some(self.answer(batch));
                }
                is_whole = self.lines.wait(), if has_room => self.is_over |= !is_whole,
                () = tokio::time::sleep(QUIET), if is_quiet => return Some(self.too_slow()),
                () = shutdown, if !self.is_over => self.is_over = true,
            }
        }
    }

    /// Ends the stream, at the line that did not come.
    fn too_slow(&mut self) -> Vec<u8> {
        self.is_over = true;
        let detail =
            "nothing has come for 30 s, so the stream ends here; a blank line keeps it open";
        let problem = Problem::new(ProblemCode::RequestTimeout, detail);
        let mut out = Vec::new();
        let answer = Err(problem.of_request(self.id.as_deref()));
        write(&mut out, self.lines.next_number(), &answer);
        out
    }

    /// Reads the lines that have arrived, as many as one call may have.
    fn gather(&mut self) {
        while !self.is_over && !self.gathered.is_full() {
            match self.lines.next_ready() {
                Next::Line(number, line) => {
                    if let Line::Text(text) = &line {
                        self.gathered.bytes += text.len();
                    }
                    let refused = match self.reader.read(&line) {
                        Ok(request) => {
                            self.gathered.requests.push(request);
                            None
                        }
                        Err(problem) => Some(problem),
                    };
                    self.gathered.lines.push((number, refused));
                }
                Next::Wait => break,
                Next::End | Next::Broken => self.is_over = true,
            }
        }
    }

    /// Has the store carry out what was gathered. While it is at work, more is gathered, so that a
    /// call and its commit are worth it.
    fn begin(&mut self) {
        let is_busy = !self.in_flight.is_empty();
        let is_time = !is_busy || self.gathered.is_full();
        if self.gathered.lines.is_empty() || !is_time || self.in_flight.len() >= IN_FLIGHT {
            return;
        }
        let Gathered {
            lines, requests, ..
        } = mem::take(&mut self.gathered);
        let answers = maybe_done(carried_out(self.api.clone(), requests));
        self.in_flight.push_back(Batch { lines, answers });
    }

    fn answer(&mut self, mut batch: Batch) -> Vec<u8> {
        let answers = Pin::new(&mut batch.answers).take_output();
        let mut answers = answers.unwrap_or_default().into_iter();
        let mut out = Vec::with_capacity(batch.lines.len() * 512);
        for (number, refused) in batch.lines {
            let answer = match refused {
                Some(problem) => Err(problem),
                None => answers.next().map_or_else(
                    || Err(Problem::from(no_answer())),
                    |it| {
                        // What the database does not keep concerns this line alone.
                        if let Err(ExecuteError::Store(error)) = &it
                            && !matches!(error, StoreError::RefusedByDatabase { .. })
                        {
                            // What was gathered is not carried out, as what was not read.
                            self.is_over = true;
                            self.gathered = Gathered::default();
                        }
                        it.map_err(Problem::from)
                    },
                ),
            };
            let answer = answer.map_err(|it| it.of_request(self.id.as_deref()));
            write(&mut out, number, &answer);
        }
        out
    }
}

fn no_answer() -> StoreError {
    StoreError::UnknownOutcome {
        reason: "the store gave no answer".to_owned(),
        cause: None,
    }
}

fn carried_out(
    api: Api,
    requests: Vec<Request>,
) -> Pin<Box<dyn Future<Output = Vec<Answer>> + Send>> {
    Box::pin(async move {
        if requests.is_empty() {
            return Vec::new();
        }
        api.engine.execute_many(requests).await
    })
}

/// Goes on with all batches, until the first has its answers. They are begun in order, and so the
/// store carries them out in order.
async fn first_answered(in_flight: &mut VecDeque<Batch>) {
    std::future::poll_fn(|context| {
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

#[derive(Serialize)]
struct Refused<'a> {
    line: u64,
    problem: &'a Problem,
}

/// Writes the answer to one line.
pub(super) fn write(out: &mut Vec<u8>, line: u64, answer: &Result<Receipt, Problem>) {
    match answer {
        Ok(receipt) => {
            let (event, cursor) = (&receipt.event, receipt.cursor);
            let (id, version) = (event.id(), event.version());
            // A vector takes all that is written to it.
            let _ = write!(
                out,
                "{{\"line\":{line},\"event\":{{\"event_id\":\"{id}\",\"version\":{version},\
                 \"cursor\":\"{cursor}\",\"payload\":"
            );
            event.write_json(Uuid::nil(), out);
            out.extend_from_slice(b"}");
            if receipt.replayed {
                out.extend_from_slice(b",\"replayed\":true");
            }
            out.extend_from_slice(b"}\n");
        }
        Err(problem) => {
            if let Some(cause) = &problem.cause {
                tracing::warn!(line, cause, "a command failed");
            }
            let _ = serde_json::to_writer(&mut *out, &Refused { line, problem });
            out.push(b'\n');
        }
    }
}
