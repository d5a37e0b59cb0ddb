//! No actor does what the contract does not give it (CONTRACT.md, "Events", column *who acts*).

use certificate_lifecycle::store::{
    Actor, ActorId, ActorKind, Atomicity, ExecuteError, Refusal, Request,
};
use certificate_lifecycle::{Action, Source};

use crate::harness::Harness;
use crate::world::{World, act, bring, check, every_cell, key, snapshot, submit, upload};

const CUSTOMER: ActorKind = ActorKind::Customer;
const ADMINISTRATOR: ActorKind = ActorKind::Administrator;
const SYSTEM: ActorKind = ActorKind::System;

/// To whom the contract gives each operation.
const PERMITTED: [(&str, &[ActorKind]); 7] = [
    ("submit", &[CUSTOMER, SYSTEM]),
    ("upload", &[ADMINISTRATOR]),
    ("begin_processing", &[ADMINISTRATOR]),
    ("approve", &[SYSTEM]),
    ("reject", &[ADMINISTRATOR]),
    ("fail", &[SYSTEM]),
    ("retry", &[ADMINISTRATOR]),
];

fn request(operation: &str, number: u64) -> Request {
    match operation {
        "submit" => submit(number),
        "upload" => upload(number),
        action => act(number, action.parse().unwrap()),
    }
}

fn by(kind: ActorKind, mut request: Request) -> Request {
    request.actor = Actor::new(kind, ActorId::new("jane").unwrap());
    request
}

pub async fn no_actor_may_do_what_the_contract_does_not_give_it<H: Harness>() {
    let world = World::<H>::new().await;
    let mut number = 1000;
    for (operation, permitted) in PERMITTED {
        for kind in ActorKind::ALL {
            number += 1;
            // Given an application for which the operation is legal, or none where it creates one
            if let Ok(action) = operation.parse::<Action>() {
                let legal = |(status, source): &(_, Source)| {
                    crate::support::contract(*status, *source, action).is_some()
                };
                let (status, source) = every_cell().find(legal).unwrap();
                world
                    .all_given(bring(number, status, source).unwrap())
                    .await;
            }
            let before = snapshot(&world.engine).await;
            // When an actor of this kind asks for it
            let request = by(kind, request(operation, number))
                .with_key(key(&format!("{operation} by {kind}")));
            let (actor, uuid) = (request.actor.clone(), request.uuid());
            let answer = world.engine.execute(request).await;
            // Then it is carried out where the contract gives it to them, or refused, with nothing
            // changed
            if permitted.contains(&kind) {
                let event = answer.unwrap().event;
                assert_eq!(event.uuid(), uuid);
            } else {
                let refusal = crate::world::refusal(answer);
                let found = matches!(&refusal, Refusal::Forbidden { actor: it, operation: named, permitted: given }
                    if *it == actor && *named == operation && *given == permitted);
                assert!(found, "{operation} by {kind}: {refusal:?}");
                assert_eq!(snapshot(&world.engine).await, before);
            }
        }
    }
    check(&world.engine).await;
}

pub async fn one_that_is_forbidden_leaves_the_others_of_a_call_alone<H: Harness>() {
    let world = World::<H>::new().await;
    let requests = vec![
        by(CUSTOMER, upload(0)),
        submit(1),
        by(CUSTOMER, act(1, Action::BeginProcessing)),
        act(1, Action::BeginProcessing),
        by(ADMINISTRATOR, act(1, Action::Approve)),
    ];
    let answers = world.engine.execute_many(requests).await;
    let forbidden = |it: &Result<_, ExecuteError>| {
        let refusal = it.as_ref().err().and_then(ExecuteError::refusal);
        matches!(refusal, Some(Refusal::Forbidden { .. }))
    };
    let seen: Vec<_> = answers.iter().map(forbidden).collect();
    assert_eq!(seen, [true, false, true, false, true]);
    assert_eq!(answers[3].as_ref().unwrap().event.version(), 2);
    assert_eq!(check(&world.engine).await.feed.len(), 2);
}

pub async fn one_that_is_forbidden_stops_all_or_none<H: Harness>() {
    let world = World::<H>::new().await;
    let requests = vec![submit(0), by(SYSTEM, upload(1)), submit(2)];
    let answers = world.engine.execute_all(requests).await;
    assert!(matches!(
        answers[0],
        Err(ExecuteError::Abandoned { index: 1 })
    ));
    assert!(matches!(
        answers[1],
        Err(ExecuteError::Refused(Refusal::Forbidden { .. }))
    ));
    assert!(matches!(
        answers[2],
        Err(ExecuteError::Abandoned { index: 1 })
    ));
    // A customer does not get round it with a bulk upload.
    let customer = Actor::customer("john").unwrap();
    let uploads = vec![crate::world::details(0), crate::world::details(1)];
    let answers = world
        .engine
        .scope(&crate::world::ours(), &customer)
        .upload_many(uploads, Atomicity::All)
        .await;
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(check(&world.engine).await.feed, []);
}
