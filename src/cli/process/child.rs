//! A process that is ended with all that it has started.

use std::collections::BTreeSet;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::last_line::LastLine;

/// How long standard error is read after the command has ended: what it has started may have it
/// open, and is killed.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The groups that have not been killed.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills all groups, and lets none be started any more: the program is about to end, and drops
/// nothing.
pub(in crate::cli) fn kill_all() {
    let groups = groups();
    #[cfg(unix)]
    for id in groups
        .iter()
        .filter_map(|it| rustix::process::Pid::from_raw(*it))
    {
        let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
    }
    std::mem::forget(groups);
}

/// The process, and the group of all that it starts.
pub(super) struct Group {
    child: Child,
    #[cfg(unix)]
    id: GroupId,
}

#[cfg(unix)]
pub(super) type GroupId = Option<rustix::process::Pid>;
#[cfg(not(unix))]
pub(super) type GroupId = Option<std::convert::Infallible>;

/// Asks a group to end, whose head has not been waited for.
pub(super) fn terminate(group: GroupId) {
    #[cfg(unix)]
    if let Some(id) = group {
        let _ = rustix::process::kill_process_group(id, rustix::process::Signal::TERM);
    }
    #[cfg(not(unix))]
    let _ = group;
}

impl Group {
    /// Starts the command as the head of a group of its own.
    pub(super) fn start(mut command: Command) -> std::io::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        // `kill_all` finds this one, or it is not started.
        let mut groups = groups();
        let child = command.spawn()?;
        let id = child.id().and_then(|it| i32::try_from(it).ok());
        groups.extend(id);
        Ok(Self {
            #[cfg(unix)]
            id: id.and_then(rustix::process::Pid::from_raw),
            child,
        })
    }

    /// Gives it the input, and waits for its end. Its exit status, and the last line of its
    /// standard error.
    pub(super) async fn end(
        &mut self,
        input: &[u8],
    ) -> (std::io::Result<ExitStatus>, Option<String>) {
        let (stdin, mut stderr) = (self.child.stdin.take(), self.child.stderr.take());
        let mut line = LastLine::default();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command need not read it.
                let _ = stdin.write_all(input).await;
            }
        };
        let status = {
            let read = async {
                if let Some(stderr) = &mut stderr {
                    line.read(stderr).await;
                }
                // What is under way may have closed it.
                std::future::pending::<()>().await;
            };
            let feed_and_read = async { tokio::join!(feed, read) };
            tokio::select! {
                status = self.child.wait() => status,
                // It has no end.
                _ = feed_and_read => unreachable!(),
            }
        };
        self.kill();
        if let Some(stderr) = &mut stderr {
            let _ = timeout(LAST_WORDS, line.read(stderr)).await;
        }
        (status, line.text())
    }

    /// What the group is asked to end by.
    pub(super) const fn id(&self) -> GroupId {
        #[cfg(unix)]
        return self.id;
        #[cfg(not(unix))]
        return None;
    }

    /// Ends the group, once: afterwards its number may be another's.
    fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.id.take() {
            let mut groups = groups();
            groups.remove(&id.as_raw_nonzero().get());
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
