//! A JSON object, all of whose faults are reported at once.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::parameters::time;
use super::value::Value;
use crate::excerpt::shorten;
use crate::json::{Fields, Scalar};
use crate::server::problem::{FieldProblem, Problem};

/// The most faults that are reported of one body, so that the answer has an end.
const MOST: usize = 100;

/// A JSON object with these members, and no others. A member that is null counts as absent.
pub(in crate::server) struct Form<'a, const N: usize, V = Scalar<'a>> {
    /// The pointer to the object.
    at: String,
    names: &'static [&'static str; N],
    values: [Option<V>; N],
    errors: Vec<FieldProblem>,
    /// What the values borrow from.
    body: std::marker::PhantomData<&'a [u8]>,
}

/// The same with members that may be lists and objects.
pub(in crate::server) type DeepForm<'a, const N: usize> = Form<'a, N, Value<'a>>;

impl<'a, const N: usize> Form<'a, N> {
    /// Reads the object; an empty body counts as `{}`.
    ///
    /// # Errors
    /// A problem where it is no JSON object.
    pub(in crate::server) fn read(
        bytes: &'a [u8],
        names: &'static [&'static str; N],
    ) -> Result<Self, Problem> {
        Self::parse(bytes, names)
    }
}

impl<'a, const N: usize, V: Deserialize<'a> + Into<Scalar<'a>>> Form<'a, N, V> {
    pub(super) fn parse(
        bytes: &'a [u8],
        names: &'static [&'static str; N],
    ) -> Result<Self, Problem> {
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        let fields: Fields<'_, _, V> = Fields::parse(bytes, names)?;
        let mut form = Self::empty(String::new(), names);
        for name in fields.unknown() {
            form.refuse_unknown(name);
        }
        for error in fields.duplicates() {
            form.refuse(error.field(), &error);
        }
        form.values = fields.into_values();
        Ok(form)
    }
}

impl<'a, const N: usize, V: Into<Scalar<'a>>> Form<'a, N, V> {
    pub(super) fn empty(at: String, names: &'static [&'static str; N]) -> Self {
        Self {
            at,
            names,
            values: [const { None }; N],
            errors: Vec::new(),
            body: std::marker::PhantomData,
        }
    }

    /// Puts a value in the place of a member; of a second one, it is said that there are two.
    pub(super) fn put(&mut self, name: &str, value: V) {
        let Some(place) = self.names.iter().position(|it| *it == name) else {
            return self.refuse_unknown(name);
        };
        let is_fresh = self.values.get(place).is_some_and(Option::is_none);
        if is_fresh && !self.is_wrong(&self.pointer(name)) {
            if let Some(slot) = self.values.get_mut(place) {
                *slot = Some(value);
            }
            return;
        }
        // Of two values, neither is to be relied on.
        if let Some(slot) = self.values.get_mut(place) {
            *slot = None;
        }
        self.refuse(name, format!("field {name} appears more than once"));
    }

    /// The value of a member.
    pub(super) fn value(&self, name: &str) -> Option<&V> {
        let place = self.names.iter().position(|it| *it == name)?;
        self.values.get(place)?.as_ref()
    }

    /// The value of a member, which is null or absent from then on.
    pub(super) fn take(&mut self, name: &'static str) -> Option<V> {
        let place = self.names.iter().position(|it| *it == name)?;
        self.values.get_mut(place)?.take()
    }

    fn scalar(&mut self, name: &'static str) -> Option<Scalar<'a>> {
        let value = self.take(name).map(Into::into);
        value.filter(|it| *it != Scalar::Null)
    }

    fn refuse_unknown(&mut self, name: &str) {
        let known = match self.names.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        let shown = shorten(name);
        self.refuse(
            name,
            format!("unknown member {shown:?}; known are: {known}"),
        );
    }

    pub(super) fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.at, escaped(name))
    }

    pub(super) fn is_wrong(&self, pointer: &str) -> bool {
        let mut all = self.errors.iter();
        all.any(|it| it.pointer.as_deref() == Some(pointer))
    }

    /// Keeps what is wrong with a member.
    pub(in crate::server) fn refuse(&mut self, name: &str, detail: impl ToString) {
        self.refuse_at(self.pointer(name), detail);
    }

    /// Keeps what is wrong with what this pointer leads to: the first fault tells most.
    pub(super) fn refuse_at(&mut self, pointer: String, detail: impl ToString) {
        // A member that stands there twice has no value, and is not missing.
        if !self.is_wrong(&pointer) {
            self.add(FieldProblem::at(pointer, detail));
        }
    }

    fn add(&mut self, error: FieldProblem) {
        if self.errors.len() < MOST {
            self.errors.push(error);
        }
    }

    /// Keeps what is wrong with an object within this one.
    pub(super) fn add_all<const M: usize>(&mut self, inner: Form<'a, M>) {
        for error in inner.errors {
            self.add(error);
        }
    }

    fn keep<T, E: ToString>(&mut self, name: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.refuse(name, error)).ok()
    }

    /// The text of a member that must be there.
    pub(in crate::server) fn text<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let found = self.scalar(name);
        let text = Scalar::text(name, found);
        let text = self.keep(name, text)?;
        self.keep(name, read(&text))
    }

    /// The text of a member that may be absent.
    pub(in crate::server) fn optional_text<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let found = self.scalar(name)?;
        let text: Option<Cow<'_, str>> = self.keep(name, Scalar::text(name, Some(found)));
        let text = text?;
        self.keep(name, read(&text))
    }

    /// The time of a member that must be there.
    pub(in crate::server) fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        self.text(name, |text| of_field(name, time(text)))
    }

    /// The time of a member that may be absent.
    pub(in crate::server) fn optional_time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        self.optional_text(name, |text| of_field(name, time(text)))
    }

    /// The number of a member that must be there; `rule` says in words which ones it may be.
    pub(in crate::server) fn integer<T, E: ToString>(
        &mut self,
        name: &'static str,
        rule: &'static str,
        read: impl FnOnce(u64) -> Result<T, E>,
    ) -> Option<T> {
        let found = self.scalar(name);
        let number = self.keep(name, Scalar::integer(name, rule, found))?;
        self.keep(name, read(number))
    }

    /// The number of a member that may be absent, within these bounds.
    pub(in crate::server) fn optional_integer(
        &mut self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
        rule: &'static str,
    ) -> Option<u64> {
        let found = self.scalar(name)?;
        let number = self.keep(name, Scalar::integer(name, rule, Some(found)))?;
        let is_within = bounds.contains(&number);
        let fits = is_within.then_some(number);
        self.keep(name, fits.ok_or(format!("field {name} must be {rule}")))
    }

    /// Yes or no; no where the member is absent.
    pub(in crate::server) fn flag(&mut self, name: &'static str) -> bool {
        let flag = self.scalar(name).map(|it| Scalar::flag(name, it));
        let flag = flag.and_then(|it| self.keep(name, it));
        flag.unwrap_or(false)
    }

    /// That all members that were asked for are right.
    ///
    /// # Errors
    /// A problem with each fault.
    pub(in crate::server) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.errors))
        }
    }
}

/// The same, with the name of the field before what was expected.
pub(in crate::server) fn of_field<T>(name: &str, read: Result<T, &str>) -> Result<T, String> {
    read.map_err(|expected| format!("field {name}: {expected}"))
}

/// A name within a JSON pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
