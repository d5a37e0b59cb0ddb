//! Who did what: each write of the console and of the API, with its actor.

use axum::Router;
use axum::body::Body;
use certificate_lifecycle::server::{self, ServerOptions};
use certificate_lifecycle::store::{
    Act, ActKind, ActOutcome, Actor, Audit, Clock, RecordedAct, Role, Scope, Scopes, SystemClock,
    TokenSecret,
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use uuid::Uuid;

use crate::hooks::{HOOK, fail, hidden, hook, receiver, register, session, with_deliveries};
use crate::support::{Site, uni};

/// The acts of the institution, the oldest first.
async fn acts(site: &Site) -> Vec<RecordedAct> {
    let page = site.engine.store().acts(Some(&uni()), None, 100).await;
    let mut acts = page.unwrap().acts;
    acts.reverse();
    acts
}

/// What the acts say, after the sign-ins.
async fn words(site: &Site) -> Vec<(ActKind, String, String)> {
    let acts = acts(site).await.into_iter();
    let acts = acts.filter(|it| it.act.kind != ActKind::SessionBegun);
    acts.map(|it| {
        assert_eq!(it.act.actor.to_string(), "administrator:jane");
        let outcome = match it.outcome {
            Some(ActOutcome::Done) => "done".to_owned(),
            Some(ActOutcome::Refused(reason)) => reason.to_string(),
            other => panic!("{other:?}"),
        };
        (it.act.kind, it.act.detail.to_string(), outcome)
    })
    .collect()
}

/// The API over the same store.
fn api(site: &Site) -> Router {
    server::router(site.engine.clone(), ServerOptions::default())
}

async fn call(api: &Router, token: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Registers a webhook and does everything to another one; the answers.
async fn write_webhooks(site: &Site, cookie: &str) -> String {
    let form = site.get(cookie, "/webhooks/new").await.body;
    let fields = [
        ("key", hidden(&form, "key")),
        ("url", "https://other.example.com/path-secret?query-secret"),
        ("event", "approved"),
    ];
    let mut bodies = site.post(cookie, "/webhooks", &fields).await.body;
    for (action, reason) in [("disable", "it moves"), ("enable", ""), ("rotate", "")] {
        let revision = hook(site).await.revision.to_string();
        let path = format!("/webhooks/{HOOK}/{action}");
        let fields = [("revision", &*revision), ("reason", reason)];
        bodies += &site.post(cookie, &path, &fields).await.body;
    }
    let nearby = Uuid::from_u128(8);
    let url = receiver("no".to_owned()).await;
    let _ = register(site, nearby, &url, "").await;
    let path = format!("/webhooks/{nearby}/test");
    bodies += &site.post(cookie, &path, &[("revision", "0")]).await.body;
    bodies
}

/// Makes a token and revokes it, twice; the token.
async fn write_tokens(site: &Site, cookie: &str) -> String {
    let fields = [
        ("name", "Joe's"),
        ("actor", "administrator:joe"),
        ("role", "viewer"),
        ("days", "30"),
    ];
    let made = site.post(cookie, "/tokens", &fields).await.body;
    let token = made.split("<pre tabindex=\"0\">").nth(1).unwrap();
    let token = token.split('<').next().unwrap();
    let (id, _) = TokenSecret::parse_bearer(token).unwrap();
    let revoke = format!("/tokens/{id}/revoke");
    for _ in 0..2 {
        let _ = site.post(cookie, &revoke, &[]).await;
    }
    token.to_owned()
}

#[tokio::test]
async fn each_write_of_the_console_is_recorded_with_its_actor() {
    let site = with_deliveries(2).await;
    fail(&site, "no").await;
    let cookie = site.session(Role::Administrator).await;
    let bodies = write_webhooks(&site, &cookie).await;
    let stale = [("revision", "0"), ("reason", "")];
    let path = format!("/webhooks/{HOOK}/disable");
    let _ = site.post(&cookie, &path, &stale).await;
    let _ = site.post(&cookie, "/deliveries/1/redeliver", &[]).await;
    let _ = site.get(&cookie, "/deliveries/redeliver?status=dead").await;
    let dead = [("status", "dead")];
    let _ = site.post(&cookie, "/deliveries/redeliver", &dead).await;
    let token = write_tokens(&site, &cookie).await;
    let page = site.get(&cookie, "/acts").await;
    assert_eq!(page.status, StatusCode::OK);
    let _ = site.post(&cookie, "/sign-out", &[]).await;
    let found = words(&site).await;
    let found: Vec<_> = found.iter().map(|it| (it.0, &*it.1, &*it.2)).collect();
    assert_eq!(
        found,
        [
            (ActKind::WebhookRegistered, "other.example.com", "done"),
            (ActKind::WebhookDisabled, "it moves", "done"),
            (ActKind::WebhookEnabled, "", "done"),
            (ActKind::WebhookRotated, "grace 86400 s", "done"),
            (ActKind::WebhookTested, "", "done"),
            (ActKind::WebhookDisabled, "", "conflict"),
            (ActKind::DeliveriesRedelivered, "", "done"),
            (ActKind::DeliveriesRedelivered, "status=dead", "done"),
            (ActKind::TokenCreated, JOE, "done"),
            (ActKind::TokenRevoked, "", "done"),
            (ActKind::TokenRevoked, "", "unknown_token"),
            (ActKind::SessionEnded, "", "done"),
        ]
    );
    // No secret is in it.
    for secret in ["path-secret", "query-secret", "whsec_", &token] {
        assert!(!page.body.contains(secret), "{secret}");
    }
    assert!(bodies.contains("whsec_"));
    for part in [
        "administrator:jane",
        "redelivered deliveries",
        "status=dead",
        "conflict",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let link = format!("href=\"/console/webhooks/{HOOK}\"");
    assert!(page.body.contains(&link) && page.body.contains("href=\"/console/deliveries/1\""));
}

const JOE: &str =
    "Joe's, administrator:joe, applications:read,events:read,webhooks:read,deliveries:read";

#[tokio::test]
async fn each_write_of_the_api_is_recorded_with_its_actor() {
    let site = with_deliveries(2).await;
    fail(&site, "no").await;
    let (api, token) = (
        api(&site),
        site.token(Some("uni"), Role::Administrator.scopes()).await,
    );
    let hook = format!("/v1/webhooks/{HOOK}");
    let change = r#"{"url":"https://example.com/path-secret?query-secret","events":["approved"]}"#;
    for (method, path, body) in [
        (
            "POST",
            "/v1/webhooks",
            r#"{"url":"https://example.com/path-secret"}"#,
        ),
        ("PATCH", &hook, change),
        ("PATCH", &hook, r#"{"url":"no URL"}"#),
        (
            "POST",
            &format!("{hook}/disable"),
            r#"{"reason":"it moves"}"#,
        ),
        ("POST", &format!("{hook}/enable"), r#"{"pending":"drop"}"#),
        ("POST", &format!("{hook}/rotate"), r#"{"revoke":true}"#),
        (
            "POST",
            "/v1/deliveries/redeliver",
            r#"{"ids":[1,2],"dry_run":true}"#,
        ),
        ("POST", "/v1/deliveries/redeliver", r#"{"ids":[1,2]}"#),
        (
            "POST",
            "/v1/deliveries/abandon",
            r#"{"filter":{},"reason":"old"}"#,
        ),
        ("DELETE", &hook, ""),
        ("DELETE", &hook, ""),
        (
            "POST",
            "/v1/tokens",
            r#"{"name":"Joe's","actor":"administrator:joe","role":"viewer"}"#,
        ),
        ("DELETE", "/v1/tokens/0000000000000000", ""),
    ] {
        let (status, body) = call(&api, &token, method, path, body).await;
        assert!(status < 500, "{method} {path}: {body}");
    }
    let found = words(&site).await;
    let found: Vec<_> = found.iter().map(|it| (it.0, &*it.1, &*it.2)).collect();
    assert_eq!(
        found,
        [
            (ActKind::WebhookRegistered, "example.com", "done"),
            (ActKind::WebhookChanged, "url, events", "done"),
            (ActKind::WebhookDisabled, "it moves", "done"),
            (ActKind::WebhookEnabled, "pending: drop", "done"),
            (ActKind::WebhookRotated, "revoke", "done"),
            (ActKind::DeliveriesRedelivered, "2: 1, 2", "done"),
            (ActKind::DeliveriesAbandoned, "all: old", "done"),
            (ActKind::WebhookRemoved, "", "done"),
            (ActKind::WebhookRemoved, "", "unknown_webhook"),
            (ActKind::TokenCreated, JOE, "done"),
            (ActKind::TokenRevoked, "", "unknown_token"),
        ]
    );
}

#[tokio::test]
async fn those_who_write_webhooks_or_tokens_see_it_and_no_other_institution() {
    let site = Site::new();
    for role in [Role::Viewer, Role::Reviewer, Role::Operator] {
        let cookie = site.session(role).await;
        assert_eq!(
            site.get(&cookie, "/acts").await.status,
            StatusCode::FORBIDDEN
        );
        let page = site.get(&cookie, "").await.body;
        assert!(!page.contains("/console/acts"), "{role:?}");
    }
    for scope in [Scope::WebhooksWrite, Scope::TokensWrite] {
        let scopes: Scopes = [scope, Scope::ApplicationsRead].into_iter().collect();
        let cookie = session(&site, scopes).await;
        let page = site.get(&cookie, "/acts").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("/console/acts\" aria-current"));
        assert!(page.body.contains("signed in"), "{}", page.body);
    }
    let token = site
        .token(Some("elsewhere"), Role::Administrator.scopes())
        .await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    let page = site.get(&answer.cookie(), "/acts").await.body;
    // Its own sign-in, and no other
    assert_eq!(
        page.matches("signed in").count() - page.matches("signed in as").count(),
        1
    );
}

#[tokio::test]
async fn older_acts_follow_and_what_was_broken_off_is_unknown() {
    let site = Site::new();
    for number in 0..120 {
        let actor = Actor::administrator("<b>jane</b>").unwrap();
        let act = Act::new(
            Some(uni()),
            actor,
            ActKind::WebhookRemoved,
            SystemClock.now(),
        )
        .with_subject(format!("subject-{number}.").into())
        .with_detail("<script>alert(1)</script>\u{202e}".into());
        let _ = site.engine.store().record_act(act).await.unwrap();
    }
    let cookie = site.session(Role::Administrator).await;
    let (mut path, mut seen) = ("/acts".to_owned(), Vec::new());
    loop {
        let page = site.get(&cookie, &path).await.body;
        assert!(!page.contains("<b>jane") && !page.contains("<script>alert"));
        assert!(!page.contains('\u{202e}') && page.contains("unknown"));
        let subjects = page.split("subject-").skip(1);
        let number = |it: &str| it.split('.').next().unwrap().parse::<u32>().unwrap();
        seen.extend(subjects.map(number));
        assert!(page.matches("<tr>").count() <= 51);
        let Some(next) = older(&page) else {
            break;
        };
        path = next;
    }
    assert_eq!(seen, (0..120).rev().collect::<Vec<_>>());
    for place in ["act=x", "event=x", "event=1-x"] {
        let answer = site.get(&cookie, &format!("/acts?{place}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{place}");
    }
}

/// Where the older ones are.
fn older(page: &str) -> Option<String> {
    let next = page.split("rel=\"next\" href=\"/console").nth(1)?;
    let next = next.split('"').next().unwrap();
    Some(next.replace("&amp;", "&").replace("&#38;", "&"))
}

#[tokio::test]
async fn transitions_are_among_what_was_done_each_once() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    // 180 events, and 90 acts between them.
    for number in 1..=60 {
        let _ = site.failed(number, &format!("error-{number}.")).await;
        let token = [
            ("name", "One"),
            ("actor", "administrator:joe"),
            ("role", "viewer"),
        ];
        let fields = [token[0], token[1], token[2], ("days", "30")];
        let _ = site.post(&cookie, "/tokens", &fields).await;
        if number % 2 == 0 {
            let _ = site.post(&cookie, "/tokens", &fields).await;
        }
    }
    for (query, events, others) in [
        ("", 180, 91),
        ("?of=applications", 180, 0),
        ("?of=settings", 0, 91),
    ] {
        let mut path = format!("/acts{query}");
        let (mut seen, mut pages) = ((0, 0, Vec::<u32>::new()), 0);
        loop {
            let page = site.get(&cookie, &path).await.body;
            let rows = page.matches("<tr>").count() - 1;
            let here = page.matches("Application: ").count();
            seen.0 += here;
            seen.1 += rows - here;
            let errors = page.split("error-").skip(1);
            seen.2
                .extend(errors.map(|it| it.split('.').next().unwrap().parse::<u32>().unwrap()));
            pages += 1;
            assert!(rows <= 50 && pages < 10, "{path}: {rows}");
            match older(&page) {
                Some(next) => path = next,
                None => break,
            }
        }
        assert_eq!((seen.0, seen.1), (events, others), "{query}");
        let expected: Vec<u32> = if events == 0 {
            Vec::new()
        } else {
            (1..=60).rev().collect()
        };
        assert_eq!(seen.2, expected, "{query}");
    }
}
