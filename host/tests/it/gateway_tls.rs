//! TLS towards clients: which certificate they see, which they must show, and what a new one changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holm::gateway::{Limits, Tls};
use holm_registry::gateway::tls::{CertificateFiles, CertificateSource, ClientCertificates, Demand, TlsSettings};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::door::{Host, within};
use super::process::Host as Process;

fn write(dir: &Path, name: &str, host: &str) -> CertificateFiles {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let files =
        CertificateFiles { certificate: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}-key.pem")) };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// A client that trusts these, shows one, and speaks this.
fn client(trusted: &[&PathBuf], own: Option<&CertificateFiles>, alpn: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    trusted.iter().for_each(|path| roots.add(certificate(path)).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder
            .with_client_auth_cert(vec![certificate(&own.certificate)], PrivateKeyDer::from_pem_file(&own.key).unwrap())
            .unwrap(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(host: &Host, client: &TlsConnector, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(host.address).await.unwrap();
    within(client.connect(ServerName::try_from(name.to_owned()).unwrap(), stream)).await
}

/// The answer to one request; an error where the host hung up.
async fn get(host: &Host, client: &TlsConnector, name: &str) -> std::io::Result<String> {
    let mut stream = connect(host, client, name).await?;
    stream
        .write_all(b"GET /a HTTP/1.1\r\nhost: a\r\nx-forwarded-client-cert: lie\r\nconnection: close\r\n\r\n")
        .await?;
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await?;
    Ok(text)
}

fn settings(files: Vec<CertificateFiles>) -> TlsSettings {
    TlsSettings { source: CertificateSource::Files(files), clients: None }
}

#[tokio::test]
async fn a_name_is_answered_with_another_one_s_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (shop, clinic) = (write(dir.path(), "shop", "shop.test"), write(dir.path(), "clinic", "clinic.test"));
    let tls = Tls::open(settings(vec![shop.clone(), clinic.clone()]), dir.path()).unwrap();
    let host = Host::over_tls(Limits::default(), Arc::new(tls));
    let trusting = client(&[&shop.certificate, &clinic.certificate], None, &["h2", "http/1.1"]);
    for (name, files) in [("shop.test", &shop), ("clinic.test", &clinic)] {
        let stream = connect(&host, &trusting, name).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.peer_certificates().unwrap(), [certificate(&files.certificate)]);
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
    }
    assert!(connect(&host, &trusting, "other.test").await.is_err());
    let plain = client(&[&shop.certificate], None, &[]);
    let answer = get(&host, &plain, "shop.test").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-forwarded-proto: https"), "{answer}");
    // who does not speak TLS is no client
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    stream.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let _ = within(stream.read_to_end(&mut bytes)).await;
    assert!(!bytes.starts_with(b"HTTP"));
}

#[tokio::test]
async fn a_client_without_a_certificate_comes_in() {
    let dir = tempfile::tempdir().unwrap();
    let (own, known, stranger) =
        (write(dir.path(), "own", "shop.test"), write(dir.path(), "known", "c"), write(dir.path(), "stranger", "c"));
    for (demand, without) in [(Demand::Required, false), (Demand::Optional, true)] {
        let clients = Some(ClientCertificates { ca: known.certificate.clone(), demand });
        let tls = Tls::open(TlsSettings { clients, ..settings(vec![own.clone()]) }, dir.path()).unwrap();
        let host = Host::over_tls(Limits::default(), Arc::new(tls));
        let ask = async |shown| get(&host, &client(&[&own.certificate], shown, &[]), "shop.test").await;
        assert_eq!(ask(None).await.is_ok(), without, "{demand:?}");
        // the service is told whose it is, and by nobody else
        let hash = holm_registry::Digest::of(&certificate(&known.certificate)).to_string().replace("sha256:", "Hash=");
        let told = ask(Some(&known)).await.unwrap();
        assert!(told.contains(&format!("x-forwarded-client-cert: {hash}\n")), "{told}");
        assert!(ask(Some(&stranger)).await.is_err());
        assert_eq!(host.reached.lock().unwrap().len(), 1 + usize::from(without));
    }
}

#[tokio::test]
async fn a_new_certificate_needs_a_restart_or_cuts_connections_off() {
    let dir = tempfile::tempdir().unwrap();
    let files = write(dir.path(), "shop", "shop.test");
    let old = certificate(&files.certificate);
    let host =
        Host::over_tls(Limits::default(), Arc::new(Tls::open(settings(vec![files.clone()]), dir.path()).unwrap()));
    let trusting_old = client(&[&files.certificate], None, &[]);
    let mut open = connect(&host, &trusting_old, "shop.test").await.unwrap();
    // half of a pair leaves the old one in force
    std::fs::write(&files.key, "no key").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert!(get(&host, &trusting_old, "shop.test").await.is_ok());
    write(dir.path(), "shop", "shop.test");
    let trusting_new = client(&[&files.certificate], None, &[]);
    let renewed = async {
        while get(&host, &trusting_new, "shop.test").await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    within(renewed).await;
    assert_ne!(certificate(&files.certificate), old);
    open.write_all(b"GET /old HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    within(open.read_to_string(&mut text)).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_holds_a_connection() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::open(settings(vec![write(dir.path(), "a", "a.test")]), dir.path()).unwrap();
    let limits = Limits { head: std::time::Duration::from_millis(100), ..Limits::default() };
    let host = Host::over_tls(limits, Arc::new(tls));
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    let mut rest = Vec::new();
    let _ = within(stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
}

#[test]
fn files_that_are_no_certificates_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (write(dir.path(), "one", "a.test"), write(dir.path(), "other", "b.test"));
    let error =
        |files: CertificateFiles| Tls::open(settings(vec![files]), dir.path()).map(drop).unwrap_err().to_string();
    let missing = CertificateFiles { certificate: dir.path().join("missing.pem"), key: one.key.clone() };
    assert!(error(missing).contains("missing.pem cannot be used as a certificate"));
    let swapped = CertificateFiles { certificate: one.key.clone(), key: one.certificate.clone() };
    assert!(error(swapped).contains("cannot be used as a certificate"));
    let mixed = CertificateFiles { certificate: one.certificate, key: other.key };
    assert!(error(mixed).contains("cannot be used as the key of its certificate"));
}

#[tokio::test]
async fn trying_tls_takes_a_certificate_authority() {
    let dir = tempfile::tempdir().unwrap();
    let manifest =
        "[gateway.tls]\ndevelopment = true\n[[gateway.route]]\npath = \"/hi\"\nrespond = { body = \"hi\" }\n";
    std::fs::write(dir.path().join("holm.toml"), manifest).unwrap();
    let process = Process::start_in(dir, &["--manifest", "holm.toml"]);
    let certificate = process.dir.path().join(".holm/development-certificate.pem");
    let trusting = client(&[&certificate], None, &[]);
    let stream = TcpStream::connect(&process.gateway).await.unwrap();
    let mut stream = within(trusting.connect(ServerName::try_from("localhost").unwrap(), stream)).await.unwrap();
    stream.write_all(b"GET /hi HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    assert!(text.ends_with("\r\n\r\nhi"), "{text}");
}
