//! How connections are encrypted.

use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::{Result, StoreError};

/// TLS with a certificate that is verified, against these authorities in a PEM file or the
/// system's.
pub(super) fn tls(root_certificates: Option<PathBuf>) -> Result<MakeRustlsConnect> {
    let authorities = if let Some(path) = root_certificates {
        let mut roots = RootCertStore::empty();
        let refused = |error: &dyn std::fmt::Display| {
            StoreError::misconfigured(format!(
                "sslrootcert: cannot read certificates from {}: {error}",
                path.display()
            ))
        };
        let certificates = CertificateDer::pem_file_iter(&path).map_err(|it| refused(&it))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|it| refused(&it))?;
            roots.add(certificate).map_err(|it| refused(&it))?;
        }
        if roots.is_empty() {
            return Err(refused(&"there are none"));
        }
        roots
    } else {
        crate::tls::system_authorities()
    };
    let config = crate::tls::client(authorities)
        .map_err(|error| StoreError::misconfigured(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config))
}
