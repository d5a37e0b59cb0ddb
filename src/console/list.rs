//! What lists have in common.

use std::fmt::Display;

use super::frame::Frame;
use super::language::counted;

/// A choice of a filter.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) name: &'static str,
    pub(super) is_chosen: bool,
}

/// The choices of a filter, with the one that was given chosen.
pub(super) fn choices<T: Copy, const N: usize>(
    all: [T; N],
    given: &str,
    names: impl Fn(T) -> (&'static str, &'static str),
) -> Vec<Choice> {
    let choice = |it| {
        let (value, name) = names(it);
        Choice {
            value,
            name,
            is_chosen: value == given,
        }
    };
    all.into_iter().map(choice).collect()
}

/// How many rows could not be read; why not stands in the log.
pub(super) fn unreadable<E: Display>(
    frame: &Frame,
    corrupt: impl Iterator<Item = E>,
) -> Option<String> {
    let mut count = 0;
    for error in corrupt {
        tracing::error!(%error, "left out of a page");
        count += 1;
    }
    let text = frame.texts.unreadable;
    (count > 0).then(|| counted(count, text, text))
}
