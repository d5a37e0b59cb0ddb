//! The page of tokens.

use certificate_lifecycle::store::{Role, TokenSecret, Tokens};
use http::{StatusCode, header};

use crate::support::{Site, uni};

#[tokio::test]
async fn a_token_is_shown_once_and_signs_in_until_it_is_revoked() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let fields = [
        ("name", "A <b>bold</b> name"),
        ("actor", "administrator:joe"),
        ("role", "reviewer"),
        ("days", "30"),
    ];
    let made = site.post(&cookie, "/tokens", &fields).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
    let token = made.body.split("<pre tabindex=\"0\">").nth(1).unwrap();
    let token = token.split('<').next().unwrap();
    let list = site.get(&cookie, "/tokens").await.body;
    assert!(!list.contains(token), "{list}");
    assert!(!list.contains("<b>bold"), "{list}");
    let answer = site.post("", "/sign-in", &[("token", token)]).await;
    let joe = answer.cookie();
    assert_eq!(site.get(&joe, "/queue").await.status, StatusCode::OK);
    let (id, _) = TokenSecret::parse_bearer(token).unwrap();
    let path = format!("/tokens/{id}/revoke");
    let refused = site.post(&joe, &path, &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let revoked = site.post(&cookie, &path, &[]).await;
    assert_eq!(revoked.location(), "/console/tokens");
    // The session that it began has ended with it.
    assert_eq!(site.get(&joe, "/queue").await.status, StatusCode::SEE_OTHER);
    let again = site.post(&cookie, &path, &[]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_has_no_more_than_its_maker() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let count = async || {
        let page = site.engine.store().tokens(Some(&uni()), None, 100).await;
        page.unwrap().tokens.len()
    };
    let before = count().await;
    for (name, actor, role, days) in [
        ("x", "administrator:joe", "processor", "30"),
        ("", "administrator:joe", "viewer", "30"),
        ("x", "joe", "viewer", "30"),
        ("x", "administrator:joe", "king", "30"),
        ("x", "administrator:joe", "viewer", "0"),
        ("x", "administrator:joe", "viewer", "a week"),
        ("x", "administrator:joe", "viewer", "99999999999999999999"),
    ] {
        let fields = [
            ("name", name),
            ("actor", actor),
            ("role", role),
            ("days", days),
        ];
        let answer = site.post(&cookie, "/tokens", &fields).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{fields:?}"
        );
        assert!(answer.body.contains("role=\"alert\""));
    }
    assert_eq!(count().await, before);
    for role in [Role::Viewer, Role::Reviewer, Role::Operator] {
        let cookie = site.session(role).await;
        let answer = site.get(&cookie, "/tokens").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let page = site.get(&cookie, "").await.body;
        assert!(!page.contains("/console/tokens"), "{page}");
    }
}
