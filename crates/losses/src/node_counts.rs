//! How many objects there are of every class.

use heliacal_taxonomy::Taxonomy;

use crate::outputs::{same_classes, tree_in_words};
use crate::{Error, Labels, Result};

/// Objects of a training set on the nodes of a tree.
///
/// ```
/// use heliacal_losses::NodeCounts;
/// use heliacal_taxonomy::Taxonomy;
///
/// let oracle = Taxonomy::oracle();
/// let [sn, ia, kn] = ["SN", "SNIa", "KN"].map(|name| oracle.find(name).expect("a class").index());
/// let counts = NodeCounts::of_labels(&oracle, &[ia as u32, ia as u32, sn as u32, kn as u32])?;
/// assert_eq!((counts.n_objects(), counts.at_or_below()[sn], counts.at_or_below()[ia]), (4, 3, 2));
/// # Ok::<(), heliacal_losses::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCounts {
    taxonomy: Taxonomy,
    labelled: Vec<u64>,
    at_or_below: Vec<u64>,
}

impl NodeCounts {
    /// From the number of objects whose true class is exactly a node, in level order: the objects below it do not
    /// count here.
    ///
    /// # Errors
    /// [`Error::Count`] when there is not one number per node, [`Error::NoObjects`] when all are 0.
    pub fn new(taxonomy: &Taxonomy, labelled: Vec<u64>) -> Result<Self> {
        if labelled.len() != taxonomy.n_nodes() {
            let (expected, found) = (taxonomy.n_nodes(), labelled.len());
            return Err(Error::Count { what: "class counts", expected, found });
        }
        if labelled.iter().all(|&n| n == 0) {
            return Err(Error::NoObjects);
        }
        let mut at_or_below = labelled.clone();
        for node in (1..at_or_below.len()).rev() {
            let parent = taxonomy.parents()[node];
            at_or_below[parent] = at_or_below[parent].saturating_add(at_or_below[node]);
        }
        Ok(Self { taxonomy: taxonomy.clone(), labelled, at_or_below })
    }

    /// Counts labels, node indices.
    ///
    /// # Errors
    /// [`Error::Label`] for a label that is no node, [`Error::NoObjects`] when there is none.
    pub fn of_labels<'a>(taxonomy: &Taxonomy, labels: impl Into<Labels<'a>>) -> Result<Self> {
        let labels = labels.into();
        let n_objects = match labels {
            Labels::Slice(labels) => labels.len(),
            Labels::Tensor(labels) => labels.elem_count(),
        };
        let mut labelled = vec![0; taxonomy.n_nodes()];
        for &label in labels.checked(n_objects, taxonomy.n_nodes())?.iter() {
            labelled[label as usize] += 1;
        }
        Self::new(taxonomy, labelled)
    }

    /// Number of objects, at least one.
    pub fn n_objects(&self) -> u64 {
        self.at_or_below[0]
    }

    /// Objects whose true class is exactly each node.
    pub fn labelled(&self) -> &[u64] {
        &self.labelled
    }

    /// Objects at or below each node.
    pub fn at_or_below(&self) -> &[u64] {
        &self.at_or_below
    }

    /// The objects of each node, provided the counts are of this tree.
    pub(crate) fn checked_labelled(&self, taxonomy: &Taxonomy) -> Result<&[u64]> {
        if self.labelled.len() != taxonomy.n_nodes() {
            let (expected, found) = (taxonomy.n_nodes(), self.labelled.len());
            return Err(Error::Count { what: "class counts", expected, found });
        }
        if same_classes(&self.taxonomy, taxonomy) {
            return Ok(&self.labelled);
        }
        let (expected, found) = (tree_in_words(taxonomy), tree_in_words(&self.taxonomy));
        Err(Error::OtherClasses { what: "class counts", expected, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_another_tree_with_as_many_nodes_are_refused() {
        let tree = |name: &str, pairs: [(&str, Option<&str>); 4]| Taxonomy::from_pairs(name, pairs).unwrap();
        let a = tree("a", [("r", None), ("x", Some("r")), ("y", Some("r")), ("z", Some("x"))]);
        let counts = NodeCounts::new(&a, vec![0, 5, 3, 2]).unwrap();
        assert!(counts.checked_labelled(&a).is_ok());
        let other_shape = tree("b", [("r", None), ("x", Some("r")), ("y", Some("r")), ("z", Some("y"))]);
        let said = counts.checked_labelled(&other_shape).unwrap_err().to_string();
        assert_eq!(said, "class counts: the 4 nodes of tree a, expected the 4 nodes of tree b");
        let other_names = tree("c", [("r", None), ("x", Some("r")), ("y", Some("r")), ("w", Some("x"))]);
        assert!(matches!(counts.checked_labelled(&other_names), Err(Error::OtherClasses { .. })));
    }

    #[test]
    fn faults_are_named() {
        let sn = Taxonomy::flat("sn", &["Ia", "II"]).unwrap();
        let said = |counts: Result<NodeCounts>| counts.unwrap_err().to_string();
        assert_eq!(said(NodeCounts::new(&sn, vec![1, 2])), "2 class counts, expected 3");
        assert_eq!(
            said(NodeCounts::new(&sn, vec![0; 3])),
            "the class counts hold no object, expected at least one"
        );
        let beyond = NodeCounts::of_labels(&sn, &[1, 3]);
        assert_eq!(said(beyond), "label 3 at position 1 is no class, expected less than 3");
        assert!(matches!(NodeCounts::of_labels(&sn, &Vec::new()), Err(Error::NoObjects)));
    }
}
