//! Commands as JSON, one object each: the lines that `certlife apply` takes.
//!
//! ```
//! use certificate_lifecycle::command_json::{Defaults, parse};
//! use certificate_lifecycle::store::{Actor, InstitutionId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let institution = InstitutionId::new("example-university")?;
//! let defaults = Defaults::new(institution, Actor::administrator("jane")?);
//! let line = br#"{
//!     "command": "reject",
//!     "uuid": "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
//!     "rejection_reason": "the name is missing"
//! }"#;
//! let parsed = parse(line, &defaults)?;
//! assert_eq!(parsed.request.operation.name(), "reject");
//! assert_eq!(parsed.request.actor.to_string(), "administrator:jane");
//! // The line says nothing of an institution, nor of who acts.
//! assert_eq!((parsed.institution, parsed.actor), (None, None));
//!
//! let error = parse(br#"{"command":"retry","uuid":"42"}"#, &defaults).unwrap_err();
//! assert_eq!((error.code(), error.field()), ("invalid_command", Some("uuid")));
//! # Ok(())
//! # }
//! ```
//!
//! # The fields
//!
//! | field | of | value |
//! |---|---|---|
//! | `command` | all | `submit`, `upload`, `begin_processing`, `approve`, `reject`, `fail`, `retry` |
//! | `uuid` | all | a hyphenated UUID; see [`Defaults::with_new_uuids`] |
//! | `application_id` | `submit`, `upload` | an [`ApplicationId`](crate::ApplicationId) |
//! | `certificate_title` | `submit`, `upload` | a [`CertificateTitle`](crate::CertificateTitle) |
//! | `applicant_email` | `submit`, `upload` | an [`ApplicantEmail`](crate::ApplicantEmail) |
//! | `trigger_context` | `upload` | `single_upload` or `bulk_upload` |
//! | `rejection_reason` | `reject` | a [`RejectionReason`](crate::RejectionReason) |
//! | `error` | `fail` | a [`ProcessingError`](crate::ProcessingError) |
//!
//! The following ones are optional; `null` is the same as an absent field.
//!
//! | field | of | value |
//! |---|---|---|
//! | `at` | all | when it happened: an RFC 3339 time, cut to whole seconds; now, if absent |
//! | `institution` | all | an [`InstitutionId`](crate::store::InstitutionId) |
//! | `actor` | all | `kind:id`, or the kind alone |
//! | `idempotency_key` | all | an [`IdempotencyKey`](crate::store::IdempotencyKey) |
//! | `expected_version` | all but `submit` and `upload` | an integer from 1 |
//!
//! A field that a command does not take is an error, and so is one that stands there twice.

mod defaults;
mod error;
mod fields;
mod line;

pub use defaults::Defaults;
pub use error::CommandJsonError;
pub use line::{ParsedCommand, parse};
