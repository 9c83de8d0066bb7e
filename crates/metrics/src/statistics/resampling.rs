//! What is drawn together, and from where.

use super::split_mix::SplitMix64;

/// Objects, clusters of them, or objects within strata.
pub(super) enum Resampling {
    Objects(usize),
    /// The members of every cluster.
    Clusters(Vec<Vec<usize>>),
    /// The members of every stratum.
    Strata(Vec<Vec<usize>>),
}

impl Resampling {
    pub(super) fn objects(n: usize) -> Self {
        Self::Objects(n)
    }

    pub(super) fn clusters(labels: &[usize]) -> Self {
        Self::Clusters(members(labels))
    }

    pub(super) fn strata(labels: &[usize]) -> Self {
        Self::Strata(members(labels))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.n_strata() == 0 || self.n_units(0) == 0
    }

    pub(super) fn n_strata(&self) -> usize {
        match self {
            Self::Objects(_) | Self::Clusters(_) => 1,
            Self::Strata(strata) => strata.len(),
        }
    }

    /// Number of units that are drawn in a stratum.
    pub(super) fn n_units(&self, stratum: usize) -> usize {
        match self {
            Self::Objects(n) => *n,
            Self::Clusters(clusters) => clusters.len(),
            Self::Strata(strata) => strata[stratum].len(),
        }
    }

    /// Adds the objects of one unit.
    fn take(&self, stratum: usize, unit: usize, indices: &mut Vec<usize>) {
        match self {
            Self::Objects(_) => indices.push(unit),
            Self::Clusters(clusters) => indices.extend_from_slice(&clusters[unit]),
            Self::Strata(strata) => indices.push(strata[stratum][unit]),
        }
    }

    /// Every object once, in order of index.
    pub(super) fn whole(&self, indices: &mut Vec<usize>) {
        let n = match self {
            Self::Objects(n) => *n,
            Self::Clusters(groups) | Self::Strata(groups) => groups.iter().map(Vec::len).sum(),
        };
        indices.clear();
        indices.extend(0..n);
    }

    /// As many units as there are, each drawn from all of its stratum.
    pub(super) fn draw(&self, random: &mut SplitMix64, indices: &mut Vec<usize>) {
        indices.clear();
        for stratum in 0..self.n_strata() {
            let n_units = self.n_units(stratum);
            for _ in 0..n_units {
                self.take(stratum, random.below(n_units), indices);
            }
        }
    }

    /// All but the units `i mod n_blocks = block` of one stratum.
    pub(super) fn leave_out(&self, stratum: usize, block: usize, n_blocks: usize, indices: &mut Vec<usize>) {
        indices.clear();
        for other in 0..self.n_strata() {
            for unit in 0..self.n_units(other) {
                if other != stratum || unit % n_blocks != block {
                    self.take(other, unit, indices);
                }
            }
        }
    }
}

/// The positions of every label, labels in rising order.
fn members(labels: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by_key(|&index| labels[index]);
    order.chunk_by(|&a, &b| labels[a] == labels[b]).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_by_hand() {
        let clusters = Resampling::clusters(&[5, 2, 5]);
        let mut indices = Vec::new();
        clusters.leave_out(0, 1, 2, &mut indices); // cluster 2 is unit 0, cluster 5 unit 1
        assert_eq!(indices, [1]);
        clusters.whole(&mut indices);
        assert_eq!(indices, [0, 1, 2]);
        let strata = Resampling::strata(&[5, 2, 5]);
        strata.leave_out(1, 0, 2, &mut indices);
        assert_eq!(indices, [1, 2]);
        strata.draw(&mut SplitMix64::of_replicate(0, 0), &mut indices);
        assert_eq!((indices.len(), indices[0]), (3, 1));
        assert!(Resampling::strata(&[]).is_empty() && Resampling::objects(0).is_empty());
        assert!(Resampling::clusters(&[]).is_empty());
    }
}
