//! PostgreSQL's own benchmark: one prepared statement that does what a transition does.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::postgres::Server;

/// The tables of the store, filled, in a schema of their own; the statement names them so.
const TABLES: &str = "
    CREATE SCHEMA pgbench; SET search_path = pgbench;
    CREATE TABLE application (
        uuid uuid PRIMARY KEY, institution text NOT NULL, application_id bigint NOT NULL,
        certificate_title text NOT NULL, applicant_email text NOT NULL,
        trigger_context smallint NOT NULL, status smallint NOT NULL, version bigint NOT NULL,
        updated_at bigint NOT NULL, transaction bigint NOT NULL
    ) WITH (fillfactor = 70);
    CREATE TABLE event (
        uuid uuid NOT NULL, version bigint NOT NULL, kind smallint NOT NULL, at bigint NOT NULL,
        actor_kind smallint NOT NULL, actor text NOT NULL, text text, idempotency_key text,
        transaction bigint NOT NULL, place integer NOT NULL, PRIMARY KEY (uuid, version)
    );
    CREATE UNIQUE INDEX ON event (transaction, place);
    INSERT INTO application
    SELECT md5(n::text)::uuid, 'example-university', n, 'Certificate of Achievement',
        'applicant' || n || '@example.com', 1, 0, 1, 1781234567, 0
    FROM generate_series(1, $APPLICATIONS) n;
    INSERT INTO event
    SELECT uuid, 1, 0, 1781234567, 1, 'jane', NULL, NULL, 0, row_number() OVER () FROM application;
    VACUUM ANALYZE application; VACUUM ANALYZE event;
";

const TRANSITION: &str = r"
\set n random(1, $APPLICATIONS)
WITH moved AS (
    UPDATE pgbench.application
    SET status = 4 + (status + 1) % 2, version = version + 1,
        updated_at = greatest(updated_at, 1781234568),
        transaction = pg_current_xact_id()::text::bigint
    WHERE uuid = md5(:n::text)::uuid AND institution = 'example-university'
        AND 4095 >> (status * 2 + (trigger_context = 2)::integer) & 1 = 1
    RETURNING *
),
recorded AS (
    INSERT INTO pgbench.event
    SELECT uuid, version, status, updated_at, 2, 'pdf-worker',
        'PDF generation failed: template not found', NULL, transaction, 1
    FROM moved
)
SELECT uuid, version, updated_at, application_id, certificate_title, applicant_email, trigger_context
FROM moved;
";

/// The same statement, with the application's number as its parameter.
pub fn transition_of_parameter() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let (_, statement) = TRANSITION.trim().split_once('\n').unwrap();
        statement.replace(":n::text", "$1::integer::text")
    });
    &TEXT
}

pub struct Pgbench {
    program: PathBuf,
    script: tempfile::NamedTempFile,
    host: OsString,
    port: u16,
}

impl Pgbench {
    pub fn prepare(server: &Server, applications: u64) -> Self {
        let fill = |text: &str| text.replace("$APPLICATIONS", &applications.to_string());
        let runtime = crate::runtime();
        runtime.block_on(async {
            let client = server.client().await;
            for statement in fill(TABLES).split(';').filter(|it| !it.trim().is_empty()) {
                client.batch_execute(statement).await.unwrap();
            }
        });
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), fill(TRANSITION)).unwrap();
        Self {
            program: server.program("pgbench"),
            script,
            host: server.socket().parent().unwrap().into(),
            port: server.port(),
        }
    }

    /// The same over TCP, to a server that listens on loopback.
    pub fn over_loopback(mut self) -> Self {
        self.host = "127.0.0.1".into();
        self
    }

    /// Transitions a second.
    pub fn run(&self, clients: u64, time: Duration) -> f64 {
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .args(["--username=tests", "--host"])
            .arg(&self.host)
            .arg(format!("--port={}", self.port))
            .arg(format!("--client={clients}"))
            .arg(format!("--time={}", time.as_secs().max(2)))
            .arg("--file")
            .arg(self.script.path())
            .arg("postgres")
            .output()
            .unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        let rate = report
            .lines()
            .find_map(|line| line.strip_prefix("tps = "))
            .unwrap_or_else(|| panic!("pgbench: {}", String::from_utf8_lossy(&output.stderr)));
        rate.split(' ').next().unwrap().parse().unwrap()
    }
}
