//! `certlife diagram`: the lifecycle as a picture.

use clap::ValueEnum;

use super::output::print;
use super::{Completion, Failure};

/// Draw the lifecycle.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife diagram --format svg > lifecycle.svg")]
pub(super) struct Args {
    /// What to draw it for.
    #[arg(long, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The text of a Mermaid block in Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
    /// A self-contained picture for light and dark pages.
    Svg,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    print(&match args.format {
        Format::Mermaid => certificate_lifecycle::diagram::mermaid(),
        Format::Dot => certificate_lifecycle::diagram::dot(),
        Format::Svg => certificate_lifecycle::diagram::svg(),
    })?;
    Ok(Completion::Clean)
}
