//! What is shown: the shapes of API.md.

mod application;
mod count;
mod event;
mod list;

pub(super) use application::{ApplicationView, known_context};
pub(super) use count::CountView;
pub(super) use event::{Carried, EventView, HistoryEntry};
pub(super) use list::{Data, LIMIT, List, MOST, Paging};
