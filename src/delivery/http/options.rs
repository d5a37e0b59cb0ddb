//! The options of an operator.

use std::time::Duration;

use ipnet::IpNet;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::delivery::target::{RefusedTarget, check_url};
use crate::setters::setters;
use crate::webhook::WebhookUrl;

/// How requests are sent, and to whom they may go.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// How long connecting may take, the addresses of the name and TLS included: 5 seconds. The
    /// deadline of a request also ends its wait for a connection.
    pub connect_timeout: Duration,
    /// How long a server may read nothing of what is written to it before its connection is
    /// closed: 15 seconds. An HTTP/2 server that is silent for as long is asked whether it still
    /// answers. The limit of a request is its deadline.
    pub stall_timeout: Duration,
    /// Whether requests may go to `http://`, unencrypted: no.
    pub allow_http: bool,
    /// Addresses that requests may go to beside those of the public Internet: none.
    pub allow_targets: Vec<IpNet>,
    /// Authorities that are trusted beside those of the system: none.
    authorities: Vec<CertificateDer<'static>>,
    /// How many idle connections to one server are kept: 64.
    pub idle_per_host: usize,
    /// How many idle connections are kept in all: 512, half of the files that a process may open on
    /// many systems.
    pub idle_total: usize,
    /// How long an idle connection is kept: 30 seconds.
    pub idle_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(15),
            allow_http: false,
            allow_targets: Vec::new(),
            authorities: Vec::new(),
            idle_per_host: 64,
            idle_total: 512,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Why options cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpTransportError {
    /// The authorities are not certificates.
    #[error("the authorities must be certificates in PEM, but {0}")]
    Authorities(String),
    /// There are no authorities, so no server could be trusted.
    #[error(
        "the system has no certificates of authorities, and none are given, so that no server could be \
         trusted: install them (ca-certificates) or set SSL_CERT_FILE"
    )]
    NoAuthorities,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl HttpOptions {
    setters! {
        with_connect_timeout: connect_timeout, Duration;
        with_stall_timeout: stall_timeout, Duration;
        with_allow_http: allow_http, bool;
        with_allow_targets: allow_targets, Vec<IpNet>;
        with_idle_per_host: idle_per_host, usize;
        with_idle_total: idle_total, usize;
        with_idle_timeout: idle_timeout, Duration;
    }

    /// Whether requests may go to the URL of a webhook. A backend calls this when a webhook is
    /// registered; the transport makes the same check before it connects. If the host is a name,
    /// its addresses are checked on each connect only, since they can change.
    ///
    /// ```
    /// use certificate_lifecycle::delivery::HttpOptions;
    ///
    /// let options = HttpOptions::default();
    /// assert!(options.check(&"https://example.com/hooks".parse()?).is_ok());
    /// let refused = options.check(&"https://10.0.0.7/".parse()?).unwrap_err();
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "10.0.0.7 is private (RFC 1918): expected a host on the public Internet"
    /// );
    /// assert_eq!(refused.http_status(), 422);
    /// # Ok::<(), certificate_lifecycle::webhook::WebhookUrlError>(())
    /// ```
    ///
    /// # Errors
    /// [`RefusedTarget`] with what is wrong and what is expected.
    pub fn check(&self, url: &WebhookUrl) -> Result<(), RefusedTarget> {
        check_url(url, self.allow_http, &self.allow_targets)
    }

    /// The same, with authorities that are trusted beside those of the system: certificates in
    /// PEM, any number of them. They replace those of an earlier call.
    ///
    /// # Errors
    /// [`HttpTransportError::Authorities`] with the number of the one that is no certificate.
    pub fn with_authorities(mut self, pem: &[u8]) -> Result<Self, HttpTransportError> {
        let refused = |reason: String| HttpTransportError::Authorities(reason);
        let mut usable = RootCertStore::empty();
        self.authorities.clear();
        for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let certificate = certificate.map_err(|_| {
                let problem = "its lines are not base64, or its last line is missing";
                refused(format!("number {number} of them cannot be read: {problem}"))
            })?;
            usable.add(certificate.clone()).map_err(|_| {
                refused(format!(
                    "number {number} of them is not an X.509 certificate of version 3"
                ))
            })?;
            self.authorities.push(certificate);
        }
        if self.authorities.is_empty() {
            return Err(refused("there are none".to_owned()));
        }
        Ok(self)
    }

    /// The authorities of the system, and those that are given.
    pub(super) fn all_authorities(&self) -> Result<RootCertStore, HttpTransportError> {
        let mut all = crate::tls::system_authorities();
        all.add_parsable_certificates(self.authorities.iter().cloned());
        // If http:// is allowed, they may not be needed.
        if all.is_empty() && !self.allow_http {
            return Err(HttpTransportError::NoAuthorities);
        }
        Ok(all)
    }
}
