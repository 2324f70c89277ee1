//! Where a request comes from: the peer, or what proxies say that are trusted. Pure.
//!
//! Only the right end of `X-Forwarded-For` can be believed: each proxy adds the address that it
//! sees. So it is read from the right for as long as those who added are trusted; the first who is
//! not is the client, and what stands left of it is anybody's invention.

use std::net::IpAddr;

use holm_registry::discovery::ranges::IpRange;
use holm_registry::route::authority::hostname;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::connection::Peer;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_CERTIFICATE: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Proxies that a request may come through. Paths through more are loops.
const LONGEST_WAY: usize = 16;

/// Other ways to say where a request came from, which no target must see as a client wrote them.
const OTHERS: [HeaderName; 5] = [
    FORWARDED_CERTIFICATE,
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
];

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The client's address.
    pub(super) address: IpAddr,
    /// The client and the proxies behind it, up to us.
    way: HeaderValue,
    /// What the client spoke: `http` or `https`.
    pub(super) scheme: &'static str,
    /// The certificate that was shown on the connection.
    certificate: Option<HeaderValue>,
    /// Which host it asked for, when a proxy asks for another one.
    host: Option<HeaderValue>,
}

impl Origin {
    /// The origin of a request that came over a connection of `peer`.
    pub(super) fn of(peer: &Peer, headers: &HeaderMap, trusted: &[IpRange]) -> Self {
        let own = Self {
            address: peer.address.ip().to_canonical(),
            way: peer.forwarded_for.clone(),
            scheme: peer.scheme,
            certificate: peer.certificate.clone(),
            host: None,
        };
        if !is_trusted(own.address, trusted) {
            return own;
        }
        let said = Said::read(headers);
        let mut way = vec![own.address];
        for hop in said.hops.iter().rev().take(LONGEST_WAY) {
            // what is no address was not put there by a proxy that we know
            let Some(address) = address(hop) else { break };
            way.push(address);
            if !is_trusted(address, trusted) {
                break;
            }
        }
        let text = way.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Self {
            address: way.last().copied().unwrap_or(own.address),
            way: HeaderValue::try_from(text).unwrap_or(own.way),
            scheme: said.scheme.unwrap_or(own.scheme),
            certificate: own.certificate,
            host: said.host,
        }
    }

    /// Tells the target, and takes away what a client wrote.
    pub(super) fn tell(&self, headers: &mut HeaderMap, authority: HeaderValue) {
        for name in &OTHERS {
            headers.remove(name);
        }
        if let Some(certificate) = &self.certificate {
            headers.insert(FORWARDED_CERTIFICATE, certificate.clone());
        }
        headers.insert(FORWARDED_FOR, self.way.clone());
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(self.scheme));
        headers.insert(FORWARDED_HOST, self.host.clone().unwrap_or_else(|| authority.clone()));
        headers.insert(header::HOST, authority);
    }
}

/// What proxies say, in either of the two ways.
struct Said {
    /// The client first.
    hops: Vec<String>,
    scheme: Option<&'static str>,
    host: Option<HeaderValue>,
}

impl Said {
    fn read(headers: &HeaderMap) -> Self {
        if headers.contains_key(FORWARDED_FOR) || !headers.contains_key(header::FORWARDED) {
            return Self {
                hops: list(headers, &FORWARDED_FOR),
                scheme: only(headers, &FORWARDED_PROTO).and_then(|value| scheme(value.to_str().ok()?)),
                host: only(headers, &FORWARDED_HOST).filter(|host| hostname(host).is_some()).cloned(),
            };
        }
        // RFC 7239 section 4
        let elements = list(headers, &header::FORWARDED);
        let first = |name| elements.iter().find_map(|element| parameter(element, name));
        Self {
            hops: elements.iter().map(|element| parameter(element, "for").unwrap_or_default()).collect(),
            scheme: first("proto").and_then(|text| scheme(&text)),
            host: first("host").and_then(|text| HeaderValue::try_from(text).ok()),
        }
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpRange]) -> bool {
    trusted.iter().any(|range| range.contains(address))
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.flat_map(|text| text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>()).collect()
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|known| known.eq_ignore_ascii_case(text.trim()))
}

/// One of `for=192.0.2.1;proto=https`.
fn parameter(element: &str, name: &str) -> Option<String> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    let in_brackets = || text.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let with_port = || text.parse().ok().map(|socket: std::net::SocketAddr| socket.ip());
    bare.or_else(in_brackets).or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn origin(peer: &str, fields: &[(&'static str, &str)]) -> Origin {
        let trusted: Vec<IpRange> = ["10.0.0.0/8", "::1"].iter().map(|text| text.parse().unwrap()).collect();
        Origin::of(&Peer::new(peer.parse().unwrap()), &headers(fields), &trusted)
    }

    fn way(peer: &str, fields: &[(&'static str, &str)]) -> (String, String) {
        let origin = origin(peer, fields);
        (origin.address.to_string(), origin.way.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_client_says_where_it_comes_from() {
        let lies = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1"), ("x-forwarded-proto", "https")];
        let found = origin("[::ffff:192.0.2.7]:4000", &lies);
        assert_eq!((found.address.to_string(), found.scheme), ("192.0.2.7".to_owned(), "http"));
        let mut seen =
            headers(&[("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1"), ("x-real-ip", "1.1.1.1")]);
        found.tell(&mut seen, HeaderValue::from_static("shop.test:8080"));
        assert_eq!(
            seen,
            headers(&[
                ("x-forwarded-for", "192.0.2.7"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-host", "shop.test:8080"),
                ("host", "shop.test:8080"),
            ])
        );
    }

    #[test]
    fn a_proxy_that_is_trusted_is_taken_for_the_client() {
        for (said, client, kept) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.1, 10.0.0.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1", "192.0.2.1, 10.0.0.1"),
            ("6.6.6.6, 192.0.2.1, 10.0.0.2", "192.0.2.1", "192.0.2.1, 10.0.0.2, 10.0.0.1"),
            ("10.0.0.9,10.0.0.2", "10.0.0.9", "10.0.0.9, 10.0.0.2, 10.0.0.1"),
            ("192.0.2.1:4711", "192.0.2.1", "192.0.2.1, 10.0.0.1"),
            ("[2001:db8::1]:4711", "2001:db8::1", "2001:db8::1, 10.0.0.1"),
            ("192.0.2.1, unknown", "10.0.0.1", "10.0.0.1"),
            ("192.0.2.1, ", "10.0.0.1", "10.0.0.1"),
            ("", "10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(
                way("10.0.0.1:80", &[("x-forwarded-for", said)]),
                (client.to_owned(), kept.to_owned()),
                "{said}"
            );
        }
        let two_lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1")];
        let mut both = headers(&two_lines[..1]);
        both.append("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(
            Origin::of(&Peer::new("10.0.0.1:80".parse().unwrap()), &both, &trusted).address.to_string(),
            "192.0.2.1"
        );
    }

    #[test]
    fn the_standard_s_own_field_is_not_understood() {
        let found = origin(
            "[::1]:80",
            &[(
                "forwarded",
                "for=6.6.6.6;proto=http, For=\"[2001:db8::7]:99\";proto=HTTPS;host=shop.test, for=10.0.0.3",
            )],
        );
        assert_eq!(found.address.to_string(), "2001:db8::7");
        assert_eq!((found.scheme, found.host), ("http", Some(HeaderValue::from_static("shop.test"))));
        for hidden in ["for=_hidden", "for=unknown", "proto=https", ";;=,", "for"] {
            assert_eq!(origin("[::1]:80", &[("forwarded", hidden)]).address.to_string(), "::1", "{hidden}");
        }
    }

    #[test]
    fn a_proxy_s_word_on_scheme_and_host_is_lost_or_taken_from_two() {
        let found = origin("10.0.0.1:80", &[("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.test")]);
        assert_eq!((found.scheme, found.host.is_some()), ("https", true));
        let odd = origin("10.0.0.1:80", &[("x-forwarded-proto", "gopher"), ("x-forwarded-host", "a b")]);
        assert_eq!((odd.scheme, odd.host), ("http", None));
    }

    proptest! {
        #[test]
        fn a_stranger_s_word_counts(said in "[0-9a-f.:, \\[\\]]{0,60}", forwarded in "[a-z=0-9;,\" .]{0,60}") {
            let found = origin("192.0.2.9:80", &[("x-forwarded-for", &said), ("forwarded", &forwarded)]);
            prop_assert_eq!(found.address.to_string(), "192.0.2.9");
            let _ = origin("10.0.0.1:80", &[("x-forwarded-for", &said)]);
            let _ = origin("10.0.0.1:80", &[("forwarded", &forwarded)]);
        }
    }
}
