//! Failures of TLS in words: those of rustls are for programmers, and some quote a server at any
//! length.

use chrono::{DateTime, SecondsFormat, Utc};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

/// Why there is no encrypted connection to a server, which is "it".
pub(super) fn in_words(error: &Error) -> String {
    let words = match error {
        Error::InvalidCertificate(error) => return certificate(error),
        Error::AlertReceived(alert) => return of_alert(*alert),
        Error::InvalidMessage(_) => "it speaks no TLS on this port",
        Error::PeerIncompatible(_) => {
            "it offers no version or cipher of TLS that is used here (1.2 and 1.3)"
        }
        Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerSentOversizedRecord
        | Error::DecryptError => "it does not keep to the rules of TLS",
        Error::NoApplicationProtocol => NEITHER,
        Error::NoCertificatesPresented => "it shows no certificate",
        Error::FailedToGetCurrentTime => "this machine does not know the time",
        Error::FailedToGetRandomBytes => "this machine has no random numbers",
        _ => "TLS failed",
    };
    words.to_owned()
}

/// Why its certificate is not accepted. Newer versions of rustls know more reasons than the oldest
/// one.
fn certificate(error: &CertificateError) -> String {
    let words = match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            return format!("its certificate expired{}", at(*not_after));
        }
        CertificateError::Expired => "its certificate has expired",
        CertificateError::NotValidYetContext { not_before, .. } => {
            return format!(
                "its certificate is not valid yet: it begins{}",
                at(*not_before)
            );
        }
        CertificateError::NotValidYet => "its certificate is not valid yet",
        CertificateError::UnknownIssuer => {
            "no authority that is trusted here has issued its certificate (it may be self-signed, or sent without the \
             certificates between it and its authority)"
        }
        // The server chose the names that it has instead, at any length.
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for other names"
        }
        CertificateError::Revoked => "its certificate was revoked",
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => {
            "whether its certificate was revoked cannot be found out"
        }
        CertificateError::BadSignature => {
            "its certificate has a wrong signature: it is not from the authority that it names, or was changed"
        }
        CertificateError::BadEncoding => "its certificate cannot be read",
        CertificateError::InvalidPurpose => "its certificate is not for servers",
        CertificateError::UnhandledCriticalExtension => {
            "its certificate has a critical extension that is not known here"
        }
        // Also an authority's own certificate, which many tools make when asked for a self-signed
        // one.
        _ => {
            "its certificate was not accepted (it may be self-signed, an authority's own, not for servers, or signed in \
             a way that is not known here)"
        }
    };
    words.to_owned()
}

/// That time, if it can be written.
fn at(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    let time: Option<DateTime<Utc>> = seconds.and_then(|it| DateTime::from_timestamp(it, 0));
    let time = time.map(|it| it.to_rfc3339_opts(SecondsFormat::Secs, true));
    time.map(|it| format!(" at {it}")).unwrap_or_default()
}

const NEITHER: &str = "it speaks neither HTTP/1.1 nor HTTP/2";

/// The alert with which a server ends a handshake or a connection (RFC 8446, section 6).
fn of_alert(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => {
            "it refuses the versions and ciphers of TLS that are used here (1.2 and 1.3)"
        }
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate => {
            "it wants a certificate of its client, and there is none here"
        }
        AlertDescription::UnrecognisedName => "it does not know this name",
        AlertDescription::AccessDenied => "it denies access",
        AlertDescription::InternalError => "TLS failed on its side",
        AlertDescription::NoApplicationProtocol => NEITHER,
        other => return format!("it ended TLS with alert {}", u8::from(other)),
    };
    words.to_owned()
}
