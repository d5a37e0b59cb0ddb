//! `certlife doctor`: what a pair is, in each of its states.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::World;
use crate::pair::resume;
use crate::server::in_schema;

/// What the doctor says of a store.
struct Report {
    code: Option<i32>,
    report: Value,
    took: Duration,
}

impl Report {
    fn about(url: &str) -> Self {
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_certlife"))
            .args(["doctor", "--json", "--timeout", "2s", "--store", url])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        Self {
            code: output.status.code(),
            report: serde_json::from_slice(&output.stdout).unwrap(),
            took: start.elapsed(),
        }
    }

    /// The findings that are not notes: their severities and codes.
    fn findings(&self) -> Vec<(&str, &str)> {
        let findings = self.report["findings"].as_array().unwrap().iter();
        let findings = findings.map(|it| {
            let text = |name: &str| it[name].as_str().unwrap();
            (text("severity"), text("code"))
        });
        findings.filter(|it| it.0 != "note").collect()
    }

    fn has(&self, severity: &str, code: &str) {
        let is_there = self.findings().contains(&(severity, code));
        assert!(is_there, "{severity} {code}: {:#}", self.report);
    }

    fn host(&self, at: usize) -> &Value {
        &self.report["hosts"][at]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_and_its_synchronous_standby_are_well() {
    let world = World::synchronous().await;
    world.pair.standby_has_all().await;
    let reported = Report::about(&world.url());
    assert_eq!(reported.code, Some(0), "{:#}", reported.report);
    assert_eq!(reported.report["verdict"], "note");
    assert!(reported.findings().iter().all(|it| it.0 == "ok"));
    reported.has("ok", "synchronous_standby");
    let (primary, standby) = (reported.host(0), reported.host(1));
    assert_eq!(
        (&primary["role"], &standby["role"]),
        (&"primary".into(), &"standby".into())
    );
    assert_eq!(primary["system"], standby["system"]);
    assert_eq!(
        (&primary["timeline"], &standby["timeline"]),
        (&1.into(), &1.into())
    );
    let seen = &primary["standbys"][0];
    assert_eq!(
        (&seen["name"], &seen["state"], &seen["sync_state"]),
        (&"two".into(), &"streaming".into(), &"sync".into())
    );
    let receiving = &standby["receiving"];
    assert_eq!(receiving["status"], "streaming");
    assert!(receiving["lag_bytes"].is_i64(), "{standby:#}");
    assert_eq!(standby["schema"]["expanded"], primary["schema"]["expanded"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_standby_is_a_warning() {
    let world = World::asynchronous().await;
    let reported = Report::about(&world.url());
    assert_eq!(reported.code, Some(0), "{:#}", reported.report);
    assert_eq!(reported.report["verdict"], "warning");
    reported.has("warning", "synchronous_standby");
    // So it is of the primary alone: a standby is connected
    let primary = in_schema(&world.pair.primary().url(), &world.schema);
    Report::about(&primary).has("warning", "synchronous_standby");
    // And the standby alone takes no commands
    let standby = in_schema(&world.pair.other().url(), &world.schema);
    let reported = Report::about(&standby);
    assert_eq!(reported.code, Some(1));
    reported.has("wrong", "no_primary");
    let for_readers = format!("{standby}&target_session_attrs=any");
    assert_eq!(Report::about(&for_readers).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_away_is_wrong_and_so_is_what_waits_for_it() {
    let world = World::synchronous().await;
    world.pair.standby_away();
    // A transaction that waits for it
    let client = world.pair.primary().client().await;
    let waiting = tokio::spawn(async move {
        let sql = "CREATE TABLE waits ()";
        client.batch_execute(sql).await
    });
    world.pair.sessions_wait(1).await;
    let reported = Report::about(&world.url());
    assert_eq!(reported.code, Some(1));
    reported.has("wrong", "unreachable");
    reported.has("wrong", "synchronous_standby_away");
    let holder = &reported.host(0)["feed_held_by"][0];
    assert_eq!(
        (&holder["kind"], &holder["waits_for_standby"]),
        (&"session".into(), &true.into())
    );
    assert_eq!(reported.host(0)["synchronous"]["waiting"], 1);
    world.pair.standby_back().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(Report::about(&world.url()).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_primaries_are_wrong_and_so_is_a_standby_without_a_primary() {
    let world = World::asynchronous().await;
    world.pair.promote().await;
    let reported = Report::about(&world.url());
    assert_eq!(reported.code, Some(1));
    reported.has("wrong", "several_primaries");
    let findings = reported.report["findings"].as_array().unwrap();
    let words: Vec<_> = findings
        .iter()
        .filter(|it| it["code"] == "several_primaries")
        .map(|it| it["found"].as_str().unwrap())
        .collect();
    assert!(words[0].contains("(timeline 1)") && words[0].contains("(timeline 2)"));
    // The other way round: a standby whose primary is stopped
    let world = World::asynchronous().await;
    world.pair.primary().stop("fast");
    let reported = Report::about(&world.url());
    assert_eq!(reported.code, Some(1));
    reported.has("wrong", "unreachable");
    reported.has("wrong", "standby_not_streaming");
    reported.has("wrong", "no_primary");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_answer_keeps_the_doctor_from_nothing() {
    let world = World::asynchronous().await;
    // One that takes connections and says nothing, and a server that is suspended
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let hosts = world.url().replace('@', &format!("@127.0.0.1:{port},"));
    let suspended = world.pair.other().suspend();
    let reported = Report::about(&hosts);
    resume(&suspended);
    assert_eq!(reported.code, Some(1));
    let roles = [0, 1, 2].map(|at| reported.host(at)["role"].as_str());
    assert_eq!(roles, [None, Some("primary"), None]);
    let unreachable = ("wrong", "unreachable");
    let count = reported
        .findings()
        .iter()
        .filter(|it| **it == unreachable)
        .count();
    assert_eq!(count, 2, "{:#}", reported.report);
    // Hosts wait for each other not at all
    assert!(
        reported.took < Duration::from_secs(8),
        "{:?}",
        reported.took
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_rights_learns_what_it_cannot_see() {
    let world = World::synchronous().await;
    let client = world.pair.primary().client().await;
    let schema = &world.schema;
    let sql = format!(
        "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA {schema} TO reader; \
         GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader"
    );
    client.batch_execute(&sql).await.unwrap();
    world.pair.standby_has_all().await;
    let reported = Report::about(&world.url().replace("tests@", "reader@"));
    // It may read, and both servers are well
    assert_eq!(reported.code, Some(0), "{:#}", reported.report);
    reported.has("ok", "rights");
    reported.has("ok", "synchronous_standby");
    let findings = reported.report["findings"].as_array().unwrap();
    let notes = findings.iter().filter(|it| it["severity"] == "note");
    let notes: Vec<_> = notes.map(|it| it["code"].as_str().unwrap()).collect();
    assert!(notes.contains(&"statistics_withheld"), "{notes:?}");
    assert_eq!(reported.host(0)["standbys"], Value::Null);
    assert_eq!(reported.host(1)["receiving"]["is_connected"], true);
    assert!(reported.host(1)["receiving"]["lag_bytes"].is_i64());
    let missing = &reported.host(0)["missing_rights"];
    assert_eq!(missing["read"], serde_json::json!([]));
    assert!(missing["write"].as_array().unwrap().len() >= 5);
    // Where the standby is away, that is known all the same
    world.pair.standby_away();
    let reported = Report::about(&world.url().replace("tests@", "reader@"));
    reported.has("wrong", "synchronous_standby_away");
}
