//! Decisions.

use certificate_lifecycle::store::{Actor, Role};
use http::StatusCode;

use crate::support::{Site, uni};

#[tokio::test]
async fn the_queue_has_the_oldest_first_and_goes_on_after_a_decision() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    let mut all = Vec::new();
    for number in 1..=3 {
        all.push(site.submitted(number, &format!("Title {number}.")).await);
    }
    for (place, action) in ["accept", "reject", "accept"].into_iter().enumerate() {
        let page = site.get(&cookie, "/queue").await.body;
        assert!(page.contains(&format!("Title {}.", place + 1)), "{page}");
        let path = format!("/applications/{}/decide", all[place]);
        let fields = [
            ("action", action),
            ("version", "1"),
            ("reason", "Incomplete"),
            ("from", "queue"),
            ("after", ""),
        ];
        let answer = site.post(&cookie, &path, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert!(answer.location().starts_with("/console/queue?"));
    }
    let page = site.get(&cookie, "/queue").await.body;
    assert!(page.contains("Nothing waits for a decision"), "{page}");
    assert_eq!(site.status(all[0]).await.0, "processing");
    assert_eq!(site.status(all[1]).await.0, "rejected");
}

#[tokio::test]
async fn what_is_skipped_comes_again_from_the_start() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    for number in 1..=2 {
        let _ = site.submitted(number, &format!("Title {number}.")).await;
    }
    let page = site.get(&cookie, "/queue").await.body;
    let next = page.split("data-key=\"j\" href=\"/console").nth(1).unwrap();
    let next = next.split('"').next().unwrap();
    let page = site.get(&cookie, next).await.body;
    assert!(page.contains("Title 2."), "{page}");
    assert!(page.contains("href=\"/console/queue\""), "{page}");
}

#[tokio::test]
async fn a_conflict_says_what_is_there_now_and_keeps_what_was_typed() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    let uuid = site.submitted(1, "A title").await;
    let (institution, joe) = (uni(), Actor::administrator("joe").unwrap());
    let other = site.engine.scope(&institution, &joe);
    other.begin_processing(uuid).await.unwrap();
    let path = format!("/applications/{uuid}/decide");
    let reason = "Because of <this> & \"that\"";
    let fields = [("action", "reject"), ("version", "1"), ("reason", reason)];
    let answer = site.post(&cookie, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(
        answer.body.contains("has changed meanwhile"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("administrator:joe"));
    // Rejection is not legal any more, but the words are not lost.
    assert!(
        answer.body.contains("Because of &#60;this&#62;"),
        "{}",
        answer.body
    );
    assert_eq!(site.status(uuid).await, ("processing".to_owned(), 2));
}

#[tokio::test]
async fn a_reason_is_needed_and_a_bad_one_is_kept() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    let uuid = site.submitted(1, "A title").await;
    let path = format!("/applications/{uuid}/decide");
    for reason in ["", "   "] {
        let fields = [("action", "reject"), ("version", "1"), ("reason", reason)];
        let answer = site.post(&cookie, &path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("role=\"alert\""), "{}", answer.body);
    }
    for fields in [
        &[("action", "accept")][..],
        &[("action", "delete"), ("version", "1")],
        &[("version", "1")],
        &[("action", "accept"), ("version", "-1")],
    ] {
        let answer = site.post(&cookie, &path, fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(site.status(uuid).await, ("created".to_owned(), 1));
}

#[tokio::test]
async fn who_may_not_decide_is_refused() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    let uuid = site.submitted(1, "A title").await;
    let selected = format!("{uuid} 1");
    let one = format!("/applications/{uuid}/decide");
    let fields = [
        ("action", "accept"),
        ("version", "1"),
        ("selected", &*selected),
    ];
    for path in [&*one, "/applications/decide"] {
        let answer = site.post(&cookie, path, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let answer = site.get(&cookie, "/queue").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let page = site.get(&cookie, "/applications").await.body;
    assert!(!page.contains("checkbox"), "{page}");
    assert_eq!(site.status(uuid).await, ("created".to_owned(), 1));
}

#[tokio::test]
async fn of_a_selection_what_cannot_be_done_is_listed() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    let mut selected = Vec::new();
    for number in 1..=100 {
        let uuid = site.submitted(number, "A title").await;
        selected.push(format!("{uuid} 1"));
    }
    let (institution, joe) = (uni(), Actor::administrator("joe").unwrap());
    let other = site.engine.scope(&institution, &joe);
    let gone = uuid::Uuid::from_u128(7);
    other.begin_processing(gone).await.unwrap();
    let mut fields = vec![
        ("action", "reject"),
        ("reason", "Closed"),
        ("query", "status=created"),
    ];
    fields.extend(selected.iter().map(|it| ("selected", &**it)));
    let answer = site.post(&cookie, "/applications/decide", &fields).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.body.contains("99 applications are done"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains(&gone.to_string()));
    assert_eq!(answer.body.matches("has changed meanwhile").count(), 1);
    assert_eq!(site.status(gone).await, ("processing".to_owned(), 2));
    let more = "00000000-0000-4000-8000-000000000000 1";
    fields.push(("selected", more));
    for fields in [&fields[..], &fields[..3]] {
        let answer = site.post(&cookie, "/applications/decide", fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
