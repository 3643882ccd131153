//! Last bytes of names: nearly every key is told from all names by them.

/// The last bytes of a name in one number: names are found by it first, and nearly every key is no further looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tail(u32);

impl Tail {
    /// How many bytes: those before the start of a short name count as 0.
    pub(super) const BYTES: usize = 3;

    pub(super) fn of(name: &str) -> Self {
        Self::of_last(name.bytes().rev())
    }

    /// What the tail of a key's normalised form is; nothing when only the whole of it tells, as with letters beyond ASCII.
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

/// Which tails there may be: says no for nearly all that there are not, and never for one that there is.
#[derive(Debug, Clone, Default)]
pub(super) struct Tails {
    /// Empty, or 2¹² bits.
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

    /// By Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4).
    fn place(Tail(tail): Tail) -> (usize, u64) {
        let hash = tail.wrapping_mul(0x9E37_79B1) >> 20;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }
}
