//! Which events a webhook wants.

use crate::lifecycle::event::EventKind;
use crate::lifecycle::names::UnknownName;

/// A set of event kinds; all of them by default.
///
/// ```
/// use certificate_lifecycle::EventKind;
/// use certificate_lifecycle::webhook::EventKinds;
///
/// let kinds: EventKinds = "approved,rejected".parse()?;
/// assert!(kinds.contains(EventKind::Approved) && !kinds.contains(EventKind::Failed));
/// assert_eq!(EventKinds::default(), EventKinds::ALL);
/// # Ok::<(), certificate_lifecycle::UnknownName>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKinds(u8);

impl EventKinds {
    /// Every kind.
    pub const ALL: Self = Self((1 << EventKind::ALL.len()) - 1);

    /// No kind.
    pub const NONE: Self = Self(0);

    /// Whether a kind is among them.
    #[must_use]
    pub fn contains(self, kind: EventKind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// These, but for some.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds, in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }

    /// As databases keep it: bit `n` stands for the kind at place `n` of [`EventKind::ALL`].
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

fn bit(kind: EventKind) -> u8 {
    let place = EventKind::ALL.iter().position(|it| *it == kind);
    place.map_or(0, |place| 1 << place)
}

impl Default for EventKinds {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<EventKind> for EventKinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | bit(kind)))
    }
}

impl std::str::FromStr for EventKinds {
    type Err = UnknownName;

    /// Reads kinds separated by commas, as `approved` or `certificate_application.approved`.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let kind = |name: &str| {
            let name = name.trim();
            EventKind::from_name(name).map_or_else(|| name.parse(), Ok)
        };
        text.split(',').map(kind).collect()
    }
}

impl std::fmt::Display for EventKinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.iter().map(EventKind::as_str).collect();
        f.pad(&names.join(","))
    }
}

impl std::fmt::Debug for EventKinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
