//! How many objects go through the network together.

/// At most so many, that what lies between its layers stays small; enough to share the reading of the weights.
const MOST: usize = 48;

/// Size of the groups that objects are cut into: as nearly as many groups for each thread as sizes allow.
pub(super) fn group_size(n_objects: usize) -> usize {
    let n_groups = n_objects.div_ceil(MOST).next_multiple_of(rayon::current_num_threads());
    n_objects.div_ceil(n_groups.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_gets_as_many_groups() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let sizes = |n: usize| pool.install(|| group_size(n));
        assert_eq!([0, 1, 2, 64, 96, 97, 1000].map(sizes), [1, 1, 1, 32, 48, 25, 46]);
    }
}
