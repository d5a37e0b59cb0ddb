//! What other sites, and texts, cannot do.

use axum::body::Body;
use certificate_lifecycle::console::ConsoleOptions;
use certificate_lifecycle::store::Role;
use http::{Request, StatusCode, header};

use crate::support::{HOST, Site};

/// Texts that would be markup, or look like something else.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onfocus='alert(1)' autofocus='",
    "{{ 7 * 7 }} ${7*7} <%= 7 %>",
    "a\u{202e}b\u{0}c\u{7f}",
];

#[tokio::test]
async fn every_answer_says_what_the_browser_may_do() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let uuid = site.submitted(1, "A title").await;
    let style = site.get("", "/sign-in").await.body;
    let style = style.split("href=\"").nth(2).unwrap();
    let style = style.split('"').next().unwrap();
    let style = style.strip_prefix("/console").unwrap();
    let pages = [
        "",
        "/sign-in",
        "/queue",
        "/applications",
        &format!("/applications/{uuid}"),
        "/none",
        style,
    ];
    for page in pages {
        let answer = site.get(&cookie, page).await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str();
        let policy = policy.unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let nosniff = &answer.headers[header::X_CONTENT_TYPE_OPTIONS];
        assert_eq!(nosniff, "nosniff", "{page}");
        let lasts = page == style;
        let cached = answer.headers[header::CACHE_CONTROL].to_str().unwrap();
        assert_eq!(cached.contains("immutable"), lasts, "{page}: {cached}");
        // Nothing inline, which the policy would keep from working.
        for inline in [" style=", "<style", " onclick=", "javascript:"] {
            assert!(!answer.body.contains(inline), "{page}: {inline}");
        }
    }
}

#[tokio::test]
async fn browsers_are_kept_to_https_where_they_have_come_by_it() {
    let header = header::STRICT_TRANSPORT_SECURITY;
    for (is_https, forwarded, expected) in [
        (false, None, None),
        (false, Some("http"), None),
        (false, Some("https"), Some("max-age=63072000")),
        (true, None, Some("max-age=63072000")),
    ] {
        let site = Site::with(ConsoleOptions::default().with_is_https(is_https));
        let mut request = Request::get("/console/sign-in").header("host", HOST);
        if let Some(it) = forwarded {
            request = request.header("x-forwarded-proto", it);
        }
        let answer = site.send(request.body(Body::empty()).unwrap()).await;
        let given = answer.headers.get(&header).map(|it| it.to_str().unwrap());
        assert_eq!(given, expected, "{is_https} {forwarded:?}");
    }
}

#[tokio::test]
async fn browsers_report_what_a_page_was_kept_from() {
    let site = Site::new();
    let answer = site.get("", "/sign-in").await;
    let policy = &answer.headers[header::CONTENT_SECURITY_POLICY];
    let policy = policy.to_str().unwrap();
    assert!(policy.ends_with("report-uri /console/reports"), "{policy}");
    let send = async |body: &'static str| {
        let request = Request::post("/console/reports")
            .header("host", HOST)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/csp-report");
        let answer = site.send(request.body(Body::from(body)).unwrap()).await;
        answer.status
    };
    let report =
        "{\"csp-report\":{\"effective-directive\":\"script-src-elem\",\"blocked-uri\":\"inline\"}}";
    assert_eq!(send("no report").await, StatusCode::BAD_REQUEST);
    for _ in 0..60 {
        assert_eq!(send(report).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(send(report).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let site = Site::new();
    let request = Request::get("/console/sign-in").header("x-request-id", "of-the-client");
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers["x-request-id"], "of-the-client");
    assert!(!site.get("", "/none").await.headers["x-request-id"].is_empty());
}

#[tokio::test]
async fn what_another_site_sends_is_refused() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let uuid = site.submitted(1, "A title").await;
    let own = format!("https://{HOST}");
    let foreign: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://elsewhere.example.com")],
        &[("origin", "null")],
        &[],
    ];
    for headers in foreign {
        let mut request = Request::post(format!("/console/applications/{uuid}/decide"))
            .header("host", HOST)
            .header("cookie", &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::from("action=accept&version=1");
        let answer = site.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(site.status(uuid).await, ("created".to_owned(), 1));
    }
    // A browser of old, which names its origin.
    let request = Request::post(format!("/console/applications/{uuid}/decide"))
        .header("host", HOST)
        .header("origin", own)
        .header("cookie", &cookie);
    let body = Body::from("action=accept&version=1");
    let answer = site.send(request.body(body).unwrap()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(site.status(uuid).await, ("processing".to_owned(), 2));
}

#[tokio::test]
async fn texts_are_never_markup() {
    let reasons = HOSTILE.map(str::to_owned).to_vec();
    let site = Site::with(ConsoleOptions::default().with_reasons(reasons));
    let cookie = site.session(Role::Administrator).await;
    let mut pages = vec![
        String::new(),
        "/queue".to_owned(),
        "/applications".to_owned(),
    ];
    for (number, text) in HOSTILE.iter().enumerate() {
        // Values of applications have no control characters.
        let text = text.replace(['\0', '\u{7f}'], "");
        let number = number as u64 * 2 + 1;
        let uuid = site.submitted(number, &text).await;
        pages.push(format!("/applications/{uuid}"));
        let uuid = site.failed(number + 1, &text).await;
        pages.push(format!("/applications/{uuid}"));
    }
    for text in HOSTILE {
        let pair = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(
                ["status", "title", "email", "number", "from", "after"].map(|it| (it, text)),
            )
            .finish();
        pages.push(format!("/applications?{pair}"));
        pages.push(format!("/queue?after={}", pair.replace('=', "%3D")));
    }
    for page in pages {
        let answer = site.get(&cookie, &page).await;
        assert!(!answer.status.is_server_error(), "{page}");
        let body = &answer.body;
        // A field of the filter is given back as it came.
        let is_typed = page.starts_with("/applications?");
        let invisible = ["\u{202e}", "\0", "\u{7f}"].into_iter();
        let invisible = invisible.filter(|_| !is_typed);
        let markup = ["<script>", "<img", "' onfocus='"].into_iter();
        for markup in markup.chain(invisible) {
            assert!(!body.contains(markup), "{page}: {markup:?}");
        }
    }
}

#[tokio::test]
async fn a_form_has_an_end() {
    let site = Site::new();
    let cookie = site.session(Role::Administrator).await;
    let uuid = site.submitted(1, "A title").await;
    let path = format!("/applications/{uuid}/decide");
    let long = "a".repeat(300_000);
    let fields = [("action", "reject"), ("version", "1"), ("reason", &*long)];
    let answer = site.post(&cookie, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("too long"), "{}", answer.body);
    assert_eq!(site.status(uuid).await, ("created".to_owned(), 1));
}
