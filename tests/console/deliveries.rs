//! Deliveries: found by a filter, counted, sent again or abandoned.

use std::time::Duration;

use certificate_lifecycle::store::{DeliveryStatus, Role, Scopes};
use http::StatusCode;

use crate::hooks::{HOOK, count, fail, hidden, with_deliveries};

#[tokio::test]
async fn deliveries_are_counted_before_they_are_sent_again() {
    let site = with_deliveries(3).await;
    fail(&site, "no").await;
    let cookie = site.session(Role::Operator).await;
    let query = format!("/deliveries/redeliver?status=dead&webhook={HOOK}");
    let page = site.get(&cookie, &query).await.body;
    assert!(page.contains("3 deliveries would be sent again"), "{page}");
    assert_eq!(count(&site, DeliveryStatus::Dead).await, 3);
    let names = ["status", "webhook", "application", "event", "from", "to"];
    let fields = names.map(|name| (name, hidden(&page, name)));
    assert_eq!(fields[0], ("status", "dead"));
    assert!(!fields[5].1.is_empty(), "the count has no end");
    // What is recorded, and dead, after the count stays.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let _ = site.submitted(4, "A title").await;
    fail(&site, "no").await;
    let answer = site.post(&cookie, "/deliveries/redeliver", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let shown = answer.location().strip_prefix("/console").unwrap();
    let page = site.get(&cookie, shown).await.body;
    assert!(page.contains("3 deliveries are due again"), "{page}");
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 3);
    assert_eq!(count(&site, DeliveryStatus::Dead).await, 1);
    // And one alone.
    let answer = site.post(&cookie, "/deliveries/4/redeliver", &[]).await;
    let expected = "/console/deliveries/4?redelivered=1";
    assert_eq!(answer.location(), expected);
    assert_eq!(count(&site, DeliveryStatus::Dead).await, 0);
    let page = site.get(&cookie, "/deliveries/4").await.body;
    assert!(
        !page.contains("/deliveries/4/redeliver"),
        "it is due already"
    );
}

#[tokio::test]
async fn the_state_of_the_list_of_deliveries_is_its_url() {
    let site = with_deliveries(120).await;
    let cookie = site.session(Role::Viewer).await;
    let mut path = format!("/deliveries?status=pending&webhook={HOOK}&event=created");
    let mut found = Vec::new();
    loop {
        let page = site.get(&cookie, &path).await.body;
        let ids = page.split("href=\"/console/deliveries/").skip(1);
        let ids: Vec<u64> = ids
            .map(|it| it.split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!(ids.len() <= 50);
        found.extend(ids);
        let Some(next) = page.split("rel=\"next\" href=\"/console").nth(1) else {
            break;
        };
        path = next.split('"').next().unwrap().replace("&#38;", "&");
        assert!(path.contains("event=created"), "{path}");
    }
    assert!(found.is_sorted_by(|one, next| one > next), "{found:?}");
    assert_eq!(found.len(), 120);
    for (query, count) in [
        ("status=dead", 0),
        ("event=approved", 0),
        ("from=2100-01-01", 0),
        ("to=2100-01-01&order=oldest", 50),
        ("application=00000000-0000-0000-0000-000000000003", 1),
    ] {
        let page = site
            .get(&cookie, &format!("/deliveries?{query}"))
            .await
            .body;
        let rows = page.matches("href=\"/console/deliveries/").count();
        assert_eq!(rows, count, "{query}");
    }
    for query in [
        "status=x",
        "webhook=x",
        "application=x",
        "event=x",
        "from=x",
        "after=x",
    ] {
        let answer = site.get(&cookie, &format!("/deliveries?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
}

#[tokio::test]
async fn pending_deliveries_are_counted_before_they_are_abandoned_with_a_reason() {
    let site = with_deliveries(2).await;
    fail(&site, "no").await;
    for number in 3..=5 {
        let _ = site.submitted(number, "A title").await;
    }
    let cookie = site.session(Role::Operator).await;
    let list = site.get(&cookie, "/deliveries").await.body;
    assert!(list.contains("/console/deliveries/abandon?"), "{list}");
    let list = site.get(&cookie, "/deliveries?status=dead").await.body;
    assert!(!list.contains("/console/deliveries/abandon?"), "{list}");
    let query = format!("/deliveries/abandon?webhook={HOOK}");
    let page = site.get(&cookie, &query).await.body;
    assert!(page.contains("3 pending deliveries would"), "{page}");
    let names = ["status", "webhook", "application", "event", "from", "to"];
    let mut fields: Vec<_> = names.map(|name| (name, hidden(&page, name))).to_vec();
    assert_eq!(fields[0], ("status", "pending"));
    // What is recorded after the count stays.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let _ = site.submitted(6, "A title").await;
    let long = "y".repeat(257);
    for reason in ["", " ", "two\nlines", &long] {
        fields.truncate(6);
        fields.push(("reason", reason));
        let answer = site.post(&cookie, "/deliveries/abandon", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("3 pending deliveries"));
        assert!(answer.body.contains(&format!("value=\"{reason}\"")));
        assert_eq!(count(&site, DeliveryStatus::Pending).await, 4);
    }
    fields.truncate(6);
    fields.push(("reason", "The archive <moves>"));
    let answer = site.post(&cookie, "/deliveries/abandon", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let shown = answer.location().strip_prefix("/console").unwrap();
    let page = site.get(&cookie, shown).await.body;
    assert!(page.contains("3 deliveries are dead now"), "{page}");
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 1);
    let page = site.get(&cookie, "/deliveries/3").await.body;
    assert!(page.contains("The archive &#60;moves&#62;"), "{page}");
    assert!(!page.contains("/deliveries/3/abandon"), "it is dead");
}

#[tokio::test]
async fn one_delivery_is_abandoned_with_a_reason() {
    let site = with_deliveries(2).await;
    let cookie = site.session(Role::Operator).await;
    let page = site.get(&cookie, "/deliveries/1").await.body;
    assert!(page.contains("action=\"/console/deliveries/1/abandon\""));
    let path = "/deliveries/1/abandon";
    let long = "y".repeat(257);
    let answer = site.post(&cookie, path, &[("reason", &long)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains(&format!("value=\"{long}\"")));
    assert_eq!(count(&site, DeliveryStatus::Dead).await, 0);
    let reason = [("reason", "Of no use")];
    let answer = site.post(&cookie, path, &reason).await;
    assert_eq!(
        answer.location(),
        "/console/deliveries/1?abandoned=1",
        "{}",
        answer.body
    );
    let page = site.get(&cookie, "/deliveries/1?abandoned=1").await.body;
    assert!(page.contains("1 delivery is dead now."), "{page}");
    assert!(page.contains("Of no use"), "{page}");
    // A second time, there is nothing to abandon, and the reason stays.
    let answer = site.post(&cookie, path, &[("reason", "Another")]).await;
    assert_eq!(answer.location(), "/console/deliveries/1?abandoned=0");
    let page = site.get(&cookie, "/deliveries/1").await.body;
    assert!(page.contains("Of no use"), "{page}");
    let viewer = site.session(Role::Viewer).await;
    let page = site.get(&viewer, "/deliveries/2").await.body;
    assert!(!page.contains("/deliveries/2/abandon"), "{page}");
    for path in ["/deliveries/2/abandon", "/deliveries/abandon"] {
        let answer = site.post(&viewer, path, &reason).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let answer = site.get(&viewer, "/deliveries/abandon").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let token = site.token(Some("college"), Scopes::all()).await;
    let other = site.post("", "/sign-in", &[("token", &token)]).await;
    let path = "/deliveries/2/abandon";
    let answer = site.post(&other.cookie(), path, &reason).await;
    assert_eq!(answer.location(), "/console/deliveries/2?abandoned=0");
    assert_eq!(count(&site, DeliveryStatus::Pending).await, 1);
}

#[tokio::test]
async fn the_overview_leads_to_the_webhook_and_to_what_is_dead() {
    let site = with_deliveries(2).await;
    fail(&site, "no").await;
    let cookie = site.session(Role::Viewer).await;
    let page = site.get(&cookie, "").await.body;
    let webhook = format!("href=\"/console/webhooks/{HOOK}\"");
    assert!(page.contains(&webhook), "{page}");
    let dead = format!("/console/deliveries?webhook={HOOK}&amp;status=dead\">2 dead");
    assert!(page.contains(&dead), "{page}");
}

#[tokio::test]
async fn many_are_counted_only_where_that_is_asked_for_and_all_are_changed() {
    let site = with_deliveries(300).await;
    let cookie = site.session(Role::Operator).await;
    let path = "/deliveries/abandon?status=pending";
    let page = site.get(&cookie, path).await.body;
    assert!(page.contains("At least 250 pending"), "{page}");
    assert!(page.contains("(250+)"), "{page}");
    let all = page.split("href=\"/console/deliveries/abandon?").nth(1);
    let all = all.unwrap().split('"').next().unwrap();
    let all = all.replace("&amp;", "&").replace("&#38;", "&");
    assert!(all.contains("count=all"), "{all}");
    let path = format!("/deliveries/abandon?{all}");
    let page = site.get(&cookie, &path).await.body;
    assert!(
        page.contains("300 pending") && page.contains("(300)"),
        "{page}"
    );
    assert!(!page.contains("count=all"), "{page}");
    let names = ["status", "webhook", "application", "event", "from", "to"];
    let mut fields = names.map(|name| (name, hidden(&page, name))).to_vec();
    fields.push(("reason", "moved"));
    let answer = site.post(&cookie, "/deliveries/abandon", &fields).await;
    assert!(
        answer.location().contains("abandoned=300"),
        "{}",
        answer.location()
    );
    assert_eq!(count(&site, DeliveryStatus::Dead).await, 300);
    let page = site.get(&cookie, "/deliveries/redeliver?status=dead").await;
    assert!(
        page.body.contains("At least 250 deliveries"),
        "{}",
        page.body
    );
}
