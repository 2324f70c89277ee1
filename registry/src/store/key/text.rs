//! Names inside of keys: none is a prefix of another, and they sort as their bytes do.

/// Ends a name. Sorts below the escape, so that `a` comes before `a\0b`.
pub(super) const END: [u8; 2] = [0x00, 0x01];
/// Stands for a zero byte inside a name.
const ZERO: [u8; 2] = [0x00, 0xff];

/// Writes a name.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        match byte {
            0 => out.extend_from_slice(&ZERO),
            _ => out.push(byte),
        }
    }
    out.extend_from_slice(&END);
}

/// The text and what follows it.
pub(super) fn read_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::new();
    let mut rest = bytes;
    loop {
        match rest {
            [0x00, 0x01, after @ ..] => return Some((String::from_utf8(text).ok()?, after)),
            [0x00, 0xff, after @ ..] => {
                text.push(0);
                rest = after;
            }
            [0x00, ..] | [] => return None,
            [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
        }
    }
}
