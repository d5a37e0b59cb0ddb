//! One statement for many commands, each for itself, and why some of them did not go through.

use std::time::Duration;

use uuid::Uuid;

use super::batch;
use super::failure::{Failure, in_time};
use super::link::Link;
use super::queue::Answer;
use super::read::{Seen, check_base, see};
use super::statement::Shape;
use crate::store::decide::{self, answer};
use crate::store::{Append, ExecuteError, Receipt};

/// What became of one command of a statement.
pub(super) enum Carried {
    Answered(Answer),
    /// Nothing was changed, but by now the command is legal: other commands were carried out
    /// between the try and the question.
    Again,
    /// Nothing was changed, since the details were edited by hand. They are good, and this is their
    /// digest.
    Unsealed(Uuid),
    /// Nothing was changed, and the question why has failed.
    Unexplained(Failure),
}

impl Carried {
    const fn is_again(&self) -> bool {
        matches!(self, Self::Again)
    }

    /// Whether the answer shows what others have committed: the event of a key, or the state that
    /// refuses the command.
    pub(super) const fn is_of_others(&self) -> bool {
        matches!(
            self,
            Self::Answered(
                Ok(Receipt { replayed: true, .. })
                    | Err(ExecuteError::Refused(_) | ExecuteError::Abandoned { .. })
            )
        )
    }
}

/// Carries out commands, no two of which share a token, in one statement, each for itself, with
/// their events at these places of the transaction. The limit is that of each of the server's
/// answers.
pub(super) async fn each(
    link: &impl Link,
    shape: Shape,
    appends: &[&Append],
    places: &[i32],
    limit: Duration,
) -> Result<Vec<Carried>, Failure> {
    let mut receipts = in_time(limit, batch::append(link, shape, appends, places)).await?;
    let left: Vec<&Append> = appends
        .iter()
        .filter(|append| !receipts.contains_key(&append.uuid()))
        .copied()
        .collect();
    let leads_there = left.is_empty() || in_time(limit, link.leads_there()).await?;
    let seen = if left.is_empty() || !leads_there {
        None
    } else {
        // What went through may be committed by now, whatever becomes of this question.
        let seen = in_time(limit, see(link, &left)).await;
        Some(seen.map_err(Failure::without_effect))
    };
    let mut outcomes = Vec::with_capacity(appends.len());
    for append in appends {
        let uuid = append.uuid();
        outcomes.push(match (receipts.remove(&uuid), &seen) {
            (Some(receipt), _) => Carried::Answered(receipt.map_err(ExecuteError::from)),
            (None, Some(Ok(seen))) => explain(append, seen),
            (None, Some(Err(failure))) => Carried::Unexplained(failure.clone()),
            // Whatever did not go through was asked about, if it is the store's database.
            (None, None) => Carried::Again,
        });
    }
    if leads_there && left.len() == appends.len() && outcomes.iter().any(Carried::is_again) {
        // That is a lost race, or it will be so for ever.
        let base = in_time(limit, check_base(link)).await;
        if let Err(failure) = base.map_err(Failure::without_effect) {
            for outcome in outcomes.iter_mut().filter(|it| it.is_again()) {
                *outcome = Carried::Unexplained(failure.clone());
            }
        }
    }
    Ok(outcomes)
}

/// Answers commands from what is stored, without carrying them out.
pub(super) async fn explained(
    link: &impl Link,
    appends: &[&Append],
    limit: Duration,
) -> Result<Vec<Carried>, Failure> {
    let seen = in_time(limit, see(link, appends)).await;
    let seen = seen.map_err(Failure::without_effect)?;
    Ok(appends
        .iter()
        .map(|append| explain(append, &seen))
        .collect())
}

/// Why a command did not go through.
fn explain(append: &Append, seen: &Seen) -> Carried {
    let find = || seen.find(append).map_err(ExecuteError::from);
    let used = seen.used(append).map_err(ExecuteError::from);
    match used.and_then(|used| answer(append, used, find)) {
        // It would be legal by now.
        Ok(decide::Answer::Go(_)) => seen
            .unsealed(append.uuid())
            .map_or(Carried::Again, Carried::Unsealed),
        Ok(decide::Answer::Repeated(receipt)) => Carried::Answered(Ok(receipt)),
        Err(error) => Carried::Answered(Err(error)),
    }
}
