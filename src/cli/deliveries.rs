//! `certlife deliveries`: what was sent, and what was not.

use std::io::Write;

use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use uuid::Uuid;

use super::arguments::{Form, hyphenated, in_words, one_institution, time as read_time};
use super::delivery::{COLUMNS, Line, facts, row};
use super::list::{LISTED, PAGE};
use super::output::{Output, Reader};
use super::schema::kinds;
use super::table::{Table, record};
use super::{Completion, Failure, block_on, say, store, webhook};
use certificate_lifecycle::EventKind;
use certificate_lifecycle::store::{
    AnyStore, Attempt, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus, InstitutionId, Outbox,
    StoreError,
};

/// List deliveries, in the order in which they were made.
///
/// A delivery is one event on its way to one webhook: pending until it is delivered or, after the
/// last attempt, dead. A list that --limit cuts off ends with a line on standard error that says
/// which delivery to go on --after; with --json, the object {"after":ID}. Instead of a list, some
/// may be named by their ids.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    filter: Filter,

    /// Show each delivery with its attempts, as far as they are still kept.
    #[arg(long)]
    attempts: bool,

    /// List at most so many; all of them, if absent.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,

    /// Go on after the delivery that a list with --limit ended with.
    #[arg(long, value_name = "ID", value_parser = delivery_id)]
    after: Option<DeliveryId>,

    #[command(flatten)]
    form: Form,

    /// These deliveries.
    #[arg(
        value_name = "ID",
        value_parser = delivery_id,
        conflicts_with_all = [
            "status", "event", "webhook", "application", "since", "until", "limit", "after"
        ]
    )]
    ids: Vec<DeliveryId>,
}

const EXAMPLE: &str = "Example:
  certlife deliveries --status dead --attempts
  certlife deliveries --since 2026-06-04T10:30:00Z --limit 20

Exit status: 0 listed, 1 an id or the webhook is unknown, 2 the run could not go on or something is
corrupt.";

/// Which deliveries.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Filter {
    /// Only deliveries with this status.
    #[arg(long, value_name = "STATUS", value_parser = statuses())]
    pub(super) status: Option<DeliveryStatus>,

    /// Only deliveries of events of this kind.
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    pub(super) event: Option<EventKind>,

    /// Only deliveries to this webhook.
    #[arg(long, value_name = "ID", value_parser = hyphenated)]
    pub(super) webhook: Option<Uuid>,

    /// Only deliveries about this application.
    #[arg(long, value_name = "UUID", value_parser = hyphenated)]
    pub(super) application: Option<Uuid>,

    /// Only those of this institution, also of those that are named; of all, if absent.
    #[arg(long, value_name = "ID", value_parser = one_institution)]
    pub(super) institution: Option<InstitutionId>,

    /// Only those whose event was recorded then or later.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    pub(super) since: Option<DateTime<Utc>>,

    /// Only those whose event was recorded before.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    pub(super) until: Option<DateTime<Utc>>,
}

fn statuses() -> impl TypedValueParser<Value = DeliveryStatus> {
    PossibleValuesParser::new(DeliveryStatus::NAMES).try_map(|status| status.parse())
}

/// Reads the number of a delivery.
pub(super) fn delivery_id(text: &str) -> Result<DeliveryId, &'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number
        .map(DeliveryId)
        .ok_or("expected the id of a delivery, a number such as 42")
}

impl Filter {
    pub(super) fn get(&self) -> DeliveryFilter {
        DeliveryFilter::default()
            .with_webhook(self.webhook)
            .with_application(self.application)
            .with_status(self.status)
            .with_kind(self.event)
            .with_since(self.since)
            .with_until(self.until)
    }

    /// Whether anything is filtered.
    pub(super) fn is_given(&self) -> bool {
        self.institution.is_some() || self.get() != DeliveryFilter::default()
    }

    /// The webhook that is asked for and is none.
    pub(super) async fn stranger(&self, store: &AnyStore) -> Result<Option<Uuid>, Failure> {
        let Some(id) = self.webhook else {
            return Ok(None);
        };
        let webhooks = store.webhooks(self.institution.as_ref()).await?;
        Ok(webhooks.iter().all(|it| it.id != id).then_some(id))
    }
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    block_on(async {
        let engine = args.store.open_to_read().await?;
        let store = engine.store();
        let institution = args.filter.institution.as_ref();
        if let Some(id) = args.filter.stranger(store).await? {
            return Ok(webhook::unknown(args.filter.institution.as_ref(), id));
        }
        let mut view = View::new(args.form.json, args.attempts);
        if !args.ids.is_empty() {
            return view.named(store, institution, &args.ids).await;
        }
        let (mut left, mut after) = (args.limit.unwrap_or(u64::MAX), args.after);
        while left > 0 {
            let limit = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
            let page = store.deliveries(institution, args.filter.get(), after, limit);
            let page = page.await?;
            after = page.next;
            left = left.saturating_sub(page.deliveries.len() as u64);
            let corrupt = page.corrupt.into_iter().map(|(_, it)| it).collect();
            let reader = view.show_all(store, page.deliveries, corrupt).await?;
            if reader == Reader::Gone || after.is_none() {
                return view.end(|| args.nothing());
            }
        }
        if let Some(last) = after {
            say_more(last, &args.form);
        }
        view.end(|| args.nothing())
    })
}

impl Args {
    fn nothing(&self) -> String {
        match (self.after, self.filter.is_given()) {
            (Some(_), _) => "no more deliveries".to_owned(),
            (None, true) => "no delivery matches".to_owned(),
            (None, false) => "no deliveries".to_owned(),
        }
    }
}

/// Says that there is no such delivery, of an institution or at all.
pub(super) fn unknown(institution: Option<&InstitutionId>, id: DeliveryId) -> Completion {
    say(&match institution {
        Some(it) => format!("{} has no delivery {id}", in_words(it)),
        None => format!("there is no delivery {id}"),
    });
    Completion::Refused
}

/// One delivery, of an institution or of any, or why it cannot be read.
pub(super) async fn find(
    store: &AnyStore,
    institution: Option<&InstitutionId>,
    id: DeliveryId,
) -> Result<Option<Result<Delivery, StoreError>>, Failure> {
    let before = DeliveryId(id.0.saturating_sub(1));
    let page = store.deliveries(institution, DeliveryFilter::default(), Some(before), 1);
    let page = page.await?;
    let corrupt = page.corrupt.into_iter().find(|(it, _)| *it == id);
    Ok(match corrupt {
        Some((_, error)) => Some(Err(error)),
        None => page.deliveries.into_iter().find(|it| it.id == id).map(Ok),
    })
}

/// Tells where the list goes on, beside the list.
fn say_more(last: DeliveryId, form: &Form) {
    if form.json {
        // A closed standard error needs no message.
        let _ = writeln!(std::io::stderr(), r#"{{"after":{last}}}"#);
    } else {
        say(&format!("there are more; go on with --after {last}"));
    }
}

/// Deliveries, page by page.
pub(super) struct View {
    output: Output,
    form: Shown,
    is_empty: bool,
    corrupt: usize,
}

/// How deliveries are shown.
enum Shown {
    Lines {
        attempts: bool,
    },
    Table(Table),
    /// Each with its attempts.
    Blocks,
}

impl View {
    pub(super) fn new(json: bool, attempts: bool) -> Self {
        let form = match (json, attempts) {
            (true, _) => Shown::Lines { attempts },
            (false, false) => Shown::Table(Table::new(&COLUMNS)),
            (false, true) => Shown::Blocks,
        };
        Self {
            output: Output::plain(),
            form,
            is_empty: true,
            corrupt: 0,
        }
    }

    /// Shows the next page at once.
    pub(super) fn show(&mut self, page: &[(Delivery, Vec<Attempt>)]) -> Result<Reader, Failure> {
        let was_empty = self.is_empty;
        self.is_empty &= page.is_empty();
        match &mut self.form {
            Shown::Lines { attempts } => {
                for (delivery, made) in page {
                    let made = attempts.then_some(made.as_slice());
                    if self.output.object(&Line::new(delivery, made))? == Reader::Gone {
                        return Ok(Reader::Gone);
                    }
                }
            }
            Shown::Table(table) => {
                let text = table.page(page.iter().map(|(delivery, _)| row(delivery)));
                self.output.text().extend_from_slice(text.as_bytes());
            }
            Shown::Blocks => {
                for (at, (delivery, attempts)) in page.iter().enumerate() {
                    let text = self.output.text();
                    if at > 0 || !was_empty {
                        text.push(b'\n');
                    }
                    text.extend_from_slice(record(facts(delivery, attempts)).as_bytes());
                }
            }
        }
        self.output.flush()
    }

    /// Whether attempts are shown.
    const fn has_attempts(&self) -> bool {
        matches!(self.form, Shown::Lines { attempts: true } | Shown::Blocks)
    }

    /// Shows the next page, with the attempts that are to be shown, and tells what of it is
    /// corrupt.
    async fn show_all(
        &mut self,
        store: &AnyStore,
        deliveries: Vec<Delivery>,
        mut corrupt: Vec<StoreError>,
    ) -> Result<Reader, Failure> {
        let mut shown = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let attempts = if self.has_attempts() {
                store.attempts(&delivery.institution, delivery.id).await
            } else {
                Ok(Vec::new())
            };
            match attempts {
                Ok(attempts) => shown.push((delivery, attempts)),
                Err(error @ StoreError::Corrupt { .. }) => corrupt.push(error),
                Err(error) => return Err(error.into()),
            }
        }
        let reader = self.show(&shown)?;
        self.tell(&corrupt);
        Ok(reader)
    }

    /// Shows these, and reports unknown ids.
    async fn named(
        &mut self,
        store: &AnyStore,
        institution: Option<&InstitutionId>,
        ids: &[DeliveryId],
    ) -> Result<Completion, Failure> {
        let mut outcome = Completion::Clean;
        for id in ids {
            let (mut found, mut corrupt) = (Vec::new(), Vec::new());
            match find(store, institution, *id).await? {
                Some(Ok(delivery)) => found.push(delivery),
                Some(Err(error)) => corrupt.push(error),
                None => {
                    outcome = unknown(institution, *id);
                }
            }
            if self.show_all(store, found, corrupt).await? == Reader::Gone {
                return Ok(outcome);
            }
        }
        // Unknown ids have been reported.
        self.is_empty = false;
        self.end(String::new).map(|_| outcome)
    }

    /// Tells what is corrupt, beside the list.
    fn tell(&mut self, corrupt: &[StoreError]) {
        for error in corrupt {
            say(&error.to_string());
        }
        self.corrupt += corrupt.len();
    }

    /// After the last: how it went. Not well, where something could not be shown; and where there
    /// was nothing, a line says so to people. Programs see it.
    fn end(&self, nothing: impl FnOnce() -> String) -> Result<Completion, Failure> {
        if self.corrupt > 0 {
            return Err(Failure::Corrupt {
                left_out: LISTED,
                count: self.corrupt,
            });
        }
        if self.is_empty && !matches!(self.form, Shown::Lines { .. }) {
            say(&nothing());
        }
        Ok(Completion::Clean)
    }
}
