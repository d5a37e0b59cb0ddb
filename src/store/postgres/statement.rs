//! The statements that write: one for many commands, one command an application.
//!
//! They state no rule of the lifecycle: a transition's statement is given, for each command, the set of
//! (state, source) in which it is legal, as made from the crate's rules. They answer what went through. Of
//! the rest nothing is changed; why, is decided by the crate, from what it then reads.

use std::sync::LazyLock;

/// Which statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Applications are created.
    Creation,
    /// Applications move on.
    Transition,
}

impl Kind {
    /// The statement's text. Where no command has a key, what is about keys is left out: setting up a
    /// plan takes longer than carrying it out for a few rows.
    pub(super) fn sql(self, with_keys: bool) -> &'static str {
        static ALL: LazyLock<[String; 4]> = LazyLock::new(|| {
            let [creation, transition] = [CREATION, TRANSITION].map(with_seals);
            [
                without_keys(&creation),
                creation,
                without_keys(&transition),
                transition,
            ]
        });
        let [keyless_creation, creation, keyless_transition, transition] = &*ALL;
        match (self, with_keys) {
            (Self::Creation, true) => creation,
            (Self::Creation, false) => keyless_creation,
            (Self::Transition, true) => transition,
            (Self::Transition, false) => keyless_transition,
        }
    }
}

const CREATION: &str = include_str!("sql/creation.sql");
const TRANSITION: &str = include_str!("sql/transition.sql");

/// The digest of an application's details, in terms of a table.
macro_rules! seal_of {
    ($table:literal) => {
        concat!(
            "md5(concat_ws(chr(31), ",
            $table,
            ".application_id, ",
            $table,
            ".certificate_title, ",
            $table,
            ".applicant_email, ",
            $table,
            ".trigger_context))::uuid"
        )
    };
}
pub(super) use seal_of;

fn with_seals(sql: &str) -> String {
    sql.replace("seal_of(fresh)", seal_of!("fresh"))
        .replace("seal_of(head)", seal_of!("head"))
}

/// The statement without the lines between these marks.
fn without_keys(sql: &str) -> String {
    let mut kept = String::with_capacity(sql.len());
    let mut is_kept = true;
    for line in sql.lines() {
        match line.trim() {
            "-- with keys" => is_kept = false,
            "-- always" => is_kept = true,
            _ if is_kept => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    kept
}
