//! What a webhook never got: counted, and sent by a task.

use std::time::Duration;

use certificate_lifecycle::EventKind;
use certificate_lifecycle::store::{ActKind, Audit, DeliveryStatus, Outbox, Role};
use http::StatusCode;

use crate::hooks::{HOOK, count, hidden, hook, register, site};
use crate::support::{Site, uni};

fn path(query: &str) -> String {
    format!("/webhooks/{HOOK}/replay{query}")
}

/// A site with three applications, and a webhook that was registered afterwards.
async fn late() -> Site {
    let site = site();
    for number in 1..=3 {
        let _ = site.submitted(number, "A title").await;
    }
    let _ = register(&site, HOOK, "https://example.com/hooks", "The archive").await;
    site
}

/// The page of the task, once that has ended.
async fn ended(site: &Site, cookie: &str, location: &str) -> String {
    let path = location.strip_prefix("/console").unwrap();
    for _ in 0..500 {
        let page = site.get(cookie, path).await.body;
        if page.contains("<p>done ·") || page.contains("<p>broken off ·") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the task has not ended");
}

#[tokio::test]
async fn what_it_never_got_is_counted_and_sent() {
    let site = late().await;
    let cookie = site.session(Role::Operator).await;
    let webhook = site.get(&cookie, &format!("/webhooks/{HOOK}")).await.body;
    assert!(
        webhook.contains(&format!("/console{}\"", path(""))),
        "{webhook}"
    );
    // The form, without a count
    let form = site.get(&cookie, &path("")).await.body;
    assert!(form.contains("<input type=\"checkbox\" name=\"event\" value=\"created\" checked>"));
    assert!(!form.contains("would be sent"), "{form}");
    // With it
    let page = site
        .get(&cookie, &path("?from=&to=&event=created"))
        .await
        .body;
    assert!(page.contains("3 events would be sent."), "{page}");
    assert_eq!(hidden(&page, "total"), "3");
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 0);
    let none = site
        .get(&cookie, &path("?to=2000-01-01&event=created"))
        .await
        .body;
    assert!(none.contains("0 events would be sent."), "{none}");
    assert!(
        !none.contains("method=\"post\" action=\"/console/webhooks"),
        "{none}"
    );
    // What the page has is sent, as a task
    let to = hidden(&page, "to");
    let fields = [
        ("from", ""),
        ("to", to),
        ("event", "created"),
        ("total", "3"),
    ];
    let begun = site.post(&cookie, &path(""), &fields).await;
    let page = ended(&site, &cookie, begun.location()).await;
    assert!(page.contains("<dd>3 / 3</dd>"), "{page}");
    assert!(
        page.contains(&format!("/console/webhooks/{HOOK}\"")),
        "{page}"
    );
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 3);
    let tasks = site.get(&cookie, "/tasks").await.body;
    assert!(tasks.contains("Send what it never got"), "{tasks}");
    // Once more, there is nothing left; and who did it is recorded
    let begun = site.post(&cookie, &path(""), &fields).await;
    let _ = ended(&site, &cookie, begun.location()).await;
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 3);
    let acts = site
        .engine
        .store()
        .acts(Some(&uni()), None, 10)
        .await
        .unwrap();
    let replays = acts.acts.iter().map(|it| &it.act);
    let replays = replays.filter(|it| it.kind == ActKind::DeliveriesReplayed);
    let details: Vec<_> = replays.map(|it| it.detail.to_string()).collect();
    assert_eq!(details.len(), 2);
    assert!(details[0].ends_with(" events=created"), "{details:?}");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_what_was_typed() {
    let site = late().await;
    let cookie = site.session(Role::Administrator).await;
    for (query, words) in [
        (
            "?from=2026-06-04&to=2026-06-03&event=created",
            "must be later than the first",
        ),
        ("?from=2026-06-04", "Choose at least one kind of event."),
        ("?from=tomorrow&event=created", "value=\"tomorrow\""),
        ("?event=nonsense", "Events: it is none of the choices"),
    ] {
        let answer = site.get(&cookie, &path(query)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(answer.body.contains(words), "{query}: {}", answer.body);
        assert!(!answer.body.contains("would be sent"), "{query}");
        let fields: Vec<_> = form_urlencoded::parse(&query.as_bytes()[1..]).collect();
        let fields: Vec<_> = fields.iter().map(|(name, it)| (&**name, &**it)).collect();
        let posted = site.post(&cookie, &path(""), &fields).await;
        assert_eq!(posted.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    // What the webhook does not want is not offered, and not made
    let mut webhook = hook(&site).await;
    webhook.endpoint.kinds = [EventKind::Approved].into_iter().collect();
    assert!(
        site.engine
            .store()
            .put_webhook(webhook)
            .await
            .unwrap()
            .is_done()
    );
    let form = site.get(&cookie, &path("")).await.body;
    assert!(!form.contains("value=\"created\""), "{form}");
    let refused = site.post(&cookie, &path(""), &[("event", "created")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 0);
}
