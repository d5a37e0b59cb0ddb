//! What is in progress is found, all of it and nothing else, and counted.

use certificate_lifecycle::store::{Cursor, DueInstitution, WorkBacklog, WorkQueue};
use certificate_lifecycle::{Action, Command, Source, Status};

use crate::harness::Harness;
use crate::outbox_world::{PLENTY, in_theirs, number_of};
use crate::support::at;
use crate::work_world::{Desk, again, application, attempt, attempts, numbers, released, third};
use crate::world::{OURS, act, bring, engine_on, every_cell, ours, submit, theirs, upload, way_to};

/// CONTRACT.md, "In progress", once more.
const IN_PROGRESS: [(Status, Source); 5] = [
    (Status::Created, Source::Vault),
    (Status::Processing, Source::Customer),
    (Status::Processing, Source::Vault),
    (Status::Retried, Source::Customer),
    (Status::Retried, Source::Vault),
];

pub async fn exactly_what_is_in_progress_is_found<H: Harness<Store: WorkQueue>>() {
    // Given one application in each of the twelve cells that can be reached, before the first
    // question
    let desk = Desk::<H>::new().await;
    let mut expected = Vec::new();
    for (number, cell) in (0_u64..).zip(every_cell()) {
        desk.clock.set(i64::try_from(number).unwrap());
        desk.given(bring(number, cell.0, cell.1).into_iter().flatten())
            .await;
        if IN_PROGRESS.contains(&cell) && way_to(cell.0, cell.1).is_some() {
            expected.push((number, cell));
        }
    }
    assert_eq!(expected.len(), 4);
    // When all is claimed
    let claimed = desk.claim(100).await;
    // Then it is what is in progress, as it stands, each at its first attempt
    let mut found = Vec::new();
    for leased in &claimed {
        let (number, attempt) = attempt(leased);
        let it = application(leased);
        assert_eq!(*it, desk.load(leased).await);
        assert_eq!((attempt, &leased.institution), (1, &*OURS));
        assert_eq!(leased.since, at(i64::try_from(number).unwrap()));
        found.push((number, (it.status(), it.source())));
    }
    assert_eq!(found, expected);
    desk.claims_nothing(100).await;
}

pub async fn what_comes_into_progress_later_is_found<H: Harness<Store: WorkQueue>>() {
    // Given a store that was asked while it was empty
    let desk = Desk::<H>::new().await;
    desk.is_empty().await;
    let other = engine_on(desk.harness.open().await, &desk.clock);
    // When an application goes its way, through another handle
    let steps = [
        (submit(0), false),
        (act(0, Action::BeginProcessing), true),
        (act(0, Action::Fail), false),
        (act(0, Action::Retry), true),
        (act(0, Action::Approve), false),
    ];
    for (seconds, (request, is_work)) in (1_000..).step_by(1_000).zip(steps) {
        desk.clock.set(seconds);
        let _ = other.execute(request).await.unwrap();
        // Then it is found where it is in progress, and nowhere else
        let claimed = desk.claim(seconds).await;
        let expected: &[(u64, u32)] = if is_work { &[(0, 1)] } else { &[] };
        assert_eq!(attempts(&claimed), expected);
        assert!(claimed.iter().all(|it| it.since == at(seconds)));
    }
    desk.claims_nothing(100_000).await;
}

pub async fn who_has_work_is_reported<H: Harness<Store: WorkQueue>>() {
    // Given two institutions with work, one that has none in progress, and one that has nothing
    let uploads = [upload(0), in_theirs(upload(1)), in_theirs(upload(2))];
    let desk = Desk::<H>::with(uploads).await;
    let mut of_third = submit(3);
    of_third.institution = third();
    desk.given([of_third]).await;
    let new = |of| DueInstitution::new(of).with_has_new(true);
    assert_eq!(desk.look().await, [new(ours()), new(theirs())]);
    // One is asked for
    for (institution, expected) in [
        (ours(), vec![new(ours())]),
        (theirs(), vec![new(theirs())]),
        (third(), Vec::new()),
    ] {
        let due = desk.store.due_work(Some(&institution)).await.unwrap();
        assert_eq!((due.institutions, due.has_more), (expected, false));
    }
    // When some is claimed and put off
    let first = desk.claim_of(0, &[(theirs(), 1)]).await;
    let expected = new(theirs()).with_at(Some(at(60)));
    assert_eq!(desk.look().await, [new(ours()), expected]);
    let second = desk.claim_of(10, &[(theirs(), 1)]).await;
    let expected = |seconds| DueInstitution::new(theirs()).with_at(Some(at(seconds)));
    assert_eq!(desk.look().await, [new(ours()), expected(60)]);
    // Then the first that is due again counts
    desk.puts_off(&first[0], again(500)).await;
    assert_eq!(desk.look().await, [new(ours()), expected(70)]);
    desk.puts_off(&second[0], released(400)).await;
    assert_eq!(desk.look().await, [new(ours()), expected(400)]);
    let due = desk.store.due_work(Some(&theirs())).await.unwrap();
    assert_eq!(due.institutions, [expected(400)]);
}

pub async fn one_institution_finds_for_all<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::with([upload(0), in_theirs(upload(1))]).await;
    desk.feed_has_all().await;
    // When only one is asked for
    let due = desk.store.due_work(Some(&ours())).await.unwrap();
    assert_eq!(due.institutions.len(), 1);
    // Then the work of the other is not passed over
    let claimed = desk.claim(0).await;
    assert_eq!(attempts(&claimed), [(0, 1), (1, 1)]);
}

pub async fn more_than_one_look_takes_is_found<H: Harness<Store: WorkQueue>>() {
    const MANY: u64 = 10_000;
    // Given more events than one look takes, and of every fifth application more than one
    let desk = Desk::<H>::new().await;
    for first in (0..MANY).step_by(1_000) {
        let uploads = (first..first + 1_000).map(upload).collect();
        let answers = desk.engine.execute_many(uploads).await;
        assert!(answers.iter().all(Result::is_ok));
        let failed = (first..first + 1_000).step_by(5);
        let failed = failed.map(|it| act(it, Action::Fail)).collect();
        let answers = desk.engine.execute_many(failed).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    desk.feed_has_all().await;
    // When it is asked until there is no more
    let mut looks = 0;
    while desk.store.due_work(None).await.unwrap().has_more {
        looks += 1;
        assert!(looks < 1_000, "there is no end");
    }
    assert!(looks > 0, "one look took {MANY} events");
    // Then all is found
    let waiting = MANY - MANY / 5;
    let expected = WorkBacklog::new(ours())
        .with_waiting(waiting)
        .with_oldest(Some(at(0)));
    assert_eq!(desk.store.work_backlog(None).await.unwrap(), [expected]);
    // And once, in the order of the feed
    let mut claimed = Vec::new();
    while desk.store.due_work(None).await.unwrap().institutions[0].has_new {
        claimed.extend(numbers(&desk.claim_of(0, &[(ours(), PLENTY)]).await));
    }
    let mut expected = Vec::new();
    let mut after = Cursor::START;
    loop {
        let page = desk.engine.feed(after, 4_000).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.cursor;
        let created = page.iter().filter(|it| it.event.version() == 1);
        expected.extend(created.map(|it| number_of(it.event.uuid())));
    }
    expected.retain(|it| !it.is_multiple_of(5));
    assert!(claimed == expected, "{} of {waiting}", claimed.len());
    // Idle looks find nothing
    for _ in 0..3 {
        let due = desk.store.due_work(None).await.unwrap();
        let under_way = DueInstitution::new(ours()).with_at(Some(at(60)));
        assert_eq!((due.institutions, due.has_more), (vec![under_way], false));
    }
    // And what comes behind all that is found as well
    desk.given([in_theirs(upload(MANY))]).await;
    assert_eq!(attempts(&desk.claim(0).await), [(MANY, 1)]);
}

pub async fn the_backlog_is_counted<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::new().await;
    for number in 0..6 {
        desk.clock.set(i64::try_from(number).unwrap() * 10);
        let request = upload(number);
        let is_theirs = number >= 4;
        desk.given([if is_theirs {
            in_theirs(request)
        } else {
            request
        }])
        .await;
    }
    let backlog = |waiting, oldest: Option<i64>, under_way| {
        let backlog = WorkBacklog::new(ours()).with_waiting(waiting);
        backlog
            .with_oldest(oldest.map(at))
            .with_under_way(under_way)
    };
    let their_backlog = WorkBacklog::new(theirs())
        .with_waiting(2)
        .with_oldest(Some(at(40)));
    // What was not found is not counted
    assert_eq!(desk.store.work_backlog(None).await.unwrap(), []);
    desk.look().await;
    let expected = [backlog(4, Some(0), 0), their_backlog.clone()];
    assert_eq!(desk.store.work_backlog(None).await.unwrap(), expected);
    let of = |institution| {
        let desk = &desk;
        async move { desk.store.work_backlog(Some(&institution)).await.unwrap() }
    };
    assert_eq!(of(theirs()).await, [their_backlog]);
    assert_eq!(of(third()).await, []);
    // What is under way does not wait
    let first = desk.claim_of(100, &[(ours(), 2)]).await;
    assert_eq!(of(ours()).await, [backlog(2, Some(20), 2)]);
    // What is tried again waits, since it came into progress
    desk.puts_off(&first[1], again(1_000)).await;
    assert_eq!(of(ours()).await, [backlog(3, Some(10), 1)]);
    desk.puts_off(&first[0], released(2_000)).await;
    assert_eq!(of(ours()).await, [backlog(4, Some(0), 0)]);
    // A lease counts after its end, too
    let second = desk.claim_of(10_000, &[(ours(), PLENTY)]).await;
    assert_eq!(second.len(), 4);
    assert_eq!(of(ours()).await, [backlog(0, None, 4)]);
    for leased in &second {
        desk.moves_on(leased, 10_000, Command::Approve).await;
    }
    assert_eq!(of(ours()).await, []);
}
