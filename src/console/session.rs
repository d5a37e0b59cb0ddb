//! Sessions: tokens of their own, made at the sign-in, whose secret is in a cookie.
//!
//! A session is a row of the tokens, which keeps a hash. Its name says of which token it is, and it
//! ends with that one.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, header};

use super::site::Console;
use crate::server::{Principal, one_institution};
use crate::store::{
    Act, ActKind, ActOutcome, NoRandomness, StoreError, Token, TokenId, TokenName, TokenSecret,
    Tokens, acting,
};

/// The cookie. Browsers take one of this name only from this host, over TLS or from this machine,
/// and for all of its paths (RFC 6265bis, 4.1.3.2).
const COOKIE: &str = "__Host-certlife";

/// How long a session lasts.
const LONGEST: TimeDelta = TimeDelta::hours(12);

/// A session that was made, and its cookie.
pub(super) struct Session {
    pub(super) cookie: HeaderValue,
}

/// Why there is no session.
pub(super) enum SignInError {
    /// The token is unknown, expired or revoked.
    Token,
    /// It is good for all institutions, and none, or none that can be, was named.
    NoInstitution,
    /// It is for another institution.
    OtherInstitution,
    Store(StoreError),
    Chance(NoRandomness),
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Makes a session of a token.
pub(super) async fn begin(
    console: &Console,
    bearer: &str,
    institution: &str,
) -> Result<Session, SignInError> {
    let (id, secret) = TokenSecret::parse_bearer(bearer.trim()).ok_or(SignInError::Token)?;
    let store = console.engine.store();
    let now = console.engine.clock().now();
    let token = store.token(id).await?;
    let token = token.filter(|it| secret.matches(it) && !it.is_expired(now));
    // A session makes no further one.
    let token = token.filter(|it| it.session_of().is_none());
    let token = token.ok_or(SignInError::Token)?;
    let named = institution.trim();
    let institution = match &token.institution {
        Some(own) if named.is_empty() || own.as_str() == named => own.clone(),
        Some(_) => return Err(SignInError::OtherInstitution),
        None => one_institution(named).map_err(|_| SignInError::NoInstitution)?,
    };
    let expires_at = token
        .expires_at
        .map_or(now + LONGEST, |it| it.min(now + LONGEST));
    let signed_in_by = token.id;
    let name = TokenName::new(format!("{}{signed_in_by}", Token::SESSION))
        .map_err(|_| SignInError::Token)?;
    let (id, secret) = TokenSecret::generate().map_err(SignInError::Chance)?;
    let session = Token::new(id, secret.hash(), name, Some(institution), token.actor, now)
        .with_scopes(token.scopes)
        .with_expires_at(Some(expires_at));
    let institution = session.institution.clone();
    let act = Act::new(
        institution,
        session.actor.clone(),
        ActKind::SessionBegun,
        now,
    )
    .with_subject(id.to_string().into())
    .with_detail(format!("token {signed_in_by}").into());
    acting(store, act, done, store.add_token(session)).await?;
    let seconds = (expires_at - now).num_seconds().max(0);
    let value = secret.bearer(id);
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Lax");
    let mut cookie = HeaderValue::try_from(cookie).map_err(|_| SignInError::Token)?;
    cookie.set_sensitive(true);
    Ok(Session { cookie })
}

/// What came of it, unless the store has failed.
fn done<T>(answer: &Result<T, StoreError>) -> Option<ActOutcome> {
    answer.is_ok().then_some(ActOutcome::Done)
}

/// Ends the session of a request; the cookie that takes its cookie away.
pub(super) async fn end(console: &Console, headers: &HeaderMap) -> Result<HeaderValue, StoreError> {
    if let Some((id, secret)) = given(headers) {
        let store = console.engine.store();
        let token = store.token(id).await?;
        let session = token.filter(|it| secret.matches(it) && it.session_of().is_some());
        if let Some(session) = session {
            let now = console.engine.clock().now();
            let act = Act::new(
                session.institution,
                session.actor,
                ActKind::SessionEnded,
                now,
            )
            .with_subject(id.to_string().into());
            acting(store, act, done, store.remove_token(None, id)).await?;
        }
        console.authentication.forget(id);
    }
    let gone = "__Host-certlife=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax";
    Ok(HeaderValue::from_static(gone))
}

/// Who has the session of a request.
pub(super) async fn of(console: &Console, headers: &HeaderMap) -> Option<Principal> {
    let (id, secret) = given(headers)?;
    let now = console.engine.clock().now();
    let session = known(console, id, now).await?;
    if !secret.matches(&session) {
        return None;
    }
    // The session ends with the token that signed in.
    let of = session.session_of()?;
    let of = known(console, of, now).await?;
    let institution = session.institution.clone()?;
    let mut principal = Principal::new(institution, session.actor.clone(), session.scopes);
    // What it makes may live as long as what that token makes.
    principal.expires_at = of.expires_at;
    Some(principal)
}

/// A token that is there and has not expired; one that was looked up of late counts.
async fn known(console: &Console, id: TokenId, now: DateTime<Utc>) -> Option<Arc<Token>> {
    let token = if let Some(token) = console.authentication.remembered(id) {
        token
    } else {
        let found = console.engine.store().token(id).await;
        let found = found.inspect_err(|error| tracing::error!(%error, "a session was not read"));
        let token = Arc::new(found.ok().flatten()?);
        console.authentication.remember(Arc::clone(&token));
        token
    };
    (!token.is_expired(now)).then_some(token)
}

/// What the cookie of a request says.
fn given(headers: &HeaderMap) -> Option<(TokenId, TokenSecret)> {
    let all = headers.get_all(header::COOKIE).iter();
    let pairs = all
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'));
    let mut values = pairs.filter_map(|it| it.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    TokenSecret::parse_bearer(values.next()?)
}
