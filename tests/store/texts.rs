//! What a text says comes back to the byte, whatever a database makes of bytes.

use std::collections::HashMap;

use certificate_lifecycle::store::{
    Actor, ActorId, ActorKind, Filter, IdempotencyKey, InstitutionId, ListOrder, Request,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command, ProcessingError,
    RejectionReason, VaultUpload,
};

use crate::harness::Harness;
use crate::support::WEBHOOK;
use crate::world::{
    World, check, details, id, jane, john, order, ours, submit, whole_feed, whole_list, worker,
};

/// Texts that something between here and the disk could take for something else.
const TEXTS: [&str; 18] = [
    "\0",
    "a\0b",
    "ends in nothing\0",
    "'; DROP TABLE event; --",
    "\"quoted\" and \\back\\slashed\\",
    "\\N",
    "\\0",
    "\\u0000",
    "NULL",
    "{1,2,\"3\"}",
    "$1 ?1 :name @name %s",
    "line\nfeed\r\nand\ttab",
    "\u{1}\u{7f}\u{80}\u{9f}",
    "🎓👩‍🎓 𝕮ertificate",
    "e\u{301} is not é",
    "\u{feff}byte order\u{2028}mark\u{202e}",
    "\u{10ffff}\u{e000}\u{fffd}",
    " spaces around ",
];

fn longest(character: char, length: usize) -> String {
    std::iter::repeat_n(character, length).collect()
}

fn titled(number: u64, title: &str) -> ApplicationDetails {
    let other = details(number);
    ApplicationDetails::new(
        other.application_id(),
        other.uuid(),
        CertificateTitle::new(title).unwrap(),
        other.applicant_email().clone(),
    )
}

pub async fn texts_come_back_to_the_byte<H: Harness>() {
    let world = World::<H>::new().await;
    let texts = || {
        let short = TEXTS.iter().copied().filter(|it| !it.trim().is_empty());
        short.map(str::to_owned)
    };
    // U+0000 alone is no white space, so it is a title; four bytes each is the most there can be.
    let titles = texts().chain(['x', '\0', '🎓', '\''].map(|it| longest(it, 255)));
    let reasons: Vec<_> = texts()
        .chain(['x', '\0', '🎓', '\''].map(|it| longest(it, 1000)))
        .collect();
    let mut number = 0;
    let mut receipts = Vec::new();
    // Given titles, reasons and errors of every kind, each command for itself and all in one call
    for title in titles {
        let details = titled(number, &title);
        let request = Request::submit(ours(), john(), details);
        receipts.push(world.done(request).await);
        number += 1;
    }
    let mut batch = Vec::new();
    for text in &reasons {
        let reason = RejectionReason::new(text).unwrap();
        batch.extend([submit(number), order(number, Command::Reject(reason))]);
        let error = ProcessingError::new(text).unwrap();
        let upload = Request::upload(ours(), jane(), details(number + 1), VaultUpload::Bulk);
        batch.extend([upload, order(number + 1, Command::Fail(error))]);
        number += 2;
    }
    for answer in world.engine.execute_many(batch).await {
        receipts.push(answer.unwrap());
    }
    // Then the payloads are the same, to the byte, through another handle as well
    let expected: HashMap<_, _> = receipts
        .iter()
        .map(|it| (it.event.id(), it.event.to_json(WEBHOOK)))
        .collect();
    for engine in [world.engine.clone(), world.another().await] {
        let feed = check(&engine).await.feed;
        assert_eq!(feed.len(), expected.len());
        for recorded in feed {
            let event = recorded.event;
            assert_eq!(event.to_json(WEBHOOK), expected[&event.id()]);
        }
    }
}

pub async fn names_at_their_limits_come_back<H: Harness>() {
    let world = World::<H>::new().await;
    let mut number = 0;
    for character in ['x', '🎓', '\'', '"', '\\', '\u{10ffff}'] {
        let institution = InstitutionId::new(longest(character, 64)).unwrap();
        let actor = Actor::customer(longest(character, 255)).unwrap();
        let key = IdempotencyKey::new(longest(character, 255)).unwrap();
        let request = Request::submit(institution.clone(), actor.clone(), details(number))
            .with_key(key.clone());
        // Given names as long as they can be
        let receipt = world.done(request.clone()).await;
        // Then they come back, and the command can be repeated
        let another = world.another().await;
        let history = another.history(&institution, id(number)).await.unwrap();
        assert_eq!(history[0].institution, institution);
        assert_eq!(history[0].actor, actor);
        assert_eq!(history[0].idempotency_key.as_ref(), Some(&key));
        let again = another.execute(request).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.event, receipt.event);
        let list = whole_list(
            &another,
            &institution,
            &Filter::all(),
            ListOrder::OldestFirst,
            9,
        )
        .await;
        assert_eq!(list, [receipt.event.application()]);
        number += 1;
    }
    // Every kind of actor comes back as what they are, whatever they are called.
    world.given(submit(number)).await;
    for (action, kind) in [
        ("begin_processing", ActorKind::Administrator),
        ("approve", ActorKind::System),
    ] {
        let actor = Actor::new(kind, ActorId::new("customer:john").unwrap());
        let command = Command::new(action.parse().unwrap(), None).unwrap();
        world
            .given(Request::transition(
                ours(),
                actor.clone(),
                id(number),
                command,
            ))
            .await;
        let history = world.engine.history(&ours(), id(number)).await.unwrap();
        assert_eq!(history.last().unwrap().actor, actor);
    }
}

pub async fn the_largest_number_comes_back<H: Harness>() {
    let world = World::<H>::new().await;
    for (number, application_id) in (0..).zip([1, (1 << 53) - 1]) {
        let other = details(number);
        let details = ApplicationDetails::new(
            ApplicationId::new(application_id).unwrap(),
            // The smallest and the largest identity.
            uuid::Uuid::from_u128(if number == 0 { 0 } else { u128::MAX }),
            other.certificate_title().clone(),
            // The longest local part and domain that an address has room for.
            ApplicantEmail::new(format!("{}@{}.com", longest('a', 64), longest('b', 63))).unwrap(),
        );
        let uuid = details.uuid();
        let request = Request::submit(ours(), worker(), details.clone());
        world.given(request).await;
        let loaded = world.engine.load(&ours(), uuid).await.unwrap().unwrap();
        assert_eq!(*loaded.details(), details);
    }
    check(&world.engine).await;
}

pub async fn texts_that_look_alike_are_different<H: Harness>() {
    // Given keys that a collation, a cut or a trim could take for one another
    let world = World::<H>::new().await;
    let alike = [
        "key",
        "Key",
        "key ",
        " key",
        "kéy",
        "ke\u{301}y",
        "ｋey",
        "key\u{200b}",
    ];
    for (number, key) in (0..).zip(alike) {
        let receipt = world
            .done(submit(number).with_key(crate::world::key(key)))
            .await;
        // Then each is a key of its own
        assert!(!receipt.replayed, "{key:?}");
    }
    assert_eq!(
        whole_feed(&world.engine, alike.len()).await.len(),
        alike.len()
    );
}
