//! Keys that an issuer publishes or a manifest has.

use jsonwebtoken::jwk::Jwk;

use super::*;
use crate::gateway::auth::keys::KeySet;
use crate::gateway::auth::token::Token;

fn published(keys: &[Value]) -> Result<KeySet, String> {
    KeySet::published(json!({"keys": keys}).to_string().as_bytes(), &Algorithm::ALL)
}

fn jwk(key: &EncodingKey, algorithm: Native, change: Value) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    jwk
}

#[test]
fn an_issuer_s_key_serves_where_it_must_not() {
    let pair = ec(&PAIRS.p256);
    let token = sign(r#"{"alg":"ES256","kid":"one"}"#, &claims().to_string(), &pair, Native::ES256);
    let checks = |change: Value| {
        let set = published(&[jwk(&pair, Native::ES256, change)]).ok()?;
        Some(set.check(&Token::parse(&token).unwrap()).is_ok())
    };
    assert_eq!(checks(json!({"kid": "one"})), Some(true));
    assert_eq!(checks(json!({"kid": "one", "alg": null, "use": "sig", "x5c": ["MII"], "more": 1})), Some(true));
    assert_eq!(checks(json!({"kid": "one", "key_ops": ["verify"]})), Some(true));
    assert_eq!(checks(json!({"kid": "two"})), Some(false));
    for useless in [
        json!({"kid": "one", "use": "enc"}),
        json!({"kid": "one", "key_ops": ["encrypt"]}),
        json!({"kid": "one", "alg": "ES384"}),
        json!({"kid": "one", "crv": "P-521"}),
        json!({"kid": "one", "kty": "oct", "k": encode(SECRET)}),
    ] {
        assert_eq!(checks(useless.clone()), None, "{useless}");
    }
    let secret = json!({"kty": "oct", "k": encode(SECRET), "alg": "HS256", "kid": "one"});
    assert!(published(&[secret]).is_err(), "what is published is no secret");
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[1,"a",{}]}"#] {
        assert!(KeySet::published(bad.as_bytes(), &Algorithm::ALL).is_err(), "{bad}");
    }
    let many = vec![jwk(&pair, Native::ES256, json!({})); 65];
    assert!(published(&many).unwrap_err().contains("65 keys"));
}

#[test]
fn a_token_without_the_name_of_its_key_tries_them_all() {
    let (one, two) = (ec(&PAIRS.p256), ec(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()));
    let token = good(Native::ES256, &one);
    let checks = |keys: &[Value]| published(keys).unwrap().check(&Token::parse(&token).unwrap()).is_ok();
    let one = jwk(&one, Native::ES256, json!({"kid": "one"}));
    assert!(checks(std::slice::from_ref(&one)));
    assert!(checks(&[one.clone(), jwk(&ec(&PAIRS.p384), Native::ES384, json!({"kid": "two"}))]));
    assert!(!checks(&[one, jwk(&two, Native::ES256, json!({"kid": "two"}))]));
}

#[test]
fn a_bad_key_is_found_when_a_request_comes() {
    let wrong = |key: KeySource, algorithms: &[Algorithm]| {
        let settings = AuthSettings::Jwt(Box::new(settings(key, algorithms)));
        Scheme::new(&"jwt".parse().unwrap(), &settings, NEVER).unwrap_err()
    };
    let pem = |text: String| KeySource::PublicKey(text);
    assert!(wrong(pem(PAIRS.rsa.serialize_pem()), &[Algorithm::RS256]).contains("private key"));
    assert!(wrong(pem("hello".to_owned()), &[Algorithm::RS256]).contains("BEGIN PUBLIC KEY"));
    let broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_owned();
    assert!(wrong(pem(broken), &[Algorithm::RS256]).contains("no RSA, EC"));
    assert!(wrong(pem(PAIRS.p256.public_key_pem()), &[Algorithm::RS256]).contains("none of the accepted"));
    assert!(wrong(pem(PAIRS.p384.public_key_pem()), &[Algorithm::ES256]).contains("none of the accepted"));
    assert!(wrong(KeySource::PublicKeyFile("key.pem".into()), &[Algorithm::RS256]).contains("deployer"));
    // what is shown of a scheme holds no secret
    let scheme = Scheme::new(&"jwt".parse().unwrap(), &AuthSettings::Jwt(Box::new(by_secret())), NEVER).unwrap();
    let shown = format!("{scheme:?}");
    assert!(!shown.contains(SECRET) && !shown.contains(&format!("{:?}", SECRET.as_bytes())), "{shown}");
}
