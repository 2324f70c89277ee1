//! A certificate for this machine that nobody has issued: for trying TLS, not for anybody else.

use std::path::Path;

use holm_registry::gateway::tls::CertificateFiles;

use super::load::TlsError;
use crate::private_file;

/// The names that a machine has for itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const CERTIFICATE: &str = "development-certificate.pem";
const KEY: &str = "development-key.pem";

/// The one in the data directory, or a new one: who has told a client to trust it need not again.
pub(super) fn certificate(data: &Path) -> Result<CertificateFiles, TlsError> {
    let files = CertificateFiles { certificate: data.join(CERTIFICATE), key: data.join(KEY) };
    if !(files.certificate.exists() && files.key.exists()) {
        make(&files)?;
    }
    tracing::warn!(
        certificate = %files.certificate.display(),
        "the gateway shows a development certificate, which clients do not trust by themselves"
    );
    Ok(files)
}

fn make(files: &CertificateFiles) -> Result<(), TlsError> {
    let failed = |error: &dyn std::fmt::Display| TlsError::Development(error.to_string());
    let names: Vec<String> = NAMES.map(str::to_owned).into();
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
    let write = |path: &Path, text: String| private_file::replace(path, text.as_bytes());
    write(&files.key, made.signing_key.serialize_pem()).map_err(|error| failed(&error))?;
    write(&files.certificate, made.cert.pem()).map_err(|error| failed(&error))
}
