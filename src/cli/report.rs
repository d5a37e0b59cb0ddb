//! Standard error: JSON lines for programs; readable lines, progress and a summary for people.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, StderrLock, Write};

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;

use super::Failure;
use super::harmless::inert;

/// How many bytes pass at most between two looks at the progress.
const BYTES_A_LOOK: u64 = 1 << 16;

/// Who reads standard error.
pub(super) enum Report {
    Programs(BufWriter<StderrLock<'static>>),
    People {
        bar: ProgressBar,
        /// How many bytes pass between two looks at the progress.
        step: u64,
    },
}

impl Report {
    /// A report for the reader of standard error, on an input of so many bytes.
    pub(super) fn new(size: Option<u64>) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Programs(BufWriter::new(io::stderr().lock()));
        }
        let (bar, template) = match size {
            Some(size) => (
                ProgressBar::new(size),
                "{wide_bar} {percent:>3} %  {bytes} of {total_bytes}{left}",
            ),
            None => (
                ProgressBar::new_spinner(),
                "{spinner} {bytes}  {binary_bytes_per_sec}",
            ),
        };
        // The template is a constant that a test draws; a default bar would do as well.
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.with_key("left", time_left));
        // At least for each percent.
        let step = size.map_or(BYTES_A_LOOK, |size| (size / 100).clamp(1, BYTES_A_LOOK));
        Self::People { bar, step }
    }

    /// Whether people read, rather than programs.
    pub(super) fn is_for_people(&self) -> bool {
        self.bar().is_some()
    }

    /// The progress bar, if people read.
    pub(super) fn bar(&self) -> Option<&ProgressBar> {
        match self {
            Self::People { bar, .. } => Some(bar),
            Self::Programs(_) => None,
        }
    }

    /// Shows how far the reading has come, in bytes.
    pub(super) fn progress(&self, position: u64) {
        if let Self::People { bar, step } = self
            && position >= bar.position() + step
        {
            bar.set_position(position);
        }
    }

    /// Writes one line: an object for programs, a sentence for people.
    pub(super) fn line(
        &mut self,
        object: &impl Serialize,
        sentence: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let written = match self {
            Self::Programs(stderr) => serde_json::to_writer(&mut *stderr, object)
                .map_err(io::Error::from)
                .and_then(|()| stderr.write_all(b"\n")),
            Self::People { bar, .. } => {
                bar.suspend(|| writeln!(io::stderr(), "{}", inert(&sentence())))
            }
        };
        ignore_gone(written)
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        match self {
            Self::Programs(stderr) => ignore_gone(stderr.flush()),
            Self::People { .. } => Ok(()),
        }
    }

    /// Takes the progress bar away, before the last words.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if let Self::People { bar, .. } = self {
            bar.finish_and_clear();
        }
        self.flush()
    }
}

/// How long it will take yet, once there is something to guess from and more than a moment to wait.
fn time_left(state: &ProgressState, text: &mut dyn std::fmt::Write) {
    let left = state.eta();
    if left.as_secs() > 0 {
        // What cannot be drawn is left out.
        let _ = write!(text, "  {:#} left", HumanDuration(left));
    }
}

/// The reader has gone: that is no reason to stop the work.
fn ignore_gone(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Write {
            stream: "error",
            error,
        }),
        _ => Ok(()),
    }
}
