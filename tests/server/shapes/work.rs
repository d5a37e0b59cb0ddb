//! Work: claimed, prolonged, settled, given back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::is_time;
use crate::support::{Answer, Ask, World, application, get, on_every_store, post, request, upload};

on_every_store! {
    work_is_claimed,
    work_is_prolonged_put_off_and_given_back,
    work_is_done,
    work_is_waited_for,
    a_claim_of_an_earlier_version_ends_no_later_work,
}

fn claim(body: &Value) -> Ask {
    post("/v1/work/claim", body).by("system:worker")
}

#[track_caller]
fn works(answer: &Answer) -> Vec<Value> {
    assert_eq!(
        (answer.status, answer.members()),
        (200, vec!["data".to_owned()]),
        "{answer:?}"
    );
    answer.json()["data"].as_array().unwrap().clone()
}

fn on(work: &Value, verb: &str, body: &Value) -> Ask {
    let work = work["work"].as_str().unwrap();
    post(format!("/v1/work/{work}/{verb}"), body).by("system:worker")
}

async fn work_is_claimed(world: World) {
    assert_eq!(
        works(&world.send(claim(&json!({}))).await),
        [] as [Value; 0]
    );
    world.application(1, &["begin-processing"]).await;
    world.application(2, &[]).await;
    world.send(post("/v1/applications", &upload(3))).await;
    let answer = world
        .send(claim(&json!({"limit": 10, "lease": 60, "wait": 20})))
        .await;
    let claimed = works(&answer);
    assert_eq!(claimed.len(), 2);
    let members = [
        "work",
        "attempt",
        "deadline",
        "idempotency_key",
        "application",
    ];
    assert_eq!(answer.members_at("/data/0"), members);
    assert_eq!(answer.members_at("/data/0/application"), super::A);
    for work in &claimed {
        let of = &work["application"];
        let (uuid, version) = (of["uuid"].as_str().unwrap(), &of["version"]);
        assert_eq!(
            work["idempotency_key"],
            format!("processing:{uuid}:{version}")
        );
        assert_eq!(work["attempt"], 1);
        is_time(&work["deadline"]);
        let read = world.send(get(format!("/v1/applications/{uuid}"))).await;
        assert_eq!(&read.json(), of);
    }
    // All of it is under leases now
    assert!(works(&world.send(claim(&json!({"limit": 100}))).await).is_empty());
}

/// Once it did: the token of the first claim stood until a processor asked for work.
async fn a_claim_of_an_earlier_version_ends_no_later_work(world: World) {
    let path = world.application(1, &["begin-processing"]).await;
    let claimed = works(&world.send(claim(&json!({}))).await);
    let error = json!({"error": "no template"});
    // Given that it failed otherwise, and was retried
    let fail = post(format!("{path}/fail"), &error).by("system:worker");
    for ask in [fail, request("POST", format!("{path}/retry"))] {
        let answer = world.send(ask).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for (verb, body) in [
        ("fail", &error),
        ("approve", &json!({})),
        ("release", &json!({})),
    ] {
        for key in ["", "a key"] {
            let mut ask = on(&claimed[0], verb, body);
            if !key.is_empty() {
                ask = ask.key(&format!("{key} {verb}"));
            }
            let answer = world.send(ask).await;
            answer.problem(409, "lease_lost");
        }
    }
    assert_eq!(world.send(get(&path)).await.json()["status"], "retried");
}

async fn work_is_prolonged_put_off_and_given_back(world: World) {
    world.application(1, &["begin-processing"]).await;
    let first = works(&world.send(claim(&json!({"lease": 600}))).await).remove(0);
    let answer = world
        .send(on(&first, "heartbeat", &json!({"lease": 3600})))
        .await;
    assert_eq!(
        (answer.status, answer.members()),
        (200, vec!["deadline".to_owned()])
    );
    let deadline = answer.json()["deadline"].clone();
    is_time(&deadline);
    assert!(deadline.as_str() > first["deadline"].as_str());
    // Given back, the attempt does not count
    let answer = world.send(on(&first, "release", &json!({}))).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let is_lost = async |work: &Value| {
        for (verb, body) in [
            ("heartbeat", json!({})),
            ("approve", json!({})),
            ("fail", json!({"error": "x"})),
            ("again", json!({"error": "x"})),
            ("release", json!({})),
        ] {
            world
                .send(on(work, verb, &body))
                .await
                .problem(409, "lease_lost");
        }
    };
    is_lost(&first).await;
    let second = works(&world.send(claim(&json!({}))).await).remove(0);
    assert_eq!(second["attempt"], 1);
    assert_eq!(second["idempotency_key"], first["idempotency_key"]);
    // Put off, it counts
    let answer = world
        .send(on(
            &second,
            "again",
            &json!({"error": "no template", "after": 0}),
        ))
        .await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    is_lost(&second).await;
    let third = works(&world.send(claim(&json!({"wait": 10}))).await).remove(0);
    assert_eq!(third["attempt"], 2);
    is_lost(&first).await;
    let answer = world
        .send(on(
            &third,
            "again",
            &json!({"error": "no template", "after": 600}),
        ))
        .await;
    assert_eq!(answer.status, 204);
    assert!(works(&world.send(claim(&json!({}))).await).is_empty());
    assert_eq!(
        world
            .send(get(format!("/v1/applications/{}", application(1))))
            .await
            .header("etag"),
        "\"2\""
    );
}

async fn work_is_done(world: World) {
    for number in 1..=3 {
        world.application(number, &["begin-processing"]).await;
    }
    let claimed = works(&world.send(claim(&json!({"lease": 600}))).await);
    for (work, verb, body) in [
        (&claimed[0], "approve", json!({})),
        (&claimed[1], "fail", json!({"error": "no template"})),
    ] {
        let ask = on(work, verb, &body).key(verb);
        let answer = world.send(ask.clone()).await;
        let status = if verb == "approve" {
            "approved"
        } else {
            "failed"
        };
        let shown = super::carried_out(
            &answer,
            200,
            3,
            &format!("certificate_application.{status}"),
        );
        assert_eq!(shown["application"]["status"], status);
        assert_eq!(shown["application"]["uuid"], work["application"]["uuid"]);
        // Once more with the key, and without it
        let again = world.send(ask).await;
        assert_eq!((again.status, &again.body), (200, &answer.body), "{verb}");
        assert_eq!(again.header("idempotent-replayed"), "true");
        world
            .send(on(work, verb, &body))
            .await
            .problem(409, "lease_lost");
    }
    // Decided by a person meanwhile: the lease is lost
    let uuid = claimed[2]["application"]["uuid"].as_str().unwrap();
    let approve = request("POST", format!("/v1/applications/{uuid}/approve")).by("system:other");
    assert_eq!(world.send(approve).await.status, 200);
    let late = on(&claimed[2], "fail", &json!({"error": "x"}));
    world.send(late.clone()).await.problem(409, "lease_lost");
    for _ in 0..2 {
        let late = world.send(late.clone().key("late")).await;
        late.problem(409, "lease_lost");
    }
    let read = world.send(get(format!("/v1/applications/{uuid}"))).await;
    assert_eq!(read.json()["status"], "approved");
    // Only the system approves
    world.application(4, &["begin-processing"]).await;
    let work = works(&world.send(claim(&json!({}))).await).remove(0);
    let mut by_a_person = on(&work, "approve", &json!({}));
    by_a_person
        .headers
        .retain(|(name, _)| name != "certlife-actor");
    world.send(by_a_person).await.problem(403, "forbidden");
    assert_eq!(
        world.send(on(&work, "approve", &json!({}))).await.status,
        200
    );
}

async fn work_is_waited_for(world: World) {
    let start = Instant::now();
    let nothing = world.send(claim(&json!({"wait": 1}))).await;
    assert!(works(&nothing).is_empty() && start.elapsed() >= Duration::from_millis(900));
    let waits = world.send(claim(&json!({"wait": 50})));
    let comes = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.application(1, &["begin-processing"]).await;
    };
    let (answer, ()) = tokio::join!(waits, comes);
    assert_eq!(works(&answer).len(), 1);
    assert!(start.elapsed() < Duration::from_secs(30));
    // A lease that ends lets others claim it; the attempt counts
    let mut work = works(&answer).remove(0);
    let soon = world
        .send(on(&work, "heartbeat", &json!({"lease": 1})))
        .await;
    assert_eq!(soon.status, 200);
    let again = works(&world.send(claim(&json!({"wait": 30}))).await).remove(0);
    assert_eq!(again["attempt"], 2);
    work["attempt"] = 2.into();
    world
        .send(on(&work, "approve", &json!({})))
        .await
        .problem(409, "lease_lost");
    assert_eq!(
        world.send(on(&again, "approve", &json!({}))).await.status,
        200
    );
}
