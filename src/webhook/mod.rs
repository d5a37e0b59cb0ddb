//! Webhooks: endpoints, secrets, signatures, the retry schedule, and the receiving side
//! (CONTRACT.md, "Delivery").
//!
//! A receiver needs the feature `verify`: `Verifier`, and `Tracker` if it follows applications. It
//! does no I/O.

mod base64;
#[cfg(feature = "engine")]
mod description;
#[cfg(feature = "engine")]
mod endpoint;
#[cfg(feature = "engine")]
mod headers;
#[cfg(feature = "engine")]
mod kinds;
#[cfg(feature = "engine")]
mod schedule;
mod secret;
#[cfg(feature = "engine")]
mod secrets;
#[cfg(feature = "verify")]
mod sign;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stored;
#[cfg(feature = "verify")]
mod tracker;
#[cfg(feature = "engine")]
mod url;
#[cfg(feature = "verify")]
mod verify;

#[cfg(feature = "engine")]
pub use description::{Description, DescriptionError};
#[cfg(feature = "engine")]
pub use endpoint::{Disabled, DisabledReason, Endpoint};
#[cfg(feature = "engine")]
pub use headers::{CustomHeaderError, CustomHeaders, ReservedHeader};
#[cfg(feature = "engine")]
pub use kinds::EventKinds;
#[cfg(feature = "engine")]
pub use schedule::{RetrySchedule, RetryScheduleError};
pub use secret::{Secret, SecretError};
#[cfg(feature = "engine")]
pub use secrets::{OldSecret, Secrets};
#[cfg(feature = "verify")]
pub use sign::{
    SignedRequest, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_WEBHOOK_EVENT, X_WEBHOOK_ID,
    X_WEBHOOK_SIGNATURE, X_WEBHOOK_TIMESTAMP, platform_signature, standard_signature,
};
#[cfg(feature = "verify")]
pub use tracker::{Arrival, TrackError, TrackedApplication, Tracker};
#[cfg(feature = "engine")]
pub use url::{WebhookUrl, WebhookUrlError, WebhookUrlProblem};
#[cfg(feature = "verify")]
pub use verify::{Verified, Verifier, VerifyError};
