//! Errors of hyper and rustls as a [`SendError`].

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use hyper_util::client::legacy;

use super::handshake::in_words;
use super::shortage::{lacking, lacking_to};
use crate::delivery::target::RefusedTarget;
use crate::delivery::transport::SendError;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFailure {
    #[error(transparent)]
    Refused(#[from] RefusedTarget),
    #[error("{host} has no address: {reason}")]
    Unknown { host: String, reason: String },
    #[error("{host} at {address}: {reason}")]
    Unreachable {
        host: String,
        address: SocketAddr,
        reason: String,
    },
    #[error("{0}")]
    Local(String),
    #[error("{host}: {reason}")]
    Tls { host: String, reason: String },
    #[error("no connection in time")]
    TimedOut,
}

impl ConnectFailure {
    /// A name that could not be looked up.
    pub(super) fn unknown(host: &str, error: &io::Error) -> Self {
        lacking(error).map_or_else(
            || Self::Unknown {
                host: host.to_owned(),
                reason: error.to_string(),
            },
            Self::Local,
        )
    }

    /// An address that could not be connected to.
    pub(super) fn unreachable(host: &str, address: SocketAddr, error: &io::Error) -> Self {
        lacking_to(address.ip(), error).map_or_else(
            || Self::Unreachable {
                host: host.to_owned(),
                address,
                reason: error.to_string(),
            },
            Self::Local,
        )
    }

    /// hyper-rustls could not use a connection.
    pub(super) fn of_tls(host: &str, error: &(dyn Error + 'static)) -> Self {
        let reason = tls_error(error).map_or_else(|| format!("TLS failed: {error}"), in_words);
        Self::Tls {
            host: host.to_owned(),
            reason,
        }
    }

    fn to_send_error(&self) -> SendError {
        match self {
            Self::Refused(_) => SendError::Refused(self.to_string()),
            Self::TimedOut => SendError::Timeout("connecting"),
            Self::Local(what) => SendError::Local(what.clone()),
            Self::Unknown { .. } | Self::Unreachable { .. } | Self::Tls { .. } => {
                SendError::Connect(self.to_string())
            }
        }
    }
}

/// The error of rustls inside an I/O error.
fn tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    loop {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        error = error.downcast_ref::<io::Error>()?.get_ref()?;
    }
}

/// Why a request got no response.
pub(super) fn of_request(host: &str, error: &legacy::Error) -> SendError {
    let failure = causes(error).find_map(|it| it.downcast_ref::<ConnectFailure>());
    if let Some(failure) = failure {
        return failure.to_send_error();
    }
    if let Some(what) = lacking(error) {
        return SendError::Local(what);
    }
    let message = match error.source() {
        Some(cause) => message(host, cause),
        None => format!("{host}: the connection ended before the request was sent"),
    };
    if error.is_connect() {
        SendError::Connect(message)
    } else {
        SendError::Broken(message)
    }
}

/// Whether the server reports that it has not processed the request, so that it may be repeated
/// (RFC 9113, section 8.7). It has refused the request, or ended its connection in order before it.
/// h2 reports the latter only to requests after the last one that the server has seen.
pub(super) fn is_unprocessed(error: &legacy::Error) -> bool {
    let mut said = causes(error).filter_map(|it| it.downcast_ref::<h2::Error>());
    said.any(|it| {
        let is_farewell = it.is_go_away() && it.reason() == Some(h2::Reason::NO_ERROR);
        let is_refusal = it.is_reset() && it.reason() == Some(h2::Reason::REFUSED_STREAM);
        it.is_remote() && (is_farewell || is_refusal)
    })
}

fn message(host: &str, error: &(dyn Error + 'static)) -> String {
    let mut message = host.to_owned();
    for error in std::iter::once(error).chain(causes(error)) {
        message.push_str(": ");
        message.push_str(&words(error));
        if tls_error(error).is_some() {
            // Its sources repeat the same in words of rustls.
            break;
        }
    }
    message
}

/// The words of an error without those of the server: the GOAWAY of an HTTP/2 server may carry a
/// text, and h2 repeats it.
fn words(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<h2::Error>() {
        Some(error) if let Some(reason) = error.reason() => {
            let what = if error.is_go_away() {
                "connection"
            } else {
                "request"
            };
            let who = if error.is_remote() {
                "by the server"
            } else {
                "here"
            };
            format!("the {what} was ended {who}: {reason}")
        }
        _ => tls_error(error).map_or_else(|| error.to_string(), in_words),
    }
}

/// The sources of an error.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |it: &&'a (dyn Error + 'static)| {
        (**it).source()
    })
}
