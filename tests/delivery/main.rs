//! The dispatcher and its transport.

#![allow(missing_docs)]
