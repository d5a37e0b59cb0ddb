//! The page of events, and the chart of the overview.

use certificate_lifecycle::console::ConsoleOptions;
use certificate_lifecycle::store::{Actor, Role, Scope, Scopes};
use certificate_lifecycle::{RejectionReason, Status};
use http::StatusCode;
use uuid::Uuid;

use crate::hooks::HOSTILE;
use crate::support::{Site, uni};

async fn rejected(site: &Site, number: u64, title: &str, reason: &str) -> Uuid {
    let uuid = site.submitted(number, title).await;
    let (institution, jane) = (uni(), Actor::administrator("jane").unwrap());
    let reason = RejectionReason::new(reason).unwrap();
    let scope = site.engine.scope(&institution, &jane);
    scope.reject(uuid, reason).await.unwrap();
    uuid
}

/// The kinds of the events of a page, in its order.
fn kinds(page: &str) -> Vec<String> {
    let rows = page
        .split("<td data-name=\"Event\"><span class=\"badge ")
        .skip(1);
    rows.map(|it| it.split('"').next().unwrap().to_owned())
        .collect()
}

/// Where a link of this relation leads.
fn older(page: &str) -> Option<String> {
    let link = page.split("rel=\"next\" href=\"/console").nth(1)?;
    Some(link.split('"').next().unwrap().replace("&#38;", "&"))
}

#[tokio::test]
async fn the_newest_event_comes_first_with_what_happened() {
    let site = Site::new();
    let failed = site.failed(1, "The printer is out of paper").await;
    let rejected = rejected(&site, 2, "Chemistry", "It is a duplicate").await;
    let cookie = site.session(Role::Administrator).await;
    let page = site.get(&cookie, "/events").await.body;
    assert_eq!(
        kinds(&page),
        ["rejected", "created", "failed", "processing", "created"]
    );
    for text in [
        "It is a duplicate",
        "out of paper",
        "customer:john",
        "administrator:jane",
        "system:worker",
        &format!("/console/applications/{failed}\""),
        &format!("/console/applications/{rejected}\""),
        "certificate_application.rejected",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("data-live"));
    assert!(page.contains("id=\"pause\" hidden"), "it needs the script");
    // By kind.
    let page = site.get(&cookie, "/events?event=created").await.body;
    assert_eq!(kinds(&page), ["created", "created"]);
    assert!(page.contains("<option value=\"created\" selected>"));
    let page = site.get(&cookie, "/events?event=retried").await.body;
    assert!(page.contains("No event fits this filter."), "{page}");
}

#[tokio::test]
async fn older_events_are_behind_a_link_that_new_ones_do_not_shift() {
    let site = Site::new();
    for number in 1..=120 {
        let _ = site.submitted(number, "A title").await;
    }
    let _ = site.failed(200, "An error").await;
    let cookie = site.session(Role::Viewer).await;
    let mut path = "/events?event=created".to_owned();
    let mut found = Vec::new();
    loop {
        let page = site.get(&cookie, &path).await.body;
        let rows = page.split("href=\"/console/applications/").skip(1);
        let rows: Vec<_> = rows
            .map(|it| it.split('"').next().unwrap().to_owned())
            .collect();
        assert!(rows.len() <= 50);
        // The list itself has no place.
        assert_eq!(page.contains("data-live"), !path.contains("before="));
        assert_eq!(page.contains("Newest events"), path.contains("before="));
        found.extend(rows);
        let Some(next) = older(&page) else {
            break;
        };
        assert!(next.contains("event=created"), "{next}");
        path = next;
        let _ = site.submitted(1000 + found.len() as u64, "A new one").await;
    }
    let expected = (1..=120_u128).chain([200]).rev();
    let expected: Vec<_> = expected.map(|it| Uuid::from_u128(it).to_string()).collect();
    assert_eq!(found, expected);
    for query in [
        "event=x",
        "before=x",
        "before=1-",
        "event=created&before=-1",
    ] {
        let answer = site.get(&cookie, &format!("/events?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
}

#[tokio::test]
async fn no_institution_sees_the_events_of_another() {
    let site = Site::new();
    let _ = site.failed(1, "The printer is out of paper").await;
    let token = site
        .token(Some("college"), Role::Administrator.scopes())
        .await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    let cookie = answer.cookie();
    let page = site.get(&cookie, "/events").await.body;
    assert!(page.contains("No event fits this filter."), "{page}");
    let overview = site.get(&cookie, "").await.body;
    assert!(
        overview.contains("There are no events in this time."),
        "{overview}"
    );
    assert!(!overview.contains("<svg class=\"chart\""), "{overview}");
}

#[tokio::test]
async fn who_may_not_read_events_or_addresses_sees_none() {
    let site = Site::with(ConsoleOptions::default().with_masks_addresses(true));
    let _ = site.submitted(1, "A title").await;
    let cookie = site.session(Role::Viewer).await;
    let page = site.get(&cookie, "/events").await.body;
    assert_eq!(kinds(&page), ["created"]);
    assert!(!page.contains("john@example.com"), "{page}");
    let scopes = Scopes::none().with(Scope::ApplicationsRead);
    let token = site.token(Some("uni"), scopes).await;
    let cookie = site
        .post("", "/sign-in", &[("token", &token)])
        .await
        .cookie();
    let answer = site.get(&cookie, "/events").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let overview = site.get(&cookie, "").await;
    assert_eq!(overview.status, StatusCode::OK);
    assert!(!overview.body.contains("href=\"/console/events\""));
    assert!(!overview.body.contains("Events of the last"));
}

#[tokio::test]
async fn what_others_have_written_is_no_markup_of_the_page_of_events() {
    let site = Site::new();
    for (number, text) in (1..).zip(HOSTILE) {
        let _ = rejected(&site, number, text, text).await;
    }
    let cookie = site.session(Role::Administrator).await;
    for path in ["/events", ""] {
        let page = site.get(&cookie, path).await.body;
        for text in HOSTILE {
            assert!(!page.contains(text), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn the_chart_counts_the_events_by_their_outcome() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    for number in 1..=3 {
        let _ = site.failed(number, "An error").await;
    }
    let uuid = rejected(&site, 4, "A title", "A reason").await;
    assert_eq!(site.status(uuid).await, (Status::Rejected.to_string(), 2));
    let page = site.get(&cookie, "").await.body;
    for text in [
        "Events of the last 24 hours",
        "11 events, at most ",
        "role=\"img\"",
        "<li class=\"failed\">failed 3</li>",
        "<li class=\"rejected\">rejected 1</li>",
        "<li class=\"approved\">approved 0</li>",
        "<li class=\"other\">other 7</li>",
        "As a table",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("style="), "the policy forbids it");
}

#[tokio::test]
async fn of_many_events_the_chart_shows_the_time_that_it_knows_whole() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    for number in 1..=1001 {
        let _ = site.submitted(number, "A title").await;
    }
    let page = site.get(&cookie, "").await.body;
    assert!(page.contains("Events of the last minute"), "{page}");
    assert!(
        page.contains("1000 events and older ones that are not counted"),
        "{page}"
    );
}
