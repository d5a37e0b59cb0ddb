//! Ends waits for a server that another has taken the place of, and for an answer that was lost on
//! the way.
//!
//! A server that is stopped, or cut off from the network, does not close its connections, and a
//! firewall may forget one: a caller would wait for its answer until a limit is over. So while
//! one takes longer than usual, all hosts of the URL are looked at, and the server is asked what it
//! is busy with.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::connector::Connector;
use super::runtime::Home;

/// How long an answer usually takes, at most.
const USUAL: Duration = Duration::from_millis(700);

/// How often it is looked how long answers take; after the hosts were looked at, half as often.
const LOOK: Duration = Duration::from_millis(250);

/// How often the other hosts of the URL are looked at while the store is in use. A primary that was
/// cut off from a standby which has taken its place goes on answering those who only read.
const AROUND: Duration = Duration::from_secs(2);

/// Starts to watch, until the cluster is gone: `connector` is made from it when it is needed.
pub(super) fn start(
    home: &Home,
    cluster: &Arc<Cluster>,
    connector: impl Fn(Arc<Cluster>) -> Connector + Send + Sync + 'static,
) {
    let mut busy = cluster.busy();
    let cluster: Weak<Cluster> = Arc::downgrade(cluster);
    drop(home.spawn(async move {
        let mut looked_at = Instant::now();
        while busy.changed().await.is_ok() {
            while let Some(cluster) = cluster.upgrade() {
                if looked_at.elapsed() > AROUND {
                    connector(Arc::clone(&cluster)).look_around().await;
                    looked_at = Instant::now();
                }
                if !cluster.is_busy() {
                    break;
                }
                let slow = cluster.slow(USUAL);
                if slow.is_empty() {
                    drop(cluster);
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                let lost = connector(Arc::clone(&cluster)).lost(slow).await;
                cluster.end_where(|it| lost.iter().any(|of| of.is_same_session(it)));
                drop(cluster);
                tokio::time::sleep(2 * LOOK).await;
            }
        }
    }));
}
