//! How the console behaves.

use std::collections::BTreeMap;

use crate::server::ServerOptions;
use crate::setters::setters;
use crate::store::InstitutionId;

/// How the console behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConsoleOptions {
    /// The path under which it is mounted, which its links begin with: `/console`. Empty, where it
    /// is at the root.
    pub path: String,
    /// The reasons that are offered for a rejection, whatever the institution.
    pub reasons: Vec<String>,
    /// Those that are offered for the rejections of one institution, before those of all.
    pub reasons_of: BTreeMap<InstitutionId, Vec<String>>,
    /// Whether e-mail addresses are masked for those who may not decide.
    pub masks_addresses: bool,
    /// Whether browsers reach it by HTTPS, and are to keep to that (HSTS, RFC 6797). A proxy that
    /// says so in `X-Forwarded-Proto` is believed, too.
    pub is_https: bool,
    /// The options of the API: which URLs webhooks may have, and what sends test events.
    pub server: ServerOptions,
}

impl ConsoleOptions {
    setters! {
        with_path: path, String;
        with_reasons: reasons, Vec<String>;
        with_reasons_of: reasons_of, BTreeMap<InstitutionId, Vec<String>>;
        with_masks_addresses: masks_addresses, bool;
        with_is_https: is_https, bool;
        with_server: server, ServerOptions;
    }
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        Self {
            path: "/console".to_owned(),
            reasons: Vec::new(),
            reasons_of: BTreeMap::new(),
            masks_addresses: false,
            is_https: false,
            server: ServerOptions::default(),
        }
    }
}
