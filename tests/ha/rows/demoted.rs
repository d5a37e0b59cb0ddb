//! Row 7: a standby first in the URL, and a server that is demoted under open connections.

use std::time::{Duration, Instant};

use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{Outbox, Webhook};
use certificate_lifecycle::webhook::{Endpoint, Secret};

use super::{FOREVER, World, in_time, submission};
use crate::pair::{Return, url_of};
use crate::process::{Process, store};
use crate::receiver::Receiver;
use crate::round::WEBHOOKS;
use crate::server::in_schema;
use crate::work::{institution, request};

/// The hosts of the pair, the standby first.
fn standby_first(world: &World) -> String {
    let hosts = url_of(&[world.pair.other().port(), world.pair.primary().port()]);
    in_schema(&hosts, &world.schema)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_find_the_primary_behind_a_standby() {
    let world = World::synchronous().await;
    world.pair.standby_has_all().await;
    let engine = certificate_lifecycle::engine::Engine::new(store(&standby_first(&world)).await);
    for number in 0..20 {
        let receipt = in_time(engine.execute(request(&submission(number)))).await;
        assert!(!receipt.unwrap().replayed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_on_the_primary_behind_a_standby() {
    let world = World::synchronous().await;
    let schema = world.pair.new_schema().await;
    world.pair.standby_has_all().await;
    let hosts = url_of(&[world.pair.other().port(), world.pair.primary().port()]);
    let store = in_time(store(&in_schema(&hosts, &schema))).await;
    let engine = certificate_lifecycle::engine::Engine::new(store);
    assert!(
        in_time(engine.execute(request(&submission(0))))
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_are_claimed_on_the_primary_behind_a_standby() {
    let world = World::synchronous().await;
    let receiver = Receiver::start();
    let engine = world.engine().await;
    let url = format!("http://127.0.0.1:{}/one", receiver.port);
    let endpoint = Endpoint::new(url.parse().unwrap(), Secret::generate().unwrap());
    let webhook = Webhook::new(WEBHOOKS[0].0, institution(), endpoint, SystemClock.now());
    assert!(engine.store().add_webhook(webhook).await.unwrap());
    assert!(engine.execute(request(&submission(0))).await.is_ok());
    world.pair.standby_has_all().await;
    let url = standby_first(&world);
    let folder = tempfile::tempdir().unwrap();
    let mut dispatcher = Process::deliver(0, &url, folder.path());
    // Then the delivery is claimed, and arrives
    let start = Instant::now();
    while receiver.taken().is_empty() && start.elapsed() < FOREVER / 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(dispatcher.is_running(), Ok(()));
    let complaints = dispatcher.complaints();
    assert!(complaints.len() < 1000, "{complaints}");
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_comes_back_as_a_standby_gets_no_commands() {
    // Given connections to a primary that is first in the URL
    let world = World::synchronous().await;
    let engine = world.engine().await;
    assert!(engine.execute(request(&submission(0))).await.is_ok());
    // When the servers change places
    world.pair.primary().stop("fast");
    world.pair.promote().await;
    world.pair.come_back(Return::Rewound).await;
    // Then the next commands go to the other one
    for number in 1..20 {
        let receipt = in_time(engine.execute(request(&submission(number)))).await;
        assert!(!receipt.unwrap().replayed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_left_on_a_server_that_only_reads_are_given_up() {
    // Given open connections to a primary
    let world = World::synchronous().await;
    let engine = world.engine().await;
    assert!(engine.execute(request(&submission(0))).await.is_ok());
    // When it takes no more writes, which ends no connection, and the standby is promoted
    let old = world.pair.primary();
    old.configure("postgresql.auto.conf", "default_transaction_read_only = on");
    old.control(&["reload"]);
    world.pair.promote().await;
    // Then the next commands go there
    for number in 1..20 {
        let receipt = in_time(engine.execute(request(&submission(number)))).await;
        assert!(!receipt.unwrap().replayed);
    }
}
