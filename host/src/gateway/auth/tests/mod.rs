//! Attacks on tokens: every one is refused, and nothing of a token is told. Here: how they are made;
//! `attacks`: on tokens, `keys`: on where keys come from.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holm_registry::gateway::jwt::Expiry;
use holm_registry::gateway::{Algorithm, JwtSettings, KeySource};
use holm_registry::settings::Secret;
use http::header;
use jsonwebtoken::{Algorithm as Native, EncodingKey, crypto};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize,
};
use serde_json::{Value, json};

use super::*;

mod attacks;
mod keys;

const SECRET: &str = "a-secret-that-is-long-enough-for-HS256";
const NEVER: Duration = Duration::from_secs(3600);

/// Key pairs, made once: RSA takes a moment.
struct Pairs {
    rsa: KeyPair,
    other_rsa: KeyPair,
    p256: KeyPair,
    p384: KeyPair,
    ed: KeyPair,
}

static PAIRS: LazyLock<Pairs> = LazyLock::new(|| Pairs {
    rsa: KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
    other_rsa: KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
    p256: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
    p384: KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
    ed: KeyPair::generate_for(&PKCS_ED25519).unwrap(),
});

fn secret() -> EncodingKey {
    EncodingKey::from_secret(SECRET.as_bytes())
}

fn rsa(pair: &KeyPair) -> EncodingKey {
    EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap()
}

fn ec(pair: &KeyPair) -> EncodingKey {
    EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap()
}

fn ed(pair: &KeyPair) -> EncodingKey {
    EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap()
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token of any head and claims.
fn sign(head: &str, claims: &str, key: &EncodingKey, algorithm: Native) -> String {
    let signed = format!("{}.{}", encode(head), encode(claims));
    let signature = crypto::sign(signed.as_bytes(), key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

fn claims() -> Value {
    json!({"sub": "7", "iss": "shop", "aud": "api", "exp": 4_000_000_000_u64})
}

fn good(algorithm: Native, key: &EncodingKey) -> String {
    sign(&format!(r#"{{"alg":"{algorithm:?}","typ":"JWT"}}"#), &claims().to_string(), key, algorithm)
}

fn settings(key: KeySource, algorithms: &[Algorithm]) -> JwtSettings {
    JwtSettings {
        algorithms: algorithms.to_vec(),
        key,
        issuer: vec!["shop".to_owned()],
        audience: vec!["api".to_owned()],
        leeway: Duration::from_secs(60),
        expiry: Expiry::Required,
        claims: Default::default(),
        scopes: Vec::new(),
        principal: JwtSettings::default_principal(),
        headers: Default::default(),
    }
}

fn by_secret() -> JwtSettings {
    settings(KeySource::Secret(Secret::new(SECRET)), &[Algorithm::HS256])
}

fn by_pem(pair: &KeyPair, algorithms: &[Algorithm]) -> JwtSettings {
    settings(KeySource::PublicKey(pair.public_key_pem()), algorithms)
}

fn auth(schemes: &[JwtSettings]) -> Auth {
    let scheme = |(index, settings): (usize, &JwtSettings)| {
        let name = format!("scheme-{index}").parse().unwrap();
        Arc::new(Scheme::new(&name, &AuthSettings::Jwt(Box::new(settings.clone())), NEVER).unwrap())
    };
    Auth::new(schemes.iter().enumerate().map(scheme).collect(), &[])
}

async fn ask(auth: &Auth, authorization: &[&str]) -> Result<Identity, Denied> {
    let mut headers = HeaderMap::new();
    for value in authorization {
        headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    auth.authenticate(&headers, Instant::now()).await.map(|accepted| accepted.identity)
}

async fn principal(settings: JwtSettings, token: &str) -> String {
    ask(&auth(&[settings]), &[&format!("Bearer {token}")]).await.unwrap().principal.unwrap()
}

/// Refuses every token, and tells nothing of it.
async fn refuses(settings: &JwtSettings, attacks: &[(&str, String)]) {
    let auth = auth(std::slice::from_ref(settings));
    for (attack, token) in attacks {
        match ask(&auth, &[&format!("Bearer {token}")]).await {
            Err(Denied::Refused(refusal)) => {
                let told = format!("{refusal} {refusal:?} {}", refusal.told());
                let parts = token.split('.').filter(|part| part.len() > 12);
                parts.for_each(|part| assert!(!told.contains(part), "{attack}: {told}"));
            }
            other => panic!("{attack}: {other:?}"),
        }
    }
}
