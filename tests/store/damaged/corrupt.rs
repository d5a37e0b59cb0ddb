//! Rows that were edited by hand, so that they belong to no legal application, are reported, and
//! left as they are.

use std::time::Instant;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, ExecuteError, Filter, ListOrder, ListQuery, Queries, StoreError,
};
use certificate_lifecycle::{Action, Source, Status};

use super::{NUMBER, at_rest, every_kind, lists};
use crate::support::damaged::Question::{self, Act, Counts, Feed, History, List, Load, Repeat};
use crate::support::damaged::Row::{Application, Failed, Head, Key, Last, Processing};
use crate::support::damaged::{Damaged, Edit, Row};
use crate::world::{FEED, act, bring, id, key, ours, submit};

pub const ALL: &[Question] = &[Load, History, List, Feed, Act, Repeat];
pub const WHERE_IT_IS: &[Question] = &[Load, History, List, Act];
pub const IN_THE_PAST: &[Question] = &[History, Feed];

/// The edits that every database's tables allow; `{256}` stands for as many letters.
#[rustfmt::skip]
const EDITS: &[Edit] = &[
    (Application, "application_id = 0", ALL),
    (Application, "application_id = -1", ALL),
    (Application, "application_id = 9007199254740992", ALL),
    (Application, "certificate_title = ''", ALL),
    (Application, "certificate_title = '  '", ALL),
    (Application, "certificate_title = '{256}'", ALL),
    (Application, "applicant_email = ''", ALL),
    (Application, "applicant_email = 'no address'", ALL),
    (Application, "applicant_email = 'no body@example.com'", ALL),
    (Head, "status = 99", &[Load, History, List, Counts, Act]),
    (Head, "status = -1", &[Load, History, List, Counts, Act]),
    (Head, "status = 0", WHERE_IT_IS),
    (Head, "status = 4", WHERE_IT_IS),
    (Head, "version = 0", WHERE_IT_IS),
    (Head, "version = -4", WHERE_IT_IS),
    (Head, "version = 3", WHERE_IT_IS),
    (Head, "version = 6", WHERE_IT_IS),
    (Head, "version = 9223372036854775807", WHERE_IT_IS),
    (Head, "updated_at = updated_at + 1", WHERE_IT_IS),
    (Head, "updated_at = -99999999999999", WHERE_IT_IS),
    (Head, "trigger_context = 3", &[Load, History, List, Counts, Feed, Act, Repeat]),
    (Head, "trigger_context = -1", &[Load, History, List, Counts, Feed, Act, Repeat]),
    (Last, "kind = 99", ALL),
    (Last, "kind = -1", ALL),
    (Last, "kind = 2", WHERE_IT_IS),
    (Last, "kind = 3", ALL),
    (Last, "version = 6", WHERE_IT_IS),
    (Last, "at = at + 1", WHERE_IT_IS),
    (Last, "at = 9223372036854775807", ALL),
    (Last, "at = 253402300800", ALL),
    (Last, "at = -62167219201", ALL),
    (Last, "text = 'why?'", ALL),
    (Failed, "text = NULL", IN_THE_PAST),
    (Failed, "text = ''", IN_THE_PAST),
    (Failed, "text = '{1001}'", IN_THE_PAST),
    (Failed, "actor_kind = 3", IN_THE_PAST),
    (Failed, "actor = ''", IN_THE_PAST),
    (Failed, "actor = 'a\n'", IN_THE_PAST),
    (Failed, "idempotency_key = ''", IN_THE_PAST),
    (Failed, "idempotency_key = '{256}'", IN_THE_PAST),
    (Failed, "kind = 0", IN_THE_PAST),
    (Failed, "kind = 5, text = NULL", IN_THE_PAST),
    // Possible at this version, but not before what follows.
    (Failed, "kind = 2, text = NULL", &[History]),
    (Processing, "kind = 3, text = 'no'", &[History]),
    (Failed, "at = at + 1", &[History]),
    (Failed, "version = 5", &[History]),
    (Key, "refused = ''", &[Repeat]),
    (Key, "refused = '{}'", &[Repeat]),
];

/// Every edit of this database, as SQL.
pub fn edits<H: Damaged>() -> impl Iterator<Item = (Row, String, &'static [Question])> {
    let all = EDITS.iter().chain(H::EDITS);
    all.map(|(row, change, reported)| {
        let change = [256, 1001]
            .into_iter()
            .fold((*change).to_owned(), |it, length| {
                it.replace(&format!("{{{length}}}"), &"x".repeat(length))
            });
        (*row, H::edit(*row, &change), *reported)
    })
}

/// What the store answers: nothing of interest, or an error.
pub async fn ask<H: Damaged>(
    place: &H,
    engine: &Engine<H::Store>,
    question: Question,
) -> Result<(), StoreError> {
    let command = match question {
        Load => return engine.load(&ours(), id(NUMBER)).await.map(drop),
        History => return engine.history(&ours(), id(NUMBER)).await.map(drop),
        Counts => return engine.counts(&ours()).await.map(drop),
        List => return list(engine).await,
        Feed => {
            let rows = place.dump().await;
            let events = rows.iter().filter(|it| it.starts_with("certlife_event "));
            return feed(engine, events.count()).await;
        }
        Act => act(NUMBER, Action::Approve),
        Repeat => {
            let way = bring(NUMBER, Status::Retried, Source::Customer);
            way.unwrap().pop().unwrap().with_key(key("9-4"))
        }
    };
    match engine.execute(command).await {
        Err(ExecuteError::Store(error)) => Err(error),
        // Whatever else it is, it is no worse than any answer to a command.
        _ => Ok(()),
    }
}

async fn list<S: Queries>(engine: &Engine<S>) -> Result<(), StoreError> {
    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
        let query = ListQuery {
            institution: ours(),
            filter: Filter::all(),
            order,
            after: None,
            limit: 100,
            origins: false,
        };
        // It tells of what is corrupt, and of all others.
        let page = engine.list(query).await?;
        if let Some(corrupt) = page.corrupt.into_iter().next() {
            assert_eq!(page.applications.len(), 9);
            return Err(corrupt);
        }
    }
    Ok(())
}

/// To the first error, or to the last event.
async fn feed<S: Queries>(engine: &Engine<S>, events: usize) -> Result<(), StoreError> {
    let (mut cursor, mut reported, start) = (Cursor::START, 0, Instant::now());
    while reported < events {
        // What is committed appears behind other tests' transactions.
        assert!(
            start.elapsed() < FEED,
            "the feed has {reported} of {events} events"
        );
        let page = engine.feed(cursor, 7).await?;
        cursor = page.last().map_or(cursor, |it| it.cursor);
        reported += page.len();
    }
    Ok(())
}

pub async fn rows_that_no_application_could_have_are_reported_and_left_alone<H: Damaged>() {
    let place = every_kind::<H>().await;
    let saved = place.save().await;
    let mut wrong = Vec::new();
    for (_, sql, reported) in edits::<H>() {
        for question in [Load, History, List, Counts, Feed, Act, Repeat] {
            let engine = at_rest(place.damage(&saved, &sql).await);
            let before = place.dump().await;
            let answer = ask(&place, &engine, question).await;
            drop(engine);
            let is_reported = match answer {
                // It names the row.
                Err(StoreError::Corrupt { row, problem }) => !row.is_empty() && !problem.is_empty(),
                Err(error) => {
                    wrong.push(format!("{question:?} is not reported, but {error}: {sql}"));
                    true
                }
                Ok(()) => false,
            };
            if reported.contains(&question) && !is_reported {
                wrong.push(format!("{question:?} is not reported of: {sql}"));
            }
            if question != Act || is_reported {
                let mut after = place.dump().await;
                after.retain(|row| before.contains(row) || !H::may_be_added(row));
                if after != before {
                    wrong.push(format!("{question:?} overwrites: {sql}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An application whose own row is as the store wrote it may move on, whatever was done to its
/// events: reading them reports what was done, and none of them is overwritten.
pub async fn events_that_were_edited_are_reported_where_they_are_read<H: Damaged>() {
    for (_, sql, reported) in edits::<H>().filter(|(row, ..)| *row == Last) {
        let place = every_kind::<H>().await;
        let engine = at_rest(place.open().await);
        place.run_sql(&sql).await;
        let before = place.dump().await;
        let moved_on = ask(&place, &engine, Act).await;
        assert!(
            matches!(moved_on, Ok(()) | Err(StoreError::Corrupt { .. })),
            "{sql}: {moved_on:?}"
        );
        let after = place.dump().await;
        for row in before.iter().filter(|it| it.starts_with("certlife_event ")) {
            assert!(after.contains(row), "{sql}: {row} is gone");
        }
        for question in [History, Feed].iter().filter(|it| reported.contains(it)) {
            let answer = ask(&place, &engine, *question).await;
            assert!(
                matches!(answer, Err(StoreError::Corrupt { .. })),
                "{sql}: {question:?} is not reported, but {answer:?}"
            );
        }
    }
}

pub async fn a_corrupt_application_does_not_stand_in_the_way_of_others<H: Damaged>() {
    let place = every_kind::<H>().await;
    place
        .run_sql(&H::edit(Application, "application_id = 0"))
        .await;
    let engine = at_rest(place.open().await);
    // Given many commands in one call and in one commit, of which one meets the corrupt row
    let mut requests: Vec<_> = (100..120).map(submit).collect();
    requests.insert(7, act(NUMBER, Action::Approve));
    let answers = engine.execute_many(requests).await;
    // Then only that one is reported
    for (index, answer) in answers.iter().enumerate() {
        let corrupt = matches!(answer, Err(ExecuteError::Store(StoreError::Corrupt { row, .. }))
            if row.contains(&id(NUMBER).to_string()));
        assert_eq!(corrupt, index == 7, "{answer:?}");
        assert_eq!(answer.is_ok(), index != 7);
    }
    // And the feed tells of what stands before it, and then of it
    let (mut cursor, mut reported) = (Cursor::START, 0);
    let error = loop {
        match engine.feed(cursor, 5).await {
            Ok(page) => {
                reported += page.len();
                cursor = page.last().map_or(cursor, |it| it.cursor);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(reported, 19);
    assert!(matches!(error, StoreError::Corrupt { .. }));
}

pub async fn lists_and_what_fails_the_stalled_go_on_without_corrupt_rows<H: Damaged>() {
    let world = lists::uploads::<H>().await;
    let ids = lists::EDITED_IDS;
    // Longer than any may be
    let title = "Édité ".repeat(50);
    for title in [title.as_str(), ""] {
        let sql = format!(
            "UPDATE certlife_application SET certificate_title = '{title}' \
             WHERE application_id IN {ids}"
        );
        world.harness.run_sql(&sql).await;
        lists::lists_go_on(&world).await;
        if !title.is_empty() {
            lists::filters_let_through(&world, "ÉDITÉ éd").await;
        }
    }
    lists::the_sound_are_failed(&world, lists::EDITED.len()).await;
}
