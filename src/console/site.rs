//! What all pages share.

use std::ops::Deref;
use std::sync::Arc;

use super::assets::Names;
use super::attempts::Attempts;
use super::options::ConsoleOptions;
use super::shown::text;
use super::tasks::Tasks;
use crate::engine::Engine;
use crate::server::{Administration, Authentication, Principal, Tail, Waiting};
use crate::store::AnyStore;

/// The engine and the options, shared by all requests.
#[derive(Clone)]
pub(super) struct Console(Arc<Shared>);

impl Console {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// The reasons that are offered for a rejection.
    pub(super) fn reasons(&self) -> Vec<String> {
        self.options.reasons.iter().map(|it| text(it)).collect()
    }

    /// What this reader does to webhooks and deliveries.
    pub(super) fn administration<'a>(&'a self, reader: &'a Principal) -> Administration<'a> {
        Administration::new(&self.engine, &self.options.server, &reader.institution)
    }
}

pub(super) struct Shared {
    pub(super) engine: Engine<AnyStore>,
    pub(super) options: ConsoleOptions,
    pub(super) authentication: Authentication,
    pub(super) attempts: Attempts,
    pub(super) tasks: Tasks,
    /// The end of the feed, read once for all open pages.
    pub(super) tail: Arc<Tail>,
    pub(super) waiting: Waiting,
    pub(super) names: Names,
}

impl Deref for Console {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
