//! The console beside the API.

use std::collections::BTreeMap;

use super::super::arguments::one_institution;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use certificate_lifecycle::console::{self, ConsoleOptions};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::server::ServerOptions;
use certificate_lifecycle::store::{AnyStore, InstitutionId};

/// Where the console is.
const PATH: &str = "/console";

/// A reason, behind the institution that it is offered to.
fn reason_of(text: &str) -> Result<(InstitutionId, String), String> {
    let (institution, reason) = text.split_once('=').ok_or(
        "expected INSTITUTION=TEXT, such as example-university=The documents are incomplete",
    )?;
    let institution = one_institution(institution)?;
    Ok((institution, reason.to_owned()))
}

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Serve the console at /console: pages for administrators and operators, who sign in with a
    /// token.
    #[arg(long)]
    console: bool,

    /// A reason that the console offers for a rejection; may be repeated.
    #[arg(long = "console-reason", value_name = "TEXT")]
    reasons: Vec<String>,

    /// The same for one institution; may be repeated.
    #[arg(long = "console-reason-of", value_name = "INSTITUTION=TEXT", value_parser = reason_of)]
    reasons_of: Vec<(InstitutionId, String)>,

    /// Have the console mask e-mail addresses for those who may not decide.
    #[arg(long)]
    console_mask: bool,
}

impl Args {
    /// The routes with those of the console, if it is wanted.
    pub(super) fn beside(
        &self,
        routes: Router,
        engine: &Engine<AnyStore>,
        server: ServerOptions,
        is_https: bool,
    ) -> Router {
        if !self.console {
            return routes;
        }
        let mut reasons_of = BTreeMap::<_, Vec<_>>::new();
        for (institution, reason) in self.reasons_of.iter().cloned() {
            reasons_of.entry(institution).or_default().push(reason);
        }
        let options = ConsoleOptions::default()
            .with_path(PATH.to_owned())
            .with_reasons(self.reasons.clone())
            .with_reasons_of(reasons_of)
            .with_masks_addresses(self.console_mask)
            .with_is_https(is_https)
            .with_server(server);
        let console = console::router(engine.clone(), options);
        let slash = format!("{PATH}/");
        routes
            .route(&slash, get(|| async { Redirect::permanent(PATH) }))
            .nest(PATH, console)
    }
}
