//! Pages of lists, past what is corrupt and what does not match.

use std::ops::ControlFlow;

use super::StoreError;

/// A page of rows: their keys in `K`, the sound ones as `T`.
pub(super) struct PageOf<K, T> {
    pub(super) sound: Vec<T>,
    pub(super) corrupt: Vec<(K, StoreError)>,
    /// The key of the last row that was looked at, if there are more.
    pub(super) next: Option<K>,
}

/// A page while it is filled, row by row.
pub(super) struct Look<K, T> {
    page: PageOf<K, T>,
    /// How many rows it has room for.
    size: usize,
    /// How many rows may still be looked at.
    left: usize,
    last: Option<K>,
}

impl<K: Copy, T> Look<K, T> {
    /// An empty page with room for so many rows, of which so many may be looked at.
    pub(super) const fn new(size: usize, most: usize) -> Self {
        let page = PageOf {
            sound: Vec::new(),
            corrupt: Vec::new(),
            next: None,
        };
        Self {
            page,
            size,
            left: most,
            last: None,
        }
    }

    /// Looks at the next row: none, if it does not match. One more than the page has room for, or
    /// than may be looked at, tells that there is a next page, and is the last that is wanted.
    pub(super) fn at(&mut self, key: K, row: Option<Result<T, StoreError>>) -> ControlFlow<()> {
        let is_full = self.page.sound.len() + self.page.corrupt.len() == self.size;
        if self.left == 0 || (is_full && row.is_some()) {
            self.page.next = self.last;
            return ControlFlow::Break(());
        }
        match row {
            Some(Ok(row)) => self.page.sound.push(row),
            Some(Err(error)) => self.page.corrupt.push((key, error)),
            None => {}
        }
        self.left -= 1;
        self.last = Some(key);
        ControlFlow::Continue(())
    }

    /// The page.
    pub(super) fn page(self) -> PageOf<K, T> {
        self.page
    }
}

/// The page of these rows, which all match.
pub(super) fn page<K: Copy, T>(
    size: usize,
    rows: impl IntoIterator<Item = (K, Result<T, StoreError>)>,
) -> PageOf<K, T> {
    let mut look = Look::new(size, usize::MAX);
    for (key, row) in rows {
        if look.at(key, Some(row)).is_break() {
            break;
        }
    }
    look.page()
}
