//! How a host says who it is, each way against a server that lets nobody else in.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holm_registry::event::nats::{NatsLogin, NatsSettings, NkeySeed};
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::rig::Rig;
use super::server::{NatsServer, Release};

const JETSTREAM: &str = "jetstream { store_dir: \"DIR/js\" }";

/// With this login the bus works, and without it it does not.
async fn lets_in(server: &NatsServer, login: impl Fn(&mut NatsSettings)) {
    let nobody: NatsSettings = server.url().parse().unwrap();
    let mut somebody = nobody.clone();
    login(&mut somebody);
    Rig::with(somebody).await.until_ready().await;
    Rig::with(nobody).await.until_degraded("NATS cannot be reached").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_password_or_a_token_is_not_let_in() {
    for release in Release::BOTH {
        let users = format!("{JETSTREAM}\nauthorization {{ user: holm, password: \"s3/cret\" }}");
        let server = NatsServer::with(release, &users);
        lets_in(&server, |settings| {
            *settings = format!("nats://holm:s3%2Fcret@{}", server.address()).parse().unwrap();
        })
        .await;
        let server = NatsServer::with(release, &format!("{JETSTREAM}\nauthorization {{ token: \"t0ken\" }}"));
        lets_in(&server, |settings| *settings = format!("nats://t0ken@{}", server.address()).parse().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_an_nkey_is_not_let_in() {
    for release in Release::BOTH {
        let user = KeyPair::new_user();
        let users = format!("{JETSTREAM}\nauthorization {{ users: [ {{ nkey: {} }} ] }}", user.public_key());
        let server = NatsServer::with(release, &users);
        let seed: NkeySeed = user.seed().unwrap().parse().unwrap();
        lets_in(&server, |settings| settings.login = NatsLogin::Nkey(seed.clone())).await;
        let file = server.dir().join("holm.nk");
        std::fs::write(&file, format!("# of the host\n{}\n", user.seed().unwrap())).unwrap();
        lets_in(&server, |settings| settings.login = NatsLogin::Nkey(NkeySeed::File(file.clone()))).await;
    }
}

/// A token as servers with an operator read it: claims, signed by `issuer`.
fn token(issuer: &KeyPair, subject: &KeyPair, what: Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": "1", "iat": 1_795_339_800, "iss": issuer.public_key(), "name": "test", "sub": subject.public_key(),
        "nats": what,
    });
    let text = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(issuer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

/// An account whose users may have this much on disk.
fn account(operator: &KeyPair, account: &KeyPair, disk: i64) -> String {
    let unlimited = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": disk, "disk_storage": disk, "streams": -1, "consumer": -1,
    });
    let what = json!({ "type": "account", "version": 2, "limits": unlimited });
    token(operator, account, what)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_file_of_credentials_is_not_let_in() {
    let (operator, holm, system) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let user = KeyPair::new_user();
    let of_operator = token(&operator, &operator, json!({ "type": "operator", "version": 2 }));
    let what = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {} });
    let of_user = token(&holm, &user, what);
    let config = format!(
        "{JETSTREAM}\noperator: {of_operator}\nsystem_account: {}\nresolver: MEMORY\n\
         resolver_preload: {{ {}: {}, {}: {} }}",
        system.public_key(),
        system.public_key(),
        account(&operator, &system, 0),
        holm.public_key(),
        account(&operator, &holm, -1),
    );
    for release in Release::BOTH {
        let server = NatsServer::with(release, &config);
        let file = server.dir().join("holm.creds");
        let seed = user.seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        std::fs::write(&file, text).unwrap();
        lets_in(&server, |settings| settings.login = NatsLogin::Credentials(file.clone())).await;
    }
}

/// A certificate for this machine, and its key, as files.
fn certificate(server: &tempfile::TempDir, name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let (certificate, key) = (server.path().join(format!("{name}.pem")), server.path().join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_is_not_reached_or_anybody_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let ((own, own_key), (host, host_key)) = (certificate(&dir, "server"), certificate(&dir, "host"));
    let tls = |more: &str| {
        let (own, own_key) = (own.display(), own_key.display());
        format!("{JETSTREAM}\ntls {{ cert_file: \"{own}\", key_file: \"{own_key}\", timeout: 5{more} }}")
    };
    for release in Release::BOTH {
        let server = NatsServer::with(release, &tls(""));
        lets_in(&server, |settings| settings.tls.ca = Some(own.clone())).await;
        let mut distrusts: NatsSettings = server.url().parse().unwrap();
        distrusts.tls.ca = Some(host.clone());
        Rig::with(distrusts).await.until_degraded("NATS cannot be reached").await;
        let mutual = format!(", ca_file: \"{}\", verify: true", host.display());
        let server = NatsServer::with(release, &tls(&mutual));
        lets_in(&server, |settings| {
            settings.tls.ca = Some(own.clone());
            settings.tls.certificate = Some((host.clone(), host_key.clone()));
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_told_secrets_although_tls_was_asked_for() {
    let server = NatsServer::start(Release::Current);
    let settings: NatsSettings = format!("tls://holm:secret@{}", server.address()).parse().unwrap();
    let rig = Rig::with(settings).await;
    rig.until_degraded("NATS cannot be reached").await;
    assert!(!server.log().contains("secret"));
}
