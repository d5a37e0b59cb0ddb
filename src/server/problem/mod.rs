//! Problems: errors as the API answers them (RFC 9457; API.md, "Problems").

mod code;
mod from;

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

pub use code::ProblemCode;

use crate::lifecycle::action::Action;
use crate::lifecycle::state::Status;

/// The media type of problems.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// How long a client is to wait before it tries again, in seconds.
const RETRY_AFTER: &str = "1";

/// Why a request was not carried out: [`ProblemDetails`] that are passed on cheaply.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<ProblemDetails>);

/// Why a request was not carried out, as the answer's body says it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
#[non_exhaustive]
pub struct ProblemDetails {
    /// `urn:certificate-lifecycle:problem:` and the code.
    #[schema(example = "urn:certificate-lifecycle:problem:illegal_transition")]
    pub r#type: String,
    /// What kind of problem it is: the same for each problem with this code.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What was wrong this time, and what would be right.
    pub detail: String,
    /// The request's id, as `X-Request-Id` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub instance: Option<String>,
    /// The code of the problem.
    #[schema(inline, value_type = super::openapi::ProblemCodeValue)]
    pub code: Cow<'static, str>,
    /// What is wrong with a field, a parameter or a header, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldProblem>,
    /// The status that the application is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, inline, value_type = super::openapi::StatusValue)]
    pub current_status: Option<Status>,
    /// The version that it has, or the revision of a webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, inline, value_type = super::openapi::RevisionValue)]
    pub current_version: Option<u64>,
    /// The actions that are legal now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, inline, value_type = super::openapi::ActionsValue)]
    pub legal: Option<Vec<Action>>,
    /// The fields in which two commands with the same idempotency key differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub differing: Vec<Cow<'static, str>>,
    /// The scope that the token lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub required_scope: Option<Cow<'static, str>>,
    /// The problem of each refused line, of commands that stand or fall together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, no_recursion)]
    pub problems: Vec<LineProblem>,
    /// What the log says beyond the detail.
    #[serde(skip)]
    pub(crate) cause: Option<String>,
    /// Whether this was answered before, to the same request with the same idempotency key.
    #[serde(skip)]
    pub(super) is_replayed: bool,
}

/// The problem of one line of a stream of commands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[non_exhaustive]
pub struct LineProblem {
    /// The number of the line, from 1.
    pub line: u64,
    /// What is wrong with it.
    #[schema(value_type = ProblemDetails)]
    pub problem: Problem,
}

impl LineProblem {
    pub(super) const fn new(line: u64, problem: Problem) -> Self {
        Self { line, problem }
    }
}

/// What is wrong with one field of a body (`pointer`, RFC 6901), one parameter or one header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct FieldProblem {
    /// Where in the body it stands: a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, example = "/applicant_email", value_type = String)]
    pub pointer: Option<String>,
    /// The parameter of the path or of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub parameter: Option<String>,
    /// The header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub header: Option<String>,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl FieldProblem {
    #[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
    fn new(detail: impl ToString) -> Self {
        Self {
            pointer: None,
            parameter: None,
            header: None,
            detail: detail.to_string(),
        }
    }

    /// Of the member of the body that this pointer leads to.
    #[must_use]
    pub fn at(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            pointer: Some(pointer.into()),
            ..Self::new(detail)
        }
    }

    /// That a member of the body is missing.
    pub(super) fn missing(name: &str) -> Self {
        Self::at(format!("/{name}"), format!("field {name} is missing"))
    }

    /// Of the parameter of the path or the query with this name.
    #[must_use]
    pub fn parameter(name: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            parameter: Some(name.into()),
            ..Self::new(detail)
        }
    }

    /// Of the header with this name.
    #[must_use]
    pub fn header(name: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            header: Some(name.into()),
            ..Self::new(detail)
        }
    }
}

impl Problem {
    /// A problem with this code and its status.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemDetails {
            r#type: code.urn(),
            title: code.title().into(),
            status: code.status(),
            detail: detail.into(),
            instance: None,
            code: code.as_str().into(),
            errors: Vec::new(),
            current_status: None,
            current_version: None,
            legal: None,
            differing: Vec::new(),
            required_scope: None,
            problems: Vec::new(),
            cause: None,
            is_replayed: false,
        }))
    }

    /// That fields, parameters or headers cannot be used.
    #[must_use]
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        let details: Vec<_> = errors.iter().map(|it| it.detail.as_str()).collect();
        let mut problem = Self::new(ProblemCode::InvalidRequest, details.join("; "));
        problem.errors = errors;
        problem
    }

    /// The same, with the id of the request; so have the problems of its lines.
    pub(super) fn of_request(mut self, id: Option<&str>) -> Self {
        self.instance = id.map(str::to_owned);
        for line in &mut self.problems {
            line.problem.instance = id.map(str::to_owned);
        }
        self
    }

    /// The body, with the id of the request.
    pub(super) fn body(&self, id: Option<&str>) -> Vec<u8> {
        let shown = self.clone().of_request(id);
        // It has no maps with keys that are no strings.
        serde_json::to_vec(&shown).unwrap_or_default()
    }

    /// The same, with what the log is to say beside it.
    #[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
    pub(super) fn caused_by(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }
}

impl Deref for Problem {
    type Target = ProblemDetails;

    fn deref(&self) -> &ProblemDetails {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut ProblemDetails {
        &mut self.0
    }
}

impl From<FieldProblem> for Problem {
    fn from(error: FieldProblem) -> Self {
        Self::invalid(vec![error])
    }
}

impl IntoResponse for Problem {
    /// The outermost layer writes the body, since it knows the request's id.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        let seconds = HeaderValue::from_static(RETRY_AFTER);
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, seconds);
            }
            _ if self.code == ProblemCode::InProgress.as_str() => {
                headers.insert(header::RETRY_AFTER, seconds);
            }
            _ => {}
        }
        if self.is_replayed {
            let yes = HeaderValue::from_static("true");
            headers.insert(super::header_names::IDEMPOTENT_REPLAYED, yes);
        }
        response.extensions_mut().insert(self);
        response
    }
}
