//! Bytes that once were a component: always the same ones for a seed.

/// A small generator (Marsaglia's xorshift, 2003): the tests must find the same tomorrow.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// One bit is another.
pub(crate) fn flip(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // behind the preamble, which has its own test
    let at = 8 + dice.below(bytes.len() - 8);
    bytes[at] ^= 1 << dice.below(8);
    bytes
}

/// A few changes of all kinds: pieces lost, doubled, moved, overwritten; numbers made huge.
pub(crate) fn mangle(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(6) {
        let at = 8 + dice.below(bytes.len() - 8);
        let end = (at + 1 + dice.below(64)).min(bytes.len());
        let piece = bytes[at..end].to_vec();
        match dice.below(5) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, piece)),
            2 => {
                let from = dice.below(bytes.len() - piece.len() + 1);
                bytes[from..from + piece.len()].copy_from_slice(&piece);
            }
            3 => bytes[at..end].iter_mut().for_each(|byte| *byte = dice.below(256) as u8),
            // the largest number in five bytes of LEB128
            _ => drop(bytes.splice(at..end, [0xff, 0xff, 0xff, 0xff, 0x0f])),
        }
        if bytes.len() < 64 {
            break;
        }
    }
    bytes
}
