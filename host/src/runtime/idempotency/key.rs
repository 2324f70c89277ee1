//! What counts as the same request (pure).

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Request, Uri};

use holm_registry::Digest;

use crate::fault::{Fault, FaultKind, KeyFault};
use crate::runtime::invocation::HttpEntry;

/// Longest key, in characters: as others take it.
const LONGEST: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Who asks, verified by the gateway, which takes the field from everybody else.
const PRINCIPAL: HeaderName = HeaderName::from_static("x-holm-principal");
/// By what clients are told apart where nobody has verified who they are.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, HeaderName::from_static("x-api-key")];

/// The key of a request that changes something. Methods that change nothing need none (RFC 9110 section 9.2.1).
///
/// # Errors
/// When it is no key, or there are several.
pub fn key<B>(request: &Request<B>) -> Result<Option<String>, Fault> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), false) = (values.next(), request.method().is_safe()) else { return Ok(None) };
    let parsed = value.to_str().ok().filter(|_| values.next().is_none()).and_then(parse);
    let malformed = || Fault::new(FaultKind::Key(KeyFault::Malformed), "the header is not one key");
    parsed.ok_or_else(malformed).map(Some)
}

/// The draft has a string with quotes (RFC 9651 section 3.3.3); most clients send it without. Both are one key.
fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    let key = match text.strip_prefix('"') {
        None => text.to_owned(),
        Some(quoted) => unescaped(quoted.strip_suffix('"')?)?,
    };
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    ((1..=LONGEST).contains(&key.len()) && visible(&key)).then_some(key)
}

fn unescaped(quoted: &str) -> Option<String> {
    let (mut key, mut chars) = (String::with_capacity(quoted.len()), quoted.chars());
    while let Some(next) = chars.next() {
        match next {
            '\\' => key.push(chars.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            '"' => return None,
            plain => key.push(plain),
        }
    }
    Some(key)
}

/// Within one service: method, route, who asks, and the key. Requests from inside have no route; there the path
/// stands for it, and the asking service is a part of who asks.
pub fn scope(entry: &HttpEntry, head: &Parts, key: &str) -> Digest {
    let route = entry.route.as_deref().unwrap_or_else(|| head.uri.path());
    let caller = entry.lineage.caller().map_or("", |caller| caller.as_str());
    let mut parts = Joined::default();
    for part in [head.method.as_str(), route, caller, key] {
        parts.push(part.as_bytes());
    }
    match head.headers.get(PRINCIPAL) {
        Some(principal) => parts.push(principal.as_bytes()),
        None => push_credentials(&mut parts, &head.headers),
    }
    Digest::of(&parts.0)
}

fn push_credentials(parts: &mut Joined, headers: &HeaderMap) {
    for name in &CREDENTIALS {
        for value in headers.get_all(name) {
            parts.push(name.as_str().as_bytes());
            parts.push(value.as_bytes());
        }
    }
}

/// What may not differ between two requests of one key: where they go within the route, and the body.
pub fn fingerprint(uri: &Uri, body: &[u8]) -> Digest {
    let mut parts = Joined::default();
    parts.push(uri.path_and_query().map_or("", |target| target.as_str()).as_bytes());
    parts.push(Digest::of(body).as_bytes());
    Digest::of(&parts.0)
}

/// Texts one after the other, each with its length, so that no two lists of them are alike.
#[derive(Default)]
struct Joined(Vec<u8>);

impl Joined {
    fn push(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&part.len().to_be_bytes());
        self.0.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::runtime::testing::entry;

    fn request(method: Method, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    fn scope_of(path: &str, headers: &[(&'static str, &str)], key: &str) -> Digest {
        let mut request = request(Method::POST, headers);
        *request.uri_mut() = path.parse().unwrap();
        scope(&entry(), &request.into_parts().0, key)
    }

    #[test]
    fn a_key_with_and_without_quotes_is_two_keys() {
        for (text, key) in [
            ("abc", Some("abc")),
            ("\"abc\"", Some("abc")),
            ("  \"8e03978e-40d5-43dd-bc93-6894a57f9324\" ", Some("8e03978e-40d5-43dd-bc93-6894a57f9324")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            (r#""a\b""#, None),
            ("\"abc", None),
            ("\"a\"b\"", None),
            ("\"\"", None),
            ("", None),
        ] {
            assert_eq!(parse(text).as_deref(), key, "{text}");
        }
        assert_eq!(parse(&"k".repeat(255)).map(|key| key.len()), Some(255));
        assert_eq!(parse(&"k".repeat(256)), None);
    }

    #[test]
    fn a_request_that_changes_nothing_is_kept() {
        let with_key = |method| key(&request(method, &[("idempotency-key", "a")])).unwrap();
        assert_eq!(with_key(Method::GET), None);
        assert_eq!(with_key(Method::HEAD), None);
        assert_eq!(with_key(Method::POST).as_deref(), Some("a"));
        assert_eq!(with_key(Method::DELETE).as_deref(), Some("a"));
        assert_eq!(key(&request(Method::POST, &[])).unwrap(), None);
        let two = key(&request(Method::POST, &[("idempotency-key", "a"), ("idempotency-key", "a")]));
        assert_eq!(two.unwrap_err().kind, FaultKind::Key(KeyFault::Malformed));
    }

    #[test]
    fn somebody_is_given_the_answer_to_somebody_else() {
        let alone = scope_of("/a", &[], "k");
        let all = [
            alone,
            scope_of("/b", &[], "k"),
            scope_of("/a", &[], "other"),
            scope_of("/a", &[("authorization", "Bearer 1")], "k"),
            scope_of("/a", &[("authorization", "Bearer 2")], "k"),
            scope_of("/a", &[("cookie", "Bearer 1")], "k"),
            scope_of("/a", &[("x-api-key", "Bearer 1")], "k"),
            scope_of("/a", &[("x-holm-principal", "Bearer 1")], "k"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
        assert_eq!(scope_of("/a?x=1", &[("x-color", "red")], "k"), alone);
        // a token may be a new one, it is still the same principal
        let as_seven = |token| scope_of("/a", &[("x-holm-principal", "7"), ("authorization", token)], "k");
        assert_eq!(as_seven("Bearer 1"), as_seven("Bearer 2"));
    }

    #[test]
    fn another_request_is_taken_for_the_same() {
        let of = |target: &str, body: &str| fingerprint(&target.parse().unwrap(), body.as_bytes());
        assert_eq!(of("/a?b", "c"), of("/a?b", "c"));
        for (target, body) in [("/a", "c"), ("/a?c", "c"), ("/a?b", ""), ("/a?b", "cc"), ("/b?b", "c")] {
            assert_ne!(of(target, body), of("/a?b", "c"), "{target} {body}");
        }
    }
}
