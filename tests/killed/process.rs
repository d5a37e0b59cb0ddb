//! Processors that are killed while they work: two processes of `certlife process` on one store,
//! under load.
//!
//! Each application ends once for each version, and what the work does elsewhere is done once for
//! each key, however often one of them is killed with SIGKILL and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use certificate_lifecycle::store::*;
use certificate_lifecycle::*;
use uuid::Uuid;

use crate::random::Random;
use crate::server;

/// How often a processor is killed, unless KILLS says otherwise.
const KILLS: u32 = 10;

/// How many applications there are.
const APPLICATIONS: u64 = 60;

/// The side effect is a folder that is named for the key: it can be made once. Half of the work
/// comes after it, so that some processors are killed in between. One in eight fails at first.
const WORK: &str = r#"
EFFECT="$EFFECTS/$CERTLIFE_IDEMPOTENCY_KEY"
sleep 0.0$((CERTLIFE_ATTEMPT % 5 + 4))
case "$CERTLIFE_VERSION$CERTLIFE_UUID" in 1*[08]) echo "no template" >&2; exit 1;; esac
if mkdir "$EFFECT" 2>/dev/null; then echo "$CERTLIFE_IDEMPOTENCY_KEY" >>"$MADE"
else echo "$CERTLIFE_IDEMPOTENCY_KEY" >>"$FOUND"; fi
sleep 0.12
"#;

/// A store, and a folder for what the work leaves behind.
struct Site {
    address: String,
    folder: tempfile::TempDir,
}

impl Site {
    fn new(address: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("effects")).unwrap();
        std::fs::write(folder.path().join("work.sh"), WORK).unwrap();
        Self { address, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    fn certlife(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_certlife"));
        command.args(args).args(["--store", &self.address]);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn process(&self, options: &[&str]) -> Command {
        let args = [&["process", "--lease", "1s", "--concurrency", "8"], options].concat();
        let mut command = self.certlife(&args);
        command
            .args(["--attempts", "50", "--first-wait", "50ms", "--log", "error"])
            .args(["--exec", "sh"])
            .arg(self.path("work.sh"))
            .env("EFFECTS", self.path("effects"))
            .env("MADE", self.path("made"))
            .env("FOUND", self.path("found"));
        command
    }

    /// An administrator's commands; some of them may be refused.
    fn apply(&self, commands: &str) -> Output {
        let mut apply = self.certlife(&["apply"]);
        apply.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = apply.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(commands.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.code() < Some(2), "{output:?}");
        output
    }
}

/// A process of `certlife process`.
struct Processor(Child);

impl Processor {
    fn start(site: &Site) -> Self {
        Self(site.process(&[]).stdout(Stdio::null()).spawn().unwrap())
    }

    /// SIGKILL, of a process that is at work.
    fn kill(&mut self) {
        let ended = self.0.try_wait().unwrap();
        assert!(ended.is_none(), "it has ended by itself: {ended:?}");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_application_ends_once_though_processors_on_one_sqlite_file_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("applications.db");
    let store = SqliteStore::open(&file).unwrap();
    let site = Site::new(format!("sqlite:{}", file.display()));
    campaign(&store, &site, &mut Random::new("processors on sqlite")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_application_ends_once_though_processors_on_one_postgresql_are_killed() {
    let address = server::server().url_of_new_schema().await;
    let store = PostgresStore::connect(&address).await.unwrap();
    let site = Site::new(address);
    campaign(&store, &site, &mut Random::new("processors on postgres")).await;
}

async fn campaign<S: Store>(store: &S, site: &Site, random: &mut Random) {
    let kills = std::env::var("KILLS").map_or(KILLS, |it| it.parse().unwrap());
    let mut running = [Processor::start(site), Processor::start(site)];
    let mut uuids = Vec::new();
    // On a slow machine, more are killed, until one was between a side effect and its end.
    for kill in 0..5 * kills {
        if kill >= kills && !site.lines("found").is_empty() {
            break;
        }
        upload(site, &mut uuids, APPLICATIONS.div_ceil(u64::from(kills)));
        let pause = Duration::from_millis(200 + random.below(500));
        tokio::time::sleep(pause).await;
        let which = &mut running[kill as usize % 2];
        which.kill();
        *which = Processor::start(site);
        administer(site, &uuids, random);
    }
    drop(running);
    // Those that are under way without their processor go on; what they made is found.
    let start = Instant::now();
    let last = site.process(&["--until-idle", "--json"]).output().unwrap();
    assert!(last.status.code() < Some(2), "{last:?}");
    assert!(start.elapsed() < Duration::from_secs(90), "it was slow");
    check(store, site).await;
}

fn upload(site: &Site, uuids: &mut Vec<Uuid>, count: u64) {
    let mut commands = String::new();
    for _ in 0..count {
        let (uuid, number) = (Uuid::new_v4(), uuids.len() + 1);
        uuids.push(uuid);
        let _ = writeln!(
            commands,
            r#"{{"command":"upload","uuid":"{uuid}","application_id":{number},"certificate_title":"Title {number}","applicant_email":"john{number}@example.com","trigger_context":"bulk_upload"}}"#
        );
    }
    let applied = site.apply(&commands);
    assert!(applied.status.success(), "{applied:?}");
}

/// Some are failed, and all that have failed are retried: what is refused is neither.
fn administer(site: &Site, uuids: &[Uuid], random: &mut Random) {
    let mut commands = String::new();
    for uuid in uuids {
        let _ = writeln!(commands, r#"{{"command":"retry","uuid":"{uuid}"}}"#);
    }
    for _ in 0..3 {
        let uuid = random.pick(uuids);
        let _ = writeln!(
            commands,
            r#"{{"command":"fail","uuid":"{uuid}","error":"stuck"}}"#
        );
    }
    site.apply(&commands);
}

async fn check<S: Store>(store: &S, site: &Site) {
    let mut last = BTreeMap::new();
    let (mut approved, mut by_hand, mut failed) = (BTreeSet::new(), 0, 0);
    let mut cursor = Cursor::START;
    loop {
        let page = store.feed(cursor, 1000).await.unwrap();
        let Some(end) = page.last() else { break };
        cursor = end.cursor;
        for it in page {
            let (uuid, version) = (it.event.uuid(), it.event.version());
            let is_processor = it.actor.id.as_str() == "processor";
            let before = last.insert(uuid, (version, it.event.kind()));
            assert_eq!(before.map_or(0, |it| it.0) + 1, version, "{uuid}");
            match it.event.kind() {
                EventKind::Approved => {
                    assert!(approved.insert(format!("processing:{uuid}:{}", version - 1)));
                }
                EventKind::Failed if is_processor => failed += 1,
                EventKind::Failed => by_hand += 1,
                _ => {}
            }
        }
    }
    assert!(last.len() as u64 >= APPLICATIONS);
    for (uuid, (_, kind)) in &last {
        let is_end = matches!(kind, EventKind::Approved | EventKind::Failed);
        assert!(is_end, "{uuid} has not ended: {kind:?}");
    }
    // No approval without its side effect, and each was made once.
    let made = site.lines("made");
    let once: BTreeSet<_> = made.iter().cloned().collect();
    assert_eq!(made.len(), once.len(), "a side effect was made twice");
    for key in &approved {
        let effect = site.path("effects").join(key);
        assert!(effect.is_dir(), "{key} is approved without its effect");
    }
    let found = site.lines("found").len();
    println!(
        "{} applications, {} approved, {failed} failed, {by_hand} by hand; work done again: {found}",
        last.len(),
        approved.len()
    );
    assert!(found > 0, "no processor was killed after a side effect");
    assert!(failed > 0 && by_hand > 0 && !approved.is_empty());
    audit(site);
    let start = Instant::now();
    while let Some(left) = left_running(site.folder.path()) {
        assert!(start.elapsed() < Duration::from_secs(10), "{left} runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `certlife events --payload | certlife validate`.
fn audit(site: &Site) {
    let mut events = site.certlife(&["events", "--payload"]);
    let mut events = events.stdout(Stdio::piped()).spawn().unwrap();
    let audited = Command::new(env!("CARGO_BIN_EXE_certlife"))
        .arg("validate")
        .stdin(events.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(events.wait().unwrap().success());
    assert!(audited.status.success(), "{audited:?}");
}

/// A process that was started for work of this site.
fn left_running(folder: &Path) -> Option<String> {
    let of_site = format!("EFFECTS={}", folder.display());
    let processes = std::fs::read_dir("/proc").unwrap();
    for process in processes.filter_map(Result::ok) {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(&of_site) {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            return Some(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
    None
}
