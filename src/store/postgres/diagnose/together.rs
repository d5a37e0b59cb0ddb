//! What to make of the answers of all hosts together.

use super::ask::Asked;
use crate::store::diagnosis::{Finding, FindingCode, HostReport, HostRole, Severity};
use crate::store::postgres::target::{Target, Wanted};

/// How far each standby is behind the primary, by what both say: this takes no rights.
pub(super) fn compare_logs(hosts: &mut [Asked]) {
    let primary = hosts
        .iter()
        .filter(|it| it.report.role == Some(HostRole::Primary))
        .max_by_key(|it| it.report.timeline)
        .map(|it| it.report.clone());
    let Some(primary) = primary else { return };
    for asked in hosts {
        let HostReport {
            receiving: Some(receiving),
            system,
            log_position: Some(received),
            ..
        } = &mut asked.report
        else {
            continue;
        };
        if *system == primary.system
            && let Some(written) = primary.log_position
        {
            // They were not asked at the same moment.
            receiving.lag_bytes = Some(written.saturating_sub(*received).max(0));
        }
    }
}

/// What there is to say of all hosts.
pub(super) fn judge(hosts: &[Asked], target: &Target) -> Vec<Finding> {
    let answered: Vec<&Asked> = hosts.iter().filter(|it| it.report.role.is_some()).collect();
    let mut findings = Vec::new();
    let (distinct, again) = distinct(&answered);
    findings.extend(again);
    let writable: Vec<_> = distinct
        .iter()
        .filter(|it| it.report.role == Some(HostRole::Primary))
        .collect();
    match writable.as_slice() {
        [] if answered.is_empty() => {}
        [] => findings.push(no_primary(target)),
        [primary] => findings.extend(timelines(&distinct, primary)),
        _ => {
            let names = writable.iter().map(|it| {
                let timeline = it.report.timeline;
                let timeline = timeline.map_or_else(String::new, |it| format!(" (timeline {it})"));
                format!("{}{timeline}", it.report.host)
            });
            let names: Vec<_> = names.collect();
            let found = format!("more than one server takes writes: {}", names.join(", "));
            findings.push(Finding::new(
                FindingCode::SeveralPrimaries,
                Severity::Wrong,
                found,
            ));
        }
    }
    let mut systems: Vec<_> = distinct
        .iter()
        .filter_map(|it| it.report.system.as_ref())
        .collect();
    systems.sort();
    systems.dedup();
    if systems.len() > 1 {
        findings.push(Finding::new(
            FindingCode::DifferentSystems,
            Severity::Wrong,
            format!(
                "the hosts are {} databases that are not copies of each other",
                systems.len()
            ),
        ));
    }
    findings
}

/// The servers, each once, and which hosts lead to one that another leads to.
fn distinct<'a>(answered: &[&'a Asked]) -> (Vec<&'a Asked>, Vec<Finding>) {
    let mut distinct: Vec<&Asked> = Vec::new();
    let mut findings = Vec::new();
    for asked in answered {
        let is_same = |other: &&&Asked| match (&asked.server, &other.server) {
            (Some(one), Some(other_server)) => {
                one.is_same(other_server) && asked.report.system == other.report.system
            }
            _ => false,
        };
        match distinct.iter().find(is_same) {
            Some(other) => findings.push(Finding::new(
                FindingCode::SameServer,
                Severity::Note,
                format!(
                    "{} and {} are one server",
                    other.report.host, asked.report.host
                ),
            )),
            None => distinct.push(asked),
        }
    }
    (distinct, findings)
}

/// That nothing takes writes: a URL may be that of programs that only read.
fn no_primary(target: &Target) -> Finding {
    let reads = match target.reading {
        Wanted::Any | Wanted::ReadOnly | Wanted::PreferReadOnly => true,
        Wanted::Writable | Wanted::PreferWritable => false,
    };
    let severity = if reads {
        Severity::Note
    } else {
        Severity::Wrong
    };
    let found = "none of the hosts that answer takes writes";
    Finding::new(FindingCode::NoPrimary, severity, found)
}

/// Standbys that receive another timeline than the primary writes.
fn timelines(distinct: &[&Asked], primary: &Asked) -> Vec<Finding> {
    let Some(written) = primary.report.timeline else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for asked in distinct {
        let receiving = asked.report.receiving.as_ref();
        let received = receiving.and_then(|it| it.timeline);
        if let Some(received) = received
            && received != written
            && asked.report.system == primary.report.system
        {
            let mut finding = Finding::new(
                FindingCode::StandbyOnOtherTimeline,
                Severity::Wrong,
                format!("it receives timeline {received}, and the primary writes {written}"),
            );
            finding.host = Some(asked.report.host.clone());
            findings.push(finding);
        }
    }
    findings
}
