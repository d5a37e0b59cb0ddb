//! `certlife schema`: the events and the HTTP API described for other languages.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Command, ValueEnum};

use super::output::print;
use super::{Completion, Failure};
use certificate_lifecycle::{EventKind, schema};

/// Describe the events as JSON Schema (draft 2020-12) or AsyncAPI 3.0, the HTTP API as OpenAPI 3.1.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    /// Which description.
    #[arg(long, value_enum, default_value_t = Format::JsonSchema)]
    format: Format,

    /// The JSON Schema of one kind of event only; of all six, if absent.
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    event: Option<EventKind>,
}

const EXAMPLE: &str = "Example:
  certlife schema --event approved
  certlife schema --format asyncapi > asyncapi.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One schema that accepts each of the six events.
    JsonSchema,
    /// One document of all six events.
    Asyncapi,
    /// The HTTP API of certlife serve, with the six events as its webhooks.
    #[cfg(feature = "cli")]
    Openapi,
}

pub(super) fn kinds() -> impl TypedValueParser<Value = EventKind> {
    PossibleValuesParser::new(EventKind::NAMES).try_map(|kind| kind.parse())
}

/// As a subcommand of this command line.
pub(super) fn run(args: &Args, mut cli: Command) -> Result<Completion, Failure> {
    if args.format != Format::JsonSchema && args.event.is_some() {
        let message = "--event goes with --format json-schema; the other documents have all events";
        // Built, so that the message shows the usage of this subcommand.
        cli.build();
        let schema = cli.find_subcommand("schema").cloned();
        schema
            .unwrap_or(cli)
            .error(ErrorKind::ArgumentConflict, message)
            .exit();
    }
    print(&match (args.format, args.event) {
        (Format::JsonSchema, None) => schema::any_event_schema(),
        (Format::JsonSchema, Some(kind)) => schema::event_schema(kind),
        (Format::Asyncapi, _) => schema::asyncapi(),
        #[cfg(feature = "cli")]
        (Format::Openapi, _) => certificate_lifecycle::server::openapi(),
    })?;
    Ok(Completion::Clean)
}
