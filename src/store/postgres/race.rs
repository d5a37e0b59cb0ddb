//! The attempts for one connection, side by side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::Client;

use super::cluster::About;
use super::connector::{Answer, Connector, NotConnected, Step};
use super::server::{self, Server};
use super::target::Wanted;

/// How long after a host the next ones are asked as well.
const HEAD_START: Duration = Duration::from_millis(250);

/// After how long without an answer hosts are asked once more.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the others may take to show that the first server that takes writes is one of the past.
const OTHERS: Duration = Duration::from_millis(250);

/// How long a server that takes writes may take, once a standby has answered, before the standby
/// has to do.
const SPARE: Duration = Duration::from_secs(1);

/// A connection, and to which server.
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) task: JoinHandle<()>,
    pub(super) about: Arc<About>,
}

impl Connector {
    /// A connection to the server that is wanted. `hear` changes with each notification on it.
    pub(super) async fn connect(
        &self,
        wanted: Wanted,
        hear: Option<&watch::Sender<()>>,
    ) -> Result<Found, NotConnected> {
        let mut race = Race::new(self, wanted, hear);
        race.run().await
    }

    /// Of the connections that these are the servers of: which are not to be waited for any longer.
    /// Another has taken the server's place, or the server has nothing to do for the connection:
    /// the question or the answer was lost on the way. All hosts are looked at.
    pub(super) async fn lost(&self, servers: Vec<Server>) -> Vec<Server> {
        let mut race = Race::new(self, Wanted::Writable, None);
        race.looks_at = Some((0..self.target.hosts.len()).collect());
        let found = race.run().await;
        let answered = race.answered;
        let Ok(found) = found else { return Vec::new() };
        let newest = &found.about.server;
        let here = servers.iter().filter(|it| it.is_same(newest));
        let processes: Vec<i32> = here.map(|it| it.process).collect();
        let idle = timeout(self.limit, server::idle(&found.client, &processes));
        let idle = idle.await.ok().and_then(Result::ok).unwrap_or_default();
        let is_lost = |server: &Server| {
            if server.is_same(newest) {
                return idle.contains(&server.process);
            }
            if server.is_standby {
                return false;
            }
            match (server.history, newest.history) {
                (Some(of), Some(newest)) if of.is_before(newest) => true,
                _ => !answered.iter().any(|it| it.is_same(server)),
            }
        };
        servers.into_iter().filter(is_lost).collect()
    }

    /// Looks at the hosts beside the one that is known to take writes. If one of them does so with
    /// a newer history, the connections to the others are ended.
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
        let end = start + self.connector.limit;
        let (mut next, mut is_over_at) = (start, end);
        let (all, mut again) = (groups.clone(), start + AGAIN);
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
                // What was sent may have been lost on the way.
                () = sleep_until(again), if groups.is_empty() => {
                    groups.extend(all.iter().flatten().map(|host| vec![*host]));
                    again = Instant::now() + AGAIN;
                    next = Instant::now();
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
        let task = task.release().ok_or(NotConnected::Over)?;
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
