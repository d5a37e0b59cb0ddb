//! Webhooks: who sees them, what may be done, and that the secret is shown once.

use certificate_lifecycle::EventKind;
use certificate_lifecycle::store::{DeliveryStatus, Outbox, Role, Scope, Scopes};
use http::{StatusCode, header};
use uuid::Uuid;

use crate::hooks::{
    HOOK, HOSTILE, count, fail, hidden, hook, receiver, register, session, site, with_deliveries,
};
use crate::support::{Answer, Site};

#[tokio::test]
async fn pages_are_for_those_who_have_their_scope() {
    let site = with_deliveries(1).await;
    fail(&site, "no").await;
    let hook = format!("/webhooks/{HOOK}");
    let pages = ["/webhooks", &hook, "/deliveries", "/deliveries/1"];
    for role in [Role::Viewer, Role::Operator, Role::Administrator] {
        let cookie = site.session(role).await;
        let scopes = role.scopes();
        let (writes, resends) = (
            scopes.contains(Scope::WebhooksWrite),
            scopes.contains(Scope::DeliveriesWrite),
        );
        for path in pages {
            let answer = site.get(&cookie, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{role:?} {path}");
            assert!(answer.body.contains("/console/webhooks\" aria-current"));
            assert!(answer.body.contains("/console/deliveries\" aria-current"));
        }
        let page = site.get(&cookie, &hook).await.body;
        for page_of in ["settings", "remove"] {
            let link = format!("href=\"/console{hook}/{page_of}\"");
            assert_eq!(page.contains(&link), writes, "{role:?} {page_of}");
        }
        for action in ["/rotate", "/disable", "/test"] {
            let form = format!("action=\"/console{hook}{action}\"");
            assert_eq!(page.contains(&form), writes, "{role:?} {action}");
        }
        let has_count = page.contains("/deliveries/redeliver?");
        assert_eq!(has_count, resends, "{role:?}");
        let page = site.get(&cookie, "/webhooks").await.body;
        assert_eq!(page.contains("/webhooks/new"), writes, "{role:?}");
        let page = site.get(&cookie, "/deliveries/1").await.body;
        let form = page.contains("action=\"/console/deliveries/1/redeliver\"");
        assert_eq!(form, resends, "{role:?}");
    }
    let cookie = site.session(Role::Reviewer).await;
    let page = site.get(&cookie, "/applications").await.body;
    assert!(!page.contains("/console/webhooks") && !page.contains("/console/deliveries"));
    for path in pages {
        let answer = site.get(&cookie, path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!answer.body.contains("example.com"), "{path}");
    }
}

#[tokio::test]
async fn what_a_role_may_not_do_is_refused() {
    let site = with_deliveries(1).await;
    fail(&site, "no").await;
    let before = hook(&site).await;
    for role in [Role::Viewer, Role::Reviewer, Role::Operator] {
        let cookie = site.session(role).await;
        for action in ["enable", "disable", "rotate", "test"] {
            let path = format!("/webhooks/{HOOK}/{action}");
            let answer = site.post(&cookie, &path, &[("revision", "0")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?} {action}");
        }
        let key = Uuid::from_u128(1).to_string();
        let fields = [
            ("url", "https://example.com"),
            ("event", "created"),
            ("key", &key),
        ];
        let answer = site.post(&cookie, "/webhooks", &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?}");
        let answer = site.get(&cookie, "/webhooks/new").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    for role in [Role::Viewer, Role::Reviewer] {
        let cookie = site.session(role).await;
        for path in ["/deliveries/redeliver", "/deliveries/1/redeliver"] {
            let answer = site.post(&cookie, path, &[]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?} {path}");
        }
        let answer = site.get(&cookie, "/deliveries/redeliver").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    assert_eq!(hook(&site).await, before);
    let all = site.engine.store().webhooks(None).await.unwrap();
    assert_eq!(
        (all.len(), count(&site, DeliveryStatus::Dead).await),
        (1, 1)
    );
}

#[tokio::test]
async fn another_institutions_webhook_and_delivery_are_unknown() {
    let site = with_deliveries(1).await;
    fail(&site, "no").await;
    let token = site.token(Some("college"), Scopes::all()).await;
    let cookie = site
        .post("", "/sign-in", &[("token", &token)])
        .await
        .cookie();
    for path in [format!("/webhooks/{HOOK}"), "/deliveries/1".to_owned()] {
        let other = site.get(&cookie, &path).await;
        assert_eq!(other.status, StatusCode::NOT_FOUND, "{path}");
    }
    for action in ["enable", "disable", "rotate", "test"] {
        let path = format!("/webhooks/{HOOK}/{action}");
        let answer = site.post(&cookie, &path, &[("revision", "0")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{action}");
    }
    let _ = site.post(&cookie, "/deliveries/1/redeliver", &[]).await;
    let answer = site.get(&cookie, "/deliveries/redeliver?status=dead").await;
    assert!(answer.body.contains("0 deliveries"), "{}", answer.body);
    for page in ["/webhooks", "/deliveries"] {
        assert!(!site.get(&cookie, page).await.body.contains("example.com"));
    }
    assert_eq!(count(&site, DeliveryStatus::Dead).await, 1);
}

#[tokio::test]
async fn a_secret_is_in_the_one_answer_that_made_it() {
    let site = with_deliveries(1).await;
    fail(&site, "no").await;
    let old = hook(&site).await.endpoint.secrets.current().clone();
    let cookie = site.session(Role::Administrator).await;
    let form = site.get(&cookie, "/webhooks/new").await.body;
    let key = hidden(&form, "key").to_owned();
    let fields = [
        ("key", &*key),
        ("url", "https://other.example.com/hooks"),
        ("event", "approved"),
        ("event", "rejected"),
        ("description", "Two of them"),
    ];
    let registered = site.post(&cookie, "/webhooks", &fields).await;
    assert_eq!(
        registered.status,
        StatusCode::CREATED,
        "{}",
        registered.body
    );
    let path = format!("/webhooks/{HOOK}/rotate");
    let rotated = site.post(&cookie, &path, &[("revision", "0")]).await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.body);
    let all = site.engine.store().webhooks(None).await.unwrap();
    let new = all.iter().find(|it| it.id != HOOK).unwrap();
    assert_eq!(new.endpoint.description.as_str(), "Two of them");
    let kinds: Vec<_> = new.endpoint.kinds.iter().map(EventKind::as_str).collect();
    assert_eq!(kinds, ["approved", "rejected"]);
    let secrets = [
        new.endpoint.secrets.current().clone(),
        hook(&site).await.endpoint.secrets.current().clone(),
    ];
    assert_ne!(secrets[1], old);
    for (answer, secret) in [&registered, &rotated].into_iter().zip(&secrets) {
        assert_eq!(answer.body.matches(secret.expose()).count(), 1);
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert!(!answer.headers.contains_key(header::LOCATION));
        for (_, value) in &answer.headers {
            assert!(!value.to_str().unwrap().contains("whsec_"), "{value:?}");
        }
    }
    // The same forms again, as a browser sends them that goes back.
    let again = site.post(&cookie, "/webhooks", &fields).await;
    let expected = format!("/console/webhooks/{}?notice=known", new.id);
    assert_eq!(
        (again.status, again.location()),
        (StatusCode::SEE_OTHER, &*expected)
    );
    let conflict = site.post(&cookie, &path, &[("revision", "0")]).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    let answers = vec![again, conflict];
    no_secret_is_in_others(&site, &cookie, new.id, answers).await;
    let all = site.engine.store().webhooks(None).await.unwrap();
    assert_eq!(all.len(), 2);
}

/// No page shows a secret, nor the value of a header; neither do these answers.
async fn no_secret_is_in_others(site: &Site, cookie: &str, new: Uuid, mut answers: Vec<Answer>) {
    for page in [
        "",
        "/webhooks",
        &format!("/webhooks/{HOOK}"),
        &format!("/webhooks/{HOOK}/settings"),
        &format!("/webhooks/{HOOK}/remove"),
        &format!("/webhooks/{new}?notice=known"),
        "/webhooks/new",
        "/deliveries",
        "/deliveries/1",
        "/deliveries/redeliver",
        "/deliveries/abandon",
    ] {
        answers.push(site.get(cookie, page).await);
    }
    for answer in answers {
        assert!(!answer.body.contains("whsec_"));
        assert!(!answer.body.contains("value-of-a-header"));
    }
}

#[tokio::test]
async fn a_secret_is_kept_for_a_day_or_revoked() {
    let site = with_deliveries(0).await;
    let cookie = site.session(Role::Administrator).await;
    let path = format!("/webhooks/{HOOK}/rotate");
    let _ = site.post(&cookie, &path, &[("revision", "0")]).await;
    assert_eq!(hook(&site).await.endpoint.secrets.old().len(), 1);
    let fields = [("revision", "1"), ("revoke", "yes")];
    let answer = site.post(&cookie, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(hook(&site).await.endpoint.secrets.old().is_empty());
}

#[tokio::test]
async fn settings_that_are_wrong_are_refused_and_what_was_typed_is_kept() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let key = Uuid::from_u128(1).to_string();
    for (url, event, rule) in [
        ("", "created", "URL"),
        ("http://example.com", "created", "http"),
        ("https://127.0.0.1/x", "created", "127.0.0.1"),
        ("https://example.com/kept", "", "at least one"),
        ("https://example.com/kept", "born", "born"),
    ] {
        let mut fields = vec![("key", &*key), ("url", url), ("description", "Typed")];
        if !event.is_empty() {
            fields.push(("event", event));
        }
        let answer = site.post(&cookie, "/webhooks", &fields).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{url} {event}"
        );
        assert!(answer.body.contains(rule), "{rule}: {}", answer.body);
        assert!(answer.body.contains(&format!("value=\"{url}\"")), "{url}");
        assert!(answer.body.contains("value=\"Typed\""), "{url}");
        assert_eq!(hidden(&answer.body, "key"), key);
    }
    assert_eq!(site.engine.store().webhooks(None).await.unwrap(), []);
}

#[tokio::test]
async fn a_webhook_is_disabled_and_enabled_with_what_is_pending() {
    for (choice, pending) in [("resume", 2), ("drop", 0)] {
        let site = with_deliveries(2).await;
        let cookie = site.session(Role::Administrator).await;
        let path = format!("/webhooks/{HOOK}");
        let fields = [("revision", "0"), ("reason", "It moves <house>")];
        let answer = site
            .post(&cookie, &format!("{path}/disable"), &fields)
            .await;
        assert_eq!(answer.location(), format!("/console{path}?notice=disabled"));
        let page = site.get(&cookie, &path).await.body;
        assert!(page.contains("It moves &#60;house&#62;"), "{page}");
        assert!(page.contains("name=\"pending\" value=\"resume\""), "{page}");
        let enable = format!("{path}/enable");
        // It has to be said what becomes of them, and by someone who has seen this.
        for (revision, expected) in [
            ("1", StatusCode::UNPROCESSABLE_ENTITY),
            ("0", StatusCode::CONFLICT),
            ("", StatusCode::UNPROCESSABLE_ENTITY),
        ] {
            let answer = site.post(&cookie, &enable, &[("revision", revision)]).await;
            assert_eq!(answer.status, expected, "{revision}");
            assert!(!hook(&site).await.endpoint.is_enabled());
        }
        let fields = [("revision", "1"), ("pending", choice)];
        let answer = site.post(&cookie, &enable, &fields).await;
        assert_eq!(answer.location(), format!("/console{path}?notice=enabled"));
        assert!(hook(&site).await.endpoint.is_enabled());
        assert_eq!(count(&site, DeliveryStatus::Pending).await, pending);
    }
}

#[tokio::test]
async fn what_receivers_and_administrators_write_is_never_markup() {
    for text in HOSTILE {
        let site = site();
        let url = receiver(text.to_owned()).await;
        // A description has no control characters.
        let description = text.replace('\u{202e}', "");
        let _ = register(&site, HOOK, &format!("{url}?q='%3Cscript%3E"), &description).await;
        let _ = site.submitted(1, "A title").await;
        fail(&site, text).await;
        let cookie = session(&site, Scopes::all()).await;
        let hook = format!("/webhooks/{HOOK}");
        let path = format!("{hook}/test");
        let tested = site.post(&cookie, &path, &[("revision", "0")]).await;
        assert_eq!(tested.status, StatusCode::OK, "{}", tested.body);
        assert!(tested.body.contains("418"), "{}", tested.body);
        let mut answers = vec![tested];
        for page in ["/webhooks", &hook, "/deliveries", "/deliveries/1", ""] {
            let answer = site.get(&cookie, page).await;
            assert_eq!(answer.status, StatusCode::OK, "{page}");
            answers.push(answer);
        }
        let fields = [("revision", "0"), ("reason", text)];
        answers.push(
            site.post(&cookie, &format!("{hook}/disable"), &fields)
                .await,
        );
        answers.push(site.get(&cookie, &hook).await);
        answers.push(site.get(&cookie, "/webhooks").await);
        let typed = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let path = format!("/deliveries/redeliver?status={typed}");
        answers.push(site.get(&cookie, &path).await);
        let key = Uuid::from_u128(1).to_string();
        let fields = [("key", &*key), ("url", text), ("event", text)];
        let refused = site.post(&cookie, "/webhooks", &fields).await;
        assert!(!refused.body.contains("<script>") && !refused.body.contains("<img"));
        for answer in answers {
            for markup in ["<script>", "<img", "\u{202e}"] {
                assert!(!answer.body.contains(markup), "{markup}: {}", answer.body);
            }
        }
    }
}
