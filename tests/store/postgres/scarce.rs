//! Roles with few connections: a store makes do with one.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use certificate_lifecycle::store::{
    Claim, Cursor, Outbox, Outcome, PostgresOptions, PostgresStore, Store,
};

use super::{edit, impatient};
use crate::harness::{Harness, Postgres};
use crate::outbox_world::{LEASE, PLENTY, attempted, hook, of_ours, settlement};
use crate::server::client;
use crate::support::at;
use crate::world::{TestClock, engine_on, id, ours, submit};

/// How a role with so many connections connects to a schema that is still empty.
async fn role(schema: &Postgres, limit: u32) -> String {
    let name = schema.url().rsplit("%3D").next().unwrap();
    let role = format!("few_in_{name}");
    let sql = format!(
        "CREATE ROLE {role} LOGIN CONNECTION LIMIT {limit}; \
         GRANT USAGE, CREATE ON SCHEMA {name} TO {role}"
    );
    edit(schema, &sql).await;
    schema.url().replace("tests@", &format!("{role}@"))
}

fn options() -> PostgresOptions {
    impatient()
        .with_connect_timeout(Duration::from_secs(5))
        .with_answer_timeout(Duration::from_secs(30))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_with_few_connections() {
    for limit in 1..=3 {
        // Given a store that a role with so many connections has made, and that listens
        let schema = Postgres::fresh().await;
        let url = role(&schema, limit).await;
        let store = PostgresStore::connect_with(&url, options()).await.unwrap();
        let mut wake = store.commits();
        wake.wait().await;
        assert!(store.add_webhook(of_ours(1)).await.unwrap());
        let engine = engine_on(store.clone(), &TestClock::default());
        // When everything is done with it at the same time
        let writing = async {
            for number in 0..20 {
                let _ = engine.execute(submit(number)).await.unwrap();
            }
        };
        let institution = ours();
        let reading = async {
            for _ in 0..20 {
                let (one, all) = tokio::join!(
                    engine.load(&institution, id(0)),
                    store.feed(Cursor::START, 100)
                );
                let _ = (one.unwrap(), all.unwrap());
                wake.wait().await;
            }
        };
        let delivering = async {
            let mut delivered = 0;
            while delivered < 20 {
                let _ = store.due().await.unwrap();
                let claim = Claim::new(at(0), LEASE, vec![(hook(1), PLENTY)]);
                let claimed = store.claim(claim).await.unwrap().deliveries;
                let settlements = claimed.iter().map(|it| {
                    let mut settlement = settlement(it, Outcome::Delivered);
                    settlement.attempt = Some(attempted(0, 200));
                    settlement
                });
                let settlements: Vec<_> = settlements.collect();
                let settled = store.settle(at(0), settlements, Vec::new());
                let (settled, backlog) = tokio::join!(settled, store.backlog(None));
                delivered += settled.unwrap().len();
                let _ = backlog.unwrap();
            }
            assert_eq!(store.prune(at(9), 100).await.unwrap(), 40);
        };
        let all = Box::pin(async { tokio::join!(writing, reading, delivering) });
        // Then nothing fails, and nothing stands still
        tokio::time::timeout(Duration::from_secs(60), all)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_any_connection_is_unavailable_until_there_is_one() {
    let schema = Postgres::fresh().await;
    let url = role(&schema, 1).await;
    let options = options()
        .with_connect_timeout(Duration::from_millis(500))
        .with_patience(None);
    let other = client(&url).await;
    let opened = PostgresStore::connect_with(&url, options.clone()).await;
    let error = opened.unwrap_err();
    assert_eq!(error.code(), "unavailable");
    assert!(error.to_string().ends_with("(SQLSTATE 53300)"), "{error}");
    drop(other);
    PostgresStore::connect_with(&url, options).await.unwrap();
}

/// A server that has no connection left, and takes its time to say so.
fn slow_and_full(pause: Duration) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            std::thread::spawn(move || {
                let _ = connection.read(&mut [0; 1024]);
                std::thread::sleep(pause);
                let fields = b"SFATAL\0VFATAL\0C53300\0Mtoo many clients\0\0";
                let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
                let _ = connection.write_all(&[b"E", &length[..], fields].concat());
            });
        }
    });
    format!("postgres://tests@127.0.0.1:{port}/postgres")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_is_waited_for_no_longer_than_the_limit() {
    let options = options()
        .with_connect_timeout(Duration::from_secs(2))
        .with_patience(None);
    let url = slow_and_full(Duration::from_millis(1500));
    let start = Instant::now();
    let error = PostgresStore::connect_with(&url, options)
        .await
        .unwrap_err();
    let taken = start.elapsed();
    assert!(error.to_string().ends_with("(SQLSTATE 53300)"), "{error}");
    // The second answer would come after three seconds.
    let limit = Duration::from_millis(1900)..Duration::from_millis(2900);
    assert!(limit.contains(&taken), "{taken:?}");
}
