//! The store on a primary whose commits wait for a standby, against pgbench on the same pair.

use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::PostgresStore;

use crate::load::Load;
use crate::pair::Pair;
use crate::pgbench::Pgbench;
use crate::server::in_schema;
use crate::span::span;
use crate::support::Row;
use crate::{APPLICATIONS, ROUNDS, median, runtime, runtime_for};

/// How long one round of one side takes.
const ROUND: Duration = Duration::from_secs(3);

/// How many callers, and how many times as fast as pgbench with as many clients they are to be.
const GOALS: [(u64, f64); 2] = [(1, 0.8), (64, 2.5)];

/// Both sides connect over TCP: that is how hosts of a pair are reached.
pub fn rows() -> Vec<Row> {
    // It has tasks of its own, and outlives those of each measurement.
    let of_the_pair = runtime();
    let pair = of_the_pair.block_on(Pair::start());
    let peer = Pgbench::prepare(pair.primary(), APPLICATIONS).over_loopback();
    let measured = GOALS.map(|(callers, goal)| measure(&pair, &peer, callers, goal));
    measured.into_iter().flatten().collect()
}

/// Commands without and with a key, and pgbench, in alternating rounds.
fn measure(pair: &Pair, peer: &Pgbench, callers: u64, goal: f64) -> Vec<Row> {
    let runtime = runtime_for(callers);
    let schema = runtime.block_on(pair.new_schema());
    let url = in_schema(&pair.url(), &schema);
    let store = runtime.block_on(PostgresStore::connect(&url)).unwrap();
    let load = runtime.block_on(Load::prepare(Engine::new(store), 0, APPLICATIONS));
    let keyed = load.keyed();
    let (mut ours, mut ours_keyed, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(runtime.block_on(load.run(callers, ROUND)));
        peers.push(peer.run(callers, ROUND));
        ours_keyed.push(runtime.block_on(keyed.run(callers, ROUND)));
    }
    let row = |work: &str, ours: &[f64]| {
        let ratios: Vec<f64> = ours.iter().zip(&peers).map(|(a, b)| a / b).collect();
        Row {
            work: format!("PostgreSQL with a synchronous standby, callers: {callers}, {work}"),
            ours: format!(
                "{:.0}/s ({}); ratios {}",
                median(ours.to_vec()),
                span(ours, 0),
                span(&ratios, 2)
            ),
            peer: format!(
                "pgbench: {:.0}/s ({})",
                median(peers.clone()),
                span(&peers, 0)
            ),
            ratio: median(ratios),
            goal,
        }
    };
    vec![row("no keys", &ours), row("keys", &ours_keyed)]
}
