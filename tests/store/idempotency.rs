//! The same key and command again changes nothing, and answers with the original event.

use certificate_lifecycle::store::{Actor, ExecuteError, Receipt, Refusal, Request};
use certificate_lifecycle::{
    Action, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command,
    ProcessingError, RejectionReason, Source, Status, VaultUpload,
};

use crate::harness::Harness;
use crate::world::{
    World, act, bring, check, create, details, id, jane, john, key, order, ours, refusal, snapshot,
    submit, theirs, upload, whole_feed,
};

pub async fn a_repeated_command_answers_with_the_original_event<H: Harness>() {
    let world = World::<H>::new().await;
    for (number, action) in (0..).zip(Action::ALL) {
        // Given a command that was carried out under a key
        let (status, source) = match action {
            Action::BeginProcessing | Action::Reject => (Status::Created, Source::Customer),
            Action::Approve | Action::Fail => (Status::Created, Source::Vault),
            Action::Retry => (Status::Failed, Source::Vault),
        };
        world
            .all_given(bring(number, status, source).unwrap())
            .await;
        let request = act(number, action).with_key(key(action.as_str()));
        let original = world.done(request.clone()).await;
        assert!(!original.replayed);
        let before = snapshot(&world.engine).await;
        // When it is sent again, through this handle and another
        for engine in [world.engine.clone(), world.another().await] {
            let again = engine.execute(request.clone()).await.unwrap();
            // Then the answer is the original event, and nothing changed
            assert_eq!(again.event, original.event);
            assert!(again.replayed);
            assert_eq!(snapshot(&engine).await, before);
        }
    }
}

pub async fn a_creation_can_be_repeated<H: Harness>() {
    let world = World::<H>::new().await;
    for (number, source) in (0..).zip(Source::ALL) {
        let request = create(number, source).with_key(key(source.as_str()));
        let original = world.done(request.clone()).await;
        let again = world.done(request).await;
        assert!(again.replayed && !original.replayed);
        assert_eq!(again.event, original.event);
        // Without the key, it is taken.
        let uuid = id(number);
        let refusal = world.refused(create(number, source)).await;
        assert_eq!(refusal, Refusal::AlreadyExists { uuid });
    }
    assert_eq!(check(&world.engine).await.feed.len(), 2);
}

pub async fn a_repeated_command_answers_even_after_later_transitions<H: Harness>() {
    // Given an application whose every step had a key, and which is final
    let world = World::<H>::new().await;
    let way = bring(0, Status::Retried, Source::Customer).unwrap();
    let way = way.into_iter().chain([act(0, Action::Approve)]);
    let steps: Vec<_> = (0..)
        .zip(way)
        .map(|(step, request)| request.with_key(key(&format!("step {step}"))))
        .collect();
    let originals = world.all_done(steps.clone()).await;
    let before = snapshot(&world.engine).await;
    // When every step is repeated, in any order
    for (request, original) in steps.iter().zip(&originals).rev() {
        let again = world.done(request.clone()).await;
        // Then each has the event that it had
        assert_eq!((again.replayed, &again.event), (true, &original.event));
    }
    assert_eq!(snapshot(&world.engine).await, before);
}

pub async fn a_repeated_command_answers_whatever_the_clock_says<H: Harness>() {
    let world = World::<H>::new().await;
    world.clock.set(100);
    let request = submit(0).with_key(key("submitted"));
    let original = world.done(request.clone()).await;
    for seconds in [0, 1000] {
        world.clock.set(seconds);
        assert_eq!(world.done(request.clone()).await.event, original.event);
        let given = request.clone().at(crate::support::at(seconds));
        assert_eq!(world.done(given).await.event, original.event);
    }
    assert_eq!(check(&world.engine).await.feed.len(), 1);
}

fn other_details(change: impl Fn(&mut (u64, uuid::Uuid, String, String))) -> ApplicationDetails {
    let known = details(0);
    let mut fields = (
        known.application_id().get(),
        known.uuid(),
        known.certificate_title().as_str().to_owned(),
        known.applicant_email().as_str().to_owned(),
    );
    change(&mut fields);
    ApplicationDetails::new(
        ApplicationId::new(fields.0).unwrap(),
        fields.1,
        CertificateTitle::new(fields.2).unwrap(),
        ApplicantEmail::new(fields.3).unwrap(),
    )
}

/// A command that is not the one that had the key, and the fields in which they differ.
type Other = (&'static str, Request, &'static [&'static str]);

/// The same request by another actor of the same kind.
fn by(name: &str, mut request: Request) -> Request {
    request.actor = Actor::new(request.actor.kind, format!("{name}-2").parse().unwrap());
    request
}

fn others_than_submit(submitted: &Request) -> Vec<Other> {
    let submitting = |change: fn(&mut (u64, uuid::Uuid, String, String))| {
        Request::submit(ours(), john(), other_details(change))
    };
    let mut system = submitted.clone();
    system.actor = Actor::system("john").unwrap();
    let uploading = Request::upload(ours(), jane(), details(0), VaultUpload::Single);
    let others: [(Request, &[_]); 10] = [
        (by("john", submitted.clone()), &["actor"]),
        (system, &["actor"]),
        // The backend drew a new number for a form that was sent again.
        (submitting(|it| it.0 += 1), &["application_id"]),
        (submitting(|it| it.1 = id(77)), &["uuid"]),
        (submitting(|it| it.2.push('!')), &["certificate_title"]),
        (submitting(|it| it.3.insert(0, 'x')), &["applicant_email"]),
        (
            submitting(|it| (it.0, it.2) = (9, "Another".to_owned())),
            &["application_id", "certificate_title"],
        ),
        (uploading, &["command", "actor", "trigger_context"]),
        (act(0, Action::BeginProcessing), &["command", "actor"]),
        (act(0, Action::Approve), &["command", "actor"]),
    ];
    others
        .map(|(request, fields)| ("submit", request, fields))
        .into()
}

fn others_than_reject_and_fail(rejected: &Request) -> Vec<Other> {
    let reason = |text: &str| Command::Reject(RejectionReason::new(text).unwrap());
    let error = |text: &str| Command::Fail(ProcessingError::new(text).unwrap());
    let expecting = |version| rejected.clone().expecting(version);
    vec![
        (
            "reject",
            order(1, reason("another reason")),
            &["rejection_reason"],
        ),
        ("reject", order(2, reason("a reason")), &["uuid"]),
        ("reject", order(77, reason("a reason")), &["uuid"]),
        ("reject", order(1, error("a reason")), &["command", "actor"]),
        ("reject", act(1, Action::BeginProcessing), &["command"]),
        ("reject", by("jane", rejected.clone()), &["actor"]),
        ("reject", expecting(2), &["expected_version"]),
        ("reject", expecting(u64::MAX), &["expected_version"]),
        ("fail", order(3, error("another error")), &["error"]),
        ("fail", act(3, Action::Retry), &["command", "actor"]),
        ("fail", submit(77), &["command", "uuid", "actor"]),
    ]
}

pub async fn a_key_belongs_to_one_command<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(1)).await;
    world.given(submit(2)).await;
    world.given(upload(3)).await;
    // Given commands that were carried out under a key each
    let reason = |text: &str| Command::Reject(RejectionReason::new(text).unwrap());
    let error = |text: &str| Command::Fail(ProcessingError::new(text).unwrap());
    let submitted = submit(0);
    let rejected = order(1, reason("a reason"));
    let failed = order(3, error("an error"));
    let requests = [
        ("submit", &submitted),
        ("reject", &rejected),
        ("fail", &failed),
    ];
    for (name, request) in requests {
        world.given(request.clone().with_key(key(name))).await;
    }
    let before = snapshot(&world.engine).await;
    // When anything about the command is another
    let others = others_than_submit(&submitted).into_iter();
    for (name, request, differing) in others.chain(others_than_reject_and_fail(&rejected)) {
        let refusal = world.refused(request.clone().with_key(key(name))).await;
        // Then the key's own command is named, and what differs, and nothing changed
        let (_, original) = requests.iter().find(|(it, _)| *it == name).unwrap();
        let expected = Refusal::IdempotencyMismatch {
            key: key(name),
            operation: original.operation.name(),
            uuid: original.uuid(),
            actor: original.actor.clone(),
            differing: differing.to_vec(),
        };
        assert_eq!(refusal, expected, "{request:?}");
    }
    assert_eq!(snapshot(&world.engine).await, before);
    // A single upload is no bulk upload.
    let single = upload(5).with_key(key("upload"));
    world.given(single).await;
    let bulk = Request::upload(ours(), jane(), details(5), VaultUpload::Bulk);
    let refused = world.refused(bulk.with_key(key("upload"))).await;
    assert!(matches!(
        refused,
        Refusal::IdempotencyMismatch {
            operation: "upload",
            ..
        }
    ));
}

pub async fn a_key_is_free_in_another_institution<H: Harness>() {
    let world = World::<H>::new().await;
    let theirs = |number| {
        let mut request = submit(number);
        request.institution = theirs();
        request
    };
    // Given a key that one institution has used
    let original = world.done(submit(0).with_key(key("key"))).await;
    // When another uses it
    let other = world.done(theirs(1).with_key(key("key"))).await;
    // Then it is another key
    assert!(!other.replayed);
    assert_eq!(
        world.done(theirs(1).with_key(key("key"))).await.event,
        other.event
    );
    assert_eq!(
        world.done(submit(0).with_key(key("key"))).await.event,
        original.event
    );
    let taken = world.refused(theirs(0).with_key(key("other key"))).await;
    assert_eq!(taken, Refusal::AlreadyExists { uuid: id(0) });
    assert_eq!(check(&world.engine).await.feed.len(), 2);
}

pub async fn a_key_twice_in_one_call_is_carried_out_once<H: Harness>() {
    let world = World::<H>::new().await;
    let keyed = |number, text| submit(number).with_key(key(text));
    let begin = act(0, Action::BeginProcessing).with_key(key("begin"));
    let requests = vec![
        keyed(0, "a"),
        keyed(0, "a"),
        keyed(1, "a"),
        begin.clone(),
        begin,
        act(0, Action::Approve).with_key(key("a")),
    ];
    let answers = world.engine.execute_many(requests).await;
    let replayed = |index: usize| answers[index].as_ref().unwrap().replayed;
    assert_eq!([0, 1, 3, 4].map(replayed), [false, true, false, true]);
    for mismatch in [2, 5] {
        let refusal = answers[mismatch].as_ref().unwrap_err().refusal();
        assert!(matches!(refusal, Some(Refusal::IdempotencyMismatch { .. })));
    }
    assert_eq!(check(&world.engine).await.feed.len(), 2);
}

/// The answers to the same request, sent by so many callers at once over four handles.
async fn at_once<H: Harness>(
    world: &World<H>,
    requests: Vec<Request>,
) -> Vec<Result<Receipt, ExecuteError>> {
    let engines = world.several(4).await;
    let calls = requests.into_iter().enumerate().map(|(index, request)| {
        let engine = engines[index % engines.len()].clone();
        tokio::spawn(async move { engine.execute(request).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

pub async fn one_keyed_command_of_many_callers_is_carried_out_once<H: Harness>() {
    let world = World::<H>::new().await;
    for round in 0..20 {
        world.given(submit(round)).await;
        let request = act(round, Action::BeginProcessing).with_key(key(&format!("round {round}")));
        let answers = at_once(&world, vec![request; 32]).await;
        let receipts: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(receipts.iter().filter(|it| !it.replayed).count(), 1);
        assert!(receipts.iter().all(|it| it.event == receipts[0].event));
    }
    assert_eq!(check(&world.engine).await.feed.len(), 40);
}

pub async fn one_keyed_creation_of_many_callers_is_carried_out_once<H: Harness>() {
    let world = World::<H>::new().await;
    for round in 0..20 {
        let mut request = submit(round).with_key(key(&format!("round {round}")));
        // The institution is new as well.
        request.institution = format!("institution {round}").parse().unwrap();
        let answers = at_once(&world, vec![request; 32]).await;
        let receipts: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(receipts.iter().filter(|it| !it.replayed).count(), 1);
        assert!(receipts.iter().all(|it| it.event == receipts[0].event));
    }
    assert_eq!(whole_feed(&world.engine, 20).await.len(), 20);
}

pub async fn one_key_for_two_commands_at_once_goes_to_one_of_them<H: Harness>() {
    let world = World::<H>::new().await;
    for round in 0..20 {
        // Given two applications, when a key is used for both at once
        let shared = key(&format!("round {round}"));
        let number = round * 2;
        world.given(submit(number)).await;
        world.given(submit(number + 1)).await;
        let requests = (0..32).map(|caller| {
            act(number + caller % 2, Action::BeginProcessing).with_key(shared.clone())
        });
        let answers = at_once(&world, requests.collect()).await;
        // Then one of them has it, and all others get that error
        let winners: Vec<_> = answers.iter().filter_map(|it| it.as_ref().ok()).collect();
        assert_eq!(winners.iter().filter(|it| !it.replayed).count(), 1);
        assert_eq!(winners.len(), 16);
        for answer in answers.iter().filter(|it| it.is_err()) {
            let refusal = refusal(answer.clone());
            let of_the_winner = matches!(refusal, Refusal::IdempotencyMismatch { uuid, .. }
                if uuid == winners[0].event.uuid());
            assert!(of_the_winner, "{refusal:?}");
        }
    }
    assert_eq!(check(&world.engine).await.feed.len(), 60);
}

pub async fn keys_are_read_back_in_the_history_and_the_feed<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    world
        .given(act(0, Action::BeginProcessing).with_key(key("begin")))
        .await;
    world.given(act(0, Action::Fail)).await;
    world
        .given(act(0, Action::Retry).with_key(key("retry")))
        .await;
    let history = world.engine.history(&ours(), id(0)).await.unwrap();
    let keys: Vec<_> = history
        .iter()
        .map(|it| it.idempotency_key.clone())
        .collect();
    assert_eq!(keys, [None, Some(key("begin")), None, Some(key("retry"))]);
    assert_eq!(history, whole_feed(&world.engine, 4).await);
}

pub async fn a_refused_command_stays_refused_under_its_key<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    world.given(submit(1)).await;
    world.clock.set(100);
    world.given(act(1, Action::BeginProcessing)).await;
    // Given commands that were refused under a key, for each reason that another command can end
    let refused = [
        ("illegal", act(0, Action::Approve)),
        ("unknown", act(2, Action::BeginProcessing)),
        ("stale", act(0, Action::Reject).expecting(2)),
        (
            "backwards",
            act(1, Action::Approve).at(crate::support::at(50)),
        ),
        ("taken", submit(0)),
    ];
    let refused = refused.map(|(name, request)| request.with_key(key(name)));
    let mut first = Vec::new();
    for request in &refused {
        first.push(world.refused(request.clone()).await);
    }
    // When all of them would be legal by now, but for the last
    world.given(submit(2)).await;
    world.given(act(0, Action::BeginProcessing)).await;
    let before = snapshot(&world.engine).await;
    // Then they are refused as before, here and elsewhere, and nothing changes
    for engine in [world.engine.clone(), world.another().await] {
        for (request, first) in refused.iter().zip(&first) {
            let again = refusal(engine.execute(request.clone()).await);
            assert_eq!(again.code(), first.code(), "{request:?}");
            assert!(again.to_string().starts_with(&first.to_string()), "{again}");
            assert!(matches!(again, Refusal::Repeated { .. }), "{again:?}");
        }
    }
    // And the error of another command says what the key was used for
    let other = act(2, Action::Reject).with_key(key("illegal"));
    let expected = Refusal::IdempotencyMismatch {
        key: key("illegal"),
        operation: "approve",
        uuid: id(0),
        actor: refused[0].actor.clone(),
        differing: vec!["command", "uuid", "actor"],
    };
    assert_eq!(world.refused(other).await, expected);
    for request in [
        act(0, Action::Approve)
            .expecting(2)
            .with_key(key("illegal")),
        act(0, Action::Approve).with_key(key("stale")),
        act(1, Action::Approve).with_key(key("illegal")),
    ] {
        let refusal = world.refused(request).await;
        assert_eq!(refusal.code(), "idempotency_mismatch");
    }
    assert_eq!(snapshot(&world.engine).await, before);
    // Without the key, or with a new one, the command is decided anew
    world.given(act(0, Action::Approve)).await;
    world
        .given(act(2, Action::BeginProcessing).with_key(key("new")))
        .await;
    check(&world.engine).await;
}

pub async fn the_same_commands_again_change_nothing<H: Harness>() {
    // Given a stream in which commands come before those that make them legal
    let world = World::<H>::new().await;
    let mut stream = Vec::new();
    for number in 0..8 {
        let mut way: Vec<_> = bring(number, Status::Retried, Source::Customer).unwrap();
        way.push(act(number, Action::Approve));
        way.rotate_left(usize::try_from(number % 5).unwrap());
        stream.extend(way);
    }
    let stream: Vec<_> = (0..)
        .zip(stream)
        .map(|(number, request)| request.with_key(key(&format!("line {number}"))))
        .collect();
    let reported = |answers: Vec<Result<Receipt, ExecuteError>>| -> Vec<_> {
        let reported = |answer: Result<Receipt, ExecuteError>| match answer {
            Ok(receipt) => Ok(receipt.event),
            Err(error) => Err(error.code()),
        };
        answers.into_iter().map(reported).collect()
    };
    let first = reported(world.engine.execute_many(stream.clone()).await);
    assert!(first.iter().any(Result::is_err) && first.iter().any(Result::is_ok));
    let before = snapshot(&world.engine).await;
    for engine in [world.engine.clone(), world.another().await] {
        assert_eq!(reported(engine.execute_many(stream.clone()).await), first);
        assert_eq!(snapshot(&engine).await, before);
    }
    check(&world.engine).await;
}

pub async fn what_was_refused_all_or_nothing_is_not_remembered<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    let call = || {
        let approve = act(0, Action::Approve).with_key(key("approve"));
        vec![submit(1).with_key(key("submit")), approve]
    };
    assert!(
        world
            .engine
            .execute_all(call())
            .await
            .iter()
            .all(Result::is_err)
    );
    world.given(act(0, Action::BeginProcessing)).await;
    assert!(
        world
            .engine
            .execute_all(call())
            .await
            .iter()
            .all(Result::is_ok)
    );
    check(&world.engine).await;
}

/// Where a key stands twice in an all-or-nothing call, the answers are those of one command after
/// the other.
pub async fn a_key_twice_in_an_all_or_nothing_call_is_answered_in_turn<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    let before = snapshot(&world.engine).await;
    let twice = || key("twice");
    let abandoned = |answer: &Result<Receipt, ExecuteError>, at: usize| {
        let is_so = matches!(answer, Err(ExecuteError::Abandoned { index }) if *index == at);
        assert!(is_so, "{answer:?}");
    };
    // Given a first command that is refused, the second is carried out in its turn, and a third
    // that comes too late
    let refused = act(0, Action::BeginProcessing).with_key(twice());
    let calls = vec![
        refused.clone().expecting(9),
        refused.clone(),
        act(0, Action::Reject),
    ];
    let answers = world.engine.execute_all(calls).await;
    let refusal = answers[0].as_ref().unwrap_err().refusal();
    assert!(
        matches!(refusal, Some(Refusal::Conflict { .. })),
        "{answers:?}"
    );
    abandoned(&answers[1], 0);
    let refusal = answers[2].as_ref().unwrap_err().refusal();
    assert!(matches!(refusal, Some(Refusal::Illegal(_))), "{answers:?}");
    // Given a second command that is another one, it is refused, and a later one that is illegal
    // does not hide it
    let calls = vec![
        submit(1).with_key(twice()),
        submit(2).with_key(twice()),
        act(0, Action::Retry),
    ];
    let answers = world.engine.execute_all(calls).await;
    abandoned(&answers[0], 1);
    let refusal = answers[1].as_ref().unwrap_err().refusal();
    assert!(
        matches!(refusal, Some(Refusal::IdempotencyMismatch { .. })),
        "{answers:?}"
    );
    assert!(answers[2].as_ref().unwrap_err().refusal().is_some());
    assert_eq!(snapshot(&world.engine).await, before);
    // Given the same command, it is carried out once, with the other commands around it
    let calls = vec![
        submit(1).with_key(twice()),
        act(1, Action::BeginProcessing),
        submit(1).with_key(twice()),
    ];
    let answers = world.engine.execute_all(calls).await;
    let replayed: Vec<_> = answers
        .iter()
        .map(|it| it.as_ref().unwrap().replayed)
        .collect();
    assert_eq!(replayed, [false, false, true]);
    assert_eq!(check(&world.engine).await.feed.len(), before.feed.len() + 2);
}
