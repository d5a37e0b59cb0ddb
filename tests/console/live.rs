//! Word of changes.

use std::time::Duration;

use axum::body::Body;
use certificate_lifecycle::console::ConsoleOptions;
use certificate_lifecycle::server::ServerOptions;
use certificate_lifecycle::store::Role;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{HOST, Site};

/// The stream of a session.
async fn stream(site: &Site, cookie: &str) -> Body {
    let request = Request::get("/console/live")
        .header("host", HOST)
        .header("cookie", cookie);
    let response = site.open(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut body = response.into_body();
    assert!(next(&mut body).await.unwrap().starts_with("retry: "));
    body
}

/// What comes next; none at the end.
async fn next(body: &mut Body) -> Option<String> {
    let frame = timeout(Duration::from_secs(60), body.frame())
        .await
        .unwrap()?;
    let data = frame.unwrap().into_data().unwrap();
    Some(String::from_utf8(data.to_vec()).unwrap())
}

#[tokio::test]
async fn a_page_hears_of_its_institution_alone() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    let token = site.token(Some("college"), Role::Viewer.scopes()).await;
    let other = site
        .post("", "/sign-in", &[("token", &token)])
        .await
        .cookie();
    let mut own = stream(&site, &cookie).await;
    let mut others = stream(&site, &other).await;
    for number in 1..=20 {
        let _ = site.submitted(number, "A title").await;
    }
    assert_eq!(next(&mut own).await.unwrap(), "event: changed\ndata:\n\n");
    let silent = timeout(Duration::from_secs(2), others.frame()).await;
    assert!(silent.is_err(), "{silent:?}");
    // Twenty changes at a time are one.
    let again = timeout(Duration::from_secs(2), own.frame()).await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test]
async fn it_ends_with_the_server_and_with_the_session() {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = ServerOptions::default().with_shutdown(async {
        let _ = stopped.await;
    });
    let site = Site::with(ConsoleOptions::default().with_server(server));
    let cookie = site.session(Role::Viewer).await;
    let mut ending = stream(&site, &cookie).await;
    let mut signed_out = stream(&site, &cookie).await;
    let answer = site.post(&cookie, "/sign-out", &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    // It is looked at every 15 seconds.
    assert_eq!(next(&mut signed_out).await, None);
    let answer = site.get(&cookie, "/live").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let cookie = site.session(Role::Viewer).await;
    let mut other = stream(&site, &cookie).await;
    drop(stop);
    assert_eq!(next(&mut other).await, None);
    assert_eq!(next(&mut ending).await, None);
}
