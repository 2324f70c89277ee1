//! Which addresses are not the open internet.
//!
//! A name that a service may reach can lead anywhere its owner likes: to this machine, to the
//! network behind it, to a cloud's metadata. So the address counts, not the name, and only what
//! is globally reachable unicast passes by itself. An address that carries another one inside
//! (mapped, NAT64, 6to4) is judged by that one.
//!
//! After the IANA special-purpose address registries (RFC 6890, as of 2025).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 blocks that are not the open internet: network, length of the prefix, and what it is.
const SPECIAL_V4: [([u8; 4], u32, &str); 17] = [
    ([0, 0, 0, 0], 8, "\"this network\" (RFC 791)"),
    ([10, 0, 0, 0], 8, "private (RFC 1918)"),
    ([100, 64, 0, 0], 10, "shared by a carrier's customers (RFC 6598)"),
    ([127, 0, 0, 0], 8, "loopback (RFC 1122)"),
    ([168, 63, 129, 16], 32, "a cloud's own service for its machines"),
    ([169, 254, 0, 0], 16, "link-local, where clouds serve metadata (RFC 3927)"),
    ([172, 16, 0, 0], 12, "private (RFC 1918)"),
    ([192, 0, 0, 0], 24, "for protocols (RFC 6890)"),
    ([192, 0, 2, 0], 24, "for documentation (RFC 5737)"),
    ([192, 88, 99, 0], 24, "a retired relay (RFC 7526)"),
    ([192, 168, 0, 0], 16, "private (RFC 1918)"),
    ([198, 18, 0, 0], 15, "for benchmarks (RFC 2544)"),
    ([198, 51, 100, 0], 24, "for documentation (RFC 5737)"),
    ([203, 0, 113, 0], 24, "for documentation (RFC 5737)"),
    ([224, 0, 0, 0], 4, "multicast (RFC 5771)"),
    ([255, 255, 255, 255], 32, "broadcast (RFC 919)"),
    ([240, 0, 0, 0], 4, "reserved (RFC 1112)"),
];

/// IPv6 blocks with a name of their own.
const SPECIAL_V6: [(Ipv6Addr, u32, &str); 12] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified (RFC 4291)"),
    (Ipv6Addr::LOCALHOST, 128, "loopback (RFC 4291)"),
    (Ipv6Addr::UNSPECIFIED, 96, "an IPv4-compatible form, long retired (RFC 4291)"),
    (block(0x64, 0xff9b, 1), 48, "a network's own translation of IPv4 (RFC 8215)"),
    (block(0x100, 0, 0), 64, "discarded (RFC 6666)"),
    (block(0x2001, 0, 0), 23, "for protocols, Teredo among them (RFC 2928)"),
    (block(0x2001, 0xdb8, 0), 32, "for documentation (RFC 3849)"),
    (block(0x3fff, 0, 0), 20, "for documentation (RFC 9637)"),
    (block(0xfc00, 0, 0), 7, "unique local (RFC 4193)"),
    (block(0xfe80, 0, 0), 10, "link-local (RFC 4291)"),
    (block(0xfec0, 0, 0), 10, "site-local, long retired (RFC 3879)"),
    (block(0xff00, 0, 0), 8, "multicast (RFC 4291)"),
];

/// All that is handed out for global unicast; the rest waits for a use.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (block(0x2000, 0, 0), 3);
const NAT64: (Ipv6Addr, u32) = (block(0x64, 0xff9b, 0), 96);
const MAPPED: (Ipv6Addr, u32) = (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);
const SIX_TO_FOUR: (Ipv6Addr, u32) = (block(0x2002, 0, 0), 16);

const fn block(first: u16, second: u16, third: u16) -> Ipv6Addr {
    Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0)
}

/// What an address is for, if it is not for the open internet.
pub fn special_use(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => embedded(address).map_or_else(|| special_v6(address), special_v4),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let within = |network: [u8; 4], length: u32| {
        let differs = address.to_bits() ^ u32::from_be_bytes(network);
        differs >> (32 - length) == 0
    };
    SPECIAL_V4.into_iter().find(|(network, length, _)| within(*network, *length)).map(|(_, _, purpose)| purpose)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let named = SPECIAL_V6.into_iter().find(|(network, length, _)| within_v6(address, (*network, *length)));
    let reserved = || (!within_v6(address, GLOBAL_UNICAST)).then_some("reserved (RFC 4291)");
    named.map(|(_, _, purpose)| purpose).or_else(reserved)
}

fn within_v6(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - length) == 0
}

/// The IPv4 address that a packet to this one ends up at.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let shift = [(MAPPED, 0), (NAT64, 0), (SIX_TO_FOUR, 80)];
    let (_, shift) = shift.into_iter().find(|(block, _)| within_v6(address, *block))?;
    let low = (address.to_bits() >> shift) & u128::from(u32::MAX);
    u32::try_from(low).ok().map(Ipv4Addr::from_bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn purpose(address: &str) -> Option<&'static str> {
        special_use(address.parse().unwrap())
    }

    #[test]
    fn an_address_inside_is_taken_for_the_open_internet() {
        for (address, word) in [
            ("0.0.0.0", "this network"),
            ("0.1.2.3", "this network"),
            ("10.255.0.1", "private"),
            ("100.64.0.1", "carrier"),
            ("100.100.100.200", "carrier"),
            ("100.127.255.255", "carrier"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "cloud"),
            ("169.254.169.254", "metadata"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "protocols"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "relay"),
            ("192.168.1.1", "private"),
            ("198.19.255.255", "benchmarks"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.7", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "compatible"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "metadata"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b:1::8.8.8.8", "translation"),
            ("100::1", "discarded"),
            ("2001::1", "Teredo"),
            ("2001:0:7f00:1::", "Teredo"),
            ("2001:2::1", "protocols"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "loopback"),
            ("2002:c0a8:101::1", "private"),
            ("3fff::1", "documentation"),
            ("5f00::1", "reserved"),
            ("fd00:ec2::254", "unique local"),
            ("fc00::1", "unique local"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("4000::1", "reserved"),
        ] {
            assert!(
                purpose(address).is_some_and(|purpose| purpose.contains(word)),
                "{address}: {:?}",
                purpose(address)
            );
        }
    }

    #[test]
    fn the_open_internet_is_out_of_reach() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(purpose(address), None, "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_address_passes_in_another_dress(bits: u32) {
            let plain = Ipv4Addr::from_bits(bits);
            let expected = special_v4(plain);
            let low = u128::from(bits);
            for dressed in [
                plain.to_ipv6_mapped(),
                Ipv6Addr::from_bits(NAT64.0.to_bits() | low),
                Ipv6Addr::from_bits(SIX_TO_FOUR.0.to_bits() | low << 80 | 1),
            ] {
                prop_assert_eq!(special_use(dressed.into()), expected, "{}", dressed);
            }
            prop_assert!(special_use(plain.to_ipv6_compatible().into()).is_some());
        }

        #[test]
        fn the_standard_library_knows_an_address_inside_that_passes(bits: u32, wide: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            let inside = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
            prop_assert!(!inside || special_use(v4.into()).is_some(), "{v4}");
            let v6 = Ipv6Addr::from_bits(wide);
            let inside = v6.is_loopback() || v6.is_multicast() || v6.is_unicast_link_local() || v6.is_unique_local();
            prop_assert!(!inside || special_use(v6.into()).is_some(), "{v6}");
        }
    }
}
