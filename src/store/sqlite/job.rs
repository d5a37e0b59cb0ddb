//! What the writer is asked for.

use tokio::sync::oneshot;

use super::change::{Change, ChangeKind};
use crate::store::within::Answers;
use crate::store::{Append, Atomicity, StoreError};

/// What the writer is asked for.
pub(super) enum Job {
    Append(Call),
    Change(Box<dyn Change>),
}

/// The commands of one call.
pub(super) struct Call {
    pub(super) batch: Vec<Append>,
    pub(super) atomicity: Atomicity,
    pub(super) answer: oneshot::Sender<Answers>,
}

impl Job {
    /// How many commands it has, or counts as.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Append(call) => call.batch.len(),
            Self::Change(change) => change.size(),
        }
    }

    /// Whether it may be lost with the machine's power although it was answered.
    pub(super) fn may_be_lost(&self) -> bool {
        match self {
            Self::Append(_) => false,
            Self::Change(change) => change.kind() == ChangeKind::Passing,
        }
    }

    /// Whether it appends events, which followers wait for.
    pub(super) fn appends(&self) -> bool {
        match self {
            Self::Append(_) => true,
            Self::Change(change) => change.kind() == ChangeKind::Appending,
        }
    }

    pub(super) fn refuse(self, error: &StoreError) {
        match self {
            Self::Append(call) => {
                let answers = refusals(&call.batch, error);
                call.tell(answers);
            }
            Self::Change(change) => change.failed(error.clone()),
        }
    }
}

impl Call {
    pub(super) fn tell(self, answers: Answers) {
        // A caller that has gone needs no answer.
        let _ = self.answer.send(answers);
    }
}

pub(super) fn refusals(batch: &[Append], error: &StoreError) -> Answers {
    batch.iter().map(|_| Err(error.clone().into())).collect()
}
