//! What counts where a line does not say.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::store::{Actor, ActorId, ActorKind, IdempotencyKey, InstitutionId, Operation};

/// What counts where a line does not say.
#[derive(Clone)]
pub struct Defaults {
    institution: InstitutionId,
    actor: DefaultActor,
    new_uuid: Option<Arc<NewUuid>>,
}

type NewUuid = dyn Fn(&InstitutionId, Option<&IdempotencyKey>) -> Uuid + Send + Sync;

/// Who acts.
#[derive(Debug, Clone)]
enum DefaultActor {
    /// For every command the same.
    One(Actor),
    /// Of the kind whom the contract names first for the command.
    ByContract(ActorId),
}

impl Defaults {
    /// This institution, and this actor for every command.
    #[must_use]
    pub const fn new(institution: InstitutionId, actor: Actor) -> Self {
        Self::of(institution, DefaultActor::One(actor))
    }

    /// This institution, and an actor with this id, of the kind whom the contract names first for
    /// the command: a customer submits, an administrator uploads and decides, the system approves
    /// and fails.
    #[must_use]
    pub const fn by_contract(institution: InstitutionId, actor: ActorId) -> Self {
        Self::of(institution, DefaultActor::ByContract(actor))
    }

    const fn of(institution: InstitutionId, actor: DefaultActor) -> Self {
        Self {
            institution,
            actor,
            new_uuid: None,
        }
    }

    /// Lets `submit` and `upload` come without `uuid`, which this makes, given the institution and
    /// the idempotency key of the command. For a command with a key it must be the same each time:
    /// otherwise the repeated command is another one. Without this, `uuid` is needed.
    #[must_use]
    pub fn with_new_uuids(
        self,
        new_uuid: impl Fn(&InstitutionId, Option<&IdempotencyKey>) -> Uuid + Send + Sync + 'static,
    ) -> Self {
        Self {
            new_uuid: Some(Arc::new(new_uuid)),
            ..self
        }
    }

    pub(super) fn institution(&self) -> InstitutionId {
        self.institution.clone()
    }

    /// Who acts, where the line does not say.
    pub(super) fn actor(&self, operation: &Operation) -> Actor {
        match &self.actor {
            DefaultActor::One(actor) => actor.clone(),
            DefaultActor::ByContract(id) => {
                let kind = operation.permitted_actors().first();
                Actor::new(kind.copied().unwrap_or(ActorKind::System), id.clone())
            }
        }
    }

    /// The id of an actor of whom the line says the kind alone.
    pub(super) fn actor_id(&self) -> ActorId {
        match &self.actor {
            DefaultActor::One(actor) => actor.id.clone(),
            DefaultActor::ByContract(id) => id.clone(),
        }
    }

    /// What makes the identity of an application that is created.
    pub(super) fn new_uuid(&self) -> Option<&NewUuid> {
        self.new_uuid.as_deref()
    }
}

impl fmt::Debug for Defaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defaults")
            .field("institution", &self.institution)
            .field("actor", &self.actor)
            .field("makes_uuids", &self.new_uuid.is_some())
            .finish()
    }
}
