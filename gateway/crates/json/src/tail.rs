//! Name tails: a pre-filter on the last bytes of names, which rejects nearly every key.

/// Last bytes of a name as one number.
///
/// Look-ups by name compare it first, which rejects nearly every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tail(u32);

impl Tail {
    /// Number of bytes in a tail; missing bytes of a shorter name are 0.
    pub(super) const BYTES: usize = 3;

    pub(super) fn of(name: &str) -> Self {
        Self::of_last(name.bytes().rev())
    }

    /// Tail of a key's normalised form.
    ///
    /// `None` if the whole key must be normalised, as with non-ASCII letters.
    pub(super) fn of_normalised(key: &str) -> Option<Self> {
        let last = key
            .bytes()
            .rev()
            .filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
        let tail = Self::of_last(last.map(|byte| byte.to_ascii_lowercase()));
        tail.is_ascii().then_some(tail)
    }

    fn of_last(bytes: impl Iterator<Item = u8>) -> Self {
        let places = (0..Self::BYTES).map(|place| 8 * place);
        Self(
            bytes
                .zip(places)
                .map(|(byte, place)| u32::from(byte) << place)
                .sum(),
        )
    }

    fn is_ascii(self) -> bool {
        self.0 & 0x80_80_80 == 0
    }
}

/// Bloom filter of tails: no false negatives, few false positives.
#[derive(Debug, Clone, Default)]
pub(super) struct Tails {
    /// Bits of the filter: none, or 2¹².
    bits: Vec<u64>,
}

impl Tails {
    const WORDS: usize = 64;

    pub(super) fn may_have(&self, tail: Tail) -> bool {
        let (word, bit) = Self::place(tail);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    pub(super) fn add(&mut self, tail: Tail) {
        let (word, bit) = Self::place(tail);
        self.bits.resize(Self::WORDS, 0);
        self.bits[word] |= bit;
    }

    /// Position by Fibonacci hashing (Knuth, The Art of Computer Programming, vol. 3, section 6.4).
    fn place(Tail(tail): Tail) -> (usize, u64) {
        let hash = tail.wrapping_mul(0x9E37_79B1) >> 20;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }
}
