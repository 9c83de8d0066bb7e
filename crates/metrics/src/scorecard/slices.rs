//! The same scorecard for named parts of the objects.

use super::error::{ScorecardError, check_length, check_node, check_pmf, deserialize_checked};
use super::{LevelReport, LevelScorecards, Ranking, ZeroDivision};
use crate::ClassTree;

/// Slices that share the objects out: every object is in exactly one of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// The slices that are its parts, by position.
    pub parts: Vec<usize>,
}

/// [`LevelScorecards`] of all objects and of named slices of them (faint, bright; near the plane; with a redshift), from
/// one pass.
///
/// Every object carries one mark per slice. So a slice is a part of the whole, slices may overlap, and counts are counts.
/// Slices that should share the objects out are declared a [`partition`](Self::declare_partition): an object in none of
/// its parts, or in two, is an error that names the object.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::scorecard::{Ranking, SlicedScorecards};
///
/// let mut sliced = SlicedScorecards::new(ClassTree::flat(2), &["faint", "bright", "in the plane"], Ranking::Off)?;
/// sliced.declare_partition("brightness", &["faint", "bright"])?;
/// sliced.push(&[0.9, 0.1], 1, &[true, false, false])?;
/// sliced.push(&[0.8, 0.2], 2, &[false, true, true])?;
/// let counts: Vec<_> = sliced.slices().iter().map(|slice| slice.n_objects()).collect();
/// assert_eq!((sliced.whole().n_objects(), counts), (2, vec![1, 1, 1]));
///
/// let error = sliced.push(&[0.9, 0.1], 1, &[false, false, true]).unwrap_err();
/// assert_eq!(error.to_string(), "object 2 is in 0 parts of the partition \"brightness\", not in one");
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SlicedScorecards {
    names: Vec<String>,
    partitions: Vec<Partition>,
    whole: LevelScorecards,
    slices: Vec<LevelScorecards>,
}

deserialize_checked!(SlicedScorecards {
    names: Vec<String>,
    partitions: Vec<Partition>,
    whole: LevelScorecards,
    slices: Vec<LevelScorecards>,
});

/// All figures of one slice.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SliceReport {
    /// Its name; `None` for the whole.
    pub name: Option<String>,
    /// Number of objects with a PMF.
    pub n_objects: u64,
    /// Number of objects without.
    pub n_missing: u64,
    /// Every level, from the root down.
    pub levels: Vec<LevelReport>,
}

impl SlicedScorecards {
    /// No object yet.
    ///
    /// # Errors
    /// [`ScorecardError::Name`] for a name that comes twice.
    pub fn new(tree: ClassTree, names: &[&str], ranking: Ranking) -> Result<Self, ScorecardError> {
        let whole = LevelScorecards::new(tree, ranking)?;
        for (position, name) in names.iter().enumerate() {
            if names[..position].contains(name) {
                return Err(name_fault("slice", name, "is given twice"));
            }
        }
        Ok(Self {
            names: names.iter().map(ToString::to_string).collect(),
            partitions: Vec::new(),
            slices: vec![whole.clone(); names.len()],
            whole,
        })
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_length("slices", self.names.len(), self.slices.len())?;
        for (position, name) in self.names.iter().enumerate() {
            if self.names[..position].contains(name) {
                return Err(name_fault("slice", name, "is given twice"));
            }
        }
        self.slices.iter().try_for_each(|slice| self.whole.check_like(slice))?;
        for partition in &self.partitions {
            if let Some(&part) = partition.parts.iter().find(|&&part| part >= self.slices.len()) {
                return Err(ScorecardError::Class { class: part, n_classes: self.slices.len() });
            }
        }
        self.check_counts()
    }

    /// Declares that slices share the objects out. Before the first object.
    ///
    /// # Errors
    /// [`ScorecardError::TooLate`]; [`ScorecardError::Name`] for a slice that does not exist or comes twice, and for a
    /// partition that is there already.
    pub fn declare_partition(&mut self, name: &str, slices: &[&str]) -> Result<(), ScorecardError> {
        let n_objects = self.n_pushed();
        if n_objects > 0 {
            return Err(ScorecardError::TooLate { what: "a partition", n_objects });
        }
        if self.partitions.iter().any(|partition| partition.name == name) {
            return Err(name_fault("partition", name, "is given twice"));
        }
        let mut parts = Vec::with_capacity(slices.len());
        for slice in slices {
            let part = self.names.iter().position(|name| name == slice);
            let part = part.ok_or_else(|| name_fault("slice", slice, "does not exist"))?;
            if parts.contains(&part) {
                return Err(name_fault("slice", slice, "is given twice"));
            }
            parts.push(part);
        }
        self.partitions.push(Partition { name: name.to_owned(), parts });
        Ok(())
    }

    /// Adds one object: its PMF over leaves, the node of its true class, and whether it is in each slice.
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`], [`ScorecardError::Pmf`], [`ScorecardError::Node`], [`ScorecardError::Length`],
    /// [`ScorecardError::NotInOnePart`].
    pub fn push(&mut self, leaf_pmf: &[f64], true_node: usize, is_in: &[bool]) -> Result<(), ScorecardError> {
        check_pmf(leaf_pmf, self.whole.tree().n_leaves())?;
        self.push_with(true_node, is_in, |scorecards| scorecards.push(leaf_pmf, true_node))
    }

    /// Counts an object that has no PMF.
    ///
    /// # Errors
    /// [`ScorecardError::Node`], [`ScorecardError::Length`], [`ScorecardError::NotInOnePart`].
    pub fn push_missing(&mut self, true_node: usize, is_in: &[bool]) -> Result<(), ScorecardError> {
        self.push_with(true_node, is_in, |scorecards| scorecards.push_missing(true_node))
    }

    fn push_with(
        &mut self,
        true_node: usize,
        is_in: &[bool],
        push: impl Fn(&mut LevelScorecards) -> Result<(), ScorecardError>,
    ) -> Result<(), ScorecardError> {
        check_node(true_node, self.whole.tree().n_nodes())?;
        check_length("marks of slices", self.slices.len(), is_in.len())?;
        for partition in &self.partitions {
            let n_parts = partition.parts.iter().filter(|&&part| is_in[part]).count();
            if n_parts != 1 {
                let (partition, object) = (partition.name.clone(), self.n_pushed());
                return Err(ScorecardError::NotInOnePart { partition, object, n_parts });
            }
        }
        push(&mut self.whole)?;
        self.slices.iter_mut().zip(is_in).filter(|(_, is_in)| **is_in).try_for_each(|(slice, _)| push(slice))
    }

    /// Adds all that another has seen. Objects of the other come after those of this one.
    ///
    /// # Errors
    /// [`ScorecardError::Different`] for other slices, partitions or trees, or where only one keeps scores for ranking.
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        if self.names != other.names {
            return Err(ScorecardError::Different { what: "their slices" });
        }
        if self.partitions != other.partitions {
            return Err(ScorecardError::Different { what: "their partitions" });
        }
        self.whole.merge(&other.whole)?;
        self.slices.iter_mut().zip(&other.slices).try_for_each(|(slice, more)| slice.merge(more))
    }

    /// Checks, cell by cell of every confusion matrix, that no slice exceeds the whole and that the parts of every
    /// partition sum to it. Holds by construction; a scorecard read from a file is checked by this.
    ///
    /// # Errors
    /// [`ScorecardError::Counts`].
    pub fn check_counts(&self) -> Result<(), ScorecardError> {
        let whole = counts(&self.whole);
        let slices: Vec<Vec<u64>> = self.slices.iter().map(counts).collect();
        if slices.iter().any(|slice| slice.iter().zip(&whole).any(|(part, all)| part > all)) {
            return Err(ScorecardError::Counts { what: "a slice and the whole" });
        }
        for partition in &self.partitions {
            let mut sum = vec![0_u64; whole.len()];
            for &part in &partition.parts {
                sum.iter_mut().zip(&slices[part]).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
            }
            if sum != whole {
                return Err(ScorecardError::Counts { what: "the parts of a partition" });
            }
        }
        Ok(())
    }

    fn n_pushed(&self) -> usize {
        (self.whole.n_objects() + self.whole.n_missing()) as usize
    }

    /// The slices' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The declared partitions.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// All objects.
    pub fn whole(&self) -> &LevelScorecards {
        &self.whole
    }

    /// The slices, in the order of their names.
    pub fn slices(&self) -> &[LevelScorecards] {
        &self.slices
    }

    /// All figures: of the whole first, then slice by slice.
    pub fn report(&self, zero_division: ZeroDivision) -> Vec<SliceReport> {
        let report = |(name, scorecards): (Option<&String>, &LevelScorecards)| SliceReport {
            name: name.cloned(),
            n_objects: scorecards.n_objects(),
            n_missing: scorecards.n_missing(),
            levels: scorecards.report(zero_division),
        };
        let slices = self.names.iter().map(Some).zip(&self.slices);
        std::iter::once((None, &self.whole)).chain(slices).map(report).collect()
    }
}

/// Everything that is a count of objects.
fn counts(scorecards: &LevelScorecards) -> Vec<u64> {
    let mut counts = vec![scorecards.n_objects(), scorecards.n_missing()];
    for level in scorecards.levels() {
        let confusion = level.scorecard().confusion();
        counts.push(level.n_argmax_differs());
        counts.extend(confusion.rows().flatten());
        counts.extend(confusion.abstained());
    }
    counts
}

fn name_fault(what: &'static str, name: &str, fault: &'static str) -> ScorecardError {
    ScorecardError::Name { what, name: name.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sliced() -> SlicedScorecards {
        let mut sliced = SlicedScorecards::new(ClassTree::flat(2), &["a", "b", "c"], Ranking::Off).unwrap();
        sliced.declare_partition("ab", &["a", "b"]).unwrap();
        sliced
    }

    #[test]
    fn slices_overlap_and_partitions_do_not() {
        let mut sliced = sliced();
        sliced.push(&[0.9, 0.1], 1, &[true, false, true]).unwrap();
        sliced.push(&[0.9, 0.1], 2, &[false, true, true]).unwrap();
        sliced.push_missing(2, &[false, true, false]).unwrap();
        sliced.check_counts().unwrap();
        let report = sliced.report(ZeroDivision::Zero);
        let counts: Vec<_> = report.iter().map(|slice| (slice.n_objects, slice.n_missing)).collect();
        assert_eq!(counts, [(2, 1), (1, 0), (1, 1), (2, 0)]);
        assert_eq!((report[0].name.as_deref(), report[1].name.as_deref()), (None, Some("a")));
        let before = sliced.clone();
        let error = sliced.push(&[0.9, 0.1], 1, &[true, true, true]).unwrap_err();
        assert_eq!(error, ScorecardError::NotInOnePart { partition: "ab".to_owned(), object: 3, n_parts: 2 });
        assert!(sliced.push(&[0.9, 0.1], 1, &[true]).is_err());
        assert!(sliced.push(&[0.9, 0.1], 3, &[true, false, false]).is_err());
        assert!(sliced.push(&[0.9], 1, &[true, false, false]).is_err());
        assert_eq!(sliced, before);
    }

    #[test]
    fn settings_are_checked() {
        let tree = ClassTree::flat(2);
        assert!(SlicedScorecards::new(tree.clone(), &["a", "a"], Ranking::Off).is_err());
        let mut sliced = sliced();
        let fault = |result: Result<(), ScorecardError>| result.unwrap_err().to_string();
        assert_eq!(fault(sliced.declare_partition("x", &["d"])), "slice \"d\" does not exist");
        assert_eq!(fault(sliced.declare_partition("x", &["a", "a"])), "slice \"a\" is given twice");
        assert_eq!(fault(sliced.declare_partition("ab", &[])), "partition \"ab\" is given twice");
        sliced.push(&[1.0, 0.0], 1, &[true, false, false]).unwrap();
        assert_eq!(
            fault(sliced.declare_partition("x", &["a"])),
            "a partition came after 1 objects, it belongs before the first"
        );
        let plain = SlicedScorecards::new(tree, &["a", "b", "c"], Ranking::Off).unwrap();
        assert_eq!(fault(sliced.merge(&plain)), "the two parts differ in their partitions");
    }
}
