//! `certlife webhook test`: send an event that nothing has happened for.

use uuid::Uuid;

use super::which::Which;
use crate::cli::output::Output;
use crate::cli::{Completion, Failure, block_on, say, sending, store};
use certificate_lifecycle::delivery::{Dispatcher, DispatcherOptions, TestError};
use certificate_lifecycle::store::Attempt;

/// Send a test event to a webhook, once, and show what it answers.
///
/// It is the created event of an application that does not exist, with the title "Test event" and
/// the e-mail address test@example.com, signed like any other. A disabled webhook gets it as well.
/// It is no delivery: it is neither kept nor sent again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    sending: sending::Args,

    /// Print what came of it as JSON instead.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    which: Which,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife webhook test \\
  a1b2c3d4-e5f6-7890-abcd-ef1234567890

Exit status: 0 it was taken, 1 it was not, 2 the run could not go on.";

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let transport = args.sending.transport(1)?;
    let remedy = transport.remedy();
    let options = DispatcherOptions::default().with_timeout(args.sending.timeout);
    let Which { institution, id } = &args.which;
    let tested = block_on(async {
        let engine = args.store.open_to_read().await?;
        let dispatcher = Dispatcher::new(engine.store().clone(), transport, options);
        Ok(dispatcher.send_test(institution, *id, Uuid::new_v4()).await)
    })?;
    match tested {
        Ok(mut attempted) => {
            if let (Some(error), Some(remedy)) = (&mut attempted.error, remedy.get()) {
                error.push_str("; ");
                error.push_str(remedy);
            }
            args.show(&attempted)
        }
        Err(TestError::Store(error)) => Err(error.into()),
        // There is no other reason.
        Err(_) => Ok(args.which.unknown()),
    }
}

impl Args {
    fn show(&self, attempted: &Attempt) -> Result<Completion, Failure> {
        if self.json {
            let mut output = Output::plain();
            let _ = output.object(attempted)?;
            let _ = output.flush()?;
        } else {
            let took = format!("after {} ms", attempted.milliseconds);
            let status = attempted.status.unwrap_or_default();
            say(&match &attempted.error {
                None => format!("the test event was taken: status {status}, {took}"),
                Some(error) => format!("the test event was not taken: {error}; {took}"),
            });
            if let Some(excerpt) = &attempted.excerpt {
                say(&format!("the answer: {excerpt:?}"));
            }
        }
        Ok(match attempted.error {
            None => Completion::Clean,
            Some(_) => Completion::Refused,
        })
    }
}
