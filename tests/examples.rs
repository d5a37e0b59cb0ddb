//! The example does what it says, twice in the same folder.

#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../examples/backend.rs"]
mod backend;
#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../examples/webhooks.rs"]
mod webhooks;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, Append, Atomicity, CommitWatch, Cursor, ExecuteError, InstitutionId, MemoryStore,
    Receipt, RecordedEvent, SqliteStore, Store, StoreError,
};
use certificate_lifecycle::{
    AnyApplication, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Status,
    VaultUpload,
};
use uuid::Uuid;

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

/// A store that is away for the first calls, and later set up wrong.
#[derive(Debug, Clone, Default)]
struct Flaky {
    store: MemoryStore,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    feeds: AtomicU32,
    appends: AtomicU32,
    under_way: AtomicU32,
    most_under_way: AtomicU32,
    is_misconfigured: AtomicBool,
}

fn away() -> StoreError {
    StoreError::Unavailable {
        reason: "it restarts".to_owned(),
        cause: None,
    }
}

impl certificate_lifecycle::store::sealed::Sealed for Flaky {}

impl Store for Flaky {
    async fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        let faults = &self.faults;
        let under_way = faults.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        faults.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let is_first = faults.appends.fetch_add(1, Ordering::SeqCst) < 3;
        let mut answers = self.store.append(batch, atomicity).await;
        if is_first {
            // It was carried out, and the answer was lost.
            answers.fill_with(|| Err(away().into()));
        }
        faults.under_way.fetch_sub(1, Ordering::SeqCst);
        answers
    }

    async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>, StoreError> {
        self.store.load(institution, uuid).await
    }

    async fn history(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.history(institution, uuid).await
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        if self.faults.is_misconfigured.load(Ordering::SeqCst) {
            return Err(StoreError::Misconfigured {
                reason: "a right is missing".to_owned(),
                cause: None,
            });
        }
        if self.faults.feeds.fetch_add(1, Ordering::SeqCst) < 2 {
            return Err(away());
        }
        self.store.feed(after, limit).await
    }

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        self.store.feed_end().await
    }

    fn commits(&self) -> CommitWatch {
        self.store.commits()
    }

    fn wake(&self) {
        self.store.wake();
    }
}

async fn upload(engine: &Engine<MemoryStore>, university: &InstitutionId, uuid: Uuid) {
    let details = ApplicationDetails::new(
        ApplicationId::new(1).unwrap(),
        uuid,
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    );
    let jane = Actor::administrator("jane").unwrap();
    let upload = engine
        .scope(university, &jane)
        .upload(details, VaultUpload::Single);
    let _ = upload.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_goes_on_when_the_store_is_back_and_works_on_several_at_once() {
    // Given twelve uploads, and a store that is away
    let folder = tempfile::tempdir().unwrap();
    let (store, university) = (Flaky::default(), InstitutionId::new("university").unwrap());
    let engine = Engine::new(store.store.clone());
    let uuids: Vec<_> = (1..=12).map(Uuid::from_u128).collect();
    for uuid in &uuids {
        upload(&engine, &university, *uuid).await;
    }
    // When the worker works
    let (_stop, stopped) = tokio::sync::oneshot::channel();
    let worker = Engine::new(store.clone());
    let worker = backend::work(worker, folder.path().to_owned(), stopped);
    let worker = tokio::spawn(worker);
    let all_are_made = async {
        for uuid in &uuids {
            while engine
                .load(&university, *uuid)
                .await
                .unwrap()
                .unwrap()
                .status()
                != Status::Approved
            {
                assert!(!worker.is_finished());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    // Then it makes them all once, up to four at the same time
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, all_are_made).await.unwrap();
    assert_eq!(certificates(folder.path()), 12);
    assert_eq!(engine.feed(Cursor::START, 100).await.unwrap().len(), 24);
    let most = store.faults.most_under_way.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most}");
    // And what does not go away by itself ends it
    store.faults.is_misconfigured.store(true, Ordering::SeqCst);
    upload(&engine, &university, Uuid::from_u128(13)).await;
    let ended = tokio::time::timeout(limit, worker).await.unwrap().unwrap();
    assert!(
        ended
            .unwrap_err()
            .to_string()
            .contains("a right is missing")
    );
}
