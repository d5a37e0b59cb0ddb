//! Connecting: all hosts of the URL are asked, and the right one is taken.
//!
//! A host that accepts a connection and then does not answer, or that is not there at all, does not
//! keep a store from the others. Of several servers that take writes, the one with the newest
//! history is the primary; one of the past was cut off from the others when another took its place,
//! and has not noticed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket};

use super::cluster::{Cluster, Wire};
use super::runtime::{Home, Owned};
use super::server::{self, Server};
use super::target::{Target, Wanted};
use crate::store::chance::chance;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NotConnected {
    /// What the driver or the server says.
    Driver(tokio_postgres::Error),
    /// What the server says to the first statements.
    SetUp(tokio_postgres::Error),
    /// The host does not answer.
    NoAnswer(Duration),
    /// The server takes no writes.
    ReadOnly { is_standby: bool },
    /// The server takes writes, where one that does not is wanted.
    Writable,
    /// The server is one of the past.
    Past { timeline: i64, newest: i64 },
    /// So many sessions wait for the synchronous standby that more of them would take all
    /// connections.
    TooManyWait(i64),
    /// What is behind the URL shares sessions.
    SharedSession,
    /// What each host of the URL has to say.
    Hosts(Vec<(String, NotConnected)>),
    /// The runtime has ended.
    Over,
}

impl NotConnected {
    /// Whether this is so of an error of the driver or the server, of any host.
    pub(super) fn any(&self, is: &impl Fn(&tokio_postgres::Error) -> bool) -> bool {
        match self {
            Self::Driver(error) | Self::SetUp(error) => is(error),
            Self::Hosts(hosts) => hosts.iter().any(|(_, error)| error.any(is)),
            _ => false,
        }
    }

    /// Whether sessions are shared behind any of the hosts.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::SharedSession => true,
            Self::Hosts(hosts) => hosts.iter().any(|(_, error)| error.is_shared()),
            _ => false,
        }
    }
}

/// Connects to the hosts of a URL.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) target: Arc<Target>,
    home: Arc<Home>,
    pub(super) cluster: Arc<Cluster>,
    /// Of one attempt, with all that belongs to it.
    pub(super) limit: Duration,
}

/// What came of a step.
pub(super) enum Step {
    /// The addresses of a host, each as a host.
    Addresses(usize, Vec<Config>),
    Answered(usize, Result<Answer, NotConnected>),
}

/// A connection to a host, before it is taken.
pub(super) struct Answer {
    pub(super) client: Client,
    pub(super) task: Owned<()>,
    pub(super) wire: Arc<Wire>,
    pub(super) server: Server,
}

impl Connector {
    pub(super) fn new(
        target: Arc<Target>,
        home: Arc<Home>,
        cluster: Arc<Cluster>,
        limit: Duration,
    ) -> Self {
        let limit = target.connect_timeout.unwrap_or(limit);
        Self {
            target,
            home,
            cluster,
            limit,
        }
    }

    /// Which server those who read want.
    pub(super) fn reading(&self) -> Wanted {
        self.target.reading
    }

    /// Cancels what the connection is busy with. Only for what changes nothing.
    pub(super) async fn cancel(&self, client: &Client) {
        let token = client.cancel_token();
        let cancelled = async {
            match self.target.tls.clone() {
                Some(tls) => token.cancel_query(tls).await,
                None => token.cancel_query(NoTls).await,
            }
        };
        // Should it not arrive, the server ends it by itself some time.
        let _ = timeout(self.limit, cancelled).await;
    }

    /// The hosts in the order in which they are asked, those of a group together.
    pub(super) fn groups(&self, wanted: Wanted) -> VecDeque<Vec<usize>> {
        let mut hosts: Vec<usize> = (0..self.target.hosts.len()).collect();
        if self.target.is_shuffled {
            hosts.sort_by_cached_key(|_| chance());
        }
        match wanted {
            Wanted::Writable | Wanted::PreferWritable => {
                let Some(known) = self.cluster.writable() else {
                    return VecDeque::from([hosts]);
                };
                hosts.retain(|it| *it != known);
                VecDeque::from([vec![known], hosts])
            }
            Wanted::Any | Wanted::ReadOnly | Wanted::PreferReadOnly => {
                hosts.into_iter().map(|it| vec![it]).collect()
            }
        }
    }

    /// Connects to one address of a host, on the store's runtime: the caller's may end before the
    /// connection does.
    pub(super) async fn attempt(
        self,
        host: usize,
        config: Config,
        hear: Option<watch::Sender<()>>,
        after: Duration,
    ) -> Step {
        tokio::time::sleep(after).await;
        let limit = self.limit;
        let tls = self.target.tls.clone();
        let connecting = self.home.spawn(async move {
            let answer = async {
                let wire = Arc::new(Wire::default());
                let (client, task) = match tls {
                    Some(tls) => open(&config, tls, &wire, hear).await?,
                    None => open(&config, NoTls, &wire, hear).await?,
                };
                let asked = server::ask(&client).await;
                let (server, is_shared) = asked.map_err(NotConnected::Driver)?;
                if is_shared {
                    return Err(NotConnected::SharedSession);
                }
                Ok(Answer {
                    client,
                    task,
                    wire,
                    server,
                })
            };
            let answer = timeout(limit, answer).await;
            answer.unwrap_or(Err(NotConnected::NoAnswer(limit)))
        });
        let answer = Owned::new(connecting).result().await;
        Step::Answered(host, answer.unwrap_or(Err(NotConnected::Over)))
    }

    /// The addresses of a host, or the host as it is.
    pub(super) async fn addresses(self, host: usize) -> Step {
        let Some(target) = self.target.hosts.get(host) else {
            return Step::Addresses(host, Vec::new());
        };
        let as_it_is = || vec![target.config.clone()];
        let Some(lookup) = target.lookup.clone() else {
            return Step::Addresses(host, as_it_is());
        };
        let found = self.home.spawn(timeout(self.limit, async move {
            let found = tokio::net::lookup_host(lookup).await;
            found.map(|it| it.map(|it| it.ip()).collect::<Vec<_>>())
        }));
        let Some(found) = Owned::new(found).result().await else {
            return Step::Answered(host, Err(NotConnected::Over));
        };
        let Ok(found) = found else {
            return Step::Answered(host, Err(NotConnected::NoAnswer(self.limit)));
        };
        let mut addresses = Vec::new();
        for address in found.unwrap_or_default() {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.len() < 2 {
            // The driver says best what is wrong with a name.
            return Step::Addresses(host, as_it_is());
        }
        let with = |address| {
            let mut config = target.config.clone();
            config.hostaddr(address);
            config
        };
        Step::Addresses(host, addresses.into_iter().map(with).collect())
    }
}

/// Opens a connection and starts its task.
async fn open<T>(
    config: &Config,
    tls: T,
    wire: &Arc<Wire>,
    hear: Option<watch::Sender<()>>,
) -> Result<(Client, Owned<()>), NotConnected>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let connected = config.connect(tls).await;
    let (client, connection) = connected.map_err(NotConnected::Driver)?;
    let task = tokio::spawn(drive(connection, Arc::clone(wire), hear));
    Ok((client, Owned::new(task)))
}

/// Drives a connection until it ends. How it ends, its client hears.
async fn drive<T>(
    mut connection: Connection<Socket, T>,
    wire: Arc<Wire>,
    hear: Option<watch::Sender<()>>,
) where
    Connection<Socket, T>: Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let messages = async {
        // A message comes before the end of the statement that it belongs to.
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                AsyncMessage::Notice(notice) if is_doubt(&notice) => wire.doubt(),
                AsyncMessage::Notification(_) => {
                    if let Some(hear) = &hear {
                        hear.send_replace(());
                    }
                }
                _ => {}
            }
        }
    };
    tokio::select! {
        () = messages => {}
        () = wire.ended() => {}
    }
}

/// Whether the server warns that a commit is not where it waited for it to be: its wait was
/// cancelled, or its session terminated. PostgreSQL has no code of its own for the first, but names
/// the routine that it comes from.
fn is_doubt(notice: &DbError) -> bool {
    let is_of_a_wait = match notice.routine() {
        Some(routine) => routine == "SyncRepWaitForLSN",
        None => [SqlState::WARNING, SqlState::ADMIN_SHUTDOWN].contains(notice.code()),
    };
    is_of_a_wait && notice.parsed_severity() == Some(Severity::Warning)
}
