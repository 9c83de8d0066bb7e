//! Memory that is used again.

use std::sync::{Arc, Mutex, PoisonError};

use super::aligned::Aligned;

/// Numbers that may lie about: 256 MB.
const MOST: usize = 1 << 26;

/// Buffers that one training step or batch leaves to the next: of fresh memory, the system clears every page when it is first
/// touched, which was a fifth of a training step.
#[derive(Debug, Clone, Default)]
pub struct Spare(Arc<Mutex<Vec<Aligned>>>);

impl Spare {
    /// A buffer of a length, with any numbers in it.
    pub(crate) fn take(&self, len: usize) -> Aligned {
        if len == 0 {
            return Aligned::zeros(0);
        }
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let large_enough = |(_, buffer): &(usize, &Aligned)| buffer.capacity() >= len;
        let fits = buffers.iter().enumerate().filter(large_enough).min_by_key(|(_, b)| b.capacity());
        if let Some((index, _)) = fits {
            return buffers.swap_remove(index).with_len(len);
        }
        // All are too small: a larger one takes the place of one of them.
        buffers.pop();
        Aligned::zeros(len)
    }

    pub(crate) fn give(&self, buffers: impl IntoIterator<Item = Aligned>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = MOST.saturating_sub(spare.iter().map(Aligned::capacity).sum());
        for buffer in buffers {
            if (1..=room).contains(&buffer.capacity()) {
                room -= buffer.capacity();
                spare.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_smallest_that_fits_and_does_not_grow() {
        let spare = Spare::default();
        let held = |spare: &Spare| spare.0.lock().unwrap().iter().map(Aligned::capacity).collect::<Vec<_>>();
        spare.give([100, 20, 50].map(Aligned::zeros));
        let buffer = spare.take(40);
        assert_eq!((buffer.len(), buffer.capacity()), (40, 50));
        assert_eq!(buffer.as_ptr() as usize % 64, 0);
        spare.give([buffer]);
        assert_eq!(spare.take(1000).len(), 1000); // in place of one that was too small
        assert_eq!(held(&spare).len(), 2);
        spare.give([Aligned::zeros(MOST)]);
        assert_eq!(held(&spare).len(), 2);
    }
}
