//! Which addresses the host itself may connect to for discovery: single ones and networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::text::serde_as_text;

/// A network (`10.0.0.0/8`, `fd00::/8`) or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    network: IpAddr,
    /// Leading bits that count: at most 32 or 128.
    bits: u8,
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is neither an IP address nor a network; write it as in `10.0.0.0/8`, `192.0.2.7` or `::1`")]
pub struct RangeError(String);

/// A list of ranges; a connection is made only to what is in one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList(Vec<IpRange>);

impl IpRange {
    /// Whether an address lies in the range. An IPv4 address that was written as an IPv6 one
    /// (`::ffff:127.0.0.1`) counts as what it leads to.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same(network.to_bits().into(), address.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => same(network.to_bits(), address.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

/// Whether the first `bits` of two numbers of `width` bits are alike.
fn same(one: u128, other: u128, width: u32, bits: u8) -> bool {
    let rest = width.saturating_sub(u32::from(bits));
    (one ^ other).checked_shr(rest).unwrap_or(0) == 0
}

impl FromStr for IpRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let wrong = || RangeError(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let network: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most { Err(wrong()) } else { Ok(Self { network, bits }) }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.network.is_ipv4() { 32 } else { 128 };
        if self.bits == whole { self.network.fmt(f) } else { write!(f, "{}/{}", self.network, self.bits) }
    }
}

serde_as_text!(IpRange);

impl AllowList {
    /// These ranges and nothing else.
    pub fn new(ranges: Vec<IpRange>) -> Self {
        Self(ranges)
    }

    /// Whether the host may connect there.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }

    /// The ranges.
    pub fn ranges(&self) -> &[IpRange] {
        &self.0
    }
}

/// This machine alone: whoever may register names an address, and the host asks it. Anything
/// wider would let them probe the network that the host stands in, and read cloud credentials.
impl Default for AllowList {
    fn default() -> Self {
        let loopback = IpRange { network: Ipv4Addr::new(127, 0, 0, 0).into(), bits: 8 };
        Self(vec![loopback, IpRange { network: Ipv6Addr::LOCALHOST.into(), bits: 128 }])
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&ranges.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        range.parse::<IpRange>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_a_network_that_it_is_not_in() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
        ] {
            assert!(contains(range, inside), "{range} {inside}");
            assert!(!contains(range, outside), "{range} {outside}");
            assert_eq!(range.parse::<IpRange>().unwrap().to_string(), range);
        }
    }

    #[test]
    fn an_address_in_another_spelling_gets_past_the_list() {
        let list = AllowList::default();
        assert!(list.allows("::ffff:127.0.0.1".parse().unwrap()));
        for address in ["::ffff:10.0.0.1", "10.0.0.1", "169.254.169.254", "::", "0.0.0.0", "::2"] {
            assert!(!list.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn nonsense_is_a_range() {
        for text in ["", "localhost", "10.0.0.0/33", "::1/129", "10.0.0/8", "10.0.0.0/", "/8", "10.0.0.0/-1"] {
            assert!(text.parse::<IpRange>().is_err(), "{text}");
        }
    }
}
