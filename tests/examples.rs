//! The example does what it says, twice in the same folder.

#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../examples/backend.rs"]
mod backend;
#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../examples/webhooks.rs"]
mod webhooks;

use std::fs;
use std::path::Path;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Cursor, SqliteStore};

fn certificates(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    files
        .filter(|it| it.extension().is_some_and(|it| it == "pdf"))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_works_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for run in 1..=2 {
        backend::run(folder.path()).await.unwrap();
        assert_eq!(certificates(folder.path()), run);
        // Each run ends in two submissions, two decisions, one approval and one failure.
        let store = SqliteStore::open(folder.path().join("certificates.db")).unwrap();
        let feed = Engine::new(store).feed(Cursor::START, 100).await.unwrap();
        assert_eq!(feed.len(), run * 6);
        // And the worker's place is behind the work that it has done: the last but its own answer.
        let saved = fs::read_to_string(folder.path().join("worker.cursor")).unwrap();
        let saved: Cursor = saved.parse().unwrap();
        assert!(saved > feed[(run - 1) * 6].cursor, "{saved}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_webhook_sees_an_application_through() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, status) = webhooks::run(folder.path()).await.unwrap();
    // The first attempt is refused.
    assert_eq!((summary.delivered, summary.failed), (3, 1));
    assert_eq!(status, certificate_lifecycle::Status::Approved);
}
