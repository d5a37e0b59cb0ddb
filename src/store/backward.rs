//! The feed, read backward.

use super::cursor::Cursor;
use super::error::StoreError;
use super::page::{Look, PageOf};
use super::request::RecordedEvent;

/// A page of the feed, the newest event first.
///
/// Where a filter lets few through, a page may be short or empty and have a
/// [`next`](Self::next): one call looks at no more than [`LOOK`](Self::LOOK) events. Only a page
/// without `next` reaches the start of the feed. Without a filter, every page but the last is full.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FeedPage {
    /// The events, the newest first.
    pub events: Vec<RecordedEvent>,
    /// What stands on this page and cannot be read: a [`StoreError::Corrupt`] for each row. It does
    /// not keep the others from being returned.
    pub corrupt: Vec<StoreError>,
    /// What the next page lies before; none after the last.
    pub next: Option<Cursor>,
}

impl FeedPage {
    /// How many events one call looks at, at most, to find those that the filter lets through; or
    /// the limit of the call, if that is more.
    pub const LOOK: u32 = 10_000;

    /// How many events a page has at most: an empty one would be no page.
    pub(in crate::store) const fn size(limit: u32) -> u32 {
        if limit == 0 { 1 } else { limit }
    }

    /// How many events are looked at, at most.
    pub(in crate::store) const fn most(limit: u32) -> u32 {
        let size = Self::size(limit);
        if size > Self::LOOK { size } else { Self::LOOK }
    }

    /// The page, before the first row is looked at.
    pub(in crate::store) const fn look(limit: u32) -> Look<Cursor, RecordedEvent> {
        Look::new(Self::size(limit) as usize, Self::most(limit) as usize)
    }

    pub(in crate::store) fn of(page: PageOf<Cursor, RecordedEvent>) -> Self {
        Self {
            events: page.sound,
            corrupt: page.corrupt.into_iter().map(|(_, error)| error).collect(),
            next: page.next,
        }
    }
}
