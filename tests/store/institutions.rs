//! Every read and every command names an institution, and sees only what belongs to it.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{
    Filter, InstitutionId, ListOrder, ListQuery, PageKey, Refusal, Request,
};

use crate::harness::Harness;
use crate::support::command;
use crate::world::{
    World, act, actor_of, check, create, every_cell, id, key, ours, refusal, snapshot, submit,
    theirs, upload, whole_list,
};

fn of(institution: InstitutionId, mut request: Request) -> Request {
    request.institution = institution;
    request
}

pub async fn no_institution_sees_the_applications_of_another<H: Harness>() {
    // Given applications of ours, and some of theirs between them
    let world = World::<H>::new().await;
    for number in 0..10 {
        let whose = if number % 2 == 0 { ours() } else { theirs() };
        world.given(of(whose, submit(number))).await;
    }
    for (institution, rest) in [(ours(), 0), (theirs(), 1)] {
        for number in 0..10 {
            let mine = number % 2 == rest;
            // Then each sees its own and no other, however it asks
            let loaded = world.engine.load(&institution, id(number)).await.unwrap();
            assert_eq!(loaded.is_some(), mine);
            let history = world
                .engine
                .history(&institution, id(number))
                .await
                .unwrap();
            assert_eq!(history.len(), usize::from(mine));
        }
        for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
            let list = whole_list(&world.engine, &institution, &Filter::all(), order, 2).await;
            let mut numbers: Vec<_> = list
                .iter()
                .map(|it| it.details().application_id().get() - 1)
                .collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..5).map(|it| it * 2 + rest).collect::<Vec<_>>());
        }
        let counts = world.engine.counts(&institution).await.unwrap();
        assert_eq!(counts.iter().map(|it| it.applications).sum::<u64>(), 5);
    }
    check(&world.engine).await;
}

pub async fn no_institution_moves_the_applications_of_another<H: Harness>() {
    // Given one of each kind of application of ours
    let world = World::<H>::new().await;
    let kinds = world.every_kind().await;
    world.given(of(theirs(), submit(500))).await;
    let before = snapshot(&world.engine).await;
    for institution in [theirs(), InstitutionId::new("never heard of").unwrap()] {
        for number in (0..).take(kinds.len()) {
            for action in Action::ALL {
                // When another institution asks for anything
                let request = Request::transition(
                    institution.clone(),
                    actor_of(action),
                    id(number),
                    command(action),
                );
                // Then the answer is that of an application that does not exist
                for request in [
                    request.clone(),
                    request.clone().expecting(1),
                    request.clone().expecting(99),
                    request.clone().with_key(key(&format!("{number} {action}"))),
                    request.at(chrono::DateTime::UNIX_EPOCH),
                ] {
                    let uuid = id(number);
                    let refusal = refusal(world.engine.execute(request).await);
                    assert_eq!(refusal, Refusal::UnknownApplication { uuid });
                }
            }
        }
    }
    assert_eq!(snapshot(&world.engine).await, before);
}

pub async fn an_identity_is_taken_in_every_institution<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    world.given(upload(1)).await;
    let before = snapshot(&world.engine).await;
    for institution in [ours(), theirs(), InstitutionId::new("a third").unwrap()] {
        for request in [submit(0), submit(1), upload(0), upload(1)] {
            let uuid = request.uuid();
            let refusal = world.refused(of(institution.clone(), request)).await;
            assert_eq!(refusal, Refusal::AlreadyExists { uuid });
        }
    }
    assert_eq!(snapshot(&world.engine).await, before);
}

pub async fn one_identity_in_two_institutions_at_once_goes_to_one_of_them<H: Harness>() {
    let world = World::<H>::new().await;
    let engines = world.several(4).await;
    for number in 0..50 {
        let calls = (0..8).map(|caller: usize| {
            let engine = engines[caller % 4].clone();
            let whose = if caller.is_multiple_of(2) {
                ours()
            } else {
                theirs()
            };
            tokio::spawn(async move { engine.execute(of(whose, submit(number))).await })
        });
        let calls: Vec<_> = calls.collect();
        let mut created = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(_) => created += 1,
                refused => {
                    let uuid = id(number);
                    assert_eq!(refusal(refused), Refusal::AlreadyExists { uuid });
                }
            }
        }
        assert_eq!(created, 1);
    }
    assert_eq!(check(&world.engine).await.feed.len(), 50);
}

pub async fn an_institution_that_was_only_asked_about_has_nothing<H: Harness>() {
    let world = World::<H>::new().await;
    world.given(submit(0)).await;
    let stranger = InstitutionId::new("stranger").unwrap();
    for _ in 0..2 {
        assert_eq!(world.engine.counts(&stranger).await.unwrap(), []);
        let after: Option<PageKey> = Some("0".parse().unwrap());
        for after in [None, after] {
            let query = ListQuery {
                institution: stranger.clone(),
                filter: Filter::all(),
                order: ListOrder::OldestFirst,
                after,
                limit: 10,
                origins: false,
            };
            let page = world.engine.list(query).await.unwrap();
            assert_eq!((page.applications.len(), page.next), (0, None));
        }
        // The second time, the store has heard of it.
        world
            .refused(of(stranger.clone(), act(0, Action::Reject)))
            .await;
    }
}

pub async fn institutions_whose_names_look_alike_are_different<H: Harness>() {
    let world = World::<H>::new().await;
    let alike = [
        "university",
        "University",
        "university ",
        " university",
        "universıty",
        "u",
    ];
    let cells: Vec<_> = every_cell().collect();
    for (number, name) in (0..).zip(alike) {
        let institution = InstitutionId::new(name).unwrap();
        let (_, source) = cells[usize::try_from(number).unwrap()];
        let request = create(number, source).with_key(key("the same key"));
        let receipt = world.done(of(institution.clone(), request)).await;
        assert!(!receipt.replayed);
        let list = whole_list(
            &world.engine,
            &institution,
            &Filter::all(),
            ListOrder::OldestFirst,
            9,
        )
        .await;
        assert_eq!(list, [receipt.event.application()]);
    }
}
