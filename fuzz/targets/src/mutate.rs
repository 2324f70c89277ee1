//! Inputs made of others, the same ones for the same seed.

/// How much longer than the longest of its corpus an input may become: long enough to notice what
/// grows with the square of the length.
const GROWTH: usize = 16 << 10;

/// Makes inputs of a corpus by small changes, and by putting two of them together.
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    /// Words of the corpus, to put in as a whole: a change of single bytes rarely finds one.
    words: Vec<Vec<u8>>,
    longest: usize,
    state: u64,
}

impl Mutator {
    /// A mutator of a corpus with at least one input.
    pub fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        assert!(!corpus.is_empty(), "nothing to make inputs of");
        let mut words: Vec<Vec<u8>> = corpus.iter().flat_map(|input| words(input)).collect();
        words.extend(SPECIAL.map(<[u8]>::to_vec));
        words.sort_unstable();
        words.dedup();
        let longest = GROWTH + corpus.iter().map(Vec::len).max().unwrap_or(0);
        // xorshift stays at zero for ever
        Self { corpus, words, longest, state: seed.max(1) }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.pick(|mutator| &mutator.corpus);
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(self.longest);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.range(input.len());
        match self.below(7) {
            0 => drop(input.drain(from..to)),
            1 => drop(input.splice(from..to, self.pick(|mutator| &mutator.words))),
            2 => drop(input.splice(from..from, self.pick(|mutator| &mutator.words))),
            3 => {
                let copy = input.get(from..to).unwrap_or_default().repeat(1 + self.below(8));
                drop(input.splice(to..to, copy));
            }
            4 => {
                let byte = self.random().to_le_bytes()[0];
                drop(input.splice(from..from, [byte]));
            }
            5 => {
                let bit = 1 << self.below(8);
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= bit;
                }
            }
            _ => {
                let other = self.pick(|mutator| &mutator.corpus);
                let (start, end) = self.range(other.len());
                drop(input.splice(from..to, other.get(start..end).unwrap_or_default().to_vec()));
            }
        }
    }

    fn pick(&mut self, from: impl Fn(&Self) -> &Vec<Vec<u8>>) -> Vec<u8> {
        let at = self.below(from(self).len());
        from(self).get(at).cloned().unwrap_or_default()
    }

    /// A part of something of this length, mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let longest = if self.below(8) == 0 { length - from } else { (length - from).min(16) };
        (from, from + self.below(longest + 1))
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.random() % bound).unwrap_or(0)
    }

    /// xorshift64* (Vigna, 2016).
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// What readers trip over: ends of ranges, escapes, and characters that are more than one byte.
const SPECIAL: [&[u8]; 24] = [
    b"0",
    b"-1",
    b"65536",
    b"4294967296",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e400",
    b"0x7f",
    b"..",
    b"%2e%2e",
    b"%00",
    b"${",
    b"{*",
    b"{}",
    b"\\",
    b"\"",
    b"\n",
    b"\r\n",
    b"[",
    b"]]",
    "\u{fc}".as_bytes(),
    "\u{2028}".as_bytes(),
    b"\xff",
    b"\0",
];

fn words(input: &[u8]) -> Vec<Vec<u8>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = input.split(|byte| !is_word(byte)).chain(input.split(|byte| byte.is_ascii_whitespace()));
    words.filter(|word| !word.is_empty() && word.len() <= 64).map(<[u8]>::to_vec).collect()
}
