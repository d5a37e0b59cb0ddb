//! The tokens of the institution: which there are, a new one, and the end of one.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chrono::TimeDelta;
use http::StatusCode;

use super::command::Form;
use super::frame::Frame;
use super::page::{go_to, page, page_with};
use super::query::Given;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::server::{add_token, remove_token};
use crate::store::{Actor, Role, Scope, StoreError, Token, TokenName, TokenSecret, Tokens};

/// How many tokens a page has.
const ROWS: u32 = 50;

/// The longest that a token of this page is good for, in days.
const MOST_DAYS: i64 = 3660;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    roles: Vec<&'static str>,
    /// The new token, this once.
    made: Option<String>,
    fault: Option<String>,
    typed: Typed,
}

/// What was typed for a new token.
#[derive(Default)]
struct Typed {
    name: String,
    actor: String,
    role: String,
    days: String,
}

struct Row {
    id: String,
    name: String,
    actor: String,
    scopes: String,
    created: When,
    expires: Option<When>,
    is_expired: bool,
    used: Option<When>,
}

impl Row {
    fn of(frame: &Frame, token: &Token) -> Self {
        let scopes: Vec<_> = token.scopes.iter().map(Scope::as_str).collect();
        Self {
            id: token.id.to_string(),
            name: shown::text(token.name.as_str()),
            actor: shown::text(&token.actor.to_string()),
            scopes: scopes.join(" "),
            created: frame.when(token.created_at),
            expires: token.expires_at.map(|it| frame.when(it)),
            is_expired: token.is_expired(frame.now),
            used: token.last_used_at.map(|it| frame.when(it)),
        }
    }
}

pub(super) async fn tokens(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::TokensWrite])?;
    let given = Given::read(query.as_deref());
    let page_of = made(&console, &visit, &given.after).await?;
    Ok(page(&page_of))
}

/// The page, with nothing new.
async fn made(console: &Console, visit: &Visit, after: &str) -> Result<TokensPage, Refused> {
    let frame = visit.frame.clone();
    let store = console.engine.store();
    let institution = &visit.principal.institution;
    let found = store.tokens(Some(institution), after.parse().ok(), ROWS);
    let found = found
        .await
        .map_err(|error: StoreError| Refused::store(&frame, &error))?;
    for corrupt in &found.corrupt {
        tracing::error!(error = %corrupt, "left out of a page");
    }
    let may_give = |role: &Role| role.scopes().is_subset(visit.principal.scopes);
    Ok(TokensPage {
        rows: found.tokens.iter().map(|it| Row::of(&frame, it)).collect(),
        next: found.next.map(|it| it.to_string()),
        roles: Role::ALL
            .iter()
            .filter(|it| may_give(it))
            .map(|it| it.as_str())
            .collect(),
        made: None,
        fault: None,
        typed: Typed {
            actor: visit.principal.actor.to_string(),
            days: "365".to_owned(),
            ..Typed::default()
        },
        frame,
    })
}

/// Makes a token, by the rules of the API: no more scopes than its maker, and no longer.
pub(super) async fn create(
    State(console): State<Console>,
    visit: Visit,
    form: Form,
) -> Result<Response, Refused> {
    visit.require(&[Scope::TokensWrite])?;
    let typed = Typed {
        name: form.field("name").to_owned(),
        actor: form.field("actor").to_owned(),
        role: form.field("role").to_owned(),
        days: form.field("days").to_owned(),
    };
    let (token, bearer) = match new(&console, &visit, &typed) {
        Ok(it) => it,
        Err(fault) => {
            let mut page_of = made(&console, &visit, "").await?;
            page_of.fault = Some(shown::text(&fault));
            page_of.typed = typed;
            return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &page_of));
        }
    };
    let added = add_token(&console.engine, &visit.principal, token).await;
    added.map_err(|error| Refused::store(&visit.frame, &error))?;
    let mut page_of = made(&console, &visit, "").await?;
    page_of.made = Some(bearer);
    Ok(page_with(StatusCode::CREATED, &page_of))
}

/// The token that was asked for, and its secret; or what is wrong with it.
fn new(console: &Console, visit: &Visit, typed: &Typed) -> Result<(Token, String), String> {
    let texts = visit.frame.texts;
    let caller = &visit.principal;
    let name = TokenName::new(&*typed.name).map_err(|error| error.to_string())?;
    let actor: Actor = typed.actor.parse().map_err(|error| format!("{error}"))?;
    let role: Role = typed.role.parse().map_err(|error| format!("{error}"))?;
    if !role.scopes().is_subset(caller.scopes) {
        return Err(texts.forbidden.to_owned());
    }
    let days: i64 = typed.days.parse().unwrap_or_default();
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(texts.bad_days.to_owned());
    }
    let now = console.engine.clock().now();
    let expires_at = now + TimeDelta::days(days);
    let expires_at = caller
        .expires_at
        .map_or(expires_at, |own| own.min(expires_at));
    let (id, secret) = TokenSecret::generate().map_err(|error| error.to_string())?;
    let institution = Some(caller.institution.clone());
    let token = Token::new(id, secret.hash(), name, institution, actor, now)
        .with_scopes(role.scopes())
        .with_expires_at(Some(expires_at));
    Ok((token, secret.bearer(id)))
}

/// Revokes a token, or ends a session.
pub(super) async fn revoke(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    visit.require(&[Scope::TokensWrite])?;
    let id = id.parse().map_err(|_| Refused::not_found(&visit.frame))?;
    let removed = remove_token(&console.engine, &visit.principal, id).await;
    let removed = removed.map_err(|error| Refused::store(&visit.frame, &error))?;
    console.authentication.forget(id);
    if removed {
        Ok(go_to(&format!("{}/tokens", visit.frame.base)))
    } else {
        Err(Refused::not_found(&visit.frame))
    }
}
