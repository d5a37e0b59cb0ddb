//! How the server carries out statements, whatever it knows of the tables.
//!
//! This is a module of `src/store/postgres/statement.rs`, as `statements.rs` is.

use serde_json::Value;
use tokio_postgres::Client;

use super::super::{Keys, Kind, Shape};
use super::client;
use crate::store::postgres::lists;

/// How a statement with these values was carried out, as the store sends it.
async fn carried_out(client: &Client, sql: &str, values: &[&str]) -> Value {
    let mut sql = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}");
    // (the last first, or $1 would stand in $10)
    for (number, value) in (1..).zip(values).collect::<Vec<_>>().into_iter().rev() {
        sql = sql.replace(&format!("${number}"), value);
    }
    let rows = client.simple_query(&sql).await.unwrap();
    let lines = rows.iter().filter_map(|row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan: Value = serde_json::from_str(&lines.collect::<String>()).unwrap();
    plan[0]["Plan"].clone()
}

/// How many pages it takes to answer a question with these values.
async fn pages_read(client: &Client, sql: &str, values: &[&str]) -> u64 {
    let plan = carried_out(client, sql, values).await;
    let blocks = |kind| plan[kind].as_u64().unwrap();
    blocks("Shared Hit Blocks") + blocks("Shared Read Blocks")
}

/// The tables that the parts of a plan read from their beginning to their end.
fn read_whole(plan: &Value) -> Vec<&str> {
    let parts = plan["Plans"].as_array().into_iter().flatten();
    let mut tables: Vec<_> = parts.flat_map(read_whole).collect();
    if plan["Node Type"] == "Seq Scan" {
        tables.push(plan["Relation Name"].as_str().unwrap());
    }
    tables
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_events_are_read_alone_whatever_the_statistics_say() {
    // Given many events of one institution, and before them a few of another
    let client = client().await;
    let fill = "INSERT INTO certlife_application \
                    (uuid, institution, application_id, certificate_title, applicant_email, \
                     trigger_context, seal, status, version, updated_at, transaction) \
                SELECT gen_random_uuid(), CASE WHEN n <= 10 THEN 'few' ELSE 'many' END, n, \
                    'title', 'a@example.org', 0, gen_random_uuid(), 0, 1, 0, n \
                FROM generate_series(1, 40000) n ORDER BY n; \
                INSERT INTO certlife_event \
                    (uuid, version, kind, at, actor_kind, actor, transaction, place) \
                SELECT uuid, 1, 0, 0, 0, 'jane', transaction, 1 FROM certlife_application; \
                UPDATE certlife_feed SET base = 100000";
    client.batch_execute(fill).await.unwrap();
    let mut all = lists::statements().into_iter();
    let backward = all.find(|it| it.name == "BACKWARD").unwrap().text;
    for statistics in ["SELECT", "ANALYZE certlife_event, certlife_application"] {
        client.batch_execute(statistics).await.unwrap();
        // Then a page takes what is on it, and at most what one call looks at
        for (institution, kind, most) in [
            ("NULL", "NULL", 1_000),
            ("'many'", "NULL", 1_000),
            ("'many'", "0", 1_000),
            ("'few'", "NULL", 60_000),
            ("'many'", "3", 60_000),
        ] {
            let end = i64::MAX.to_string();
            let values = [&end, "2147483647", institution, kind, "10000", "51"];
            let read = pages_read(&client, backward, &values).await;
            let what = format!("{institution}, {kind}, {statistics}: {read} pages");
            assert!(read < most, "{what}");
            println!("{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dump_restored_moves_on_without_reading_all_events() {
    // Given applications that no transaction of this server has written
    let client = client().await;
    let fill = format!(
        "INSERT INTO certlife_application \
             (uuid, institution, application_id, certificate_title, applicant_email, \
              trigger_context, seal, status, version, updated_at, transaction, number) \
         SELECT lpad(n::text, 32, '0')::uuid, 'ours', n, 'title', 'a@example.org', 1, \
             gen_random_uuid(), 0, 1, 0, n, n \
         FROM generate_series(1, 20000) n; \
         UPDATE certlife_application SET seal = {}; \
         INSERT INTO certlife_event \
             (uuid, version, kind, at, actor_kind, actor, transaction, place) \
         SELECT uuid, 1, 0, 0, 0, 'jane', transaction, 1 FROM certlife_application; \
         UPDATE certlife_feed SET base = 100000; \
         ANALYZE certlife_event, certlife_application",
        seal_of!("certlife_application")
    );
    client.batch_execute(&fill).await.unwrap();
    let move_on = Shape {
        kind: Kind::Transition,
        is_one: false,
        keys: Keys::None,
        is_guarded: false,
    };
    // When as many fail as usually share a statement
    let count = 32_i32;
    let uuids: Vec<_> = (1..=count).map(|n| format!("'{n:032}'")).collect();
    let uuids = format!("ARRAY[{}]", uuids.join(", "));
    let all = |value: &str| format!("array_fill({value}, ARRAY[{count}])");
    let places = format!("ARRAY(SELECT generate_series(1, {count}))");
    let values = [
        uuids,
        all("'ours'::text"),
        all("9::int8"),
        all("2::int2"),
        all("'worker'::text"),
        places,
        all("9::int8"),
        all("false"),
        all("1152921504606846975"),
        all("4::int2"),
        all("NULL::int8"),
        all("'an error'::text"),
    ];
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    let plan = carried_out(&client, move_on.sql(), &values).await;
    let moved = "SELECT count(*) FROM certlife_application WHERE version = 2";
    let moved: i64 = client.query_one(moved, &[]).await.unwrap().get(0);
    assert_eq!(moved, i64::from(count));
    // Then only tables of one row are read whole, or are empty
    let mut whole = read_whole(&plan);
    whole.sort_unstable();
    whole.dedup();
    assert_eq!(whole, ["certlife_feed", "certlife_webhook"]);
}
