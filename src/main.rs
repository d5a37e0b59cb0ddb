//! `certlife`: the command line of `certificate-lifecycle`.

#![forbid(unsafe_code)]
// No panic is reachable from input, nor from output that cannot be written.
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[cfg_attr(
    not(feature = "cli"),
    allow(
        dead_code,
        irrefutable_let_patterns,
        clippy::unnecessary_wraps,
        clippy::unused_async,
        reason = "what only the commands and stores use that `cli-core` leaves out"
    )
)]
mod cli;
mod excerpt;
mod forms;
mod inert;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
