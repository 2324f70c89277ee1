//! `[gateway.tls]`: what the gateway shows to clients, and what it asks of them.

use std::path::{Path, PathBuf};

/// Where certificates are, and whether clients must have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// What is shown.
    pub source: CertificateSource,
    /// Whose certificates clients may show; `None`: they are not asked.
    pub clients: Option<ClientCertificates>,
}

/// Where the gateway's certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// The host makes one for `localhost` that nobody trusts.
    Development,
    /// Files: the first for everybody, a further one for the names in it.
    Files(Vec<CertificateFiles>),
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, then those that lead to its root.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// Certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// PEM: the roots that they lead to.
    pub ca: PathBuf,
    /// Whether a client without one is let in.
    pub demand: Demand,
}

/// How much a certificate is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// No certificate, no connection.
    #[default]
    Required,
    /// A client may show one; a bad one is refused.
    Optional,
}

impl Demand {
    /// As a manifest writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}

impl TlsSettings {
    /// Names of files become paths: relative ones begin at `base`.
    #[must_use]
    pub fn below(mut self, base: &Path) -> Self {
        if let CertificateSource::Files(files) = &mut self.source {
            for pair in files {
                pair.certificate = base.join(&pair.certificate);
                pair.key = base.join(&pair.key);
            }
        }
        if let Some(clients) = &mut self.clients {
            clients.ca = base.join(&clients.ca);
        }
        self
    }

    /// Every file that it reads.
    pub fn files(&self) -> Vec<&Path> {
        let pairs = match &self.source {
            CertificateSource::Development => [].as_slice(),
            CertificateSource::Files(files) => files,
        };
        let files = pairs.iter().flat_map(|pair| [pair.certificate.as_path(), pair.key.as_path()]);
        files.chain(self.clients.iter().map(|clients| clients.ca.as_path())).collect()
    }
}
