//! From a name to its addresses.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The addresses of a name, while they are looked up.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks up the addresses of names.
pub trait Resolve: Debug + Send + Sync + 'static {
    /// All addresses of a name, in the order in which they are to be tried.
    ///
    /// The transport calls it once at a time for each name, for at most 64 names at once. It goes
    /// on after the last request has stopped waiting, so it must come to an end.
    fn resolve(&self, host: &str) -> Resolving;
}

/// Asks the system.
#[derive(Debug)]
pub(super) struct System;

impl Resolve for System {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(addresses.map(|it| it.ip()).collect())
        })
    }
}
