//! Who may see and do what: each route for each role, and that no page offers its reader what that
//! reader may not do.

use std::collections::BTreeSet;

use certificate_lifecycle::store::Role;
use http::StatusCode;

use crate::hooks::{HOOK, fail, with_deliveries};
use crate::support::{Answer, Site};

const ROLES: [(Role, char); 6] = [
    (Role::Viewer, 'v'),
    (Role::Reviewer, 'r'),
    (Role::Operator, 'o'),
    (Role::Processor, 'p'),
    (Role::Submitter, 's'),
    (Role::Administrator, 'a'),
];

/// What is asked for, the first letters of the roles that may, and the form that is sent.
const ROUTES: &str = "
    GET  /                             vropsa
    GET  /sign-in                      vropsa
    POST /sign-in                      vropsa  token=none
    POST /sign-out                     vropsa
    POST /reports                      vropsa
    GET  /assets/{name}                vropsa
    GET  /live                         vropsa
    GET  /queue                        r....a
    GET  /applications                 vropsa
    POST /applications/decide          r....a  action=accept
    POST /applications/decide          r....a  action=reject&reason=no
    POST /applications/decide          ro...a  action=retry
    GET  /applications/all             ro...a
    POST /applications/all             r....a  action=accept
    POST /applications/all             r....a  action=reject&reason=no
    POST /applications/all             ro...a  action=retry
    GET  /applications/{uuid}          vropsa
    POST /applications/{uuid}/decide   r....a  version=9&action=accept
    POST /applications/{uuid}/decide   r....a  version=9&action=reject&reason=no
    POST /applications/{uuid}/decide   ro...a  version=9&action=retry
    GET  /export/{name}                vropsa
    GET  /tasks                        ro...a
    GET  /tasks/{id}                   ro...a
    GET  /tokens                       .....a
    POST /tokens                       .....a
    POST /tokens/{id}/revoke           .....a
    GET  /webhooks                     v.o..a
    POST /webhooks                     .....a
    GET  /webhooks/new                 .....a
    GET  /webhooks/{id}                v.o..a
    POST /webhooks/{id}/enable         .....a  revision=0
    POST /webhooks/{id}/disable        .....a  revision=0
    POST /webhooks/{id}/rotate         .....a  revision=0
    POST /webhooks/{id}/test           .....a  revision=0
    GET  /webhooks/{id}/settings       .....a
    POST /webhooks/{id}/settings       .....a  revision=0
    GET  /webhooks/{id}/remove         .....a
    POST /webhooks/{id}/remove         .....a  revision=0
    GET  /webhooks/{id}/replay         ..o..a
    POST /webhooks/{id}/replay         ..o..a  event=created
    GET  /events                       v.op.a
    GET  /acts                         .....a
    GET  /deliveries                   v.o..a
    GET  /deliveries/abandon           ..o..a
    POST /deliveries/abandon           ..o..a  reason=no
    POST /deliveries/{id}/abandon      ..o..a  reason=no
    GET  /deliveries/redeliver         ..o..a
    POST /deliveries/redeliver         ..o..a
    GET  /deliveries/{id}              v.o..a
    POST /deliveries/{id}/redeliver    ..o..a
";

/// A line of the table.
struct Route {
    method: &'static str,
    path: &'static str,
    roles: &'static str,
    form: &'static str,
}

fn routes() -> Vec<Route> {
    let lines = ROUTES.lines().filter(|it| !it.trim().is_empty());
    let read = |line: &'static str| {
        let mut parts = line.split_whitespace();
        let mut next = || parts.next().unwrap_or_default();
        Route {
            method: next(),
            path: next(),
            roles: next(),
            form: next(),
        }
    };
    lines.map(read).collect()
}

/// What a path of a route stands for.
fn example(path: &str) -> String {
    if path == "/" {
        return String::new();
    }
    let name = if path.starts_with("/export") {
        "applications.csv"
    } else {
        "none"
    };
    let hook = HOOK.to_string();
    let id = if path.starts_with("/deliveries") {
        "1"
    } else {
        &hook
    };
    path.replace("{uuid}", "00000000-0000-0000-0000-000000000001")
        .replace("{name}", name)
        .replace("{id}", id)
}

async fn ask(site: &Site, cookie: &str, method: &str, path: &str, form: &str) -> Answer {
    if method == "GET" {
        return site.get(cookie, path).await;
    }
    let fields: Vec<_> = form_urlencoded::parse(form.as_bytes()).collect();
    let fields: Vec<_> = fields.iter().map(|(name, it)| (&**name, &**it)).collect();
    site.post(cookie, path, &fields).await
}

#[tokio::test]
async fn each_route_lets_in_whom_it_is_for() {
    for route in routes() {
        for (role, letter) in ROLES {
            let site = with_deliveries(1).await;
            let cookie = site.session(role).await;
            let path = example(route.path);
            // A stream that never ends; and a token that is none is no question of the role.
            if ["/live", "/sign-in"].contains(&route.path) {
                continue;
            }
            let answer = ask(&site, &cookie, route.method, &path, route.form).await;
            let (status, case) = (answer.status, format!("{role:?} {} {path}", route.method));
            let case = format!("{case} {}", route.form);
            let is_refused = status == StatusCode::FORBIDDEN;
            assert_eq!(
                is_refused,
                !route.roles.contains(letter),
                "{case}: {status}"
            );
            assert!(!status.is_server_error(), "{case}: {status}");
        }
        if route.roles.len() == 6 && !route.roles.contains('.') {
            continue;
        }
        // Without a session, to the form.
        let site = Site::new();
        let answer = ask(&site, "", route.method, &example(route.path), route.form).await;
        let path = route.path;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.location(), "/console/sign-in", "{path}");
    }
}

#[test]
fn the_table_has_every_route() {
    let source = include_str!("../../src/console/routes.rs");
    let mut found = BTreeSet::new();
    for part in source.split(".route(").skip(1) {
        let path = part.split('"').nth(1).unwrap();
        let end = part.find(".fallback").unwrap_or(part.len());
        for (call, method) in [("get(", "GET"), ("post(", "POST")] {
            if part[..end].contains(call) {
                found.insert((method, path));
            }
        }
    }
    assert!(found.len() > 30, "{found:?}");
    let listed = routes();
    let listed: BTreeSet<_> = listed.iter().map(|it| (it.method, it.path)).collect();
    assert_eq!(found, listed);
}

/// The values of an attribute in a page, as browsers read them.
fn values<'a>(page: &'a str, attribute: &'a str) -> impl Iterator<Item = String> + 'a {
    page.split(attribute).skip(1).map(|it| {
        let value = it.split('"').next().unwrap();
        value.replace("&amp;", "&").replace("&#38;", "&")
    })
}

/// Whether the path is one of the route's, of which `{…}` is any part.
fn fits(route: &str, path: &str) -> bool {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    let fits = |(one, other): (&&str, &&str)| one.starts_with('{') || one == other;
    route.len() == path.len() && route.iter().zip(&path).all(fits)
}

#[tokio::test]
async fn no_page_offers_what_its_reader_may_not_do() {
    let routes = routes();
    for (role, letter) in ROLES {
        let site = with_deliveries(2).await;
        fail(&site, "The receiver said no").await;
        for number in 10..13 {
            let _ = site.submitted(number, "A title").await;
        }
        let _ = site.failed(20, "The printer is out of paper").await;
        let cookie = site.session(role).await;
        let (mut seen, mut left) = (BTreeSet::new(), vec![String::new()]);
        while let Some(path) = left.pop() {
            if !seen.insert(path.clone()) || seen.len() > 300 {
                continue;
            }
            let answer = site.get(&cookie, &path).await;
            assert_eq!(answer.status, StatusCode::OK, "{role:?} {path}");
            // What is no page is not read.
            if path.starts_with("/assets") || path.starts_with("/export") {
                continue;
            }
            left.extend(values(&answer.body, "href=\"/console").map(|it| {
                let it = it.split('#').next().unwrap().to_owned();
                if it == "/" { String::new() } else { it }
            }));
            for form in answer.body.split("<form method=\"post\"").skip(1) {
                let form = form.split("</form>").next().unwrap();
                let targets = values(form, "action=\"/console");
                for target in targets {
                    let here = routes.iter().filter(|it| it.method == "POST");
                    let mut here = here.filter(|it| fits(it.path, &target)).peekable();
                    assert!(here.peek().is_some(), "{role:?} {path}: {target}");
                    let may = here.any(|it| it.roles.contains(letter));
                    assert!(may, "{role:?} {path}: {target}");
                }
                // Its buttons say what they decide.
                for action in values(form, "name=\"action\" value=\"") {
                    let field = format!("action={action}");
                    let mut here = routes.iter().filter(|it| it.form.contains(&field));
                    let may = here.any(|it| it.roles.contains(letter));
                    assert!(may, "{role:?} {path}: {action}");
                }
            }
        }
        assert!(seen.len() > 8, "{role:?}: {seen:?}");
    }
}
