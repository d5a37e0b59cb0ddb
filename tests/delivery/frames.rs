//! An HTTP/2 server that answers frame by frame.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificates::{self, Identity};
use crate::receiver::Receiver;

/// The kinds of frames (RFC 9113, section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;

/// Why an endpoint ends something (section 7).
pub const NO_ERROR: u32 = 0;
pub const INTERNAL_ERROR: u32 = 2;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;

/// What the first data of a response or request may say: that they are the last.
pub const END_STREAM: u8 = 1;

pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Self {
            kind,
            flags,
            stream,
            payload,
        }
    }

    pub fn goodbye(last: u32, reason: u32, text: &[u8]) -> Self {
        let payload = [&last.to_be_bytes()[..], &reason.to_be_bytes(), text].concat();
        Self::new(GOAWAY, 0, 0, payload)
    }

    /// Status 204, by its place in the static table (RFC 7541, appendix A), and nothing more.
    pub fn response(stream: u32) -> Self {
        Self::new(HEADERS, 4 | END_STREAM, stream, [0x89])
    }

    /// Status 200, and that a body follows.
    pub fn head(stream: u32) -> Self {
        Self::new(HEADERS, 4, stream, [0x88])
    }

    pub fn is_last(&self) -> bool {
        self.kind == DATA && self.flags & END_STREAM != 0
    }

    async fn read(connection: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        connection.read_exact(&mut payload).await.ok()?;
        Some(Self::new(kind, flags, u32::from_be_bytes(stream), payload))
    }

    async fn write(&self, connection: &mut TlsStream<TcpStream>) {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [
            &length[1..],
            &[self.kind, self.flags],
            &self.stream.to_be_bytes(),
        ]
        .concat();
        // A receiver may go after the goodbye, before all of it was sent.
        let _ = connection.write_all(&head).await;
        let _ = connection.write_all(&self.payload).await;
        let _ = connection.flush().await;
    }
}

/// A server that answers each frame with these, until the client has gone.
pub async fn server<B>(behavior: impl Fn(usize) -> B + Send + 'static) -> Receiver
where
    B: FnMut(Frame) -> Vec<Frame> + Send + 'static,
{
    let config = certificates::server(Identity::Of("hooks.example.com"), &["h2"]);
    Receiver::start(move |connection, number| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        let mut behave = behavior(number);
        async move {
            // A connection that lost the race for a request is not even begun.
            let Ok(mut connection) = acceptor.accept(connection).await else {
                return;
            };
            let mut preface = [0; 24];
            if connection.read_exact(&mut preface).await.is_err() {
                return;
            }
            Frame::new(SETTINGS, 0, 0, []).write(&mut connection).await;
            while let Some(frame) = Frame::read(&mut connection).await {
                for answer in behave(frame) {
                    answer.write(&mut connection).await;
                }
            }
        }
    })
    .await
}
