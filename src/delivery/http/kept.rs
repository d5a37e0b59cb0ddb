//! Which connections are kept, and how many idle ones.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;
use http::{Extensions, Request};
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, capture_connection};

/// How much an HTTP/2 server may send before it is read, in bytes: for one response, and for all on
/// a connection.
pub(super) const AHEAD: [u32; 2] = [64 << 10, 1 << 20];

/// How many connections are idle, and how many may be.
///
/// hyper's pool has a limit for each server and none for all: one connection to each of thousands
/// of servers would take all file descriptors. Nor can the pool be asked to drop one. So, if enough
/// are idle, the connection of a request that ends is closed from below: hyper reads its end, as if
/// its server had closed it. The newest one goes, since the others time out soon, and a busy server
/// has one of them.
///
/// A connection with a cancelled request is not kept either: its server may go on with the response
/// for ever, and over HTTP/2 hyper would read and discard all of it. Such a connection takes no
/// more requests. It is closed with its last one, or when it has brought more bytes than these can
/// need ([`Link::CLOSING`]).
///
/// A response over HTTP/2 that was cut short does not end its connection: its stream is reset, and
/// an obedient server sends no more than was under way. From then on, the connection has an
/// allowance ([`Usage::most`]), to which each new request adds. It is closed when its server has
/// used up the allowance.
#[derive(Debug)]
pub(super) struct Kept {
    idle: AtomicUsize,
    most: usize,
}

/// One connection, shared by its stream and its requests.
#[derive(Clone)]
pub(super) struct Link(Arc<Shared>);

struct Shared {
    kept: Arc<Kept>,
    usage: Mutex<Usage>,
    is_closing: AtomicBool,
    has_cut: AtomicBool,
    is_ended: AtomicBool,
    reader: AtomicWaker,
}

struct Usage {
    requests: usize,
    /// The most requests that it had at a time.
    peak: usize,
    is_open: bool,
    /// How many bytes it may still bring after a response was cut short.
    allowance: Option<usize>,
}

impl Usage {
    /// How much one request may bring, in bytes: the head of its response, its window, and as much
    /// again for what enlarges the window and for the overhead of frames and TLS.
    const OF_REQUEST: usize = 4 * AHEAD[0] as usize;

    /// The most bytes that it may bring: those that its server may have sent ahead, and some for
    /// each request at a time.
    const fn most(&self) -> usize {
        Link::CLOSING.saturating_add(self.peak.saturating_mul(Self::OF_REQUEST))
    }
}

impl Kept {
    pub(super) fn new(most: usize) -> Self {
        Self {
            idle: AtomicUsize::new(0),
            most,
        }
    }

    /// A new connection. It is idle, since its request may have stopped waiting, and is kept
    /// however many others are.
    pub(super) fn link(self: &Arc<Self>) -> Link {
        self.idle.fetch_add(1, Ordering::Relaxed);
        Link(Arc::new(Shared {
            kept: Arc::clone(self),
            usage: Mutex::new(Usage {
                requests: 0,
                peak: 0,
                is_open: true,
                allowance: None,
            }),
            is_closing: AtomicBool::new(false),
            has_cut: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        }))
    }
}

impl Link {
    /// How many bytes are read of a connection that takes no more requests: those that its server
    /// may have sent ahead, and as many again for its remaining requests. These fail when it brings
    /// more.
    pub(super) const CLOSING: usize = 2 << 20;

    /// Whether it takes no more requests.
    pub(super) fn is_closing(&self) -> bool {
        self.0.is_closing.load(Ordering::Acquire)
    }

    /// Whether a response on it was cut short, so that its bytes are counted.
    pub(super) fn has_cut(&self) -> bool {
        self.0.has_cut.load(Ordering::Acquire)
    }

    /// This number of bytes was read. Returns whether the allowance is used up.
    pub(super) fn spend(&self, bytes: usize) -> bool {
        let mut usage = self.usage();
        usage.allowance.as_mut().is_some_and(|allowance| {
            *allowance = allowance.saturating_sub(bytes);
            *allowance == 0
        })
    }

    /// A response was cut short: its stream is reset.
    fn cut(&self) {
        let mut usage = self.usage();
        let most = usage.most();
        usage.allowance.get_or_insert(most);
        self.0.has_cut.store(true, Ordering::Release);
    }

    /// Whether the stream must end now; if not yet, it is woken up then.
    pub(super) fn is_ended(&self, cx: &Context<'_>) -> bool {
        self.0.reader.register(cx.waker());
        self.0.is_ended.load(Ordering::Acquire)
    }

    /// The stream is closed.
    pub(super) fn closed(&self) {
        let mut usage = self.usage();
        usage.is_open = false;
        if usage.requests == 0 {
            self.0.kept.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        let usage = self.0.usage.lock();
        usage.unwrap_or_else(PoisonError::into_inner)
    }

    fn request_begins(&self) {
        let mut usage = self.usage();
        if usage.requests == 0 && usage.is_open {
            self.0.kept.idle.fetch_sub(1, Ordering::Relaxed);
        }
        usage.requests += 1;
        usage.peak = usage.peak.max(usage.requests);
        let most = usage.most();
        if let Some(allowance) = &mut usage.allowance {
            *allowance = allowance.saturating_add(Usage::OF_REQUEST).min(most);
        }
    }

    /// Whether the connection is idle now, and not kept.
    fn request_ends(&self) -> bool {
        let mut usage = self.usage();
        usage.requests -= 1;
        if usage.requests > 0 || !usage.is_open {
            return false;
        }
        let kept = &self.0.kept;
        let is_one_too_many = kept.idle.fetch_add(1, Ordering::Relaxed) >= kept.most;
        is_one_too_many || self.is_closing()
    }

    fn end(&self) {
        self.0.is_ended.store(true, Ordering::Release);
        self.0.reader.wake();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// A request's use of a connection, until it is dropped.
pub(super) struct Use {
    connection: CaptureConnection,
    link: Option<Link>,
}

impl Use {
    /// The use of a connection by this request.
    pub(super) fn of<B>(request: &mut Request<B>) -> Self {
        Self {
            connection: capture_connection(request),
            link: None,
        }
    }

    /// Awaits the head of the response, and notes the connection that it comes by.
    pub(super) async fn during<T>(&mut self, responding: impl Future<Output = T>) -> T {
        let mut responding = pin!(responding);
        let response = tokio::select! {
            biased;
            response = &mut responding => Some(response),
            _ = self.connection.wait_for_connection_metadata() => None,
        };
        self.note();
        let Some(response) = response else {
            let response = responding.await;
            // If its server had closed the first one, it came by another one.
            self.note();
            return response;
        };
        response
    }

    fn note(&mut self) {
        let mut found = Extensions::new();
        if let Some(connected) = &*self.connection.connection_metadata() {
            connected.get_extras(&mut found);
        }
        let link = found.remove::<Link>();
        if let Some(link) = &link {
            link.request_begins();
        }
        self.leave();
        self.link = link;
    }

    /// Its response has been read to its end, or its server has refused it: no more bytes come for
    /// it.
    pub(super) fn done(mut self) {
        self.leave();
    }

    /// Over HTTP/2, the rest of its response is not read: its stream is reset, and the connection
    /// stays in use.
    pub(super) fn cut(mut self) {
        self.link.as_ref().inspect(|it| it.cut());
        self.leave();
    }

    fn leave(&mut self) {
        let Some(link) = self.link.take() else {
            return;
        };
        if link.request_ends() {
            // First, so that no other request takes it. An HTTP/2 request that has just taken it is
            // treated as with a server that closes idle connections.
            self.take_no_more();
            link.end();
        }
    }

    fn take_no_more(&self) {
        let connected = self.connection.connection_metadata();
        connected.as_ref().inspect(|it| it.poison());
    }
}

impl Drop for Use {
    /// The request is cancelled, unless it is done or cut short.
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            self.take_no_more();
            link.0.is_closing.store(true, Ordering::Release);
        }
        self.leave();
    }
}

/// The note to hyper about the connection.
pub(super) fn connected(link: &Link) -> Connected {
    Connected::new().extra(link.clone())
}
