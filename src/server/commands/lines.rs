//! A body, split into lines.

use axum::body::{Body, BodyDataStream};
use bytes::{Buf, BytesMut};
use futures_util::{FutureExt, StreamExt};

use crate::server::request::LARGEST;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a body, numbered from 1.
pub(super) struct Lines {
    body: BodyDataStream,
    buffer: BytesMut,
    /// How many bytes of the buffer are known to have no line end.
    searched: usize,
    number: u64,
    /// Whether the line that is being read is too long, and is passed over.
    is_too_long: bool,
    has_ended: bool,
}

/// One line.
pub(super) enum Line {
    /// It is to be read; without its end.
    Text(BytesMut),
    /// It is longer than 1 MiB.
    TooLong,
}

/// What comes next.
pub(super) enum Next {
    /// This line.
    Line(u64, Line),
    /// Nothing that has arrived.
    Wait,
    /// Nothing more.
    End,
    /// Nothing more: the body was broken off.
    Broken,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
            searched: 0,
            number: 0,
            is_too_long: false,
            has_ended: false,
        }
    }

    /// The next line, if it has arrived. Blank lines are passed over.
    pub(super) fn next_ready(&mut self) -> Next {
        loop {
            if let Some((number, line)) = self.split() {
                if matches!(&line, Line::Text(text) if text.trim_ascii().is_empty()) {
                    continue;
                }
                return Next::Line(number, line);
            }
            if self.has_ended {
                return Next::End;
            }
            match self.body.next().now_or_never() {
                None => return Next::Wait,
                Some(chunk) => {
                    if !self.take(chunk) {
                        return Next::Broken;
                    }
                }
            }
        }
    }

    /// The number of the line that is to come next.
    pub(super) const fn next_number(&self) -> u64 {
        self.number + 1
    }

    /// Waits until more has arrived; false where the body was broken off.
    pub(super) async fn wait(&mut self) -> bool {
        let chunk = self.body.next().await;
        self.take(chunk)
    }

    fn take(&mut self, chunk: Option<Result<bytes::Bytes, axum::Error>>) -> bool {
        match chunk {
            Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
            Some(Err(_)) => return false,
            None => self.has_ended = true,
        }
        true
    }

    /// Splits the next line off the buffer.
    fn split(&mut self) -> Option<(u64, Line)> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let end = memchr::memchr(b'\n', unsearched).map(|it| self.searched + it);
        match end {
            Some(end) => {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                Some(self.ended(line))
            }
            None if self.has_ended && (self.is_too_long || !self.buffer.is_empty()) => {
                let line = self.buffer.split();
                Some(self.ended(line))
            }
            None => {
                self.searched = self.buffer.len();
                if self.searched > LARGEST {
                    self.is_too_long = true;
                }
                if self.is_too_long {
                    self.buffer.clear();
                    self.searched = 0;
                }
                None
            }
        }
    }

    fn ended(&mut self, mut line: BytesMut) -> (u64, Line) {
        self.number += 1;
        self.searched = 0;
        // As `certlife apply` reads it: some editors write one before the first line.
        if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.advance(BYTE_ORDER_MARK.len());
        }
        let is_too_long = std::mem::take(&mut self.is_too_long) || line.len() > LARGEST;
        let line = if is_too_long {
            Line::TooLong
        } else {
            Line::Text(line)
        };
        (self.number, line)
    }
}
