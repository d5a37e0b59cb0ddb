//! A real PostgreSQL for tests: private, in a temporary folder, gone when the test process is.

#![allow(
    dead_code,
    reason = "each test takes what it needs, and the compiler sees one test at a time"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to start: it recovers from a crash, on a busy machine.
const START: Duration = Duration::from_secs(2 * 60);

/// PostgreSQL's own, which stands in the name of a socket.
const DEFAULT_PORT: u16 = 5432;

/// A server that listens on a Unix socket in its own folder. Dropped, it is stopped and deleted;
/// and so it is however the test process ends, by the watchdog.
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    run_as: Option<User>,
    watchdog: Child,
    /// What it is started with beyond the usual.
    settings: String,
    /// The number in its socket's name, and its port where it listens on loopback.
    port: u16,
    schemas: AtomicU32,
}

/// Whom the server runs as, where the tests run as root: `initdb` refuses root.
struct User {
    uid: u32,
    gid: u32,
}

/// The server of this test process, started by the first test that needs it.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    // Most commits are those of `store`. What it kills, the operating system still writes. (Others
    // ask `certlife doctor`, which finds fault with this.)
    let is_store = env!("CARGO_CRATE_NAME") == "store";
    let hasty = "-c fsync=off -c full_page_writes=off";
    SERVER.get_or_init(|| Server::start_with(if is_store { hasty } else { "" }))
}

impl Server {
    /// Sets up a server and starts it.
    pub fn start() -> Self {
        let server = Self::set_up();
        server.launch();
        server
    }

    /// The same, with more settings.
    pub fn start_with(settings: &str) -> Self {
        let mut server = Self::set_up();
        settings.clone_into(&mut server.settings);
        server.launch();
        server
    }

    /// Sets up a server that listens on loopback, with this certificate and key as PEM, and starts
    /// it. The URL names it `localhost`.
    pub fn start_with_tls(certificate: &str, key: &str) -> (Self, String) {
        let mut server = Self::set_up();
        for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
            let file = server.data().join(name);
            fs::write(&file, pem).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some(user) = &server.run_as {
                chown(&file, Some(user.uid), Some(user.gid)).unwrap();
            }
        }
        let port = server.listen_on_loopback();
        server.settings.push_str(" -c ssl=on");
        server.launch();
        (
            server,
            format!("postgres://tests@localhost:{port}/postgres"),
        )
    }

    /// Sets up a server that listens on loopback as well, with these lines in its configuration,
    /// and starts it. `name` is its `cluster_name`, by which a primary knows it when it is a
    /// standby.
    pub fn start_on_loopback(name: &str, configuration: &str) -> Self {
        let server = Self::on_loopback(name, Self::set_up());
        server.configure("postgresql.conf", configuration);
        server.launch();
        server
    }

    /// The same without any data yet, and not started.
    pub fn empty_on_loopback(name: &str) -> Self {
        Self::on_loopback(name, Self::without_data())
    }

    fn on_loopback(name: &str, mut server: Self) -> Self {
        server.listen_on_loopback();
        server.settings.push_str(" -c cluster_name=");
        server.settings.push_str(name);
        server
    }

    fn listen_on_loopback(&mut self) -> u16 {
        self.port = free_port();
        self.settings = format!("-c listen_addresses=127.0.0.1 -c port={}", self.port);
        self.port
    }

    /// A server that follows this one and can be read, once it takes connections.
    pub fn standby(&self) -> Self {
        let standby = Self::without_data();
        let folder = self.folder.to_str().unwrap();
        standby.run(
            "pg_basebackup",
            &["-h", folder, "-U", "tests", "-R", "-c", "fast"],
        );
        standby.launch();
        standby
    }

    fn set_up() -> Self {
        let server = Self::without_data();
        server.run(
            "initdb",
            &[
                "-U",
                "tests",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "-N",
            ],
        );
        server
    }

    fn without_data() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new()
            .prefix("certificate-lifecycle-pg-")
            .tempdir()
            .unwrap()
            // From here on, it is the watchdog that deletes it.
            .keep();
        let run_as = unprivileged_user();
        if let Some(user) = &run_as {
            chown(&folder, Some(user.uid), Some(user.gid)).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let watchdog = watchdog(&folder, &programs, run_as.as_ref());
        Self {
            folder,
            programs,
            run_as,
            watchdog,
            settings: String::new(),
            port: DEFAULT_PORT,
            schemas: AtomicU32::new(0),
        }
    }

    /// How to connect to it.
    pub fn url(&self) -> String {
        format!(
            "postgres://tests@{}:{}/postgres",
            encoded(&self.folder),
            self.port
        )
    }

    /// The port of loopback that it listens on, if it was started so.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How to connect to it, with a new, empty schema in which tables are found and made.
    pub async fn url_of_new_schema(&self) -> String {
        let schema = format!("test_{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        self.client()
            .await
            .batch_execute(&format!("CREATE SCHEMA {schema}"))
            .await
            .unwrap();
        in_schema(&self.url(), &schema)
    }

    /// A connection beside those of the store.
    pub async fn client(&self) -> tokio_postgres::Client {
        client(&self.url()).await
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Kills the server as a crash of the machine would: it gets no chance to tidy up.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Sends a signal to the first process of the server.
    pub fn signal(&self, name: &str) {
        signal(name, &[self.pid()]);
    }

    /// The first process of the server.
    pub fn pid(&self) -> u32 {
        let pid_file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        pid_file.lines().next().unwrap().parse().unwrap()
    }

    /// Runs `pg_ctl` on it.
    pub fn control(&self, args: &[&str]) {
        let mut command = self.command("pg_ctl");
        // What the server inherits must not be a pipe that a parent waits for.
        command.args(args).arg("-s");
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "pg_ctl {args:?}");
    }

    /// Adds lines to one of its configuration files; the last line for a setting counts.
    pub fn configure(&self, file: &str, lines: &str) {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(self.data().join(file))
            .unwrap();
        std::io::Write::write_all(&mut file, format!("{lines}\n").as_bytes()).unwrap();
    }

    /// Starts it again after it was killed or stopped; it recovers what was committed.
    pub fn restart(&self) {
        self.launch();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the server and waits until it takes connections.
    ///
    /// After a kill, this has to wait for the last of the old server's processes to notice.
    fn launch(&self) {
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=400 \
             -c log_min_messages=warning -c shared_buffers=64MB {}",
            self.folder.display(),
            self.settings
        );
        let log = self.folder.join("log");
        let start = Instant::now();
        loop {
            let (args, log) = (["-w", "-t", "120", "-o", &options, "-l"], &log);
            let output = self
                .command("pg_ctl")
                .args(args)
                .arg(log)
                .arg("start")
                // What the server inherits must not be a pipe that a parent waits for.
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            if output.success() {
                return;
            }
            let log = fs::read_to_string(log).unwrap_or_default();
            assert!(start.elapsed() < START, "PostgreSQL does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(&self, program: &str, args: &[&str]) {
        self.try_to_run(program, args).unwrap();
    }

    /// Runs one of PostgreSQL's programs on the data; or what it complains of.
    pub fn try_to_run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let output = self.command(program).args(args).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        let complaint = || format!("{program}: {message}");
        output.status.success().then_some(()).ok_or_else(complaint)
    }

    /// Where one of PostgreSQL's programs is.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// One of PostgreSQL's programs on the data, as the right user.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("-D").arg(self.data()).current_dir(&self.folder);
        // Whatever the caller's own server is called, this one is another.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(user) = &self.run_as {
            command.uid(user.uid).gid(user.gid);
        }
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is the watchdog's sign.
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Sends a signal to processes.
pub fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
    let script = format!("kill -{name} {}", pids.join(" "));
    let sent = Command::new("sh").args(["-c", &script]).status();
    assert!(sent.unwrap().success(), "{script}");
}

/// A port below those that the system gives to outgoing connections: these could take it while the
/// server is down, or connect to themselves.
fn free_port() -> u16 {
    const FIRST: u16 = 15_000;
    const COUNT: u16 = 15_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let start =
            std::process::id().wrapping_mul(41) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + u16::try_from(start % u32::from(COUNT)).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A connection to the server with this URL.
pub async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    // It ends with the client, or because a test has cut it.
    tokio::spawn(connection);
    client
}

/// The same server, where tables are found and made in this schema.
pub fn in_schema(url: &str, schema: &str) -> String {
    format!("{url}?options=-csearch_path%3D{schema}")
}

/// A shell that waits for the end of the pipe that this process holds, then stops the server and
/// deletes it. It lives in a process group of its own, so that Ctrl-C does not reach it.
fn watchdog(folder: &Path, programs: &Path, run_as: Option<&User>) -> Child {
    let script = r#"
        trap "" INT TERM HUP
        read -r _
        # A server that is suspended cannot stop.
        kill -CONT "$(head -n 1 "$2/data/postmaster.pid")"
        "$1/pg_ctl" -D "$2/data" stop -m immediate -w
        rm -rf "$2"
    "#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "watchdog"])
        .arg(programs)
        .arg(folder)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(user) = run_as {
        command.uid(user.uid).gid(user.gid);
    }
    command.spawn().unwrap()
}

/// The folder with `initdb`, `pg_ctl` and `postgres`.
fn programs() -> PathBuf {
    let on_the_path = std::env::var_os("PATH").unwrap_or_default();
    let on_the_path = std::env::split_paths(&on_the_path)
        .filter_map(|folder| folder.join("initdb").canonicalize().ok())
        .filter_map(|initdb| Some(initdb.parent()?.to_owned()));
    let debians = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debians: Vec<_> = debians.map(|entry| entry.unwrap().path()).collect();
    // The newest first; versions are numbers.
    debians.sort_by_key(|path| {
        let version = path.file_name().and_then(|it| it.to_str()?.parse().ok());
        std::cmp::Reverse(version.unwrap_or(0_u32))
    });
    let complete = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|it| folder.join(it).is_file())
    };
    on_the_path
        .chain(debians.into_iter().map(|it| it.join("bin")))
        .find(complete)
        .expect(
            "these tests need PostgreSQL 15 or newer: initdb is neither on the PATH nor in \
             /usr/lib/postgresql/*/bin. On Debian: apt-get install postgresql",
        )
}

/// Where the tests run as root: PostgreSQL's own user if there is one, or the user `nobody`.
fn unprivileged_user() -> Option<User> {
    let id = |args: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output
            .status
            .success()
            .then(|| text.trim().parse().unwrap())
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let users = ["postgres", "nobody"].iter();
    let mut users = users.filter_map(|name| {
        let (uid, gid) = (id(&["-u", name])?, id(&["-g", name])?);
        Some(User { uid, gid })
    });
    Some(
        users
            .next()
            .expect("root needs a user `postgres` or `nobody`"),
    )
}

/// The path as the host of a URL.
fn encoded(path: &Path) -> String {
    path.to_str().unwrap().replace('/', "%2F")
}
