//! Enumerations whose variants have one name each on the wire, in records and on the command line.

use crate::excerpt::{is_word, shorten};

/// A name that stands for no value of its field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {field}{}; expected one of: {}", quoted(found.as_deref()), expected.join(", "))]
pub struct UnknownName {
    /// The field that was read, such as `source`.
    pub field: &'static str,
    /// The name that was found, shortened if it is long; none where it looks like something else,
    /// such as a title or an address.
    pub found: Option<String>,
    /// Every name that the field accepts.
    pub expected: &'static [&'static str],
}

impl UnknownName {
    pub(crate) fn new(field: &'static str, found: &str, expected: &'static [&'static str]) -> Self {
        Self {
            field,
            found: is_word(found).then(|| shorten(found)),
            expected,
        }
    }
}

fn quoted(found: Option<&str>) -> String {
    found.map_or_else(String::new, |it| format!(" {it:?}"))
}

/// Declares an enumeration together with its wire names: `ALL`, `NAMES`, `as_str`, `Display`,
/// `FromStr` and serde all follow from the one list.
macro_rules! named_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident as $field:literal {
            $($(#[$variant_meta:meta])* $variant:ident = $wire:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the contract.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant,)+];

            /// The name of every value, in the order of [`Self::ALL`].
            pub const NAMES: [&'static str; Self::ALL.len()] = [$($wire,)+];

            /// The name on the wire, in records and on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::lifecycle::names::UnknownName;

            /// Reads the name on the wire.
            ///
            /// # Errors
            /// [`UnknownName`](crate::UnknownName) lists the names that are known.
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($wire => Ok(Self::$variant),)+
                    _ => Err($crate::lifecycle::names::UnknownName::new($field, name, &Self::NAMES)),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use named_enum;
