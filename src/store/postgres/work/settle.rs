//! What became of claimed work.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use uuid::Uuid;

use super::claim::lease;
use crate::store::outbox::is_of_lease;
use crate::store::postgres::{
    PostgresStore,
    each::Carried,
    failure::{Failure, in_time},
    outbox::milliseconds,
    queue::MOST,
    read::seal,
    remember::remember,
    session::{Cached, Session},
    sql::{input, statements},
    text::encode,
    together::{Plan, carry_out},
};
use crate::store::{
    Append, ExecuteError, Store, StoreError, WorkLease, WorkOutcome, WorkSettled, WorkSettlement,
};

/// The answer to one settlement.
type Answer = Result<WorkSettled, ExecuteError>;

input! {
    /// Leases, and what becomes of them.
    EndedLeases<'a> {
        uuid: Uuid = UUID,
        token: i64 = INT8,
        at: Option<i64> = INT8,
        counts: bool = BOOL,
        reason: Option<Cow<'a, str>> = TEXT,
    }
}

statements! {
    SETTLE(; EndedLeases) = include_str!("settle.sql");
}

impl<'a> EndedLeases<'a> {
    fn push(&mut self, settlement: &'a WorkSettlement) {
        self.uuid.push(settlement.lease.application);
        self.token.push(settlement.lease.token);
        let (at, counts, reason) = match &settlement.outcome {
            WorkOutcome::Done(_) => (None, true, None),
            WorkOutcome::Again { at, reason } => (Some(*at), true, Some(reason)),
            WorkOutcome::Released { at, reason } => (Some(*at), false, reason.as_ref()),
        };
        self.at.push(at.map(milliseconds));
        self.counts.push(counts);
        self.reason.push(reason.map(|it| encode(it)));
    }
}

/// Settles leases: in one transaction, unless something about one of them is in its way.
pub(super) async fn settle(store: &PostgresStore, settlements: &[WorkSettlement]) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = settlements.iter().map(|_| None).collect();
    let mut leases = HashSet::new();
    // A token settles once.
    let is_first = |(_, it): &(usize, &WorkSettlement)| leases.insert(it.lease);
    let may_be_held = |(_, it): &(usize, &WorkSettlement)| is_of_lease(it.lease.token);
    let some: Vec<_> = settlements
        .iter()
        .enumerate()
        .filter(may_be_held)
        .filter(is_first)
        .collect();
    let mut groups: Vec<&[(usize, &WorkSettlement)]> = some.chunks(MOST).rev().collect();
    while let Some(group) = groups.pop() {
        let of_group: Vec<&WorkSettlement> = group.iter().map(|(_, it)| *it).collect();
        let settled = match together(store, &of_group).await {
            Ok(settled) => settled,
            // Something is wrong with one of them; the others need not suffer.
            Err(Unsettled {
                is_of_one: true, ..
            }) if group.len() > 1 => {
                let (first, second) = group.split_at(group.len() / 2);
                groups.extend([second, first]);
                continue;
            }
            Err(Unsettled { error, .. }) => {
                group.iter().map(|_| Err(error.clone().into())).collect()
            }
        };
        for ((at, _), answer) in group.iter().zip(settled) {
            if let Some(place) = answers.get_mut(*at) {
                *place = Some(answer);
            }
        }
    }
    let answers = answers.into_iter();
    answers
        .map(|it| it.unwrap_or(Ok(WorkSettled::Lost)))
        .collect()
}

/// Why nothing was settled, as far as that is known.
struct Unsettled {
    error: StoreError,
    /// Whether something about one of the settlements may be the reason.
    is_of_one: bool,
}

/// Settles these in one transaction; again where it has lost a race.
async fn together(
    store: &PostgresStore,
    settlements: &[&WorkSettlement],
) -> Result<Vec<Answer>, Unsettled> {
    let mut tries = store.tries();
    loop {
        let session = tries.session().await;
        let mut client = session.map_err(|error| Unsettled {
            error,
            is_of_one: false,
        })?;
        let failure = match attempt(&mut client, settlements, tries.limit).await {
            Ok((answers, is_over)) => {
                if is_over {
                    client.give_up();
                }
                if answers
                    .iter()
                    .any(|it| matches!(it, Ok(WorkSettled::Done(_))))
                {
                    store.wake();
                }
                return Ok(answers);
            }
            Err(failure) => failure,
        };
        let is_of_one = !failure.is_of_the_connection();
        if let Some(Err(error)) = tries.end(client, Err::<(), _>(failure)).await {
            return Err(Unsettled { error, is_of_one });
        }
    }
}

/// One try. Whether the connection is to be given up.
async fn attempt(
    client: &mut Session,
    settlements: &[&WorkSettlement],
    limit: Duration,
) -> Result<(Vec<Answer>, bool), Failure> {
    let is_done = |it: &&WorkSettlement| matches!(it.outcome, WorkOutcome::Done(_));
    if !settlements.iter().any(is_done) {
        // One statement is a transaction of its own.
        let held = in_time(limit, end_leases(&*client, settlements)).await?;
        client.check()?;
        return Ok((answered(settlements, &held, Vec::new()), false));
    }
    let begun = in_time(limit, async { Ok(client.transaction().await?) }).await;
    let transaction = begun.map_err(Failure::without_effect)?;
    let tried = async {
        let held = in_time(limit, end_leases(&transaction, settlements)).await?;
        let appends = appends(settlements, &held);
        let plan = Plan::in_turn(&appends);
        let outcomes = carry_out(&transaction, &appends, &plan, limit).await?;
        let mut outcomes: Vec<Carried> = outcomes.into_iter().flatten().collect();
        remember(&transaction, &appends, &mut outcomes, limit).await;
        Ok((held, appends, outcomes))
    };
    let (held, appends, outcomes) = tried.await.map_err(Failure::without_effect)?;
    match open(&appends, &outcomes)? {
        Open::Nothing => {}
        open => {
            let undone = in_time(limit, async { Ok(transaction.rollback().await?) }).await;
            undone.map_err(Failure::without_effect)?;
            if let Open::Unsealed(digests) = open {
                for (uuid, digest) in digests {
                    let sealed = in_time(limit, seal(&*client, uuid, digest)).await;
                    sealed.map_err(Failure::without_effect)?;
                }
            }
            return Err(Failure::Again(contended()));
        }
    }
    in_time(limit, async { Ok(transaction.commit().await?) }).await?;
    client.check()?;
    let is_of_others = outcomes.iter().any(Carried::is_of_others);
    let confirmed = if is_of_others {
        client.confirm(limit).await
    } else {
        Ok(())
    };
    let is_over = confirmed.as_ref().is_err_and(Failure::is_of_the_connection);
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| match (outcome, &confirmed) {
            (outcome, Err(failure)) if outcome.is_of_others() => match outcome {
                // Of what was refused, nothing was carried out.
                Carried::Answered(Err(_)) => {
                    Err(failure.clone().without_effect().into_error().into())
                }
                _ => Err(failure.clone().into_error().into()),
            },
            (Carried::Answered(answer), _) => answer.map(|it| WorkSettled::Done(Box::new(it))),
            // There is none of these.
            _ => Err(contended().into()),
        });
    Ok((answered(settlements, &held, outcomes.collect()), is_over))
}

/// The leases that were held, and whether their applications had moved on.
type Held = HashMap<WorkLease, bool>;

/// Ends leases, as far as they are held.
async fn end_leases(
    client: &impl Cached,
    settlements: &[&WorkSettlement],
) -> Result<Held, Failure> {
    let mut input = EndedLeases::default();
    for settlement in settlements {
        input.push(settlement);
    }
    let rows = client.rows(&SETTLE, &input.parameters()).await?;
    let held = rows.iter().map(|row| Ok((lease(row)?, row.try_get(2)?)));
    held.collect()
}

/// The transitions of those whose leases were held.
fn appends<'s>(settlements: &[&'s WorkSettlement], held: &Held) -> Vec<&'s Append> {
    let held = settlements.iter().filter(|it| held.contains_key(&it.lease));
    let append = |it: &&'s WorkSettlement| match &it.outcome {
        WorkOutcome::Done(append) => Some(&**append),
        WorkOutcome::Again { .. } | WorkOutcome::Released { .. } => None,
    };
    held.filter_map(append).collect()
}

/// What keeps a transaction from its commit.
enum Open {
    Nothing,
    /// A command has lost a race.
    Again,
    /// Details that were edited by hand, and that are good, with their digests.
    Unsealed(Vec<(Uuid, Uuid)>),
}

/// Looks whether all have an answer. An error, if one cannot be carried out, for another reason
/// than a rule: then its claim stays.
fn open(appends: &[&Append], outcomes: &[Carried]) -> Result<Open, Failure> {
    let mut is_lost = false;
    let mut unsealed = Vec::new();
    for (append, outcome) in appends.iter().zip(outcomes) {
        match outcome {
            Carried::Answered(Err(ExecuteError::Store(error))) => {
                return Err(Failure::Undone(error.clone()));
            }
            Carried::Unexplained(failure) => return Err(failure.clone()),
            Carried::Answered(_) => {}
            Carried::Again => is_lost = true,
            Carried::Unsealed(digest) => unsealed.push((append.uuid(), *digest)),
        }
    }
    Ok(match (unsealed.is_empty(), is_lost) {
        (false, _) => Open::Unsealed(unsealed),
        (true, true) => Open::Again,
        (true, false) => Open::Nothing,
    })
}

/// The answers, of which `done` has those to the transitions of leases that were held.
fn answered(settlements: &[&WorkSettlement], held: &Held, done: Vec<Answer>) -> Vec<Answer> {
    let mut done = done.into_iter();
    let answer = |it: &&WorkSettlement| match (&it.outcome, held.get(&it.lease)) {
        (_, None) => Ok(WorkSettled::Lost),
        (WorkOutcome::Done(_), _) => done.next().unwrap_or_else(|| Err(contended().into())),
        (_, Some(true)) => Ok(WorkSettled::MovedOn),
        (_, Some(false)) => Ok(WorkSettled::PutOff),
    };
    settlements.iter().map(answer).collect()
}

/// Why a transition was not carried out that has lost every race.
fn contended() -> StoreError {
    StoreError::unavailable("gave up after conflicting changes to the application")
}
