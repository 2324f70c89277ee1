//! Is this text a token at all? Pure, and narrower than RFC 7515 allows.
//!
//! What a token says about where its key is to be found (`jku`, `x5u`, `jwk`, `x5c`) is never
//! followed, and a token that says so is refused: nobody who means well needs it here. Nothing of a
//! token is ever logged.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holm_registry::gateway::Algorithm;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::strict;

/// Longest token. The largest that identity providers make, with hundreds of groups, have 10 KiB.
pub(super) const LONGEST: usize = 16 * 1024;

/// Longest name of a key.
const LONGEST_KEY_ID: usize = 256;

/// Parameters of a head that would change how it is to be read, or where its key comes from.
const REFUSED: [&str; 9] = ["crit", "jku", "x5u", "jwk", "x5c", "b64", "zip", "enc", "epk"];

/// A token's parts. Nothing in it is verified.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    /// Head and claims as they were signed.
    pub(super) signed: &'a str,
    claims: &'a str,
    /// In base64url.
    pub(super) signature: &'a str,
}

impl<'a> Token<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    /// Says what is not as it should be.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            return Err(Refusal::Form("it is too long"));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Form("it does not have three parts"))?;
        let (head, claims) = signed.split_once('.').ok_or(Refusal::Form("it does not have three parts"))?;
        if claims.contains('.') {
            return Err(Refusal::Form("it does not have three parts"));
        }
        if signature.is_empty() {
            return Err(Refusal::Form("it is not signed"));
        }
        let head = decode(head)?;
        if REFUSED.iter().any(|name| head.contains_key(*name)) {
            return Err(Refusal::Form("its head has a parameter that is not accepted"));
        }
        check_type(&head)?;
        Ok(Self { algorithm: algorithm(&head)?, key_id: key_id(&head)?, signed, claims, signature })
    }

    /// What it says. To be read when the signature is verified.
    ///
    /// # Errors
    /// When it is no JSON object, or names something twice.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, Refusal> {
        decode(self.claims)
    }
}

fn decode(part: &str) -> Result<Map<String, Value>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Form("a part of it is not base64url"))?;
    strict::object(&bytes).ok_or(Refusal::Form("a part of it is no JSON object, or names something twice"))
}

fn algorithm(head: &Map<String, Value>) -> Result<Algorithm, Refusal> {
    let named = head.get("alg").and_then(Value::as_str);
    named.and_then(|name| name.parse().ok()).ok_or(Refusal::Form("its algorithm is not accepted"))
}

fn key_id(head: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let sane = |id: &&String| id.len() <= LONGEST_KEY_ID && !id.chars().any(char::is_control);
    match head.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) if sane(&id) => Ok(Some(id.clone())),
        Some(_) => Err(Refusal::Form("the name of its key is not accepted")),
    }
}

/// A token of another type (`logout+jwt`, `dpop+jwt`, …) means something else, also where issuer and
/// key are the same (RFC 8725 section 3.11).
fn check_type(head: &Map<String, Value>) -> Result<(), Refusal> {
    let accepted = |kind: &str| {
        let kind = kind.to_ascii_lowercase();
        matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
    };
    match head.get("typ") {
        None => Ok(()),
        Some(Value::String(kind)) if accepted(kind) => Ok(()),
        Some(_) => Err(Refusal::Form("it is a token of another type")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(head: &str, rest: &str) -> String {
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(head))
    }

    fn refused(text: &str) -> String {
        match Token::parse(text) {
            Err(Refusal::Form(why)) => why.to_owned(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_text_that_is_no_token_is_taken_apart() {
        let head = r#"{"alg":"HS256"}"#;
        for text in
            ["", ".", "..", "a", "a.b", &token(head, "e30"), &token(head, "e30.e30.e30"), &token(head, "a.b.c.d")]
        {
            assert!(refused(text).contains("three parts") || refused(text).contains("not signed"), "{text}");
        }
        assert_eq!(refused(&token(head, "e30.")), "it is not signed");
        assert_eq!(refused(&"a".repeat(LONGEST + 1)), "it is too long");
        for bad in ["e30=.e30.x", "e3 0.e30.x", "e30\n.e30.x", "e31.e30.x", "+/8.e30.x"] {
            assert!(refused(bad).contains("base64url"), "{bad}");
        }
        for text in ["[]", "1", "", r#"{"alg":"HS256","alg":"none"}"#, "\u{feff}{}"] {
            assert!(refused(&token(text, "e30.x")).contains("JSON object"), "{text}");
        }
    }

    #[test]
    fn a_head_says_where_its_key_is_or_how_it_is_to_be_read() {
        for parameter in [
            r#""jku":"https://evil.test/keys""#,
            r#""x5u":"https://evil.test/cert""#,
            r#""x5c":["MIIB"]"#,
            r#""jwk":{"kty":"oct","k":"AA"}"#,
            r#""crit":["exp"]"#,
            r#""b64":false"#,
            r#""zip":"DEF""#,
            r#""enc":"A128GCM""#,
        ] {
            let head = format!(r#"{{"alg":"HS256",{parameter}}}"#);
            assert!(refused(&token(&head, "e30.x")).contains("parameter"), "{head}");
        }
    }

    #[test]
    fn an_algorithm_is_read_in_another_spelling() {
        for alg in ["none", "None", "nOnE", "NONE", "", "hs256", "HS256 ", "HS1", "ES256K", "RSA-OAEP", "dir"] {
            let head = format!(r#"{{"alg":"{alg}"}}"#);
            assert_eq!(refused(&token(&head, "e30.x")), "its algorithm is not accepted", "{alg}");
        }
        for head in ["{}", r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"Alg":"HS256"}"#] {
            assert_eq!(refused(&token(head, "e30.x")), "its algorithm is not accepted", "{head}");
        }
    }

    #[test]
    fn a_token_for_something_else_is_taken_for_one_of_access() {
        for kind in ["logout+jwt", "dpop+jwt", "JOSE", "secevent+jwt", ""] {
            let head = format!(r#"{{"alg":"HS256","typ":"{kind}"}}"#);
            assert_eq!(refused(&token(&head, "e30.x")), "it is a token of another type", "{kind}");
        }
        for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
            let head = format!(r#"{{"alg":"HS256","typ":"{kind}","kid":"a/b+c="}}"#);
            let text = token(&head, "e30.x");
            assert_eq!(Token::parse(&text).unwrap().key_id.as_deref(), Some("a/b+c="));
        }
        for id in ["7", "null", "{}", &format!("\"{}\"", "k".repeat(257)), "\"a\\u0000\""] {
            let head = format!(r#"{{"alg":"HS256","kid":{id}}}"#);
            assert_eq!(refused(&token(&head, "e30.x")), "the name of its key is not accepted", "{id}");
        }
    }

    proptest! {
        #[test]
        fn some_text_ends_the_host(text in "[A-Za-z0-9_.=-]{0,80}", any in "\\PC{0,40}") {
            let _ = Token::parse(&text);
            let _ = Token::parse(&any);
        }
    }
}
