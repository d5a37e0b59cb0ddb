//! Standard output: written in large pieces; the reader may close it early.

use std::io::{self, ErrorKind, IsTerminal, StdoutLock, Write};

use indicatif::ProgressBar;
use serde::Serialize;

use super::Failure;
use super::report::Report;

/// When the buffered text is written, in bytes.
const FULL: usize = 1 << 16;

/// Whether the reader still wants more.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Listening,
    Gone,
}

/// Standard output with a buffer of its own.
pub(super) struct Output {
    stdout: StdoutLock<'static>,
    text: Vec<u8>,
    /// What has to make room on the terminal while something is written to it.
    bar: Option<ProgressBar>,
}

impl Output {
    pub(super) fn new(report: &Report) -> Self {
        Self {
            bar: report.bar().filter(|_| io::stdout().is_terminal()).cloned(),
            ..Self::plain()
        }
    }

    /// Where no progress bar is shown.
    pub(super) fn plain() -> Self {
        Self {
            stdout: io::stdout().lock(),
            text: Vec::with_capacity(2 * FULL),
            bar: None,
        }
    }

    /// Where the next line is written; end it with [`end_line`](Self::end_line).
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Ends a line, and writes if there is enough to write.
    pub(super) fn end_line(&mut self) -> Result<Reader, Failure> {
        self.text.push(b'\n');
        if self.text.len() < FULL {
            Ok(Reader::Listening)
        } else {
            self.flush()
        }
    }

    /// Writes a line that is one JSON object.
    pub(super) fn object(&mut self, object: &impl Serialize) -> Result<Reader, Failure> {
        serde_json::to_writer(&mut self.text, object).map_err(|error| Failure::Write {
            stream: "output",
            error: error.into(),
        })?;
        self.end_line()
    }

    /// Writes all that is waiting.
    pub(super) fn flush(&mut self) -> Result<Reader, Failure> {
        if self.text.is_empty() {
            return Ok(Reader::Listening);
        }
        let (stdout, text) = (&mut self.stdout, &self.text);
        let mut write = || stdout.write_all(text).and_then(|()| stdout.flush());
        let written = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        self.text.clear();
        match written {
            Ok(()) => Ok(Reader::Listening),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(error) => Err(Failure::Write {
                stream: "output",
                error,
            }),
        }
    }
}

/// Whether the reader has gone, as far as that can be seen without writing.
#[cfg(unix)]
pub(super) fn reader() -> Reader {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = io::stdout();
    // Nothing is asked for: an error and a hang-up are reported anyway.
    let mut stdout = [PollFd::new(&stdout, PollFlags::empty())];
    let polled = poll(&mut stdout, Some(&Timespec::default()));
    let gone = PollFlags::ERR | PollFlags::HUP;
    match stdout {
        [stdout] if polled.is_ok() && stdout.revents().intersects(gone) => Reader::Gone,
        _ => Reader::Listening,
    }
}

/// Where this is unknown, the next write finds out.
#[cfg(not(unix))]
pub(super) fn reader() -> Reader {
    Reader::Listening
}

/// Prints a whole document.
pub(super) fn print(document: &str) -> Result<(), Failure> {
    let mut output = Output::plain();
    output.text().extend_from_slice(document.as_bytes());
    output.flush().map(drop)
}
