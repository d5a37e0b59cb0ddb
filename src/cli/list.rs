//! `certlife list`: an institution's applications.

use std::io::Write;

use super::arguments::{Form, Institution, in_words, time as read_time};
use super::output::{Output, Reader};
use super::show::time;
use super::table::{Column, Table};
use super::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::store::{Filter, ListOrder, ListQuery, Page, PageKey, TitlePart};
use certificate_lifecycle::{AnyApplication, ApplicantEmail, ApplicationId, Source, Status};
use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// How many applications are read at once.
pub(super) const PAGE: u32 = 512;

/// What is corrupt is not this.
pub(super) const LISTED: &str = "on the list";

/// List an institution's applications, in the order in which they were created.
///
/// With --json, a line is the record of an application. A list that --limit cuts off ends with a
/// line on standard error that says which key to go on --after; with --json, the object
/// {"after":"KEY"}.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife list --status failed --newest-first --limit 20")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    institution: Institution,

    /// Only those in this state.
    #[arg(long, value_name = "STATUS", value_parser = statuses())]
    status: Option<Status>,

    /// Only those from this source.
    #[arg(long, value_name = "SOURCE", value_parser = sources())]
    source: Option<Source>,

    /// Only those that an administrator has to decide: created, and from a customer.
    #[arg(long)]
    awaiting_decision: bool,

    /// Only those of this applicant; upper and lower case count.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<ApplicantEmail>,

    /// Only those whose certificate title contains this, ignoring case.
    #[arg(long, value_name = "TEXT")]
    title: Option<TitlePart>,

    /// Only those with this application id.
    #[arg(long, value_name = "NUMBER", value_parser = application_id)]
    application_id: Option<ApplicationId>,

    /// Only those whose last event lies at this time or later.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    updated_after: Option<DateTime<Utc>>,

    /// Begin with the one that was created last.
    #[arg(long)]
    newest_first: bool,

    /// List at most so many; all of them, if absent.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,

    /// Go on after the key that a list with --limit ended with.
    #[arg(long, value_name = "KEY", value_parser = page_key)]
    after: Option<PageKey>,

    #[command(flatten)]
    form: Form,
}

fn statuses() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::NAMES).try_map(|status| status.parse())
}

fn sources() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(Source::NAMES).try_map(|source| source.parse())
}

impl Args {
    /// What to say where there is nothing to list.
    fn nothing(&self) -> String {
        let institution = in_words(&self.institution.id);
        match (self.after, self.filter() == Filter::all()) {
            (Some(_), _) => format!("no more applications of {institution}"),
            (None, true) => format!("no applications of {institution}"),
            (None, false) => format!("no application of {institution} matches"),
        }
    }

    fn filter(&self) -> Filter {
        let mut filter = Filter::all();
        if let Some(status) = self.status {
            filter = filter.status(status);
        }
        if let Some(source) = self.source {
            filter = filter.source(source);
        }
        if self.awaiting_decision {
            filter = filter.awaiting_decision();
        }
        if let Some(email) = &self.email {
            filter = filter.email(email.clone());
        }
        if let Some(part) = &self.title {
            filter = filter.title(part.clone());
        }
        if let Some(number) = self.application_id {
            filter = filter.application_id(number);
        }
        if let Some(time) = self.updated_after {
            filter = filter.updated_after(time);
        }
        filter
    }
}

/// Reads a number of the backend's.
fn application_id(text: &str) -> Result<ApplicationId, String> {
    let number = text.parse().ok().and_then(|it| ApplicationId::new(it).ok());
    number.ok_or_else(|| format!("expected {}", ApplicationId::RULE))
}

/// Reads the key of a page. Its own error repeats the text.
fn page_key(text: &str) -> Result<PageKey, &'static str> {
    text.parse()
        .map_err(|_| "expected the key of a page as a list gives it")
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    block_on(async {
        let engine = args.store.open_to_read().await?;
        let mut view = View::new(&args.form);
        let mut left = args.limit.unwrap_or(u64::MAX);
        let mut after = args.after;
        let order = if args.newest_first {
            ListOrder::NewestFirst
        } else {
            ListOrder::OldestFirst
        };
        while left > 0 {
            let limit = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
            let query = ListQuery {
                institution: args.institution.id.clone(),
                filter: args.filter(),
                order,
                after,
                limit,
                origins: false,
            };
            let page = engine.list(query).await?;
            left = left.saturating_sub(page.applications.len() as u64);
            after = page.next;
            if view.show(&page)? == Reader::Gone || after.is_none() {
                return view.end(|| args.nothing());
            }
        }
        if let Some(key) = after {
            say_more(key, &args.form);
        }
        view.end(|| args.nothing())
    })
}

/// Tells where the list goes on, beside the list.
fn say_more(key: PageKey, form: &Form) {
    if form.json {
        // A closed standard error needs no message.
        let _ = writeln!(std::io::stderr(), r#"{{"after":"{key}"}}"#);
    } else {
        say(&format!("there are more; go on with --after {key}"));
    }
}

/// Applications, page by page.
pub(super) struct View {
    output: Output,
    table: Option<Table>,
    is_empty: bool,
    corrupt: usize,
}

const COLUMNS: [Column; 7] = [
    Column::UUID,
    Column::STATUS,
    Column::SOURCE,
    Column::time("UPDATED AT"),
    Column::number("ID"),
    Column::word("EMAIL"),
    Column::text("TITLE"),
];

impl View {
    pub(super) fn new(form: &Form) -> Self {
        Self {
            output: Output::plain(),
            table: (!form.json).then(|| Table::new(&COLUMNS)),
            is_empty: true,
            corrupt: 0,
        }
    }

    /// Shows the next page at once, and reports corrupt rows beside it.
    pub(super) fn show(&mut self, page: &Page) -> Result<Reader, Failure> {
        let reader = self.show_all(&page.applications);
        for corrupt in &page.corrupt {
            say(&corrupt.to_string());
        }
        self.corrupt += page.corrupt.len();
        reader
    }

    /// Shows the next applications at once.
    pub(super) fn show_all(&mut self, applications: &[AnyApplication]) -> Result<Reader, Failure> {
        self.is_empty &= applications.is_empty();
        if let Some(table) = &mut self.table {
            let page = table.page(applications.iter().map(row));
            self.output.text().extend_from_slice(page.as_bytes());
        } else {
            for application in applications {
                if self.output.object(&application.to_record())? == Reader::Gone {
                    return Ok(Reader::Gone);
                }
            }
        }
        self.output.flush()
    }

    /// After the last: how it went. Not well, where something could not be shown; and where there
    /// was nothing, a line says so to people. Programs see it.
    pub(super) fn end(&self, nothing: impl FnOnce() -> String) -> Result<Completion, Failure> {
        if self.corrupt > 0 {
            return Err(Failure::Corrupt {
                left_out: LISTED,
                count: self.corrupt,
            });
        }
        if self.is_empty && self.table.is_some() {
            say(&nothing());
        }
        Ok(Completion::Clean)
    }
}

fn row(application: &AnyApplication) -> Vec<String> {
    let details = application.details();
    vec![
        details.uuid().to_string(),
        application.status().to_string(),
        application.source().to_string(),
        time(application.updated_at()),
        details.application_id().get().to_string(),
        details.applicant_email().to_string(),
        details.certificate_title().to_string(),
    ]
}
