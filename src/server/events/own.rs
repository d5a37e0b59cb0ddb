//! Of the feed of all institutions, the events of one.

use crate::engine::Engine;
use crate::store::{AnyStore, Cursor, InstitutionId, RecordedEvent, StoreError};

/// How many events are read from the store at once.
const PAGE: u32 = 512;

/// Some events of an institution, and how far the feed was read for them.
pub(super) struct Own {
    pub(super) events: Vec<RecordedEvent>,
    /// Where to go on.
    pub(super) next: Cursor,
    /// Whether the feed was read to its end.
    pub(super) is_end: bool,
}

/// Reads the feed until `limit` events of the institution are found, it has ended, or `most` events
/// of whichever institution were read.
pub(super) async fn read(
    engine: &Engine<AnyStore>,
    institution: &InstitutionId,
    after: Cursor,
    limit: usize,
    most: usize,
) -> Result<Own, StoreError> {
    let (mut events, mut next, mut looked_at) = (Vec::new(), after, 0);
    loop {
        let page = match engine.feed(next, PAGE).await {
            Ok(page) => page,
            // What was found before a corrupt row is answered; the next request meets the row.
            Err(_) if !events.is_empty() => {
                let is_end = false;
                return Ok(Own {
                    events,
                    next,
                    is_end,
                });
            }
            Err(error) => return Err(error),
        };
        if page.is_empty() {
            let is_end = true;
            return Ok(Own {
                events,
                next,
                is_end,
            });
        }
        looked_at += page.len();
        for recorded in page {
            next = recorded.cursor;
            if recorded.institution == *institution {
                events.push(recorded);
                if events.len() >= limit {
                    let is_end = false;
                    return Ok(Own {
                        events,
                        next,
                        is_end,
                    });
                }
            }
        }
        if looked_at >= most {
            let is_end = false;
            return Ok(Own {
                events,
                next,
                is_end,
            });
        }
    }
}
