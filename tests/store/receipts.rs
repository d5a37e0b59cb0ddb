//! A receipt has the place of its event in the feed, however the command was carried out.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{Receipt, RecordedEvent, Request};

use crate::harness::Harness;
use crate::world::{World, act, check, every_kind_with_keys, key, submit, upload};

/// That the feed, or a history, has the event of each receipt at the receipt's place.
#[track_caller]
pub fn are_in(feed: &[RecordedEvent], receipts: &[Receipt]) {
    for receipt in receipts {
        let is_its = |it: &&RecordedEvent| it.event.id() == receipt.event.id();
        let recorded = feed.iter().find(is_its).unwrap();
        assert_eq!(recorded.cursor, receipt.cursor, "{receipt:?}");
        assert_eq!(recorded.event, receipt.event);
    }
}

/// Commands of one call that move applications on which the same call creates, from this number on.
pub fn several(number: u64) -> Vec<Request> {
    vec![
        submit(number),
        act(number, Action::BeginProcessing),
        upload(number + 1),
        act(number + 1, Action::Fail),
        submit(number + 2),
        act(number, Action::Fail),
        act(number + 1, Action::Retry),
        act(number + 2, Action::Reject),
        upload(number + 3),
        act(number + 1, Action::Approve),
    ]
}

/// The same with a key each.
fn keyed(requests: Vec<Request>) -> Vec<Request> {
    let keyed = |(at, it): (usize, Request)| {
        let name = format!("{}, {at}", it.uuid());
        it.with_key(key(&name))
    };
    requests.into_iter().enumerate().map(keyed).collect()
}

pub async fn one_command_has_the_place_that_the_feed_gives<H: Harness>() {
    // Given every kind of command, one a call, with and without a key
    let world = World::<H>::new().await;
    let requests = every_kind_with_keys();
    let mut receipts = world.all_done(requests.clone()).await;
    receipts.extend(world.all_done(several(100)).await);
    // When the keyed ones are repeated through another handle, after other events
    let another = world.another().await;
    for request in requests {
        let again = another.execute(request).await.unwrap();
        assert!(again.replayed);
        receipts.push(again);
    }
    // Then each has its place
    let seen = check(&world.engine).await;
    assert_eq!(seen.feed.len() * 2 - several(100).len(), receipts.len());
    are_in(&seen.feed, &receipts);
}

pub async fn commands_of_one_call_have_the_places_that_the_feed_gives<H: Harness>() {
    let world = World::<H>::new().await;
    let mut receipts = Vec::new();
    // Given calls with several commands for one application, and with one that is refused
    let mut each = several(0);
    each.insert(3, act(0, Action::Retry));
    let answers = world.engine.execute_many(each).await;
    assert!(answers[3].is_err());
    receipts.extend(answers.into_iter().filter_map(Result::ok));
    let mut calls = vec![several(10), keyed(several(20)), keyed(several(30))];
    // In the last one, a command stands twice.
    calls[2].push(keyed(several(30))[4].clone());
    for call in &calls {
        for answer in world.engine.execute_all(call.clone()).await {
            receipts.push(answer.unwrap());
        }
    }
    // When keyed calls are repeated, for themselves and all or nothing
    let another = world.another().await;
    for call in calls.drain(1..) {
        let again = another.execute_many(call.clone()).await.into_iter();
        let and_again = another.execute_all(call).await;
        for answer in again.chain(and_again) {
            let receipt = answer.unwrap();
            assert!(receipt.replayed);
            receipts.push(receipt);
        }
    }
    // Then each has its place
    let seen = check(&world.engine).await;
    assert_eq!((seen.feed.len(), receipts.len()), (40, 83));
    are_in(&seen.feed, &receipts);
}

pub async fn the_place_is_where_the_feed_goes_on<H: Harness>() {
    let world = World::<H>::new().await;
    world.all_given([upload(0), upload(1)]).await;
    let receipt = world.done(act(0, Action::Approve)).await;
    world.given(act(1, Action::Fail)).await;
    // It is settled.
    let seen = check(&world.engine).await;
    let after = world.engine.feed(receipt.cursor, 10).await.unwrap();
    assert_eq!(after, seen.feed[3..]);
    // And as JSON it is the same word.
    let json = serde_json::to_value(&receipt).unwrap();
    assert_eq!(json["cursor"], receipt.cursor.to_string());
}
