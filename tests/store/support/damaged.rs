//! A database that a test damages behind its store's back. The cases are in `damaged/`, once for
//! all databases; what differs in their SQL is an implementation of this trait.

use std::future::Future;

use certificate_lifecycle::store::{Audit, Outbox, Replies, Tokens};

use super::harness::Harness;

/// What a caller may ask of the application that is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Load,
    History,
    List,
    Counts,
    Feed,
    /// The next transition.
    Act,
    /// The last command again, with its key.
    Repeat,
}

/// The row that is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// What an application is: details that never change.
    Application,
    /// Where it stands.
    Head,
    /// Its fourth and last event.
    Last,
    /// Its third event.
    Failed,
    /// Its second event.
    Processing,
    /// The key of its last command.
    Key,
    /// Any other: the edit is the whole statement.
    Statement,
}

/// A row, how it is edited, and which questions are answered by an error that names it.
pub type Edit = (Row, &'static str, &'static [Question]);

/// A command that a fault makes fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doomed {
    /// The creation of application number 666, with the id 667.
    Creation,
    /// The same, in the institution `doomed`.
    FirstOfInstitution,
    /// A transition of application number 42, with the id 43.
    Transition,
    /// A transition by the actor `doomed`.
    Event,
    /// A transition under the key `doomed`.
    Key,
}

/// A place of a fault: the rows that a statement is about, and the condition on them.
pub type Step = (Doomed, &'static str, &'static str);

pub trait Damaged: Harness<Store: Outbox + Tokens + Replies + Audit> {
    /// What the tables held.
    type Saved: Send + Sync;

    /// Carries out SQL beside the store.
    fn run_sql(&self, sql: &str) -> impl Future<Output = ()> + Send;

    /// Every row of every table that the SQL of a test changes.
    fn dump(&self) -> impl Future<Output = Vec<String>> + Send;

    /// Remembers what the tables hold; no store has them open.
    fn save(&self) -> impl Future<Output = Self::Saved> + Send;

    /// A store on the tables as they were saved, damaged by this SQL. The store of the call before
    /// is closed.
    fn damage(&self, saved: &Self::Saved, sql: &str) -> impl Future<Output = Self::Store> + Send;

    /// Edits that only this database's tables allow.
    const EDITS: &'static [Edit];

    /// An edit of a row of the application that is edited, as a statement.
    fn edit(row: Row, change: &str) -> String;

    /// Whether a refused or a repeated command may have added this row.
    fn may_be_added(row: &str) -> bool;

    /// Edits of a webhook's row that only this database has, each with a part of the error.
    const WEBHOOK_EDITS: &'static [(&'static str, &'static str)];

    /// An edit of the second delivery, as a statement. The delivery goes to webhook number 2.
    fn edit_second_delivery(change: &str) -> String;

    /// More statements after which the second of three deliveries cannot be read, each with a part
    /// of the error.
    const DELIVERY_EDITS: &'static [(&'static str, &'static str)];

    /// Statements after which the second of three deliveries has no event that can be sent, each
    /// with a part of the error. The fourth event is another institution's.
    const EVENT_EDITS: &'static [(&'static str, &'static str)];

    /// An edit of the webhook that was registered first, as a statement.
    fn edit_first_webhook(change: &str) -> String;

    /// What removals of the first and the third webhook leave that were cut off.
    const CUT_OFF: &'static str;

    /// The ways a statement fails.
    const FAULTS: &'static [&'static str];

    /// The steps of a commit.
    const STEPS: &'static [Step];

    /// The step that updates where the application with the id 298 stands.
    const HEAD_OF_298: (&'static str, &'static str);

    /// The step that inserts a delivery to the webhook that was registered second.
    fn delivery_to_second() -> (&'static str, String);

    /// SQL that makes a step fail, with the word `injected` in the error.
    fn fault(how: &str, step: &str, condition: &str) -> String;

    /// SQL that ends the fault.
    fn end_of_fault(step: &str) -> String;
}
