//! Headers of one connection, taken off every message that goes on to another: by the gateway on
//! its way in and out, and by the mesh on its way off the island.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// They speak of one connection, not of the message (RFC 9110 section 7.6.1).
static HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Put on a request (as an extension) that asks to go on as something else, by who has checked that it
/// may: the fields that say so are put back where it is sent.
#[derive(Clone, Debug)]
pub struct Upgrade(pub HeaderValue);

impl Upgrade {
    /// Puts them back.
    pub fn apply(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, self.0.clone());
    }
}

/// Takes away what speaks of one connection, and what `connection` names.
pub fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        for name in named_by_connection(headers) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    // gRPC servers insist on this one value, and it is true of us
    if headers.get(header::TE).is_some_and(|value| value != "trailers") {
        headers.remove(header::TE);
    }
}

/// The headers named by `connection`, without those that frame or route the message: a client
/// could take them away from under us.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).into_iter();
    let names = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let names = names.filter_map(|name| name.trim().parse::<HeaderName>().ok());
    names.filter(|name| ![header::HOST, header::CONTENT_LENGTH, header::TE].contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = list.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn headers_of_the_connection_stay_on_the_connection() {
        let mut seen = headers(&[
            ("connection", "close, X-Secret , host"),
            ("host", "a"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
        ]);
        strip(&mut seen);
        assert_eq!(seen, headers(&[("host", "a"), ("te", "trailers"), ("accept", "*/*")]));
    }
}
