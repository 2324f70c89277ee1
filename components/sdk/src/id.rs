//! New ids, through `wasi:clocks` and `wasi:random`.

use wasip2::clocks::wall_clock;
use wasip2::random::random::get_random_u64;

/// A UUID of version 7 (RFC 9562): the time in milliseconds, then chance. Ids that are made later sort after
/// those made earlier, so a list in the order of its ids is in the order of creation.
pub fn new() -> String {
    let now = wall_clock::now();
    let millis = now.seconds * 1_000 + u64::from(now.nanoseconds) / 1_000_000;
    uuid_v7(millis, get_random_u64(), get_random_u64())
}

fn uuid_v7(millis: u64, high: u64, low: u64) -> String {
    let time = millis & 0xffff_ffff_ffff;
    let variant = 0x8000 | (low >> 48 & 0x3fff);
    format!(
        "{:08x}-{:04x}-7{:03x}-{variant:04x}-{:012x}",
        time >> 16,
        time & 0xffff,
        high & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_uuid_of_version_7() {
        // the example of RFC 9562, appendix A.6
        let id = uuid_v7(0x017f_22e2_79b0, 0xcc3, 0x18c4_dc0c_0c07_398f);
        assert_eq!(id, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn a_later_id_sorts_first() {
        assert!(uuid_v7(1_000, u64::MAX, u64::MAX) < uuid_v7(1_001, 0, 0));
    }
}
