//! What the writer does beside appending: one closure, in a transaction with whatever else waits.

use tokio::sync::oneshot;

use super::write::Write;
use crate::store::{Result, StoreError};

/// What came of a change: an answer, which may be an error; or an error that takes it all back.
pub(super) type Outcome<T> = rusqlite::Result<Result<T>>;

/// What a change has to survive, and who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeKind {
    /// It may be lost with the machine's power although it was answered.
    Passing,
    /// It survives that.
    Lasting,
    /// The same; and it appends events, which followers wait for.
    Appending,
}

/// A change that a caller waits for.
pub(super) trait Change: Send {
    /// How many commands it counts as.
    fn size(&self) -> usize;

    fn kind(&self) -> ChangeKind;

    /// Carries it out within a transaction. It is carried out again where that one is rolled back.
    fn carry_out(&mut self, write: &mut Write<'_>) -> rusqlite::Result<()>;

    /// Answers: the transaction is committed.
    fn committed(self: Box<Self>);

    /// Answers that nothing was changed, or that the outcome is unknown.
    fn failed(self: Box<Self>, error: StoreError);

    /// Takes its second half out, if it has parts that can go without each other.
    fn split(&mut self) -> Option<Box<dyn Change>> {
        None
    }
}

/// A change by a closure. Its answer is given when it is committed, also where that is an
/// error.
pub(super) struct Task<T, F> {
    pub(super) size: usize,
    pub(super) kind: ChangeKind,
    pub(super) work: F,
    pub(super) outcome: Option<Result<T>>,
    pub(super) answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Change for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Write<'_>) -> Outcome<T> + Send,
{
    fn size(&self) -> usize {
        self.size
    }

    fn kind(&self) -> ChangeKind {
        self.kind
    }

    fn carry_out(&mut self, write: &mut Write<'_>) -> rusqlite::Result<()> {
        self.outcome = Some((self.work)(write)?);
        Ok(())
    }

    fn committed(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // A caller that has gone needs no answer.
            let _ = self.answer.send(outcome);
        }
    }

    fn failed(self: Box<Self>, error: StoreError) {
        let _ = self.answer.send(Err(error));
    }
}
