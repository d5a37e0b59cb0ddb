//! A JSON value that may have an inside: a list, or an object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::json::{Scalar, ScalarSeed};

/// The most elements of a list, and members of an object within a body.
pub(super) const MOST: usize = 1000;

/// A value of a body. What lies within its lists and objects has no inside: no body goes deeper.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server) enum Value<'a> {
    Scalar(Scalar<'a>),
    /// The elements; of more than [`MOST`], one more than that.
    List(Vec<Scalar<'a>>),
    /// Names and values in their order; of more than [`MOST`], one more than that.
    Object(Vec<(Cow<'a, str>, Scalar<'a>)>),
}

impl<'a> From<Value<'a>> for Scalar<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Scalar(scalar) => scalar,
            Value::List(_) => Self::Other("an array".into()),
            Value::Object(_) => Self::Other("an object".into()),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        ScalarSeed.visit_borrowed_str(text).map(Value::Scalar)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        ScalarSeed.visit_str(text).map(Value::Scalar)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value<'de>, E> {
        ScalarSeed.visit_u64(number).map(Value::Scalar)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value<'de>, E> {
        ScalarSeed.visit_i64(number).map(Value::Scalar)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value<'de>, E> {
        ScalarSeed.visit_f64(number).map(Value::Scalar)
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Value<'de>, E> {
        ScalarSeed.visit_bool(flag).map(Value::Scalar)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value<'de>, E> {
        ScalarSeed.visit_unit().map(Value::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut elements = Vec::new();
        while elements.len() <= MOST {
            match seq.next_element()? {
                Some(element) => elements.push(element),
                None => return Ok(Value::List(elements)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut members = Vec::new();
        while members.len() <= MOST {
            match map.next_entry::<Name<'de>, Scalar<'de>>()? {
                Some((Name(name), value)) => members.push((name, value)),
                None => return Ok(Value::Object(members)),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(members))
    }
}

/// The name of a member, borrowed from the body where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
