//! Where an application came from: the vault or a customer.

use super::names::named_enum;
use super::sealed::Sealed;

named_enum! {
    /// Where an application came from (CONTRACT.md, "Events", field `source`).
    pub enum Source as "source" {
        /// Uploaded by the institution: pre-approved, straight to processing.
        Vault = "vault",
        /// Submitted by a customer: waits for an administrator's decision.
        Customer = "customer",
    }
}

named_enum! {
    /// What created an application (CONTRACT.md, "Events", field `trigger_context`).
    ///
    /// Each context belongs to one source; [`TriggerContext::source`] says which.
    pub enum TriggerContext as "trigger_context" {
        /// One upload into the vault.
        SingleUpload = "single_upload",
        /// One of many uploads into the vault.
        BulkUpload = "bulk_upload",
        /// A customer's submission.
        CustomerSubmission = "customer_submission",
    }
}

impl TriggerContext {
    /// The only source that this context can have.
    #[must_use]
    pub const fn source(self) -> Source {
        match self {
            Self::SingleUpload | Self::BulkUpload => Source::Vault,
            Self::CustomerSubmission => Source::Customer,
        }
    }
}

/// How an institution uploads into its vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VaultUpload {
    /// One certificate.
    Single,
    /// One of many.
    Bulk,
}

impl From<VaultUpload> for TriggerContext {
    fn from(upload: VaultUpload) -> Self {
        match upload {
            VaultUpload::Single => Self::SingleUpload,
            VaultUpload::Bulk => Self::BulkUpload,
        }
    }
}

impl TryFrom<TriggerContext> for VaultUpload {
    type Error = TriggerContext;

    /// The upload with this context; a customer's submission comes back as the error.
    fn try_from(context: TriggerContext) -> Result<Self, TriggerContext> {
        match context {
            TriggerContext::SingleUpload => Ok(Self::Single),
            TriggerContext::BulkUpload => Ok(Self::Bulk),
            TriggerContext::CustomerSubmission => Err(context),
        }
    }
}

/// The source of an [`Application`](crate::Application) at compile time: [`Vault`] or [`Customer`].
pub trait SourceType: Sealed + 'static {
    /// The same source as a value.
    const SOURCE: Source;
}

/// At compile time: uploaded by the institution into its vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vault {}

/// At compile time: submitted by a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customer {}

impl Sealed for Vault {}
impl Sealed for Customer {}

impl SourceType for Vault {
    const SOURCE: Source = Source::Vault;
}

impl SourceType for Customer {
    const SOURCE: Source = Source::Customer;
}
