//! Decisions about all that a filter shows.

use std::time::Duration;

use certificate_lifecycle::store::{Actor, Clock, Role, SystemClock};
use http::StatusCode;

use crate::support::{Answer, Site, uni};

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let field = format!("name=\"{name}\" value=\"");
    let rest = page.split(&field).nth(1).unwrap();
    rest.split('"').next().unwrap()
}

/// The page of a task once it has ended.
async fn ended(site: &Site, cookie: &str, begun: &Answer) -> String {
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let path = begun
        .location()
        .strip_prefix("/console")
        .unwrap()
        .to_owned();
    for _ in 0..600 {
        let page = site.get(cookie, &path).await.body;
        if !page.contains("running") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the task goes on for ever");
}

/// What was made in this second is not yet what a page has shown.
async fn next_second() {
    let now = SystemClock.now().timestamp();
    while SystemClock.now().timestamp() == now {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_thousand_are_decided_and_those_that_are_refused_are_listed() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    for number in 1..=1000 {
        let _ = site.submitted(number, "A title").await;
    }
    let (institution, joe) = (uni(), Actor::administrator("joe").unwrap());
    let other = site.engine.scope(&institution, &joe);
    let gone: Vec<_> = (1..=1000).step_by(100).map(uuid::Uuid::from_u128).collect();
    for uuid in &gone {
        other.begin_processing(*uuid).await.unwrap();
    }
    let _ = site.submitted(2000, "Another one").await;
    next_second().await;
    let question = site
        .get(&cookie, "/applications/all?title=title")
        .await
        .body;
    assert!(
        question.contains("1000 applications, as they were"),
        "{question}"
    );
    // What comes afterwards is not meant.
    let late = site.submitted(3000, "A title, too late").await;
    let fields = [
        ("query", hidden(&question, "query")),
        ("moment", hidden(&question, "moment")),
        ("total", hidden(&question, "total")),
        ("action", "reject"),
        ("reason", "The course was cancelled"),
    ];
    let begun = site.post(&cookie, "/applications/all", &fields).await;
    let page = ended(&site, &cookie, &begun).await;
    assert!(page.contains("990 / 1000"), "{page}");
    for uuid in &gone {
        assert!(page.contains(&uuid.to_string()), "{uuid}");
        assert_eq!(site.status(*uuid).await, ("processing".to_owned(), 2));
    }
    assert_eq!(site.status(late).await, ("created".to_owned(), 1));
    let another = uuid::Uuid::from_u128(2000);
    assert_eq!(site.status(another).await, ("created".to_owned(), 1));
    let last = uuid::Uuid::from_u128(1000);
    assert_eq!(site.status(last).await, ("rejected".to_owned(), 2));
    let tasks = site.get(&cookie, "/tasks").await.body;
    assert!(tasks.contains("990 / 1000"), "{tasks}");
}

#[tokio::test]
async fn a_task_is_its_institutions_and_takes_a_role() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    let uuid = site.submitted(1, "A title").await;
    next_second().await;
    let question = site.get(&cookie, "/applications/all").await.body;
    let fields = [
        ("query", ""),
        ("moment", hidden(&question, "moment")),
        ("total", "1"),
        ("action", "accept"),
    ];
    let viewer = site.session(Role::Viewer).await;
    let refused = site.post(&viewer, "/applications/all", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let refused = site.get(&viewer, "/applications/all").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let begun = site.post(&cookie, "/applications/all", &fields).await;
    let _ = ended(&site, &cookie, &begun).await;
    assert_eq!(site.status(uuid).await, ("processing".to_owned(), 2));
    let token = site.token(Some("college"), Role::Reviewer.scopes()).await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    let path = begun.location().strip_prefix("/console").unwrap();
    let other = site.get(&answer.cookie(), path).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let list = site.get(&answer.cookie(), "/tasks").await.body;
    assert!(list.contains("There are no tasks"), "{list}");
}

#[tokio::test]
async fn an_order_that_is_none_begins_nothing() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    let uuid = site.submitted(1, "A title").await;
    next_second().await;
    for fields in [
        &[("query", ""), ("action", "accept")][..],
        &[("query", ""), ("action", "accept"), ("moment", "now")],
        &[
            ("query", "status=none"),
            ("action", "accept"),
            ("moment", "2100-01-01T00:00:00Z"),
        ],
        &[
            ("query", ""),
            ("action", "reject"),
            ("moment", "2100-01-01T00:00:00Z"),
        ],
        &[
            ("query", ""),
            ("action", "approve"),
            ("moment", "2100-01-01T00:00:00Z"),
        ],
    ] {
        let answer = site.post(&cookie, "/applications/all", fields).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{fields:?}"
        );
    }
    assert_eq!(site.status(uuid).await, ("created".to_owned(), 1));
}

#[tokio::test]
async fn many_are_counted_only_where_that_is_asked_for() {
    let site = Site::new();
    for number in 1..=1300 {
        let _ = site.submitted(number, "A title").await;
    }
    // What has happened in this second is not part of it.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let cookie = site.session(Role::Administrator).await;
    let page = site
        .get(&cookie, "/applications/all?status=created")
        .await
        .body;
    assert!(page.contains("At least 1200 applications"), "{page}");
    assert!(page.contains("count=all"), "{page}");
    let path = "/applications/all?status=created&count=all";
    let page = site.get(&cookie, path).await.body;
    assert!(page.contains("1300 applications"), "{page}");
    assert!(
        !page.contains("count=all") && !page.contains("At least"),
        "{page}"
    );
}
