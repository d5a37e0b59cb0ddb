//! `certlife token`: who may use the HTTP API.

mod bounds;
mod create;
mod list;
mod revoke;

use clap::Subcommand;

use super::{Completion, Failure};

/// Manage tokens of the HTTP API.
///
/// A client shows its token with each request. The token says who acts, for which institution, and
/// what is allowed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::Args),
    List(list::Args),
    Revoke(revoke::Args),
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    match &args.command {
        Command::Create(args) => create::run(args),
        Command::List(args) => list::run(args),
        Command::Revoke(args) => revoke::run(args),
    }
}
