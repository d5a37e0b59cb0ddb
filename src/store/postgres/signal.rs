//! Telling other processes of commits, and hearing of theirs. An empty notification says all: whoever
//! hears it reads the feed. It may get lost, so that everybody looks from time to time as well.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::{mpsc, watch};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Config, NoTls, Socket};

use super::connections::{Connections, Family};
use super::failure::is_full;
use super::home::Home;
use super::pool::Target;

/// PostgreSQL locks the whole database for every transaction that notifies, so there is at most one in this
/// time.
const PAUSE: Duration = Duration::from_millis(5);

/// How long to wait before the next attempt to hear.
const RECONNECT: Duration = Duration::from_secs(1);

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

/// Starts to hear, until the store is closed: `open` is its only sender. Where connections are scarce, others need
/// this one more.
pub(super) fn hear(
    home: &Home,
    target: Target,
    family: Arc<Family>,
    commits: watch::Sender<()>,
    mut open: watch::Receiver<()>,
) {
    home.spawn(async move {
        loop {
            let (config, tls) = target.parts();
            let heard = async {
                let mut room = family.room();
                if !family.is_scarce() {
                    tokio::select! {
                        () = async {
                            match tls {
                                Some(tls) => listen(config, tls.clone(), &family, &commits).await,
                                None => listen(config, NoTls, &family, &commits).await,
                            }
                        } => {}
                        _ = room.changed() => {}
                    }
                    family.listens(false);
                }
                tokio::time::sleep(RECONNECT).await;
            };
            tokio::select! {
                () = heard => {}
                _ = open.changed() => return,
            }
        }
    });
}

/// Wakes whoever waits for commits, until the connection ends.
async fn listen<T>(config: &Config, tls: T, family: &Family, commits: &watch::Sender<()>)
where
    T: MakeTlsConnect<Socket>,
{
    let (client, mut connection) = match config.connect(tls).await {
        Ok(connected) => connected,
        Err(error) => {
            if is_full(&error) {
                family.is_full();
            }
            return;
        }
    };
    family.listens(true);
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let listening = async {
        // As long as this future is held, so is the connection.
        let listening = client.batch_execute("LISTEN certlife").await;
        if listening.is_ok() {
            // What was committed before it listened.
            commits.send_replace(());
            std::future::pending::<()>().await;
        }
    };
    let hearing = async {
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(_) = message {
                commits.send_replace(());
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = hearing => {}
    }
}
