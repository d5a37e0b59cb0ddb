//! What all routes share.

use std::ops::Deref;
use std::sync::Arc;

use super::authentication::Authentication;
use super::commands::Held;
use super::committed::Committed;
use super::events::{Tail, Watched};
use super::options::ServerOptions;
use super::waiting::Waiting;
use crate::engine::Engine;
use crate::store::AnyStore;

/// The engine and the options, shared by all requests.
#[derive(Clone)]
pub(super) struct Api(Arc<Shared>);

pub(super) struct Shared {
    pub(super) engine: Engine<AnyStore>,
    pub(super) options: ServerOptions,
    pub(super) authentication: Authentication,
    pub(super) waiting: Waiting,
    pub(super) tail: Arc<Tail>,
    pub(super) committed: Committed,
    pub(super) watched: Watched,
    /// What atomic streams of commands hold.
    pub(super) held: Held,
}

impl Api {
    pub(super) fn new(engine: Engine<AnyStore>, options: ServerOptions) -> Self {
        Self(Arc::new(Shared {
            engine,
            authentication: Authentication::default(),
            waiting: Waiting::new(options.most_waiting),
            options,
            tail: Arc::default(),
            committed: Committed::default(),
            held: Held::default(),
            watched: Watched::default(),
        }))
    }

    pub(super) fn store(&self) -> &AnyStore {
        self.engine.store()
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
