//! The certificate of the API, and its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::super::Failure;

/// The files of a certificate.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Identity {
    /// Reads the files as they are now.
    pub(super) fn read(&self) -> Result<TlsAcceptor, Failure> {
        let (certificate, key) = (Pem::certificate(&self.certificate), Pem::key(&self.key));
        let chain = certificate.chain()?;
        let private = key.private()?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| certificate.refused(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, private);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => key.refused(format!(
                "it is not the key of the certificate in {}",
                self.certificate.display()
            )),
            error => certificate.refused(error.to_string()),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A file, and the option that names it.
struct Pem<'a> {
    option: &'static str,
    path: &'a Path,
}

impl<'a> Pem<'a> {
    const fn certificate(path: &'a Path) -> Self {
        let option = "--tls-cert";
        Self { option, path }
    }

    const fn key(path: &'a Path) -> Self {
        let option = "--tls-key";
        Self { option, path }
    }

    fn input(&self) -> String {
        format!("{} {}", self.option, self.path.display())
    }

    fn refused(&self, problem: String) -> Failure {
        Failure::Content {
            input: self.input(),
            problem,
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        std::fs::read(self.path).map_err(|error| Failure::Read {
            input: self.input(),
            error,
        })
    }

    /// The certificate, and those of the authorities in between.
    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let bytes = self.bytes()?;
        let read = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
        let chain = read.map_err(|_| {
            let problem = "its lines are not base64, or its last line is missing";
            self.refused(format!("a certificate in it cannot be read: {problem}"))
        })?;
        if chain.is_empty() {
            let expected = "it must have the certificate in PEM (BEGIN CERTIFICATE), and those of \
                            the authorities in between after it";
            return Err(self.refused(expected.to_owned()));
        }
        Ok(chain)
    }

    fn private(&self) -> Result<PrivateKeyDer<'static>, Failure> {
        let key = PrivateKeyDer::from_pem_slice(&self.bytes()?);
        key.map_err(|error| {
            let problem = match error {
                pem::Error::NoItemsFound => {
                    "it must have a private key in PEM (BEGIN PRIVATE KEY) that is not encrypted"
                }
                _ => "its lines are not base64, or its last line is missing",
            };
            self.refused(problem.to_owned())
        })
    }
}
