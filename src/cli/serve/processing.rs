//! `--process`: the same as `certlife process`, beside the API.

use std::ffi::OsString;
use std::time::Duration;

use super::super::arguments::{duration, one_institution};
use super::super::{Failure, process};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::processor::{Processor, ProcessorOptions};
use certificate_lifecycle::store::{AnyStore, InstitutionId};

/// Options of `certlife process`, each with `process-` before its name.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Run this command for each application in progress as well, as certlife process --exec does.
    /// It comes last: all that follows is passed to the command.
    #[arg(
        long,
        num_args = 1..,
        allow_hyphen_values = true,
        value_names = ["COMMAND", "ARG"]
    )]
    process: Vec<OsString>,

    /// Run it for this institution only; for all, if absent.
    #[arg(long, value_name = "ID", value_parser = one_institution)]
    process_institution: Option<InstitutionId>,

    /// How many commands run at a time. Without --process-institution, one institution gets half of
    /// them at most, two a third each, and so on.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    process_concurrency: u32,

    /// How long a command may run. Then it gets SIGTERM, and a second later it is killed with all
    /// that it has started.
    #[arg(long, value_name = "DURATION", value_parser = process::timeout, default_value = "10m")]
    process_timeout: Duration,

    /// How long a claim lasts that is not renewed: after a crash, another process takes over when
    /// it ends.
    #[arg(long, value_name = "DURATION", value_parser = process::lease, default_value = "60s")]
    process_lease: Duration,

    /// How many attempts an application has. When the last one exits with 75, it fails.
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    process_attempts: u32,

    /// How long the second attempt waits; each further one waits twice as long, at most 10 minutes.
    /// Each wait is lengthened by up to a fifth.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    process_first_wait: Duration,

    /// How long commands may run on after Ctrl-C or SIGTERM.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "20s")]
    process_grace: Duration,
}

impl Args {
    /// The command, if there is one; whatever is wrong with it is found before anything is begun.
    pub(super) fn command(&self) -> Result<Option<process::Command>, Failure> {
        let command = (!self.process.is_empty()).then_some(self.process.as_slice());
        command
            .map(|it| process::Command::find("--process", it))
            .transpose()
    }

    pub(super) async fn run(
        &self,
        engine: &Engine<AnyStore>,
        command: Option<process::Command>,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let Some(command) = command else {
            return Ok(());
        };
        let options = ProcessorOptions::default()
            .with_concurrency(self.process_concurrency)
            .with_institution(self.process_institution.clone())
            .with_timeout(self.process_timeout)
            .with_lease(self.process_lease)
            .with_attempts(self.process_attempts)
            .with_first_wait(self.process_first_wait)
            .with_grace(self.process_grace);
        let processor = Processor::new(engine.clone(), command).with_options(options);
        let summary = processor.run(stopped).await?;
        process::sum_up(summary);
        Ok(())
    }
}
