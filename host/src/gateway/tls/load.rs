//! What the files of certificates say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holm_registry::gateway::TlsSettings;
use holm_registry::gateway::tls::{CertificateFiles, CertificateSource, ClientCertificates, Demand};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::development;
use super::names::ByName;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing, or is no PEM of that kind.
    #[error("{path} cannot be used as {what}: {reason}; see `[gateway.tls]`")]
    File {
        /// Which.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The development certificate cannot be made or kept.
    #[error("no development certificate could be made: {0}")]
    Development(String),
    /// Something else that rustls does not take.
    #[error("TLS cannot be set up: {0}; see `[gateway.tls]`")]
    Setup(String),
}

/// Everything that a handshake needs.
pub(super) fn config(settings: &TlsSettings, data: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let files = match &settings.source {
        CertificateSource::Files(files) => files.clone(),
        CertificateSource::Development => vec![development::certificate(data)?],
    };
    let keys = files.iter().map(|pair| certified_key(pair, &provider)).collect::<Result<_, _>>()?;
    let setup = |error: rustls::Error| TlsError::Setup(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(setup)?;
    let builder = match &settings.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider)?),
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(keys)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certified_key(pair: &CertificateFiles, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(&pair.certificate, "a certificate")?;
    let key = PrivateKeyDer::from_pem_file(&pair.key).map_err(|error| wrong(&pair.key, "a private key", error))?;
    let key = CertifiedKey::from_der(chain, key, provider);
    key.map(Arc::new).map_err(|error| wrong(&pair.key, "the key of its certificate", error))
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| wrong(path, what, error))?;
    if found.is_empty() { Err(wrong(path, what, "there is none in it")) } else { Ok(found) }
}

fn wrong(path: &Path, what: &'static str, reason: impl ToString) -> TlsError {
    TlsError::File { path: path.to_owned(), what, reason: reason.to_string() }
}

fn verifier(
    clients: &ClientCertificates,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    const WHAT: &str = "the roots of clients' certificates";
    let mut roots = RootCertStore::empty();
    for root in certificates(&clients.ca, WHAT)? {
        roots.add(root).map_err(|error| wrong(&clients.ca, WHAT, error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match clients.demand {
        Demand::Required => builder,
        Demand::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| TlsError::Setup(error.to_string()))
}
