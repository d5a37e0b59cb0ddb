//! Who acts.

use super::name::ActorId;
use crate::lifecycle::names::named_enum;
use crate::lifecycle::value::InvalidValue;

named_enum! {
    /// What an actor is (CONTRACT.md, "Words" and "Events", column *who acts*).
    pub enum ActorKind as "actor" {
        /// A person who submits an application.
        Customer = "customer",
        /// A person who decides for the institution.
        Administrator = "administrator",
        /// Background processing.
        System = "system",
    }
}

/// Who acts: recorded with every transition.
///
/// ```
/// use certificate_lifecycle::store::{Actor, ActorKind};
///
/// let actor: Actor = "administrator:jane".parse()?;
/// assert_eq!(actor, Actor::administrator("jane")?);
/// assert_eq!(actor.kind, ActorKind::Administrator);
/// assert_eq!(actor.to_string(), "administrator:jane");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// What the actor is.
    pub kind: ActorKind,
    /// Which one of that kind.
    pub id: ActorId,
}

impl Actor {
    /// The actor of this kind with this id.
    #[must_use]
    pub const fn new(kind: ActorKind, id: ActorId) -> Self {
        Self { kind, id }
    }

    /// A person who submits an application.
    ///
    /// # Errors
    /// [`InvalidValue`] where the id is none.
    pub fn customer(id: impl AsRef<str>) -> Result<Self, InvalidValue> {
        Ok(Self::new(ActorKind::Customer, ActorId::new(id)?))
    }

    /// A person who decides for the institution.
    ///
    /// # Errors
    /// [`InvalidValue`] where the id is none.
    pub fn administrator(id: impl AsRef<str>) -> Result<Self, InvalidValue> {
        Ok(Self::new(ActorKind::Administrator, ActorId::new(id)?))
    }

    /// Background processing.
    ///
    /// # Errors
    /// [`InvalidValue`] where the id is none.
    pub fn system(id: impl AsRef<str>) -> Result<Self, InvalidValue> {
        Ok(Self::new(ActorKind::System, ActorId::new(id)?))
    }
}

impl std::fmt::Display for Actor {
    /// `kind:id`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// Why a text names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActorError {
    /// There is no colon.
    #[error("expected an actor as kind:id, such as administrator:jane, but there is no colon")]
    Form,
    /// The part before the colon is no kind of actor. It is not repeated: it may be the name of a
    /// person.
    #[error("the part of an actor before the colon must be one of: {}", ActorKind::NAMES.join(", "))]
    Kind,
    /// The part after the colon is no id.
    #[error(transparent)]
    Id(#[from] InvalidValue),
}

impl std::str::FromStr for Actor {
    type Err = ActorError;

    /// Reads `kind:id`; the id may have colons of its own.
    ///
    /// # Errors
    /// [`ActorError`] says which part is wrong.
    fn from_str(text: &str) -> Result<Self, ActorError> {
        let (kind, id) = text.split_once(':').ok_or(ActorError::Form)?;
        let kind = kind.parse().map_err(|_| ActorError::Kind)?;
        Ok(Self::new(kind, ActorId::new(id)?))
    }
}
