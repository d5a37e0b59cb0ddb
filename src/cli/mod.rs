//! The command line `certlife`: one file a subcommand, over the public interface of the crate.

mod acts;
mod apply;
mod arguments;
mod auditors;
mod columns;
mod completions;
#[cfg(feature = "cli")]
mod deliver;
#[cfg(feature = "cli")]
mod deliveries;
#[cfg(feature = "cli")]
mod delivery;
mod diagram;
#[cfg(feature = "cli")]
mod doctor;
#[cfg(feature = "cli")]
mod events;
mod harmless;
#[cfg(feature = "cli")]
mod history;
mod import;
mod input;
#[cfg(feature = "cli")]
mod list;
#[cfg(feature = "cli")]
mod listen;
mod log;
#[cfg(feature = "cli")]
mod log_level;
#[cfg(feature = "cli")]
mod metrics;
#[cfg(feature = "cli")]
mod migrate;
mod misuse;
#[cfg(feature = "cli")]
mod open_files;
#[cfg(feature = "cli")]
mod outage;
mod outcome;
mod output;
mod pipeline;
#[cfg(feature = "cli")]
mod process;
#[cfg(feature = "cli")]
mod received;
mod records;
#[cfg(feature = "cli")]
mod redeliver;
mod refusal;
mod report;
mod schema;
#[cfg(feature = "cli")]
mod secret;
#[cfg(feature = "cli")]
mod sending;
#[cfg(feature = "cli")]
mod serve;
#[cfg(feature = "cli")]
mod server;
#[cfg(feature = "cli")]
mod show;
#[cfg(feature = "cli")]
mod signals;
#[cfg(feature = "cli")]
mod stalled;
#[cfg(feature = "cli")]
mod stats;
mod store;
#[cfg(feature = "cli")]
mod table;
#[cfg(feature = "cli")]
mod token;
mod validate;
#[cfg(feature = "cli")]
mod verify;
#[cfg(feature = "cli")]
mod webhook;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use log::say;
use outcome::{Completion, Failure, block_on};

#[cfg(feature = "cli")]
const EXAMPLE: &str = "Example:
  certlife apply commands.jsonl > events.jsonl
  certlife list --status failed
  certlife events --payload | certlife validate

What each command takes and prints: certlife COMMAND --help, and docs/certlife.md.";

#[cfg(not(feature = "cli"))]
const EXAMPLE: &str = "Example:
  certlife apply --store memory: commands.jsonl | certlife validate

This certlife was built without databases and deliveries: the feature cli has them, and more commands.";

/// The lifecycle of certificate applications: apply commands, audit events, draw the rules.
///
/// The applications are kept in certlife.db in the folder where it is run, or where --store or
/// CERTLIFE_STORE says.
#[derive(Debug, Parser)]
#[command(name = "certlife", version, max_term_width = 100, after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(apply::Args),
    Import(import::Args),
    #[cfg(feature = "cli")]
    Show(show::Args),
    #[cfg(feature = "cli")]
    History(history::Args),
    #[cfg(feature = "cli")]
    List(list::Args),
    #[cfg(feature = "cli")]
    Stats(stats::Args),
    #[cfg(feature = "cli")]
    Events(events::Args),
    #[cfg(feature = "cli")]
    Stalled(stalled::Args),
    #[cfg(feature = "cli")]
    Process(process::Args),
    #[cfg(feature = "cli")]
    Webhook(webhook::Args),
    #[cfg(feature = "cli")]
    Deliver(deliver::Args),
    #[cfg(feature = "cli")]
    Deliveries(deliveries::Args),
    #[cfg(feature = "cli")]
    Redeliver(redeliver::Args),
    #[cfg(feature = "cli")]
    Serve(Box<serve::Args>),
    #[cfg(feature = "cli")]
    Token(token::Args),
    #[cfg(feature = "cli")]
    Migrate(migrate::Args),
    #[cfg(feature = "cli")]
    Doctor(doctor::Args),
    Validate(validate::Args),
    #[cfg(feature = "cli")]
    Verify(verify::Args),
    #[cfg(feature = "cli")]
    Listen(listen::Args),
    Diagram(diagram::Args),
    Schema(schema::Args),
    Completions(completions::Args),
}

/// Runs the program with the arguments of the process.
///
/// The exit code is 0 where all was accepted, 1 where some lines were refused, 2 where the run
/// could not go on. A reader that closes the output early ends the run without an error.
pub(super) fn run() -> ExitCode {
    let outcome = read().and_then(carry_out);
    let code = match outcome {
        Ok(Completion::Clean) => ExitCode::SUCCESS,
        Ok(Completion::Refused) => ExitCode::from(1),
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::from(2)
        }
    };
    log::drain();
    code
}

/// Reads the command of the process; for `serve`, with what variables and a file say.
fn read() -> Result<Command, Failure> {
    #[cfg(feature = "cli")]
    let matches = {
        let program = serve::with_variables(Cli::command());
        let given = misuse::matches(program.clone());
        match serve::configured(program, &given)? {
            Some(program) => misuse::matches(program),
            None => given,
        }
    };
    #[cfg(not(feature = "cli"))]
    let matches = misuse::matches(Cli::command());
    let cli = Cli::from_arg_matches(&matches);
    Ok(cli.unwrap_or_else(|error| error.exit()).command)
}

fn carry_out(command: Command) -> Result<Completion, Failure> {
    match command {
        Command::Apply(args) => apply::run(args),
        Command::Import(args) => import::run(args),
        #[cfg(feature = "cli")]
        Command::Show(args) => show::run(&args),
        #[cfg(feature = "cli")]
        Command::History(args) => history::run(&args),
        #[cfg(feature = "cli")]
        Command::List(args) => list::run(&args),
        #[cfg(feature = "cli")]
        Command::Stats(args) => stats::run(&args),
        #[cfg(feature = "cli")]
        Command::Events(args) => events::run(&args),
        #[cfg(feature = "cli")]
        Command::Stalled(args) => stalled::run(&args),
        #[cfg(feature = "cli")]
        Command::Process(args) => process::run(&args),
        #[cfg(feature = "cli")]
        Command::Webhook(args) => webhook::run(&args),
        #[cfg(feature = "cli")]
        Command::Deliver(args) => deliver::run(&args),
        #[cfg(feature = "cli")]
        Command::Deliveries(args) => deliveries::run(&args),
        #[cfg(feature = "cli")]
        Command::Redeliver(args) => redeliver::run(&args),
        #[cfg(feature = "cli")]
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "cli")]
        Command::Token(args) => token::run(&args),
        #[cfg(feature = "cli")]
        Command::Migrate(args) => migrate::run(&args),
        #[cfg(feature = "cli")]
        Command::Doctor(args) => doctor::run(&args),
        Command::Validate(args) => validate::run(&args),
        #[cfg(feature = "cli")]
        Command::Verify(args) => verify::run(&args),
        #[cfg(feature = "cli")]
        Command::Listen(args) => listen::run(&args),
        Command::Diagram(args) => diagram::run(&args),
        Command::Schema(args) => schema::run(&args, Cli::command()),
        Command::Completions(args) => completions::run(&args, Cli::command()),
    }
}
