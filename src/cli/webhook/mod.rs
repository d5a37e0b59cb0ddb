//! `certlife webhook`: where events are sent.

mod add;
mod disable;
mod enable;
mod list;
mod remove;
mod replay;
mod rotate;
mod settings;
mod show;
mod test;
mod which;

use clap::Subcommand;

use super::{Completion, Failure};

pub(super) use which::{named, unknown};

/// Manage webhooks.
///
/// A webhook is a URL that an institution's events are sent to. Each event that is recorded from
/// then on makes one delivery for it; certlife deliver sends them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Args),
    List(list::Args),
    Show(show::Args),
    Rotate(rotate::Args),
    Disable(disable::Args),
    Enable(enable::Args),
    Test(test::Args),
    Replay(replay::Args),
    Remove(remove::Args),
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    match &args.command {
        Command::Add(args) => add::run(args),
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Rotate(args) => rotate::run(args),
        Command::Disable(args) => disable::run(args),
        Command::Enable(args) => enable::run(args),
        Command::Test(args) => test::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Remove(args) => remove::run(args),
    }
}
