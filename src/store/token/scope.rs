//! What a token allows.

use crate::lifecycle::names::{UnknownName, named_enum};

named_enum! {
    /// One kind of request that a token allows, as `resource:verb`.
    pub enum Scope as "scope" {
        /// Reads applications, their lists, histories and counts.
        ApplicationsRead = "applications:read",
        /// Submits applications.
        ApplicationsSubmit = "applications:submit",
        /// Uploads applications, singly and in bulk.
        ApplicationsUpload = "applications:upload",
        /// Begins the processing of applications, and rejects them.
        ApplicationsDecide = "applications:decide",
        /// Retries applications that failed.
        ApplicationsRetry = "applications:retry",
        /// Claims background work, approves applications, and fails them.
        ApplicationsProcess = "applications:process",
        /// Reads the feed of events.
        EventsRead = "events:read",
        /// Reads webhooks, without their secrets.
        WebhooksRead = "webhooks:read",
        /// Adds, changes and removes webhooks.
        WebhooksWrite = "webhooks:write",
        /// Reads deliveries and their attempts.
        DeliveriesRead = "deliveries:read",
        /// Redelivers and abandons deliveries.
        DeliveriesWrite = "deliveries:write",
        /// Creates and revokes tokens of the own institution, with no more scopes than its own.
        TokensWrite = "tokens:write",
        /// Names another actor than the token's own.
        ActorAny = "actor:any",
    }
}

/// A set of [`Scope`]s. As text, their names in the order of [`Scope::ALL`], separated by commas;
/// as JSON, an array of their names.
///
/// ```
/// use certificate_lifecycle::store::{Role, Scope, Scopes};
///
/// let scopes: Scopes = "events:read,applications:read".parse()?;
/// assert_eq!(scopes.to_string(), "applications:read,events:read");
/// assert!(scopes.contains(Scope::EventsRead));
/// assert!(scopes.is_subset(Role::Viewer.scopes()));
/// # Ok::<(), certificate_lifecycle::UnknownName>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// No scope.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Every scope that this version knows, `actor:any` included.
    #[must_use]
    pub const fn all() -> Self {
        Self((1 << Scope::ALL.len()) - 1)
    }

    /// The same set with this scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u16)
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u16 != 0
    }

    /// Whether every scope of this set is in the other one.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the set has no scope.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |it| self.contains(*it))
    }

    /// The set with these scopes.
    const fn of(mut scopes: &[Scope]) -> Self {
        let mut set = Self::none();
        while let [first, others @ ..] = scopes {
            set = set.with(*first);
            scopes = others;
        }
        set
    }

    /// The set of these names, as a list of them is written. An empty text is no list.
    fn of_names(text: &str) -> Result<Self, UnknownName> {
        text.split(',').map(|it| it.trim().parse()).collect()
    }

    /// The set that a database keeps. The word `all` is never kept, so that a later
    /// version of this crate widens no token.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(in crate::store) fn from_stored(text: &str) -> Result<Self, UnknownName> {
        if text.is_empty() {
            return Ok(Self::none());
        }
        Self::of_names(text)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::none(), Self::with)
    }
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, scope) in self.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Scopes {
    type Err = UnknownName;

    /// Reads names separated by commas, or the word `all`.
    ///
    /// # Errors
    /// [`UnknownName`] lists the scopes that are known.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if text == "all" {
            return Ok(Self::all());
        }
        Self::of_names(text)
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for Scopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Scope>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

named_enum! {
    /// A set of scopes that has a name, for those who create tokens. A token keeps the scopes, not
    /// the role.
    pub enum Role as "role" {
        /// Reads everything but tokens.
        Viewer = "viewer",
        /// Decides on applications.
        Reviewer = "reviewer",
        /// Keeps deliveries and failed applications moving.
        Operator = "operator",
        /// Does the background work.
        Processor = "processor",
        /// Submits applications.
        Submitter = "submitter",
        /// Does everything for an institution but the background work.
        Administrator = "administrator",
    }
}

impl Role {
    /// What the role allows. No role has [`Scope::ActorAny`].
    #[must_use]
    pub const fn scopes(self) -> Scopes {
        use Scope::{
            ApplicationsDecide, ApplicationsProcess, ApplicationsRead, ApplicationsRetry,
            ApplicationsSubmit, ApplicationsUpload, DeliveriesRead, DeliveriesWrite, EventsRead,
            TokensWrite, WebhooksRead, WebhooksWrite,
        };
        Scopes::of(match self {
            Self::Viewer => &[ApplicationsRead, EventsRead, WebhooksRead, DeliveriesRead],
            Self::Reviewer => &[ApplicationsRead, ApplicationsDecide, ApplicationsRetry],
            Self::Operator => &[
                ApplicationsRead,
                ApplicationsRetry,
                EventsRead,
                WebhooksRead,
                DeliveriesRead,
                DeliveriesWrite,
            ],
            Self::Processor => &[ApplicationsRead, ApplicationsProcess, EventsRead],
            Self::Submitter => &[ApplicationsRead, ApplicationsSubmit],
            Self::Administrator => &[
                ApplicationsRead,
                ApplicationsSubmit,
                ApplicationsUpload,
                ApplicationsDecide,
                ApplicationsRetry,
                EventsRead,
                WebhooksRead,
                WebhooksWrite,
                DeliveriesRead,
                DeliveriesWrite,
                TokensWrite,
            ],
        })
    }
}
