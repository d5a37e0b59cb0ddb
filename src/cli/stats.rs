//! `certlife stats`: how many applications are where.

use super::arguments::{Form, Institution};
use super::output::{Output, Reader};
use super::show::time;
use super::table::{Column, Table};
use super::{Completion, Failure, block_on, store};
use certificate_lifecycle::store::Count;

/// Count an institution's applications, by status and source.
///
/// For each, it is shown when the application got there that has been there the longest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife stats --institution default --json")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    institution: Institution,

    #[command(flatten)]
    form: Form,
}

const COLUMNS: [Column; 4] = [
    Column::STATUS,
    Column::SOURCE,
    Column::number("APPLICATIONS"),
    Column::time("OLDEST SINCE"),
];

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let counts = block_on(async {
        let engine = args.store.open_to_read().await?;
        Ok(engine.counts(&args.institution.id).await?)
    })?;
    let mut output = Output::plain();
    if args.form.json {
        for count in &counts {
            if output.object(count)? == Reader::Gone {
                return Ok(Completion::Clean);
            }
        }
    } else {
        let total: u64 = counts.iter().map(|count| count.applications).sum();
        let row = |count: &Count| {
            vec![
                count.status.to_string(),
                count.source.to_string(),
                count.applications.to_string(),
                time(count.oldest_updated_at),
            ]
        };
        let total = vec![
            "in all".to_owned(),
            String::new(),
            total.to_string(),
            String::new(),
        ];
        let text = Table::new(&COLUMNS).page(counts.iter().map(row).chain([total]));
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    Ok(Completion::Clean)
}
