//! What a request says, read strictly: what is unknown is refused by name.

mod body;
mod deep;
mod form;
mod headers;
mod parameters;
mod path;
mod value;

pub(super) use body::{Bytes1MiB, LARGEST, NdjsonBody};
pub(super) use form::{DeepForm, Form, of_field};
pub(super) use headers::{IdempotencyHeader, IfMatch, IfNoneMatch, header_text};
pub(super) use parameters::Parameters;
pub(super) use path::{Segment, uuid};
