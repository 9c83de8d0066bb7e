//! How a checkpoint knows its objects again.

/// A digest in the manner of FNV-1a (Fowler, Noll and Vo), of 64-bit words instead of bytes and with a rotation, so that
/// high bits count too. It tells one data set from another; it is no protection against malice.
pub(super) struct Digest(u64);

impl Digest {
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub fn take(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    /// A list of numbers, with their number before them.
    pub fn take_all(&mut self, numbers: &[f32]) {
        self.take(numbers.len() as u64);
        for number in numbers {
            self.take(u64::from(number.to_bits()));
        }
    }

    pub fn finish(self) -> u64 {
        self.0
    }
}
