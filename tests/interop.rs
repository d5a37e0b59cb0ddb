//! Receivers that know nothing of this crate accept what it sends: the stock Standard Webhooks
//! verifiers from `PyPI` and npm, and receivers of ten lines that follow the platform's own guide.
//!
//! `tests/interop/install` fetches the verifiers once, into `CARGO_TARGET_TMPDIR/interop`.

#[path = "interop/installed.rs"]
mod installed;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{Endpoint, RetrySchedule, Secret, Secrets};
use certificate_lifecycle::*;
use installed::{folder, installed};
use uuid::Uuid;

/// A receiver in another language, in a process of its own.
struct Receiver {
    process: Child,
    port: u16,
}

impl Receiver {
    fn start(program: &Path, script: &Path, secret: &Secret) -> Self {
        let mut process = Command::new(program)
            .arg(script)
            .env("SECRET", secret.expose())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.display()));
        let mut port = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        let port = port
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("{}", script.display()));
        Self { process, port }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// All six kinds of events, of applications with texts of every sort.
async fn events(store: &MemoryStore, institution: &InstitutionId) -> usize {
    let engine = Engine::new(store.clone());
    let actor = Actor::administrator("jane").unwrap();
    let system = Actor::system("worker").unwrap();
    let titles = [
        "Certificate of Achievement",
        "Zeugnis „Größe“ 🎓",
        "\u{0}\u{1f}\"\\/\u{2028}",
    ];
    for (number, title) in (1..).zip(titles) {
        let details = || {
            ApplicationDetails::new(
                ApplicationId::new(number).unwrap(),
                Uuid::new_v4(),
                CertificateTitle::new(title).unwrap(),
                ApplicantEmail::new("john@example.com").unwrap(),
            )
        };
        let (accepted, rejected) = (details(), details());
        let customer = Actor::customer("john").unwrap();
        let uuid = accepted.uuid();
        engine
            .scope(institution, &customer)
            .submit(accepted)
            .await
            .unwrap();
        engine
            .scope(institution, &actor)
            .begin_processing(uuid)
            .await
            .unwrap();
        let error = ProcessingError::new(title).unwrap();
        engine
            .scope(institution, &system)
            .fail(uuid, error)
            .await
            .unwrap();
        engine.scope(institution, &actor).retry(uuid).await.unwrap();
        engine
            .scope(institution, &system)
            .approve(uuid)
            .await
            .unwrap();
        let uuid = rejected.uuid();
        engine
            .scope(institution, &customer)
            .submit(rejected)
            .await
            .unwrap();
        let reason = RejectionReason::new(title).unwrap();
        engine
            .scope(institution, &actor)
            .reject(uuid, reason)
            .await
            .unwrap();
    }
    7 * titles.len()
}

/// With which status a receiver that knows one secret answers what is signed with these.
async fn deliver(program: &Path, script: &Path, known: &Secret, signing: Secrets, status: u16) {
    let receiver = Receiver::start(program, script, known);
    let store = MemoryStore::new();
    let institution = InstitutionId::new("example-university").unwrap();
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port)
        .parse()
        .unwrap();
    let id = Uuid::new_v4();
    let mut endpoint = Endpoint::new(url, known.clone());
    endpoint.secrets = signing;
    let webhook = Webhook::new(id, institution.clone(), endpoint, SystemClock.now());
    assert!(store.add_webhook(webhook).await.unwrap());
    let sent = events(&store, &institution).await;
    let transport = HttpTransport::new(
        HttpOptions::default()
            .with_allow_http(true)
            .with_allow_targets(vec!["127.0.0.0/8".parse().unwrap()]),
    );
    let options = DispatcherOptions::default()
        .with_schedule(RetrySchedule::new(vec![Duration::ZERO]).unwrap());
    let dispatcher = Dispatcher::new(store.clone(), transport.unwrap(), options);
    dispatcher
        .run_until_idle(std::future::pending())
        .await
        .unwrap();
    let deliveries = store
        .deliveries(None, DeliveryFilter::default(), None, 1000)
        .await
        .unwrap()
        .deliveries;
    assert_eq!(deliveries.len(), sent);
    for it in deliveries {
        let attempts = store.attempts(&it.institution, it.id).await.unwrap();
        assert_eq!(
            attempts[0].status,
            Some(status),
            "{}: {:?}",
            script.display(),
            attempts[0]
        );
    }
}

/// What these receivers answer to a sender that does not know the secret.
fn refuses_strangers(program: &Path, script: &Path) {
    let receiver = Receiver::start(program, script, &Secret::generate().unwrap());
    let headers = [
        String::new(),
        "X-Webhook-Signature: \r\n".to_owned(),
        "X-Webhook-Signature: abc\r\n".to_owned(),
        format!("X-Webhook-Signature: {}\r\n", "é".repeat(32)),
        format!("X-Webhook-Signature: {}\r\n", "z".repeat(64)),
        format!("X-Webhook-Signature: {}\r\n", "0".repeat(64)),
    ];
    for header in headers {
        let mut stream = TcpStream::connect(("127.0.0.1", receiver.port)).unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}Content-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(" 401 "), "{header:?}: {answer:?}");
    }
}

/// It takes what is signed with the secret that it knows, and nothing else.
async fn accepts(program: &Path, script: &Path) {
    let (known, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
    let signing = Secrets::new(known.clone());
    deliver(program, script, &known, signing, 204).await;
    deliver(program, script, &known, Secrets::new(other), 401).await;
}

/// While a secret is replaced, requests carry the signatures of both: a receiver that knows one of
/// them takes it.
async fn accepts_while_secrets_rotate(program: &Path, script: &Path) {
    let [old, new, other] = [(); 3].map(|()| Secret::generate().unwrap());
    let mut signing = Secrets::new(old.clone());
    let now = SystemClock.now();
    let until = now + Secrets::GRACE;
    signing.rotate(new.clone(), now, until, until);
    deliver(program, script, &old, signing.clone(), 204).await;
    deliver(program, script, &new, signing.clone(), 204).await;
    deliver(program, script, &other, signing, 401).await;
}

#[test]
fn ten_lines_are_ten_lines() {
    for script in ["guide.py", "guide.mjs"] {
        let text = std::fs::read_to_string(folder().join(script)).unwrap();
        assert_eq!(text.lines().count(), 10, "{script}");
        // And none of them is two.
        let longest = text.lines().map(str::len).max();
        assert!(longest <= Some(100) && !text.contains("; "), "{script}");
    }
}

#[test]
fn the_ten_lines_survive_what_strangers_send() {
    refuses_strangers(Path::new("python3"), &folder().join("guide.py"));
    refuses_strangers(Path::new("node"), &folder().join("guide.mjs"));
}

#[tokio::test]
async fn ten_lines_of_python_by_the_platforms_guide_accept_it() {
    let script = folder().join("guide.py");
    accepts(Path::new("python3"), &script).await;
}

#[tokio::test]
async fn ten_lines_of_node_by_the_platforms_guide_accept_it() {
    let script = folder().join("guide.mjs");
    accepts(Path::new("node"), &script).await;
}

#[tokio::test]
async fn the_stock_verifiers_from_pypi_accept_it() {
    let python = installed().join("venv/bin/python");
    for script in ["standard.py", "standard_oldest.py"] {
        let script = folder().join(script);
        accepts(&python, &script).await;
        accepts_while_secrets_rotate(&python, &script).await;
    }
}

#[tokio::test]
async fn the_stock_verifiers_from_npm_accept_it() {
    for script in ["standard.mjs", "standard_oldest.mjs"] {
        // Beside the packages, where Node looks for them.
        let script = installed().join(script);
        accepts(Path::new("node"), &script).await;
        accepts_while_secrets_rotate(Path::new("node"), &script).await;
    }
}

#[test]
fn what_receivers_trip_over_is_as_documented() {
    let python = installed().join("venv/bin/python");
    let script = folder().join("tools/stumbles.py");
    // By the newest version, which the environment has, and by the oldest.
    for path in [PathBuf::new(), installed().join("oldest")] {
        let mut command = Command::new(&python);
        let status = command.arg(&script).env("PYTHONPATH", path).status();
        assert!(status.unwrap().success());
    }
    let script = installed().join("stumbles.mjs");
    assert!(Command::new("node").arg(script).status().unwrap().success());
}
