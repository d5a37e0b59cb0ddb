//! How a run ends.

use certificate_lifecycle::InvalidValue;
use certificate_lifecycle::store::{ExecuteError, StoreError};

/// What a run leaves behind for the shell.
pub(super) enum Completion {
    /// All was accepted.
    Clean,
    /// Some lines were refused.
    Refused,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot read {input}: {error}")]
    Read {
        input: String,
        error: std::io::Error,
    },
    #[error("{input}: {problem}")]
    Content { input: String, problem: String },
    #[error("cannot write to standard {stream}: {error}")]
    Write {
        stream: &'static str,
        error: std::io::Error,
    },
    #[error("cannot start: {error}")]
    Start { error: std::io::Error },
    /// It panicked; its message is on standard error.
    #[error("a thread ended before its work did")]
    ThreadEnded,
    /// `--store` names nothing that can be opened.
    #[error("{0}")]
    Address(String),
    #[error("cannot listen on 127.0.0.1:{port}: {error}; --port 0 takes a port that is free")]
    Listen { port: u16, error: std::io::Error },
    /// An argument that is not read by clap, which would repeat it.
    #[error("{0}")]
    Argument(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store gave up on commands; their lines have been reported.
    #[error("{error}; line {line} was the last that the store was given")]
    StoreAfter { error: StoreError, line: u64 },
    /// Something was left out, and has been reported.
    #[error("corrupt, and therefore not {left_out}: {count}")]
    Corrupt {
        left_out: &'static str,
        count: usize,
    },
    #[error(transparent)]
    Refused(ExecuteError),
    #[error(transparent)]
    Value(#[from] InvalidValue),
}

/// Runs to its end what waits for a store.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Start { error })?;
    runtime.block_on(work)
}
