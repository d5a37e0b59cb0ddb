//! A flat JSON object, all of whose faults are reported at once.

use std::borrow::Cow;

use super::body::escaped;
use crate::json::{Fields, Scalar};
use crate::server::problem::{FieldProblem, Problem};

/// A flat JSON object with these members, and no others. A member that is null counts as absent.
pub(in crate::server) struct Form<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<Scalar<'a>>; N],
    errors: Vec<FieldProblem>,
}

impl<'a, const N: usize> Form<'a, N> {
    /// Reads the object; an empty body counts as `{}`.
    ///
    /// # Errors
    /// A problem where it is no JSON object.
    pub(in crate::server) fn read(
        bytes: &'a [u8],
        names: &'static [&'static str; N],
    ) -> Result<Self, Problem> {
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        let fields = Fields::parse(bytes, names)?;
        let mut errors = Vec::new();
        if let Some(name) = fields.unknown() {
            let known = match names.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            let shown = crate::excerpt::shorten(name);
            let detail = format!("unknown member {shown:?}; known are: {known}");
            errors.push(FieldProblem::at(format!("/{}", escaped(name)), detail));
        }
        if let Err(error) = fields.refuse_duplicates() {
            errors.push(FieldProblem::at(format!("/{}", error.field()), error));
        }
        let values = fields.into_values();
        Ok(Self {
            names,
            values: values.map(|it| it.filter(|it| *it != Scalar::Null)),
            errors,
        })
    }

    fn take(&mut self, name: &'static str) -> Option<Scalar<'a>> {
        let place = self.names.iter().position(|it| *it == name)?;
        self.values.get_mut(place)?.take()
    }

    /// Keeps what is wrong with a member.
    pub(in crate::server) fn refuse(&mut self, name: &str, detail: impl ToString) {
        let pointer = format!("/{name}");
        let is_known = |it: &FieldProblem| it.pointer.as_deref() == Some(&pointer);
        // A member that stands there twice has no value, and is not missing.
        if !self.errors.iter().any(is_known) {
            self.errors.push(FieldProblem::at(pointer, detail));
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
        let found = self.take(name);
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
        let found = self.take(name)?;
        let text: Option<Cow<'_, str>> = self.keep(name, Scalar::text(name, Some(found)));
        let text = text?;
        self.keep(name, read(&text))
    }

    /// The number of a member that must be there; `rule` says in words which ones it may be.
    pub(in crate::server) fn integer<T, E: ToString>(
        &mut self,
        name: &'static str,
        rule: &'static str,
        read: impl FnOnce(u64) -> Result<T, E>,
    ) -> Option<T> {
        let found = self.take(name);
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
        let found = self.take(name)?;
        let number = self.keep(name, Scalar::integer(name, rule, Some(found)))?;
        let is_within = bounds.contains(&number);
        let fits = is_within.then_some(number);
        self.keep(name, fits.ok_or(format!("field {name} must be {rule}")))
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
