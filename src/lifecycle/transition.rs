//! The lifecycle (CONTRACT.md, "Lifecycle"). The `impl` lines below ARE the table.
//!
//! ```text
//! customer: (submit) ─▶ Created ─begin_processing─▶ Processing ─approve─▶ Approved ■
//!                          └─reject─▶ Rejected ■       └──fail──▶ Failed ─retry─▶ Retried
//!                                                                   ▲               ├─approve─▶ Approved ■
//! vault:    (upload) ─▶ Created ─approve─▶ Approved ■               └──────fail─────┘
//!                          └─fail─▶ Failed (then as above)
//! ```

use chrono::{DateTime, Utc};

use super::application::Application;
use super::event::{Event, EventBody};
use super::source::{Customer, SourceType, Vault};
use super::state::{Approved, Created, Failed, Processing, Rejected, Retried, State};
use super::value::{ProcessingError, RejectionReason};

impl CanBeginProcessing<Customer> for Created {}
impl CanReject<Customer> for Created {}
impl CanApprove<Vault> for Created {}
impl CanFail<Vault> for Created {}
impl CanApprove<Customer> for Processing {}
impl CanFail<Customer> for Processing {}
impl<O: SourceType> CanRetry<O> for Failed {}
impl<O: SourceType> CanApprove<O> for Retried {}
impl<O: SourceType> CanFail<O> for Retried {}

/// The application after a legal transition, and the event that tells of it.
#[must_use = "the event must reach the webhooks, and the application is the only one left"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition<A> {
    /// The application as it is now.
    pub application: A,
    /// What happened.
    pub event: Event,
}

impl<A> Transition<A> {
    /// The same transition of another form of the application, such as `AnyApplication`.
    pub fn map<B>(self, form: impl FnOnce(A) -> B) -> Transition<B> {
        Transition {
            application: form(self.application),
            event: self.event,
        }
    }
}

/// The transitions. Each method consumes the application and exists where it is legal.
///
/// `at` is cut to whole seconds, and to the years 0000 to 9999. A history never runs backwards: an
/// `at` before the last event counts as the time of the last event.
// The bounds stand on the methods: on the impl block, the compiler would drop the message of the
// trait and only say that the method's bounds are not met.
impl<S: State, O: SourceType> Application<S, O> {
    /// An administrator accepts a customer's application, and processing begins: `processing`.
    pub fn begin_processing(self, at: DateTime<Utc>) -> Transition<Application<Processing, O>>
    where
        S: CanBeginProcessing<O>,
    {
        self.advance(Processing, EventBody::Processing, at)
    }

    /// Background processing succeeded: `approved`. Final.
    pub fn approve(self, at: DateTime<Utc>) -> Transition<Application<Approved, O>>
    where
        S: CanApprove<O>,
    {
        let source = O::SOURCE;
        self.advance(Approved, EventBody::Approved { source }, at)
    }

    /// An administrator declines a customer's application: `rejected`. Final.
    pub fn reject(
        self,
        reason: RejectionReason,
        at: DateTime<Utc>,
    ) -> Transition<Application<Rejected, O>>
    where
        S: CanReject<O>,
    {
        let rejection_reason = reason.clone();
        self.advance(
            Rejected { reason },
            EventBody::Rejected { rejection_reason },
            at,
        )
    }

    /// Background processing hit a critical error: `failed`.
    pub fn fail(
        self,
        error: ProcessingError,
        at: DateTime<Utc>,
    ) -> Transition<Application<Failed, O>>
    where
        S: CanFail<O>,
    {
        let state = Failed {
            error: error.clone(),
        };
        let source = O::SOURCE;
        self.advance(state, EventBody::Failed { source, error }, at)
    }

    /// An administrator re-initiates the processing of a failed application: `retried`.
    pub fn retry(self, at: DateTime<Utc>) -> Transition<Application<Retried, O>>
    where
        S: CanRetry<O>,
    {
        let source = O::SOURCE;
        self.advance(Retried, EventBody::Retried { source }, at)
    }
}

// The permissions. The compiler's message, if one is missing, names the legal moves; a test
// compares these words with `rules`. They are written out because a macro would show in the
// message.

/// States in which an application from source `O` can begin processing.
#[diagnostic::on_unimplemented(
    message = "an application in `{Self}` from `{O}` cannot begin processing",
    label = "`begin_processing` is illegal here",
    note = "`begin_processing` is legal from: Created (customer)",
    note = "the legal moves are:\n  Created (customer): begin_processing, reject\n  Created (vault): approve, fail\n  Processing (customer): approve, fail\n  Failed (vault or customer): retry\n  Retried (vault or customer): approve, fail\n  Approved, Rejected: none, they are final"
)]
pub trait CanBeginProcessing<O: SourceType>: State {}

/// States in which an application from source `O` can be approved.
#[diagnostic::on_unimplemented(
    message = "an application in `{Self}` from `{O}` cannot be approved",
    label = "`approve` is illegal here",
    note = "`approve` is legal from: Created (vault), Processing (customer), Retried (vault or customer)",
    note = "the legal moves are:\n  Created (customer): begin_processing, reject\n  Created (vault): approve, fail\n  Processing (customer): approve, fail\n  Failed (vault or customer): retry\n  Retried (vault or customer): approve, fail\n  Approved, Rejected: none, they are final"
)]
pub trait CanApprove<O: SourceType>: State {}

/// States in which an application from source `O` can be rejected.
#[diagnostic::on_unimplemented(
    message = "an application in `{Self}` from `{O}` cannot be rejected",
    label = "`reject` is illegal here",
    note = "`reject` is legal from: Created (customer)",
    note = "the legal moves are:\n  Created (customer): begin_processing, reject\n  Created (vault): approve, fail\n  Processing (customer): approve, fail\n  Failed (vault or customer): retry\n  Retried (vault or customer): approve, fail\n  Approved, Rejected: none, they are final"
)]
pub trait CanReject<O: SourceType>: State {}

/// States in which an application from source `O` can fail.
#[diagnostic::on_unimplemented(
    message = "an application in `{Self}` from `{O}` cannot fail",
    label = "`fail` is illegal here",
    note = "`fail` is legal from: Created (vault), Processing (customer), Retried (vault or customer)",
    note = "the legal moves are:\n  Created (customer): begin_processing, reject\n  Created (vault): approve, fail\n  Processing (customer): approve, fail\n  Failed (vault or customer): retry\n  Retried (vault or customer): approve, fail\n  Approved, Rejected: none, they are final"
)]
pub trait CanFail<O: SourceType>: State {}

/// States in which an application from source `O` can be retried.
#[diagnostic::on_unimplemented(
    message = "an application in `{Self}` from `{O}` cannot be retried",
    label = "`retry` is illegal here",
    note = "`retry` is legal from: Failed (vault or customer)",
    note = "the legal moves are:\n  Created (customer): begin_processing, reject\n  Created (vault): approve, fail\n  Processing (customer): approve, fail\n  Failed (vault or customer): retry\n  Retried (vault or customer): approve, fail\n  Approved, Rejected: none, they are final"
)]
pub trait CanRetry<O: SourceType>: State {}
