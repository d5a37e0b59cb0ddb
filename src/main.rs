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

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
