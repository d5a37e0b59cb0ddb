//! Which HTTP status an error is answered with, for a backend that answers over HTTP.
//!
//! `docs/stores.md`, "When things go wrong", has the table, which a test compares with this.

use crate::event::payload::{PayloadError, PayloadProblem};
use crate::json::{FieldError, NotAnObject};
use crate::lifecycle::action::{CommandError, IllegalTransition};
use crate::lifecycle::names::UnknownName;
use crate::lifecycle::record::RestoreError;
use crate::lifecycle::value::InvalidValue;

/// Not HTTP, not JSON (RFC 9110, 15.5.1).
const BAD_REQUEST: u16 = 400;
/// The state of the application does not allow it (15.5.10).
const CONFLICT: u16 = 409;
/// A field cannot be used (15.5.21).
const UNPROCESSABLE: u16 = 422;
/// Something has to be put right on this side (15.6.1).
const INTERNAL: u16 = 500;

/// Gives errors of one kind the same status.
macro_rules! http_status {
    ($($error:ty,)+ => $status:ident) => {$(
        impl $error {
            /// The HTTP status to answer with, such as 404 (RFC 9110, 15).
            #[must_use]
            pub const fn http_status(&self) -> u16 {
                $status
            }
        }
    )+};
}

http_status!(InvalidValue, UnknownName, CommandError, FieldError, => UNPROCESSABLE);
http_status!(IllegalTransition, => CONFLICT);
// What was stored is wrong, and no request.
http_status!(RestoreError, => INTERNAL);

impl NotAnObject {
    /// The HTTP status to answer with: 400 for what is no JSON, 422 for another value (RFC 9110,
    /// 15).
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::NotUtf8 { .. } | Self::Syntax { .. } => BAD_REQUEST,
            Self::OtherValue { .. } => UNPROCESSABLE,
        }
    }
}

impl PayloadError {
    /// The HTTP status to answer with: 400 for what is no JSON, 422 for another payload (RFC 9110,
    /// 15).
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match &self.problem {
            PayloadProblem::NotAnObject(error) => error.http_status(),
            _ => UNPROCESSABLE,
        }
    }
}

#[cfg(feature = "engine")]
mod of_the_engine {
    use super::{CONFLICT, INTERNAL, UNPROCESSABLE};
    use crate::engine::FailStalledError;
    use crate::store::{
        ActorError, CursorError, ExecuteError, PageKeyError, Refusal, StoreError, TokenIdError,
    };
    use crate::webhook::{CustomHeaderError, DescriptionError, SecretError, WebhookUrlError};

    const FORBIDDEN: u16 = 403;
    const NOT_FOUND: u16 = 404;
    /// What the cursor stood behind is not there any more (RFC 9110, 15.5.11).
    const GONE: u16 = 410;
    /// The version is not the expected one: `If-Match` (RFC 9110, 15.5.13).
    const PRECONDITION_FAILED: u16 = 412;
    const UNAVAILABLE: u16 = 503;
    /// The outcome is unknown: the store, behind this server, did not answer in time (15.6.5).
    const TIMEOUT: u16 = 504;

    http_status!(ActorError, CursorError, PageKeyError, TokenIdError, => UNPROCESSABLE);
    http_status!(WebhookUrlError, CustomHeaderError, DescriptionError, SecretError, => UNPROCESSABLE);

    impl Refusal {
        /// The HTTP status to answer with, such as 404 (RFC 9110, 15). A refusal that is
        /// [`Repeated`](Self::Repeated) has the status that it had first.
        #[must_use]
        pub const fn http_status(&self) -> u16 {
            match self {
                Self::Forbidden { .. } => FORBIDDEN,
                Self::UnknownApplication { .. } => NOT_FOUND,
                Self::AlreadyExists { .. } | Self::Illegal(_) => CONFLICT,
                Self::Conflict { .. } => PRECONDITION_FAILED,
                Self::Backwards { .. } | Self::IdempotencyMismatch { .. } => UNPROCESSABLE,
                Self::Repeated { code, .. } => match code.as_bytes() {
                    b"forbidden" => FORBIDDEN,
                    b"unknown_application" => NOT_FOUND,
                    b"conflict" => PRECONDITION_FAILED,
                    b"invalid_command" | b"idempotency_mismatch" => UNPROCESSABLE,
                    _ => CONFLICT,
                },
            }
        }
    }

    impl StoreError {
        /// The HTTP status to answer with, such as 503 (RFC 9110, 15). Only after 503 does it help
        /// to send the same request again; after 504, with an idempotency key.
        #[must_use]
        pub const fn http_status(&self) -> u16 {
            match self {
                Self::Unavailable { .. } => UNAVAILABLE,
                Self::UnknownOutcome { .. } => TIMEOUT,
                Self::CursorBeyondEnd { .. } => GONE,
                Self::Misconfigured { .. }
                | Self::RefusedByDatabase { .. }
                | Self::Corrupt { .. }
                | Self::NewerSchema { .. }
                | Self::OlderSchema { .. }
                | Self::NoStore { .. }
                | Self::NotAStore { .. } => INTERNAL,
            }
        }
    }

    impl ExecuteError {
        /// The HTTP status to answer with: that of the refusal or of the store's error, and 409 for
        /// a command that was abandoned with others (RFC 9110, 15).
        #[must_use]
        pub const fn http_status(&self) -> u16 {
            match self {
                Self::Refused(refusal) => refusal.http_status(),
                Self::Abandoned { .. } => CONFLICT,
                Self::Store(error) => error.http_status(),
            }
        }
    }

    impl FailStalledError {
        /// The HTTP status to answer with: that of [`error`](Self::error).
        #[must_use]
        pub const fn http_status(&self) -> u16 {
            self.error.http_status()
        }
    }

    #[cfg(feature = "delivery")]
    mod of_deliveries {
        use super::{NOT_FOUND, UNPROCESSABLE};
        use crate::delivery::TestError;
        use crate::delivery::target::{NetworkError, RefusedAddress, RefusedTarget};

        http_status!(RefusedTarget, RefusedAddress, NetworkError, => UNPROCESSABLE);

        impl TestError {
            /// The HTTP status to answer with: 404, or that of the store's error (RFC 9110, 15).
            #[must_use]
            pub const fn http_status(&self) -> u16 {
                match self {
                    Self::UnknownWebhook(_) => NOT_FOUND,
                    Self::Store(error) => error.http_status(),
                }
            }
        }
    }
}
