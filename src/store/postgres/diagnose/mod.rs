//! What each host of a URL is, and how it does: `certlife doctor`.
//!
//! All hosts are asked at once, each on a connection of its own, and nothing is changed. Statements
//! are sent without being prepared, and each is one transaction: what it asks works behind every
//! pooler, and in every role.

pub(super) mod ask;
mod judge;
mod together;

use std::sync::Arc;

use futures_util::future::join_all;

use super::connector::Connector;
use super::runtime::Home;
use super::target::{HostTarget, Target};
use super::{PostgresOptions, PostgresStore};
use crate::store::StoreError;
use crate::store::diagnosis::{Diagnosis, Finding, HostReport};

use ask::Asked;

impl PostgresStore {
    /// Asks each host of the URL what it is and how it does, all of them at once: a primary or a
    /// standby, its timeline and its lag, whether commits wait for a standby, what holds the feed
    /// back, the schema, the role's rights, settings, and clocks. A host that cannot be reached, or
    /// that has no store, is a [finding](crate::store::diagnosis::Finding) and no error. Nothing is
    /// changed.
    ///
    /// [`PostgresOptions::connect_timeout`] (or that of the URL) is for each attempt to connect, of
    /// which a host has two at most, [`PostgresOptions::answer_timeout`] for all of its answers.
    /// So it ends, whatever the hosts do; resolving names has the limits of the system's resolver.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), certificate_lifecycle::store::StoreError> {
    /// use certificate_lifecycle::store::{PostgresOptions, PostgresStore};
    ///
    /// let url = "postgres://certlife@10.0.0.11,10.0.0.12/certlife";
    /// let diagnosis = PostgresStore::diagnose(url, &PostgresOptions::default()).await?;
    /// for finding in &diagnosis.findings {
    ///     println!("{}: {}", finding.severity, finding.found);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] where the URL cannot be read.
    pub async fn diagnose(url: &str, options: &PostgresOptions) -> Result<Diagnosis, StoreError> {
        let target = Target::parse(url)?;
        let home = Arc::new(Home::here()?);
        let hosts = target.hosts.iter();
        let asked = hosts.map(|host| diagnose_host(&target, host, &home, options));
        let mut hosts = join_all(asked).await;
        together::compare_logs(&mut hosts);
        let mut findings: Vec<Finding> = Vec::new();
        for host in &mut hosts {
            judge::judge(host, &target);
            findings.append(&mut host.findings);
        }
        findings.extend(together::judge(&hosts, &target));
        let reports: Vec<HostReport> = hosts.into_iter().map(|it| it.report).collect();
        Ok(Diagnosis::new("postgresql", findings, reports, None))
    }
}

/// Asks one host.
async fn diagnose_host(
    target: &Target,
    host: &HostTarget,
    home: &Arc<Home>,
    options: &PostgresOptions,
) -> Asked {
    let mut alone = target.clone();
    alone.hosts = vec![host.clone()];
    let limit = options.connect_timeout;
    let connector = Connector::new(Arc::new(alone), Arc::clone(home), Arc::default(), limit);
    let mut asked = Asked::new(host.name.clone(), target.tls.is_some());
    asked.ask(&connector, options.answer_timeout).await;
    asked
}
