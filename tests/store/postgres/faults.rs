//! An error or a hang at any step of a commit leaves all or nothing, befalls nobody else, and is
//! over when it is over.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, ExecuteError, IdempotencyKey, PostgresStore, Receipt, Request, StoreError,
};
use certificate_lifecycle::{Action, Command, Source};

use super::{dump, edit, fresh};
use crate::harness::Postgres;
use crate::outbox_world::{Post, hook, in_theirs, of_ours, of_theirs};
use crate::server::client;
use crate::world::{act, check, create, id, key, ours, submit, upload};

/// What fails, for the one command that is doomed.
const STEPS: [(&str, &str); 4] = [
    ("INSERT ON certlife_application", "NEW.application_id = 667"),
    ("UPDATE ON certlife_application", "NEW.application_id = 43"),
    ("INSERT ON certlife_event", "NEW.actor = 'doomed'"),
    ("INSERT ON certlife_idempotency", "NEW.key = 'doomed'"),
];

/// The command that each step is about: number 666 has the id 667.
fn doomed(step: &str) -> Request {
    match step {
        "UPDATE ON certlife_application" => act(42, Action::Fail),
        "INSERT ON certlife_event" => {
            let actor = Actor::system("doomed").unwrap();
            Request::transition(ours(), actor, id(42), Command::Approve)
        }
        "INSERT ON certlife_idempotency" => act(42, Action::Approve).with_key(key("doomed")),
        _ => submit(666),
    }
}

/// A trigger that does something at this step: before it, or when it is committed.
fn trigger(when: &str, step: &str, condition: &str, body: &str) -> String {
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

fn is_injected(answer: &Result<Receipt, ExecuteError>) -> bool {
    matches!(answer, Err(ExecuteError::Store(StoreError::RefusedByDatabase { reason }))
        if reason.contains("injected"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_at_any_step_leaves_all_or_nothing() {
    for when in ["BEFORE", "AFTER", "COMMIT"] {
        for (step, condition) in STEPS {
            // Given a store in which this step fails
            let (schema, engine) = fresh().await;
            let _ = engine.execute(upload(42)).await.unwrap();
            let trigger = trigger(when, step, condition, "RAISE EXCEPTION 'injected'");
            edit(&schema, &trigger).await;
            let before = dump(&schema).await;
            // When the command is sent alone
            let answer = engine.execute(doomed(step)).await;
            // Then it says so, and nothing was changed
            assert!(is_injected(&answer), "{trigger}: {answer:?}");
            assert_eq!(dump(&schema).await, before, "{trigger}");
            // And so it is among those that stand or fall together
            let answers = engine
                .execute_all(vec![submit(1), doomed(step), submit(2)])
                .await;
            assert!(answers.iter().all(Result::is_err), "{trigger}: {answers:?}");
            assert_eq!(dump(&schema).await, before, "{trigger}");
            neighbours_go_on(&engine, step).await;
            // So do those of the same call
            let call = vec![submit(200), submit(201), doomed(step), submit(202)];
            let answers = engine.execute_many(call).await;
            let failed: Vec<_> = answers.iter().map(Result::is_err).collect();
            assert_eq!(failed, [false, false, true, false], "{trigger}");
            // And it is over when it is over
            let table = step.rsplit(' ').next().unwrap();
            edit(&schema, &format!("DROP TRIGGER fault ON {table}")).await;
            assert!(!engine.execute(doomed(step)).await.unwrap().replayed);
            assert_eq!(check(&engine).await.feed.len(), 25);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_cannot_be_written_takes_its_event_along() {
    for when in ["BEFORE", "AFTER", "COMMIT"] {
        // Given a store in which the delivery to one of two webhooks fails
        let post = Post::<Postgres>::with([of_ours(1), of_ours(2), of_theirs(3)]).await;
        post.done(upload(0)).await;
        let to_one = format!("NEW.webhook = '{}'", hook(2));
        let step = "INSERT ON certlife_delivery";
        let trigger = trigger(when, step, &to_one, "RAISE EXCEPTION 'injected'");
        edit(&post.harness, &trigger).await;
        let before = dump(&post.harness).await;
        // Then nothing happened at all
        for request in [submit(1), act(0, Action::Fail)] {
            let answer = post.engine.execute(request).await;
            assert!(is_injected(&answer), "{trigger}: {answer:?}");
            assert_eq!(dump(&post.harness).await, before, "{trigger}");
        }
        let together = vec![submit(1), act(0, Action::Fail), in_theirs(submit(2))];
        let answers = post.engine.execute_all(together).await;
        assert!(answers.iter().all(Result::is_err), "{trigger}: {answers:?}");
        assert_eq!(dump(&post.harness).await, before, "{trigger}");
        // And others go on, beside it and after it
        let beside = vec![submit(4), in_theirs(submit(5))];
        let answers = post.engine.execute_many(beside).await;
        assert!(is_injected(&answers[0]), "{trigger}: {answers:?}");
        assert!(answers[1].is_ok(), "{trigger}: {answers:?}");
        edit(&post.harness, "DROP TRIGGER fault ON certlife_delivery").await;
        post.done(submit(1)).await;
        post.done(act(0, Action::Fail)).await;
        for number in [1, 2] {
            assert_eq!(post.made(number).await, [(0, 1), (0, 2), (1, 1)], "{when}");
        }
        assert_eq!(post.made(3).await, [(5, 1)], "{when}");
    }
}

/// Twenty commands at once beside the doomed one: all of them are carried out.
async fn neighbours_go_on(engine: &Engine<PostgresStore>, step: &str) {
    let mut calls = Vec::new();
    for number in 100..120 {
        if number == 110 {
            let (engine, doomed) = (engine.clone(), doomed(step));
            calls.push(tokio::spawn(async move { engine.execute(doomed).await }));
        }
        let engine = engine.clone();
        let source = Source::ALL[usize::try_from(number % 2).unwrap()];
        calls.push(tokio::spawn(async move {
            engine.execute(create(number, source)).await
        }));
    }
    let mut failed = 0;
    for call in calls {
        let answer = call.await.unwrap();
        failed += usize::from(is_injected(&answer));
        assert!(answer.is_ok() || is_injected(&answer), "{answer:?}");
    }
    assert_eq!(failed, 1);
}

/// For every statement and every commit, the caller has an answer in time, and it is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_at_any_step_leaves_all_or_nothing() {
    for when in ["BEFORE", "COMMIT"] {
        for (step, condition) in STEPS {
            // Given a store in which this step hangs, longer than its patience with an answer
            let (schema, engine) = fresh().await;
            let _ = engine.execute(upload(42)).await.unwrap();
            let trigger = trigger(when, step, condition, "PERFORM pg_sleep(1)");
            edit(&schema, &trigger).await;
            // When a command is sent, and another one that has nothing to do with it
            let (answer, other) = tokio::join!(engine.execute(doomed(step)), async {
                engine.execute(submit(7).with_key(key("other"))).await
            });
            // Then the outcome is unknown, or known where the command could be repeated
            match &answer {
                Ok(receipt) => assert_eq!(step, STEPS[3].0, "{receipt:?}"),
                Err(ExecuteError::Store(StoreError::UnknownOutcome { .. })) => {}
                Err(error) => panic!("{trigger}: {error:?}"),
            }
            let _ = other.unwrap();
            // And what happened is known when the server is done
            quiet(&schema).await;
            let happened = check(&engine).await.feed.len() == 3;
            let table = step.rsplit(' ').next().unwrap();
            edit(&schema, &format!("DROP TRIGGER fault ON {table}")).await;
            let again = engine.execute(doomed(step)).await;
            let is_there = !again.as_ref().is_ok_and(|it| !it.replayed);
            assert_eq!(is_there, happened, "{again:?}");
            assert_eq!(check(&engine).await.feed.len(), 3);
        }
    }
}

/// Waits until nothing is under way in the schema.
async fn quiet(schema: &Postgres) {
    let client = client(schema.url()).await;
    // Whoever writes holds a lock on the table that this one does not get beside it.
    let sql = "BEGIN; LOCK TABLE certlife_application, certlife_event IN EXCLUSIVE MODE; COMMIT";
    client.batch_execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_keeps_locked_makes_its_command_unavailable_and_no_other() {
    let (schema, engine) = fresh().await;
    for answer in engine.execute_many(vec![upload(0), upload(1)]).await {
        let _ = answer.unwrap();
    }
    // Given somebody who holds the row of an application
    let mut other = client(schema.url()).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    transaction.execute(lock, &[&id(0)]).await.unwrap();
    // When commands for it and for others are sent in one call
    let requests = vec![act(1, Action::Fail), act(0, Action::Fail), submit(2)];
    let answers = engine.execute_many(requests).await;
    // Then only the one that has to wait is told so
    assert!(matches!(
        answers[1],
        Err(ExecuteError::Store(StoreError::Unavailable { .. }))
    ));
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    transaction.rollback().await.unwrap();
    let _ = engine.execute(act(0, Action::Fail)).await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ends_under_way_are_survived() {
    let (schema, engine) = fresh().await;
    let killer = client(schema.url()).await;
    // Given callers with keys, while every connection of the store is ended over and over
    let callers: Vec<_> = (0..8_u64)
        .map(|caller| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for round in 0..40 {
                    let number = caller * 100 + round;
                    let key = IdempotencyKey::new(format!("key {number}")).unwrap();
                    let receipt = engine.execute(submit(number).with_key(key)).await;
                    assert_eq!(receipt.unwrap().event.uuid(), id(number));
                }
            })
        })
        .collect();
    let this_schema = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
        WHERE relation = 'certlife_event'::regclass AND pid <> pg_backend_pid()";
    let mut ended = 0;
    while !callers.iter().all(tokio::task::JoinHandle::is_finished) {
        let gone: i64 = killer.query_one(this_schema, &[]).await.unwrap().get(0);
        ended += gone;
        if ended > 30 {
            // Enough: they are to get through as well.
            break;
        }
    }
    for caller in callers {
        caller.await.unwrap();
    }
    println!("{ended} connections ended");
    assert_eq!(check(&engine).await.feed.len(), 320);
}
