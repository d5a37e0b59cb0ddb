//! Who may do what (CONTRACT.md, "Events", column *who acts*).

use crate::lifecycle::action::Action;
use crate::lifecycle::any::AnyApplication;
use crate::store::{ActorKind, Operation, Refusal, Request};

impl Operation {
    /// The kinds of actors that the contract permits to carry it out; the usual one comes first.
    #[must_use]
    pub const fn permitted_actors(&self) -> &'static [ActorKind] {
        match self {
            // By a customer, or by the system on their behalf.
            Self::Submit(_) => &[ActorKind::Customer, ActorKind::System],
            Self::Upload(..) => &[ActorKind::Administrator],
            Self::Act { command, .. } => command.action().permitted_actors(),
        }
    }
}

impl Action {
    /// The kinds of actors that the contract permits to carry it out; the usual one comes first.
    #[must_use]
    pub const fn permitted_actors(self) -> &'static [ActorKind] {
        match self {
            Self::BeginProcessing | Self::Reject | Self::Retry => &[ActorKind::Administrator],
            Self::Approve | Self::Fail => &[ActorKind::System],
        }
    }
}

impl AnyApplication {
    /// What an actor of this kind may do to it as it is now: of the [legal](Self::legal_actions)
    /// actions those that the contract gives to the kind. The buttons of a page, for example.
    ///
    /// ```
    /// use certificate_lifecycle::store::ActorKind;
    /// use certificate_lifecycle::*;
    ///
    /// # let at = chrono::DateTime::UNIX_EPOCH;
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?,
    /// #     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// let submitted = AnyApplication::from(Application::submit(details, at).application);
    /// let buttons = submitted.legal_actions_for(ActorKind::Administrator);
    /// assert_eq!(buttons, [Action::BeginProcessing, Action::Reject]);
    /// assert_eq!(submitted.legal_actions_for(ActorKind::Customer), []);
    /// # Ok::<(), InvalidValue>(())
    /// ```
    #[must_use]
    pub fn legal_actions_for(&self, kind: ActorKind) -> Vec<Action> {
        let legal = self.legal_actions().iter().copied();
        legal
            .filter(|action| action.permitted_actors().contains(&kind))
            .collect()
    }
}

/// Refuses what the contract does not give the request's actor.
pub(crate) fn check(request: &Request) -> Result<(), Refusal> {
    let permitted = request.operation.permitted_actors();
    if permitted.contains(&request.actor.kind) {
        return Ok(());
    }
    Err(Refusal::Forbidden {
        actor: request.actor.clone(),
        operation: request.operation.name(),
        permitted,
    })
}
