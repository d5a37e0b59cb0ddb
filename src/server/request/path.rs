//! The parts of a path.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use uuid::Uuid;

use crate::forms::only_hyphenated;
use crate::server::problem::{FieldProblem, Problem};

/// The value of the only parameter of a path.
pub(in crate::server) struct Segment {
    name: String,
    value: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters
            .map_err(|_| Problem::from(FieldProblem::parameter("path", "the path is not UTF-8")))?;
        let last = parameters.iter().last();
        let (name, value) = last.unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl Segment {
    /// Its value, read.
    pub(in crate::server) fn read<T, E: ToString>(
        &self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        read(&self.value).map_err(|error| {
            let detail = format!("{} of the path: {}", self.name, error.to_string());
            FieldProblem::parameter(&self.name, detail).into()
        })
    }

    /// A UUID with hyphens.
    pub(in crate::server) fn uuid(&self) -> Result<Uuid, Problem> {
        self.read(uuid)
    }
}

/// Reads a UUID with hyphens.
pub(in crate::server) fn uuid(text: &str) -> Result<Uuid, &'static str> {
    let expected = "expected a hyphenated UUID such as 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    only_hyphenated(text).ok_or(expected)
}
