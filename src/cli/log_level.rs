//! How much a command that runs for long logs.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Failure, log};

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    /// From here on, what the crate reports is in the log.
    pub(super) fn start(self) -> Result<(), Failure> {
        log::start()?;
        let level = match self {
            Self::Off => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        };
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(|| log::Lines)
            .with_target(false)
            .with_ansi(log::is_terminal());
        // Libraries do not promise that their lines have nothing personal.
        let own = Targets::new().with_target("certificate_lifecycle", level);
        // There is none before: it is the first thing that the command does.
        let _ = tracing_subscriber::registry()
            .with(own)
            .with(lines)
            .try_init();
        Ok(())
    }
}
