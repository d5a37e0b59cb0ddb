//! The settings of a webhook that is there, and its removal.

use certificate_lifecycle::EventKind;
use certificate_lifecycle::store::{DeliveryStatus, Outbox, Role, Scope, Scopes};
use certificate_lifecycle::webhook::Endpoint;
use http::StatusCode;
use uuid::Uuid;

use crate::hooks::{HOOK, HOSTILE, count, fail, hidden, hook, session, with_deliveries};
use crate::support::{Site, uni};

fn path(page: &str) -> String {
    format!("/webhooks/{HOOK}/{page}")
}

/// The headers of the webhook, as they are sent.
async fn headers(site: &Site) -> Vec<(String, String)> {
    let webhook = hook(site).await;
    let headers = webhook.endpoint.headers.iter();
    headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = expected.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn settings_are_replaced_and_the_rest_stays() {
    let site = with_deliveries(1).await;
    let cookie = site.session(Role::Administrator).await;
    let secrets = hook(&site).await.endpoint.secrets;
    let form = site.get(&cookie, &path("settings")).await.body;
    assert!(
        form.contains("value=\"https://example.com/hooks\""),
        "{form}"
    );
    assert!(form.contains("value=\"The archive\""), "{form}");
    assert!(form.contains("\nx-key</textarea>"), "{form}");
    assert_eq!(hidden(&form, "revision"), "0");
    let fields = [
        ("revision", "0"),
        ("url", " https://new.example.com/hooks "),
        ("description", "The new <archive>"),
        ("event", "approved"),
        ("headers", "x-key"),
    ];
    let answer = site.post(&cookie, &path("settings"), &fields).await;
    let expected = format!("/console/webhooks/{HOOK}?notice=saved");
    assert_eq!(answer.location(), expected);
    let webhook = hook(&site).await;
    let Endpoint {
        url, description, ..
    } = &webhook.endpoint;
    assert_eq!(url.as_str(), "https://new.example.com/hooks");
    assert_eq!(description.as_str(), "The new <archive>");
    let kinds: Vec<_> = webhook.endpoint.kinds.iter().collect();
    assert_eq!(kinds, [EventKind::Approved]);
    assert_eq!(webhook.endpoint.secrets, secrets);
    let kept = pairs(&[("x-key", "value-of-a-header")]);
    assert_eq!(headers(&site).await, kept);
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 1);
    let page = site
        .get(&cookie, &format!("/webhooks/{HOOK}?notice=saved"))
        .await
        .body;
    assert!(page.contains("The new &#60;archive&#62;"), "{page}");
    // The same once more changes nothing.
    let mut fields = fields;
    fields[0].1 = "1";
    let _ = site.post(&cookie, &path("settings"), &fields).await;
    assert_eq!(hook(&site).await.revision, 1);
}

#[tokio::test]
async fn a_name_alone_keeps_the_value_of_a_header() {
    let site = with_deliveries(0).await;
    let cookie = site.session(Role::Administrator).await;
    let (url, key) = ("https://example.com/hooks", "value-of-a-header");
    let mut revision = 0;
    for (lines, expected) in [
        (
            Some("X-Key\r\n\r\nAuthorization: Bearer a:b \r\n"),
            &[("authorization", "Bearer a:b"), ("x-key", key)][..],
        ),
        (None, &[("authorization", "Bearer a:b"), ("x-key", key)]),
        (
            Some("x-key: new\nauthorization"),
            &[("authorization", "Bearer a:b"), ("x-key", "new")],
        ),
        (Some("authorization"), &[("authorization", "Bearer a:b")]),
        (Some(""), &[]),
    ] {
        let revision_given = revision.to_string();
        let mut fields = vec![
            ("revision", &*revision_given),
            ("url", url),
            ("description", "The archive"),
        ];
        fields.extend(EventKind::ALL.map(|it| ("event", it.as_str())));
        fields.extend(lines.map(|it| ("headers", it)));
        let answer = site.post(&cookie, &path("settings"), &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert_eq!(headers(&site).await, pairs(expected), "{lines:?}");
        revision = hook(&site).await.revision;
        let form = site.get(&cookie, &path("settings")).await.body;
        assert!(!form.contains(key) && !form.contains("Bearer"), "{form}");
    }
    assert_eq!(revision, 4);
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named_and_what_was_typed_is_kept() {
    let site = with_deliveries(0).await;
    let cookie = site.session(Role::Administrator).await;
    let before = hook(&site).await;
    let long = "x".repeat(257);
    let url = "https://example.com/typed";
    for (field, url, event, description, lines, rule) in [
        ("url", "http://[::1", "created", "Typed", "x-key", "URL"),
        (
            "url",
            "ftp://example.com",
            "created",
            "Typed",
            "x-key",
            "http",
        ),
        ("events", url, "", "Typed", "x-key", "at least one"),
        ("events", url, "born", "Typed", "x-key", "born"),
        ("description", url, "created", &long, "x-key", "256"),
        ("headers", url, "created", "Typed", "x-new", "x-new"),
        ("headers", url, "created", "Typed", "host: a", "host"),
        (
            "headers",
            url,
            "created",
            "Typed",
            "x-a: 1\nX-A: 2",
            "twice",
        ),
        ("headers", url, "created", "Typed", "a b: c", "a b"),
        ("headers", url, "created", "Typed", "x-a: Ü", "visible"),
    ] {
        let mut fields = vec![
            ("revision", "0"),
            ("url", url),
            ("description", description),
            ("headers", lines),
        ];
        if !event.is_empty() {
            fields.push(("event", event));
        }
        let answer = site.post(&cookie, &path("settings"), &fields).await;
        let (status, page) = (answer.status, answer.body);
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{lines} {page}");
        let link = format!("<li><a href=\"#{field}\">");
        let fault = page.split(&link).nth(1).unwrap_or_else(|| panic!("{page}"));
        let fault = fault.split("</li>").next().unwrap();
        assert!(fault.contains(rule), "{rule}: {fault}");
        assert!(page.contains("aria-invalid=\"true\""), "{page}");
        assert!(page.contains(&format!("value=\"{url}\"")), "{page}");
        assert!(page.contains(&format!("value=\"{description}\"")), "{page}");
        assert!(page.contains(&format!("{lines}</textarea>")), "{page}");
        assert!(!page.contains("value-of-a-header"), "{page}");
    }
    assert_eq!(hook(&site).await, before);
}

#[tokio::test]
async fn settings_that_have_changed_meanwhile_are_shown_beside_what_was_typed() {
    let site = with_deliveries(0).await;
    let cookie = site.session(Role::Administrator).await;
    let of = |revision: &str, url: &str, lines: &str| {
        [
            ("revision", revision),
            ("url", url),
            ("event", "created"),
            ("headers", lines),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = async |fields: [(String, String); 4]| {
        let fields = fields.each_ref().map(|(name, value)| (&**name, &**value));
        site.post(&cookie, &path("settings"), &fields).await
    };
    let other = of("0", "https://other.example.com/", "x-other: 1");
    assert_eq!(send(other).await.status, StatusCode::SEE_OTHER);
    // A fault does not make the next attempt one that has seen the change.
    let wrong = send(of("0", "nothing", "x-other")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hidden(&wrong.body, "revision"), "0");
    let mine = "https://mine.example.com/";
    let conflict = send(of("0", mine, "x-other")).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT, "{}", conflict.body);
    let page = &conflict.body;
    assert!(page.contains("https://other.example.com/"), "{page}");
    assert!(page.contains("<code class=\"break\">x-other</code>"));
    assert!(page.contains(&format!("value=\"{mine}\"")), "{page}");
    assert_eq!(hook(&site).await.revision, 1);
    let revision = hidden(page, "revision");
    assert_eq!(revision, "1");
    let answer = send(of(revision, mine, "x-other")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(hook(&site).await.endpoint.url.as_str(), mine);
    assert_eq!(headers(&site).await, pairs(&[("x-other", "1")]));
}

#[tokio::test]
async fn a_removed_webhook_takes_its_deliveries_with_it() {
    let site = with_deliveries(1).await;
    fail(&site, "no").await;
    for number in 2..=3 {
        let _ = site.submitted(number, "A title").await;
    }
    let cookie = site.session(Role::Administrator).await;
    let page = site.get(&cookie, &path("remove")).await.body;
    assert!(page.contains("2 deliveries are pending"), "{page}");
    assert!(page.contains("1 delivery is dead"), "{page}");
    assert!(page.contains("The archive"), "{page}");
    let revision = hidden(&page, "revision").to_owned();
    let answer = site
        .post(&cookie, &path("disable"), &[("revision", &revision)])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    // It is not the webhook that the question was about.
    let conflict = site
        .post(&cookie, &path("remove"), &[("revision", &revision)])
        .await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    let page = site.get(&cookie, &path("remove")).await.body;
    let fields = [("revision", hidden(&page, "revision"))];
    let answer = site.post(&cookie, &path("remove"), &fields).await;
    assert_eq!(answer.location(), "/console/webhooks?notice=removed");
    let list = site.get(&cookie, "/webhooks?notice=removed").await.body;
    assert!(list.contains("The webhook is removed."), "{list}");
    let store = site.engine.store();
    assert!(store.webhook(&uni(), HOOK).await.unwrap().is_none());
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 0);
    for page in ["settings", "remove"] {
        let answer = site.get(&cookie, &path(page)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
        let answer = site.post(&cookie, &path(page), &fields).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
    }
    let answer = site.get(&cookie, &format!("/webhooks/{HOOK}")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = site.get(&cookie, "/webhooks/nothing/settings").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn settings_are_for_those_who_may_see_and_write_webhooks() {
    let site = with_deliveries(0).await;
    let before = hook(&site).await;
    let writer = Scopes::none().with(Scope::WebhooksWrite);
    let mut cookies = vec![session(&site, writer).await];
    for role in [Role::Viewer, Role::Reviewer, Role::Operator] {
        cookies.push(site.session(role).await);
    }
    let fields = [("revision", "0"), ("url", "https://a.example.com/")];
    for cookie in &cookies {
        for page in ["settings", "remove"] {
            let answer = site.get(cookie, &path(page)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{page}");
            assert!(!answer.body.contains("example.com"), "{page}");
        }
        let answer = site.post(cookie, &path("settings"), &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    for cookie in &cookies[1..] {
        let answer = site.post(cookie, &path("remove"), &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let token = site.token(Some("college"), Scopes::all()).await;
    let other = site.post("", "/sign-in", &[("token", &token)]).await;
    for page in ["settings", "remove"] {
        let answer = site.get(&other.cookie(), &path(page)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
        let answer = site.post(&other.cookie(), &path(page), &fields).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
    }
    assert_eq!(hook(&site).await, before);
}

#[tokio::test]
async fn headers_can_be_given_when_a_webhook_is_registered() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let key = Uuid::from_u128(1).to_string();
    let mut fields = [
        ("key", &*key),
        ("url", "https://example.com/hooks"),
        ("event", "created"),
        ("headers", "Authorization"),
    ];
    let answer = site.post(&cookie, "/webhooks", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("has no value yet"), "{}", answer.body);
    fields[3].1 = "Authorization: Bearer secret";
    let answer = site.post(&cookie, "/webhooks", &fields).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    assert!(!answer.body.contains("Bearer"), "{}", answer.body);
    let all = site.engine.store().webhooks(None).await.unwrap();
    let names: Vec<_> = all[0].endpoint.headers.names().collect();
    assert_eq!(names, ["authorization"]);
}

#[tokio::test]
async fn what_is_typed_as_a_setting_is_never_markup() {
    let site = with_deliveries(0).await;
    let cookie = site.session(Role::Administrator).await;
    for text in HOSTILE {
        let fields = [
            ("revision", "0"),
            ("url", text),
            ("description", text),
            ("event", text),
            ("headers", text),
        ];
        let answer = site.post(&cookie, &path("settings"), &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        for markup in ["<script>", "<img"] {
            assert!(!answer.body.contains(markup), "{}", answer.body);
        }
    }
}
