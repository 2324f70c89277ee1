//! Whose request is it: a number for everybody whom a limit tells apart.

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use holm_registry::gateway::RateKey;
use serde_json::Value;

use super::Asking;

/// Where the number comes from is part of it, so that nobody passes for somebody else by having
/// the name of an address.
const OF_ADDRESS: u8 = 0;
const OF_NAME: u8 = 1;

/// The number. Whoever lacks what the limit looks at is told apart by address: leaving a header
/// away is no way around a limit.
pub(super) fn of(by: &RateKey, asking: Asking<'_>, hashing: &impl BuildHasher) -> u64 {
    let identity = asking.identity;
    let name = match by {
        RateKey::Address => None,
        RateKey::Principal => identity.and_then(|identity| identity.principal.as_deref()).map(str::as_bytes),
        RateKey::ApiKey => identity.and_then(|identity| identity.api_key.as_deref()).map(str::as_bytes),
        RateKey::Header(name) => asking.headers.get(name.as_header()).map(|value| value.as_bytes()),
        RateKey::Claim(name) => match identity.and_then(|identity| identity.claim(name)) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.as_bytes()),
            Some(other) => return hash(hashing, OF_NAME, other.to_string().as_bytes()),
        },
    };
    match name {
        Some(name) => hash(hashing, OF_NAME, name),
        None => hash_address(hashing, asking.address),
    }
}

fn hash(hashing: &impl BuildHasher, source: u8, bytes: &[u8]) -> u64 {
    let mut hasher = hashing.build_hasher();
    hasher.write_u8(source);
    hasher.write(bytes);
    hasher.finish()
}

/// Whoever has an address of IPv6 has all that share its first 64 bits.
fn hash_address(hashing: &impl BuildHasher, address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => hash(hashing, OF_ADDRESS, &address.octets()),
        IpAddr::V6(address) => {
            let network = (address.to_bits() >> 64) as u64;
            hash(hashing, OF_ADDRESS, &network.to_be_bytes())
        }
    }
}
