//! Pages of lists, past what is corrupt.

use super::StoreError;

/// A page of rows: their keys in `K`, the sound ones as `T`.
pub(super) struct PageOf<K, T> {
    pub(super) sound: Vec<T>,
    pub(super) corrupt: Vec<(K, StoreError)>,
    /// The key of the last row, if there are more.
    pub(super) next: Option<K>,
}

/// The page of these rows. One more than it has room for tells that there is a next page.
pub(super) fn page<K: Copy, T>(
    size: usize,
    rows: impl IntoIterator<Item = (K, Result<T, StoreError>)>,
) -> PageOf<K, T> {
    let (mut sound, mut corrupt, mut last) = (Vec::new(), Vec::new(), None);
    for (key, row) in rows {
        if sound.len() + corrupt.len() == size {
            let next = last;
            return PageOf {
                sound,
                corrupt,
                next,
            };
        }
        match row {
            Ok(row) => sound.push(row),
            Err(error) => corrupt.push((key, error)),
        }
        last = Some(key);
    }
    let next = None;
    PageOf {
        sound,
        corrupt,
        next,
    }
}
