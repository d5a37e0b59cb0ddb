//! Who asks.

use axum::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use http::request::Parts;

use super::problem::{Problem, ProblemCode};
use crate::store::{Actor, InstitutionId, Scope, Scopes, TokenId};

/// What stands for all institutions, where a token or a list of tokens says whose it is.
const ALL: &str = "*";

/// The institution that a request or a form names, where its token is good for all: one of them,
/// and not what stands for all.
pub(crate) fn one_institution(text: &str) -> Result<InstitutionId, String> {
    if text == ALL {
        return Err("institution must be the id of one: * stands for all of them".to_owned());
    }
    InstitutionId::new(text).map_err(|error| error.to_string())
}

/// Who asks, for which institution, and what they may do. A backend with an authentication of its
/// own puts one into the extensions of each request; without it, the request needs a token.
///
/// ```
/// use certificate_lifecycle::server::Principal;
/// use certificate_lifecycle::store::{Actor, InstitutionId, Role};
///
/// let principal = Principal::new(
///     InstitutionId::new("example-university")?,
///     Actor::administrator("jane")?,
///     Role::Reviewer.scopes(),
/// );
/// # let _ = principal;
/// # Ok::<(), certificate_lifecycle::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The only institution that exists for the request.
    pub institution: InstitutionId,
    /// In whose name commands are carried out.
    pub actor: Actor,
    /// What the request may do.
    pub scopes: Scopes,
    /// When the token of the request expires: the tokens that it makes do not outlive it, and event
    /// streams end then.
    pub expires_at: Option<DateTime<Utc>>,
    /// The token of the request, if it was let in by one: an event stream ends with it.
    pub(super) token: Option<TokenId>,
}

impl Principal {
    /// This actor in this institution, with these scopes.
    #[must_use]
    pub const fn new(institution: InstitutionId, actor: Actor, scopes: Scopes) -> Self {
        Self {
            institution,
            actor,
            scopes,
            expires_at: None,
            token: None,
        }
    }

    /// That it has one of these scopes, or that none is needed.
    pub(super) fn require(&self, scopes: &[Scope]) -> Result<(), Problem> {
        let has_one = scopes.iter().any(|it| self.scopes.contains(*it));
        match scopes.first() {
            Some(first) if !has_one => Err(lacks(*first)),
            _ => Ok(()),
        }
    }
}

/// That the request lacks a scope.
pub(super) fn lacks(scope: Scope) -> Problem {
    let scope = scope.as_str();
    let detail = format!("this needs a token with the scope {scope}");
    let mut problem = Problem::new(ProblemCode::Forbidden, detail);
    problem.required_scope = Some(scope.into());
    problem
}

/// The principal of a request that was let in.
pub(super) struct Caller(pub(super) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The guard of the route has put it there; a route without a guard lets nothing in.
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| {
            Problem::new(ProblemCode::Unauthenticated, "the request has no principal")
        })
    }
}
