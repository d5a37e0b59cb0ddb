//! What a person has to correct is reported as such, and what it is; it is nothing to try again.

use std::io::{Read, Write};

use certificate_lifecycle::store::{PostgresStore, Setup, StoreError};

use super::{Harness, Postgres, edit, engine};
use crate::server::server;
use crate::world::submit;

/// Why the store cannot be opened, in the words of a person.
async fn problem(url: &str) -> String {
    let error = PostgresStore::connect(url).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Misconfigured { .. }),
        "{url}: {error:?}"
    );
    assert_eq!(error.code(), "misconfigured");
    // The pool's and the driver's names of things say nothing to anybody.
    let message = error.to_string();
    for noise in ["object", "db error", "hook"] {
        assert!(!message.contains(noise), "{message}");
    }
    message
}

#[tokio::test]
async fn a_url_that_cannot_be_read_says_which_part() {
    let url = server().url();
    for (url, words) in [
        ("no url".to_owned(), "the URL cannot be read"),
        (format!("{url}?sslmode=requir"), "sslmode must be"),
        (format!("{url}?sslmode=requir"), "\"requir\""),
        (format!("{url}?conect_timeout=5"), "`conect_timeout`"),
        (format!("{url}?connect_timeout=soon"), "`connect_timeout`"),
        ("postgres://tests@host:port/postgres".to_owned(), "`port`"),
        ("postgres:///postgres".to_owned(), "host"),
    ] {
        let message = problem(&url).await;
        assert!(message.contains(words), "{url}: {message}");
    }
    // A password is not repeated.
    let message = problem("postgres://ann:secret@host/db?sslmode=no").await;
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn what_the_server_does_not_have_or_allow_is_reported_in_its_words() {
    let url = server().url();
    let message = problem(&url.replace("/postgres", "/no_such_database")).await;
    assert_eq!(
        message,
        "the store is not set up right: cannot connect to PostgreSQL: FATAL: database \
         \"no_such_database\" does not exist (SQLSTATE 3D000)"
    );
    let message = problem(&url.replace("tests@", "unknown@")).await;
    assert!(message.contains("role \"unknown\""), "{message}");
    let message = problem(&format!("{url}?options=-csearch_path%3Dnowhere")).await;
    assert!(message.contains("schema"), "{message}");
    // A role that may log in and look, and no more.
    let schema = Postgres::fresh().await;
    let url = as_a_role(&schema, "guest", "GRANT USAGE ON").await;
    let message = problem(&url).await;
    let words = "cannot set up the tables in PostgreSQL: ERROR: permission denied for schema";
    assert!(message.contains(words), "{message}");
}

/// A server that answers the first message of each connection so, and then hangs up.
fn answering(bytes: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 1024]);
            let _ = connection.write_all(bytes);
        }
    });
    format!("postgres://tests@127.0.0.1:{port}/postgres")
}

/// The driver has no code for these, and its words change with its versions.
#[tokio::test]
async fn what_the_url_lacks_for_this_server_is_reported() {
    let message = problem("postgres://tests@one/postgres?port=1,2,3").await;
    assert!(message.contains("ports"), "{message}");
    // AuthenticationCleartextPassword, and no password in the URL.
    let message = problem(&answering(b"R\0\0\0\x08\0\0\0\x03")).await;
    assert!(message.contains("password"), "{message}");
    // The answer to SSLRequest: no TLS here.
    let message = problem(&format!("{}?sslmode=require", answering(b"N"))).await;
    assert!(message.contains("TLS"), "{message}");
}

/// What breaks on the way may work the next time.
#[tokio::test]
async fn a_server_that_hangs_up_is_unavailable() {
    for bytes in [b"".as_slice(), b"R"] {
        let error = PostgresStore::connect(&answering(bytes)).await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{error}");
    }
}

/// The schema's URL for a role of this name that is granted this much of it.
async fn as_a_role(schema: &Postgres, role: &str, grant: &str) -> String {
    let name = schema.url().rsplit("%3D").next().unwrap();
    let sql = format!("CREATE ROLE {role} LOGIN; {grant} SCHEMA {name} TO {role}");
    edit(schema, &sql).await;
    schema.url().replace("tests@", &format!("{role}@"))
}

/// A right that is withdrawn later on is no reason to say that nothing is known of the outcome.
#[tokio::test]
async fn a_statement_that_the_server_does_not_allow_changed_nothing() {
    let (schema, _) = super::fresh().await;
    let url = as_a_role(&schema, "reader", "GRANT ALL ON").await;
    let tables = "DO $$ BEGIN EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA %I TO reader; \
                  GRANT ALL ON ALL SEQUENCES IN SCHEMA %I TO reader', current_schema, \
                  current_schema); END $$";
    edit(&schema, tables).await;
    let engine = engine(&url, super::impatient()).await;
    edit(&schema, "REVOKE INSERT ON certlife_event FROM reader").await;
    let error = engine.execute(submit(0)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store is not set up right: ERROR: permission denied for table certlife_event \
         (SQLSTATE 42501)"
    );
    assert_eq!(error.code(), "misconfigured");
}

/// A role without a right, with a store that is only to be read.
#[tokio::test]
async fn what_is_only_read_is_not_reported_as_set_up() {
    let (schema, _) = super::fresh().await;
    let url = as_a_role(&schema, "looking", "GRANT USAGE ON").await;
    for setup in [Setup::Keep, Setup::Create] {
        let options = super::impatient().with_setup(setup);
        let opened = PostgresStore::connect_with(&url, options).await;
        assert_eq!(
            opened.unwrap_err().to_string(),
            "the store is not set up right: cannot read the tables in PostgreSQL: ERROR: permission \
             denied for table certlife_schema (SQLSTATE 42501)"
        );
    }
    // Nor where the feed is looked at
    edit(&schema, "GRANT SELECT ON certlife_schema TO looking").await;
    let error = PostgresStore::connect(&url).await.unwrap_err().to_string();
    assert!(error.contains("cannot read the tables"), "{error}");
}
