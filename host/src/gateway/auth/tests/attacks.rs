//! What a token can try: no signature, keys of its own, other algorithms, wrong claims.

use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::gateway::auth::token::LONGEST;

#[tokio::test]
async fn a_good_token_of_some_algorithm_is_refused() {
    for (native, algorithm) in
        [(Native::HS256, Algorithm::HS256), (Native::HS384, Algorithm::HS384), (Native::HS512, Algorithm::HS512)]
    {
        let by_secret = settings(KeySource::Secret(Secret::new(SECRET)), &[algorithm]);
        assert_eq!(principal(by_secret, &good(native, &secret())).await, "7");
    }
    let of_rsa = [Native::RS256, Native::RS384, Native::RS512, Native::PS256, Native::PS384, Native::PS512];
    for native in of_rsa {
        let algorithm = format!("{native:?}").parse().unwrap();
        assert_eq!(principal(by_pem(&PAIRS.rsa, &[algorithm]), &good(native, &rsa(&PAIRS.rsa))).await, "7");
    }
    assert_eq!(principal(by_pem(&PAIRS.p256, &[Algorithm::ES256]), &good(Native::ES256, &ec(&PAIRS.p256))).await, "7");
    assert_eq!(principal(by_pem(&PAIRS.p384, &[Algorithm::ES384]), &good(Native::ES384, &ec(&PAIRS.p384))).await, "7");
    assert_eq!(principal(by_pem(&PAIRS.ed, &[Algorithm::EdDSA]), &good(Native::EdDSA, &ed(&PAIRS.ed))).await, "7");
}

#[tokio::test]
async fn a_request_without_a_token_is_refused_instead_of_asked_for_one() {
    let auth = auth(&[by_secret()]);
    let token = good(Native::HS256, &secret());
    for nothing in [&[][..], &["Basic dTpw"], &["Bearer"], &["Bearer   "], &[token.as_str()]] {
        match ask(&auth, nothing).await {
            Err(Denied::Unknown(challenges)) => assert_eq!(challenges, ["Bearer"]),
            other => panic!("{nothing:?}: {other:?}"),
        }
    }
    for spelling in ["bearer", "BEARER", "Bearer "] {
        assert!(ask(&auth, &[&format!("{spelling} {token}")]).await.is_ok(), "{spelling}");
    }
    let two = [format!("Bearer {token}"), "Basic dTpw".to_owned()];
    assert!(matches!(ask(&auth, &[&two[0], &two[1]]).await, Err(Denied::Refused(_))));
}

#[tokio::test]
async fn a_token_that_nobody_signed_is_accepted() {
    let (head, body) = (|alg: &str| encode(format!(r#"{{"alg":"{alg}"}}"#)), encode(claims().to_string()));
    let good = good(Native::HS256, &secret());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[31] ^= 1;
    // the last of 43 characters has two bits that stand for nothing
    let mut loose = signature.to_owned();
    let last = loose.pop().unwrap();
    loose.push(char::from(last as u8 + 1));
    let other = json!({"sub": "admin", "iss": "shop", "aud": "api", "exp": 4_000_000_000_u64});
    let attacks = [
        ("none", format!("{}.{body}.", head("none"))),
        ("none, signed", format!("{}.{body}.{signature}", head("none"))),
        ("None", format!("{}.{body}.{signature}", head("None"))),
        ("nOnE", format!("{}.{body}.{signature}", head("nOnE"))),
        ("no alg", format!("{}.{body}.{signature}", encode("{}"))),
        ("alg null", format!("{}.{body}.{signature}", encode(r#"{"alg":null}"#))),
        ("alg as a list", format!("{}.{body}.{signature}", encode(r#"{"alg":["HS256"]}"#))),
        ("two algs", sign(r#"{"alg":"HS256","alg":"none"}"#, &claims().to_string(), &secret(), Native::HS256)),
        ("no signature", format!("{signed}.")),
        ("no third part", signed.to_owned()),
        ("a short signature", format!("{signed}.{}", &signature[..20])),
        ("a flipped bit", format!("{signed}.{}", encode(&flipped))),
        ("loose bits", format!("{signed}.{loose}")),
        ("padding", format!("{signed}.{signature}=")),
        ("another alphabet", format!("{signed}.{}", STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap()))),
        ("a fourth part", format!("{good}.e30")),
        ("five parts", format!("{good}.e30.e30")),
        ("a space inside", good.replacen('.', ". ", 1)),
        ("other claims", format!("{}.{}.{signature}", head("HS256"), encode(other.to_string()))),
        (
            "another head",
            format!("{}.{}.{signature}", encode(r#"{"alg":"HS256","kid":"1"}"#), encode(claims().to_string())),
        ),
        (
            "the empty secret",
            sign(r#"{"alg":"HS256"}"#, &claims().to_string(), &EncodingKey::from_secret(b""), Native::HS256),
        ),
        ("a longer hash", self::good(Native::HS384, &secret())),
        (
            "too long",
            sign(r#"{"alg":"HS256"}"#, &json!({"x": "x".repeat(LONGEST)}).to_string(), &secret(), Native::HS256),
        ),
    ];
    refuses(&by_secret(), &attacks).await;
}

#[tokio::test]
async fn a_token_brings_its_own_key_or_says_where_it_is() {
    let own = EncodingKey::from_secret(b"the attacker's own, of thirty-two bytes");
    let by = |key: &EncodingKey, more: &str| {
        sign(&format!(r#"{{"alg":"HS256",{more}}}"#), &claims().to_string(), key, Native::HS256)
    };
    let empty = EncodingKey::from_secret(b"");
    let long_id = format!(r#""kid":"{}""#, "k".repeat(5000));
    let attacks = [
        ("jku", by(&own, r#""jku":"http://127.0.0.1:1/keys""#)),
        ("jku, well signed", by(&secret(), r#""jku":"http://127.0.0.1:1/keys""#)),
        ("x5u", by(&own, r#""x5u":"http://127.0.0.1:1/cert""#)),
        ("x5c", by(&own, r#""x5c":["MIIB"]"#)),
        (
            "jwk",
            by(&own, &format!(r#""jwk":{{"kty":"oct","k":"{}"}}"#, encode("the attacker's own, of thirty-two bytes"))),
        ),
        ("kid to nothing", by(&empty, r#""kid":"../../../../dev/null""#)),
        ("kid to a file", by(&own, r#""kid":"/etc/hostname""#)),
        ("kid of SQL", by(&own, r#""kid":"x' UNION SELECT 'k'""#)),
        ("kid of a shell", by(&own, r#""kid":"k|id""#)),
        ("kid as a number", by(&secret(), r#""kid":7"#)),
        ("kid as a list", by(&secret(), r#""kid":["a"]"#)),
        ("kid with a zero", by(&secret(), r#""kid":"a\u0000""#)),
        ("a long kid", by(&secret(), &long_id)),
        ("crit", by(&secret(), r#""crit":["x"],"x":1"#)),
        ("b64", by(&secret(), r#""b64":false"#)),
        ("zip", by(&secret(), r#""zip":"DEF""#)),
        ("another type", by(&secret(), r#""typ":"logout+jwt""#)),
    ];
    refuses(&by_secret(), &attacks).await;
}

#[tokio::test]
async fn a_key_is_used_for_something_else_than_it_is() {
    let pem = PAIRS.rsa.public_key_pem();
    let hs = |secret: &[u8]| good(Native::HS256, &EncodingKey::from_secret(secret));
    let der = PAIRS.rsa.subject_public_key_info();
    let zero = encode([0; 64]);
    let with_signature = |alg: &str, signature: &str| {
        format!("{}.{}.{signature}", encode(format!(r#"{{"alg":"{alg}"}}"#)), encode(claims().to_string()))
    };
    let attacks = [
        ("the public key as a secret", hs(pem.as_bytes())),
        ("without its last line end", hs(pem.trim_end().as_bytes())),
        ("its DER as a secret", hs(&der)),
        ("PSS for PKCS#1", good(Native::PS256, &rsa(&PAIRS.rsa))),
        ("SHA-512 for SHA-256", good(Native::RS512, &rsa(&PAIRS.rsa))),
        ("somebody else's key", good(Native::RS256, &rsa(&PAIRS.other_rsa))),
        ("a curve", good(Native::ES256, &ec(&PAIRS.p256))),
        ("zeros", with_signature("RS256", &encode([0; 256]))),
    ];
    refuses(&by_pem(&PAIRS.rsa, &[Algorithm::RS256]), &attacks).await;
    let der_encoded = encode([&[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00][..], &[0; 56]].concat());
    let attacks = [
        ("r = s = 0", with_signature("ES256", &zero)),
        ("r = s = 0, as DER", with_signature("ES256", &der_encoded)),
        ("a short signature", with_signature("ES256", &encode([1; 63]))),
        ("r = s = n", with_signature("ES256", &encode([0xff; 64]))),
        ("another curve", good(Native::ES384, &ec(&PAIRS.p384))),
        ("somebody else's key", good(Native::ES256, &ec(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()))),
    ];
    refuses(&by_pem(&PAIRS.p256, &[Algorithm::ES256, Algorithm::ES384]), &attacks).await;
    refuses(&by_pem(&PAIRS.ed, &[Algorithm::EdDSA]), &[("zeros", with_signature("EdDSA", &zero))]).await;
}

#[tokio::test]
async fn claims_of_a_good_signature_are_not_looked_at() {
    let with = |claims: &str| sign(r#"{"alg":"HS256"}"#, claims, &secret(), Native::HS256);
    let change = |name: &str, value: Value| {
        let mut changed = claims();
        changed[name] = value;
        with(&changed.to_string())
    };
    let without = |name: &str| {
        let mut changed = claims();
        changed.as_object_mut().unwrap().remove(name);
        with(&changed.to_string())
    };
    let attacks = [
        ("no exp", without("exp")),
        ("over", change("exp", json!(1_000_000_000))),
        ("exp as text", change("exp", json!("4000000000"))),
        ("exp null", change("exp", json!(null))),
        ("not yet", change("nbf", json!(3_999_999_999_u64))),
        ("nbf as text", change("nbf", json!("0"))),
        ("no iss", without("iss")),
        ("another iss", change("iss", json!("shop.evil"))),
        ("iss as a list", change("iss", json!(["shop"]))),
        ("no aud", without("aud")),
        ("another aud", change("aud", json!(["apis", "ap"]))),
        ("two subs", with(r#"{"sub":"7","sub":"admin","iss":"shop","aud":"api","exp":4000000000}"#)),
        ("an escaped second sub", with(r#"{"sub":"7","\u0073ub":"admin","iss":"shop","aud":"api","exp":4000000000}"#)),
        ("no object", with("[]")),
        ("a token inside", with(&format!("\"{}\"", good(Native::HS256, &secret())))),
        ("nothing", with("")),
    ];
    refuses(&by_secret(), &attacks).await;
}

#[tokio::test]
async fn a_second_issuer_locks_the_first_one_out() {
    let mut partner = settings(KeySource::PublicKey(PAIRS.ed.public_key_pem()), &[Algorithm::EdDSA]);
    partner.issuer = vec!["partner".to_owned()];
    let both = auth(&[by_secret(), partner]);
    let ours = ask(&both, &[&format!("Bearer {}", good(Native::HS256, &secret()))]).await.unwrap();
    assert_eq!(ours.scheme, "scheme-0");
    let mut of_partner = claims();
    of_partner["iss"] = json!("partner");
    let token = sign(r#"{"alg":"EdDSA"}"#, &of_partner.to_string(), &ed(&PAIRS.ed), Native::EdDSA);
    assert_eq!(ask(&both, &[&format!("Bearer {token}")]).await.unwrap().scheme, "scheme-1");
    // what one issuer signs as the other one
    let token = sign(r#"{"alg":"EdDSA"}"#, &claims().to_string(), &ed(&PAIRS.ed), Native::EdDSA);
    match ask(&both, &[&format!("Bearer {token}")]).await {
        Err(Denied::Refused(refusal)) => assert_eq!(refusal, Refusal::Claim("iss".to_owned())),
        other => panic!("{other:?}"),
    }
}
