//! Values to bytes and back, by type: how they go from host to host.
//!
//! Both sides know the function's type, so the bytes hold no names and no types. A message is the byte [`FORMAT`] and
//! then the values, one after the other:
//!
//! | WIT | bytes |
//! | --- | --- |
//! | bool | 1: 0 or 1 |
//! | integers | their width, little-endian |
//! | f32, f64 | their width, little-endian, every bit kept, also those of a NaN |
//! | char | 4: the scalar value, little-endian |
//! | string | count of bytes, UTF-8 |
//! | list<T> | count, elements |
//! | map<K, V> | count, keys and values in turn |
//! | list<T, N>, tuple, record | their parts |
//! | enum, variant | number of the case from 0, payload |
//! | option | 0, or 1 and the value |
//! | result | 0 for ok or 1 for err, payload |
//! | flags | a bit a flag, the first lowest, in as few bytes as hold them |
//!
//! Counts and case numbers are unsigned LEB128 in the fewest bytes. So a value has one encoding, and it is never longer
//! than [`wire_size`](super::wire_size) counts. Whatever else arrives is refused: it was made by another type or by
//! nobody.

mod decode;
mod encode;

pub use decode::{Damage, DecodeError, decode};
pub use encode::encode;

/// The first byte of a message; another format gets another number.
const FORMAT: u8 = 1;
