//! The questions to one host.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::store::StoreError;
use crate::store::clock::{Clock, SystemClock};
use crate::store::diagnosis::{
    Connections, FeedHolder, Finding, FindingCode, HostReport, HostRole, Receiving,
    ReplicationSlot, SchemaReport, Severity, StandbyReport, Synchronous,
};
use crate::store::postgres::{
    connector::{Connector, NotConnected},
    failure::{not_read, repeatable},
    race::Found,
    schema::{NEEDED, NEWEST, check_shape, place, version},
    server::Server,
    sql::statements,
    target::Wanted,
    unconnected::not_connected,
};

statements! {
    SERVER() = include_str!("server.sql");
    CONTROL() = include_str!("control.sql");
    PRIMARY() = include_str!("primary.sql");
    STANDBY() = include_str!("standby.sql");
    RIGHTS() = include_str!("rights.sql");
    FUNCTIONS() = include_str!("functions.sql");
}

/// What a host has answered, and what is to be said of it.
pub(super) struct Asked {
    pub(super) report: HostReport,
    pub(super) findings: Vec<Finding>,
    /// The server that was found, to tell it from that of another host.
    pub(super) server: Option<Server>,
    /// How many standbys are connected, whether or not the role may see them.
    pub(super) senders: i64,
}

/// The answer to `server.sql`.
#[derive(Deserialize)]
struct About {
    server_version: String,
    now_ms: i64,
    user: String,
    sees_statistics: bool,
    used: i64,
    limit: i64,
    settings: BTreeMap<String, String>,
}

/// The answer to `control.sql`.
#[derive(Deserialize)]
struct Control {
    system: Option<String>,
    timeline: Option<i64>,
    log_position: Option<i64>,
}

/// The answer to `primary.sql`.
#[derive(Deserialize)]
struct Primary {
    waiting: i64,
    longest_wait_ms: Option<i64>,
    senders: i64,
    standbys: Vec<StandbyReport>,
    slots: Vec<ReplicationSlot>,
    feed_held_by: Vec<FeedHolder>,
}

/// Marks the session, as those of a store are marked: a second connection that finds the mark has
/// the session of the first.
const MARK: &str = "SET certlife.session = 'mine'";

/// How long a connection may take to say goodbye.
const CLOSING: Duration = Duration::from_millis(200);

/// Ends a connection in good order: the server would complain of one that is only lost.
async fn close(found: Found, limit: Duration) {
    let Found { client, task, .. } = found;
    drop(client);
    let _ = timeout(limit.min(CLOSING), task).await;
}

impl Asked {
    pub(super) fn new(host: String, is_encrypted: bool) -> Self {
        Self {
            report: HostReport {
                host,
                is_encrypted,
                ..HostReport::default()
            },
            findings: Vec::new(),
            server: None,
            senders: 0,
        }
    }

    /// Adds a finding about this host.
    pub(super) fn find(&mut self, code: FindingCode, severity: Severity, found: impl Into<String>) {
        let mut finding = Finding::new(code, severity, found);
        finding.host = Some(self.report.host.clone());
        self.findings.push(finding);
    }

    /// Connects, and asks all there is to ask.
    pub(super) async fn ask(&mut self, connector: &Connector, limit: Duration) {
        let found = match connector.connect(Wanted::Any, None).await {
            Ok(found) => found,
            Err(error) => return self.is_unreachable(error),
        };
        let server = found.about.server.clone();
        self.report.role = Some(match (server.is_standby, server.is_read_only) {
            (true, _) => HostRole::Standby,
            (false, true) => HostRole::ReadOnly,
            (false, false) => HostRole::Primary,
        });
        self.server = Some(server);
        let questions = self.questions(connector, &found.client);
        if timeout(limit, questions).await.is_err() {
            connector.cancel(&found.client).await;
            self.find(
                FindingCode::Unanswered,
                Severity::Wrong,
                format!("it has not answered all questions within {limit:?}"),
            );
        }
        close(found, limit).await;
    }

    fn is_unreachable(&mut self, error: NotConnected) {
        let code = if error.is_shared() {
            FindingCode::SessionShared
        } else {
            FindingCode::Unreachable
        };
        let found = match not_connected(error) {
            StoreError::Unavailable { reason, .. } | StoreError::Misconfigured { reason, .. } => {
                reason
            }
            other => other.to_string(),
        };
        self.find(code, Severity::Wrong, found);
    }

    async fn questions(&mut self, connector: &Connector, client: &Client) {
        if client.batch_execute(MARK).await.is_ok() {
            match connector.connect(Wanted::Any, None).await {
                Ok(second) => close(second, CLOSING).await,
                Err(error) if error.is_shared() => return self.is_unreachable(error),
                // There may be no second connection left.
                Err(_) => {}
            }
        }
        self.ask_server(client).await;
        self.ask_control(client).await;
        if self.report.role == Some(HostRole::Standby) {
            self.ask_standby(client).await;
        } else {
            self.ask_primary(client).await;
        }
        self.ask_schema(client).await;
        self.ask_functions(client).await;
    }

    async fn ask_server(&mut self, client: &Client) {
        let before = SystemClock.now().timestamp_millis();
        let Some(about) = self.answer::<About>(client, SERVER, "the server").await else {
            return;
        };
        let after = SystemClock.now().timestamp_millis();
        let took = after.saturating_sub(before).max(0);
        let report = &mut self.report;
        report.server_version = Some(repeatable(&about.server_version));
        report.answered_in_ms = Some(took);
        report.clock_skew_ms = Some(about.now_ms.saturating_sub(before.saturating_add(took / 2)));
        report.user = Some(repeatable(&about.user));
        report.sees_statistics = Some(about.sees_statistics);
        report.connections = Some(connections(about.used, about.limit));
        let settings = about.settings.into_iter();
        report.settings = settings
            .map(|(it, value)| (it, repeatable(&value)))
            .collect();
    }

    async fn ask_control(&mut self, client: &Client) {
        if let Some(control) = self
            .answer::<Control>(client, CONTROL, "its timeline")
            .await
        {
            self.report.system = control.system;
            self.report.timeline = control.timeline;
            self.report.log_position = control.log_position;
        }
    }

    async fn ask_primary(&mut self, client: &Client) {
        let Some(mut primary) = self
            .answer::<Primary>(client, PRIMARY, "its standbys")
            .await
        else {
            return;
        };
        primary
            .standbys
            .iter_mut()
            .for_each(|it| it.name = repeatable(&it.name));
        primary
            .feed_held_by
            .iter_mut()
            .for_each(|it| it.name = repeatable(&it.name));
        let setting = |name: &str| self.report.settings.get(name).cloned().unwrap_or_default();
        let synchronous = Synchronous {
            standby_names: setting("synchronous_standby_names"),
            commit: setting("synchronous_commit"),
            waiting: primary.waiting,
            longest_wait_ms: primary.longest_wait_ms,
        };
        self.senders = primary.senders;
        self.report.synchronous = Some(synchronous);
        let sees_all = self.report.sees_statistics == Some(true);
        self.report.standbys = (sees_all || primary.senders == 0).then_some(primary.standbys);
        self.report.slots = primary.slots;
        self.report.feed_held_by = primary.feed_held_by;
    }

    async fn ask_standby(&mut self, client: &Client) {
        self.report.receiving = self
            .answer::<Receiving>(client, STANDBY, "what it receives")
            .await;
    }

    /// The schema, as opening a store looks at it.
    async fn ask_schema(&mut self, client: &Client) {
        let found = async {
            let (place, _) = place(client).await?;
            let Some(found) = version(client, &place).await? else {
                return Err(StoreError::NoStore { place });
            };
            let schema = SchemaReport {
                version: found.oldest,
                expanded: found.expanded,
                needed: NEEDED,
                newest: NEWEST,
            };
            let shape = if found.expanded < NEEDED {
                Ok(())
            } else {
                check_shape(client, &place, NEWEST).await
            };
            Ok((schema, shape))
        };
        match found.await {
            Ok((schema, shape)) => {
                self.report.schema = Some(schema);
                if let Err(error) = shape {
                    return self.has_no_store(&error);
                }
                // Tables of before are not those that the rights are for.
                if schema.expanded >= schema.needed {
                    self.report.missing_rights =
                        self.answer(client, RIGHTS, "the role's rights").await;
                }
            }
            Err(error) => self.has_no_store(&error),
        }
    }

    fn has_no_store(&mut self, error: &StoreError) {
        let code = match error {
            StoreError::NoStore { .. } => FindingCode::NoStore,
            StoreError::NotAStore { .. } => FindingCode::NotAStore,
            StoreError::NewerSchema { .. } | StoreError::OlderSchema { .. } => FindingCode::Schema,
            StoreError::Misconfigured { .. } => FindingCode::Misconfigured,
            _ => FindingCode::Unanswered,
        };
        self.find(code, Severity::Wrong, error.to_string());
    }

    async fn ask_functions(&mut self, client: &Client) {
        let missing = self
            .answer::<Vec<String>>(client, FUNCTIONS, "functions")
            .await;
        for name in missing.into_iter().flatten() {
            self.find(
                FindingCode::FunctionMissing,
                Severity::Warning,
                format!("the role may not call {name}"),
            );
        }
    }

    /// The answer to a question that is one JSON text; none, with a finding, where there is none.
    async fn answer<T: DeserializeOwned>(
        &mut self,
        client: &Client,
        sql: &str,
        about: &str,
    ) -> Option<T> {
        let answer = async {
            let row = client.query_typed_one(sql, &[]).await.map_err(not_read)?;
            row.try_get::<_, String>(0).map_err(not_read)
        };
        let problem = match answer.await {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(answer) => return Some(answer),
                Err(_) => "its answer cannot be read".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        self.find(
            FindingCode::FunctionMissing,
            Severity::Warning,
            format!("it does not tell about {about}: {problem}"),
        );
        None
    }
}

const fn connections(used: i64, limit: i64) -> Connections {
    Connections { used, limit }
}
