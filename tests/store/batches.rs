//! Many commands in one call: each for itself, or all or none.

use certificate_lifecycle::store::{
    Atomicity, Cursor, ExecuteError, InstitutionId, Refusal, Request,
};
use certificate_lifecycle::{Action, ApplicationDetails};

use crate::harness::Harness;
use crate::world::{
    World, act, check, details, id, jane, key, ours, snapshot, submit, upload, whole_feed,
};

pub async fn no_commands_have_no_answers<H: Harness>() {
    let world = World::<H>::new().await;
    assert!(world.engine.execute_many(vec![]).await.is_empty());
    assert!(world.engine.execute_all(vec![]).await.is_empty());
    assert_eq!(whole_feed(&world.engine, 0).await, []);
}

pub async fn an_application_moves_on_within_one_call<H: Harness>() {
    let world = World::<H>::new().await;
    for (number, all) in [(0, false), (1, true)] {
        let requests = vec![
            submit(number),
            act(number, Action::BeginProcessing).expecting(1),
            act(number, Action::Fail),
            act(number, Action::Retry).expecting(3),
            act(number, Action::Approve),
        ];
        let answers = if all {
            world.engine.execute_all(requests).await
        } else {
            world.engine.execute_many(requests).await
        };
        let versions: Vec<_> = answers
            .iter()
            .map(|it| it.as_ref().unwrap().event.version())
            .collect();
        assert_eq!(versions, [1, 2, 3, 4, 5]);
    }
    assert_eq!(check(&world.engine).await.feed.len(), 10);
}

pub async fn the_same_identity_twice_in_one_call_is_taken_once<H: Harness>() {
    let world = World::<H>::new().await;
    let answers = world
        .engine
        .execute_many(vec![submit(0), upload(0), submit(0), submit(1)])
        .await;
    assert!(answers[0].is_ok() && answers[3].is_ok());
    for index in [1, 2] {
        let refusal = answers[index].as_ref().unwrap_err().refusal();
        assert_eq!(refusal, Some(&Refusal::AlreadyExists { uuid: id(0) }));
    }
    assert_eq!(check(&world.engine).await.feed.len(), 2);
}

pub async fn what_is_refused_leaves_the_others_of_its_call_alone<H: Harness>() {
    let world = World::<H>::new().await;
    let requests = vec![
        act(0, Action::Approve),
        submit(0),
        act(0, Action::Retry),
        act(0, Action::BeginProcessing).expecting(9),
        act(0, Action::BeginProcessing),
        upload(1),
        act(1, Action::Reject),
        act(0, Action::Approve),
        act(0, Action::Approve),
    ];
    let answers = world.engine.execute_many(requests).await;
    let done: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(
        done,
        [false, true, false, false, true, true, false, true, false]
    );
    assert_eq!(check(&world.engine).await.feed.len(), 4);
}

pub async fn all_or_none_is_all<H: Harness>() {
    let world = World::<H>::new().await;
    let uploads: Vec<_> = (0..100).map(details).collect();
    let answers = world
        .engine
        .scope(&ours(), &jane())
        .upload_many(uploads, Atomicity::All)
        .await;
    for (number, answer) in (0..).zip(answers) {
        assert_eq!(answer.unwrap().event.uuid(), id(number));
    }
    assert_eq!(check(&world.engine).await.feed.len(), 100);
}

pub async fn all_or_none_is_none<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(50)).await;
    world.given(act(50, Action::BeginProcessing)).await;
    let before = snapshot(&world.engine).await;
    // Given a call of which one command is refused: at its begin, in its middle, at its end
    for place in [0, 5, 10] {
        let mut requests: Vec<_> = (0..9).map(submit).collect();
        requests.push(act(50, Action::Approve));
        requests.insert(place, submit(50));
        let answers = world.engine.execute_all(requests).await;
        // Then it says why, and all others that they were not carried out
        assert_eq!(answers.len(), 11);
        for (index, answer) in answers.iter().enumerate() {
            match answer {
                Err(ExecuteError::Refused(refusal)) => {
                    assert_eq!(index, place);
                    assert_eq!(*refusal, Refusal::AlreadyExists { uuid: id(50) });
                }
                Err(ExecuteError::Abandoned { index: refused }) => {
                    assert_ne!(index, place);
                    assert_eq!(*refused, place);
                }
                other => panic!("{other:?}"),
            }
        }
        // And nothing changed
        assert_eq!(snapshot(&world.engine).await, before);
    }
    // And everything is as free as before
    let requests = (0..9).map(submit).chain([act(50, Action::Approve)]);
    for answer in world.engine.execute_all(requests.collect()).await {
        let _ = answer.unwrap();
    }
    check(&world.engine).await;
}

pub async fn the_first_that_was_refused_is_named<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(50)).await;
    // Given a call of which two commands are refused, and more than one kind of command stands
    // around
    let requests = vec![
        submit(0),
        act(0, Action::BeginProcessing),
        upload(1),
        act(50, Action::Retry),
        act(1, Action::Fail),
        submit(50),
        submit(2),
    ];
    let answers = world.engine.execute_all(requests).await;
    // Then the others say which was the first, counting as programs do, and in words as people do
    for (place, answer) in answers.iter().enumerate() {
        let error = answer.as_ref().unwrap_err();
        match error {
            ExecuteError::Refused(_) => assert!([3, 5].contains(&place), "{place}: {error}"),
            ExecuteError::Abandoned { index } => {
                assert_eq!(*index, 3, "{place}");
                assert!(error.to_string().contains("command no. 4 of"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(check(&world.engine).await.feed.len(), 1);
}

pub async fn what_was_first_seen_in_a_refused_call_is_forgotten<H: Harness>() {
    let world = World::<H>::new().await;
    let newcomer = InstitutionId::new("newcomer").unwrap();
    let first = |number| {
        let mut request: Request = submit(number).with_key(key("first"));
        request.institution = newcomer.clone();
        request
    };
    // Given a call that was refused, with a new institution, a new key, a new application
    let answers = world
        .engine
        .execute_all(vec![first(0), act(9, Action::Retry)])
        .await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(world.engine.load(&newcomer, id(0)).await.unwrap(), None);
    assert_eq!(world.engine.counts(&newcomer).await.unwrap(), []);
    // Then another command can have them, for another application
    let receipt = world.done(first(1)).await;
    assert!(!receipt.replayed);
    // And through every handle
    let another = world.another().await;
    assert!(another.execute(first(1)).await.unwrap().replayed);
    let counts = another.counts(&newcomer).await.unwrap();
    assert_eq!(counts.iter().map(|it| it.applications).sum::<u64>(), 1);
    world.given(submit(0)).await;
    check_all(&world).await;
}

async fn check_all<H: Harness>(world: &World<H>) {
    let feed = whole_feed(&world.engine, 2).await;
    assert_eq!(feed.len(), 2);
    for recorded in feed {
        let event = recorded.event;
        let loaded = world.engine.load(&recorded.institution, event.uuid()).await;
        assert_eq!(loaded.unwrap(), Some(event.application()));
    }
}

pub async fn all_or_none_repeats_as_a_whole<H: Harness>() {
    let world = World::<H>::new().await;
    let requests: Vec<_> = (0..10)
        .map(|number| submit(number).with_key(key(&format!("upload {number}"))))
        .collect();
    let first = world.engine.execute_all(requests.clone()).await;
    // When the same call is sent again, some of it together with something new
    let again = world.engine.execute_all(requests.clone()).await;
    for (first, again) in first.iter().zip(&again) {
        let (first, again) = (first.as_ref().unwrap(), again.as_ref().unwrap());
        assert_eq!(first.event, again.event);
        assert!(again.replayed);
    }
    let more = requests.into_iter().take(3).chain([submit(10)]);
    let more = world.engine.execute_all(more.collect()).await;
    let replayed: Vec<_> = more
        .iter()
        .map(|it| it.as_ref().unwrap().replayed)
        .collect();
    assert_eq!(replayed, [true, true, true, false]);
    assert_eq!(check(&world.engine).await.feed.len(), 11);
}

pub async fn half_of_all_or_none_is_never_seen<H: Harness>() {
    let world = World::<H>::new().await;
    let writer = world.another().await;
    // Given a writer that creates ten at a time, every other time in vain
    let writing = tokio::spawn(async move {
        for round in 0..30 {
            let mut requests: Vec<_> = (round * 10..(round + 1) * 10).map(submit).collect();
            if round % 2 == 1 {
                requests.push(act(9999, Action::Retry));
            }
            let answers = writer.execute_all(requests).await;
            assert_eq!(answers.iter().all(Result::is_ok), round % 2 == 0);
        }
    });
    // Then a reader meanwhile sees all ten or none
    let mut done = false;
    while !done {
        done = writing.is_finished();
        let page = world.engine.feed(Cursor::START, 10_000).await.unwrap();
        assert_eq!(page.len() % 10, 0);
        let counts = world.engine.counts(&ours()).await.unwrap();
        assert_eq!(counts.iter().map(|it| it.applications).sum::<u64>() % 10, 0);
    }
    writing.await.unwrap();
    assert_eq!(check(&world.engine).await.feed.len(), 150);
}

pub async fn ten_thousand_are_created_in_one_call<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(7_777)).await;
    let uploads = || -> Vec<ApplicationDetails> { (0..10_000).map(details).collect() };
    // Given a bulk upload of which one is there already
    let answers = world
        .engine
        .scope(&ours(), &jane())
        .upload_many(uploads(), Atomicity::All)
        .await;
    assert_eq!(answers.len(), 10_000);
    assert!(answers.iter().all(Result::is_err));
    let answers = world
        .engine
        .scope(&ours(), &jane())
        .upload_many(uploads(), Atomicity::Each)
        .await;
    // Then all the others are created, in order
    for (number, answer) in (0..).zip(&answers) {
        match answer {
            Ok(receipt) => assert_eq!(receipt.event.uuid(), id(number)),
            Err(_) => assert_eq!(number, 7_777),
        }
    }
    let feed = whole_feed(&world.engine, 10_000).await;
    assert_eq!(feed.len(), 10_000);
    let created: Vec<_> = feed[1..].iter().map(|it| it.event.clone()).collect();
    let answered: Vec<_> = answers.into_iter().flatten().map(|it| it.event).collect();
    assert_eq!(created, answered);
}

pub async fn calls_through_one_handle_keep_their_order<H: Harness>() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    let world = World::<H>::new().await;
    for number in 0..50 {
        // Given calls that are begun one after the other, and none is waited for
        let requests = [
            submit(number),
            act(number, Action::BeginProcessing),
            act(number, Action::Fail),
            act(number, Action::Retry),
            act(number, Action::Approve),
        ];
        let mut calls = Vec::new();
        for request in requests {
            let mut call = Box::pin(world.engine.execute(request));
            let mut context = Context::from_waker(Waker::noop());
            let answer = match call.as_mut().poll(&mut context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            };
            calls.push((call, answer));
        }
        // Then they are carried out in this order
        for (version, (call, answer)) in (1..).zip(calls) {
            let answer = match answer {
                Some(answer) => answer,
                None => call.await,
            };
            assert_eq!(answer.unwrap().event.version(), version);
        }
    }
    check(&world.engine).await;
}

pub async fn a_caller_who_does_not_wait_is_served_all_the_same<H: Harness>() {
    use std::future::Future;
    use std::task::{Context, Waker};

    let world = World::<H>::new().await;
    for number in 0..20 {
        {
            let mut call = Box::pin(world.engine.execute(submit(number)));
            let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            // Dropped here: no caller waits for the answer.
        }
        // It was sent before, through the same handle, so it is carried out before.
        let receipt = world.done(act(number, Action::Reject)).await;
        assert_eq!(receipt.event.version(), 2);
    }
    check(&world.engine).await;
}
