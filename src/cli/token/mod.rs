//! `certlife token`: who may use the HTTP API.

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use super::{Completion, Failure};
use certificate_lifecycle::store::InstitutionId;

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

/// What stands for all institutions.
const ALL: &str = "*";

/// One institution, or all of them. An error repeats nothing of the text.
#[derive(Debug, Clone)]
struct Bounds(Option<InstitutionId>);

impl std::str::FromStr for Bounds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == ALL {
            return Ok(Self(None));
        }
        let institution = InstitutionId::new(text).map_err(|error| error.to_string())?;
        Ok(Self(Some(institution)))
    }
}
