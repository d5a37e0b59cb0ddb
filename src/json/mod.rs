//! One flat JSON object, read strictly: which fields it has, each at most once, and of what type.
//!
//! `serde_json` does the reading; this keeps what a derived struct would lose for an error message:
//! the name of the field, the type that was found, a field that came twice, an unknown field.
//! Not part of the public interface.

mod scalar;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};

pub use scalar::FieldError;
pub(crate) use scalar::{Scalar, ScalarSeed};

/// How many unknown fields of one object are kept, so that an answer with all of them has an end.
const MOST_UNKNOWN: usize = 100;

/// The fields of one object: those that were asked for, and the first of those that were not.
#[derive(Debug)]
pub(crate) struct Fields<'a, const N: usize, V = Scalar<'a>> {
    values: [Option<V>; N],
    duplicates: Vec<&'static str>,
    unknown: Vec<Cow<'a, str>>,
}

/// Why bytes are not one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnObject {
    /// The bytes are not UTF-8.
    #[error("not valid UTF-8 after the first {offset} bytes; expected a JSON object")]
    NotUtf8 {
        /// How many bytes are valid.
        offset: usize,
    },
    /// The text is not JSON.
    #[error("not valid JSON: {message}, at {}column {column}; expected a JSON object", LinePrefix(*.line))]
    Syntax {
        /// What is wrong.
        message: String,
        /// The line of the text, from 1.
        line: usize,
        /// The column in bytes, from 1; 0 at the start of a line.
        column: usize,
    },
    /// The text is JSON, but not an object.
    #[error("expected a JSON object, found {found}")]
    OtherValue {
        /// What was found, in words.
        found: String,
    },
}

/// The line is only worth a word where there is more than one.
struct LinePrefix(usize);

impl fmt::Display for LinePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 1 {
            write!(f, "line {} ", self.0)?;
        }
        Ok(())
    }
}

impl<'a, const N: usize, V: Deserialize<'a>> Fields<'a, N, V> {
    /// Reads one object and nothing after it, keeping the fields with these names.
    ///
    /// # Errors
    /// [`NotAnObject`] says what the text is instead.
    pub(crate) fn parse(
        bytes: &'a [u8],
        names: &'static [&'static str; N],
    ) -> Result<Self, NotAnObject> {
        let text = std::str::from_utf8(bytes).map_err(|error| NotAnObject::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut fields = Self {
            values: [const { None }; N],
            duplicates: Vec::new(),
            unknown: Vec::new(),
        };
        let visitor = ObjectVisitor {
            names,
            fields: &mut fields,
        };
        let parsed = deserializer
            .deserialize_any(visitor)
            .and_then(|other| deserializer.end().map(|()| other));
        match parsed {
            Ok(None) => Ok(fields),
            Ok(Some(found)) => Err(NotAnObject::OtherValue { found }),
            Err(error) => Err(syntax(&error)),
        }
    }

    /// Refuses an object in which a field that was asked for stands twice: readers differ in which
    /// of the two they take.
    ///
    /// # Errors
    /// [`FieldError::Duplicate`] names the first such field.
    pub(crate) fn refuse_duplicates(&self) -> Result<(), FieldError> {
        match self.duplicates().next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Each field that was asked for and stands there twice.
    pub(crate) fn duplicates(&self) -> impl Iterator<Item = FieldError> {
        let duplicates = self.duplicates.iter();
        duplicates.map(|field| FieldError::Duplicate { field })
    }

    /// The fields whose names are none of those asked for, each once, up to a number.
    #[allow(dead_code, reason = "only commands refuse unknown fields")]
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(|it| &**it)
    }

    /// The values in the order of the names.
    #[must_use]
    pub(crate) fn into_values(self) -> [Option<V>; N] {
        self.values
    }
}

fn syntax(error: &serde_json::Error) -> NotAnObject {
    let (line, column) = (error.line(), error.column());
    let full = error.to_string();
    let message = full
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&full)
        .to_owned();
    NotAnObject::Syntax {
        message,
        line,
        column,
    }
}

/// Fills in the fields where they are to stay: they are large, and each move is a copy.
struct ObjectVisitor<'f, 'a, const N: usize, V> {
    names: &'static [&'static str; N],
    fields: &'f mut Fields<'a, N, V>,
}

impl<'de, const N: usize, V: Deserialize<'de>> Visitor<'de> for ObjectVisitor<'_, 'de, N, V> {
    /// What was found instead of an object, in words.
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let fields = self.fields;
        let mut seen = [false; N];
        // Most writers keep to one order, so the name after the last one is the best guess.
        let mut guess = 0;
        while let Some(key) = map.next_key_seed(NameSeed(self.names, guess))? {
            match key {
                Name::Known(index) => {
                    guess = index + 1;
                    let value = map.next_value::<V>()?;
                    if let (Some(slot), Some(seen), Some(name)) = (
                        fields.values.get_mut(index),
                        seen.get_mut(index),
                        self.names.get(index),
                    ) {
                        if *seen && !fields.duplicates.contains(name) {
                            fields.duplicates.push(name);
                        }
                        // Of two values, neither is to be relied on.
                        *slot = Some(value).filter(|_| !*seen);
                        *seen = true;
                    }
                }
                Name::Unknown(name) => {
                    map.next_value::<IgnoredAny>()?;
                    let unknown = &mut fields.unknown;
                    if unknown.len() < MOST_UNKNOWN && !unknown.contains(&name) {
                        unknown.push(name);
                    }
                }
            }
        }
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        other(&ScalarSeed.visit_seq(seq)?)
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        other(&Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        other(&Scalar::Integer(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        other(&ScalarSeed.visit_i64(value)?)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        other(&ScalarSeed.visit_f64(value)?)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        other(&ScalarSeed.visit_bool(value)?)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        other(&Scalar::Null)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that a visitor returns")]
fn other<E>(value: &Scalar<'_>) -> Result<Option<String>, E> {
    Ok(Some(value.describe_kind()))
}

enum Name<'de> {
    Known(usize),
    Unknown(Cow<'de, str>),
}

/// The names that are known, and the place of the likeliest one.
struct NameSeed<const N: usize>(&'static [&'static str; N], usize);

impl<const N: usize> NameSeed<N> {
    fn find(&self, name: &str) -> Option<Name<'static>> {
        if self.0.get(self.1).is_some_and(|guess| *guess == name) {
            return Some(Name::Known(self.1));
        }
        let index = self.0.iter().position(|known| *known == name)?;
        Some(Name::Known(index))
    }
}

impl<'de, const N: usize> DeserializeSeed<'de> for NameSeed<N> {
    type Value = Name<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for NameSeed<N> {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(self
            .find(name)
            .unwrap_or(Name::Unknown(Cow::Borrowed(name))))
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(self
            .find(name)
            .unwrap_or_else(|| Name::Unknown(Cow::Owned(name.to_owned()))))
    }
}
