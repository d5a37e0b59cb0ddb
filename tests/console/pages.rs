//! What pages show, and to whom.

use certificate_lifecycle::console::ConsoleOptions;
use certificate_lifecycle::store::Role;
use http::{Request, StatusCode};

use crate::support::{HOST, Site};

#[tokio::test]
async fn the_overview_says_what_waits_and_what_has_failed() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    for number in 1..=3 {
        let _ = site.submitted(number, "A title").await;
    }
    let _ = site.failed(4, "The printer is out of paper").await;
    let _ = site.failed(5, "The printer is out of paper").await;
    let page = site.get(&cookie, "").await.body;
    let waiting = "applications?status=created&#38;source=customer&#38;order=oldest\">3</a>";
    let plain = waiting.replace("&#38;", "&amp;");
    assert!(page.contains(waiting) || page.contains(&plain), "{page}");
    assert!(page.contains("The printer is out of paper"), "{page}");
    assert!(
        page.contains("applications?status=failed\">2</a>"),
        "{page}"
    );
    // Each error leads to the list of those that have failed with it
    let _ = site.failed(6, "Paper").await;
    let page = site.get(&cookie, "").await.body;
    let list = "/applications?status=failed&#38;error=Paper";
    assert!(page.contains(&format!("/console{list}\"")), "{page}");
    let list = site.get(&cookie, &list.replace("&#38;", "&")).await.body;
    assert_eq!(list.matches("<tr>\n<td><input").count(), 1, "{list}");
    assert!(list.contains("name=\"error\" value=\"Paper\""), "{list}");
}

#[tokio::test]
async fn the_state_of_a_list_is_its_url() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    for number in 1..=120 {
        let _ = site
            .submitted(number, &format!("Title no. {number} of Physics"))
            .await;
    }
    let _ = site.submitted(200, "Chemistry").await;
    let mut path = "/applications?title=PHYSICS&status=created".to_owned();
    let mut found = Vec::new();
    loop {
        let page = site.get(&cookie, &path).await.body;
        let rows = page.matches("<td class=\"number\"").count();
        assert!(rows <= 50, "{rows}");
        found.push(rows);
        assert!(!page.contains("Chemistry"));
        let Some(next) = page.split("rel=\"next\" href=\"/console").nth(1) else {
            break;
        };
        path = next.split('"').next().unwrap().replace("&#38;", "&");
        assert!(path.contains("title=PHYSICS"), "{path}");
    }
    assert_eq!(found.iter().sum::<usize>(), 120, "{found:?}");
}

#[tokio::test]
async fn a_filter_that_is_wrong_is_said_to_be_and_kept() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    let _ = site.submitted(1, "A title").await;
    for (query, rule) in [
        ("number=none", "expected"),
        ("from=yesterday", "such as 2026-06-04"),
        ("email=john", "e-mail"),
        ("status=gone", "status"),
    ] {
        let answer = site.get(&cookie, &format!("/applications?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(answer.body.contains(rule), "{query}: {}", answer.body);
        let (_, typed) = query.split_once('=').unwrap();
        let kept = answer.body.contains(&format!("value=\"{typed}\""));
        assert!(kept || query.starts_with("status"), "{query}");
    }
}

#[tokio::test]
async fn an_application_shows_its_history_and_only_what_may_be_done() {
    let site = Site::new();
    let uuid = site.failed(1, "The printer is out of paper").await;
    let path = format!("/applications/{uuid}");
    for (role, may_retry) in [
        (Role::Viewer, false),
        (Role::Reviewer, true),
        (Role::Administrator, true),
    ] {
        let cookie = site.session(role).await;
        let page = site.get(&cookie, &path).await.body;
        for text in [
            "customer:john",
            "administrator:jane",
            "system:worker",
            "out of paper",
        ] {
            assert!(page.contains(text), "{role:?}: {text}");
        }
        assert_eq!(page.contains("value=\"retry\""), may_retry, "{role:?}");
        // It is not legal.
        assert!(!page.contains("value=\"accept\""), "{role:?}");
        assert!(!page.contains("value=\"reject\""), "{role:?}");
    }
}

#[tokio::test]
async fn another_institutions_application_is_unknown() {
    let site = Site::new();
    let uuid = site.submitted(1, "A title").await;
    let token = site
        .token(Some("college"), Role::Administrator.scopes())
        .await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    let cookie = answer.cookie();
    let other = site.get(&cookie, &format!("/applications/{uuid}")).await;
    let none = "00000000-0000-4000-8000-000000000000";
    let none = site.get(&cookie, &format!("/applications/{none}")).await;
    assert_eq!((other.status, other.body), (none.status, none.body));
    let path = format!("/applications/{uuid}/decide");
    let fields = [("action", "accept"), ("version", "1")];
    let answer = site.post(&cookie, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(site.status(uuid).await, ("created".to_owned(), 1));
}

#[tokio::test]
async fn addresses_are_masked_for_those_who_may_not_decide() {
    let site = Site::with(ConsoleOptions::default().with_masks_addresses(true));
    let uuid = site.submitted(1, "A title").await;
    for (role, sees) in [(Role::Viewer, false), (Role::Reviewer, true)] {
        let cookie = site.session(role).await;
        for path in ["/applications".to_owned(), format!("/applications/{uuid}")] {
            let page = site.get(&cookie, &path).await.body;
            assert_eq!(page.contains("john@example.com"), sees, "{role:?} {path}");
            assert_eq!(page.contains("j…@example.com"), !sees, "{role:?} {path}");
        }
    }
}

#[tokio::test]
async fn pages_have_the_language_that_is_wanted() {
    let site = Site::new();
    for (wanted, word) in [
        ("en", "Sign in"),
        ("de-AT, en;q=0.5", "Anmelden"),
        ("fr", "Sign in"),
    ] {
        let request = Request::get("/console/sign-in")
            .header("host", HOST)
            .header("accept-language", wanted);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let page = site.send(request).await.body;
        assert!(page.contains(word), "{wanted}");
    }
}
