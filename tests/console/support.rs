//! Requests and what they are about.

use axum::Router;
use axum::body::Body;
use certificate_lifecycle::console::{self, ConsoleOptions};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, Clock, InstitutionId, MemoryStore, Role, Scopes, SystemClock, Token, TokenName,
    TokenSecret, Tokens,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, ProcessingError,
};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use uuid::Uuid;

pub const HOST: &str = "console.example.com";

/// A console, its store, and a browser without a session.
pub struct Site {
    pub engine: Engine<MemoryStore>,
    router: Router,
}

/// What was answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// The cookie that it sets, as browsers send it back.
    pub fn cookie(&self) -> String {
        let cookie = self.headers[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

impl Site {
    pub fn new() -> Self {
        Self::with(ConsoleOptions::default())
    }

    pub fn with(options: ConsoleOptions) -> Self {
        let engine = Engine::new(MemoryStore::new());
        let console = console::router(engine.clone(), options);
        let router = Router::new().nest("/console", console);
        Self { engine, router }
    }

    /// An answer whose body is still to come.
    pub async fn open(&self, request: Request<Body>) -> http::Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, cookie: &str, path: &str) -> Answer {
        let request = Request::get(format!("/console{path}"))
            .header("host", HOST)
            .header("cookie", cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A form that one of the console's pages sends.
    pub async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(format!("/console{path}"))
            .header("host", HOST)
            .header("origin", format!("https://{HOST}"))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie);
        self.send(request.body(Body::from(form)).unwrap()).await
    }

    /// A token of this institution, or of all.
    pub async fn token(&self, institution: Option<&str>, scopes: Scopes) -> String {
        let (id, secret) = TokenSecret::generate().unwrap();
        let name = TokenName::new("test").unwrap();
        let institution = institution.map(|it| InstitutionId::new(it).unwrap());
        let actor = Actor::administrator("jane").unwrap();
        let now = SystemClock.now();
        let token =
            Token::new(id, secret.hash(), name, institution, actor, now).with_scopes(scopes);
        assert!(self.engine.store().add_token(token).await.unwrap());
        secret.bearer(id)
    }

    /// The cookie of a session with this role.
    pub async fn session(&self, role: Role) -> String {
        let token = self.token(Some("uni"), role.scopes()).await;
        let answer = self.post("", "/sign-in", &[("token", &token)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.cookie()
    }

    /// An application that a customer has submitted.
    pub async fn submitted(&self, number: u64, title: &str) -> Uuid {
        let uuid = Uuid::from_u128(u128::from(number));
        let details = ApplicationDetails::new(
            ApplicationId::new(number).unwrap(),
            uuid,
            CertificateTitle::new(title).unwrap(),
            ApplicantEmail::new("john@example.com").unwrap(),
        );
        let institution = uni();
        let john = Actor::customer("john").unwrap();
        let scope = self.engine.scope(&institution, &john);
        scope.submit(details).await.unwrap();
        uuid
    }

    pub async fn failed(&self, number: u64, error: &str) -> Uuid {
        let uuid = self.submitted(number, "A title").await;
        let institution = uni();
        let jane = Actor::administrator("jane").unwrap();
        let scope = self.engine.scope(&institution, &jane);
        scope.begin_processing(uuid).await.unwrap();
        let error = ProcessingError::new(error).unwrap();
        let worker = Actor::system("worker").unwrap();
        let scope = self.engine.scope(&institution, &worker);
        scope.fail(uuid, error).await.unwrap();
        uuid
    }

    pub async fn status(&self, uuid: Uuid) -> (String, u64) {
        let found = self.engine.load(&uni(), uuid).await.unwrap().unwrap();
        (found.status().to_string(), found.version())
    }
}

pub fn uni() -> InstitutionId {
    InstitutionId::new("uni").unwrap()
}
