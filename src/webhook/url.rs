//! Where a webhook's events go.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

/// The longest URL, in bytes: what proxies and servers are known to take.
const LONGEST: usize = 2048;

/// The URL of a webhook: `https://` or `http://`, a host, at most 2,048 bytes of ASCII; without a
/// user, a password or a fragment. It is sent as it is written, so its port is written as the URL
/// Standard writes one (<https://url.spec.whatwg.org/#url-serializing>): in digits, without leading
/// zeros, and without a colon where there is none. RFC 3986 and the URL Standard read more, and
/// then servers see another authority.
///
/// Whether the dispatcher may send there is decided when it connects: see the target guard.
///
/// ```
/// use certificate_lifecycle::webhook::WebhookUrl;
///
/// let url: WebhookUrl = "https://example.com/hooks".parse()?;
/// assert_eq!(url.host(), "example.com");
/// assert!("ftp://example.com".parse::<WebhookUrl>().is_err());
/// # Ok::<(), certificate_lifecycle::webhook::WebhookUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    text: String,
    uri: Uri,
}

impl std::fmt::Debug for WebhookUrl {
    /// Where it leads, without path and query: there are secrets in those of many receivers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", |it| it.as_str());
        write!(f, "WebhookUrl({scheme}://{authority}/…)")
    }
}

/// Why a text is no URL of a webhook. The error does not repeat the text: there may be secrets in
/// it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no URL of a webhook: {problem}")]
pub struct WebhookUrlError {
    /// What is wrong with it.
    pub problem: WebhookUrlProblem,
}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookUrlProblem {
    /// Too many bytes.
    #[error("it has {0} bytes, but at most {LONGEST} are allowed")]
    TooLong(usize),
    /// Letters that no URL has.
    #[error(
        "it has letters outside of ASCII: write the host in its ASCII form (xn--…) and the rest \
         percent-encoded"
    )]
    NotAscii,
    /// Another scheme, or none.
    #[error("it must begin with https:// (or http://, where that is allowed)")]
    Scheme,
    /// No URL at all.
    #[error("it must be an absolute URL, such as https://example.com/hooks")]
    Malformed,
    /// A host that no name server and no network knows.
    #[error(
        "its host must be a name of letters, digits and -, with at most 63 of them between two dots, an \
         IPv4 address such as 192.0.2.1, or an IPv6 address in brackets"
    )]
    Host,
    /// A port that there is not.
    #[error(
        "its port must be 1 to 65535, in digits without leading zeros; without a port, the colon is left out"
    )]
    Port,
    /// It carries credentials, which would be shown wherever the URL is.
    #[error("it must carry no user and no password: give them in a custom header")]
    Credentials,
    /// It has a part that is never sent.
    #[error("it must have no fragment (#…), which is never sent")]
    Fragment,
}

impl WebhookUrl {
    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The host's name or address; an IPv6 address stands in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// The URL as HTTP clients take it.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl std::str::FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, WebhookUrlError> {
        let refused = |problem| WebhookUrlError { problem };
        if text.len() > LONGEST {
            return Err(refused(WebhookUrlProblem::TooLong(text.len())));
        }
        if !text.is_ascii() {
            return Err(refused(WebhookUrlProblem::NotAscii));
        }
        if text.contains('#') {
            return Err(refused(WebhookUrlProblem::Fragment));
        }
        let uri: Uri = text
            .parse()
            .map_err(|_| refused(WebhookUrlProblem::Malformed))?;
        match uri.scheme_str() {
            Some("https" | "http") => {}
            _ => return Err(refused(WebhookUrlProblem::Scheme)),
        }
        let authority = uri
            .authority()
            .ok_or_else(|| refused(WebhookUrlProblem::Malformed))?;
        if authority.as_str().contains('@') {
            return Err(refused(WebhookUrlProblem::Credentials));
        }
        if authority.host().is_empty() {
            return Err(refused(WebhookUrlProblem::Malformed));
        }
        if !is_host(authority.host()) {
            return Err(refused(WebhookUrlProblem::Host));
        }
        let port = authority.as_str().strip_prefix(authority.host());
        if !port.is_some_and(|it| it.is_empty() || it.strip_prefix(':').is_some_and(is_port)) {
            return Err(refused(WebhookUrlProblem::Port));
        }
        Ok(Self {
            text: text.to_owned(),
            uri,
        })
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl WebhookUrl {
    /// One that a store has kept: earlier versions took ports with a sign or with leading zeros, or
    /// a colon without one. It is written as it has to be now, and leads where it led.
    pub(super) fn restore(text: &str) -> Result<Self, WebhookUrlError> {
        let refused = match text.parse() {
            Err(
                error @ WebhookUrlError {
                    problem: WebhookUrlProblem::Port,
                },
            ) => error,
            known => return known,
        };
        let rewritten = || {
            let uri: Uri = text.parse().ok()?;
            let authority = uri.authority()?;
            let port = authority.as_str().strip_prefix(authority.host())?;
            let port = port.strip_prefix(':')?;
            let digits = port.strip_prefix('+').unwrap_or(port);
            let digits = digits.trim_start_matches('0');
            let colon = if digits.is_empty() { "" } else { ":" };
            if digits.is_empty() && !port.is_empty() {
                // Port 0 leads nowhere.
                return None;
            }
            let (before, after) = text.split_once(authority.as_str())?;
            Some(format!(
                "{before}{}{colon}{digits}{after}",
                authority.host()
            ))
        };
        rewritten().and_then(|it| it.parse().ok()).ok_or(refused)
    }
}

/// Whether a port is written as one.
fn is_port(port: &str) -> bool {
    // Rust reads a sign as well.
    let digits = port.bytes().all(|it| it.is_ascii_digit());
    digits && !port.starts_with('0') && port.parse::<u16>().is_ok()
}

/// Whether a host can be one: an address, or a name (RFC 1123, 2.1; with `_`, which some have). A
/// name that ends in a number would be read as an address by some and not by others.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']');
        return address.is_some_and(|it| it.parse::<Ipv6Addr>().is_ok());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = last.bytes().all(|it| it.is_ascii_digit())
        || hexadecimal.is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
    if is_number {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    name.len() <= 253 && name.split('.').all(is_label)
}

impl std::fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}
