//! How the console behaves.

use crate::server::ServerOptions;
use crate::setters::setters;

/// How the console behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConsoleOptions {
    /// The path under which it is mounted, which its links begin with: `/console`. Empty, where it
    /// is at the root.
    pub path: String,
    /// The reasons that are offered for a rejection.
    pub reasons: Vec<String>,
    /// Whether e-mail addresses are masked for those who may not decide.
    pub masks_addresses: bool,
    /// The options of the API: which URLs webhooks may have, and what sends test events.
    pub server: ServerOptions,
}

impl ConsoleOptions {
    setters! {
        with_path: path, String;
        with_reasons: reasons, Vec<String>;
        with_masks_addresses: masks_addresses, bool;
        with_server: server, ServerOptions;
    }
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        Self {
            path: "/console".to_owned(),
            reasons: Vec::new(),
            masks_addresses: false,
            server: ServerOptions::default(),
        }
    }
}
