//! A reply, and what a key is found to stand for.

/// The reply to a request of the HTTP API, as it is kept to be repeated.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers that belong to the reply, as names and values. No value has U+0000.
    pub headers: Vec<(String, String)>,
    /// The body. It may have a secret.
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply with these parts.
    #[must_use]
    pub const fn new(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }
}

impl std::fmt::Debug for Reply {
    /// Of the body, only its length: it may have a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// What becomes of a request that is to begin under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// It has begun, and is to be carried out.
    New {
        /// What names this beginning when the request ends. No number is given out twice.
        owner: i64,
    },
    /// The same request is being carried out.
    Running,
    /// The same request was carried out, with this reply.
    Done(Reply),
    /// The key was used for another request.
    Other,
}
