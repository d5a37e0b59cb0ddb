//! What to make of the answers of one host.

use std::time::Duration;

use super::ask::Asked;
use crate::store::diagnosis::{
    FeedHolder, FindingCode, HolderKind, HostRole, Severity, Synchronous,
};
use crate::store::postgres::target::Target;

/// For how long the feed may be held back, and a commit may wait for a standby, until that is worth
/// a word, and until it is wrong.
const HELD_BACK: Duration = Duration::from_secs(10);
const HELD_BACK_TOO_LONG: Duration = Duration::from_secs(60);
const COMMIT_WAITS: Duration = Duration::from_secs(10);

/// How much of the connections may be in use, in percent.
const USED: i64 = 80;

/// How far the clocks may differ, until that is worth a word, and until it is wrong.
const SKEW: Duration = Duration::from_secs(1);
const SKEW_TOO_LARGE: Duration = Duration::from_secs(60);

/// How far behind a standby may be: a segment of the log, and a moment.
const LAG_BYTES: i64 = 16 << 20;
const LAG: Duration = Duration::from_secs(30);

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A length of time, in words.
fn long(millis: i64) -> String {
    if millis.saturating_abs() < 10_000 {
        format!("{millis} ms")
    } else {
        format!("{} s", millis / 1000)
    }
}

/// Adds what there is to say of a host that has answered.
pub(super) fn judge(asked: &mut Asked, target: &Target) {
    if asked.report.role.is_none() {
        return;
    }
    replication(asked, target.hosts.len());
    feed(asked);
    schema(asked);
    rights(asked);
    settings(asked);
    connections(asked);
    clock(asked);
    let is_local = asked.report.host.starts_with('/')
        || ["127.0.0.1:", "localhost:", "::1:"]
            .iter()
            .any(|it| asked.report.host.starts_with(it));
    if !asked.report.is_encrypted && !is_local {
        asked.find(
            FindingCode::NotEncrypted,
            Severity::Note,
            "the connection is not encrypted",
        );
    }
    if asked.report.sees_statistics == Some(false) {
        let found = "the role may not see the sessions and standbys of others (pg_monitor)";
        asked.find(FindingCode::StatisticsWithheld, Severity::Note, found);
    }
}

fn replication(asked: &mut Asked, hosts: usize) {
    if asked.report.role == Some(HostRole::Standby) {
        return standby(asked);
    }
    let Some(synchronous) = asked.report.synchronous.clone() else {
        return;
    };
    primary(asked, &synchronous, hosts);
    commits(asked, &synchronous);
    let slots = asked.report.slots.clone();
    for slot in slots.iter().filter(|it| !it.is_active) {
        let kept = slot.kept_bytes.unwrap_or(0).max(0);
        let found = format!(
            "the replication slot {:?} has no receiver and keeps {kept} bytes of the log",
            slot.name
        );
        asked.find(FindingCode::SlotKeepsLog, Severity::Warning, found);
    }
}

/// Whether commits wait for a standby, and whether it is there.
fn primary(asked: &mut Asked, synchronous: &Synchronous, hosts: usize) {
    let code = FindingCode::SynchronousStandby;
    if synchronous.standby_names.is_empty() {
        // A server alone, without a standby, promises nothing else.
        let is_alone = hosts == 1 && asked.senders == 0;
        let severity = if is_alone {
            Severity::Note
        } else {
            Severity::Warning
        };
        let found = "commits wait for no standby: synchronous_standby_names is empty";
        return asked.find(code, severity, found);
    }
    let names = asked.report.standbys.as_ref().map(|standbys| {
        let in_step = standbys.iter().filter(|it| it.is_synchronous());
        in_step.map(|it| it.name.clone()).collect::<Vec<_>>()
    });
    match names {
        Some(names) if !names.is_empty() => asked.find(
            code,
            Severity::Ok,
            format!(
                "commits wait for a standby, which is in step: {}",
                names.join(", ")
            ),
        ),
        None if asked.senders > 0 => asked.find(
            code,
            Severity::Ok,
            format!(
                "commits wait for a standby, and {} are connected (whether they are in step, the \
                 role may not see)",
                asked.senders
            ),
        ),
        _ => asked.find(
            FindingCode::SynchronousStandbyAway,
            Severity::Wrong,
            format!(
                "commits wait for a standby ({}), and none is in step",
                synchronous.standby_names
            ),
        ),
    }
}

fn commits(asked: &mut Asked, synchronous: &Synchronous) {
    if let Some(longest) = synchronous.longest_wait_ms
        && longest >= millis(COMMIT_WAITS)
    {
        let found = format!(
            "{} sessions wait for a standby, the longest for {}",
            synchronous.waiting,
            long(longest)
        );
        asked.find(FindingCode::CommitsWait, Severity::Wrong, found);
    }
    let commit = synchronous.commit.as_str();
    let waits = !synchronous.standby_names.is_empty();
    if ["off", "local"].contains(&commit) || (commit == "remote_write" && waits) {
        let found = format!("synchronous_commit is {commit} for this role");
        asked.find(FindingCode::SynchronousCommit, Severity::Note, found);
    }
}

/// Whether a standby receives, and how far behind it is.
fn standby(asked: &mut Asked) {
    let Some(receiving) = asked.report.receiving.clone() else {
        return;
    };
    let status = receiving.status.as_deref();
    if !receiving.is_connected || status.is_some_and(|it| it != "streaming") {
        let state = status.filter(|_| receiving.is_connected);
        let state = state.map_or_else(String::new, |it| format!(" (its state is {it})"));
        let found = format!("it receives nothing from a primary{state}");
        asked.find(FindingCode::StandbyNotStreaming, Severity::Wrong, found);
    }
    let not_received = receiving.lag_bytes.unwrap_or(0);
    let unapplied = receiving.unapplied_bytes.unwrap_or(0);
    let age = receiving.unapplied_ms.unwrap_or(0);
    if not_received > LAG_BYTES || unapplied > LAG_BYTES || age > millis(LAG) {
        let found = format!(
            "it has not received {not_received} bytes of the primary's log, and not applied \
             {unapplied} bytes; the last transaction that it has applied is {} old",
            long(age)
        );
        asked.find(FindingCode::StandbyLags, Severity::Warning, found);
    }
}

/// What holds the feed back: only the oldest does.
fn feed(asked: &mut Asked) {
    let Some(holder) = asked.report.feed_held_by.first().cloned() else {
        return;
    };
    let FeedHolder {
        name,
        since,
        open_ms,
        ..
    } = holder;
    let severity = match open_ms {
        it if it >= millis(HELD_BACK_TOO_LONG) => Severity::Wrong,
        it if it >= millis(HELD_BACK) => Severity::Note,
        _ => return,
    };
    let who = match (holder.kind, holder.pid) {
        (HolderKind::Prepared, _) => format!("the prepared transaction {name:?}"),
        (HolderKind::Session, Some(pid)) => {
            format!("the transaction of process {pid} ({name:?})")
        }
        (HolderKind::Session, None) => format!("the transaction of {name:?}"),
    };
    let waits = if holder.waits_for_standby {
        ", which waits for a standby"
    } else {
        ""
    };
    let found = format!(
        "{who}, open since {} for {}{waits}, holds the feed back",
        since.unwrap_or_default(),
        long(open_ms)
    );
    asked.find(FindingCode::FeedHeldBack, severity, found);
}

fn schema(asked: &mut Asked) {
    let Some(schema) = asked.report.schema else {
        return;
    };
    let is_unfit = |code| asked.findings.iter().any(|it| it.code == code);
    if is_unfit(FindingCode::NotAStore) {
        return;
    }
    let expanded = schema.expanded;
    let (severity, found) = if expanded < schema.needed {
        let found = format!(
            "the tables have schema version {expanded}, and this program needs {}",
            schema.needed
        );
        (Severity::Wrong, found)
    } else if expanded < schema.newest {
        let found = format!(
            "the tables have schema version {expanded}, and certlife migrate leads to {}",
            schema.newest
        );
        (Severity::Warning, found)
    } else if expanded > schema.newest {
        let found = format!(
            "the tables have schema version {expanded}, and this program knows {}, which does too",
            schema.newest
        );
        (Severity::Note, found)
    } else {
        (
            Severity::Ok,
            format!("the tables have schema version {expanded}"),
        )
    };
    asked.find(FindingCode::Schema, severity, found);
}

fn rights(asked: &mut Asked) {
    let Some(missing) = asked.report.missing_rights.clone() else {
        return;
    };
    let role = asked.report.user.clone().unwrap_or_default();
    // A role that writes needs it after a failover; one that only reads lacks no right.
    let uses = missing.uses().into_iter().filter(|it| it.0 != "failover");
    let (may, may_not): (Vec<_>, Vec<_>) = uses.partition(|it| it.1.is_empty());
    if may.is_empty() {
        let lacks = missing.read.join(", ");
        let found = format!("the role {role:?} may do nothing here; to read, it lacks {lacks}");
        return asked.find(FindingCode::Rights, Severity::Wrong, found);
    }
    let names: Vec<_> = may.iter().map(|it| it.0).collect();
    let found = format!("the role {role:?} has the rights to {}", names.join(", "));
    asked.find(FindingCode::Rights, Severity::Ok, found);
    for (name, lacks) in may_not {
        let found = format!("to {name}, the role {role:?} lacks {}", lacks.join(", "));
        asked.find(FindingCode::Rights, Severity::Note, found);
    }
    if missing.write.is_empty() && !missing.failover.is_empty() {
        let lacks = missing.failover.join(", ");
        let found = format!("the role {role:?} writes, and lacks {lacks}");
        asked.find(FindingCode::FailoverRights, Severity::Warning, found);
    }
}

fn settings(asked: &mut Asked) {
    let checks = [
        ("fsync", "off", FindingCode::Fsync, Severity::Wrong),
        (
            "full_page_writes",
            "off",
            FindingCode::FullPageWrites,
            Severity::Warning,
        ),
        (
            "autovacuum",
            "off",
            FindingCode::Autovacuum,
            Severity::Warning,
        ),
        (
            "idle_in_transaction_session_timeout",
            "0",
            FindingCode::IdleTransactions,
            Severity::Note,
        ),
    ];
    for (name, bad, code, severity) in checks {
        if asked.report.settings.get(name).is_some_and(|it| it == bad) {
            asked.find(code, severity, format!("{name} is {bad}"));
        }
    }
    if asked.report.role == Some(HostRole::ReadOnly) {
        let found = "it takes no writes from this role: default_transaction_read_only is on";
        asked.find(FindingCode::ReadOnly, Severity::Note, found);
    }
}

fn connections(asked: &mut Asked) {
    let Some(connections) = asked.report.connections else {
        return;
    };
    let (used, limit) = (connections.used, connections.limit);
    if used.saturating_mul(100) >= limit.saturating_mul(USED) {
        let found = format!("{used} of {limit} connections are in use");
        asked.find(FindingCode::ConnectionsScarce, Severity::Warning, found);
    }
}

fn clock(asked: &mut Asked) {
    let Some(skew) = asked.report.clock_skew_ms else {
        return;
    };
    // As exactly as it is known.
    let known = asked.report.answered_in_ms.unwrap_or(0) / 2;
    let least = skew.saturating_abs().saturating_sub(known);
    let severity = match least {
        it if it > millis(SKEW_TOO_LARGE) => Severity::Wrong,
        it if it > millis(SKEW) => Severity::Warning,
        _ => return,
    };
    let side = if skew > 0 { "ahead of" } else { "behind" };
    let found = format!(
        "its clock is {} {side} that of this machine",
        long(skew.saturating_abs())
    );
    asked.find(FindingCode::ClockSkew, severity, found);
}
