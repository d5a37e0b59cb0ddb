//! What only a server can do to an outbox: dumps, plans, and many who wait for each other.

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{
    Claim, DeliveryFilter, DeliveryStatus, HealthChange, Outbox, Outcome, PostgresStore,
};

use super::edit;
use crate::harness::{Harness, Postgres};
use crate::outbox_world::{
    LEASE, PLENTY, Post, attempted, dead, hook, of_ours, reported, retry, settlement,
};
use crate::random::Random;
use crate::server::{client, server};
use crate::support::at;
use crate::world::{OURS, ours};
use crate::world::{act, engine_on, upload};

fn claim_at(seconds: i64, numbers: &[u64]) -> Claim {
    Claim::new(
        at(seconds),
        LEASE,
        numbers.iter().map(|it| (hook(*it), PLENTY)).collect(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_the_one_before_is_settled_goes_at_once() {
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    let other = post.harness.open().await;
    let far = Duration::from_secs(24 * 60 * 60);
    let wanted = || vec![(hook(1), PLENTY)];
    let claim = |now, lease| Claim::new(at(now), lease, wanted());
    for (number, now) in (0..150_u64).zip((0..).step_by(2)) {
        // Given a first version under a long lease, and, every other time, a second one
        post.done(upload(number)).await;
        let first = post.store.claim(claim(now, far)).await.unwrap().deliveries;
        assert_eq!(
            first.iter().map(reported).collect::<Vec<_>>(),
            [(number, 1)]
        );
        let is_there = number % 2 == 0;
        if is_there {
            post.done(act(number, Action::Fail)).await;
        }
        // When it is settled, and at the same time the next one is recorded and claimed by another
        // whose clock is behind, so that it would be put off to the end of the lease
        let settling = {
            let (store, settlement) = (
                post.store.clone(),
                settlement(&first[0], Outcome::Delivered),
            );
            tokio::spawn(async move { store.settle(at(now), vec![settlement], Vec::new()).await })
        };
        let claiming = {
            let (store, claims) = (other.clone(), [claim(now - 1, far), claim(now - 1, far)]);
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                for claim in claims {
                    claimed.extend(store.claim(claim).await.unwrap().deliveries);
                }
                claimed
            })
        };
        if !is_there {
            post.done(act(number, Action::Fail)).await;
        }
        assert_eq!(settling.await.unwrap().unwrap(), [true]);
        let mut second = claiming.await.unwrap();
        // Then it can be claimed at once, if that other one has not got it
        second.extend(
            post.store
                .claim(claim(now + 1, far))
                .await
                .unwrap()
                .deliveries,
        );
        assert_eq!(
            second.iter().map(reported).collect::<Vec<_>>(),
            [(number, 2)]
        );
        post.settle(now + 1, &second[0], Outcome::Delivered).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_waits_for_others_never_reports_a_deadlock() {
    // Given twelve applications with four versions each, to two webhooks
    let post = Post::<Postgres>::with([of_ours(1), of_ours(2)]).await;
    for number in 0..12 {
        post.versions(number, 4).await;
    }
    let ids: Vec<_> = post.deliveries().await.iter().map(|it| it.id).collect();
    let mut random = Random::new("outbox deadlock");
    // When six settle, abandon and redeliver the same ones, in any order
    let mut calls = Vec::new();
    for _ in 0..6 {
        let store = post.harness.open().await;
        let ids = ids.clone();
        let mut random = Random::from_seed(random.next());
        calls.push(tokio::spawn(async move {
            for round in 0..40 {
                let claimed = store.claim(claim_at(round, &[2, 1])).await.unwrap();
                let some: Vec<_> = (0..10)
                    .map(|_| ids[usize::try_from(random.below(ids.len() as u64)).unwrap()])
                    .collect();
                match random.below(3) {
                    0 => {
                        let _ = store.redeliver(&ours(), at(round), some).await.unwrap();
                    }
                    1 => {
                        let abandoned = store.abandon(&OURS, at(round), some, "no".to_owned());
                        let _ = abandoned.await.unwrap();
                    }
                    _ => {}
                }
                let settlements = claimed.deliveries.iter().rev();
                let settlements = settlements.map(|it| settlement(it, Outcome::Delivered));
                let change = HealthChange::default()
                    .with_delivered(round % 2 == 0)
                    .with_failed_at(Some(at(round)));
                let health = vec![(hook(2), change), (hook(1), change)];
                let settled = store.settle(at(round), settlements.collect(), health);
                drop(settled.await.unwrap());
            }
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
    // Then all of them can be brought to an end, in order
    for seconds in (1_000..).step_by(100) {
        let claimed = post.claim_of(seconds, &[(1, PLENTY), (2, PLENTY)]).await;
        for claimed in &claimed.deliveries {
            post.settle(seconds, claimed, Outcome::Delivered).await;
        }
        if post.store.due().await.unwrap().is_empty() {
            break;
        }
    }
    let left = post.deliveries().await;
    assert_eq!(left.len(), 96);
    assert!(left.iter().all(|it| it.status != DeliveryStatus::Pending));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_is_restored_from_a_dump() {
    // Given an outbox with something in every state
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    for number in 0..4 {
        post.done(upload(number)).await;
    }
    let claimed = post.claim_of(0, &[(1, 3)]).await.deliveries;
    post.settle(0, &claimed[0], Outcome::Delivered).await;
    post.settle(0, &claimed[1], dead()).await;
    let expected = (
        post.deliveries().await,
        post.store.webhooks(None).await.unwrap(),
    );
    // When it is dumped, and restored elsewhere
    let from = post.harness.url().rsplit("%3D").next().unwrap();
    let dumped = Command::new(server().program("pg_dump"))
        .args(["--inserts", "--no-owner", "-n", from, "-d", &server().url()])
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    let restored = Postgres::fresh().await;
    let to = restored.url().rsplit("%3D").next().unwrap();
    let sql = String::from_utf8(dumped.stdout).unwrap();
    let sql = sql.replace(&format!("CREATE SCHEMA {from};"), "");
    let sql = sql.replace(&format!("{from}."), &format!("{to}."));
    let lines = sql.lines().filter(|line| !line.starts_with('\\'));
    let lines: Vec<_> = lines.collect();
    edit(&restored, &lines.join("\n")).await;
    // Then all of it is there
    let store = PostgresStore::connect(restored.url()).await.unwrap();
    let found = store
        .deliveries(None, DeliveryFilter::default(), None, 100)
        .await;
    assert_eq!(
        (
            found.unwrap().deliveries,
            store.webhooks(None).await.unwrap()
        ),
        expected
    );
    // A lease still has its holder, and what comes is new
    let settlements = vec![settlement(&claimed[2], Outcome::Delivered)];
    let settled = store.settle(at(1), settlements, Vec::new()).await;
    assert_eq!(settled.unwrap(), [true]);
    let engine = engine_on(store.clone(), &post.clock);
    let _ = engine.execute(upload(4)).await.unwrap();
    let claimed = store.claim(claim_at(1, &[1])).await.unwrap().deliveries;
    assert_eq!(
        claimed.iter().map(reported).collect::<Vec<_>>(),
        [(3, 1), (4, 1)]
    );
    let ids: HashSet<_> = expected.0.iter().map(|it| it.id).collect();
    assert!(!ids.contains(&claimed[1].id));
}

/// As the store's connections are set up.
const SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; SET jit = off; \
    SET enable_bitmapscan = off; SET enable_sort = off";
const LOCK: &str = include_str!("../../../src/store/postgres/outbox/lock.sql");
const CLAIM: &str = concat!(
    include_str!("../../../src/store/postgres/outbox/claim.sql"),
    "a.uuid, a.certificate_title, e.kind",
    include_str!("../../../src/store/postgres/outbox/claimed.sql")
);
const DUE: &str = include_str!("../../../src/store/postgres/outbox/due.sql");

/// A statement with its input, as the store makes it.
fn with_input(sql: &str, parameters: &str, columns: &str) -> String {
    let input = format!("unnest({parameters}) AS input ({columns})");
    sql.replace("{input}", &input)
}

/// Twenty webhooks with a long queue each, one behind the other, and the last of them.
async fn long_queues(post: &Post<Postgres>) -> (tokio_postgres::Client, uuid::Uuid) {
    let client = client(post.harness.url()).await;
    client.batch_execute(SETTINGS).await.unwrap();
    // As a connection does that was there before there was anything to send.
    let claim = with_input(CLAIM, "$3::bigint[]", "number");
    let prepare = format!(
        "PREPARE claims (bigint, bigint, bigint[]) AS {claim}; EXECUTE claims (0, 0, '{{}}')"
    );
    client.batch_execute(&prepare).await.unwrap();
    let fill = "INSERT INTO certlife_delivery \
                    (application, webhook, version, transaction, place, at, created_at, \
                     token, attempts, state) \
                SELECT n, w.id, 1, n, 1, n, n, 0, 0, n % 2 \
                FROM generate_series(1, 5000) n, certlife_webhook w ORDER BY md5(w.id::text), n";
    client.batch_execute(fill).await.unwrap();
    let events = "INSERT INTO certlife_application \
                      (uuid, institution, application_id, certificate_title, applicant_email, \
                       trigger_context, seal, status, version, updated_at, transaction) \
                  SELECT gen_random_uuid(), w.institution, n, 'title', 'a@example.org', 0, \
                      gen_random_uuid(), 0, 1, 0, n \
                  FROM generate_series(1, 5000) n, (SELECT institution FROM certlife_webhook LIMIT 1) w \
                  ORDER BY n; \
                  INSERT INTO certlife_event \
                      (uuid, version, kind, at, actor_kind, actor, transaction, place) \
                  SELECT uuid, 1, 0, 0, 0, 'jane', transaction, 1 FROM certlife_application";
    client.batch_execute(events).await.unwrap();
    let last = "SELECT id FROM certlife_webhook ORDER BY md5(id::text) DESC LIMIT 1";
    let last: uuid::Uuid = client.query_one(last, &[]).await.unwrap().get(0);
    (client, last)
}

/// How many pages it takes to answer a statement with these parameters.
async fn pages(client: &tokio_postgres::Client, sql: &str, types: &str, parameters: &str) -> u64 {
    let prepare = format!("DISCARD PLANS; PREPARE it {types} AS {sql}");
    client.batch_execute(&prepare).await.unwrap();
    let pages = pages_of(client, &format!("it {parameters}")).await;
    client.batch_execute("DEALLOCATE it").await.unwrap();
    pages
}

/// The same of one that is prepared.
async fn pages_of(client: &tokio_postgres::Client, call: &str) -> u64 {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {call}");
    let rows = client.simple_query(&explain).await.unwrap();
    let plan: String = rows
        .iter()
        .filter_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let blocks = |kind| plan[0]["Plan"][kind].as_u64().unwrap();
    blocks("Shared Hit Blocks") + blocks("Shared Read Blocks")
}

/// Of a claim of 100, that looks at what begins here.
async fn pages_of_claim(
    client: &tokio_postgres::Client,
    webhook: uuid::Uuid,
    (number, at): (i64, i64),
) -> u64 {
    let lock = with_input(
        LOCK,
        "$2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]",
        "webhook, room, again, first_number, first_at",
    );
    let types = "(bigint, uuid[], bigint[], bigint[], bigint[], bigint[])";
    let parameters =
        format!("(9999, '{{{webhook}}}', '{{100}}', '{{25}}', '{{{number}}}', '{{{at}}}')");
    pages(client, &lock, types, &parameters).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_queue_makes_no_claim_slower_whatever_the_statistics_say() {
    let post = Post::<Postgres>::with((0..20).map(of_ours)).await;
    let (client, last) = long_queues(&post).await;
    let numbers = "SELECT array_agg(number)::text FROM ( \
                       SELECT number FROM certlife_delivery WHERE webhook = $1 \
                       ORDER BY number DESC LIMIT 100 \
                   ) d";
    let numbers: String = client.query_one(numbers, &[&last]).await.unwrap().get(0);
    for analyze in ["", super::ANALYZE] {
        client.batch_execute(analyze).await.unwrap();
        // Nothing is read but what is claimed, wherever else there is as much
        let read = pages_of(&client, &format!("claims (1, 20000, '{numbers}')")).await;
        assert!((1_000..5_000).contains(&read), "{read} pages");
        // Hardly more is read than what is claimed
        let read = pages_of_claim(&client, last, (i64::MIN, i64::MIN)).await;
        assert!(read < 1_000, "{read} pages");
        // And of what is due, the first of each
        let read = pages(&client, DUE, "", "").await;
        assert!(read < 500, "{read} pages");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_knows_where_a_queue_begins_reads_nothing_before_it() {
    let post = Post::<Postgres>::with((0..20).map(of_ours)).await;
    let (client, last) = long_queues(&post).await;
    // Given that most of it is delivered, and still seen by a transaction as it was
    let other = crate::server::client(post.harness.url()).await;
    let look = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM certlife_delivery";
    other.batch_execute(look).await.unwrap();
    let deliver =
        "UPDATE certlife_delivery SET state = 2 WHERE webhook = $1 AND created_at <= 4000";
    client.execute(deliver, &[&last]).await.unwrap();
    let first = "SELECT min(number) FROM certlife_delivery WHERE webhook = $1 AND state < 2";
    let first: i64 = client.query_one(first, &[&last]).await.unwrap().get(0);
    // Then all that is read past, or nothing of it
    let all = pages_of_claim(&client, last, (i64::MIN, i64::MIN)).await;
    let from_the_front = pages_of_claim(&client, last, (first, 4001)).await;
    assert!(
        2 * from_the_front < all,
        "{from_the_front} pages, and {all}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_at_the_front_of_a_busy_queue_is_claimed() {
    // Given a busy webhook, for which more is always waiting
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    let client = client(post.harness.url()).await;
    let fill = "INSERT INTO certlife_delivery \
                    (application, webhook, version, transaction, place, at, created_at, \
                     token, attempts, state) \
                SELECT n, id, 1, n, 1, 0, 0, 0, 0, 0 \
                FROM certlife_webhook, generate_series(1, 20000) n";
    client.batch_execute(fill).await.unwrap();
    let mut first = Vec::new();
    for _ in 0..10 {
        let claimed = post.store.claim(claim_at(0, &[1])).await.unwrap();
        assert_eq!(claimed.deliveries.len(), PLENTY as usize);
        first.extend(claimed.deliveries.iter().map(|it| it.id.0));
    }
    // When two appear where all was claimed long ago
    let late = "UPDATE certlife_delivery SET state = $2, at = 0, token = 0, leased_until = NULL \
                WHERE number = $1";
    for (number, state) in [(first[0], 0_i16), (first[1], 1)] {
        client.execute(late, &[&number, &state]).await.unwrap();
    }
    // Then they are found long before the queue has come to its end
    let mut waited_for = HashSet::from([first[0], first[1]]);
    for _ in 0..900 {
        let wanted = vec![(hook(1), 10)];
        let mut claim = claim_at(0, &[]);
        claim.wanted = wanted;
        for claimed in post.store.claim(claim).await.unwrap().deliveries {
            waited_for.remove(&claimed.id.0);
        }
        if waited_for.is_empty() {
            return;
        }
    }
    panic!("{waited_for:?} were passed by");
}

/// How many attempts have a row of their own.
async fn rows_of_attempts(post: &Post<Postgres>) -> i64 {
    let client = client(post.harness.url()).await;
    let sql = "SELECT count(*) FROM certlife_attempt";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_attempt_that_delivered_stands_in_its_delivery_until_that_is_redelivered() {
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    post.done(upload(1)).await;
    let mut made = Vec::new();
    // The last one is recorded late
    for (now, sent, outcome, rows) in [
        (10, 10, retry(20), 1),
        (20, 19, Outcome::Delivered, 1),
        (100, 100, Outcome::Delivered, 2),
        (1000, 200, Outcome::Delivered, 4),
    ] {
        let claimed = post.claim_one(1, now).await;
        made.push(attempted(sent, 204));
        let settlement = settlement(&claimed, outcome).with_attempt(made.last().cloned());
        let is_delivered = settlement.outcome == Outcome::Delivered;
        let settled = post.store.settle(at(now), vec![settlement], Vec::new());
        assert_eq!(settled.await.unwrap(), [true]);
        assert_eq!(rows_of_attempts(&post).await, rows);
        let attempts = async || post.store.attempts(&ours(), claimed.id).await.unwrap();
        assert_eq!(attempts().await, made);
        if is_delivered {
            let ids = vec![claimed.id];
            let again = post.store.redeliver(&ours(), at(now), ids).await;
            assert_eq!(again.unwrap(), 1);
            assert_eq!(attempts().await, made);
        }
    }
}
