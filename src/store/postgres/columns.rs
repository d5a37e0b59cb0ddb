//! What the statements that write take: of each, one list of columns.
//!
//! The list makes the head of the statement, its parameters and their order. A column's name is
//! that of the field which has its values.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::link::{Parameter, array_of};
use super::sql::unnest;
use super::text::encode;
use crate::lifecycle::action::Command;
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::source::TriggerContext;
use crate::store::actor::ActorKind;
use crate::store::cells::Cells;
use crate::store::remembered::text_of;
use crate::store::request::Operation;
use crate::store::stored::code;
use crate::store::{Append, IdempotencyKey};

/// Commands of one kind, column by column. The columns of the other kind are empty.
#[derive(Default)]
pub(super) struct Columns<'a> {
    uuid: Vec<Uuid>,
    institution: Vec<&'a str>,
    /// Seconds since 1970.
    at: Vec<i64>,
    actor_kind: Vec<i16>,
    actor: Vec<&'a str>,
    place: Vec<i32>,
    /// Milliseconds since 1970.
    now: Vec<i64>,
    key: Vec<Option<&'a str>>,
    // Of creations.
    application_id: Vec<i64>,
    certificate_title: Vec<Cow<'a, str>>,
    applicant_email: Vec<&'a str>,
    trigger_context: Vec<i16>,
    // Of transitions.
    at_is_given: Vec<bool>,
    legal: Vec<i64>,
    status: Vec<i16>,
    expected_version: Vec<Option<i64>>,
    text: Vec<Option<Cow<'a, str>>>,
}

/// A column of a statement's input.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// The type of one value.
    pub(super) sql_type: Type,
    /// Whether it is null where no command has a key, and then no parameter.
    needs_keys: bool,
    pub(super) values: for<'c> fn(&'c Columns<'_>) -> &'c dyn Values,
}

macro_rules! column {
    ($name:ident: $sql_type:ident, $needs_keys:literal) => {
        Column {
            name: stringify!($name),
            sql_type: Type::$sql_type,
            needs_keys: $needs_keys,
            values: |columns| &columns.$name,
        }
    };
}

/// What every command has, then what those of one kind have, and the key.
macro_rules! columns {
    ($($name:ident: $sql_type:ident,)+) => {
        [
            column!(uuid: UUID, false),
            column!(institution: TEXT, false),
            column!(at: INT8, false),
            column!(actor_kind: INT2, false),
            column!(actor: TEXT, false),
            column!(place: INT4, false),
            column!(now: INT8, false),
            $(column!($name: $sql_type, false),)+
            column!(key: TEXT, true),
        ]
    };
}

/// What creations take.
pub(super) static CREATION: [Column; 12] = columns! {
    application_id: INT8,
    certificate_title: TEXT,
    applicant_email: TEXT,
    trigger_context: INT2,
};

/// What transitions take.
pub(super) static TRANSITION: [Column; 13] = columns! {
    at_is_given: BOOL,
    legal: INT8,
    status: INT2,
    expected_version: INT8,
    text: TEXT,
};

/// The values of a column, as parameters.
pub(super) trait Values {
    /// The column as an array.
    fn all(&self) -> &(dyn ToSql + Sync);

    /// Its first value alone.
    fn first(&self) -> Option<&(dyn ToSql + Sync)>;
}

impl<V: ToSql + Sync> Values for Vec<V> {
    fn all(&self) -> &(dyn ToSql + Sync) {
        self
    }

    fn first(&self) -> Option<&(dyn ToSql + Sync)> {
        self.as_slice().first().map(|it| it as _)
    }
}

/// How a statement takes its columns.
#[derive(Clone, Copy)]
pub(super) struct Input {
    pub(super) columns: &'static [Column],
    /// One command and no arrays.
    pub(super) is_one: bool,
    pub(super) has_keys: bool,
}

impl Input {
    /// The columns that are parameters, in their order.
    pub(super) fn given(self) -> impl Iterator<Item = &'static Column> {
        let columns = self.columns.iter();
        columns.filter(move |it| self.has_keys || !it.needs_keys)
    }

    /// The query whose rows are the commands. It has all columns of the list.
    pub(super) fn sql(self) -> String {
        let alone = |(number, it): (usize, &Column)| {
            format!("${number}::{} AS {}", it.sql_type.name(), it.name)
        };
        let mut selected: Vec<String> = if self.is_one {
            (1..).zip(self.given()).map(alone).collect()
        } else {
            vec!["*".to_owned()]
        };
        let missing = self.columns.iter();
        let missing = missing.filter(|it| !self.has_keys && it.needs_keys);
        selected.extend(missing.map(|it| format!("NULL::{} AS {}", it.sql_type.name(), it.name)));
        let selected = selected.join(", ");
        if self.is_one {
            return format!("SELECT {selected}");
        }
        let given = self.given().map(|it| (it.name, &it.sql_type));
        format!("SELECT {selected} FROM {}", unnest(1, given))
    }

    /// The parameters for these commands.
    pub(super) fn parameters<'c>(self, columns: &'c Columns<'_>) -> Vec<Parameter<'c>> {
        let given = self.given();
        let parameter = |column: &Column| {
            let values = (column.values)(columns);
            match values.first() {
                Some(value) if self.is_one => (value, column.sql_type.clone()),
                _ => (values.all(), array_of(&column.sql_type)),
            }
        };
        given.map(parameter).collect()
    }
}

impl<'a> Columns<'a> {
    /// The columns of these commands, in the order of the applications' identities: statements lock
    /// rows in that order, so two of them never wait for each other. `places` has the place of each
    /// command's event among the events of the transaction.
    pub(super) fn of(batch: &[&'a Append], places: &[i32]) -> Self {
        let mut columns = Self::default();
        let mut in_order: Vec<_> = places.iter().copied().zip(batch.iter().copied()).collect();
        in_order.sort_unstable_by_key(|(_, append)| append.uuid());
        for (place, append) in in_order {
            columns.push(place, append);
        }
        columns
    }

    fn push(&mut self, place: i32, append: &'a Append) {
        let request = &append.request;
        self.uuid.push(append.uuid());
        self.institution.push(request.institution.as_str());
        self.at.push(append.at().to_datetime().timestamp());
        let actor_kind = code(&ActorKind::ALL, &request.actor.kind);
        self.actor_kind.push(actor_kind);
        self.actor.push(request.actor.id.as_str());
        self.place.push(place);
        self.now.push(append.now.timestamp_millis());
        let key = request.idempotency_key.as_ref();
        self.key.push(key.map(IdempotencyKey::as_str));
        match &request.operation {
            Operation::Act {
                command,
                expected_version,
                ..
            } => {
                self.at_is_given.push(request.at.is_some());
                self.push_transition(command, *expected_version);
            }
            operation => {
                if let Some((details, context)) = operation.creation() {
                    self.push_creation(details, context);
                }
            }
        }
    }

    fn push_creation(&mut self, details: &'a ApplicationDetails, context: TriggerContext) {
        let application_id = details.application_id().get();
        self.application_id.push(application_id.cast_signed());
        let title = encode(details.certificate_title().as_str());
        self.certificate_title.push(title);
        let email = details.applicant_email().as_str();
        self.applicant_email.push(email);
        let context = code(&TriggerContext::ALL, &context);
        self.trigger_context.push(context);
    }

    fn push_transition(&mut self, command: &'a Command, expected_version: Option<u64>) {
        self.legal.push(Cells::legal_at_versions(command.action()));
        let kind = code(&EventKind::ALL, &event_kind(command));
        self.status.push(kind);
        // No application has a version that PostgreSQL cannot hold.
        let expected = expected_version.map(|it| i64::try_from(it).unwrap_or(-1));
        self.expected_version.push(expected);
        self.text.push(text_of(command).map(encode));
    }
}

/// The event that a command emits.
pub(super) fn event_kind(command: &Command) -> EventKind {
    let mut kinds = EventKind::ALL.into_iter();
    let emitted = kinds.find(|kind| kind.action() == Some(command.action()));
    // Every action emits one kind of event: the conformance suite walks through all cells.
    emitted.unwrap_or(EventKind::Created)
}
