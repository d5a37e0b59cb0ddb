//! `examples/issuer`, run as two processes on one store, one of which is killed.

#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../../examples/issuer/main.rs"]
mod issuer;
#[path = "../support/postgres.rs"]
mod postgres;
mod web;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use web::{Receiver, Reply, ask};

const ADDRESS: &str = "ISSUER_TEST_ADDRESS";

/// The backend itself, in a process of its own: the other tests start this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve() {
    if let Ok(address) = std::env::var(ADDRESS) {
        issuer::run(&address, "127.0.0.1:0").await.unwrap();
    }
}

/// A process of the backend.
struct Issuer {
    child: Child,
    /// Where it listens.
    host: String,
}

impl Issuer {
    fn start(address: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serve", "--nocapture"])
            .env(ADDRESS, address)
            .env("ISSUER_ALLOW_TARGET", "127.0.0.1/32")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let host = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("http://").map(|(_, host)| host.to_owned())
        });
        // What else it prints is not read, and must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let host = host.unwrap();
        Self { child, host }
    }

    fn ask(&self, method: &str, path: &str, actor: &str, body: &Value) -> Reply {
        ask(&self.host, method, path, &[("x-actor", actor)], body)
    }

    fn submit(&self, number: u32, title: &str) -> String {
        let key = format!("form-{number}");
        let headers = [("x-actor", "customer:john"), ("idempotency-key", &key)];
        let form = json!({
            "application_id": number,
            "certificate_title": title,
            "applicant_email": format!("john{number}@example.com"),
        });
        let reply = ask(&self.host, "POST", "/applications", &headers, &form);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.body["application"]["uuid"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn act(&self, uuid: &str, action: &str, version: u64, body: &Value) -> Reply {
        let version = format!("\"{version}\"");
        let headers = [("x-actor", "administrator:jane"), ("if-match", &version)];
        let path = format!("/applications/{uuid}/{action}");
        ask(&self.host, "POST", &path, &headers, body)
    }

    /// The status of an application once it has ended.
    fn end(&self, uuid: &str) -> String {
        let path = format!("/applications/{uuid}?wait=60");
        let reply = self.ask("GET", &path, "customer:john", &Value::Null);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body["status"].as_str().unwrap().to_owned()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it softly.
    fn stop(&mut self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it has not ended");
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_one_of_which_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuer.db");
    let address = format!("sqlite:{}", path.display());
    let approved = tokio::task::block_in_place(|| campaign(&address));
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut rows = connection
        .prepare("SELECT application FROM certificate ORDER BY application")
        .unwrap();
    let rows = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let rows: Vec<String> = rows.map(Result::unwrap).collect();
    assert_eq!(rows, approved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_postgresql_one_of_which_is_killed() {
    let address = postgres::server().url_of_new_schema().await;
    let approved = tokio::task::block_in_place(|| campaign(&address));
    let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let sql = "SELECT application FROM certificate ORDER BY application COLLATE \"C\"";
    let rows = client.query(sql, &[]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(rows, approved);
}

/// Applications seen through to their ends; those that were approved, in order.
fn campaign(address: &str) -> Vec<String> {
    let receiver = Receiver::start();
    let (mut first, mut second) = (Issuer::start(address), Issuer::start(address));
    let hook = Value::String(receiver.url.clone());
    let registered = first.ask("POST", "/webhooks", "administrator:jane", &hook);
    assert_eq!(registered.status, 201, "{registered:?}");
    assert!(
        registered.body["secret"]
            .as_str()
            .unwrap()
            .starts_with("whsec_")
    );
    let webhooks = second.ask("GET", "/webhooks", "administrator:jane", &Value::Null);
    assert_eq!(webhooks.body[0]["id"], registered.body["id"]);
    what_is_wrong_is_explained(&first);
    let mut uuids = Vec::new();
    for number in 1..=40 {
        let issuer = if number % 2 == 0 { &first } else { &second };
        let uuid = issuer.submit(number, "Certificate of Achievement");
        // The answer was lost: the form is sent again.
        assert_eq!(second.submit(number, "Certificate of Achievement"), uuid);
        let accepted = issuer.act(&uuid, "begin_processing", 1, &Value::Null);
        assert_eq!(accepted.status, 200, "{accepted:?}");
        uuids.push(uuid);
        if number % 10 == 5 {
            first.kill();
            first = Issuer::start(address);
        }
    }
    for uuid in &uuids {
        assert_eq!(second.end(uuid), "approved");
    }
    receiver.wait_for_approvals(&uuids);
    a_draft_fails_and_is_retried(&second);
    first.stop();
    second.stop();
    uuids.sort();
    uuids
}

fn a_draft_fails_and_is_retried(issuer: &Issuer) {
    let uuid = issuer.submit(1000, "A draft");
    issuer.act(&uuid, "begin_processing", 1, &Value::Null);
    assert_eq!(issuer.end(&uuid), "failed");
    assert_eq!(issuer.act(&uuid, "retry", 3, &Value::Null).status, 200);
    assert_eq!(issuer.end(&uuid), "failed");
    let path = format!("/applications/{uuid}/history");
    let history = issuer.ask("GET", &path, "administrator:jane", &Value::Null);
    let events = history.body.as_array().unwrap();
    assert_eq!(events.len(), 5, "{history:?}");
    assert_eq!(events[2]["error"], "there is no template for drafts");
}

fn what_is_wrong_is_explained(issuer: &Issuer) {
    let none = Value::Null;
    let uuid = issuer.submit(2000, "To be rejected");
    let waiting = issuer.ask("GET", "/applications", "administrator:jane", &none);
    let listed = waiting.body["applications"].as_array().unwrap();
    assert!(listed.iter().any(|it| it["uuid"] == *uuid), "{waiting:?}");
    let path = format!("/applications/{uuid}/begin_processing");
    let by_customer = issuer.ask("POST", &path, "customer:john", &none);
    assert_eq!((by_customer.status, by_customer.code()), (403, "forbidden"));
    let stale = issuer.act(&uuid, "begin_processing", 7, &none);
    assert_eq!((stale.status, stale.code()), (412, "conflict"));
    assert_eq!(stale.body["current_version"], 1);
    let without_reason = issuer.act(&uuid, "reject", 1, &none);
    assert_eq!(without_reason.status, 422, "{without_reason:?}");
    let reason = Value::String("Duplicate certificate".to_owned());
    assert_eq!(issuer.act(&uuid, "reject", 1, &reason).status, 200);
    let illegal = issuer.act(&uuid, "retry", 2, &none);
    assert_eq!(
        (illegal.status, illegal.code()),
        (409, "illegal_transition")
    );
    assert_eq!(issuer.end(&uuid), "rejected");
    let unknown = "/applications/9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    let unknown = issuer.ask("GET", unknown, "customer:john", &none);
    assert_eq!(
        (unknown.status, unknown.code()),
        (404, "unknown_application")
    );
    let by_nobody = ask(&issuer.host, "GET", "/applications", &[], &none);
    assert_eq!(by_nobody.status, 401);
    let hook = Value::String("https://169.254.169.254/latest".to_owned());
    let hook = issuer.ask("POST", "/webhooks", "administrator:jane", &hook);
    assert_eq!(hook.status, 422, "{hook:?}");
}
