//! A process that follows the feed from its start, and writes down what it sees.

use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::Cursor;
use uuid::Uuid;

use crate::process::{Job, now, store};

/// Follows until it is killed.
pub async fn follow(job: Job) {
    let engine = Engine::new(store(&job.url).await);
    let mut events = engine.follow(Cursor::START);
    loop {
        match events.next().await {
            Ok(recorded) => {
                let (cursor, event) = (recorded.cursor, recorded.event.to_json(Uuid::nil()));
                job.log.line(&format!("{} saw {cursor} {event}", now()));
            }
            Err(error) => {
                let (now, code) = (now(), error.code());
                job.log.line(&format!("{now} failed {code} {error}"));
                // A lasting error is the last line; the process stays, so that this is what is
                // reported.
                if error.is_lasting() {
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                }
            }
        }
    }
}
