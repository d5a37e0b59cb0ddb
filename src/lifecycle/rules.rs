//! The table of CONTRACT.md, "Lifecycle", as data: for diagrams, documents, schemas and guards.
//!
//! The same table as the impls of the permissions ([`CanApprove`](crate::CanApprove) and the
//! others); a test proves them equal.

use super::action::Action;
use super::event::EventKind;
use super::source::{Source, TriggerContext};
use super::state::Status;

/// One legal transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Rule {
    /// The state before.
    pub from: Status,
    /// The source of the application.
    pub source: Source,
    /// What is done.
    pub action: Action,
    /// The state after.
    pub to: Status,
    /// The event that tells of it.
    pub event: EventKind,
}

/// One way in which an application comes to be, in [`Status::Created`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Creation {
    /// The source of the application.
    pub source: Source,
    /// What creates it.
    pub trigger_context: TriggerContext,
}

/// Every legal transition: 12 of the 60 combinations of state, source and action.
pub const RULES: [Rule; 12] = {
    use Action::{Approve, BeginProcessing, Fail, Reject, Retry};
    use Source::{Customer, Vault};
    use Status::{Approved, Created, Failed, Processing, Rejected, Retried};
    [
        rule(
            Created,
            Customer,
            BeginProcessing,
            Processing,
            EventKind::Processing,
        ),
        rule(Created, Customer, Reject, Rejected, EventKind::Rejected),
        rule(Created, Vault, Approve, Approved, EventKind::Approved),
        rule(Created, Vault, Fail, Failed, EventKind::Failed),
        rule(Processing, Customer, Approve, Approved, EventKind::Approved),
        rule(Processing, Customer, Fail, Failed, EventKind::Failed),
        rule(Failed, Customer, Retry, Retried, EventKind::Retried),
        rule(Failed, Vault, Retry, Retried, EventKind::Retried),
        rule(Retried, Customer, Approve, Approved, EventKind::Approved),
        rule(Retried, Vault, Approve, Approved, EventKind::Approved),
        rule(Retried, Customer, Fail, Failed, EventKind::Failed),
        rule(Retried, Vault, Fail, Failed, EventKind::Failed),
    ]
};

/// Every way to create an application.
pub const CREATIONS: [Creation; 3] = {
    let [single, bulk, submission] = [
        TriggerContext::SingleUpload,
        TriggerContext::BulkUpload,
        TriggerContext::CustomerSubmission,
    ];
    [creation(submission), creation(single), creation(bulk)]
};

const fn rule(from: Status, source: Source, action: Action, to: Status, event: EventKind) -> Rule {
    Rule {
        from,
        source,
        action,
        to,
        event,
    }
}

const fn creation(trigger_context: TriggerContext) -> Creation {
    Creation {
        source: trigger_context.source(),
        trigger_context,
    }
}

/// The actions that are legal in one cell, filled from [`RULES`] at compile time.
#[derive(Clone, Copy)]
struct Cell {
    actions: [Action; Action::ALL.len()],
    count: usize,
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where an index out of range does not compile"
)]
const CELLS: [[Cell; Source::ALL.len()]; Status::ALL.len()] = {
    let empty = Cell {
        actions: [Action::BeginProcessing; Action::ALL.len()],
        count: 0,
    };
    let mut cells = [[empty; Source::ALL.len()]; Status::ALL.len()];
    let mut row = 0;
    while row < RULES.len() {
        let rule = RULES[row];
        let cell = &mut cells[rule.from as usize][rule.source as usize];
        cell.actions[cell.count] = rule.action;
        cell.count += 1;
        row += 1;
    }
    cells
};

/// What is legal for an application in this state and from this source, in the order of [`RULES`].
#[must_use]
pub fn legal_actions(status: Status, source: Source) -> &'static [Action] {
    static TABLE: [[Cell; Source::ALL.len()]; Status::ALL.len()] = CELLS;
    TABLE
        .get(status as usize)
        .and_then(|sources| sources.get(source as usize))
        .and_then(|cell| cell.actions.get(..cell.count))
        .unwrap_or_default()
}

/// Whether the action is legal for an application in this state and from this source.
#[must_use]
pub fn is_legal(status: Status, source: Source, action: Action) -> bool {
    legal_actions(status, source).contains(&action)
}

/// Whether some history leads an application from this source to this state at this version.
///
/// Versions count transitions, so they and the state constrain each other: a customer's
/// application is `processing` at version 2 and never again.
#[must_use]
pub fn is_reachable(status: Status, source: Source, version: u64) -> bool {
    static TABLE: [[u8; SETTLED]; Source::ALL.len()] = REACHED;
    // From version 3 on, the only moves left are between Failed, Retried and Approved, so what is
    // reachable repeats with period 2.
    let row = match version {
        0 => return false,
        1 => 0,
        2 => 1,
        odd if odd % 2 == 1 => 2,
        _ => 3,
    };
    TABLE
        .get(source as usize)
        .and_then(|versions| versions.get(row))
        .is_some_and(|reached| reached & bit(status) != 0)
}

/// How many versions there are before what is reachable repeats.
const SETTLED: usize = 4;

/// The states that each source can be in at versions 1 to 4, one bit each, walked at compile time.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where an index out of range does not compile"
)]
const REACHED: [[u8; SETTLED]; Source::ALL.len()] = {
    let mut reached = [[0; SETTLED]; Source::ALL.len()];
    let mut source = 0;
    while source < Source::ALL.len() {
        reached[source][0] = bit(Status::Created);
        let mut version = 1;
        while version < SETTLED {
            let mut row = 0;
            while row < RULES.len() {
                let rule = RULES[row];
                let starts_here = reached[source][version - 1] & bit(rule.from) != 0;
                if rule.source as usize == source && starts_here {
                    reached[source][version] |= bit(rule.to);
                }
                row += 1;
            }
            version += 1;
        }
        source += 1;
    }
    reached
};

const fn bit(status: Status) -> u8 {
    1 << status as u8
}
