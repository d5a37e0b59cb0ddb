//! A router over a store of each kind, with tokens.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::server::{self as api, ServerOptions};
use certificate_lifecycle::store::{
    Actor, AnyStore, Clock, InstitutionId, MemoryStore, PostgresStore, Scopes, SqliteStore,
    SystemClock, Token, TokenName, TokenSecret, Tokens,
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::ask::{Answer, Ask, get};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// A store that is empty but for tokens, and the API over it.
pub struct World {
    pub kind: Kind,
    pub store: AnyStore,
    pub router: Router,
    /// A token of `our-university` with all scopes, whose actor is `administrator:jane`.
    pub ours: String,
    /// The same of `their-university`, whose actor is `administrator:mallory`.
    pub theirs: String,
    pub folder: TempDir,
}

pub const OURS: &str = "our-university";
pub const THEIRS: &str = "their-university";

impl World {
    pub async fn fresh(kind: Kind) -> Self {
        Self::with(kind, ServerOptions::default()).await
    }

    /// The same with these options.
    pub async fn with(kind: Kind, options: ServerOptions) -> Self {
        let folder = TempDir::new().unwrap();
        let store: AnyStore = match kind {
            Kind::Memory => MemoryStore::new().into(),
            Kind::Sqlite => SqliteStore::open(folder.path().join("applications.db"))
                .unwrap()
                .into(),
            Kind::Postgres => {
                let url = crate::server::server().url_of_new_schema().await;
                PostgresStore::connect(&url).await.unwrap().into()
            }
        };
        let all = Scopes::all();
        let ours = token(&store, Some(OURS), "administrator:jane", all, None).await;
        let theirs = token(&store, Some(THEIRS), "administrator:mallory", all, None).await;
        Self {
            kind,
            router: api::router(Engine::new(store.clone()), options),
            store,
            ours,
            theirs,
            folder,
        }
    }

    /// A new token; without an institution, it is for all.
    pub async fn token(&self, institution: Option<&str>, actor: &str, scopes: Scopes) -> String {
        token(&self.store, institution, actor, scopes, None).await
    }

    /// A new token of ours that expires.
    pub async fn expiring(&self, at: DateTime<Utc>) -> String {
        let actor = "administrator:jane";
        token(&self.store, Some(OURS), actor, Scopes::all(), Some(at)).await
    }

    /// The answer to a request: with the token `ours`, unless the request says something else, and
    /// with the id `test`.
    pub async fn send(&self, ask: Ask) -> Answer {
        let body = Body::from(ask.body.clone());
        let response = self.open(ask, body).await;
        read(response).await
    }

    /// The same with another body; the answer's body is still to be read.
    pub async fn open(&self, mut ask: Ask, body: Body) -> http::Response<Body> {
        if !ask.is_anonymous && !ask.has("authorization") {
            ask = ask.with(&self.ours);
        }
        if !ask.has("x-request-id") {
            ask = ask.header("X-Request-Id", "test");
        }
        let response = self.router.clone().oneshot(ask.into_request(body)).await;
        response.unwrap()
    }

    /// All that there is of an institution: applications, their histories, webhooks, deliveries,
    /// tokens and events.
    pub async fn everything(&self, token: &str) -> Vec<String> {
        let (mut all, mut versions) = (Vec::new(), 0);
        let list = self.send(get("/v1/applications?limit=100").with(token));
        let list = list.await;
        assert_eq!(list.status, 200, "{list:?}");
        for application in list.json()["data"].as_array().unwrap() {
            let uuid = application["uuid"].as_str().unwrap();
            let history = get(format!("/v1/applications/{uuid}/history"));
            all.push(self.send(history.with(token)).await.text().to_owned());
            versions += application["version"].as_u64().unwrap();
        }
        all.push(list.text().to_owned());
        for path in ["counts", "webhooks", "deliveries?limit=100"] {
            let answer = self.send(get(format!("/v1/{path}")).with(token)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            all.push(answer.text().to_owned());
        }
        all.push(self.events(token, versions).await.to_string());
        let tokens = get("/v1/tokens?limit=100").with(token);
        for token in self.send(tokens).await.json()["data"].as_array().unwrap() {
            let mut token = token.clone();
            token.as_object_mut().unwrap().remove("last_used_at");
            all.push(token.to_string());
        }
        all
    }

    /// The feed, once it has so many events: a server for databases keeps an event back while
    /// transactions from before it are under way, those of other tests too.
    pub async fn events(&self, token: &str, number: u64) -> Value {
        let start = Instant::now();
        loop {
            let page = self
                .send(get("/v1/events?limit=1000").with(token))
                .await
                .json();
            let there = page["data"].as_array().unwrap().len() as u64;
            assert!(there <= number, "{page}");
            if there == number {
                return page["data"].clone();
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The time.
pub fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// Reads an answer to its end.
pub async fn read(response: http::Response<Body>) -> Answer {
    let (head, body) = response.into_parts();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
    }
}

async fn token(
    store: &AnyStore,
    institution: Option<&str>,
    actor: &str,
    scopes: Scopes,
    expires_at: Option<DateTime<Utc>>,
) -> String {
    let (id, secret) = TokenSecret::generate().unwrap();
    let institution = institution.map(|it| InstitutionId::new(it).unwrap());
    let name = TokenName::new("of a test").unwrap();
    let actor: Actor = actor.parse().unwrap();
    let token = Token::new(id, secret.hash(), name, institution, actor, now())
        .with_scopes(scopes)
        .with_expires_at(expires_at);
    assert!(store.add_token(token).await.unwrap());
    secret.bearer(id)
}
