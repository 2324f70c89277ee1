//! `[gateway.tls]`.

use std::convert::Infallible;
use std::path::PathBuf;

use toml::Spanned;

use crate::gateway::tls::{CertificateFiles, CertificateSource, ClientCertificates, Demand, TlsSettings};
use crate::manifest::section::Section;

/// Reads it; nothing if it says nothing that makes sense, which is reported.
pub(super) fn tls(mut section: Section<'_>) -> Option<TlsSettings> {
    let development = section.switch("development").unwrap_or_default();
    let written = section.has_any(&["certificate", "key", "sni"]);
    if !development {
        section.require("certificate", "\"cert.pem\"");
        section.require("key", "\"key.pem\"");
    } else if written {
        let message = "`development` makes a certificate, and another one is named".to_owned();
        section.report(section.key_span("development"), message, "keep one of the two".to_owned());
    }
    let first = files(&mut section);
    let further = section.sections("sni", "[{ certificate = \"other.pem\", key = \"other-key.pem\" }]");
    let further: Vec<Option<CertificateFiles>> = further.into_iter().map(pair).collect();
    let clients = clients(&mut section);
    section.finish();
    if development {
        return Some(TlsSettings { source: CertificateSource::Development, clients });
    }
    let files: Option<Vec<CertificateFiles>> = std::iter::once(first).chain(further).collect();
    Some(TlsSettings { source: CertificateSource::Files(files?), clients })
}

fn pair(mut section: Section<'_>) -> Option<CertificateFiles> {
    section.require("certificate", "\"other.pem\"");
    section.require("key", "\"other-key.pem\"");
    let found = files(&mut section);
    section.finish();
    found
}

fn files(section: &mut Section<'_>) -> Option<CertificateFiles> {
    let certificate = path(section, "certificate", "\"cert.pem\"");
    let key = path(section, "key", "\"key.pem\"");
    Some(CertificateFiles { certificate: certificate?, key: key? })
}

fn clients(section: &mut Section<'_>) -> Option<ClientCertificates> {
    let ca = path(section, "client_ca", "\"clients.pem\"");
    let demand = section.parsed("client", "\"required\"", parse_demand);
    if let (Some(demand), None) = (&demand, &ca) {
        let message = "`client` without `client_ca`: nobody knows whose certificates count".to_owned();
        section.report(demand.span(), message, "name the file with their root: `client_ca = \"clients.pem\"`".into());
    }
    Some(ClientCertificates { ca: ca?, demand: demand.map(Spanned::into_inner).unwrap_or_default() })
}

fn path(section: &mut Section<'_>, key: &'static str, example: &str) -> Option<PathBuf> {
    let text = section.parsed(key, example, |text| Ok::<_, Infallible>(PathBuf::from(text)));
    text.map(Spanned::into_inner)
}

fn parse_demand(text: &str) -> Result<Demand, &'static str> {
    [Demand::Required, Demand::Optional]
        .into_iter()
        .find(|demand| demand.as_str() == text)
        .ok_or("`client` is `required` (no certificate, no connection) or `optional` (a bad one is refused)")
}
