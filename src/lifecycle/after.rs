//! From an event back to the application that it left: state is the last event, seen from the other
//! side.

use std::marker::PhantomData;
use std::sync::Arc;

use super::any::AnyApplication;
use super::application::Application;
use super::details::{ApplicationDetails, SharedDetails};
use super::event::{Event, EventBody};
use super::record::RestoreError;
use super::rules;
use super::source::{Customer, Source, Vault};
use super::state::{Approved, Created, Failed, Processing, Rejected, Retried};
use super::timestamp::Timestamp;

impl AnyApplication {
    /// The application as the event's transition left it.
    pub(super) fn after(event: &Event) -> Self {
        let source = event.source();
        match event.body() {
            EventBody::Created { trigger_context } => {
                let state = Created {
                    trigger_context: *trigger_context,
                };
                either(event, source, state)
            }
            EventBody::Processing => of::<_, Customer>(event, Processing).into(),
            EventBody::Approved { source } => either(event, *source, Approved),
            EventBody::Rejected { rejection_reason } => {
                let reason = rejection_reason.clone();
                of::<_, Customer>(event, Rejected { reason }).into()
            }
            EventBody::Failed { source, error } => {
                let error = error.clone();
                either(event, *source, Failed { error })
            }
            EventBody::Retried { source } => either(event, *source, Retried),
        }
    }
}

/// The application in a state that both sources have.
fn either<S>(event: &Event, source: Source, state: S) -> AnyApplication
where
    Application<S, Vault>: Into<AnyApplication>,
    Application<S, Customer>: Into<AnyApplication>,
{
    match source {
        Source::Vault => of::<S, Vault>(event, state).into(),
        Source::Customer => of::<S, Customer>(event, state).into(),
    }
}

fn of<S, O>(event: &Event, state: S) -> Application<S, O> {
    Application {
        details: event.shared_details().clone(),
        version: event.version(),
        updated_at: event.at(),
        state,
        source: PhantomData,
    }
}

impl Event {
    /// Brings back an event that was stored, if it could have been emitted. For stores: what a
    /// transition emits comes out of the transition.
    ///
    /// # Errors
    /// [`RestoreError::UnreachableVersion`] where no history leads to this kind of event at this
    /// version.
    pub fn restore(
        details: impl Into<Arc<ApplicationDetails>>,
        version: u64,
        at: Timestamp,
        body: EventBody,
    ) -> Result<Self, RestoreError> {
        Self::restore_shared(details.into().into(), version, at, body)
    }

    /// The same, of details that others share.
    pub(crate) fn restore_shared(
        details: SharedDetails,
        version: u64,
        at: Timestamp,
        body: EventBody,
    ) -> Result<Self, RestoreError> {
        let (status, origin) = (body.kind().status(), body.source());
        if version > AnyApplication::MAX_VERSION || !rules::is_reachable(status, origin, version) {
            return Err(RestoreError::UnreachableVersion {
                status,
                origin,
                version,
            });
        }
        Ok(Self::new(details, version, at, body))
    }
}
