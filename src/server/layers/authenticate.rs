//! Tokens become principals.

use std::sync::Arc;

use http::{HeaderMap, header};

use crate::server::api::Api;
use crate::server::principal::{Principal, lacks, one_institution};
use crate::server::problem::{FieldProblem, Problem, ProblemCode};
use crate::server::request::header_text;
use crate::store::{Actor, InstitutionId, Scope, Token, TokenId, TokenSecret, Tokens};

const INSTITUTION: &str = "Certlife-Institution";
const ACTOR: &str = "Certlife-Actor";

/// The principal of a request, by its token.
///
/// # Errors
/// 401 without a valid token, 403 where it may not act for the institution or the actor that the
/// headers name, 422 where the headers are wrong.
pub(super) async fn authenticate(api: &Api, headers: &HeaderMap) -> Result<Principal, Problem> {
    let (id, secret) = bearer(headers)?;
    let token = match api.authentication.remembered(id) {
        Some(token) => Some(token),
        None => api.store().token(id).await?.map(Arc::new),
    };
    let now = api.engine.clock().now();
    let token = token
        // A session of the console ends with its token, which is looked at there alone.
        .filter(|it| secret.matches(it) && it.session_of().is_none())
        .ok_or_else(|| refused("the token is unknown or was revoked"))?;
    if token.expires_at.is_some_and(|it| it <= now) {
        return Err(refused("the token has expired"));
    }
    if api.authentication.remembered(id).is_none() {
        api.authentication.remember(Arc::clone(&token));
    }
    if api.authentication.is_use_due(id, now) {
        // A request does not wait for it, and does not fail with it.
        let store = api.store().clone();
        tokio::spawn(async move {
            if let Err(error) = store.used_token(id, now).await {
                tracing::warn!(%error, "the last use of a token was not recorded");
            }
        });
    }
    let mut principal = Principal::new(
        institution(&token, headers)?,
        actor(&token, headers)?,
        token.scopes,
    );
    principal.expires_at = token.expires_at;
    principal.token = Some(id);
    Ok(principal)
}

fn refused(detail: &str) -> Problem {
    Problem::new(ProblemCode::Unauthenticated, detail)
}

/// The token of a request (RFC 6750, 2.1).
fn bearer(headers: &HeaderMap) -> Result<(TokenId, TokenSecret), Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let given = all.next().ok_or_else(|| {
        refused(
            "expected the header Authorization: Bearer clt_…; certlife token create makes a token",
        )
    })?;
    if all.next().is_some() {
        return Err(refused(
            "expected one header Authorization, and there are several",
        ));
    }
    let given = given.to_str().unwrap_or_default();
    let (scheme, token) = given.split_once(' ').unwrap_or((given, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused(
            "expected the scheme Bearer in the header Authorization",
        ));
    }
    TokenSecret::parse_bearer(token.trim())
        .ok_or_else(|| refused("the token does not have the form clt_<id>_<secret>"))
}

/// The institution: that of the token, or of the header where the token is for all.
fn institution(token: &Token, headers: &HeaderMap) -> Result<InstitutionId, Problem> {
    let given = header_text(headers, INSTITUTION)?;
    match (&token.institution, given) {
        (Some(own), None) => Ok(own.clone()),
        (Some(own), Some(given)) if own.as_str() == given => Ok(own.clone()),
        (Some(_), Some(_)) => {
            let detail =
                "the token is for another institution than the header Certlife-Institution names";
            Err(Problem::new(ProblemCode::Forbidden, detail))
        }
        (None, Some(given)) => {
            one_institution(given).map_err(|error| FieldProblem::header(INSTITUTION, error).into())
        }
        (None, None) => {
            let detail = "the token is for all institutions: the header Certlife-Institution has to name one";
            Err(FieldProblem::header(INSTITUTION, detail).into())
        }
    }
}

/// The actor: that of the token, or of the header where the token may act for others.
fn actor(token: &Token, headers: &HeaderMap) -> Result<Actor, Problem> {
    match header_text(headers, ACTOR)? {
        None => Ok(token.actor.clone()),
        Some(given) => {
            let given: Actor = given
                .parse()
                .map_err(|error| Problem::from(FieldProblem::header(ACTOR, error)))?;
            if given != token.actor && !token.scopes.contains(Scope::ActorAny) {
                return Err(lacks(Scope::ActorAny));
            }
            Ok(given)
        }
    }
}
