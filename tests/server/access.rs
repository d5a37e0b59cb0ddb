//! Who may ask what: each role on each route, and tokens that are good for nothing. The tables are
//! written once more, from API.md.

pub mod table;

use std::collections::BTreeSet;

use certificate_lifecycle::store::{Role, Scope, Scopes, TokenId, TokenSecret};
use chrono::TimeDelta;
use serde_json::json;

use crate::support::{
    Ask, Kind, World, application, created, get, now, on_every_store, post, request,
};
use table::{OPEN, ROLES, ROUTES, Route};

on_every_store! {
    each_role_on_each_route,
    without_a_token_nothing_is_answered,
    tokens_that_are_not_good,
    a_token_for_all_names_an_institution,
    an_actor_is_named_with_a_scope,
    a_token_makes_no_token_with_more,
    each_scope_alone,
}

/// The scopes of a role, as API.md has them.
fn scopes_of(role: &str) -> &'static [&'static str] {
    ROLES.iter().find(|(it, _)| *it == role).unwrap().1
}

async fn each_role_on_each_route(world: World) {
    for role in Role::ALL {
        let scopes = scopes_of(role.as_str());
        for kind in ["customer", "administrator", "system"] {
            let actor = format!("{kind}:someone");
            let token = world
                .token(Some("our-university"), &actor, role.scopes())
                .await;
            for route in ROUTES.iter().filter(|it| it.actor == kind) {
                try_route(&world, route, &token, scopes).await;
            }
        }
    }
}

async fn each_scope_alone(world: World) {
    for scope in Scope::ALL {
        let scopes = Scopes::none().with(scope);
        let token = world
            .token(Some("our-university"), "system:someone", scopes)
            .await;
        for route in ROUTES.iter().filter(|it| it.actor == "system") {
            try_route(&world, route, &token, &[scope.as_str()]).await;
        }
    }
}

/// Asks a route with a token that has these scopes.
async fn try_route(world: &World, route: &Route, token: &str, scopes: &[&str]) {
    let answer = world.send(route.ask().with(token)).await;
    let is_allowed = route.scopes.iter().any(|it| scopes.contains(it));
    let case = format!("{} {} with {scopes:?}", route.method, route.path);
    if is_allowed {
        assert_eq!(answer.status, route.status, "{case}: {answer:?}");
    } else {
        assert_eq!(answer.status, 403, "{case}: {answer:?}");
        let problem = answer.problem(403, "forbidden");
        let required = problem["required_scope"].as_str().unwrap_or_default();
        // Which of the two it takes, the body says: it is not read for a token that has neither.
        let creates: &[&str] = &["applications:submit", "applications:upload"];
        let has_neither = !creates.iter().any(|it| scopes.contains(it));
        let of_route = if route.path == "/v1/applications" && has_neither && route.method == "POST"
        {
            creates
        } else {
            route.scopes
        };
        assert!(of_route.contains(&required), "{case}: {problem}");
    }
}

#[test]
fn the_roles_are_those_of_the_table() {
    assert_eq!(ROLES.map(|(name, _)| name), Role::ALL.map(Role::as_str));
    for (name, scopes) in ROLES {
        let role: Role = name.parse().unwrap();
        let given: Vec<_> = role.scopes().iter().map(Scope::as_str).collect();
        let (given, written): (BTreeSet<_>, BTreeSet<_>) = (
            given.into_iter().collect(),
            scopes.iter().copied().collect(),
        );
        assert_eq!(given, written, "{name}");
    }
}

#[tokio::test]
async fn every_route_of_the_document_is_in_the_table() {
    let world = World::fresh(Kind::Memory).await;
    let answer = world.send(get("/openapi.json").anonymous()).await;
    assert_eq!(answer.status, 200);
    let document = answer.json();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let of_table = ROUTES
        .iter()
        .map(Route::name)
        .chain(OPEN.map(str::to_owned));
    let of_table: BTreeSet<_> = of_table.collect();
    let document_itself = BTreeSet::from(["GET /openapi.json".to_owned()]);
    let expected: BTreeSet<_> = of_table.difference(&document_itself).cloned().collect();
    assert_eq!(documented, expected);
}

async fn without_a_token_nothing_is_answered(world: World) {
    for route in ROUTES {
        let answer = world.send(route.ask().anonymous()).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    // What a HEAD answers is no different.
    let answer = world.send(request("HEAD", "/v1/counts").anonymous()).await;
    assert_eq!(answer.status, 401);
    for open in OPEN {
        let path = open.split_once(' ').unwrap().1;
        let answer = world.send(get(path).anonymous()).await;
        assert_eq!(answer.status, 200, "{open}: {answer:?}");
    }
}

async fn tokens_that_are_not_good(world: World) {
    let counts = |value: &str| get("/v1/counts").header("Authorization", value);
    let (id, secret) = world.ours.rsplit_once('_').unwrap();
    let other = if secret.starts_with('0') { "1" } else { "0" };
    let (unknown_id, unknown) = TokenSecret::generate().unwrap();
    let secret_of_theirs = world.theirs.rsplit_once('_').unwrap().1;
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {}", world.ours),
        world.ours.clone(),
        format!("Bearer {id}"),
        format!("Bearer {id}_"),
        format!("Bearer {id}_{}", &secret[1..]),
        format!("Bearer {id}_{secret}0"),
        format!("Bearer {id}_{other}{}", &secret[1..]),
        format!("Bearer {id}_{secret_of_theirs}"),
        format!("Bearer clt__{secret}"),
        format!("Bearer {} {}", world.ours, world.ours),
        format!("Bearer {}", unknown.bearer(unknown_id)),
        format!("Bearer {}", unknown.bearer(TokenId::from_bytes([0; 8]))),
        format!("Bearer {}", "x".repeat(10_000)),
        "Bearer clt_é".to_owned(),
    ];
    for value in wrong {
        let answer = world.send(counts(&value)).await;
        answer.problem(401, "unauthenticated");
        assert!(
            answer.header("www-authenticate").starts_with("Bearer"),
            "{value}"
        );
        assert!(!answer.text().contains(secret), "{value}");
    }
    let answer = world
        .send(counts("bearer x").header("Authorization", "Bearer y"))
        .await;
    answer.problem(401, "unauthenticated");
    // The scheme's case does not matter (RFC 9110, 11.1).
    let answer = world.send(counts(&format!("bEARER {}", world.ours))).await;
    assert_eq!(answer.status, 200);
    expired_and_revoked(&world).await;
}

async fn expired_and_revoked(world: &World) {
    let expired = world.expiring(now() - TimeDelta::seconds(1)).await;
    world
        .send(get("/v1/counts").with(&expired))
        .await
        .problem(401, "unauthenticated");
    // One that was good a moment ago, and is remembered
    let soon = world.expiring(now() + TimeDelta::milliseconds(700)).await;
    assert_eq!(world.send(get("/v1/counts").with(&soon)).await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    world
        .send(get("/v1/counts").with(&soon))
        .await
        .problem(401, "unauthenticated");
    // Revoked over HTTP, it is refused at once
    let new = json!({"name": "short", "role": "viewer"});
    let new = world.send(post("/v1/tokens", &new)).await.json();
    let (id, token) = (new["id"].as_str().unwrap(), new["token"].as_str().unwrap());
    assert_eq!(world.send(get("/v1/counts").with(token)).await.status, 200);
    let removed = world
        .send(request("DELETE", format!("/v1/tokens/{id}")))
        .await;
    assert_eq!((removed.status, removed.body.len()), (204, 0));
    world
        .send(get("/v1/counts").with(token))
        .await
        .problem(401, "unauthenticated");
}

async fn a_token_for_all_names_an_institution(world: World) {
    let all = world.token(None, "administrator:root", Scopes::all()).await;
    world.application(1, &[]).await;
    let counts = || get("/v1/counts").with(&all);
    let faults = world.send(counts()).await.faults();
    assert_eq!(faults, ["Certlife-Institution"]);
    for (institution, expected) in [("our-university", 1), ("their-university", 0), ("new", 0)] {
        let answer = world
            .send(counts().header("Certlife-Institution", institution))
            .await;
        assert_eq!(answer.status, 200);
        let counted = answer.json()["data"].as_array().unwrap().len();
        assert_eq!(counted, expected, "{institution}");
    }
    for wrong in ["", "*", " ", "a\tb", &"x".repeat(300)] {
        let answer = world
            .send(counts().header("Certlife-Institution", wrong))
            .await;
        assert_eq!(answer.faults(), ["Certlife-Institution"], "{wrong:?}");
    }
    let twice = counts().header("Authorization", format!("Bearer {all}"));
    world.send(twice).await.problem(401, "unauthenticated");
    let invalid = world
        .send(counts().header("Certlife-Institution", [0xff]))
        .await;
    assert_eq!(invalid.faults(), ["Certlife-Institution"]);
    let twice = counts()
        .header("Certlife-Institution", "our-university")
        .header("Certlife-Institution", "their-university");
    assert_eq!(world.send(twice).await.faults(), ["Certlife-Institution"]);
    // A token of one institution may name it, and no other
    let own = get("/v1/counts").header("Certlife-Institution", "our-university");
    assert_eq!(world.send(own).await.status, 200);
    let other = get("/v1/counts").header("Certlife-Institution", "their-university");
    let problem = world.send(other).await.problem(403, "forbidden");
    assert_eq!(problem.get("required_scope"), None);
}

async fn an_actor_is_named_with_a_scope(world: World) {
    let submitter = Role::Submitter.scopes();
    let john = world
        .token(Some("our-university"), "customer:john", submitter)
        .await;
    let submit = |number| {
        let mut ask = created(number);
        ask.headers.retain(|(name, _)| name != "certlife-actor");
        ask
    };
    // Its own name may be given; another one needs the scope
    assert_eq!(world.send(submit(1).with(&john)).await.status, 201);
    assert_eq!(
        world
            .send(submit(2).with(&john).by("customer:john"))
            .await
            .status,
        201
    );
    let problem = world.send(submit(3).with(&john).by("customer:jim")).await;
    assert_eq!(
        problem.problem(403, "forbidden")["required_scope"],
        "actor:any"
    );
    let any = submitter.with(Scope::ActorAny);
    let any = world
        .token(Some("our-university"), "customer:john", any)
        .await;
    let actor = "customer:ünï@example.com";
    assert_eq!(world.send(submit(3).with(&any).by(actor)).await.status, 201);
    let history = format!("/v1/applications/{}/history", application(3));
    assert_eq!(
        world.send(get(history)).await.json()["data"][0]["actor"],
        actor
    );
    // The contract holds for each actor that is named
    let problem = world
        .send(submit(4).with(&any).by("administrator:jane"))
        .await;
    assert_eq!(
        problem.problem(403, "forbidden").get("required_scope"),
        None
    );
    for wrong in ["", "john", "customer:", "person:x", "customer:a\tb", ":"] {
        let answer = world.send(submit(4).with(&any).by(wrong)).await;
        assert_eq!(answer.status, 422, "{wrong:?}: {answer:?}");
        assert_eq!(answer.faults(), ["Certlife-Actor"], "{wrong:?}");
    }
    let twice = submit(4).with(&any).by("customer:a").by("customer:b");
    assert_eq!(world.send(twice).await.faults(), ["Certlife-Actor"]);
    let none = world
        .send(get(format!("/v1/applications/{}", application(4))))
        .await;
    none.problem(404, "unknown_application");
}

async fn a_token_makes_no_token_with_more(world: World) {
    let scopes: Scopes = "tokens:write,applications:read".parse().unwrap();
    let maker = world
        .token(Some("our-university"), "administrator:jane", scopes)
        .await;
    let make = |body| post("/v1/tokens", &body).with(&maker);
    let same = json!({"name": "same", "scopes": ["applications:read", "tokens:write"]});
    assert_eq!(world.send(make(same)).await.status, 201);
    for body in [
        json!({"name": "more", "scopes": ["applications:read", "events:read"]}),
        json!({"name": "more", "role": "viewer"}),
        json!({"name": "more", "scopes": ["actor:any"]}),
    ] {
        let problem = world.send(make(body)).await.problem(403, "forbidden");
        assert!(problem["required_scope"].is_string(), "{problem}");
    }
    // Nor one of another institution, nor one that outlives it
    let other = json!({"name": "x", "role": "viewer", "institution": "their-university"});
    assert_eq!(world.send(make(other)).await.faults(), ["/institution"]);
    let soon = now() + TimeDelta::hours(1);
    let expiring = world.expiring(soon).await;
    let later = (soon + TimeDelta::seconds(2)).to_rfc3339();
    let body = json!({"name": "x", "role": "viewer", "expires_at": later});
    let answer = world.send(post("/v1/tokens", &body).with(&expiring)).await;
    assert_eq!(answer.faults(), ["/expires_at"]);
    let body = json!({"name": "ends with it", "role": "viewer"});
    assert_eq!(
        world
            .send(post("/v1/tokens", &body).with(&expiring))
            .await
            .status,
        201
    );
    let tokens = world.send(get("/v1/tokens?limit=100")).await.json();
    let tokens = tokens["data"].as_array().unwrap();
    let expiring = tokens
        .iter()
        .find(|it| it["name"] == "ends with it")
        .unwrap();
    assert!(expiring["expires_at"].is_string(), "{expiring}");
}

impl Route {
    /// The method, and the path with the names of its parameters.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A well-formed request, about nothing that there is.
    fn ask(&self) -> Ask {
        let nothing = crate::support::nothing();
        let path = self
            .path
            .replace("{uuid}", &nothing.application)
            .replace("/webhooks/{id}", &format!("/webhooks/{}", nothing.webhook))
            .replace(
                "/deliveries/{id}",
                &format!("/deliveries/{}", nothing.delivery),
            )
            .replace("/tokens/{id}", &format!("/tokens/{}", nothing.token))
            .replace("{work}", &nothing.work);
        let ask = request(self.method, path);
        match self.body {
            body if self.path == "/v1/commands" => ask.body("application/x-ndjson", body),
            "" => ask,
            body => ask.body("application/json", body),
        }
    }
}
