//! What all pages share.

use std::ops::Deref;
use std::sync::Arc;

use http::HeaderValue;

use super::assets::Names;
use super::attempts::Attempts;
use super::counting::Counting;
use super::options::ConsoleOptions;
use super::shown::text;
use super::tasks::Tasks;
use crate::engine::Engine;
use crate::server::{Administration, Authentication, Principal, Tail, Waiting};
use crate::store::{AnyStore, InstitutionId};

/// The engine and the options, shared by all requests.
#[derive(Clone)]
pub(super) struct Console(Arc<Shared>);

impl Console {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// The reasons that are offered for a rejection: the institution's own, then those of all.
    pub(super) fn reasons(&self, institution: &InstitutionId) -> Vec<String> {
        let own = self.options.reasons_of.get(institution);
        let all = own.into_iter().flatten().chain(&self.options.reasons);
        all.map(|it| text(it)).collect()
    }

    /// What this reader does to webhooks and deliveries.
    pub(super) fn administration<'a>(&'a self, reader: &'a Principal) -> Administration<'a> {
        Administration::new(&self.engine, &self.options.server, reader)
    }
}

pub(super) struct Shared {
    pub(super) engine: Engine<AnyStore>,
    pub(super) options: ConsoleOptions,
    pub(super) authentication: Authentication,
    /// Sign-ins that have failed.
    pub(super) attempts: Attempts,
    /// Reports of what a page was kept from.
    pub(super) reports: Attempts,
    pub(super) tasks: Tasks,
    pub(super) counting: Arc<Counting>,
    /// The end of the feed, read once for all open pages.
    pub(super) tail: Arc<Tail>,
    pub(super) waiting: Waiting,
    pub(super) names: Names,
    /// The policy of all pages.
    pub(super) policy: HeaderValue,
}

impl Deref for Console {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
