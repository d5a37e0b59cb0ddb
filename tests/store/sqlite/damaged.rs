//! A file that is damaged: the cases are in `tests/store/damaged/`.

use std::fs;

use certificate_lifecycle::store::SqliteStore;

use super::{dump, edit};
use crate::damaged::corrupt::{ALL, IN_THE_PAST, WHERE_IT_IS};
use crate::harness::Sqlite;
use crate::support::damaged::Question::{Act, Feed, History, List, Load, Repeat};
use crate::support::damaged::Row::{Failed, Head, Key, Last, Statement};
use crate::support::damaged::{Damaged, Doomed, Edit, Row, Step};

/// In the SQL of an edit, these stand for numbers of rows: the application's, its events', another
/// application's and its event's.
pub const NAMES: [(&str, &str); 6] = [
    ("{app}", "(SELECT max(no) FROM certlife_application)"),
    (
        "{failed}",
        "(SELECT seq FROM certlife_event WHERE idempotency_key = '9-3')",
    ),
    (
        "{processing}",
        "(SELECT seq FROM certlife_event WHERE idempotency_key = '9-2')",
    ),
    ("{last}", "(SELECT max(seq) FROM certlife_event)"),
    ("{other}", "(SELECT max(no) - 1 FROM certlife_application)"),
    (
        "{others}",
        "(SELECT seq FROM certlife_event WHERE idempotency_key = '8-2')",
    ),
];

/// The edit, with the numbers for their names.
pub fn numbered(sql: &str) -> String {
    NAMES
        .iter()
        .fold(sql.to_owned(), |sql, (name, rows)| sql.replace(name, rows))
}

impl Damaged for Sqlite {
    /// The bytes of the file.
    type Saved = Vec<u8>;

    async fn run_sql(&self, sql: &str) {
        edit(&self.path(), sql);
    }

    async fn dump(&self) -> Vec<String> {
        dump(&self.path())
    }

    async fn save(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    async fn damage(&self, saved: &Vec<u8>, sql: &str) -> SqliteStore {
        fs::write(self.path(), saved).unwrap();
        edit(&self.path(), sql);
        SqliteStore::open(self.path()).unwrap()
    }

    #[rustfmt::skip]
    const EDITS: &'static [Edit] = &[
        (Statement, "UPDATE certlife_application SET uuid = X'00' WHERE no = {app}", &[List, Feed, Repeat]),
        (Statement, "DELETE FROM certlife_application WHERE no = {app}", &[List, Feed, Repeat]),
        (Head, "trigger_context = 0", &[Load, History, List, Feed, Act]),
        (Head, "institution = 99", &[Load, History, Feed, Act, Repeat]),
        (Head, "event = 999999", WHERE_IT_IS),
        (Head, "event = {others}", WHERE_IT_IS),
        (Head, "event = {failed}", WHERE_IT_IS),
        (Statement, "DELETE FROM certlife_head WHERE application = {app}", &[Load, History, Feed, Act, Repeat]),
        (Last, "version = 0", ALL),
        (Last, "version = -1", ALL),
        (Last, "version = 9223372036854775807", ALL),
        (Last, "previous = NULL", ALL),
        (Last, "previous = 999999", &[History]),
        (Last, "previous = {last}", &[History]),
        (Last, "previous = {processing}", &[History]),
        (Last, "previous = {others}", &[History]),
        (Last, "application = {other}", WHERE_IT_IS),
        (Last, "application = 999999", ALL),
        (Statement, "DELETE FROM certlife_event WHERE seq = {last}", &[Load, History, List, Act, Repeat]),
        (Failed, "version = 2", IN_THE_PAST),
        (Failed, "previous = NULL", IN_THE_PAST),
        (Failed, "previous = {last}", &[History]),
        (Failed, "application = {other}", &[History]),
        (Statement, "DELETE FROM certlife_event WHERE seq = {failed}", &[History]),
        // Whose it is, and the keys.
        (Statement, "UPDATE certlife_institution SET id = ''", &[Feed]),
        (Statement, "UPDATE certlife_institution SET id = 'a' || char(0)", &[Feed]),
        (Statement, "UPDATE certlife_institution SET id = printf('%65c', 'x')", &[Feed]),
        (Statement, "UPDATE certlife_institution SET id = CAST(X'FF' AS TEXT)", &[Feed]),
        (Statement, "DELETE FROM certlife_institution", &[Load, History, Feed, Act]),
        (Key, "event = 999999", &[Repeat]),
        (Key, "event = {failed}", &[Repeat]),
        (Key, "event = {others}", &[Repeat]),
    ];

    fn edit(row: Row, change: &str) -> String {
        let (table, place) = match row {
            Row::Application => ("application", "no = {app}"),
            Row::Head => ("head", "application = {app}"),
            Row::Last => ("event", "seq = {last}"),
            Row::Failed => ("event", "seq = {failed}"),
            Row::Processing => ("event", "seq = {processing}"),
            Row::Key => ("idempotency", "key = '9-4'"),
            Row::Statement => return numbered(change),
        };
        numbered(&format!(
            "UPDATE certlife_{table} SET {change} WHERE {place}"
        ))
    }

    /// A key that remembers that its command was refused, and the institution, where its row was
    /// renamed.
    fn may_be_added(row: &str) -> bool {
        row.contains("\\\"code\\\"")
            || row == "certlife_institution [Integer(2), Text(\"our-university\")]"
    }

    #[rustfmt::skip]
    const WEBHOOK_EDITS: &'static [(&'static str, &'static str)] = &[
        ("kinds = 1", "its columns (kinds 1, enabled 1)"),
        ("enabled = 0", "enabled 0"),
        // SQL counts only 1 as enabled: nothing would be recorded for it.
        ("enabled = 2", "webhook.enabled must be 0 or 1, but is 2"),
        ("institution = 99", "institution.id is missing"),
    ];

    fn edit_first_webhook(change: &str) -> String {
        format!("UPDATE certlife_webhook SET {change} WHERE no = 1")
    }

    fn edit_second_delivery(change: &str) -> String {
        format!("UPDATE certlife_delivery SET {change} WHERE no = 2")
    }

    #[rustfmt::skip]
    const DELIVERY_EDITS: &'static [(&'static str, &'static str)] = &[
        ("UPDATE certlife_delivery SET event = 99 WHERE no = 2", "event.version is missing"),
        ("UPDATE certlife_delivery SET event = 1 WHERE no = 2", "belongs to another application"),
        ("UPDATE certlife_event SET kind = 99 WHERE seq = 2", "kind must be 0 to 5"),
        ("DELETE FROM certlife_application WHERE no = 2", "application"),
    ];

    #[rustfmt::skip]
    const EVENT_EDITS: &'static [(&'static str, &'static str)] = &[
        ("UPDATE certlife_delivery SET event = 99 WHERE no = 2", "has no event 99"),
        ("UPDATE certlife_event SET kind = 99 WHERE seq = 2", "kind must be 0 to 5"),
        // An event of another institution is reported to no reader.
        ("UPDATE certlife_delivery SET event = 4 WHERE no = 2", "has no event 4"),
    ];

    const CUT_OFF: &'static str =
        "UPDATE certlife_webhook SET id = NULL, enabled = 0 WHERE no IN (1, 3)";

    #[rustfmt::skip]
    const FAULTS: &'static [&'static str] = &[
        "BEFORE ABORT", "BEFORE FAIL", "BEFORE ROLLBACK", "AFTER ABORT", "AFTER FAIL", "AFTER ROLLBACK",
    ];

    #[rustfmt::skip]
    const STEPS: &'static [Step] = &[
        (Doomed::FirstOfInstitution, "INSERT ON certlife_institution", "NEW.id = 'doomed'"),
        (Doomed::Creation, "INSERT ON certlife_application", "NEW.application_id = 667"),
        (Doomed::Creation, "INSERT ON certlife_head", "NEW.application = (SELECT no FROM certlife_application WHERE application_id = 667)"),
        (Doomed::Transition, "UPDATE ON certlife_head", "NEW.application = (SELECT no FROM certlife_application WHERE application_id = 43)"),
        (Doomed::Event, "INSERT ON certlife_event", "NEW.actor = 'doomed'"),
        (Doomed::Key, "INSERT ON certlife_idempotency", "NEW.key = 'doomed'"),
    ];

    const HEAD_OF_298: (&'static str, &'static str) = (
        "UPDATE ON certlife_head",
        "NEW.application = (SELECT no FROM certlife_application WHERE application_id = 298)",
    );

    fn delivery_to_second() -> (&'static str, String) {
        ("INSERT ON certlife_delivery", "NEW.webhook = 2".to_owned())
    }

    fn fault(how: &str, step: &str, condition: &str) -> String {
        let (when, how) = how.split_once(' ').unwrap();
        format!(
            "CREATE TRIGGER fault {when} {step} WHEN {condition} \
             BEGIN SELECT RAISE({how}, 'injected'); END"
        )
    }

    fn end_of_fault(_: &str) -> String {
        "DROP TRIGGER fault".to_owned()
    }
}
