//! An error at any step of a commit leaves all or nothing, befalls no other command, and is over
//! when it is over.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, ExecuteError, InstitutionId, Queries, Receipt, Request, StoreError,
};
use certificate_lifecycle::{Action, Command, ProcessingError, Source};

use super::at_rest;
use crate::outbox_world::{Post, in_theirs, of_ours, of_theirs};
use crate::support::damaged::{Damaged, Doomed};
use crate::world::{World, act, check, create, id, key, ours, submit, upload, whole_feed, worker};

/// The command that each step is about: number 666 has the id 667.
pub fn doomed(what: Doomed) -> Request {
    match what {
        Doomed::Creation => submit(666),
        Doomed::FirstOfInstitution => {
            let mut request = submit(666);
            request.institution = InstitutionId::new("doomed").unwrap();
            request
        }
        Doomed::Transition => act(42, Action::Fail),
        Doomed::Event => {
            let actor = Actor::system("doomed").unwrap();
            Request::transition(ours(), actor, id(42), Command::Approve)
        }
        Doomed::Key => act(42, Action::Approve).with_key(key("doomed")),
    }
}

fn is_injected(answer: &Result<Receipt, ExecuteError>) -> bool {
    matches!(answer, Err(ExecuteError::Store(StoreError::RefusedByDatabase { reason }))
        if reason.contains("injected"))
}

pub async fn an_error_at_any_step_leaves_all_or_nothing<H: Damaged>() {
    for how in H::FAULTS {
        for (what, step, condition) in H::STEPS {
            // Given a store in which this step fails
            let place = H::fresh().await;
            let engine = at_rest(place.open().await);
            let _ = engine.execute(upload(42)).await.unwrap();
            let fault = H::fault(how, step, condition);
            place.run_sql(&fault).await;
            let before = place.dump().await;
            // When the command is sent alone
            let answer = engine.execute(doomed(*what)).await;
            // Then it says so, and nothing was changed
            assert!(is_injected(&answer), "{fault}: {answer:?}");
            assert_eq!(place.dump().await, before, "{fault}");
            // And so it is among those that stand or fall together
            let together = vec![submit(1), doomed(*what), submit(2)];
            let answers = engine.execute_all(together).await;
            assert!(answers.iter().all(Result::is_err), "{fault}: {answers:?}");
            assert_eq!(place.dump().await, before, "{fault}");
            neighbours_go_on(&engine, *what).await;
            // So do those of the same call
            let call = vec![submit(200), submit(201), doomed(*what), submit(202)];
            let answers = engine.execute_many(call).await;
            let failed: Vec<_> = answers.iter().map(Result::is_err).collect();
            assert_eq!(failed, [false, false, true, false], "{fault}");
            // And it is over when it is over
            place.run_sql(&H::end_of_fault(step)).await;
            assert!(!engine.execute(doomed(*what)).await.unwrap().replayed);
            assert_eq!(whole_feed(&engine, 25).await.len(), 25);
            // (which knows of two institutions only)
            if *what != Doomed::FirstOfInstitution {
                check(&engine).await;
            }
        }
    }
}

/// Twenty commands at once beside the doomed one: all of them are carried out.
async fn neighbours_go_on<S: Queries>(engine: &Engine<S>, what: Doomed) {
    let mut calls = Vec::new();
    for number in 100..120 {
        if number == 110 {
            let engine = engine.clone();
            calls.push(tokio::spawn(
                async move { engine.execute(doomed(what)).await },
            ));
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

pub async fn a_delivery_that_cannot_be_written_takes_its_event_along<H: Damaged>() {
    for how in H::FAULTS {
        // Given a store in which the delivery to one of two webhooks fails
        let post = Post::<H>::with([of_ours(1), of_ours(2), of_theirs(3)]).await;
        post.done(upload(0)).await;
        let (step, condition) = H::delivery_to_second();
        let fault = H::fault(how, step, &condition);
        post.harness.run_sql(&fault).await;
        let before = post.harness.dump().await;
        // Then nothing happened at all
        for request in [submit(1), act(0, Action::Fail)] {
            let answer = post.engine.execute(request).await;
            assert!(is_injected(&answer), "{fault}: {answer:?}");
            assert_eq!(post.harness.dump().await, before, "{fault}");
        }
        let together = vec![submit(1), act(0, Action::Fail), in_theirs(submit(2))];
        let answers = post.engine.execute_all(together).await;
        assert!(answers.iter().all(Result::is_err), "{fault}: {answers:?}");
        assert_eq!(post.harness.dump().await, before, "{fault}");
        // And others go on, beside it and after it
        let beside = vec![submit(4), in_theirs(submit(5))];
        let answers = post.engine.execute_many(beside).await;
        assert!(is_injected(&answers[0]), "{fault}: {answers:?}");
        assert!(answers[1].is_ok(), "{fault}: {answers:?}");
        post.harness.run_sql(&H::end_of_fault(step)).await;
        post.done(submit(1)).await;
        post.done(act(0, Action::Fail)).await;
        for number in [1, 2] {
            assert_eq!(post.made(number).await, [(0, 1), (0, 2), (1, 1)], "{how}");
        }
        assert_eq!(post.made(3).await, [(5, 1)], "{how}");
    }
}

pub async fn failing_the_stalled_tells_what_it_did_before_an_error<H: Damaged>() {
    // Given more stalled applications than a page, of which one of the last cannot be failed
    let world = World::<H>::new().await;
    let uploads = (0..300).map(upload).collect();
    for answer in world.engine.execute_many(uploads).await {
        let _ = answer.unwrap();
    }
    let (step, condition) = H::HEAD_OF_298;
    let fault = H::fault(H::FAULTS[0], step, condition);
    world.harness.run_sql(&fault).await;
    world.clock.set(60);
    // When they are failed
    let error = ProcessingError::new("stuck").unwrap();
    let answer = world
        .engine
        .fail_stalled(&ours(), &worker(), std::time::Duration::ZERO, &error)
        .await;
    // Then it says which were, and why not all
    let interrupted = answer.unwrap_err();
    assert_eq!(interrupted.failed.len(), 299);
    let error = Err::<Receipt, _>(interrupted.error.clone());
    assert!(is_injected(&error), "{error:?}");
    assert!(interrupted.to_string().contains("299"), "{interrupted}");
    assert_eq!(check(&world.engine).await.feed.len(), 599);
}
