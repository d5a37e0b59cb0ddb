//! `--deliver`: the same as `certlife deliver`, beside the API.

use std::time::Duration;

use super::super::arguments::duration;
use super::super::{Failure, deliver, open_files, sending};
use certificate_lifecycle::delivery::{Dispatcher, DispatcherOptions, HttpOptions};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::AnyStore;
use certificate_lifecycle::webhook::RetrySchedule;

/// Options of `certlife deliver`, each with `deliver-` before its name.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Send the events of all institutions to their webhooks as well, as certlife deliver does.
    #[arg(long)]
    deliver: bool,

    /// How many deliveries are under way at a time; one webhook gets half of them at most, two a
    /// third each, and so on.
    #[arg(long, value_name = "NUMBER", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    deliver_concurrency: u32,

    /// How long the request of a delivery may take, the reading of the response included.
    #[arg(long, value_name = "DURATION", value_parser = sending::deadline, default_value = "15s")]
    deliver_timeout: Duration,

    /// The delays before the attempts, separated by commas; the first is 0s. Each is lengthened by
    /// up to a fifth.
    #[arg(
        long,
        value_name = "DELAYS",
        value_parser = deliver::schedule,
        default_value = "0s,5s,5m,30m,2h,5h,10h,14h,20h,24h"
    )]
    deliver_retry_schedule: RetrySchedule,

    /// How long attempts, and deliveries that have arrived, are kept.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30days")]
    deliver_retention: Duration,
}

impl Args {
    /// How requests are sent to webhooks: deliveries, and tests by the API.
    pub(super) fn http(&self, targets: &sending::Targets) -> Result<HttpOptions, Failure> {
        // The others are for the connections of clients.
        let idle = open_files::most() / 8;
        targets.options(self.deliver_timeout, self.deliver_concurrency, idle)
    }

    pub(super) async fn run(
        &self,
        engine: &Engine<AnyStore>,
        sender: sending::Sender,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        if !self.deliver {
            return Ok(());
        }
        let options = DispatcherOptions::default()
            .with_concurrency(self.deliver_concurrency)
            .with_schedule(self.deliver_retry_schedule.clone())
            .with_timeout(self.deliver_timeout)
            .with_retention(self.deliver_retention);
        let dispatcher = Dispatcher::new(engine.store().clone(), sender, options);
        let summary = dispatcher.run(stopped).await?;
        deliver::sum_up(summary);
        Ok(())
    }
}
