//! Telling other processes of commits, and hearing of theirs. An empty notification says all:
//! a listener then reads the feed. It may get lost, so that each looks from time to time as
//! well.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::connections::{Connections, Family};
use super::connector::Connector;
use super::failure::is_full;
use super::runtime::Home;
use super::target::Wanted;

/// PostgreSQL locks the whole database for every transaction that notifies, so there is at most one
/// in this time.
const PAUSE: Duration = Duration::from_millis(5);

/// How long to wait before the next attempt to hear.
const RECONNECT: Duration = Duration::from_secs(1);

/// The same, where there is only a standby.
const STANDBY: Duration = Duration::from_secs(5);

/// How long the server may take to answer that it will tell.
const ANSWER: Duration = Duration::from_secs(5);

const LISTEN: &str = "LISTEN certlife";

/// Starts telling; whatever is sent here becomes a notification soon.
pub(super) fn tell(home: &Home, pool: Connections) -> mpsc::Sender<()> {
    let (sender, mut receiver) = mpsc::channel(1);
    home.spawn(async move {
        while receiver.recv().await.is_some() {
            if let Ok(client) = pool.get().await {
                // If it fails, others see the commit at their next look.
                let _ = client.batch_execute("NOTIFY certlife").await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    sender
}

/// Starts to hear, until the store is closed: `open` is its only sender. Where connections are
/// scarce, others need this one more.
pub(super) fn hear(
    home: &Home,
    connector: Connector,
    family: Arc<Family>,
    commits: watch::Sender<()>,
    mut open: watch::Receiver<()>,
) {
    home.spawn(async move {
        loop {
            let heard = async {
                let mut room = family.room();
                let mut pause = RECONNECT;
                if !family.is_scarce() {
                    tokio::select! {
                        listened = listen(&connector, &family, &commits) => pause = listened,
                        _ = room.changed() => {}
                    }
                    family.listens(false);
                }
                tokio::time::sleep(pause).await;
            };
            tokio::select! {
                () = heard => {}
                _ = open.changed() => return,
            }
        }
    });
}

/// Wakes those who wait for commits, until the connection ends; how long to wait before the next
/// one.
async fn listen(connector: &Connector, family: &Family, commits: &watch::Sender<()>) -> Duration {
    // Where no server takes writes, none has anything to tell.
    let found = match connector
        .connect(Wanted::PreferWritable, Some(commits))
        .await
    {
        Ok(found) => found,
        Err(error) => {
            if error.any(&is_full) {
                family.is_full();
            }
            return RECONNECT;
        }
    };
    if found.about.server.is_standby {
        // Notifications do not get there, but events do: those who wait look by themselves.
        return STANDBY;
    }
    family.listens(true);
    let listening = tokio::time::timeout(ANSWER, found.client.batch_execute(LISTEN)).await;
    if matches!(listening, Ok(Ok(()))) {
        // What was committed before it listened.
        commits.send_replace(());
        let mut task = found.task;
        let _ = (&mut task).await;
    }
    RECONNECT
}
