//! `certlife redeliver`: what was settled is sent again, and what waits is sent now.

use std::collections::{BTreeMap, BTreeSet};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use uuid::Uuid;

use super::acts::act;
use super::arguments::Form;
use super::deliver::tell_kept;
use super::deliveries::{Filter, View, delivery_id, find, unknown};
use super::list::{LISTED, PAGE};
use super::output::{Output, Reader};
use super::show::time;
use super::{Completion, Failure, block_on, say, store, webhook};
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{
    ActId, ActKind, ActOutcome, AnyStore, Audit, Delivery, DeliveryFilter, DeliveryId,
    DeliveryStatus, InstitutionId, Outbox, StoreError,
};

/// Send dead or delivered deliveries again, or retry a waiting one immediately.
///
/// Choose them by their ids, with --all-dead, or with the filters of certlife deliveries; without
/// --status, the filters choose dead and delivered ones. They become due, with all of their
/// attempts before them. Deliveries that are being sent or are already due are not changed.
///
/// With --json, the number is an object, {"redelivered":…}; with --dry-run, each delivery is one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// All that are dead.
    #[arg(long, conflicts_with = "status")]
    all_dead: bool,

    #[command(flatten)]
    filter: Filter,

    /// List and count the deliveries that would be sent again; change nothing.
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    form: Form,

    /// The deliveries: their ids.
    #[arg(
        value_name = "ID",
        value_parser = delivery_id,
        conflicts_with_all = [
            "all_dead", "status", "event", "webhook", "application", "since", "until"
        ]
    )]
    ids: Vec<DeliveryId>,
}

const EXAMPLE: &str = "Example:
  certlife redeliver --all-dead --dry-run
  certlife redeliver --status delivered --since 2026-06-04T10:30:00Z

Exit status: 0 they are due, 1 an id or the webhook is unknown, 2 some are corrupt and left out, or
the run could not go on.";

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    if args.ids.is_empty() && !args.all_dead && !args.filter.is_given() {
        return Err(Failure::Argument(
            "which deliveries? give their ids, --all-dead, or a filter such as --webhook or --since"
                .to_owned(),
        ));
    }
    let mut filter = args.filter.get();
    if args.all_dead {
        filter.status = Some(DeliveryStatus::Dead);
    }
    block_on(async {
        let engine = if args.dry_run {
            args.store.open_to_read().await?
        } else {
            args.store.open_existing().await?
        };
        if let Some(id) = args.filter.stranger(engine.store()).await? {
            return Ok(webhook::unknown(args.filter.institution.as_ref(), id));
        }
        let mut run = Run::new(engine.store(), args, &filter);
        let (outcome, reader) = if args.ids.is_empty() {
            (Completion::Clean, run.all(&filter).await?)
        } else {
            run.each(&args.ids).await?
        };
        run.end_acts().await?;
        // Who has gone wants no count either, of which the rest would be missing.
        if reader == Reader::Listening {
            let ended = run.end();
            run.tell_kept().await?;
            ended?;
        }
        Ok(outcome)
    })
}

/// How many there were, for programs.
#[derive(Serialize)]
struct Redelivered {
    redelivered: u64,
}

/// A run under way.
struct Run<'a> {
    store: &'a AnyStore,
    /// Where what would be done is only shown.
    view: Option<View>,
    /// Whose deliveries alone, if not those of all.
    institution: Option<&'a InstitutionId>,
    json: bool,
    bar: ProgressBar,
    count: u64,
    /// The webhooks of what was redelivered.
    webhooks: BTreeSet<Uuid>,
    corrupt: usize,
    /// What is chosen, in words.
    chosen: String,
    /// The acts that were recorded: one for each institution.
    acts: BTreeMap<InstitutionId, ActId>,
}

impl<'a> Run<'a> {
    fn new(store: &'a AnyStore, args: &'a Args, filter: &DeliveryFilter) -> Self {
        let json = args.form.json;
        let view = args.dry_run.then(|| View::new(json, false));
        let bar = match &view {
            Some(_) => ProgressBar::hidden(),
            // It shows itself on a terminal alone.
            None => ProgressBar::new_spinner(),
        };
        // The template is a constant that a test draws; a default bar would do as well.
        let style = ProgressStyle::with_template("{spinner} {human_pos} redelivered");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self {
            store,
            view,
            institution: args.filter.institution.as_ref(),
            json,
            bar,
            count: 0,
            webhooks: BTreeSet::new(),
            corrupt: 0,
            chosen: if args.ids.is_empty() {
                filter.to_string()
            } else {
                let ids: Vec<_> = args.ids.iter().map(ToString::to_string).collect();
                ids.join(", ")
            },
            acts: BTreeMap::new(),
        }
    }

    /// All that the filter lets through.
    async fn all(&mut self, filter: &DeliveryFilter) -> Result<Reader, Failure> {
        let mut after = None;
        loop {
            let page = self
                .store
                .deliveries(self.institution, filter.clone(), after, PAGE);
            let page = page.await?;
            after = page.next;
            for (_, corrupt) in &page.corrupt {
                self.tell(corrupt);
            }
            let (mut chosen, now) = (page.deliveries, SystemClock.now());
            // Without a status, what waits for its time is left to it.
            let takes_pending = filter.status.is_some();
            chosen.retain(|it| {
                it.can_be_redelivered(now)
                    && (takes_pending || it.status != DeliveryStatus::Pending)
            });
            let reader = self.redeliver(chosen).await?;
            if reader == Reader::Gone || after.is_none() {
                return Ok(reader);
            }
        }
    }

    /// Redelivers these, and reports those that cannot be.
    async fn each(&mut self, ids: &[DeliveryId]) -> Result<(Completion, Reader), Failure> {
        let (mut outcome, now) = (Completion::Clean, SystemClock.now());
        for ids in ids.chunks(PAGE as usize) {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                match find(self.store, self.institution, *id).await? {
                    None => outcome = unknown(self.institution, *id),
                    Some(Err(corrupt)) => self.tell(&corrupt),
                    Some(Ok(it)) if it.can_be_redelivered(now) => found.push(it),
                    Some(Ok(it)) if it.is_leased && it.at > now => say(&format!(
                        "delivery {id} is being sent; should nothing come of it, it is due at {}",
                        time(it.at)
                    )),
                    Some(Ok(_)) => say(&format!("delivery {id} is due already")),
                }
            }
            if self.redeliver(found).await? == Reader::Gone {
                return Ok((outcome, Reader::Gone));
            }
        }
        Ok((outcome, Reader::Listening))
    }

    async fn redeliver(&mut self, deliveries: Vec<Delivery>) -> Result<Reader, Failure> {
        if let Some(view) = &mut self.view {
            self.count += deliveries.len() as u64;
            let page: Vec<_> = deliveries.into_iter().map(|it| (it, Vec::new())).collect();
            return view.show(&page);
        }
        self.webhooks.extend(deliveries.iter().map(|it| it.webhook));
        let mut by_institution: BTreeMap<InstitutionId, Vec<DeliveryId>> = BTreeMap::new();
        for it in deliveries {
            by_institution
                .entry(it.institution)
                .or_default()
                .push(it.id);
        }
        for (institution, ids) in by_institution {
            self.record(&institution).await?;
            let redelivered = self.store.redeliver(&institution, SystemClock.now(), ids);
            self.count += redelivered.await?;
            self.bar.set_position(self.count);
        }
        Ok(Reader::Listening)
    }

    /// Records who did it, before the first deliveries of an institution.
    async fn record(&mut self, institution: &InstitutionId) -> Result<(), Failure> {
        if !self.acts.contains_key(institution) {
            let act = act(Some(institution), ActKind::DeliveriesRedelivered)?;
            let act = act.with_detail(self.chosen.as_str().into());
            let id = self.store.record_act(act).await?;
            self.acts.insert(institution.clone(), id);
        }
        Ok(())
    }

    /// Records that it was done.
    async fn end_acts(&self) -> Result<(), Failure> {
        for id in self.acts.values() {
            self.store.end_act(*id, ActOutcome::Done).await?;
        }
        Ok(())
    }

    /// Reports the webhooks that must be enabled first.
    async fn tell_kept(&self) -> Result<(), Failure> {
        if self.webhooks.is_empty() {
            return Ok(());
        }
        for backlog in self.store.backlog(self.institution).await? {
            if self.webhooks.contains(&backlog.webhook) {
                tell_kept(&backlog);
            }
        }
        Ok(())
    }

    fn tell(&mut self, corrupt: &StoreError) {
        self.bar.suspend(|| say(&corrupt.to_string()));
        self.corrupt += 1;
    }

    /// Says how many there were, and whether some were left out.
    fn end(&self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        let (would_be, left_out) = match self.view {
            Some(_) => (" would be", LISTED),
            None => ("", "redelivered"),
        };
        if self.json && self.view.is_none() {
            let mut output = Output::plain();
            let redelivered = self.count;
            let _ = output.object(&Redelivered { redelivered })?;
            let _ = output.flush()?;
        } else {
            say(&format!("{}{would_be} redelivered", self.count));
        }
        match self.corrupt {
            0 => Ok(()),
            count => Err(Failure::Corrupt { left_out, count }),
        }
    }
}
