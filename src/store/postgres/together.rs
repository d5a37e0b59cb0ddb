//! Commands that stand or fall together: one transaction, of as many statements as it takes.
//!
//! Whatever the order of the commands, the transaction takes its locks in one order: those of
//! applications that exist, by their identities; those of applications that it creates, likewise;
//! those of keys. So two calls, or a call and a statement of single commands, wait for each other
//! one way only.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::link::Link;
use super::session::Session;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::each::{Carried, each, explained};
use super::failure::{Failure, in_time};
use super::queue::{MOST, Token, tokens};
use super::sql::{input, statements};
use super::statement::{Kind, PLACES, Shape};
use crate::store::{Append, ExecuteError, Receipt, StoreError};

input! {
    /// Keys of commands that were carried out.
    RecordedKeys<'a> {
        key: &'a str = TEXT,
        institution: &'a str = TEXT,
        uuid: Uuid = UUID,
        version: i64 = INT8,
    }
}

statements! {
    /// Locks the applications of these identities that exist, in order. No update changes the
    /// identity, so the lock is the one that an update takes.
    LOCK(UUID_ARRAY) = "\
        SELECT FROM certlife_application WHERE uuid = ANY ($1) ORDER BY uuid FOR NO KEY UPDATE";

    /// Records keys, given in order. A key that another transaction has recorded meanwhile is an
    /// error: the next try finds it.
    RECORD_KEYS(; RecordedKeys) = "\
        INSERT INTO certlife_idempotency (key, institution, uuid, version) \
        SELECT key, institution, uuid, version FROM {input}";
}

/// Carries out all of the commands in one transaction, or none.
///
/// Whatever happens before the commit is sent, nothing was changed.
pub(super) async fn together(
    client: &mut Session,
    appends: &[&Append],
    limit: Duration,
) -> Result<Vec<Carried>, Failure> {
    let most = usize::try_from(PLACES - 1).unwrap_or(usize::MAX);
    if appends.len() > most {
        return Err(Failure::Undone(StoreError::unavailable(format!(
            "an all-or-nothing call has at most {most} commands, but this one has {}",
            appends.len()
        ))));
    }
    let outcomes = attempt(client, appends, &Plan::of(appends), limit).await?;
    if let Some(outcomes) = outcomes.into_iter().collect() {
        return Ok(outcomes);
    }
    // Nothing was carried out. To say of each command what became of it, they are tried one after
    // the other.
    let outcomes = attempt(client, appends, &Plan::in_turn(appends), limit).await?;
    Ok(outcomes.into_iter().flatten().collect())
}

/// One try. A command without an outcome had no turn: its key is that of an earlier one, which did
/// not go through.
async fn attempt(
    client: &mut Session,
    appends: &[&Append],
    plan: &Plan,
    limit: Duration,
) -> Result<Vec<Option<Carried>>, Failure> {
    let begun = in_time(limit, async { Ok(client.transaction().await?) }).await;
    let transaction = begun.map_err(Failure::without_effect)?;
    let carried_out = carry_out(&transaction, appends, plan, limit).await;
    let mut outcomes = carried_out.map_err(Failure::without_effect)?;
    if undone(&mut outcomes) {
        let undone = in_time(limit, async { Ok(transaction.rollback().await?) }).await;
        undone.map_err(Failure::without_effect)?;
    } else {
        in_time(limit, async { Ok(transaction.commit().await?) }).await?;
    }
    Ok(outcomes)
}

/// Whether one did not go through, so that nothing may stay: then those that did are abandoned.
/// Where one is to be tried again, all are, and no caller sees this.
pub(super) fn undone(outcomes: &mut [Option<Carried>]) -> bool {
    let went_through = |it: &Option<Carried>| matches!(it, Some(Carried::Answered(Ok(_))));
    let Some(index) = outcomes.iter().position(|it| !went_through(it)) else {
        return false;
    };
    for outcome in outcomes.iter_mut().filter(|it| went_through(it)) {
        *outcome = Some(Carried::Answered(Err(ExecuteError::Abandoned { index })));
    }
    true
}

/// Everything between the begin of the transaction and its end.
pub(super) async fn carry_out(
    transaction: &impl Link,
    appends: &[&Append],
    plan: &Plan,
    limit: Duration,
) -> Result<Vec<Option<Carried>>, Failure> {
    if plan.must_lock_first {
        lock(transaction, appends, limit).await?;
    }
    let mut outcomes: Vec<Option<Carried>> = appends.iter().map(|_| None).collect();
    for wave in &plan.waves {
        let commands = of(appends, wave);
        let shape = Shape::of(&commands);
        let shape = if plan.records_late {
            shape.without_recording()
        } else {
            shape
        };
        let places = wave.iter().map(|at| i32::try_from(at + 1));
        let places: Vec<i32> = places.map(|it| it.unwrap_or(i32::MAX)).collect();
        let answers = each(transaction, shape, &commands, &places, limit).await?;
        put(&mut outcomes, wave, answers)?;
    }
    if plan.records_late {
        record_keys(transaction, appends, &outcomes, limit).await?;
    }
    let went_through = |at: usize| matches!(outcomes.get(at), Some(Some(Carried::Answered(Ok(_)))));
    let repeated = plan.repeated.iter();
    let repeated = repeated.filter(|(_, first)| went_through(*first));
    let repeated: Vec<usize> = repeated.map(|(at, _)| *at).collect();
    if !repeated.is_empty() {
        let answers = explained(transaction, &of(appends, &repeated), limit).await?;
        put(&mut outcomes, &repeated, answers)?;
    }
    Ok(outcomes)
}

/// The commands at these places.
pub(super) fn of<'a>(appends: &[&'a Append], places: &[usize]) -> Vec<&'a Append> {
    let places = places.iter();
    places.filter_map(|at| appends.get(*at).copied()).collect()
}

/// Puts answers at their places.
fn put(
    outcomes: &mut [Option<Carried>],
    places: &[usize],
    answers: Vec<Carried>,
) -> Result<(), Failure> {
    for (at, answer) in places.iter().zip(answers) {
        if let Carried::Unexplained(failure) = answer {
            return Err(failure);
        }
        if let Some(outcome) = outcomes.get_mut(*at) {
            *outcome = Some(answer);
        }
    }
    Ok(())
}

async fn lock(
    transaction: &impl Link,
    appends: &[&Append],
    limit: Duration,
) -> Result<(), Failure> {
    let uuids: BTreeSet<Uuid> = appends.iter().map(|append| append.uuid()).collect();
    let uuids: Vec<Uuid> = uuids.into_iter().collect();
    for uuids in uuids.chunks(MOST) {
        in_time(limit, async {
            transaction.send(LOCK, &[(&uuids, Type::UUID_ARRAY)]).await
        })
        .await?;
    }
    Ok(())
}

/// Records the keys of all that was carried out.
async fn record_keys(
    transaction: &impl Link,
    appends: &[&Append],
    outcomes: &[Option<Carried>],
    limit: Duration,
) -> Result<(), Failure> {
    let mut recorded = BTreeMap::new();
    for (append, outcome) in appends.iter().zip(outcomes) {
        if let Some(Carried::Answered(Ok(Receipt {
            event,
            replayed: false,
            ..
        }))) = outcome
            && let Some(key) = &append.request.idempotency_key
        {
            // As `ORDER BY key COLLATE "C"` has them.
            let key = (key.as_str(), append.request.institution.as_str());
            recorded.insert(key, (event.uuid(), event.version().cast_signed()));
        }
    }
    let all: Vec<_> = recorded.into_iter().collect();
    for some in all.chunks(MOST) {
        let mut input = RecordedKeys::default();
        for ((key, institution), (uuid, version)) in some {
            input.key.push(key);
            input.institution.push(institution);
            input.uuid.push(*uuid);
            input.version.push(*version);
        }
        let recorded = async { transaction.send(&RECORD_KEYS, &input.typed()).await };
        in_time(limit, recorded).await?;
    }
    Ok(())
}

/// Which statements carry out a call.
pub(super) struct Plan {
    /// The places of the commands of each statement: of one kind, and no two for one application.
    pub(super) waves: Vec<Vec<usize>>,
    /// The places of commands whose key an earlier one of the call has, and the place of that one.
    /// They are answered from what the earlier ones have left.
    repeated: Vec<(usize, usize)>,
    /// Whether an application that exists may be locked after another lock was taken.
    must_lock_first: bool,
    /// Whether keys are recorded after the last statement, and by none of them.
    records_late: bool,
}

impl Plan {
    pub(super) fn of(appends: &[&Append]) -> Self {
        let mut keys = HashMap::new();
        let (mut carried_out, mut repeated) = (Vec::new(), Vec::new());
        for (at, append) in appends.iter().enumerate() {
            let request = &append.request;
            let key = request.idempotency_key.as_ref();
            let first = key.map(|key| *keys.entry((&request.institution, key)).or_insert(at));
            match first {
                Some(first) if first < at => repeated.push((at, first)),
                _ => carried_out.push(at),
            }
        }
        let plan = Self::with(appends, &carried_out);
        let records_late = plan.waves.len() > 1 || !repeated.is_empty();
        Self {
            repeated,
            records_late,
            ..plan
        }
    }

    /// The plan for a call that is refused as a whole, in which a command has the key of an earlier
    /// one that did not go through: then it has a turn of its own. Keys are recorded by the
    /// statements, so their locks are not in order; two such calls that meet are repeated.
    pub(super) fn in_turn(appends: &[&Append]) -> Self {
        let all: Vec<usize> = (0..appends.len()).collect();
        Self::with(appends, &all)
    }

    fn with(appends: &[&Append], places: &[usize]) -> Self {
        let waves = waves(appends, places);
        let has_transition = |wave: &Vec<usize>| {
            let first = wave.first().and_then(|at| appends.get(*at));
            first.is_some_and(|it| Kind::of(it) == Kind::Transition)
        };
        let must_lock_first = waves.len() > 1 && waves.iter().any(has_transition);
        Self {
            waves,
            repeated: Vec::new(),
            must_lock_first,
            records_late: false,
        }
    }
}

/// The commands at these places in groups of one kind and without common tokens, each after those
/// that it must follow. First come the creations that follow nothing, in the order in which they
/// are to be locked.
fn waves(appends: &[&Append], places: &[usize]) -> Vec<Vec<usize>> {
    let mut seen = HashSet::new();
    let (mut creations, mut others) = (Vec::new(), Vec::new());
    for at in places {
        let Some(append) = appends.get(*at) else {
            continue;
        };
        let tokens: Vec<Token> = tokens(append).collect();
        let follows = tokens.iter().any(|token| seen.contains(token));
        seen.extend(tokens);
        if !follows && Kind::of(append) == Kind::Creation {
            creations.push((*at, *append));
        } else {
            others.push((*at, *append));
        }
    }
    creations.sort_unstable_by_key(|(_, append)| append.uuid());
    let mut last: HashMap<Token, usize> = HashMap::new();
    let mut waves: Vec<(Kind, Vec<usize>)> = Vec::new();
    // Before these, no wave has room for creations, or for transitions.
    let mut open = [0; 2];
    for (at, append) in creations.into_iter().chain(others) {
        let kind = Kind::of(append);
        let [creations, transitions] = &mut open;
        let first_open = match kind {
            Kind::Creation => creations,
            Kind::Transition => transitions,
        };
        let tokens: Vec<Token> = tokens(append).collect();
        let after = tokens.iter().filter_map(|token| last.get(token)).max();
        let after = after.map_or(0, |wave| wave + 1);
        let mut wave = after.max(*first_open);
        let has_room = |it: &(Kind, Vec<usize>)| it.0 == kind && it.1.len() < MOST;
        while waves.get(wave).is_some_and(|it| !has_room(it)) {
            wave += 1;
        }
        if after <= *first_open {
            *first_open = wave;
        }
        while waves.len() <= wave {
            waves.push((kind, Vec::new()));
        }
        if let Some((_, places)) = waves.get_mut(wave) {
            places.push(at);
        }
        for token in tokens {
            last.insert(token, wave);
        }
    }
    waves.into_iter().map(|(_, places)| places).collect()
}
