//! The headers that a request is governed by.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::server::problem::{FieldProblem, Problem};
use crate::store::IdempotencyKey;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IF_MATCH: &str = "If-Match";

/// The text of a header that may be given once.
///
/// # Errors
/// A problem where it is given twice, or is not UTF-8.
pub(in crate::server) fn header_text<'h>(
    headers: &'h HeaderMap,
    name: &str,
) -> Result<Option<&'h str>, Problem> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        let detail = format!("header {name} appears more than once");
        return Err(FieldProblem::header(name, detail).into());
    }
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| {
        let detail = format!("header {name} must be UTF-8");
        Problem::from(FieldProblem::header(name, detail))
    })?;
    Ok(Some(text.trim()))
}

/// The key that makes a request repeatable: bare, or as a string of structured fields (RFC 9651).
pub(in crate::server) struct IdempotencyHeader(pub(in crate::server) Option<IdempotencyKey>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(text) = header_text(&parts.headers, IDEMPOTENCY_KEY)? else {
            return Ok(Self(None));
        };
        let refused = |detail: String| Problem::from(FieldProblem::header(IDEMPOTENCY_KEY, detail));
        let key = if text.starts_with('"') {
            let key = quoted(text).ok_or_else(|| {
                refused("header Idempotency-Key is a string whose closing quote is missing or misplaced".to_owned())
            })?;
            IdempotencyKey::new(key)
        } else {
            IdempotencyKey::new(text)
        };
        let key = key.map_err(|error| refused(format!("header {IDEMPOTENCY_KEY}: {error}")))?;
        Ok(Self(Some(key)))
    }
}

/// The content of a string of structured fields.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let (mut content, mut rest) = (String::new(), inner.chars());
    while let Some(next) = rest.next() {
        match next {
            '"' => return None,
            '\\' => match rest.next()? {
                escaped @ ('"' | '\\') => content.push(escaped),
                _ => return None,
            },
            next => content.push(next),
        }
    }
    Some(content)
}

/// Which version a transition expects (RFC 9110, 13.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum IfMatch {
    /// The header is absent.
    Absent,
    /// Any.
    Any,
    /// This one.
    Version(u64),
    /// None that a resource ever has: a weak tag, or another server's.
    Never,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(text) = header_text(&parts.headers, IF_MATCH)? else {
            return Ok(Self::Absent);
        };
        if text == "*" {
            return Ok(Self::Any);
        }
        let is_tag = |it: &str| {
            let it = it.strip_prefix("W/").unwrap_or(it);
            let inner = it.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            inner.is_some_and(|it| !it.contains('"'))
        };
        if !is_tag(text) {
            let detail = "header If-Match must be one entity tag in quotes, as ETag has it, such as \"3\", \
                          or * for any version; a list of tags is refused";
            return Err(FieldProblem::header(IF_MATCH, detail).into());
        }
        let number = text.trim_matches('"');
        let is_number = number.bytes().all(|it| it.is_ascii_digit());
        let is_number = is_number && (number == "0" || !number.starts_with('0'));
        let version = number.parse().ok().filter(|_| is_number);
        Ok(version.map_or(Self::Never, Self::Version))
    }
}

/// The tags that a client has (RFC 9110, 13.1.2).
pub(in crate::server) struct IfNoneMatch(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given = parts.headers.get(header::IF_NONE_MATCH);
        let given = given.and_then(|it| it.to_str().ok());
        Ok(Self(given.map(str::to_owned)))
    }
}

impl IfNoneMatch {
    /// Whether the client has what this tag stands for.
    pub(in crate::server) fn has(&self, tag: &str) -> bool {
        let given = self.0.as_deref().unwrap_or_default();
        let mut tags = given.split(',').map(str::trim);
        tags.any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag)
    }
}
