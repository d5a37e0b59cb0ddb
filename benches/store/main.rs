//! The stores against what the database itself can do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::*;
use certificate_lifecycle::*;
use uuid::Uuid;

fn details(n: u128) -> ApplicationDetails {
    ApplicationDetails::new(
        ApplicationId::new(n as u64 + 1).unwrap(),
        Uuid::from_u128(n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)),
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new(format!("applicant{n}@example.com")).unwrap(),
    )
}

static ROUND: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let bare = bare_loop(&folder.path().join("bare.db"), Duration::from_secs(2));
    println!("bare loop {bare:.0}/s");
    let applications: u128 = std::env::var("APPS")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(20_000);
    if let Ok(url) = std::env::var("PG") {
        runtime.block_on(async {
            let store = PostgresStore::connect(&url).await.unwrap();
            run(Engine::new(store), applications, bare).await;
        });
    } else {
        let store = SqliteStore::open(folder.path().join("ours.db")).unwrap();
        runtime.block_on(run(Engine::new(store), applications, bare));
    }
}

async fn run<S: Store>(engine: Engine<S>, applications: u128, bare: f64) {
    let institution = InstitutionId::new("default").unwrap();
    let admin = Actor::administrator("jane").unwrap();
    let system = Actor::system("worker").unwrap();
    let start = Instant::now();
    for chunk in 0..applications.div_ceil(10_000) {
        let all = (chunk * 10_000..((chunk + 1) * 10_000).min(applications))
            .map(details)
            .collect();
        let done = engine
            .create_many(&institution, &admin, all, Atomicity::All)
            .await;
        if let Some(Err(e)) = done.iter().find(|it| it.is_err()) {
            panic!("{e:?}");
        }
    }
    println!(
        "create_many {:.0}/s",
        applications as f64 / start.elapsed().as_secs_f64()
    );
    for callers in std::env::var("CALLERS")
        .unwrap_or("64,512".into())
        .split(',')
        .map(|it| it.parse::<u128>().unwrap())
    {
        let start = Instant::now();
        let duration = Duration::from_secs(3);
        let mut tasks = Vec::new();
        for caller in 0..callers {
            let (engine, institution, system, admin) = (
                engine.clone(),
                institution.clone(),
                system.clone(),
                admin.clone(),
            );
            tasks.push(tokio::spawn(async move {
                let mut done = 0u64;
                let share = applications / callers;
                let mut pass = 0_u128;
                while start.elapsed() < duration {
                    let n = caller * share + (pass * 7919) % share;
                    let uuid = details(n).uuid();
                    let error = ProcessingError::new("PDF").unwrap();
                    let round = ROUND.fetch_add(0, std::sync::atomic::Ordering::Relaxed)
                        + (pass / share) as u64;
                    if round % 2 == 0 {
                        let _ = engine
                            .fail(&institution, &system, uuid, error)
                            .await
                            .unwrap();
                    } else {
                        let _ = engine.retry(&institution, &admin, uuid).await.unwrap();
                    }
                    pass += 1;
                    done += 1;
                }
                done
            }));
        }
        let mut total = 0;
        for task in tasks {
            total += task.await.unwrap();
        }
        let rate = total as f64 / start.elapsed().as_secs_f64();
        println!("{callers} callers {rate:.0}/s  {:.2} x bare", rate / bare);
    }
}

fn bare_loop(path: &std::path::Path, duration: Duration) -> f64 {
    let c = rusqlite::Connection::open(path).unwrap();
    c.execute_batch("PRAGMA journal_mode=wal; PRAGMA synchronous=full;")
        .unwrap();
    c.execute_batch("CREATE TABLE head(application INTEGER PRIMARY KEY, institution INTEGER, trigger_context INTEGER, status INTEGER, version INTEGER, updated_at INTEGER, event INTEGER) STRICT;
      CREATE TABLE event(seq INTEGER PRIMARY KEY, application INTEGER, version INTEGER, kind INTEGER, at INTEGER, previous INTEGER, actor_kind INTEGER, actor TEXT, text TEXT, idempotency_key TEXT) STRICT;").unwrap();
    c.execute_batch("BEGIN").unwrap();
    for n in 0..20_000 {
        c.execute("INSERT INTO head VALUES(?1,1,0,0,1,1781234567,?1)", [n])
            .unwrap();
    }
    c.execute_batch("COMMIT").unwrap();
    let start = Instant::now();
    let mut n = 0i64;
    let mut seed = 1u64;
    while start.elapsed() < duration {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let a = (seed >> 33) as i64 % 20_000;
        let tx = c.unchecked_transaction().unwrap();
        c.prepare_cached("INSERT INTO event (application, version, kind, at, previous, actor_kind, actor, text) VALUES (?1, 2, 4, 1781234567, ?1, 2, 'worker', 'PDF')").unwrap().execute([a]).unwrap();
        let seq = c.last_insert_rowid();
        c.prepare_cached("UPDATE head SET status=4, version=version+1, updated_at=1781234568, event=?2 WHERE application=?1").unwrap().execute([a, seq]).unwrap();
        tx.commit().unwrap();
        n += 1;
    }
    n as f64 / start.elapsed().as_secs_f64()
}
