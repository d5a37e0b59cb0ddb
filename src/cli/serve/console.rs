//! The console beside the API.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use certificate_lifecycle::console::{self, ConsoleOptions};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::server::ServerOptions;
use certificate_lifecycle::store::AnyStore;

/// Where the console is.
const PATH: &str = "/console";

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
    ) -> Router {
        if !self.console {
            return routes;
        }
        let options = ConsoleOptions::default()
            .with_path(PATH.to_owned())
            .with_reasons(self.reasons.clone())
            .with_masks_addresses(self.console_mask)
            .with_server(server);
        let console = console::router(engine.clone(), options);
        let slash = format!("{PATH}/");
        routes
            .route(&slash, get(|| async { Redirect::permanent(PATH) }))
            .nest(PATH, console)
    }
}
