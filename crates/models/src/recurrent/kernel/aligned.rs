//! Buffers that begin on a cache line, so that no vector straddles two.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Numbers in a cache line.
pub(crate) const LINE: usize = 16;

/// A row length in whole cache lines, an odd number of them: rows that are a power of two apart would share the same few
/// places of the cache. Two lines are two vectors at their longest: there is room for whole panels.
pub(crate) fn row_stride(width: usize) -> usize {
    (width.next_multiple_of(2 * LINE) / LINE + 1) * LINE
}

/// Zeros to begin with.
pub(crate) struct Aligned {
    data: Vec<f32>,
    begin: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn zeros(len: usize) -> Self {
        if len == 0 {
            return Self { data: Vec::new(), begin: 0, len };
        }
        let data = vec![0.0; len + LINE - 1];
        // An allocator that cannot say where the line is costs speed, nothing else.
        let begin = data.as_ptr().align_offset(LINE * size_of::<f32>());
        Self { data, begin: if begin < LINE { begin } else { 0 }, len }
    }

    /// The longest that this can be made.
    pub(super) fn capacity(&self) -> usize {
        self.data.len() - self.data.len().min(LINE - 1)
    }

    /// The same numbers, up to another length.
    pub(super) fn with_len(self, len: usize) -> Self {
        assert!(len <= self.capacity(), "{len} of {}", self.capacity());
        Self { len, ..self }
    }
}

/// How many numbers there are, and none of them.
impl fmt::Debug for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aligned").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Deref for Aligned {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.data[self.begin..self.begin + self.len]
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.begin..self.begin + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_on_a_line() {
        assert_eq!(Aligned::zeros(0).len(), 0);
        for len in [1, 16, 100] {
            let buffer = Aligned::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
        }
    }

    #[test]
    fn rows_are_an_odd_number_of_lines_apart() {
        assert_eq!([1, 16, 17, 100, 256, 1024].map(row_stride), [48, 48, 48, 144, 272, 1040]);
    }
}
