//! The lifecycle of a certificate application as typestates: an illegal transition does not
//! compile, a legal one emits its webhook event.
//!
//! ```
//! use certificate_lifecycle::*;
//! use chrono::{DateTime, Utc};
//! use uuid::uuid;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let at: DateTime<Utc> = "2026-06-04T10:30:00Z".parse()?;
//! let details = ApplicationDetails::new(
//!     ApplicationId::new(42)?,
//!     uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
//!     CertificateTitle::new("Certificate of Achievement")?,
//!     ApplicantEmail::new("john@example.com")?,
//! );
//! let Transition { application, event } = Application::submit(details, at);
//! let webhook_id = uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");
//! assert!(event.to_json(webhook_id).contains(r#""source":"customer""#));
//!
//! let Transition { application, .. } = application.begin_processing(at);
//! let Transition { application, .. } = application.approve(at);
//! assert_eq!(application.status(), Status::Approved);
//! # Ok(())
//! # }
//! ```
//!
//! # The tour
//!
//! - **Typed**: [`Application`] has one method for each action, where it is legal, and each returns
//!   a [`Transition`]. The permissions ([`CanBeginProcessing`], [`CanApprove`], [`CanReject`],
//!   [`CanFail`], [`CanRetry`]) are the table.
//! - **At run time**: [`AnyApplication`] takes a [`Command`], or refuses it with an
//!   [`IllegalTransition`] that gives the application back.
//! - **Stored**: [`AnyApplication::to_record`] and [`AnyApplication::restore`], which checks every
//!   invariant.
//! - **Events**: [`Event::to_json`] for one webhook, [`Event::render`] for many;
//!   [`EventPayload::parse`] reads them back, [`AnyApplication::replay`] and [`audit`] follow them.
//! - **Durable**: the [`engine`] over a [`store`] in memory, in SQLite or in PostgreSQL.
//! - **Delivered**: the dispatcher of [`delivery`] sends events to webhooks; receivers verify them
//!   with [`webhook`].
//! - **Over HTTP**: the `server` has a router for backends in any language.
//! - **Processed**: the `processor` claims applications in progress, runs your code, and approves
//!   or fails them.
//! - **As data**: [`rules`], from which [`diagram`] draws and [`schema`] describes.
//!
//! Without features, time is an argument, and nothing here does I/O, reads a clock or is random.
//!
//! # Features
//!
//! None is on by default; each adds to the others.
//!
//! | feature | adds |
//! |---|---|
//! | `verify` | the receiving side of webhooks: signatures are checked, applications followed; no I/O |
//! | `engine` | commands (also as JSON), reads and the feed, with the store in memory |
//! | `sqlite` | `engine`, and the store in SQLite, bundled: one machine |
//! | `postgres` | `engine`, and the store in PostgreSQL 15 or newer: many machines |
//! | `sqlx` | `postgres`, and commands within transactions of sqlx (`Engine::within`) |
//! | `delivery` | `engine` and `verify`, and the dispatcher that sends events over HTTP |
//! | `processor` | `engine`, and the processor that does the background work |
//! | `server` | `delivery`, and the HTTP API as an `axum::Router` |
//! | `cli-core` | the program `certlife` without databases and deliveries |
//! | `cli` | the whole program |
//!
//! # Guides
//!
//! The guides are documentation modules: `guide`.
//!
//! # Types of other crates
//!
//! The public interface has types of `chrono`, `uuid` and, with `engine`, `http`. The module
//! [`types`] re-exports these crates, so that a backend need not name their versions.

// Where a module is not built, its name leads to the feature that it needs. A definition needs an
// empty line before it.
#![doc = ""]
#![cfg_attr(not(feature = "engine"), doc = "[`engine`]: #features")]
#![cfg_attr(not(feature = "engine"), doc = "[`store`]: #features")]
#![cfg_attr(not(feature = "delivery"), doc = "[`delivery`]: #features")]
#![cfg_attr(
    not(any(feature = "engine", feature = "verify")),
    doc = "[`webhook`]: #features"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
// No panic is reachable from input.
#![warn(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

/// The audit of a log: each event against the state of its application so far.
pub mod audit {
    pub use crate::event::audit::Audit;
    pub use crate::event::problem::{Fact, Finding, Problem};
    pub use crate::event::replay::ReplayError;
}
#[cfg(any(feature = "delivery", feature = "processor"))]
mod backoff;
#[cfg(feature = "engine")]
pub mod command_json;
#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "delivery")]
pub mod delivery;
pub mod diagram;
#[cfg(feature = "engine")]
pub mod engine;
mod event;
mod excerpt;
#[cfg(feature = "engine")]
mod forms;
#[cfg(any(doc, doctest))]
pub mod guide;
mod http_status;
#[cfg(feature = "console")]
mod inert;
#[cfg(any(feature = "delivery", feature = "processor"))]
mod instants;
#[cfg(feature = "engine")]
mod jitter;
mod json;
#[cfg(feature = "engine")]
mod lengths;
mod lifecycle;
/// Why bytes are no payload of the contract.
pub mod payload {
    pub use crate::event::payload::{PayloadError, PayloadProblem};
    pub use crate::json::{FieldError, NotAnObject};
}
mod places;
#[cfg(feature = "processor")]
pub mod processor;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "engine")]
mod setters;
#[cfg(any(feature = "delivery", feature = "processor"))]
mod share;
#[cfg(feature = "engine")]
pub mod store;
#[cfg(any(feature = "delivery", feature = "postgres"))]
mod tls;
/// Crates whose types are in the public interface, in the versions of this crate.
///
/// They do not stand at the root, where `use certificate_lifecycle::*` would take them in: beside
/// another version of one of them, its name would be ambiguous.
pub mod types {
    pub use chrono;
    #[cfg(feature = "engine")]
    pub use http;
    pub use uuid;
}
#[cfg(any(feature = "delivery", feature = "processor"))]
mod waits;
#[cfg(any(feature = "engine", feature = "verify"))]
pub mod webhook;

pub use event::encode::RenderedEvent;
pub use event::payload::EventPayload;
pub use event::schema;
pub use lifecycle::action::{Action, Command, CommandError, IllegalTransition};
pub use lifecycle::any::{AnyApplication, CustomerApplication, VaultApplication};
pub use lifecycle::application::Application;
pub use lifecycle::details::ApplicationDetails;
pub use lifecycle::event::{Event, EventBody, EventKind};
pub use lifecycle::names::UnknownName;
pub use lifecycle::record::{ApplicationRecord, RestoreError};
pub use lifecycle::rules;
pub use lifecycle::source::{Customer, Source, SourceType, TriggerContext, Vault, VaultUpload};
pub use lifecycle::state::{
    Approved, Created, Failed, Processing, Rejected, Retried, State, Status,
};
pub use lifecycle::timestamp::Timestamp;
pub use lifecycle::transition::{
    CanApprove, CanBeginProcessing, CanFail, CanReject, CanRetry, Transition,
};
pub use lifecycle::value::{
    ApplicantEmail, ApplicationId, CertificateTitle, InvalidValue, ProcessingError,
    RejectionReason, Violation,
};

/// The examples of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
