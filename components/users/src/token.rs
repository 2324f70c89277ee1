//! How a token is made that says who somebody is: a JSON Web Token (RFC 7519), signed with a secret that the gateway
//! has, too (HS256). Checking tokens is the gateway's business, so nothing here reads one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;

/// As long as the hash (RFC 7518 section 3.2): a shorter secret is found by trying words on a single token.
pub const SHORTEST_SECRET: usize = 32;
/// Says the same of every token.
const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What a token says.
#[derive(Debug, Serialize)]
pub struct Claims<'a> {
    /// Who it is: the user's id.
    pub id: &'a str,
    /// The same, by its registered name.
    pub sub: &'a str,
    /// Who has made it.
    pub iss: &'a str,
    /// Since when it holds, and until when, in seconds since 1970.
    pub iat: u64,
    pub exp: u64,
}

/// A token in its compact form. `None` if the secret is too short to be one.
pub fn sign(claims: &Claims<'_>, secret: &str) -> Option<String> {
    if secret.len() < SHORTEST_SECRET {
        return None;
    }
    let body = serde_json::to_vec(claims).ok()?;
    let signed = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(HEAD), BASE64_URL_SAFE_NO_PAD.encode(body));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(signed.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Some(format!("{signed}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: Claims<'_> = Claims { id: "7", sub: "7", iss: "shop", iat: 1_795_339_800, exp: 1_795_343_400 };

    #[test]
    fn a_token_is_signed_with_a_word() {
        assert_eq!(sign(&CLAIMS, "hunter2"), None);
    }

    #[test]
    fn a_token_cannot_be_read_by_others() {
        let secret = "k".repeat(SHORTEST_SECRET);
        let token = sign(&CLAIMS, &secret).unwrap();
        let parts: Vec<_> = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        assert_eq!(parts[0], HEAD.as_bytes());
        let body: serde_json::Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!((&body["id"], &body["exp"]), (&"7".into(), &1_795_343_400_u64.into()));
        assert_eq!(parts[2].len(), 32);
        assert_ne!(sign(&CLAIMS, &"l".repeat(32)).unwrap(), token);
    }
}
