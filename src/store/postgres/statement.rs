//! The statements that write: one for many commands, one command an application.
//!
//! They state no rule of the lifecycle: a transition's statement is given, for each command, the
//! set of (state, source) in which it is legal, as made from the crate's rules. They answer what
//! went through. Of the rest nothing is changed; why, is decided by the crate, from what it then
//! reads.

use std::sync::LazyLock;

use tokio_postgres::Statement;

use crate::store::{Append, Operation};

/// Which statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Applications are created.
    Creation,
    /// Applications move on.
    Transition,
}

/// For what a statement is made. What nobody asks for is left out: setting up a plan takes longer
/// than carrying it out for a few rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// One command and no arrays, for a row that nobody has edited; only where it has no key.
    pub(super) is_one: bool,
    pub(super) keys: Keys,
}

/// What a statement does with the keys of its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// No command has one.
    None,
    /// A command whose key was used is not carried out. What was carried out is remembered later.
    Checked,
    /// The same, and the keys of what was carried out are remembered.
    Recorded,
}

/// A statement that the server knows.
pub(super) struct Prepared {
    pub(super) shape: Shape,
    pub(super) statement: Statement,
}

impl Shape {
    /// The shape for these commands, which are all of one kind.
    pub(super) fn of(batch: &[&Append]) -> Self {
        let has_key = |append: &&Append| append.request.idempotency_key.is_some();
        let keys = if batch.iter().any(has_key) {
            Keys::Recorded
        } else {
            Keys::None
        };
        Self {
            kind: batch.first().map_or(Kind::Transition, |it| Kind::of(it)),
            is_one: false,
            keys,
        }
    }

    /// The same, for a statement that more statements follow in its transaction: they take locks of
    /// applications, and no lock of a key may stand before one of an application.
    pub(super) fn without_recording(self) -> Self {
        let keys = match self.keys {
            Keys::None => Keys::None,
            Keys::Checked | Keys::Recorded => Keys::Checked,
        };
        Self { keys, ..self }
    }

    /// The shape for commands that are tried for the first time: one alone may be spared the
    /// arrays.
    pub(super) fn of_first(batch: &[&Append]) -> Self {
        let shape = Self::of(batch);
        Self {
            is_one: batch.len() == 1 && shape.keys == Keys::None,
            ..shape
        }
    }

    /// The statement's text.
    pub(super) fn sql(self) -> &'static str {
        static ALL: LazyLock<Vec<(Shape, String)>> = LazyLock::new(|| {
            let shapes = [
                (true, Keys::None),
                (false, Keys::None),
                (false, Keys::Checked),
                (false, Keys::Recorded),
            ];
            let of = |kind, sql: &str| {
                shapes.map(|(is_one, keys)| {
                    let shape = Shape { kind, is_one, keys };
                    let lines = lines_for(&with_expressions(sql), shape);
                    let text = if is_one { of_parameters(&lines) } else { lines };
                    (shape, text)
                })
            };
            let creations = of(Kind::Creation, CREATION);
            creations
                .into_iter()
                .chain(of(Kind::Transition, TRANSITION))
                .collect()
        });
        let found = ALL.iter().find(|(shape, _)| *shape == self);
        // All shapes that `of` makes are there.
        found.map_or("", |(_, sql)| sql)
    }
}

impl Kind {
    /// Which statement carries out the command.
    pub(super) fn of(append: &Append) -> Self {
        match append.request.operation {
            Operation::Submit(_) | Operation::Upload(..) => Self::Creation,
            Operation::Act { .. } => Self::Transition,
        }
    }
}

const CREATION: &str = include_str!("sql/creation.sql");
const TRANSITION: &str = include_str!("sql/transition.sql");

/// The digest of an application's details, in terms of a table.
macro_rules! seal_of {
    ($table:literal) => {
        concat!(
            "md5(",
            $table,
            ".applicant_email || E'\\x1f' || ",
            $table,
            ".application_id || E'\\x1f' || ",
            $table,
            ".trigger_context || E'\\x1f' || ",
            $table,
            ".certificate_title)::uuid"
        )
    };
}
pub(super) use seal_of;

/// How many places of the feed one transaction has, at most. An application's number is made from
/// its transaction and its place: so applications are listed in the order of the feed, whatever the
/// order in which their statement locks them.
pub(super) const PLACES: i64 = 1 << 22;

fn with_expressions(sql: &str) -> String {
    let number = format!("((transaction - skipped) * {PLACES} + place)");
    sql.replace("seal_of(fresh)", seal_of!("fresh"))
        .replace("seal_of(head)", seal_of!("head"))
        .replace("number_of(fresh)", &number)
        .replace("number_of(done)", &number)
}

/// What stands in the statement for one transition instead of the columns of `input` and `this`;
/// the longer of two names first.
const PARAMETERS: [(&str, &str); 14] = [
    ("input.uuid", "$1::uuid"),
    ("input.institution", "$2::text"),
    ("input.at_is_given", "$4::boolean"),
    ("input.at", "$3::bigint"),
    ("input.legal", "$5::bigint"),
    ("input.status", "$6::smallint"),
    ("input.expected_version", "$7::bigint"),
    ("input.actor_kind", "$8::smallint"),
    ("input.actor", "$9::text"),
    ("input.text", "$10::text"),
    ("input.place", "$11::integer"),
    ("input.now", "$12::bigint"),
    ("this.base", "(base & 4294967295)"),
    (
        "this.transaction",
        "(base + pg_current_xact_id()::text::bigint)",
    ),
];

fn of_parameters(sql: &str) -> String {
    let replaced = PARAMETERS.iter();
    replaced.fold(sql.to_owned(), |sql, (name, parameter)| {
        sql.replace(name, parameter)
    })
}

/// The statement for this many commands, with keys or without: lines behind a mark for something
/// else are left out, up to the next mark.
fn lines_for(sql: &str, shape: Shape) -> String {
    let mut kept = String::with_capacity(sql.len());
    let mut is_kept = true;
    for line in sql.lines() {
        match line.trim() {
            "-- always" => is_kept = true,
            "-- with keys" => is_kept = shape.keys != Keys::None,
            "-- recorded keys" => is_kept = shape.keys == Keys::Recorded,
            "-- one" => is_kept = shape.is_one,
            "-- many" => is_kept = !shape.is_one,
            _ if is_kept => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    kept
}
