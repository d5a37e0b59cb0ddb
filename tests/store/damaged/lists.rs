//! A row that was edited by hand is reported, and keeps no other from being listed or failed.

use certificate_lifecycle::store::{
    ExecuteError, Filter, ListOrder, ListQuery, StoreError, TitlePart,
};
use certificate_lifecycle::{ApplicationId, ProcessingError};
use std::time::Duration;

use crate::harness::Harness;
use crate::world::{World, id, ours, upload, worker};

/// How many uploads there are: more than the engine fails at once.
const UPLOADS: u64 = 300;

/// Those that are edited, among them the first and the last, and a page of two.
pub const EDITED: [u64; 4] = [0, 5, 6, 299];

/// Their application ids.
pub const EDITED_IDS: &str = "(1, 6, 7, 300)";

/// A store with uploads, before it is edited.
pub async fn uploads<H: Harness>() -> World<H> {
    let world = World::<H>::new().await;
    let uploads = (0..UPLOADS).map(upload).collect();
    for answer in world.engine.execute_many(uploads).await {
        let _ = answer.unwrap();
    }
    world.clock.set(60);
    world
}

fn names(error: &StoreError, number: u64) -> bool {
    matches!(error, StoreError::Corrupt { row, .. } if row.contains(&id(number).to_string()))
}

/// Every page of a list tells what is corrupt on it, and the key of the next, whatever stands at
/// its end.
pub async fn lists_go_on<H: Harness>(world: &World<H>) {
    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
        let mut sound: Vec<_> = (0..UPLOADS).filter(|it| !EDITED.contains(it)).collect();
        let mut edited = EDITED;
        if order == ListOrder::NewestFirst {
            sound.reverse();
            edited.reverse();
        }
        for limit in [1, 2, 7, 299, 300, 1000] {
            let (mut listed, mut corrupt, mut after) = (Vec::new(), Vec::new(), None);
            loop {
                let query = ListQuery {
                    institution: ours(),
                    filter: Filter::all(),
                    order,
                    after,
                    limit,
                    origins: false,
                };
                let page = world.engine.list(query).await.unwrap();
                let rows = page.applications.len() + page.corrupt.len();
                assert!(rows <= limit as usize);
                assert!(page.next.is_none() || rows == limit as usize);
                listed.extend(page.applications.iter().map(|it| it.details().uuid()));
                corrupt.extend(page.corrupt);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let expected: Vec<_> = sound.iter().map(|number| id(*number)).collect();
            assert_eq!(listed, expected, "pages of {limit}");
            assert_eq!(corrupt.len(), edited.len());
            assert!(
                corrupt
                    .iter()
                    .zip(edited)
                    .all(|(it, number)| names(it, number))
            );
        }
    }
}

/// What the filter lets through, by what stands in the row, is listed or reported; nothing else is.
pub async fn filters_let_through<H: Harness>(world: &World<H>, part: &str) {
    let title = |part: &str| Filter::all().title(TitlePart::new(part).unwrap());
    let number = |it| Filter::all().application_id(ApplicationId::new(it).unwrap());
    for (filter, sound, corrupt) in [
        (title(part), 0, EDITED.len()),
        (title("NO. 6"), 10, 0),
        (title("certificate no. 29"), 10, 0),
        (number(EDITED[1] + 1), 0, 1),
        (number(2), 1, 0),
        (
            title(part).application_id(ApplicationId::new(2).unwrap()),
            0,
            0,
        ),
        (title(part).in_progress(), 0, EDITED.len()),
    ] {
        for limit in [1, 3, 1000] {
            let (mut found, mut after) = ((0, 0), None);
            loop {
                let query = ListQuery::new(ours()).filter(filter.clone());
                let page = world.engine.list(query.after(after).limit(limit)).await;
                let page = page.unwrap();
                found.0 += page.applications.len();
                found.1 += page.corrupt.len();
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, (sound, corrupt), "{filter:?}");
        }
    }
}

/// All that are sound are failed, and then the first that is not is reported: `corrupt` of them, in
/// all.
pub async fn the_sound_are_failed<H: Harness>(world: &World<H>, corrupt: usize) {
    let stuck = ProcessingError::new("stuck").unwrap();
    for sound in [usize::try_from(UPLOADS).unwrap() - corrupt, 0] {
        let answer = world
            .engine
            .fail_stalled(&ours(), &worker(), Duration::ZERO, &stuck)
            .await;
        let interrupted = answer.unwrap_err();
        assert_eq!(interrupted.failed.len(), sound);
        let reported =
            matches!(&interrupted.error, ExecuteError::Store(it) if names(it, EDITED[0]));
        assert!(reported, "{:?}", interrupted.error);
    }
}
