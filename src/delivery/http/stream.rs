//! A connection whose writes do not wait forever.

use std::fmt;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::kept::{self, Link};
use super::metered::Metered;

/// A TCP connection that fails when a write waits longer than
/// [`HttpOptions::stall_timeout`](super::HttpOptions::stall_timeout).
///
/// A server that never reads would otherwise keep its connection, and a file descriptor, long after
/// the request was cancelled or answered: the rest of the request and the end of TLS are still to
/// be written. The connection also ends if too many are idle, and when its last request was
/// cancelled.
pub(super) struct Stream {
    tcp: TokioIo<Metered>,
    stall_timeout: Duration,
    link: Link,
    /// How much it had brought when it was seen to take no more requests.
    closing_from: Option<usize>,
    /// How much it had brought when that was last counted, since a response was cut short.
    counted: Option<usize>,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, stall_timeout: Duration, link: Link) -> Self {
        // If this fails, small requests are slower.
        let _ = tcp.set_nodelay(true);
        Self {
            tcp: TokioIo::new(Metered::new(tcp)),
            stall_timeout,
            link,
            closing_from: None,
            counted: None,
            stalled: None,
        }
    }

    /// Whether it has brought all bytes that are read of it, since it takes no more requests or
    /// since a response was cut short.
    fn has_brought_enough(&mut self) -> bool {
        if self.link.has_cut() {
            let read = self.tcp.inner().read;
            let before = self.counted.replace(read).unwrap_or(read);
            if self.link.spend(read.saturating_sub(before)) {
                return true;
            }
        }
        if !self.link.is_closing() {
            return false;
        }
        let read = self.tcp.inner().read;
        let before = *self.closing_from.get_or_insert(read);
        read.saturating_sub(before) >= Link::CLOSING
    }

    /// The result of a write, or an error if it has waited too long.
    fn patiently<T>(&mut self, cx: &mut Context<'_>, write: Poll<Result<T>>) -> Poll<Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let stall_timeout = self.stall_timeout;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(stall_timeout)));
        stalled.as_mut().poll(cx).map(|()| {
            let reason = "the server has stopped reading";
            Err(Error::new(ErrorKind::TimedOut, reason))
        })
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tcp.inner().fmt(f)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.link.closed();
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        kept::connected(&self.link)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        if self.link.is_ended(cx) || self.has_brought_enough() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<Result<usize>> {
        let write = Pin::new(&mut self.tcp).poll_write(cx, buffer);
        self.patiently(cx, write)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let write = Pin::new(&mut self.tcp).poll_write_vectored(cx, buffers);
        self.patiently(cx, write)
    }
}
