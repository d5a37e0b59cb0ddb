//! What a request says, read strictly: what is unknown is refused by name.

mod body;
mod form;
mod headers;
mod parameters;
mod path;

pub(super) use body::{Bytes1MiB, LARGEST, NdjsonBody, Object, json};
pub(super) use form::Form;
pub(super) use headers::{IdempotencyHeader, IfMatch, IfNoneMatch, header_text};
pub(super) use parameters::{Parameters, time};
pub(super) use path::{Segment, uuid};
