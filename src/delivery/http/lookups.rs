//! Lookups of names, shared and bounded.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

use super::resolve::Resolve;

/// How many names are looked up at once. A lookup of the system blocks a thread of tokio's, cannot
/// be cancelled, and may take half a minute if a name server is silent. SQLite's readers need these
/// threads too, and there are 512 of them.
const AT_ONCE: usize = 64;

type Addresses = Result<Arc<[IpAddr]>, Arc<io::Error>>;
type Lookup = Shared<BoxFuture<'static, Addresses>>;

/// Looks up names: each name once at a time, for all requests that wait for it, and a limited
/// number of names at once.
///
/// A lookup goes on after the last request has stopped waiting, since its thread does, and later
/// requests wait for the same one. Otherwise, one name with a silent server would soon take all
/// places.
#[derive(Debug)]
pub(super) struct Lookups {
    resolver: Arc<dyn Resolve>,
    places: Arc<Semaphore>,
    under_way: Arc<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay(Mutex<HashMap<String, Lookup>>);

impl UnderWay {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Lookup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a lookup when it is dropped.
struct Ending {
    under_way: Arc<UnderWay>,
    host: String,
    has_ended: bool,
}

impl Ending {
    /// Whether a request waits for it. If not, it has ended, and the next request begins another
    /// one.
    fn is_awaited(&mut self) -> bool {
        let mut all = self.under_way.all();
        // One is in the map itself.
        let is_awaited = { all.get(&self.host) }.is_some_and(|it| it.strong_count() > Some(1));
        if !is_awaited {
            all.remove(&self.host);
            self.has_ended = true;
        }
        is_awaited
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.has_ended {
            self.under_way.all().remove(&self.host);
        }
    }
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self {
            resolver,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: Arc::default(),
        }
    }

    /// All addresses of a name.
    pub(super) async fn addresses(&self, host: &str) -> Addresses {
        let lookup = {
            let mut all = self.under_way.all();
            let known = all.get(host).cloned();
            known.unwrap_or_else(|| {
                let lookup = self.start(host.to_owned());
                all.insert(host.to_owned(), lookup.clone());
                lookup
            })
        };
        lookup.await
    }

    fn start(&self, host: String) -> Lookup {
        let (resolver, places) = (Arc::clone(&self.resolver), Arc::clone(&self.places));
        let mut ending = Ending {
            under_way: Arc::clone(&self.under_way),
            host,
            has_ended: false,
        };
        let looking = tokio::spawn(async move {
            let place = places.acquire().await;
            let _place = place.map_err(io::Error::other)?;
            // The requests that waited for it may have reached their deadlines.
            if !ending.is_awaited() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            resolver.resolve(&ending.host).await
        });
        let lookup = async move {
            let looked = looking.await.map_err(io::Error::other);
            let looked = looked.and_then(std::convert::identity);
            looked.map(Arc::from).map_err(Arc::new)
        };
        lookup.boxed().shared()
    }
}
