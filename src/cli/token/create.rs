//! `certlife token create`: a new token, which is shown once.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use super::bounds::Bounds;
use crate::cli::acts::{act, acting, unless};
use crate::cli::arguments::duration;
use crate::cli::output::{Output, Reader};
use crate::cli::show::time;
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{
    ActKind, Actor, AnyStore, Role, Scope, Scopes, Token, TokenId, TokenName, TokenSecret, Tokens,
};

/// Create a token, and print it this once.
///
/// The token alone stands on standard output; the store keeps only a hash of its secret. With
/// --json, it prints {"id":…,"token":…}.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// What the token is for: at most 100 characters, on one line.
    #[arg(long, value_name = "NAME")]
    name: TokenName,

    /// The only institution that it is good for: its id; '*' for all of them.
    #[arg(long, value_name = "ID")]
    institution: Bounds,

    /// What it allows: the scopes of this role.
    #[arg(
        long,
        value_name = "ROLE",
        value_parser = roles(),
        required_unless_present = "scope",
        conflicts_with = "scope"
    )]
    role: Option<Role>,

    /// What it allows: these scopes, separated by commas, such as applications:read,events:read;
    /// or all.
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    scope: Option<Scopes>,

    /// Who acts by it, such as administrator:jane or system:portal.
    #[arg(long, value_name = "KIND:ID")]
    actor: Actor,

    /// How long it is good, such as 90d; for ever, if absent.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    expires: Option<Duration>,

    /// Print JSON instead.
    #[arg(long)]
    json: bool,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife token create --name 'our portal' --institution default \\
  --role submitter --actor system:portal --expires 90d

Exit status: 0 created, 2 the run could not go on.";

fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::NAMES).try_map(|role| role.parse())
}

/// Reads scopes. Their own error repeats the text.
fn scopes(text: &str) -> Result<Scopes, String> {
    let names = || Scope::NAMES.join(", ");
    text.parse()
        .map_err(|_| format!("expected all, or some of: {}; separated by commas", names()))
}

/// What is printed once.
#[derive(Serialize)]
struct Credentials<'a> {
    id: TokenId,
    token: &'a str,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let now = SystemClock.now();
    let expires_at = args.expires_at(now)?;
    let (token, secret) = block_on(async {
        let engine = args.store.open_lasting().await?;
        // Another with the same id is as good as impossible.
        loop {
            let generated = TokenSecret::generate();
            let (id, secret) = generated.map_err(|it| Failure::Argument(it.to_string()))?;
            let token = args.token(id, &secret, now).with_expires_at(expires_at);
            if add(engine.store(), &token).await? {
                return Ok((token, secret));
            }
        }
    })?;
    show(args, &token, &secret.bearer(token.id))?;
    Ok(Completion::Clean)
}

impl Args {
    fn token(&self, id: TokenId, secret: &TokenSecret, now: DateTime<Utc>) -> Token {
        let scopes = self.role.map(Role::scopes).or(self.scope);
        let institution = self.institution.0.clone();
        let (name, actor) = (self.name.clone(), self.actor.clone());
        let token = Token::new(id, secret.hash(), name, institution, actor, now);
        token.with_scopes(scopes.unwrap_or_default())
    }

    fn expires_at(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Failure> {
        let too_long = || Failure::Argument("--expires: expected a shorter duration".to_owned());
        let Some(duration) = self.expires else {
            return Ok(None);
        };
        let duration = TimeDelta::from_std(duration).map_err(|_| too_long())?;
        now.checked_add_signed(duration)
            .map(Some)
            .ok_or_else(too_long)
    }
}

/// Keeps the token; `false` if its id is taken.
async fn add(store: &AnyStore, token: &Token) -> Result<bool, Failure> {
    let detail = format!("{}, {}, {}", token.name, token.actor, token.scopes);
    let act = act(token.institution.as_ref(), ActKind::TokenCreated)?
        .with_subject(token.id.to_string().into())
        .with_detail(detail.into());
    let adding = async { Ok(store.add_token(token.clone()).await?) };
    acting(store, act, |it| unless(*it, "already_exists"), adding).await
}

/// Prints the token. It is kept, and cannot be shown again.
fn show(args: &Args, token: &Token, bearer: &str) -> Result<(), Failure> {
    let id = token.id;
    let mut output = Output::plain();
    if args.json {
        let _ = output.object(&Credentials { id, token: bearer })?;
    } else {
        output.text().extend_from_slice(bearer.as_bytes());
        output.text().push(b'\n');
    }
    let failure = match output.flush() {
        Ok(Reader::Listening) if args.json => return Ok(()),
        Ok(Reader::Listening) => {
            let until = token.expires_at.map_or_else(String::new, |at| {
                format!(", and is good until {}", time(at))
            });
            say(&format!(
                "token {id} is not shown again{until}; certlife token revoke {id} ends it"
            ));
            return Ok(());
        }
        Ok(Reader::Gone) => Failure::Write {
            stream: "output",
            error: std::io::ErrorKind::BrokenPipe.into(),
        },
        Err(failure) => failure,
    };
    say(&format!(
        "token {id} was created, but could not be shown: certlife token revoke {id} ends it"
    ));
    Err(failure)
}
