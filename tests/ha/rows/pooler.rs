//! Row 9: `PgBouncer` between the store and the server.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Cursor, PostgresOptions, PostgresStore, StoreError};
use tempfile::TempDir;
use tokio::net::UnixStream;

use super::{FOREVER, heard};
use crate::server::server;

/// How long opening may take at most: it must not hang.
const SOON: Duration = Duration::from_secs(20);

/// The number in the name of its socket.
const PORT: u16 = 6432;

/// A `PgBouncer` before the server of this test process, with a database of its own there. Dropped,
/// it is killed.
struct Pooler {
    process: Child,
    folder: TempDir,
    database: String,
}

impl Pooler {
    async fn start(mode: &str, size: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owner = std::fs::metadata(server().data()).unwrap();
        let (uid, gid) = (owner.uid(), owner.gid());
        let database = new_database().await;
        let settings = format!(
            "[databases]\n{database} = host={server} port={port}\n[pgbouncer]\n\
             listen_addr =\nlisten_port = {PORT}\nunix_socket_dir = {folder}\nauth_type = trust\n\
             auth_file = {folder}/users\npool_mode = {mode}\ndefault_pool_size = {size}\n",
            server = server().socket().parent().unwrap().display(),
            port = server().port(),
            folder = folder.path().display(),
        );
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        for (name, text) in [
            ("settings", settings.as_str()),
            ("users", "\"tests\" \"\"\n"),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            chown(&file, Some(uid), Some(gid)).unwrap();
        }
        chown(folder.path(), Some(uid), Some(gid)).unwrap();
        // Root it refuses, as the server does.
        let process = Command::new(program())
            .arg(folder.path().join("settings"))
            .current_dir("/")
            .uid(uid)
            .gid(gid)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pooler = Self {
            process,
            folder,
            database,
        };
        pooler.takes_connections().await;
        pooler
    }

    async fn takes_connections(&self) {
        let socket = self.folder.path().join(format!(".s.PGSQL.{PORT}"));
        let start = Instant::now();
        while UnixStream::connect(&socket).await.is_err() {
            assert!(start.elapsed() < FOREVER, "PgBouncer does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn url(&self) -> String {
        let folder = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://tests@{folder}:{PORT}/{}", self.database)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Without `options=`, the tables are in the first schema of the database.
async fn new_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("pooled_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let client = server().client().await;
    let sql = format!("CREATE DATABASE {name}");
    client.batch_execute(&sql).await.unwrap();
    name
}

fn program() -> PathBuf {
    let on_the_path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps it where only root looks.
    std::env::split_paths(&on_the_path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join("pgbouncer"))
        .find(|it| it.is_file())
        .expect("these tests need PgBouncer. On Debian: apt-get install pgbouncer")
}

/// What opening the store comes to; in time.
async fn opened(url: &str) -> Result<PostgresStore, StoreError> {
    let start = Instant::now();
    let opening = tokio::time::timeout(SOON, PostgresStore::connect(url));
    let opened = opening.await.expect("opening hangs");
    println!("opened after {:?}: {opened:?}", start.elapsed());
    opened
}

async fn is_refused_as_shared(mode: &str, size: u32) {
    let pooler = Pooler::start(mode, size).await;
    // Also where the one before has left its mark on the sessions
    for _ in 0..2 {
        let Err(StoreError::Misconfigured { reason, .. }) = opened(&pooler.url()).await else {
            panic!("it is opened, or for another reason it is not");
        };
        assert!(reason.contains("pool_mode = session"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_lends_sessions_for_a_transaction_is_refused() {
    is_refused_as_shared("transaction", 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_has_a_single_session_to_lend_is_refused() {
    is_refused_as_shared("transaction", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_lends_sessions_for_a_statement_is_refused() {
    is_refused_as_shared("statement", 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_keeps_sessions_works() {
    let pooler = Pooler::start("session", 40).await;
    let engine = Engine::new(opened(&pooler.url()).await.unwrap());
    // A follower of another process, which does not look by itself
    let hears = PostgresOptions::default().with_poll(Duration::from_secs(3600));
    let other = PostgresStore::connect_with(&pooler.url(), hears).await;
    let mut events = Engine::new(other.unwrap()).follow(Cursor::START);
    // (the first may be there when it begins)
    heard(&engine, 0..5, &mut events).await;
    heard(&engine, 5..10, &mut events).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_a_pooler_refuses_is_reported() {
    let pooler = Pooler::start("session", 40).await;
    let url = format!("{}?options=-csearch_path%3Dpublic", pooler.url());
    let Err(StoreError::Misconfigured { reason, .. }) = opened(&url).await else {
        panic!("it is opened, or for another reason it is not");
    };
    assert!(reason.contains("options"), "{reason}");
}
