//! The signals that end a command which runs for long: Ctrl-C, and what a service manager sends.

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::Failure;

/// The exit statuses that shells have for processes that such a signal has ended.
const INTERRUPTED: i32 = 130;
#[cfg(unix)]
const TERMINATED: i32 = 143;

/// From here on, the first signal completes the future, and the second ends the process at once,
/// but for `last`, which is done before.
///
/// A thread of its own waits for them: writing to a standard output that is not read may have
/// blocked all others.
pub(super) fn first(last: fn()) -> Result<impl Future<Output = ()>, Failure> {
    let failed = |error| Failure::Start { error };
    let (ready, is_ready) = mpsc::channel();
    let (sender, first) = oneshot::channel();
    let thread = thread::Builder::new().name("signals".to_owned());
    thread
        .spawn(move || {
            if let Err(error) = watch(&ready, sender, last) {
                let _ = ready.send(Err(error));
            }
        })
        .map_err(failed)?;
    let began = is_ready.recv().map_err(io::Error::other);
    began.and_then(|it| it).map_err(failed)?;
    Ok(async {
        if first.await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

fn watch(
    ready: &mpsc::Sender<io::Result<()>>,
    first: oneshot::Sender<()>,
    last: fn(),
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let _ = ready.send(Ok(()));
        signals.next().await;
        // The command may have ended by itself.
        let _ = first.send(());
        let status = signals.next().await;
        last();
        std::process::exit(status);
    })
}

#[cfg(unix)]
struct Signals {
    interrupted: tokio::signal::unix::Signal,
    terminated: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for a signal; the exit status that stands for it.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupted.recv() => INTERRUPTED,
            _ = self.terminated.recv() => TERMINATED,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            // Where it cannot be waited for, it ends the process.
            std::future::pending::<()>().await;
        }
        INTERRUPTED
    }
}
