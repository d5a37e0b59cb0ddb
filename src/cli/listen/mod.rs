//! `certlife listen`: a receiver on this machine, to see what arrives.

mod followed;
mod receiver;
mod server;
mod show;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::arguments::{Form, duration};
use super::output::{self, Output, Reader};
use super::{Completion, Failure, block_on, log, say, secret, signals};
use certificate_lifecycle::engine::{Clock, SystemClock};
use receiver::{FaultInjection, Receiver, Tally};
use server::Arrival;
use show::View;

/// How often the program checks that the reader of the output is still there, if nothing arrives.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How many requests wait for the one before them to be shown.
const QUEUE: usize = 64;

/// Receive deliveries on this machine, verify them, and show them.
///
/// It listens on 127.0.0.1, at any path, on at most 256 connections at a time. Ctrl-C or SIGTERM
/// ends it, a second one at once.
///
/// Answers 204 to a verified delivery (to any, without --secret), 401 to a wrong signature, 400 to
/// a body that is no event, 413 to one of more than 1 MiB, 408 to one that takes longer than 10 s.
///
/// With --json, each delivery is a line; the address and the numbers at the end are objects on
/// standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    /// The port; 0 takes one that is free.
    #[arg(long, value_name = "PORT", default_value_t = 8700)]
    port: u16,

    #[command(flatten)]
    secret: secret::Args,

    #[command(flatten)]
    platform: secret::PlatformSignature,

    /// Answer this share of all deliveries with 500, such as 30%: always the same ones, evenly
    /// spread.
    #[arg(long, value_name = "SHARE", value_parser = percent, allow_hyphen_values = true)]
    fail: Option<u8>,

    /// Wait so long before each answer, such as 2s.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    delay: Option<Duration>,

    /// Answer every delivery with this status, such as 503.
    #[arg(long, value_name = "STATUS", value_parser = status, conflicts_with = "fail")]
    status: Option<StatusCode>,

    /// Show the headers of each delivery as well.
    #[arg(long)]
    headers: bool,

    #[command(flatten)]
    form: Form,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife listen --fail 30% \\
  --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw

Exit status: 0 ended by Ctrl-C or SIGTERM, 2 it could not listen,
130 ended at once by a second Ctrl-C, 143 by a second SIGTERM.";

fn percent(text: &str) -> Result<u8, &'static str> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let percent = number.parse().ok().filter(|it| digits && *it <= 100);
    percent.ok_or("expected a share from 0% to 100%, such as 30%")
}

fn status(text: &str) -> Result<StatusCode, &'static str> {
    let status = text.parse().ok();
    let status = status.filter(|it: &StatusCode| (200..=599).contains(&it.as_u16()));
    status.ok_or("expected a status from 200 to 599, such as 503")
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let faults = FaultInjection {
        status: args.status,
        percent: args.fail.unwrap_or_default(),
    };
    let mut receiver = Receiver::new(args.secret.read()?, args.platform, faults);
    let delay = args.delay.unwrap_or_default();
    log::start()?;
    block_on(async {
        let address = (Ipv4Addr::LOCALHOST, args.port);
        let bound = TcpListener::bind(address).await;
        let bound = bound.and_then(|it| it.local_addr().map(|address| (it, address)));
        let (listener, address) = bound.map_err(|error| Failure::Listen {
            port: args.port,
            error,
        })?;
        let stopped = signals::first(|| ())?;
        args.announce(address, receiver.verifies());
        let (sender, arrivals) = mpsc::channel(QUEUE);
        tokio::select! {
            shown = args.show(&mut receiver, arrivals) => shown?,
            () = stopped => {}
            never = server::serve(listener, sender, delay) => match never {},
        }
        args.sum_up(receiver.tally());
        Ok(Completion::Clean)
    })
}

impl Args {
    fn announce(&self, address: SocketAddr, verifies: bool) {
        let url = format!("http://{address}/");
        if self.form.json {
            report(&Listening { url: &url });
            return;
        }
        say(&format!("listening on {url}; Ctrl-C ends it"));
        say(&format!(
            "register it with: certlife webhook add {url} --allow-http --allow-target {}/32{}",
            address.ip(),
            // The secret itself is not shown.
            if verifies { " --secret SECRET" } else { "" }
        ));
        if !verifies {
            say("without --secret, nothing is verified");
        }
    }

    /// Shows deliveries until the reader of the output has gone.
    async fn show(
        &self,
        receiver: &mut Receiver,
        mut arrivals: mpsc::Receiver<Arrival>,
    ) -> Result<(), Failure> {
        let mut output = Output::plain();
        let view = View {
            json: self.form.json,
            headers: self.headers,
        };
        loop {
            let arrival = match tokio::time::timeout(POLL_INTERVAL, arrivals.recv()).await {
                Ok(Some(arrival)) => arrival,
                Ok(None) => return Ok(()),
                Err(_) if output::reader() == Reader::Gone => return Ok(()),
                Err(_) => continue,
            };
            let Arrival {
                headers,
                body,
                answer,
            } = arrival;
            let now = SystemClock.now();
            let body = body.as_deref();
            let finding = receiver.take(&headers, body, now);
            let text = view.text(now, &headers, body, &finding);
            output.text().extend_from_slice(&text);
            let reader = output.flush()?;
            // The sender may have gone.
            let _ = answer.send(finding.answer);
            if reader == Reader::Gone {
                return Ok(());
            }
        }
    }

    fn sum_up(&self, tally: Tally) {
        if self.form.json {
            report(&tally);
            return;
        }
        let Tally {
            received,
            verified,
            refused,
            duplicates,
            as_asked,
        } = tally;
        let plural = if duplicates == 1 { "" } else { "s" };
        let asked = match as_asked {
            0 => String::new(),
            count => format!("; {count} answered as --status or --fail asks"),
        };
        say(&format!(
            "{received} received, {verified} verified, {refused} refused, {duplicates} duplicate{plural}{asked}"
        ));
    }
}

/// Where it listens, for programs.
#[derive(Serialize)]
struct Listening<'a> {
    url: &'a str,
}

/// Writes an object for programs on standard error. Failing to write changes nothing.
fn report(object: &impl Serialize) {
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.push(b'\n');
    log::write(&line);
}
