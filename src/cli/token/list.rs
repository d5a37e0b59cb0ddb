//! `certlife token list`: the tokens that there are.

use super::bounds::ALL;
use crate::cli::arguments::{Form, in_words};
use crate::cli::list::{LISTED, PAGE};
use crate::cli::output::{Output, Reader};
use crate::cli::show::time;
use crate::cli::table::{Column, Table};
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::store::{InstitutionId, Token, Tokens};

/// List the tokens, in the order in which they were created, without their secrets.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife token list --institution default")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Only those that are good for this institution alone; all of them, if absent.
    #[arg(long, value_name = "ID", value_parser = one_institution)]
    institution: Option<InstitutionId>,

    #[command(flatten)]
    form: Form,
}

const COLUMNS: [Column; 7] = [
    Column::word("TOKEN").at_least(16),
    Column::word("NAME"),
    Column::word("INSTITUTION"),
    Column::word("ACTOR"),
    Column::time("EXPIRES"),
    Column::time("LAST USED"),
    Column::text("SCOPES"),
];

/// Reads the id of an institution, and not what stands for all of them.
fn one_institution(text: &str) -> Result<InstitutionId, String> {
    if text == ALL {
        return Err(
            "tokens that are good for all institutions are listed with all others".to_owned(),
        );
    }
    InstitutionId::new(text).map_err(|error| error.to_string())
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    block_on(async {
        let engine = args.store.open_to_read().await?;
        let (mut output, mut table) = (Output::plain(), Table::new(&COLUMNS));
        let (mut after, mut is_empty, mut corrupt) = (None, true, 0);
        loop {
            let tokens = engine
                .store()
                .tokens(args.institution.as_ref(), after, PAGE);
            let page = tokens.await?;
            is_empty &= page.tokens.is_empty();
            if args.form.json {
                for token in &page.tokens {
                    if output.object(token)? == Reader::Gone {
                        return Ok(Completion::Clean);
                    }
                }
            } else {
                let text = table.page(page.tokens.iter().map(row));
                output.text().extend_from_slice(text.as_bytes());
            }
            if output.flush()? == Reader::Gone {
                return Ok(Completion::Clean);
            }
            for error in &page.corrupt {
                say(&error.to_string());
            }
            corrupt += page.corrupt.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if corrupt > 0 {
            return Err(Failure::Corrupt {
                left_out: LISTED,
                count: corrupt,
            });
        }
        if is_empty && !args.form.json {
            say(&match &args.institution {
                None => "no tokens".to_owned(),
                Some(institution) => format!("no tokens of {}", in_words(institution)),
            });
        }
        Ok(Completion::Clean)
    })
}

fn row(token: &Token) -> Vec<String> {
    let institution = token.institution.as_ref();
    let at = |it: Option<_>| it.map_or_else(|| "never".to_owned(), time);
    vec![
        token.id.to_string(),
        token.name.to_string(),
        institution.map_or_else(|| ALL.to_owned(), ToString::to_string),
        token.actor.to_string(),
        at(token.expires_at),
        at(token.last_used_at),
        token.scopes.to_string().replace(',', ", "),
    ]
}
