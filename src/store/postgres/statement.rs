//! The statements that write: one for many commands, one command an application.
//!
//! They state no rule of the lifecycle. A transition's statement takes, for each command, the set
//! of (state, source) in which the command is legal, as made from the crate's rules. It returns
//! what it carried out. For the other commands it changes nothing; the crate reads their rows and
//! decides why.
//!
//! The SQL stands in `sql/`. A `{name}` in it stands for a part: the input, which `columns.rs`
//! makes, or SQL that only some shapes have.

use std::sync::LazyLock;

use super::columns::{CREATION, Input, TRANSITION};
use crate::store::{Append, Operation};

/// Which statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Applications are created.
    Creation,
    /// Applications move on.
    Transition,
}

/// For which commands a statement is made. Its SQL has only what they need: for a few rows, setting
/// up a plan takes longer than carrying it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// One command without a key, and no arrays. A row that was edited by hand is not moved on.
    pub(super) is_one: bool,
    pub(super) keys: Keys,
    /// On a connection of the caller's ([`Guard`](super::link::Guard)).
    pub(super) is_guarded: bool,
}

/// What a statement does with the keys of its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// No command has one.
    None,
    /// A command whose key was used is not carried out. The other keys are recorded later.
    Checked,
    /// A command whose key was used is not carried out. The other keys are recorded.
    Recorded,
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
            is_guarded: false,
        }
    }

    /// The same, on a connection of the caller's or not.
    pub(super) fn guarded(self, is_guarded: bool) -> Self {
        Self { is_guarded, ..self }
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

    /// The shape for commands that are tried for the first time: one alone needs no arrays.
    pub(super) fn of_first(batch: &[&Append]) -> Self {
        let shape = Self::of(batch);
        Self {
            is_one: batch.len() == 1 && shape.keys == Keys::None,
            ..shape
        }
    }

    /// How the statement takes its commands.
    pub(super) fn input(self) -> Input {
        Input {
            columns: match self.kind {
                Kind::Creation => &CREATION,
                Kind::Transition => &TRANSITION,
            },
            is_one: self.is_one,
            has_keys: self.keys != Keys::None,
        }
    }

    /// Where its rows have the place of the transaction's last event before it. On a connection of
    /// the store's there is none before it.
    pub(super) fn last_place_at(self) -> Option<usize> {
        let at = match self.kind {
            Kind::Creation => 2,
            Kind::Transition => 8,
        };
        self.is_guarded.then_some(at)
    }

    /// Every shape that is sent.
    fn all() -> impl Iterator<Item = Self> {
        let forms = [
            (true, Keys::None),
            (false, Keys::None),
            (false, Keys::Checked),
            (false, Keys::Recorded),
        ];
        let shape = |(kind, is_guarded), (is_one, keys)| Self {
            kind,
            is_one,
            keys,
            is_guarded,
        };
        let kinds = [Kind::Creation, Kind::Transition].into_iter();
        let kinds = kinds.flat_map(|kind| [(kind, false), (kind, true)]);
        kinds.flat_map(move |kind| forms.map(|form| shape(kind, form)))
    }

    /// The statement's text.
    pub(super) fn sql(self) -> &'static str {
        static ALL: LazyLock<Vec<(Shape, String)>> = LazyLock::new(|| {
            let texts = Shape::all().map(|shape| (shape, shape.text()));
            texts.collect()
        });
        let found = ALL.iter().find(|(shape, _)| *shape == self);
        // All shapes that `of` makes are there.
        found.map_or("", |(_, sql)| sql)
    }

    fn text(self) -> String {
        let text = match self.kind {
            Kind::Creation => CREATE,
            Kind::Transition => MOVE_ON,
        };
        let parts = self.parts();
        let put = |text: String, (name, part): &(&str, String)| {
            text.replace(&format!("{{{name}}}"), part.trim_end())
        };
        let text = parts.iter().fold(text.to_owned(), put);
        // Behind the columns, the parameters of the guard.
        let columns = self.input().given().count();
        let number = |text: String, (name, after): (&str, usize)| {
            text.replace(name, &format!("${}", columns + after))
        };
        let names = [
            ("{table}", 1),
            ("{database}", 2),
            ("{started_at}", 3),
            ("{given_place}", 4),
        ];
        names.into_iter().fold(text, number)
    }

    /// What stands in the SQL for each `{name}`. A part comes before those that it contains.
    fn parts(self) -> [(&'static str, String); 14] {
        let either = |condition, then: &str, otherwise: &str| {
            let part = if condition { then } else { otherwise };
            part.to_owned()
        };
        let (has_keys, records_keys) = (self.keys != Keys::None, self.keys == Keys::Recorded);
        [
            ("records", RECORDS.to_owned()),
            ("input", self.input().sql()),
            ("unused_keys", either(has_keys, UNUSED_KEYS, "")),
            ("recorded_keys", either(records_keys, RECORDED_KEYS, "")),
            (
                "materialized",
                either(self.is_one, "NOT MATERIALIZED", "MATERIALIZED"),
            ),
            // One command whose row was edited is sent again, as one of many.
            ("is_sound", either(self.is_one, "false", SOUND)),
            ("if_any_webhook", either(self.is_one, "", IF_ANY_WEBHOOK)),
            ("guard", either(self.is_guarded, GUARD, "")),
            ("most_events", MOST_EVENTS.to_string()),
            ("last_place", either(self.is_guarded, LAST_PLACE, "0")),
            ("behind", either(self.is_guarded, self.kind.behind(), "")),
            ("places", PLACES.to_string()),
            ("seal_of_fresh", seal_of!("fresh").to_owned()),
            ("seal_of_head", seal_of!("head").to_owned()),
        ]
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

    /// How its rows tell [`LAST_PLACE`].
    const fn behind(self) -> &'static str {
        match self {
            Self::Creation => ", (SELECT last_place FROM this)",
            Self::Transition => ", last_place",
        }
    }
}

const CREATE: &str = include_str!("sql/creation.sql");
const MOVE_ON: &str = include_str!("sql/transition.sql");
const RECORDS: &str = include_str!("sql/records.sql");
const RECORDED_KEYS: &str = include_str!("sql/recorded_keys.sql");
const UNUSED_KEYS: &str = include_str!("sql/unused_keys.sql");
const SOUND: &str = include_str!("sql/sound.sql");

/// Behind which place of the transaction the commands have theirs.
const LAST_PLACE: &str = "\
    coalesce({given_place}::integer, (
            SELECT max(last.place) FROM certlife_event last
            WHERE last.transaction = base + pg_current_xact_id()::text::bigint
        ), 0)";

/// That it is the store's table, in the store's database, on the store's server.
const GUARD: &str = "\
    WHERE certlife_feed.tableoid = {table}::oid
        AND current_database() = {database}::text
        AND (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
            = {started_at}::bigint
        AND {last_place} < {most_events}";

/// Where there is no webhook at all, nothing is looked up for each row. For one row, planning this
/// takes longer than it saves.
const IF_ANY_WEBHOOK: &str = "WHERE EXISTS (SELECT FROM certlife_webhook)";

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

/// How many events a transaction of the caller's has recorded, at most, before a statement that
/// records more.
pub(super) const MOST_EVENTS: i64 = PLACES / 2;

#[cfg(test)]
#[path = "../../../tests/unit/statements.rs"]
mod tests;
