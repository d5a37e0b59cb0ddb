//! An authority, and what it issues.

use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

/// The authority's own certificate, and what it issues with.
static AUTHORITY: LazyLock<(String, Issuer<'static, KeyPair>)> = LazyLock::new(|| {
    let key = KeyPair::generate().unwrap();
    let params = params_of_the_authority();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
});

fn params_of_the_authority() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = "The authority of these tests";
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The certificate of the authority that [`Identity`]s are issued by, in PEM.
pub fn authority() -> String {
    AUTHORITY.0.clone()
}

/// Whom a server claims to be.
#[derive(Debug, Clone, Copy)]
pub enum Identity {
    /// The one of this name.
    Of(&'static str),
    /// The one of this name, in the last century.
    Expired(&'static str),
    /// The one of this name, in a century to come.
    NotYet(&'static str),
    /// The one of this name, by its own word.
    SelfSigned(&'static str),
    /// The one of this name, by its own word, and an authority at that.
    Authority(&'static str),
    /// A client of this name.
    Client(&'static str),
    /// The one of this name, by another issuer with the authority's name.
    Forged(&'static str),
}

/// A server that speaks one of these protocols, or says nothing of protocols.
pub fn server(identity: Identity, protocols: &[&str]) -> Arc<ServerConfig> {
    server_for(identity, protocols, Arc::new(NoClientAuth))
}

/// A server that asks its clients for certificates of the authority.
pub fn server_for_known_clients(identity: Identity) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    server_for(identity, &[], clients.build().unwrap())
}

fn server_for(
    identity: Identity,
    protocols: &[&str],
    clients: Arc<dyn ClientCertVerifier>,
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = |name: &str| CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = match identity {
        Identity::Of(name) => params(name).signed_by(&key, &AUTHORITY.1),
        Identity::Expired(name) => {
            let mut params = params(name);
            params.not_before = rcgen::date_time_ymd(1998, 1, 1);
            params.not_after = rcgen::date_time_ymd(1999, 1, 1);
            params.signed_by(&key, &AUTHORITY.1)
        }
        Identity::NotYet(name) => {
            let mut params = params(name);
            params.not_before = rcgen::date_time_ymd(2998, 1, 1);
            params.not_after = rcgen::date_time_ymd(2999, 1, 1);
            params.signed_by(&key, &AUTHORITY.1)
        }
        Identity::SelfSigned(name) => params(name).self_signed(&key),
        Identity::Authority(name) => {
            let mut params = params(name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.self_signed(&key)
        }
        Identity::Client(name) => {
            let mut params = params(name);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.signed_by(&key, &AUTHORITY.1)
        }
        Identity::Forged(name) => {
            let forger = Issuer::new(params_of_the_authority(), KeyPair::generate().unwrap());
            params(name).signed_by(&key, &forger)
        }
    };
    let chain = vec![CertificateDer::from(certificate.unwrap())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    Arc::new(config)
}
