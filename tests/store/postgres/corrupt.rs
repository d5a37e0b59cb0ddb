//! Rows that only a server has, edited by hand.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{Cursor, ExecuteError, StoreError};

use super::{dump, edit, fresh};
use crate::damaged::lists;
use crate::harness::Postgres;
use crate::world::{act, ours, submit, upload};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_the_stalled_goes_on_without_what_only_a_command_sees_to_be_corrupt() {
    let world = lists::uploads::<Postgres>().await;
    let sql = "UPDATE certlife_application SET transaction = transaction - 1 \
               WHERE application_id = 1";
    edit(&world.harness, sql).await;
    lists::the_sound_are_failed(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_count_names_its_institution_as_it_is_called() {
    let (schema, engine) = fresh().await;
    let _ = engine.execute(submit(0)).await.unwrap();
    edit(&schema, "UPDATE certlife_application SET status = 99").await;
    let Err(StoreError::Corrupt { row, .. }) = engine.counts(&ours()).await else {
        panic!("it is not reported");
    };
    let named = "table certlife_application of institution \"our-university\"";
    assert_eq!(row, named);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_table_of_the_feed_is_reported_by_its_name() {
    let (schema, engine) = fresh().await;
    let _ = engine.execute(upload(0)).await.unwrap();
    let before = dump(&schema).await;
    edit(&schema, "DELETE FROM certlife_feed").await;
    let named = |error: &StoreError| matches!(error, StoreError::Corrupt { row, .. } if row == "table certlife_feed");
    // A program that was up, and one that comes now
    let later = super::engine(schema.url(), super::impatient()).await;
    for engine in [engine, later] {
        let error = engine.feed(Cursor::START, 10).await.unwrap_err();
        assert!(named(&error), "{error}");
        let creation = submit(9);
        let commands = vec![creation, act(0, Action::Approve)];
        let answers = engine.execute_many(commands.clone()).await;
        let together = engine.execute_all(commands).await;
        for answer in answers.into_iter().chain(together) {
            assert!(
                matches!(&answer, Err(ExecuteError::Store(error)) if named(error)),
                "{answer:?}"
            );
        }
    }
    assert_eq!(dump(&schema).await, before);
}
