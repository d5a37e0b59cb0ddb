//! A connection that does not wait forever to be written to.

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

/// A TCP connection that fails when nothing can be written for as long as a request may take.
///
/// A server that never reads would otherwise keep its connection, and with it a file descriptor,
/// long after the request has been given up or even answered: what is left of a request is still to
/// be written, and so is the farewell of TLS. It also ends when it is one too many of those that
/// are idle, and when a request was given up on it and it has no other one.
pub(super) struct Stream {
    tcp: TokioIo<Metered>,
    patience: Duration,
    link: Link,
    /// How much it had brought when it was seen to take no more requests.
    closing_from: Option<usize>,
    /// How much it had brought when that was last counted, since a response was cut short.
    counted: Option<usize>,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, patience: Duration, link: Link) -> Self {
        // Where it fails, small requests are slower, and that is all.
        let _ = tcp.set_nodelay(true);
        Self {
            tcp: TokioIo::new(Metered::new(tcp)),
            patience,
            link,
            closing_from: None,
            counted: None,
            stalled: None,
        }
    }

    /// Whether it has brought all that is read of it: since it takes no more requests, or since a
    /// response was cut short.
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

    /// What a write came to, or that it has waited for too long.
    fn patiently<T>(&mut self, cx: &mut Context<'_>, write: Poll<Result<T>>) -> Poll<Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(patience)));
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
