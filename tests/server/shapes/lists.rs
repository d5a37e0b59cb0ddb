//! Lists: pages, `Link`, and each filter.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, World, application, get, on_every_store, post, request, upload};

on_every_store! {
    pages_are_followed_by_next_and_by_link,
    each_filter_finds_its_own,
    deliveries_are_filtered,
    pages_of_webhooks_deliveries_and_tokens,
}

/// The numbers of the applications of a page.
fn numbers(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let of = |it: &Value| it["application_id"].as_u64().unwrap();
    body["data"].as_array().unwrap().iter().map(of).collect()
}

/// The path that the header `Link` leads to; none where there is no further page.
fn link(answer: &Answer) -> Option<String> {
    let next = answer.json()["next"].as_str().map(str::to_owned);
    assert_eq!(
        answer.headers.contains_key("link"),
        next.is_some(),
        "{answer:?}"
    );
    next?;
    let path = answer.header("link").strip_prefix('<').unwrap();
    Some(path.strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

async fn pages_are_followed_by_next_and_by_link(world: World) {
    for number in 1..=45 {
        world
            .application(number, if number % 2 == 0 { &["reject"] } else { &[] })
            .await;
    }
    let first = world.send(get("/v1/applications")).await;
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.members(), ["data", "next"]);
    assert_eq!(first.members_at("/data/0"), super::A);
    assert_eq!(numbers(&first), (1..=20).collect::<Vec<_>>());
    let mut rejected = super::A.to_vec();
    rejected.insert(9, "rejection_reason");
    assert_eq!(first.members_at("/data/1"), rejected);
    // By `next`
    let (mut seen, mut after) = (numbers(&first), first.json()["next"].clone());
    while let Some(next) = after.as_str() {
        let page = world
            .send(get(format!("/v1/applications?after={next}")))
            .await;
        seen.extend(numbers(&page));
        after = page.json()["next"].clone();
    }
    assert_eq!(seen, (1..=45).collect::<Vec<_>>());
    // By the link, which keeps what was asked for
    let query = "/v1/applications?limit=4&status=rejected&order=newest&title=of+achie%76";
    let (mut seen, mut path) = (Vec::new(), Some(query.to_owned()));
    while let Some(ask) = path {
        let page = world.send(get(ask)).await;
        assert!(numbers(&page).len() <= 4);
        seen.extend(numbers(&page));
        path = link(&page);
    }
    let even: Vec<_> = (1..=22).map(|it| 46 - 2 * it).collect();
    assert_eq!(seen, even);
    let all = world.send(get("/v1/applications?limit=100")).await;
    assert_eq!((numbers(&all).len(), link(&all)), (45, None));
}

async fn each_filter_finds_its_own(world: World) {
    world.application(1, &[]).await;
    world.application(2, &["begin-processing"]).await;
    world.application(3, &["reject"]).await;
    let mut other = upload(4);
    other["certificate_title"] = "Ärztin (100%_\\)".into();
    other["applicant_email"] = "Jim+x@example.com".into();
    assert_eq!(
        world.send(post("/v1/applications", &other)).await.status,
        201
    );
    let at = world
        .send(get(format!("/v1/applications/{}", application(3))))
        .await
        .json();
    let at = at["updated_at"].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("status=created", &[1, 4][..]),
        ("status=processing", &[2]),
        ("status=approved", &[]),
        ("source=vault", &[4]),
        ("source=customer&status=created", &[1]),
        ("email=john@example.com", &[1, 2, 3]),
        ("email=Jim%2Bx@example.com", &[4]),
        ("email=jim%2Bx@example.com", &[]),
        ("title=ACHIEVEMENT", &[1, 2, 3]),
        ("title=%C3%A4rzt", &[4]),
        ("title=100%25_%5C", &[4]),
        ("title=%25", &[4]),
        ("title=_", &[4]),
        ("application_id=3", &[3]),
        ("application_id=9", &[]),
        ("in_progress=true", &[2, 4]),
        ("in_progress=false", &[1, 2, 3, 4]),
        ("order=newest", &[4, 3, 2, 1]),
        ("order=oldest", &[1, 2, 3, 4]),
        ("updated_after=2020-01-01T00:00:00Z", &[1, 2, 3, 4]),
        ("updated_before=2020-01-01T00:00:00Z", &[]),
        ("updated_after=2200-01-01T00:00:00%2B02:00", &[]),
    ] {
        let answer = world.send(get(format!("/v1/applications?{query}"))).await;
        assert_eq!(numbers(&answer), expected, "{query}");
    }
    // From this second on, and before it
    let after = world
        .send(get(format!("/v1/applications?updated_after={at}")))
        .await;
    let before = world
        .send(get(format!("/v1/applications?updated_before={at}")))
        .await;
    assert!(numbers(&after).contains(&3) && !numbers(&before).contains(&3));
    let both: BTreeSet<_> = numbers(&after)
        .into_iter()
        .chain(numbers(&before))
        .collect();
    assert_eq!(both, BTreeSet::from([1, 2, 3, 4]));
}

/// The members of a delivery that is pending.
const D: [&str; 10] = [
    "id",
    "event",
    "version",
    "application",
    "webhook",
    "institution",
    "status",
    "attempt_count",
    "recorded_at",
    "due_at",
];

async fn deliveries_are_filtered(world: World) {
    let things = world.things().await;
    world.application(2, &["reject"]).await;
    let all = world.send(get("/v1/deliveries")).await;
    assert_eq!(all.members(), ["data", "next"]);
    assert_eq!(all.members_at("/data/0"), D);
    let number = |query: String| async {
        let answer = world.send(get(query)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"].as_array().unwrap().len()
    };
    let other = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
    for (query, expected) in [
        (String::new(), 4),
        ("status=pending".to_owned(), 4),
        ("status=dead".to_owned(), 0),
        (format!("webhook={}", things.webhook), 4),
        (format!("webhook={other}"), 0),
        (format!("application={}", application(2)), 2),
        (format!("application={other}"), 0),
        ("event=rejected".to_owned(), 1),
        ("event=certificate_application.created".to_owned(), 2),
        ("from=2020-01-01T00:00:00Z".to_owned(), 4),
        ("to=2020-01-01T00:00:00Z".to_owned(), 0),
        ("status=pending&event=created&limit=1".to_owned(), 1),
    ] {
        assert_eq!(
            number(format!("/v1/deliveries?{query}")).await,
            expected,
            "{query}"
        );
    }
    let path = format!("/v1/applications/{}/deliveries", application(2));
    assert_eq!(number(path).await, 2);
    // One of them, with its attempts
    let id = all.json()["data"][0]["id"].clone();
    let one = world.send(get(format!("/v1/deliveries/{id}"))).await;
    let mut members = D.to_vec();
    members.push("attempts");
    assert_eq!(one.members(), members);
    assert_eq!(one.json()["attempts"], json!([]));
    // Abandoned and sent again
    let body = json!({"ids": [id, id, 9_000_000_000_000_u64], "reason": "not wanted"});
    let answer = world.send(post("/v1/deliveries/abandon", &body)).await;
    assert_eq!(answer.json(), json!({"deliveries": 1}));
    let one = world.send(get(format!("/v1/deliveries/{id}"))).await;
    assert_eq!(one.json()["status"], "dead");
    let mut members = D.to_vec();
    members.splice(9.., ["settled_at", "reason", "attempts"]);
    assert_eq!(one.members(), members);
    let filter = json!({"filter": {"status": "dead"}, "dry_run": true});
    let redeliver = |body: &Value| post("/v1/deliveries/redeliver", body);
    assert_eq!(
        world.send(redeliver(&filter)).await.json(),
        json!({"deliveries": 1})
    );
    let filter = json!({"filter": {}});
    assert_eq!(
        world.send(redeliver(&filter)).await.json(),
        json!({"deliveries": 1})
    );
    let one = world.send(get(format!("/v1/deliveries/{id}"))).await;
    assert_eq!(one.json()["status"], "pending");
    let all = json!({"filter": {"webhook": things.webhook}, "reason": "all"});
    let answer = world.send(post("/v1/deliveries/abandon", &all)).await;
    assert_eq!(answer.json(), json!({"deliveries": 4}));
}

async fn pages_of_webhooks_deliveries_and_tokens(world: World) {
    world.things().await;
    for number in 2..=13 {
        world.application(number, &["reject"]).await;
    }
    for number in 0..25 {
        let body = json!({"name": format!("no. {number}"), "scopes": ["events:read"]});
        assert_eq!(world.send(post("/v1/tokens", &body)).await.status, 201);
    }
    for number in 0..25 {
        let body = json!({"url": format!("https://example.com/{number}")});
        assert_eq!(world.send(post("/v1/webhooks", &body)).await.status, 201);
    }
    let lists = [
        ("/v1/deliveries", 26),
        ("/v1/tokens", 27),
        ("/v1/webhooks", 26),
    ];
    for (path, total) in lists {
        for limit in [1, 7, 20, 100] {
            let (mut seen, mut next) = (Vec::new(), Some(format!("{path}?limit={limit}")));
            while let Some(ask) = next {
                let page = world.send(get(ask)).await;
                assert_eq!(page.status, 200, "{page:?}");
                let data = page.json()["data"].as_array().unwrap().clone();
                assert!(data.len() <= limit);
                seen.extend(data.iter().map(|it| it["id"].to_string()));
                next = link(&page);
            }
            assert_eq!(seen.len(), total, "{path} by {limit}");
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), total);
        }
        let page = world.send(get(path)).await;
        assert_eq!(page.json()["data"].as_array().unwrap().len(), 20);
    }
    // What is removed between two pages shifts nothing
    let first = world.send(get("/v1/webhooks?limit=10")).await;
    let removed: Vec<_> = first.json()["data"].as_array().unwrap().clone();
    for webhook in &removed {
        let path = format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap());
        assert_eq!(world.send(request("DELETE", &path)).await.status, 204);
    }
    let second = world.send(get(link(&first).unwrap())).await.json();
    let all = world.send(get("/v1/webhooks")).await;
    let left = all.json()["data"].as_array().unwrap().clone();
    assert_eq!(left.len(), 16);
    assert_eq!(second["data"].as_array().unwrap(), &left[..10]);
    assert_eq!(link(&all), None);
    let odd = world.send(get("/v1/webhooks?after=7")).await;
    let problem = odd.problem(422, "invalid_request");
    assert_eq!(problem["errors"][0]["parameter"], "after");
}
