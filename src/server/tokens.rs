//! `/v1/tokens` (API.md, "Tokens, privacy, service").

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::acts::{add_token, remove_token};
use super::answer::{Json, ShownOnce};
use super::api::Api;
use super::openapi::{self as schema, IdempotencyKeyHeader};
use super::principal::{Caller, lacks};
use super::problem::{Problem, ProblemCode};
use super::request::{Bytes1MiB, Form, Parameters, Segment};
use super::view::{LIMIT, List, MOST, Paging};
use crate::store::{
    Actor, PageKey, Role, Scope, Scopes, Token, TokenId, TokenName, TokenSecret, Tokens,
};

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenView {
    /// What names it.
    #[schema(inline, value_type = schema::TokenIdValue)]
    id: String,
    /// What it is for.
    name: String,
    /// The institution that it is good for; `*` for all.
    institution: String,
    /// In whose name commands are carried out, as `kind:id`.
    #[schema(inline, value_type = schema::ActorValue)]
    actor: String,
    /// What it allows.
    #[schema(inline, value_type = schema::ScopesValue)]
    scopes: Vec<String>,
    /// When it was created.
    #[schema(inline, value_type = schema::TimeValue)]
    created_at: String,
    /// From when on it is good no more.
    #[schema(inline, value_type = schema::OptionalTimeValue)]
    expires_at: Option<String>,
    /// When it was used, to the minute.
    #[schema(inline, value_type = schema::OptionalTimeValue)]
    last_used_at: Option<String>,
}

/// A token that is to be created.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What it is for: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// In whose name commands are carried out, as `kind:id`; the caller's, if absent.
    #[schema(inline, value_type = schema::ActorValue, required = false)]
    actor: String,
    /// What it allows, as a role.
    #[schema(inline, value_type = schema::RoleValue, required = false)]
    role: String,
    /// What it allows, one by one, in place of a role.
    #[schema(inline, value_type = schema::ScopesValue, required = false)]
    scopes: Vec<String>,
    /// From when on it is good no more.
    #[schema(inline, value_type = schema::TimeValue, required = false)]
    expires_at: String,
}

/// What a request says of a new token.
struct Wanted {
    name: TokenName,
    actor: Option<Actor>,
    scopes: Scopes,
    expires_at: Option<DateTime<Utc>>,
}

impl Wanted {
    /// Reads it, with all that is wrong with it.
    fn read(body: &[u8], own: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Self, Problem> {
        const MEMBERS: [&str; 5] = ["name", "actor", "role", "scopes", "expires_at"];

        let mut form = Form::read_deep(body, &MEMBERS)?;
        let name = form.text("name", |it| TokenName::new(it));
        let actor = form.optional_text("actor", str::parse::<Actor>);
        match (form.has("role"), form.has("scopes")) {
            (true, true) => form.refuse("scopes", "a token has a role or scopes, not both"),
            (false, false) => form.refuse("role", "a token needs a role or scopes"),
            _ => {}
        }
        let role = form.optional_text("role", str::parse::<Role>);
        let scopes = form.texts("scopes", str::parse::<Scope>);
        if scopes.as_ref().is_some_and(Vec::is_empty) {
            form.refuse("scopes", "a token needs at least one scope");
        }
        let expires_at = form.optional_time("expires_at");
        if expires_at.is_some_and(|it| it <= now) {
            let detail = "the time lies in the past; expected one in the future";
            form.refuse("expires_at", detail);
        }
        if expires_at.zip(own).is_some_and(|(given, own)| given > own) {
            let detail = "the new token would outlive the token of the request";
            form.refuse("expires_at", detail);
        }
        form.finish()?;
        let of_role = role.map(Role::scopes);
        let scopes = of_role.or_else(|| scopes.map(|it| it.into_iter().collect()));
        let (Some(name), Some(scopes)) = (name, scopes) else {
            // What is missing was a fault.
            return Err(Problem::invalid(Vec::new()));
        };
        let expires_at = expires_at.or(own);
        Ok(Self {
            name,
            actor,
            scopes,
            expires_at,
        })
    }
}

/// What is shown once.
#[derive(Serialize, ToSchema)]
pub(super) struct Created {
    /// What names the token.
    #[schema(inline, value_type = schema::TokenIdValue)]
    id: TokenId,
    /// The token. It is not shown again.
    token: String,
}

/// The tokens of the institution.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    operation_id = "listTokens",
    tag = "tokens",
    summary = "The tokens of the institution, without their secrets",
    params(Paging),
    responses(
        (status = 200, description = "A page.", body = inline(List<TokenView>), headers(("Link" = String))),
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    uri: OriginalUri,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.number("limit", 1..=MOST, LIMIT);
    let after: Option<PageKey> = parameters.optional("after", str::parse);
    parameters.finish()?;
    let page = api
        .store()
        .tokens(Some(&caller.institution), after, limit)
        .await?;
    for corrupt in &page.corrupt {
        tracing::error!(error = %corrupt, "left out of a list");
    }
    let (data, next) = (page.tokens, page.next.map(|it| it.to_string()));
    Ok(List { data, next }.answer(&uri))
}

/// Create a token of the institution.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    operation_id = "createToken",
    tag = "tokens",
    summary = "Create a token of the institution",
    description = "It has no more scopes than the caller, and does not outlive the caller's token. It is shown once: \
                   a request that is repeated with its idempotency key makes no other token, and has the answer 409 \
                   `already_exists`, which names the token's id.",
    params(IdempotencyKeyHeader),
    request_body = NewToken,
    responses(
        (status = 201, description = "The token, this once.", body = Created, headers(("Location" = String))),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    OriginalUri(uri): OriginalUri,
    parameters: Parameters,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let now = api.engine.clock().now();
    let new = Wanted::read(&body, caller.expires_at, now)?;
    // A token makes no token with more than it has.
    let mut scopes = new.scopes.iter();
    if let Some(missing) = scopes.find(|it| !caller.scopes.contains(*it)) {
        return Err(lacks(missing));
    }
    let actor = new.actor.unwrap_or_else(|| caller.actor.clone());
    let failed = |error: crate::store::NoRandomness| {
        Problem::new(ProblemCode::Internal, "no token could be made").caused_by(error)
    };
    let (id, secret) = TokenSecret::generate().map_err(failed)?;
    let institution = Some(caller.institution.clone());
    let token = Token::new(id, secret.hash(), new.name, institution, actor, now)
        .with_scopes(new.scopes)
        .with_expires_at(new.expires_at);
    if !add_token(&api.engine, &caller, token).await? {
        // Of 2^64 ids, this one was taken.
        return Err(Problem::new(
            ProblemCode::AlreadyExists,
            "the id of the token is taken",
        ));
    }
    let location = format!("{}/{id}", uri.path().trim_end_matches('/'));
    let token = secret.bearer(id);
    let mut response = (StatusCode::CREATED, Json(Created { id, token })).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    let detail = format!(
        "token {id} was created by this request, under the same idempotency key, and was shown once; if it was lost, \
         revoke it (DELETE /v1/tokens/{id}) and create another one with a new key"
    );
    let repeated = Problem::new(ProblemCode::AlreadyExists, detail);
    response.extensions_mut().insert(ShownOnce(repeated));
    Ok(response)
}

/// The token that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the parameter")]
pub(super) struct Which {
    /// What names the token.
    #[param(pattern = "^[0-9a-f]{16}$")]
    id: String,
}

/// Revoke a token.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{id}",
    operation_id = "revokeToken",
    tag = "tokens",
    summary = "Revoke a token",
    description = "Another server on the same store refuses it within 5 seconds.",
    params(Which),
    responses((status = 204, description = "It is revoked.")),
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    Caller(caller): Caller,
    id: Segment,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = id.read(str::parse::<TokenId>)?;
    parameters.finish()?;
    let is_removed = remove_token(&api.engine, &caller, id).await?;
    api.authentication.forget(id);
    if is_removed {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        let detail = format!("there is no token {id}");
        Err(Problem::new(ProblemCode::UnknownToken, detail))
    }
}
