//! The log of a command that runs for long: standard error, written by a thread of its own.
//!
//! The command never waits for the reader of its log. Lines that find the queue full are dropped
//! and counted; the count is a line of the log as soon as there is room again.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::harmless::inert;
use super::outcome::Failure;

/// How much waits to be written, in bytes: a thousand lines and more.
const FULL: usize = 256 << 10;

/// How long the end of the program waits for a reader that takes no line.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How long lines are gathered before they are written, so that many are written at once.
const GATHER: Duration = Duration::from_millis(1);

/// The most that is written at once, in bytes: a pipe takes it whole, whatever other processes
/// write into it (POSIX, `PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// When a standard error that does not block is tried again.
const PAUSE: Duration = Duration::from_millis(20);

static LOG: OnceLock<&'static Log> = OnceLock::new();

#[derive(Default)]
struct Log {
    state: Mutex<State>,
    /// There is something to write.
    queued: Condvar,
    /// A line is written, or all of them.
    written: Condvar,
}

#[derive(Default)]
struct State {
    /// Whole lines.
    text: Vec<u8>,
    /// How many lines came after these, and found no room.
    dropped: u64,
    spinner: Option<Spinner>,
    is_writing: bool,
    /// Whether the thread waits to be woken.
    is_asleep: bool,
    lines_written: u64,
}

/// What the spinner does next.
enum Spinner {
    Shows(String),
    Goes,
}

/// From here on, what is written to standard error with [`write()`] is written by the log's thread.
pub(super) fn start() -> Result<(), Failure> {
    // It lives as long as the process.
    let log: &'static Log = Box::leak(Box::default());
    let writer = thread::Builder::new().name("log".to_owned());
    writer
        .spawn(|| log.write_for_ever())
        .map_err(|error| Failure::Start { error })?;
    // A command starts it once.
    let _ = LOG.set(log);
    Ok(())
}

/// Writes a line, with its end, to standard error. Without a log that is started, it waits for the
/// reader.
///
/// A line that cannot be written changes nothing.
pub(super) fn write(line: &[u8]) {
    match LOG.get() {
        Some(log) => log.push(line),
        None => drop(io::stderr().write_all(line)),
    }
}

/// Writes a sentence for people to standard error. If it cannot be written, that changes nothing.
///
/// Characters of an argument or a name in it that act on a terminal are escaped.
pub(super) fn say(sentence: &str) {
    write(format!("certlife: {}\n", inert(sentence)).as_bytes());
}

/// Waits until all lines are written, for as long as the reader takes them.
pub(super) fn drain() {
    if let Some(log) = LOG.get() {
        log.drain();
    }
}

/// Whether there is a terminal, on which [`show`] shows something.
pub(super) fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Shows people a message beside a spinner, below the lines of the log.
pub(super) fn show(message: String) {
    spin(Spinner::Shows(message));
}

/// Takes the spinner away.
pub(super) fn clear() {
    spin(Spinner::Goes);
}

fn spin(spinner: Spinner) {
    if let Some(log) = LOG.get() {
        let mut state = log.state();
        state.spinner = Some(spinner);
        log.wake(state);
    }
}

/// Where `tracing` writes: each write is a line.
pub(super) struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self::write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Nothing panics that holds the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.state();
        // After the first that was dropped, none is taken until that has been counted in the log.
        if state.dropped > 0 || state.text.len().saturating_add(line.len()) > FULL {
            state.dropped += 1;
        } else {
            state.text.extend_from_slice(line);
        }
        self.wake(state);
    }

    /// Wakes the thread, if it sleeps: what is there is found otherwise.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let is_asleep = std::mem::take(&mut state.is_asleep);
        drop(state);
        if is_asleep {
            self.queued.notify_one();
        }
    }

    fn drain(&self) {
        let mut state = self.state();
        while !state.is_idle() {
            let before = state.lines_written;
            let waited = self.written.wait_timeout(state, LAST_WAIT);
            let (now, wait) = waited.unwrap_or_else(PoisonError::into_inner);
            if wait.timed_out() && now.lines_written == before {
                return;
            }
            state = now;
        }
    }

    fn write_for_ever(&self) {
        let bar = spinner();
        let mut text = Vec::new();
        // Lines that are in no log: dropped, or refused by standard error.
        let mut lost = 0_u64;
        loop {
            let mut state = self.state();
            state.is_writing = false;
            self.written.notify_all();
            while state.is_idle() {
                state.is_asleep = true;
                let waited = self.queued.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
            state.is_asleep = false;
            drop(state);
            thread::sleep(GATHER);
            let mut state = self.state();
            text.clear();
            std::mem::swap(&mut text, &mut state.text);
            let dropped = std::mem::take(&mut state.dropped);
            let spinner = state.spinner.take();
            state.is_writing = true;
            drop(state);
            if !text.is_empty() {
                bar.suspend(|| lost = self.write_lines(&text, lost, dropped));
            }
            match spinner {
                Some(Spinner::Shows(message)) => {
                    bar.set_message(message);
                    bar.tick();
                }
                Some(Spinner::Goes) => bar.finish_and_clear(),
                None => {}
            }
        }
    }

    /// Writes lines, and how many were lost before and after them; how many still are.
    fn write_lines(&self, text: &[u8], mut lost: u64, dropped: u64) -> u64 {
        for lines in Portions(text) {
            lost = tell_lost(lost);
            let count = lines.split_inclusive(|byte| *byte == b'\n').count() as u64;
            match put(lines) {
                Ok(()) => self.state().lines_written += count,
                Err(_) => lost += count,
            }
            self.written.notify_all();
        }
        tell_lost(lost + dropped)
    }
}

/// Whole lines, as many as are written at once; or one, however long it is.
struct Portions<'t>(&'t [u8]);

impl<'t> Iterator for Portions<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let is_end = |byte: &u8| *byte == b'\n';
        let most = self.0.get(..AT_ONCE).unwrap_or(self.0);
        let last = most.iter().rposition(is_end);
        let last = last.or_else(|| self.0.iter().position(is_end));
        let end = last.map_or(self.0.len(), |it| it + 1);
        let (portion, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!portion.is_empty()).then_some(portion)
    }
}

impl State {
    fn is_idle(&self) -> bool {
        let is_empty = self.text.is_empty() && self.dropped == 0;
        is_empty && self.spinner.is_none() && !self.is_writing
    }
}

/// Reports in the log how many lines are missing; returns how many are still to be reported.
fn tell_lost(lost: u64) -> u64 {
    if lost == 0 {
        return 0;
    }
    let lines = if lost == 1 {
        "1 line of the log was".to_owned()
    } else {
        format!("{lost} lines of the log were")
    };
    let sentence = format!("certlife: {lines} dropped: standard error did not take more\n");
    if put(sentence.as_bytes()).is_ok() {
        0
    } else {
        lost
    }
}

fn put(mut lines: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr();
    while !lines.is_empty() {
        match stderr.write(lines) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => lines = lines.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process that has the same standard error may not want to wait for it.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What people see while it runs; nothing where standard error is no terminal.
fn spinner() -> ProgressBar {
    if !is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    // The template is a constant that a test draws; a default bar would do as well.
    let style = ProgressStyle::with_template("{spinner} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}
