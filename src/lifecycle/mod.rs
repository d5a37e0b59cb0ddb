//! The core: what a certificate application is, and which transitions are legal.
//!
//! Pure: no I/O, no clock, no randomness. Time is an argument.

pub(crate) mod action;
mod address;
pub(crate) mod after;
pub(crate) mod any;
pub(crate) mod application;
pub(crate) mod details;
pub(crate) mod event;
pub(crate) mod names;
pub(crate) mod record;
pub mod rules;
pub(crate) mod source;
pub(crate) mod state;
pub(crate) mod text;
pub(crate) mod timestamp;
pub(crate) mod transition;
pub(crate) mod value;

/// Keeps the traits of this module closed: the table of legal transitions is not open to
/// additions from outside.
pub(crate) mod sealed {
    pub trait Sealed {}
}
