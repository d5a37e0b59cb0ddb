//! The members of a form that are lists and objects.

use std::borrow::Cow;

use super::form::{DeepForm, Form, escaped};
use super::value::{MOST, Value};
use crate::json::{FieldError, Scalar};
use crate::server::problem::Problem;

/// What an element or a member must be, where it is a text.
const STRING: &str = "a string";

impl<'a, const N: usize> DeepForm<'a, N> {
    /// Reads the object; an empty body counts as `{}`.
    ///
    /// # Errors
    /// A problem where it is no JSON object.
    pub(in crate::server) fn read_deep(
        bytes: &'a [u8],
        names: &'static [&'static str; N],
    ) -> Result<Self, Problem> {
        Self::parse(bytes, names)
    }

    /// Whether a member is there, be it twice.
    pub(in crate::server) fn has(&self, name: &str) -> bool {
        let null = Value::Scalar(Scalar::Null);
        self.value(name).is_some_and(|it| *it != null) || self.is_wrong(&self.pointer(name))
    }

    /// Keeps that a member must be something else.
    fn refuse_kind(&mut self, name: &'static str, expected: &'static str, found: Value<'a>) {
        let error = FieldError::unfit(name, expected, Some(found.into()));
        self.refuse(name, error);
    }

    /// A list of texts, if it is there; none where a fault lies in it.
    pub(in crate::server) fn texts<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        self.list(name, STRING, |element| match element {
            Scalar::Text(text) => Some(read(text).map_err(|error| error.to_string())),
            _ => None,
        })
    }

    /// A list of whole numbers, if it is there; none where a fault lies in it.
    pub(in crate::server) fn integers<T>(
        &mut self,
        name: &'static str,
        rule: &'static str,
        read: impl Fn(u64) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.list(name, rule, |element| match element {
            Scalar::Integer(number) => read(*number).map(Ok),
            _ => None,
        })
    }

    /// A list; `read` has nothing for an element that is not what `expected` says.
    fn list<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&Scalar<'a>) -> Option<Result<T, String>>,
    ) -> Option<Vec<T>> {
        let elements = match self.take(name)? {
            Value::List(elements) => elements,
            Value::Scalar(Scalar::Null) => return None,
            other => {
                self.refuse_kind(name, "an array", other);
                return None;
            }
        };
        if elements.len() > MOST {
            self.refuse(
                name,
                format!("field {name} must have at most {MOST} elements"),
            );
            return None;
        }
        let mut all = Vec::with_capacity(elements.len());
        for (place, element) in elements.iter().enumerate() {
            let value = read(element).unwrap_or_else(|| {
                let found = element.describe(name);
                Err(format!(
                    "each element of field {name} must be {expected}, but this one is {found}"
                ))
            });
            match value {
                Ok(value) => all.push(value),
                Err(detail) => self.refuse_at(format!("/{name}/{place}"), detail),
            }
        }
        (all.len() == elements.len()).then_some(all)
    }

    /// The members of an object within this one, which are known; what `read` makes of them.
    pub(in crate::server) fn object<T, const M: usize>(
        &mut self,
        name: &'static str,
        names: &'static [&'static str; M],
        read: impl FnOnce(&mut Form<'a, M>) -> T,
    ) -> Option<T> {
        let members = self.members(name)?;
        let mut inner: Form<'a, M> = Form::empty(format!("/{name}"), names);
        for (name, value) in members {
            inner.put(&name, value);
        }
        let value = read(&mut inner);
        self.add_all(inner);
        Some(value)
    }

    /// An object of texts under names of the client's choice, if it is there; none where a fault
    /// lies in it, by `check` as well. An error of this one repeats no text.
    pub(in crate::server) fn named_texts<E: ToString>(
        &mut self,
        name: &'static str,
        check: impl Fn(&str, &str) -> Result<(), E>,
    ) -> Option<Vec<(Cow<'a, str>, Cow<'a, str>)>> {
        let members = self.members(name)?;
        let count = members.len();
        let mut texts: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::with_capacity(count);
        for (member, value) in members {
            let at = format!("/{name}/{}", escaped(&member));
            if texts.iter().any(|(known, _)| *known == member) {
                let detail = "this name appears more than once";
                self.refuse_at(at, format!("field {name}: {detail}"));
                continue;
            }
            let Scalar::Text(text) = value else {
                let found = value.describe_kind();
                self.refuse_at(
                    at,
                    format!(
                        "each member of field {name} must be {STRING}, but this one is {found}"
                    ),
                );
                continue;
            };
            if let Err(error) = check(&member, &text) {
                self.refuse_at(at, error);
            } else {
                texts.push((member, text));
            }
        }
        (texts.len() == count).then_some(texts)
    }

    fn members(&mut self, name: &'static str) -> Option<Vec<(Cow<'a, str>, Scalar<'a>)>> {
        match self.take(name)? {
            Value::Object(members) if members.len() > MOST => {
                self.refuse(
                    name,
                    format!("field {name} must have at most {MOST} members"),
                );
                None
            }
            Value::Object(members) => Some(members),
            Value::Scalar(Scalar::Null) => None,
            other => {
                self.refuse_kind(name, "an object", other);
                None
            }
        }
    }

    /// Keeps what is wrong with a member of an object within this one.
    pub(in crate::server) fn refuse_member(
        &mut self,
        name: &str,
        member: &str,
        detail: impl ToString,
    ) {
        self.refuse_at(format!("/{name}/{}", escaped(member)), detail);
    }
}
