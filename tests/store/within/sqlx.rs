//! Transactions of `sqlx`.

use std::str::FromStr;
use std::time::Duration;

use ::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use ::sqlx::{Connection, Executor, PgConnection, Row, raw_sql};
use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::within::Joins;
use certificate_lifecycle::store::*;
use tokio::sync::mpsc;

use super::{Answers, Call, is_to_be_repeated};
use crate::harness::{Harness, Postgres};
use crate::outbox_world::{Post, of_ours};
use crate::receipts::{are_in, several};
use crate::server::{client, server};
use crate::world::*;

/// A connection of the backend's, with settings that are its own affair.
pub(super) async fn backend() -> PgConnection {
    let mut connection = PgConnection::connect(&server().url()).await.unwrap();
    let settings = "SET search_path = pg_temp; SET plan_cache_mode = force_custom_plan; \
                    SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu'";
    run(&mut connection, settings).await.unwrap();
    connection
}

/// Statements without parameters.
async fn run(connection: &mut PgConnection, sql: &'static str) -> ::sqlx::Result<()> {
    connection.execute(raw_sql(sql)).await.map(drop)
}

/// How often a transaction is repeated that lost to others.
const REPEATS: u32 = 1_000;

pub(super) async fn serve(
    mut connection: PgConnection,
    store: PostgresStore,
    mut waiting: mpsc::UnboundedReceiver<Call>,
) {
    while let Some(call) = waiting.recv().await {
        let mut answers = Answers::new();
        for repeat in 0..REPEATS {
            let mut transaction = connection.begin().await.unwrap();
            let (batch, atomicity) = (call.batch.clone(), call.atomicity);
            answers =
                Joins::append(&mut transaction, store.clone(), batch, atomicity, |it| it).await;
            if !is_to_be_repeated(&answers) && transaction.commit().await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_micros(u64::from(repeat % 7) * 300)).await;
        }
        store.wake();
        let _ = call.answers.send(answers);
    }
}

/// A store, and a connection of the backend's with a table of its own.
async fn issuer() -> (Engine<PostgresStore>, PgConnection, String) {
    let harness = Postgres::fresh().await;
    let engine = engine_on(harness.open().await, &TestClock::default());
    let mut connection = backend().await;
    let sql = "CREATE TEMPORARY TABLE certificate (application bigint, serial integer)";
    run(&mut connection, sql).await.unwrap();
    (engine, connection, harness.url().to_owned())
}

async fn count(connection: &mut PgConnection, sql: &'static str) -> i64 {
    connection.fetch_one(raw_sql(sql)).await.unwrap().get(0)
}

const CERTIFICATES: &str = "SELECT count(*) FROM certificate";

#[tokio::test]
async fn both_are_committed_or_neither_is() {
    let (_, mut connection, _) = issuer().await;
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    post.done(upload(1)).await;
    let engine = engine_on(post.harness.open().await, &post.clock);
    let worker = worker();
    let background = engine.scope(&OURS, &worker);
    for is_committed in [false, true] {
        let mut transaction = connection.begin().await.unwrap();
        let approval = background.approve(id(1)).within(&mut transaction).await;
        assert_eq!(approval.unwrap().event.version(), 2);
        let insert = ::sqlx::query("INSERT INTO certificate VALUES (1, $1)").bind(7);
        insert.execute(&mut *transaction).await.unwrap();
        if is_committed {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        let application = engine.load(&OURS, id(1)).await.unwrap().unwrap();
        assert_eq!(application.version(), 1 + u64::from(is_committed));
        let certificates = count(&mut connection, CERTIFICATES).await;
        assert_eq!(certificates, i64::from(is_committed));
        let made = post.made(1).await;
        let expected: &[_] = if is_committed {
            &[(1, 1), (1, 2)]
        } else {
            &[(1, 1)]
        };
        assert_eq!(made, expected);
    }
    let again = background.approve(id(1)).within(&mut connection).await;
    assert_eq!(again.unwrap_err().code(), "illegal_transition");
}

#[tokio::test]
async fn what_is_refused_leaves_the_transaction_as_it_was() {
    let (engine, mut connection, _) = issuer().await;
    engine.execute(upload(1)).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let jane = jane();
    let office = engine.scope(&OURS, &jane);
    let forbidden = office.approve(id(1)).within(&mut transaction).await;
    assert_eq!(forbidden.unwrap_err().code(), "forbidden");
    let illegal = office.retry(id(1)).within(&mut *transaction).await;
    assert_eq!(illegal.unwrap_err().code(), "illegal_transition");
    let all = vec![upload(2), act(1, Action::Retry)];
    let answers = engine.within(&mut transaction).execute_all(all).await;
    let codes = answers.into_iter().map(|it| it.unwrap_err().code());
    assert_eq!(
        codes.collect::<Vec<_>>(),
        ["abandoned", "illegal_transition"]
    );
    let late = act(1, Action::Approve).expecting(7);
    let late = engine.within(&mut transaction).execute(late).await;
    assert_eq!(late.unwrap_err().code(), "conflict");
    // A key, used twice in the transaction.
    for is_repeated in [false, true] {
        let approval = act(1, Action::Approve).with_key(key("approval"));
        let receipt = engine.within(&mut transaction).execute(approval).await;
        assert_eq!(receipt.unwrap().replayed, is_repeated);
    }
    transaction.commit().await.unwrap();
    assert!(engine.load(&OURS, id(2)).await.unwrap().is_none());
    assert_eq!(engine.history(&OURS, id(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_savepoint_takes_its_commands_along() {
    let (engine, mut connection, _) = issuer().await;
    let mut transaction = connection.begin().await.unwrap();
    engine
        .within(&mut transaction)
        .execute(upload(1))
        .await
        .unwrap();
    for (number, is_kept) in [(2, false), (3, true)] {
        let mut savepoint = transaction.begin().await.unwrap();
        let batch = vec![upload(number), act(number, Action::Approve)];
        let answers = engine.within(&mut savepoint).execute_many(batch).await;
        assert!(answers.iter().all(Result::is_ok));
        if is_kept {
            savepoint.commit().await.unwrap();
        } else {
            savepoint.rollback().await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
    let feed = whole_feed(&engine, 3).await;
    let reported: Vec<_> = feed.iter().map(|it| it.event.uuid()).collect();
    assert_eq!(reported, [1, 3, 3].map(id));
}

#[tokio::test]
async fn every_isolation_level_will_do() {
    let (engine, mut connection, _) = issuer().await;
    let levels = [
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    ];
    let mut receipts = Vec::new();
    for (number, level) in (1..).zip(levels) {
        let mut transaction = connection.begin().await.unwrap();
        run(&mut transaction, level).await.unwrap();
        for request in [upload(number), act(number, Action::Approve)] {
            let joined = engine.within(&mut transaction).execute(request);
            receipts.push(joined.await.unwrap());
        }
        let call = engine.within(&mut transaction);
        for answer in call.execute_many(several(10 * number)).await {
            receipts.push(answer.unwrap());
        }
        transaction.commit().await.unwrap();
    }
    let feed = whole_feed(&engine, 36).await;
    assert_eq!((feed.len(), receipts.len()), (36, 36));
    are_in(&feed, &receipts);
}

#[tokio::test]
async fn connections_of_a_pool_keep_their_statements_and_are_asked_for_no_types() {
    let (_, _, url) = issuer().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let engine = Engine::new(AnyStore::Postgres(store));
    let options = PgConnectOptions::from_str(&server().url()).unwrap();
    // With one of the backend's own.
    for (capacity, statements) in [(100, 3), (0, 0)] {
        let options = options.clone().statement_cache_capacity(capacity);
        let pool = PgPoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options).await.unwrap();
        for number in 1..=3 {
            let number = number + u64::try_from(capacity).unwrap();
            let mut transaction = pool.begin().await.unwrap();
            let own = ::sqlx::query("SELECT 1").persistent(capacity > 0);
            own.execute(&mut *transaction).await.unwrap();
            let upload = engine.within(&mut transaction).execute(upload(number));
            upload.await.unwrap();
            // Arrays as parameters.
            let approval = act(number, Action::Approve).with_key(key(&number.to_string()));
            let approval = engine.within(&mut transaction).execute(approval);
            approval.await.unwrap();
            transaction.commit().await.unwrap();
        }
        let mut connection = pool.acquire().await.unwrap();
        let sql = "SELECT count(*) FROM pg_prepared_statements";
        assert_eq!(count(&mut connection, sql).await, statements);
    }
    assert_eq!(whole_feed(&engine, 12).await.len(), 12);
}

#[tokio::test]
async fn a_store_of_another_kind_is_refused() {
    let mut connection = backend().await;
    let mut transaction = connection.begin().await.unwrap();
    let engine = Engine::new(AnyStore::Memory(MemoryStore::new()));
    let refused = engine.within(&mut transaction).execute(upload(1)).await;
    assert_eq!(refused.unwrap_err().code(), "misconfigured");
}

/// What goes wrong: what the backend does first, what another session does then, and the code of
/// the error that an approval gets.
const FAULTS: [(&str, &str, &str); 8] = [
    ("BEGIN READ ONLY", "", "unavailable"),
    ("BEGIN; SELECT 1 / 0", "", "unavailable"),
    (
        "BEGIN; SET LOCAL lock_timeout = '50ms'",
        "BEGIN; SELECT * FROM certlife_application FOR UPDATE",
        "unavailable",
    ),
    (
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class",
        "UPDATE certlife_application SET updated_at = updated_at",
        "unavailable",
    ),
    (
        "BEGIN",
        "BEGIN; INSERT INTO certlife_event \
            (uuid, version, kind, at, actor_kind, actor, transaction, place) \
            SELECT uuid, 2, kind, at, actor_kind, actor, transaction, place + 100 \
            FROM certlife_event; COMMIT",
        "corrupt",
    ),
    (
        "BEGIN",
        "DELETE FROM certlife_event WHERE version = 2; \
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN RAISE 'closed on holidays' USING DETAIL = 'john@example.com'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON certlife_event \
            FOR EACH ROW EXECUTE FUNCTION refuse()",
        "refused_by_database",
    ),
    (
        "BEGIN",
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN RAISE 'john@example.com' USING ERRCODE = '22023'; END $$",
        "refused_by_database",
    ),
    ("BEGIN", "DROP TABLE certlife_event", "misconfigured"),
];

/// An error says the same, whatever library it came through.
#[tokio::test]
async fn errors_are_those_of_the_other_libraries() {
    let (engine, _, url) = issuer().await;
    engine.execute(upload(1)).await.unwrap();
    let approval = || act(1, Action::Approve);
    for (before, meanwhile, code) in FAULTS {
        let mut by_sqlx = backend().await;
        let mut by_tokio_postgres = client(&server().url()).await;
        let _ = run(&mut by_sqlx, before).await;
        let _ = by_tokio_postgres.batch_execute(before).await;
        let other = client(&url).await;
        other.batch_execute(meanwhile).await.unwrap();
        let one = engine.within(&mut by_sqlx).execute(approval()).await;
        let two = engine.within(&mut by_tokio_postgres).execute(approval());
        let (one, two) = (one.unwrap_err(), two.await.unwrap_err());
        assert_eq!(one.code(), code, "{before}; {meanwhile}: {one}");
        assert_eq!(one.to_string(), two.to_string(), "{before}; {meanwhile}");
        assert!(!format!("{one:?}").contains("john@"), "{one:?}");
        // The others go on.
        by_sqlx.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_connection_leaves_the_outcome_unknown() {
    let (engine, mut connection, url) = issuer().await;
    let other = client(&url).await;
    for is_seen in [false, true] {
        let pid = connection.fetch_one(raw_sql("SELECT pg_backend_pid()"));
        let pid: i32 = pid.await.unwrap().get(0);
        let sql = "SELECT pg_terminate_backend($1, 10000)";
        other.query_one(sql, &[&pid]).await.unwrap();
        if is_seen {
            let _ = run(&mut connection, "SELECT 1").await;
        }
        let lost = engine.within(&mut connection).execute(upload(1)).await;
        let lost = lost.unwrap_err();
        assert_eq!(lost.code(), "unknown_outcome", "{lost}");
        connection = backend().await;
    }
}

#[tokio::test]
async fn without_a_transaction_each_command_is_one() {
    let (engine, mut connection, _) = issuer().await;
    let alone = engine.within(&mut connection).execute(upload(2)).await;
    alone.unwrap();
    assert!(engine.load(&OURS, id(2)).await.unwrap().is_some());
    let all = engine
        .within(&mut connection)
        .execute_all(vec![upload(1)])
        .await;
    let refused = all[0].as_ref().unwrap_err();
    assert!(refused.to_string().contains("begin one"), "{refused}");
    assert!(engine.load(&OURS, id(1)).await.unwrap().is_none());
}
