//! `certlife`: the command line of `certificate-lifecycle`.

use std::process::ExitCode;

fn main() -> ExitCode {
    certificate_lifecycle::cli::run()
}
