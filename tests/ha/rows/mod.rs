//! One scenario in each test, by the rows of the table of what was seen.

mod again;
mod bounded;
mod demoted;
mod doctor;
mod history;
mod hosts;
mod pooler;
mod promises;
mod settings;
mod standby;
mod waiting;

use std::time::{Duration, Instant};

use certificate_lifecycle::engine::{Engine, Follower};
use certificate_lifecycle::store::{ExecuteError, PostgresOptions, PostgresStore, Receipt};

use crate::pair::Pair;
use crate::process::{options, store};
use crate::server::in_schema;
use crate::work::{key, request};

/// Longer than anything here may take. Only a failing test waits so long.
const FOREVER: Duration = Duration::from_secs(60);

/// A store on a pair.
struct World {
    pair: Pair,
    schema: String,
}

impl World {
    async fn on(pair: Pair) -> Self {
        let schema = pair.new_schema().await;
        let world = Self { pair, schema };
        drop(world.engine().await);
        world
    }

    async fn synchronous() -> Self {
        Self::on(Pair::start().await).await
    }

    async fn asynchronous() -> Self {
        let world = Self::on(Pair::start_asynchronous().await).await;
        world.pair.standby_has_all().await;
        world
    }

    /// Both hosts.
    fn url(&self) -> String {
        in_schema(&self.pair.url(), &self.schema)
    }

    /// An engine with a store of its own, as another process has it.
    async fn engine(&self) -> Engine<PostgresStore> {
        self.engine_with(options()).await
    }

    async fn engine_with(&self, options: PostgresOptions) -> Engine<PostgresStore> {
        let store = PostgresStore::connect_with(&self.url(), options).await;
        Engine::new(store.unwrap())
    }

    /// An engine on the primary alone.
    async fn on_the_primary(&self) -> Engine<PostgresStore> {
        Engine::new(store(&in_schema(&self.pair.primary().url(), &self.schema)).await)
    }

    /// The primary is lost with what only it has, and the standby, which is away, is promoted.
    async fn fail_over_without_the_rest(&self) {
        self.pair.primary().stop("immediate");
        self.pair.other().restart();
        self.pair.promote().await;
    }
}

/// The key of an application's submission.
fn submission(number: u32) -> String {
    key("row", number, "submit")
}

/// Gives a command as a caller with a key does: again while it fails. What it is answered at last.
async fn given(engine: Engine<PostgresStore>, key: String) -> Receipt {
    let start = Instant::now();
    loop {
        match engine.execute(request(&key)).await {
            Ok(receipt) => return receipt,
            Err(ExecuteError::Store(error)) => {
                assert!(!error.is_lasting(), "{error}");
                assert!(start.elapsed() < 3 * FOREVER, "{error}");
            }
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Gives commands with these numbers until a follower shows one of their events. An event stays
/// behind transactions of other tests on the server that are under way, and no notification reports
/// their end.
async fn heard(
    engine: &Engine<PostgresStore>,
    numbers: std::ops::Range<u32>,
    events: &mut Follower,
) {
    let mut given = Vec::new();
    for number in numbers {
        let receipt = in_time(engine.execute(request(&submission(number)))).await;
        let receipt = receipt.unwrap();
        assert!(!receipt.replayed);
        given.push(receipt.event);
        let until = Instant::now() + Duration::from_secs(2);
        while let Ok(event) = tokio::time::timeout_at(until.into(), events.next()).await {
            if given.contains(&event.unwrap().event) {
                return;
            }
        }
    }
    panic!("it hears of nothing");
}

async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(FOREVER, answer).await;
    answer.expect("there must be some answer")
}
