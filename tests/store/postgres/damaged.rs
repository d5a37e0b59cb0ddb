//! A server's tables that are damaged: the cases are in `tests/store/damaged/`.

use certificate_lifecycle::store::PostgresStore;

use super::{dump, edit, impatient};
use crate::damaged::corrupt::IN_THE_PAST;
use crate::harness::Postgres;
use crate::outbox_world::hook;
use crate::support::damaged::Question::{Act, Feed, History, List, Load, Repeat};
use crate::support::damaged::Row::{Application, Failed, Key, Last};
use crate::support::damaged::{Damaged, Doomed, Edit, Row, Step};

/// A trigger that does something at this step: before it, after it, or when it is committed.
pub fn trigger(when: &str, step: &str, condition: &str, body: &str) -> String {
    let timing = match when {
        "COMMIT" => {
            format!("CREATE CONSTRAINT TRIGGER fault AFTER {step} DEFERRABLE INITIALLY DEFERRED")
        }
        when => format!("CREATE TRIGGER fault {when} {step}"),
    };
    format!(
        "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN {body}; RETURN NEW; END $$;
         {timing} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION fault()"
    )
}

/// The application with number 1.
const SECOND: &str = "9e7860f0-05d1-4fd0-b3e0-000000000001";

impl Damaged for Postgres {
    /// A store that stays open: the rows are copied to tables of their own.
    type Saved = PostgresStore;

    async fn run_sql(&self, sql: &str) {
        edit(self, sql).await;
    }

    async fn dump(&self) -> Vec<String> {
        dump(self).await
    }

    async fn save(&self) -> PostgresStore {
        let save = "CREATE TABLE saved_application AS TABLE certlife_application; \
                    CREATE TABLE saved_event AS TABLE certlife_event; \
                    CREATE TABLE saved_key AS TABLE certlife_idempotency";
        edit(self, save).await;
        let store = PostgresStore::connect_with(self.url(), impatient());
        store.await.unwrap()
    }

    async fn damage(&self, saved: &PostgresStore, sql: &str) -> PostgresStore {
        let restore = "TRUNCATE certlife_application, certlife_event, certlife_idempotency; \
                       INSERT INTO certlife_application \
                           OVERRIDING SYSTEM VALUE TABLE saved_application; \
                       INSERT INTO certlife_event TABLE saved_event; \
                       INSERT INTO certlife_idempotency TABLE saved_key";
        edit(self, &format!("{restore}; {sql}")).await;
        saved.clone()
    }

    #[rustfmt::skip]
    const EDITS: &'static [Edit] = &[
        (Application, "transaction = 9223372036854775807", &[Act]),
        (Application, "transaction = -9223372036854775808", &[Act]),
        (Application, "transaction = transaction - 1", &[Act]),
        (Application, "trigger_context = 0", &[History, Feed]),
        (Application, "institution = ''", &[Feed]),
        (Last, "version = 0", &[Load, History, List, Feed, Act]),
        (Last, "version = -1", &[Load, History, List, Feed, Act]),
        (Last, "version = 9223372036854775807", &[Load, History, List, Feed, Act]),
        (Last, "uuid = '00000000-0000-0000-0000-000000000000'", &[Load, History, List, Feed, Act]),
        (Failed, "uuid = '00000000-0000-0000-0000-000000000000'", IN_THE_PAST),
        (Key, "version = 99", &[Repeat]),
        (Key, "version = 3", &[Repeat]),
        (Key, "uuid = '00000000-0000-0000-0000-000000000000'", &[Repeat]),
    ];

    fn edit(row: Row, change: &str) -> String {
        let (table, place) = match row {
            // Where it stands is a part of what it is.
            Row::Application | Row::Head => ("application", "application_id = 10"),
            Row::Last => ("event", "idempotency_key = '9-4'"),
            Row::Failed => ("event", "idempotency_key = '9-3'"),
            Row::Processing => ("event", "idempotency_key = '9-2'"),
            Row::Key => ("idempotency", "key = '9-4'"),
            Row::Statement => return change.to_owned(),
        };
        format!("UPDATE certlife_{table} SET {change} WHERE {place}")
    }

    fn may_be_added(_: &str) -> bool {
        false
    }

    #[rustfmt::skip]
    const WEBHOOK_EDITS: &'static [(&'static str, &'static str)] = &[
        ("kinds = 1", "its columns (kinds 1, enabled 1)"),
        (
            "enabled = true, kinds = -1, \
             settings = replace(settings, '\"secret\"', '\"disabled\":null,\"secret\"')",
            "kinds -1",
        ),
        ("institution = ''", "institution"),
        ("revision = -1", "revision"),
    ];

    fn edit_first_webhook(change: &str) -> String {
        format!("UPDATE certlife_webhook SET {change} WHERE number = 1")
    }

    fn edit_second_delivery(change: &str) -> String {
        format!(
            "UPDATE certlife_delivery SET {change} WHERE webhook = '{}'",
            hook(2)
        )
    }

    #[rustfmt::skip]
    const DELIVERY_EDITS: &'static [(&'static str, &'static str)] = &[
        ("UPDATE certlife_delivery SET version = 9 WHERE number = 2", "its event at version 9"),
        ("UPDATE certlife_delivery SET application = -1 WHERE number = 2", "its event at version 1"),
        ("UPDATE certlife_webhook SET institution = '' WHERE number = 2", "its event at version 1"),
    ];

    #[rustfmt::skip]
    const EVENT_EDITS: &'static [(&'static str, &'static str)] = &[
        // Another application's event goes to no webhook in its place.
        (
            "UPDATE certlife_delivery SET (transaction, place) = ( \
                 SELECT transaction, place FROM certlife_event \
                 WHERE uuid <> '9e7860f0-05d1-4fd0-b3e0-000000000001' LIMIT 1 \
             ) WHERE number = 2",
            SECOND,
        ),
        ("UPDATE certlife_delivery SET application = -1 WHERE number = 2", SECOND),
        (
            "UPDATE certlife_event SET kind = 99 \
             WHERE uuid = '9e7860f0-05d1-4fd0-b3e0-000000000001'",
            SECOND,
        ),
        (
            "UPDATE certlife_event SET text = 'why?' \
             WHERE uuid = '9e7860f0-05d1-4fd0-b3e0-000000000001'",
            SECOND,
        ),
        ("UPDATE certlife_application SET certificate_title = '' WHERE application_id = 2", SECOND),
        ("DELETE FROM certlife_event WHERE uuid = '9e7860f0-05d1-4fd0-b3e0-000000000001'", SECOND),
        ("DELETE FROM certlife_application WHERE application_id = 2", SECOND),
    ];

    /// Something was recorded for the third after its removal.
    const CUT_OFF: &'static str = "UPDATE certlife_webhook SET removed = true, enabled = false WHERE number = 1; \
         DELETE FROM certlife_webhook WHERE number = 3";

    const FAULTS: &'static [&'static str] = &["BEFORE", "AFTER", "COMMIT"];

    #[rustfmt::skip]
    const STEPS: &'static [Step] = &[
        (Doomed::Creation, "INSERT ON certlife_application", "NEW.application_id = 667"),
        (Doomed::Transition, "UPDATE ON certlife_application", "NEW.application_id = 43"),
        (Doomed::Event, "INSERT ON certlife_event", "NEW.actor = 'doomed'"),
        (Doomed::Key, "INSERT ON certlife_idempotency", "NEW.key = 'doomed'"),
    ];

    const HEAD_OF_298: (&'static str, &'static str) =
        ("UPDATE ON certlife_application", "NEW.application_id = 298");

    fn delivery_to_second() -> (&'static str, String) {
        (
            "INSERT ON certlife_delivery",
            format!("NEW.webhook = '{}'", hook(2)),
        )
    }

    fn fault(how: &str, step: &str, condition: &str) -> String {
        trigger(how, step, condition, "RAISE EXCEPTION 'injected'")
    }

    fn end_of_fault(step: &str) -> String {
        let table = step.rsplit(' ').next().unwrap();
        format!("DROP TRIGGER fault ON {table}")
    }
}
