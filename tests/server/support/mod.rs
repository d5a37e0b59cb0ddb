//! A router over a store, requests to it, and what it answers.

#![allow(dead_code, unused_imports, reason = "each module takes what it needs")]

mod ask;
mod source;
mod things;
mod world;

pub use ask::{Answer, Ask, get, members, post, request};
pub use source::{EventSource, Following, Message, stream};
pub use things::{Things, application, created, nothing, submit, upload};
pub use world::{Kind, OURS, World, now, read};

/// Tries each test on each kind of store.
macro_rules! on_every_store {
    ($($test:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::support::World::fresh(crate::support::Kind::Memory).await).await;
            })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::support::World::fresh(crate::support::Kind::Sqlite).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::support::World::fresh(crate::support::Kind::Postgres).await).await;
            })+
        }
    };
}
pub(crate) use on_every_store;
