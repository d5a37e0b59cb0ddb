//! What every encrypted connection starts from.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// The authorities that the system trusts. Those that cannot be read are left out, as every client
/// does.
pub(crate) fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// A client that believes a server whose certificate leads to one of these authorities, and has
/// none of its own.
pub(crate) fn client(authorities: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_no_client_auth())
}
