//! Sends requests over HTTP/1.1 and HTTP/2, to untrusted servers.
//!
//! A server may answer late, endlessly, or nonsense.
//!
//! - One deadline covers a request from the lookup of the name to the response.
//! - A response is read up to fixed limits. Its head decides: a body that is late or breaks off
//!   only costs its excerpt.
//! - A connection with a cancelled request takes no more requests. Over HTTP/2, a body that is too
//!   long only resets its stream.
//! - A redirect is a response like others, and no body is decompressed.
//! - There is no proxy: the target guard checks the addresses that are connected to.

mod connector;
mod dial;
mod failure;
mod handshake;
mod kept;
mod lookups;
mod metered;
mod options;
mod race;
mod resolve;
mod response;
mod shortage;
mod stream;

use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use tokio::time::timeout_at;

use connector::Connector;
use kept::{AHEAD, Use};
use response::Extent;

pub use options::{HttpOptions, HttpTransportError};
pub use resolve::{Resolve, Resolving};

use super::target;
use super::transport::{OutgoingRequest, Response, SendError, Transport};

/// The longest headers of a response, in bytes: more than proxies let through.
const HEADERS: u32 = 32 << 10;

/// How often a request is repeated if an HTTP/2 server reports that it has not processed it. One
/// repeat may not be enough, since the next connection may end as well. A limit stops a server that
/// refuses everything.
const REPEATS: u32 = 3;

/// How many reset streams an HTTP/2 connection remembers. Frames for a forgotten one count as
/// faults of the server, and many faults end the connection.
const RESET: usize = 4096;

const CONTENT: HeaderValue = HeaderValue::from_static("application/json");

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("certificate-lifecycle/", env!("CARGO_PKG_VERSION")));

/// Sends requests over HTTP. Clones share their connections.
///
/// It must be used inside a tokio runtime. Connections are kept alive between requests. A request
/// is repeated only if no byte of it was sent, because its connection had been closed meanwhile, or
/// if an HTTP/2 server reports that it has not processed it.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client<Connector, Full<Bytes>>,
    allow_http: bool,
    allowed: Vec<IpNet>,
}

impl HttpTransport {
    /// A transport that asks the system for the addresses of names.
    ///
    /// # Errors
    /// [`HttpTransportError`] with the option that cannot be used.
    pub fn new(options: HttpOptions) -> Result<Self, HttpTransportError> {
        Self::with_resolver(options, resolve::System)
    }

    /// A transport that asks this resolver for the addresses of names. The target guard checks them
    /// like all others.
    ///
    /// # Errors
    /// [`HttpTransportError`] with the option that cannot be used.
    pub fn with_resolver(
        options: HttpOptions,
        resolver: impl Resolve,
    ) -> Result<Self, HttpTransportError> {
        let (stall_timeout, allow_http) = (options.stall_timeout, options.allow_http);
        let allowed = options.allow_targets.clone();
        let [of_response, of_connection] = AHEAD;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(options.idle_per_host)
            .pool_idle_timeout(options.idle_timeout)
            .http1_max_buf_size(HEADERS as usize)
            // RFC 9112, section 5.2: a user agent replaces folds in headers by blanks. A blank
            // before the colon (section 5.1) is removed even by proxies; only servers must refuse
            // it.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http2_max_header_list_size(HEADERS)
            .http2_initial_stream_window_size(of_response)
            .http2_initial_connection_window_size(of_connection)
            .http2_max_concurrent_reset_streams(RESET)
            // Requests without an answer do not end an HTTP/2 connection. If its server has
            // vanished, it would fail every request until the system closes it.
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(stall_timeout)
            .http2_keep_alive_timeout(options.connect_timeout)
            .build(Connector::new(options, Arc::new(resolver))?);
        let shared = Arc::new(Shared {
            client,
            allow_http,
            allowed,
        });
        Ok(Self { shared })
    }
}

impl Transport for HttpTransport {
    async fn send(
        &self,
        outgoing: OutgoingRequest,
        deadline: Instant,
    ) -> Result<Response, SendError> {
        let deadline = deadline.into();
        let Shared {
            client,
            allow_http,
            allowed,
        } = &*self.shared;
        let OutgoingRequest { url, headers, body } = outgoing;
        // The connector checks its addresses, those of a name included.
        let checked = target::check_url(&url, *allow_http, allowed);
        checked.map_err(|refused| SendError::Refused(refused.to_string()))?;
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = all_headers(headers);
        let mut repeats = 0;
        let (head, connection) = loop {
            let mut request = request.clone();
            let mut connection = Use::of(&mut request);
            let responding = connection.during(client.request(request));
            match timeout_at(deadline, responding).await {
                Ok(Ok(head)) => break (head, connection),
                Ok(Err(error)) if failure::is_unprocessed(&error) => {
                    // The server has ended the request: no more frames come for it.
                    connection.done();
                    if repeats == REPEATS {
                        return Err(failure::of_request(url.host(), &error));
                    }
                    repeats += 1;
                }
                Ok(Err(error)) => return Err(failure::of_request(url.host(), &error)),
                Err(_) => return Err(SendError::Timeout("waiting for the response")),
            }
        };
        // The connection is in use until the response has been read.
        let read = response::read(head, deadline).await;
        match read.extent {
            Extent::Whole => connection.done(),
            Extent::Cut => connection.cut(),
            Extent::GivenUp => drop(connection),
        }
        Ok(read.response)
    }
}

/// These headers, and those that every request has.
fn all_headers(given: Vec<(http::HeaderName, HeaderValue)>) -> HeaderMap {
    // Two of our own, and the two that hyper adds.
    let mut headers = HeaderMap::with_capacity(given.len() + 4);
    headers.insert(USER_AGENT, AGENT);
    headers.insert(CONTENT_TYPE, CONTENT);
    for (name, value) in given {
        headers.append(name, value);
    }
    headers
}
