#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
// No panic is reachable from input.
#![warn(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod diagram;
mod event;
#[doc(hidden)]
pub mod json;
mod lifecycle;

pub use event::audit::{Audit, Finding, Problem};
pub use event::encode::RenderedEvent;
pub use event::payload::{EventPayload, PayloadError, PayloadProblem};
pub use event::replay::ReplayError;
pub use event::schema;
pub use json::{FieldError, NotAnObject};
pub use lifecycle::action::{Action, Command, IllegalTransition};
pub use lifecycle::any::{AnyApplication, CustomerApplication, VaultApplication};
pub use lifecycle::application::{Application, ApplicationDetails};
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

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
