//! Connecting: all hosts of the URL are asked, and the right one is taken.
//!
//! A host that accepts a connection and then does not answer, or that is not there at all, keeps nobody from the
//! others. Of several servers that take writes, the one with the newest history is the primary; one of the past
//! was cut off from the others when another took its place, and has not noticed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket};

use super::cluster::{About, Cluster, Wire};
use super::home::Home;
use super::server::{self, Server};
use super::target::{Target, Wanted};
use crate::store::chance::chance;

/// How long after a host the next ones are asked as well.
const HEAD_START: Duration = Duration::from_millis(250);

/// How long the others may take to show that the first server that takes writes is one of the past.
const OTHERS: Duration = Duration::from_millis(250);

/// How long a server that takes writes may take, once a standby has answered, before the standby has to do.
const SPARE: Duration = Duration::from_secs(1);

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
}

impl NotConnected {
    /// Whether sessions are shared behind any of the hosts.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::SharedSession => true,
            Self::Hosts(hosts) => hosts.iter().any(|(_, error)| error.is_shared()),
            _ => false,
        }
    }
}

/// A connection, and to which server.
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) task: JoinHandle<()>,
    pub(super) about: Arc<About>,
}

/// Connects to the hosts of a URL.
#[derive(Clone)]
pub(super) struct Connector {
    target: Target,
    home: Arc<Home>,
    pub(super) cluster: Arc<Cluster>,
    /// Of one attempt, with all that belongs to it.
    limit: Duration,
}

/// A task that ends with its owner.
struct Owned<T>(Option<JoinHandle<T>>);

impl<T> Owned<T> {
    const fn new(task: JoinHandle<T>) -> Self {
        Self(Some(task))
    }

    /// What it comes to; none where the runtime has ended.
    async fn result(&mut self) -> Option<T> {
        self.0.as_mut()?.await.ok()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// What came of a step.
enum Step {
    /// The addresses of a host, each as a host.
    Addresses(usize, Vec<Config>),
    Answered(usize, Result<Answer, NotConnected>),
}

/// A connection to a host, before it is taken.
struct Answer {
    client: Client,
    task: Owned<()>,
    wire: Arc<Wire>,
    server: Server,
}

impl Connector {
    pub(super) fn new(
        target: Target,
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
    pub(super) const fn reading(&self) -> Wanted {
        self.target.reading
    }

    /// A connection to the server that is wanted. What is heard on it is told to `hear`.
    pub(super) async fn connect(
        &self,
        wanted: Wanted,
        hear: Option<&watch::Sender<()>>,
    ) -> Result<Found, NotConnected> {
        let mut race = Race::new(self, wanted, hear);
        race.run().await
    }

    /// Which of these servers are not to be waited for any longer: another has taken their place. All hosts are
    /// looked at.
    pub(super) async fn replaced(&self, servers: Vec<Server>) -> Vec<Server> {
        let mut race = Race::new(self, Wanted::Writable, None);
        race.looks_at = Some((0..self.target.hosts.len()).collect());
        let found = race.run().await;
        let answered = race.answered;
        let Ok(found) = found else { return Vec::new() };
        let newest = &found.about.server;
        let is_replaced = |server: &Server| {
            if server.is_same(newest) || server.is_standby {
                return false;
            }
            match (server.history, newest.history) {
                (Some(of), Some(newest)) if of.is_before(newest) => true,
                _ => !answered.iter().any(|it| it.is_same(server)),
            }
        };
        servers.into_iter().filter(is_replaced).collect()
    }

    /// Looks at the hosts beside the one that is known to take writes. If one of them does so with a newer history,
    /// the connections to the others are ended.
    pub(super) async fn look_around(&self) {
        let known = self.cluster.writable();
        let hosts = (0..self.target.hosts.len()).filter(|it| Some(*it) != known);
        let hosts: Vec<usize> = hosts.collect();
        if known.is_some() && !hosts.is_empty() {
            let mut race = Race::new(self, Wanted::Writable, None);
            race.looks_at = Some(hosts);
            // What is found is known from then on.
            drop(race.run().await);
        }
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
    fn groups(&self, wanted: Wanted) -> VecDeque<Vec<usize>> {
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

    /// Connects to one address of a host, on the store's runtime: the caller's may end before the connection does.
    async fn attempt(
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
    async fn addresses(self, host: usize) -> Step {
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

/// Whether the server warns that a commit is not where it waited for it to be: its wait was cancelled, or its session
/// terminated. PostgreSQL has no code of its own for the first. What a routine in PL/pgSQL raises has the same code,
/// and says nothing about a commit.
fn is_doubt(notice: &DbError) -> bool {
    let is_warning = notice.parsed_severity() == Some(Severity::Warning);
    let is_raised = notice.routine() == Some("exec_stmt_raise");
    is_warning
        && (*notice.code() == SqlState::ADMIN_SHUTDOWN
            || (*notice.code() == SqlState::WARNING && !is_raised))
}

/// The attempts for one connection.
struct Race<'c> {
    connector: &'c Connector,
    wanted: Wanted,
    hear: Option<&'c watch::Sender<()>>,
    /// The hosts that are all looked at, whichever answers first.
    looks_at: Option<Vec<usize>>,
    answered: Vec<Server>,
    refused: Vec<(usize, NotConnected)>,
    best: Option<(usize, Answer)>,
    spare: Option<(usize, Answer)>,
}

impl<'c> Race<'c> {
    const fn new(
        connector: &'c Connector,
        wanted: Wanted,
        hear: Option<&'c watch::Sender<()>>,
    ) -> Self {
        Self {
            connector,
            wanted,
            hear,
            looks_at: None,
            answered: Vec::new(),
            refused: Vec::new(),
            best: None,
            spare: None,
        }
    }

    async fn run(&mut self) -> Result<Found, NotConnected> {
        let mut groups = match &self.looks_at {
            Some(hosts) => VecDeque::from([hosts.clone()]),
            None => self.connector.groups(self.wanted),
        };
        let mut steps: FuturesUnordered<BoxFuture<'static, Step>> = FuturesUnordered::new();
        let start = Instant::now();
        // One attempt may come after the other.
        let end = start + 2 * self.connector.limit;
        let (mut next, mut is_over_at) = (start, end);
        loop {
            tokio::select! {
                Some(step) = steps.next(), if !steps.is_empty() => match step {
                    Step::Addresses(host, configs) => {
                        let mut after = Duration::ZERO;
                        for config in configs {
                            let connector = self.connector.clone();
                            let hear = self.hear.cloned();
                            steps.push(Box::pin(connector.attempt(host, config, hear, after)));
                            after += HEAD_START;
                        }
                    }
                    Step::Answered(host, Ok(answer)) => {
                        self.answered.push(answer.server.clone());
                        if self.take(host, answer) {
                            break;
                        }
                        next = Instant::now();
                    }
                    Step::Answered(host, Err(error)) => {
                        self.refused.push((host, error));
                        next = Instant::now();
                    }
                },
                () = sleep_until(next), if !groups.is_empty() => {
                    for host in groups.pop_front().unwrap_or_default() {
                        steps.push(Box::pin(self.connector.clone().addresses(host)));
                    }
                    next = Instant::now() + HEAD_START;
                }
                () = sleep_until(is_over_at) => break,
            }
            if steps.is_empty() && groups.is_empty() {
                break;
            }
            let patience = match (&self.best, &self.spare) {
                (Some(_), _) => OTHERS,
                (None, Some(_)) => SPARE,
                (None, None) => continue,
            };
            is_over_at = is_over_at.min(Instant::now() + patience);
        }
        drop(steps);
        self.end()
    }

    /// Looks at a server that has answered; whether it is the one.
    fn take(&mut self, host: usize, answer: Answer) -> bool {
        let server = &answer.server;
        let newest = self.connector.cluster.history();
        let is_only_host = self.connector.target.hosts.len() == 1;
        if let (Some(history), Some(newest)) = (server.history, newest)
            && history.is_before(newest)
        {
            let error = NotConnected::Past {
                timeline: history.timeline(),
                newest: newest.timeline(),
            };
            self.refused.push((host, error));
            return false;
        }
        let is_read_only = server.is_read_only;
        match self.wanted {
            Wanted::Writable | Wanted::PreferWritable if is_read_only => {
                let is_standby = server.is_standby;
                if self.wanted == Wanted::PreferWritable && self.spare.is_none() {
                    self.spare = Some((host, answer));
                }
                let error = NotConnected::ReadOnly { is_standby };
                self.refused.push((host, error));
                false
            }
            Wanted::Writable | Wanted::PreferWritable => {
                // None can be newer than the newest, but for one that the watch will find.
                let is_known = newest.is_some() && server.history == newest;
                let is_newer = |best: &Answer| match (best.server.history, server.history) {
                    (Some(best), Some(history)) => best.is_before(history),
                    _ => false,
                };
                if self.best.as_ref().is_none_or(|(_, best)| is_newer(best)) {
                    self.best = Some((host, answer));
                }
                self.looks_at.is_none() && (is_known || is_only_host)
            }
            Wanted::ReadOnly | Wanted::PreferReadOnly if !is_read_only => {
                if self.wanted == Wanted::PreferReadOnly && self.spare.is_none() {
                    self.spare = Some((host, answer));
                }
                self.refused.push((host, NotConnected::Writable));
                false
            }
            Wanted::Any | Wanted::ReadOnly | Wanted::PreferReadOnly => {
                self.best = Some((host, answer));
                true
            }
        }
    }

    fn end(&mut self) -> Result<Found, NotConnected> {
        let is_spare = self.best.is_none();
        let Some((host, answer)) = self.best.take().or_else(|| self.spare.take()) else {
            return Err(self.error());
        };
        let cluster = &self.connector.cluster;
        cluster.found(&answer.server, host);
        let Answer {
            client,
            mut task,
            wire,
            server,
        } = answer;
        let about = Arc::new(About {
            server,
            wire,
            is_spare,
        });
        cluster.connected(&about);
        // From here on it ends with the client.
        let task = task.0.take().ok_or(NotConnected::Over)?;
        Ok(Found {
            client,
            task,
            about,
        })
    }

    fn error(&mut self) -> NotConnected {
        let hosts = &self.connector.target.hosts;
        let limit = self.connector.limit;
        if let [_] = hosts.as_slice() {
            let first = self.refused.drain(..).next();
            return first.map_or(NotConnected::NoAnswer(limit), |(_, error)| error);
        }
        let mut of_hosts = Vec::new();
        for (at, host) in hosts.iter().enumerate() {
            let found = self.refused.iter().position(|(of, _)| *of == at);
            let error = found.map(|it| self.refused.swap_remove(it).1);
            let error = error.unwrap_or(NotConnected::NoAnswer(limit));
            of_hosts.push((host.name.clone(), error));
        }
        NotConnected::Hosts(of_hosts)
    }
}
