//! One attempt, as a task of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;

use super::core::Ended;
use super::telemetry::UnderWay;
use super::work::{Cancelled, Control, Outcome, Work, Worker};

/// How long work has after it was cancelled, before its future is dropped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Ends the task with this.
struct Task(JoinHandle<Outcome>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How an attempt is cancelled.
pub(super) type Cancel = watch::Sender<Option<Cancelled>>;

/// Begins the work, on a task of its own: work that keeps a thread busy holds up no other. Returns
/// how it is cancelled, and its end.
pub(super) fn begin<W: Worker>(
    worker: &Arc<W>,
    work: Work,
    limit: Duration,
) -> (Arc<Cancel>, impl Future<Output = Ended> + Send + use<W>) {
    let (cancel, control) = Control::new();
    let cancel = Arc::new(cancel);
    let end = end(
        Arc::clone(worker),
        work,
        limit,
        Arc::clone(&cancel),
        control,
    );
    (cancel, end)
}

async fn end<W: Worker>(
    worker: Arc<W>,
    work: Work,
    limit: Duration,
    cancel: Arc<Cancel>,
    control: Control,
) -> Ended {
    let _under_way = UnderWay::begin();
    let deadline = Instant::now() + limit;
    let span = tracing::info_span!(
        "work",
        application = %work.uuid(),
        version = work.version(),
        attempt = work.attempt
    );
    let of_work = control.clone();
    let personal = Personal::of(&work);
    let working = async move { worker.work(&work, &of_work).await };
    let mut task = Task(tokio::spawn(working.instrument(span)));
    let why = tokio::select! {
        biased;
        outcome = &mut task.0 => return ended(outcome, &personal),
        why = control.cancelled() => why,
        () = sleep_until(deadline) => {
            cancel.send_replace(Some(Cancelled::Timeout));
            Cancelled::Timeout
        }
    };
    match timeout(LAST_WORDS, &mut task.0).await {
        Ok(outcome) => ended(outcome, &personal),
        Err(_) => Ended::Cancelled(why),
    }
}

fn ended(outcome: Result<Outcome, JoinError>, personal: &Personal) -> Ended {
    match outcome {
        Ok(Outcome::Again(why)) => Ended::Done(Outcome::Again(personal.without(&why))),
        Ok(Outcome::Later { after, why }) => {
            let why = personal.without(&why);
            Ended::Done(Outcome::Later { after, why })
        }
        Ok(outcome) => Ended::Done(outcome),
        // Its text may be personal.
        Err(error) if error.is_panic() => Ended::Broken("the work panicked"),
        Err(_) => Ended::Broken("the work was dropped before its end"),
    }
}

/// What a reason must not repeat: it is in the log.
struct Personal([String; 2]);

impl Personal {
    /// A shorter text may stand in any word.
    const SHORTEST: usize = 4;

    fn of(work: &Work) -> Self {
        let details = work.application.details();
        Self([
            details.applicant_email().as_str().to_owned(),
            details.certificate_title().as_str().to_owned(),
        ])
    }

    fn without(&self, text: &str) -> String {
        let long = self.0.iter().filter(|it| it.len() >= Self::SHORTEST);
        long.fold(text.to_owned(), |text, it| text.replace(&**it, "…"))
    }
}
