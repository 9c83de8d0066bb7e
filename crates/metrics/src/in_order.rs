//! Many items on several threads, results in order.

use std::ops::Range;

/// `evaluate` of the items `0..n_items`, in their order, on all threads with feature `rayon`. A thread takes `part` items at
/// a time at least, and evaluates its items with `scratch` space of its own.
#[cfg_attr(not(feature = "rayon"), allow(unused_variables, reason = "one thread takes all items"))]
pub(crate) fn in_order<S, T: Send>(
    n_items: usize,
    part: usize,
    scratch: impl Fn() -> S + Sync,
    evaluate: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let run = |items: Range<usize>, capacity: usize| {
        let mut results = Vec::with_capacity(capacity);
        let mut scratch = scratch();
        results.extend(items.map(|item| evaluate(&mut scratch, item)));
        results
    };
    #[cfg(feature = "rayon")]
    {
        let n_threads = rayon_core::current_num_threads();
        if n_threads > 1 {
            return gather(0..n_items, n_items, part.max(n_items / (n_threads * PARTS_PER_THREAD)), &run);
        }
    }
    run(0..n_items, n_items)
}

/// So many that a thread with slow items does not keep the others waiting.
#[cfg(feature = "rayon")]
const PARTS_PER_THREAD: usize = 4;

/// Halves the items until a part is left; the first half has room for the results of the second one. By `rayon_core` alone:
/// the iterators of rayon take longer to compile than all else that this crate depends on.
#[cfg(feature = "rayon")]
fn gather<T: Send>(
    items: Range<usize>,
    capacity: usize,
    part: usize,
    run: &(dyn Fn(Range<usize>, usize) -> Vec<T> + Sync),
) -> Vec<T> {
    if items.len() <= part.max(1) {
        return run(items, capacity);
    }
    let middle = items.start + items.len() / 2;
    let (mut results, mut behind) = rayon_core::join(
        || gather(items.start..middle, capacity, part, run),
        || gather(middle..items.end, items.end - middle, part, run),
    );
    results.append(&mut behind);
    results
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn every_item_once_and_in_order() {
        for (n_items, part) in [(0, 1), (1, 1), (2, 1), (1000, 1), (1001, 7), (5, 100), (3, 0)] {
            let results = in_order(
                n_items,
                part,
                || 0,
                |seen, item| {
                    *seen += 1;
                    (item, *seen)
                },
            );
            assert!(results.iter().map(|&(item, _)| item).eq(0..n_items), "{n_items} {part}");
            assert!(results.iter().all(|&(_, seen)| (1..=n_items.max(1)).contains(&seen)));
        }
    }
}
