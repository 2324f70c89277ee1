//! Ids: unique, quick to make, no secrets.
//!
//! Every request needs two or three. A system call for each would be felt in the gateway, so
//! every thread seeds a small generator (xoroshiro128++, Blackman and Vigna 2019) once. Never
//! use it for anything that somebody must not guess.

use std::cell::Cell;

thread_local! {
    static STATE: Cell<[u64; 2]> = Cell::new(seed());
}

fn seed() -> [u64; 2] {
    let word = || getrandom::u64().unwrap_or_else(|_| from_hash_keys());
    // the state must not be all zero, or the generator stays there
    [word(), word() | 1]
}

/// The randomness that the standard library keys its hash maps with: there even where the
/// system's generator is out of reach.
fn from_hash_keys() -> u64 {
    use std::hash::BuildHasher;
    std::hash::RandomState::new().hash_one(std::thread::current().id())
}

/// The next 64 bits of this thread.
pub fn random_u64() -> u64 {
    STATE.with(|state| {
        let [s0, mut s1] = state.get();
        let result = s0.wrapping_add(s1).rotate_left(17).wrapping_add(s0);
        s1 ^= s0;
        state.set([s0.rotate_left(49) ^ s1 ^ (s1 << 21), s1.rotate_left(28)]);
        result
    })
}

/// The next 128 bits of this thread.
pub fn random_u128() -> u128 {
    (u128::from(random_u64()) << 64) | u128::from(random_u64())
}

/// Writes the lowest digits of `value` as lower-case hex, as many as `out` has room for.
pub fn write_hex(mut value: u128, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        let nibble = (value & 0xf) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn two_requests_never_get_the_same_id() {
        let mine: HashSet<u128> = (0..10_000).map(|_| random_u128()).collect();
        let theirs: HashSet<u128> = std::thread::spawn(|| (0..10_000).map(|_| random_u128()).collect()).join().unwrap();
        assert_eq!(mine.len(), 10_000);
        assert!(mine.is_disjoint(&theirs));
    }

    #[test]
    fn hex_has_leading_zeros() {
        let mut out = [0; 6];
        write_hex(0xfeed, &mut out);
        assert_eq!(&out, b"00feed");
    }
}
