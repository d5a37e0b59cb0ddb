//! Deliveries: found by a filter, counted, and sent again.

use std::time::Duration;

use certificate_lifecycle::store::{DeliveryStatus, Role};
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
