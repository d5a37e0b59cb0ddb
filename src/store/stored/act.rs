//! What databases keep of an act.

use super::{Columns, Problem, decode, rule};
use crate::store::actor::{Actor, ActorKind};
use crate::store::audit::{Act, ActId, ActKind, ActNote, ActOutcome, RecordedAct};
use crate::store::name::{ActorId, InstitutionId};

/// The columns of an act that is recorded, in the order of [`act`], behind its number.
macro_rules! act_columns {
    () => {
        "institution, at, actor_kind, actor, kind, subject, detail"
    };
}
pub(in crate::store) use act_columns;

/// From its number, the columns of `act_columns!`, and outcome, reason.
pub(in crate::store) fn act(row: &impl Columns) -> Result<RecordedAct, Problem> {
    let institution = row.word_or_none(1, "act.institution")?;
    let institution = institution.map(InstitutionId::new).transpose();
    let kind = row.integer(3, "act.actor_kind")?;
    let actor_kind = decode(&ActorKind::ALL, "act.actor_kind", kind)?;
    let actor = ActorId::new(row.word(4, "act.actor")?).map_err(rule)?;
    let kind: Result<ActKind, _> = row.word(5, "act.kind")?.parse();
    let kind = kind
        .map_err(|_| "act.kind is one that this version of the program does not know".to_owned())?;
    let act = Act::new(
        institution.map_err(rule)?,
        Actor::new(actor_kind, actor),
        kind,
        row.time(2, "act.at")?,
    )
    .with_subject(note(row, 6, "act.subject")?)
    .with_detail(note(row, 7, "act.detail")?);
    let outcome = match row.integer_or_none(8, "act.outcome")? {
        None => None,
        Some(0) => Some(ActOutcome::Done),
        Some(1) => Some(ActOutcome::Refused(note(row, 9, "act.reason")?)),
        Some(it) => return Err(format!("act.outcome must be 0 or 1, but is {it}")),
    };
    let id = ActId(row.integer(0, "act.number")?);
    Ok(RecordedAct::new(id, act, outcome))
}

/// The number by which databases know an outcome, and its reason.
pub(in crate::store) fn outcome_code(outcome: &ActOutcome) -> (i16, Option<&str>) {
    match outcome {
        ActOutcome::Done => (0, None),
        ActOutcome::Refused(reason) => (1, Some(reason.as_str())),
    }
}

fn note(row: &impl Columns, at: usize, column: &str) -> Result<ActNote, Problem> {
    Ok(ActNote::new(&row.word(at, column)?))
}
