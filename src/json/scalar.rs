//! A value of a flat JSON object, and what is wrong with one.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::excerpt::{describe_length, describe_text};

/// A value, as far as a flat object needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// A string, borrowed from the text where it has no escapes.
    Text(Cow<'a, str>),
    /// An integer from 0 to 2⁶⁴ − 1.
    Integer(u64),
    /// `true` or `false`.
    Flag(bool),
    /// `null`.
    Null,
    /// Any other value: what it is, in words.
    Other(Cow<'static, str>),
}

impl Scalar<'_> {
    /// What the value of a field is, in words, as an error quotes it.
    #[must_use]
    pub(crate) fn describe(&self, field: &str) -> String {
        match self {
            Self::Text(text) => describe_text(field, text),
            other => other.describe_kind(),
        }
    }

    /// What kind of value it is, in words.
    #[must_use]
    pub(crate) fn describe_kind(&self) -> String {
        match self {
            Self::Text(text) => describe_length(text),
            Self::Integer(number) => format!("the number {number}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Null => "null".to_owned(),
            Self::Other(words) => words.to_string(),
        }
    }
}

impl<'a> Scalar<'a> {
    /// The text that a field must hold.
    ///
    /// # Errors
    /// [`FieldError`] where the field is missing or holds something else.
    pub(crate) fn text(
        field: &'static str,
        found: Option<Self>,
    ) -> Result<Cow<'a, str>, FieldError> {
        match found {
            Some(Self::Text(text)) => Ok(text),
            other => Err(FieldError::unfit(field, "a string", other)),
        }
    }

    /// The integer that a field must hold; `expected` says in words which ones it may.
    ///
    /// # Errors
    /// [`FieldError`] where the field is missing or holds something else.
    pub(crate) fn integer(
        field: &'static str,
        expected: &'static str,
        found: Option<Self>,
    ) -> Result<u64, FieldError> {
        match found {
            Some(Self::Integer(number)) => Ok(number),
            other => Err(FieldError::unfit(field, expected, other)),
        }
    }

    /// Yes or no, where a field must hold that.
    ///
    /// # Errors
    /// [`FieldError`] where it holds something else.
    #[allow(dead_code, reason = "no field of an event or a command is one")]
    pub(crate) fn flag(field: &'static str, found: Self) -> Result<bool, FieldError> {
        match found {
            Self::Flag(flag) => Ok(flag),
            other => Err(FieldError::unfit(field, "true or false", Some(other))),
        }
    }
}

/// What is wrong with a field of an object, apart from its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The field stands there twice.
    #[error("field {field} appears more than once")]
    Duplicate {
        /// The field.
        field: &'static str,
    },
    /// The field is not there.
    #[error("field {field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// The field has a value of another type.
    #[error("field {field} must be {expected}, but is {found}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// The type that it must have, in words.
        expected: &'static str,
        /// What was found, in words.
        found: String,
    },
}

impl FieldError {
    /// The field that is wrong.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Duplicate { field } | Self::Missing { field } | Self::WrongType { field, .. } => {
                field
            }
        }
    }

    /// The error for a field that holds something else than it must, or nothing.
    #[must_use]
    pub(crate) fn unfit(
        field: &'static str,
        expected: &'static str,
        found: Option<Scalar<'_>>,
    ) -> Self {
        match found {
            None => Self::Missing { field },
            Some(found) => Self::WrongType {
                field,
                expected,
                found: found.describe(field),
            },
        }
    }
}

/// Reads any value.
pub(crate) struct ScalarSeed;

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ScalarSeed.deserialize(deserializer)
    }
}

impl<'de> DeserializeSeed<'de> for ScalarSeed {
    type Value = Scalar<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Other(format!("the number {value}").into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other(format!("the number {value:?}").into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Flag(value))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an array".into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an object".into()))
    }
}
