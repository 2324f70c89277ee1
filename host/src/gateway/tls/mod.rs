//! TLS towards clients: rustls, with certificates that are read again when their files change.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `load` | what do the files say |
//! | `names` | which certificate is for the name that a client asks for (SNI) |
//! | `development` | where does a certificate come from that nobody has issued |
//! | this one | which configuration is in force, and since when |
//!
//! A connection keeps the certificate that it began with. Files that cannot be read leave the old
//! ones in force.

mod development;
mod load;
mod names;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use holm_registry::Digest;
use holm_registry::gateway::TlsSettings;
use http::HeaderValue;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use load::TlsError;

/// How often files are looked at. A new certificate is put there days before the old one ends.
const LOOK: Duration = Duration::from_secs(2);

/// The certificates of a door.
pub struct Tls {
    settings: TlsSettings,
    /// Where a development certificate lies.
    data: PathBuf,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the certificates. `data`: where a development certificate is kept.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn open(settings: TlsSettings, data: &Path) -> Result<Self, TlsError> {
        let config = ArcSwap::new(load::config(&settings, data)?);
        Ok(Self { settings, data: data.to_owned(), config })
    }

    /// Reads the files again whenever they change, for as long as it is polled.
    pub async fn follow(&self) {
        let mut known = self.changed_at().await;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.changed_at().await;
            if now != known {
                known = now;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        match load::config(&self.settings, &self.data) {
            Ok(config) => {
                self.config.store(config);
                tracing::info!("the gateway's certificates were read again");
            }
            Err(error) => tracing::warn!(%error, "the gateway keeps its old certificates"),
        }
    }

    async fn changed_at(&self) -> Vec<Option<(SystemTime, u64)>> {
        let mut found = Vec::new();
        for path in self.settings.files() {
            let meta = tokio::fs::metadata(path).await.ok();
            found.push(meta.and_then(|meta| Some((meta.modified().ok()?, meta.len()))));
        }
        found
    }

    /// The handshake.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }
}

/// Which certificate a client has shown, in Envoy's words: `Hash=` and the SHA-256 of it in hex.
pub(super) fn certificate_of(stream: &TlsStream<TcpStream>) -> Option<HeaderValue> {
    let shown = stream.get_ref().1.peer_certificates()?.first()?;
    let digest = Digest::of(shown).to_string();
    HeaderValue::try_from(format!("Hash={}", digest.trim_start_matches("sha256:"))).ok()
}
