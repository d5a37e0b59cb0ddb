//! `certlife completions`: what shells need to complete the command line.

use clap::Command;
use clap_complete::Shell;

use super::output::print;
use super::{Completion, Failure};

/// Print the completions for a shell.
///
/// They are a script for that shell: run it when the shell starts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  eval \"$(certlife completions bash)\"")]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

/// Of this command line.
pub(super) fn run(args: &Args, mut cli: Command) -> Result<Completion, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "certlife", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Completion::Clean)
}
