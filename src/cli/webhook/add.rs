//! `certlife webhook add`: register a webhook.

use std::fmt::Write;
use std::net::IpAddr;

use clap::builder::TypedValueParser;
use ipnet::IpNet;
use serde::Serialize;
use uuid::Uuid;

use super::settings::kinds;
use super::which::{named, show_secret};
use crate::cli::acts::{act, acting, unless};
use crate::cli::arguments::{hyphenated, one_institution};
use crate::cli::output::Output;
use crate::cli::secret::{SecretSource, read_or_generate, secret_source};
use crate::cli::sending::option_for;
use crate::cli::table::{Fact, record};
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::delivery::target;
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{ActKind, InstitutionId, Outbox, Webhook};
use certificate_lifecycle::webhook::{
    CustomHeaderError, CustomHeaders, Description, Endpoint, EventKinds, WebhookUrl,
};

/// Register a webhook, and print its id and its secret.
///
/// Deliveries are signed with the secret. Give it to the receiver, and to no other party. Events
/// recorded from now on are sent to the URL; certlife webhook replay sends earlier ones.
///
/// With --json, it prints {"id":…,"secret":…}.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Whose events: the id of the institution.
    #[arg(long, value_name = "ID", default_value = "default", value_parser = one_institution)]
    institution: InstitutionId,

    /// Only these events, separated by commas, such as approved,rejected; all, if absent.
    #[arg(long, value_name = "KINDS", value_parser = kinds)]
    events: Option<EventKinds>,

    /// What to call it: at most 256 characters, on one line.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    description: Description,

    /// A header that each request carries, such as "Authorization: Bearer …".
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = secret_source())]
    headers: Vec<SecretSource>,

    /// The secret, whsec_ and base64; a new one, if absent.
    #[arg(long, value_name = "SECRET", value_parser = secret_source())]
    secret: Option<SecretSource>,

    /// The webhook's id; a new one, if absent.
    #[arg(long, value_name = "UUID", value_parser = hyphenated)]
    id: Option<Uuid>,

    /// Also allow a URL that begins with http:// (not encrypted).
    #[arg(long)]
    allow_http: bool,

    /// Allow addresses that are not of the public Internet, such as 10.0.0.0/8; may be repeated.
    #[arg(long = "allow-target", value_name = "CIDR", value_parser = target::network)]
    allowed: Vec<IpNet>,

    /// Print JSON instead.
    #[arg(long)]
    json: bool,

    /// Where the events go.
    // Not parsed by clap, which would repeat a mistyped URL together with its password.
    #[arg(value_name = "URL", value_parser = secret_source().map(UrlArg))]
    url: UrlArg,
}

/// An argument that may be a URL with a password.
#[derive(Debug, Clone)]
struct UrlArg(SecretSource);

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife webhook add https://example.com/hooks \\
  --events approved,rejected --description 'our portal'

Exit status: 0 registered, 1 the id is taken, 2 the run could not go on.";

/// The address that a URL names in so many words.
fn address_of(url: &WebhookUrl) -> Option<IpAddr> {
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    host.parse().ok()
}

/// What is printed once.
#[derive(Serialize)]
struct Credentials<'a> {
    id: Uuid,
    secret: &'a str,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let endpoint = args.endpoint()?;
    let secret = endpoint.secrets.current().clone();
    let id = args.id.unwrap_or_else(Uuid::new_v4);
    let now = SystemClock.now();
    let webhook = Webhook::new(id, args.institution.clone(), endpoint, now);
    let url = webhook.endpoint.url.clone();
    // Of the URL, the host alone: its path and its query may have secrets.
    let act = act(Some(&args.institution), ActKind::WebhookRegistered)?
        .with_subject(id.to_string().into())
        .with_detail(url.host().into());
    let is_new = block_on(async {
        let engine = args.store.open_lasting().await?;
        let store = engine.store();
        let adding = async { Ok(store.add_webhook(webhook).await?) };
        acting(store, act, |it| unless(*it, "already_exists"), adding).await
    })?;
    if !is_new {
        say(&format!("there is a webhook {id} already"));
        return Ok(Completion::Refused);
    }
    let credentials = Credentials {
        id,
        secret: secret.expose(),
    };
    let mut output = Output::plain();
    if args.json {
        let _ = output.object(&credentials)?;
    } else {
        let facts = [
            Fact::word("id", id.to_string()),
            Fact::word("secret", credentials.secret),
        ];
        output.text().extend_from_slice(record(facts).as_bytes());
    }
    show_secret(&mut output, &args.institution, id)?;
    if !args.json {
        args.say_next(id, &url);
    }
    Ok(Completion::Clean)
}

impl Args {
    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let url = self.url()?;
        let mut endpoint = Endpoint::new(url, read_or_generate(self.secret.as_ref())?);
        endpoint.kinds = self.events.unwrap_or_default();
        endpoint.description = self.description.clone();
        endpoint.headers = self.headers()?;
        Ok(endpoint)
    }

    fn url(&self) -> Result<WebhookUrl, Failure> {
        let refused = |problem: String| Err(Failure::Argument(problem));
        let Some(text) = self.url.0.text() else {
            return refused("the URL is not UTF-8".to_owned());
        };
        let url: WebhookUrl = match text.parse() {
            Ok(url) => url,
            Err(error) => return refused(error.to_string()),
        };
        // Of a name, only the dispatcher can tell, each time that it connects.
        if let Err(error) = target::check_url(&url, self.allow_http, &self.allowed) {
            return refused(format!(
                "{error}; to permit it, say {}, here and to certlife deliver",
                option_for(&error)
            ));
        }
        Ok(url)
    }

    fn headers(&self) -> Result<CustomHeaders, Failure> {
        let refused = |problem: String| Failure::Argument(format!("--header: {problem}"));
        let pairs = self.headers.iter().map(|given| {
            let text = given.text();
            let pair = text.and_then(|it| it.split_once(':'));
            let pair = pair.map(|(name, value)| (name, value.trim()));
            pair.ok_or_else(|| refused("expected NAME: VALUE, with a colon".to_owned()))
        });
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        CustomHeaders::new(pairs).map_err(|error| {
            refused(match error {
                // It may be the beginning of a value whose name was left out.
                CustomHeaderError::Name { .. } => {
                    "the name of a header has letters, digits and - only".to_owned()
                }
                error => error.to_string(),
            })
        })
    }

    /// What is left to be done.
    fn say_next(&self, id: Uuid, url: &WebhookUrl) {
        let named = named(&self.institution, id);
        say(&format!(
            "the receiver verifies with the secret what is sent; it is not shown again, but certlife webhook \
             rotate {named} replaces it"
        ));
        let mut allowed = String::new();
        if !url.is_https() {
            allowed.push_str(" --allow-http");
        }
        for network in &self.allowed {
            // A text takes all that is written to it.
            let _ = write!(allowed, " --allow-target {network}");
        }
        let is_here = address_of(url).is_some_and(|it| it.is_loopback());
        if let (true, Some(port)) = (is_here, url.uri().port_u16()) {
            say(&format!(
                "certlife listen --port {port} --secret SECRET receives here what is sent"
            ));
        }
        say(&format!(
            "certlife deliver{allowed} sends the events; certlife webhook test{allowed} {named} tries it"
        ));
    }
}
