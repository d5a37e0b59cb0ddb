//! Sessions: how they begin, and how they end.

use axum::body::Body;
use certificate_lifecycle::server::{self, ServerOptions};
use certificate_lifecycle::store::{Role, TokenSecret, Tokens};
use http::{Request, StatusCode, header};
use tower::ServiceExt;

use crate::support::Site;

#[tokio::test]
async fn a_token_begins_a_session_whose_cookie_is_kept_from_scripts_and_other_sites() {
    let site = Site::new();
    let token = site.token(Some("uni"), Role::Reviewer.scopes()).await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/console");
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-certlife="), "{cookie}");
    for attribute in ["; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let page = site.get(&answer.cookie(), "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("administrator:jane"));
    assert!(!page.body.contains(&token));
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in() {
    let site = Site::new();
    let uuid = site.submitted(1, "A title").await;
    let pages = [
        String::new(),
        "/queue".to_owned(),
        "/applications".to_owned(),
        format!("/applications/{uuid}"),
    ];
    for cookie in ["", "__Host-certlife=clt_none", "__Host-certlife=", "a=b"] {
        for page in &pages {
            let answer = site.get(cookie, page).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{page}");
            assert_eq!(answer.location(), "/console/sign-in");
            assert!(!answer.body.contains("A title"));
        }
    }
    let path = format!("/applications/{uuid}/decide");
    let fields = [("action", "accept"), ("version", "1")];
    let answer = site.post("", &path, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(site.status(uuid).await, ("created".to_owned(), 1));
}

#[tokio::test]
async fn signing_out_ends_the_session_itself() {
    let site = Site::new();
    let cookie = site.session(Role::Reviewer).await;
    let answer = site.post(&cookie, "/sign-out", &[]).await;
    assert_eq!(answer.location(), "/console/sign-in");
    assert_eq!(answer.cookie(), "__Host-certlife=");
    // Also for those who have kept the cookie.
    let answer = site.get(&cookie, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_ends_with_the_token_that_began_it() {
    let site = Site::new();
    let token = site.token(Some("uni"), Role::Reviewer.scopes()).await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    let (id, _) = TokenSecret::parse_bearer(&token).unwrap();
    site.engine.store().remove_token(None, id).await.unwrap();
    // Nothing was remembered of the token itself yet.
    let page = site.get(&answer.cookie(), "").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_is_no_token_that_signs_in() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let secret = cookie.split_once('=').unwrap().1;
    let answer = site.post("", "/sign-in", &[("token", secret)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_token_for_all_institutions_names_one() {
    let site = Site::new();
    let token = site.token(None, Role::Reviewer.scopes()).await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("name the one"), "{}", answer.body);
    // Not what stands for all of them
    let fields = [("token", &*token), ("institution", "*")];
    let answer = site.post("", "/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let fields = [("token", &*token), ("institution", "uni")];
    let answer = site.post("", "/sign-in", &fields).await;
    let page = site.get(&answer.cookie(), "").await;
    assert!(page.body.contains("<bdi>uni</bdi>"), "{}", page.body);
    let own = site.token(Some("college"), Role::Reviewer.scopes()).await;
    let fields = [("token", &*own), ("institution", "uni")];
    let answer = site.post("", "/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn bad_tokens_are_refused_and_soon_slowed_down_but_a_good_one_is_let_in() {
    let site = Site::new();
    let good = site.token(Some("uni"), Role::Reviewer.scopes()).await;
    let (_, secret) = TokenSecret::generate().unwrap();
    let (id, _) = TokenSecret::parse_bearer(&good).unwrap();
    let wrong = secret.bearer(id);
    let mut statuses = Vec::new();
    for _ in 0..70 {
        let answer = site.post("", "/sign-in", &[("token", &wrong)]).await;
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        assert!(!answer.body.contains(&wrong));
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], StatusCode::FORBIDDEN);
    assert_eq!(statuses[69], StatusCode::TOO_MANY_REQUESTS);
    let answer = site.post("", "/sign-in", &[("token", &good)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_is_no_token_of_the_api() {
    let site = Site::new();
    let api = server::router(site.engine.clone(), ServerOptions::default());
    let token = site.token(Some("uni"), Role::Viewer.scopes()).await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    let cookie = answer.cookie();
    let session = cookie.split_once('=').unwrap().1;
    for (bearer, status) in [
        (&*token, StatusCode::OK),
        (session, StatusCode::UNAUTHORIZED),
    ] {
        let request =
            Request::get("/v1/counts").header("authorization", format!("Bearer {bearer}"));
        let request = request.body(Body::empty()).unwrap();
        let response = api.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
}
