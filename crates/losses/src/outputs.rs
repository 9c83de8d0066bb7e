//! Log-probabilities of the classes that a flat or a hierarchical loss compares.

use candle_core::{DType, Device, Tensor};
use heliacal_taxonomy::Taxonomy;

use crate::error::{batch_of, check_float};
use crate::fused_log_softmax::FusedLogSoftmax;
use crate::target_rows::from_f64;
use crate::{Error, Result, TreeLayout};

/// Columns of a flat classifier, or nodes of a tree.
#[derive(Debug, Clone)]
pub(crate) enum Outputs {
    Flat(usize),
    Tree(Box<TreeLayout>),
}

impl Outputs {
    /// So many flat classes at most: a table of doubles for each pair of them then takes 2 GiB.
    const MOST_CLASSES: usize = 1 << 14;

    /// Flat classes, of which there is at least one.
    pub(crate) fn flat(n_classes: usize) -> Result<Self> {
        if (1..=Self::MOST_CLASSES).contains(&n_classes) {
            return Ok(Self::Flat(n_classes));
        }
        let (parameter, found) = ("n_classes", n_classes as f64);
        Err(Error::Parameter { parameter, expected: "1 to 16384", found })
    }

    pub(crate) fn tree(layout: &TreeLayout) -> Self {
        Self::Tree(Box::new(layout.clone()))
    }

    /// Number of columns of the logits.
    pub(crate) fn n_logits(&self) -> usize {
        match self {
            Self::Flat(n) => *n,
            Self::Tree(layout) => layout.n_logits(),
        }
    }

    /// Number of classes that a label may name.
    pub(crate) fn n_classes(&self) -> usize {
        match self {
            Self::Flat(n) => *n,
            Self::Tree(layout) => layout.taxonomy().n_nodes(),
        }
    }

    /// The finest classes among them, which share out the probability.
    pub(crate) fn finest(&self) -> Vec<usize> {
        match self {
            Self::Flat(n) => (0..*n).collect(),
            Self::Tree(layout) => layout.taxonomy().leaves().iter().map(|leaf| leaf.index()).collect(),
        }
    }

    /// The batch size of logits that fit.
    pub(crate) fn check(&self, logits: &Tensor) -> Result<usize> {
        match self {
            Self::Flat(n) => batch_of(logits, *n),
            Self::Tree(layout) => layout.check(logits),
        }
    }

    /// The number type and the device of logits that fit.
    pub(crate) fn check_kind(&self, logits: &Tensor) -> Result<()> {
        match self {
            Self::Flat(_) => check_float(logits),
            Self::Tree(layout) => layout.check_kind(logits),
        }
    }

    /// Refuses outputs whose labels mean something else.
    pub(crate) fn check_same_classes(&self, what: &'static str, other: &Self) -> Result<()> {
        let is_same = match (self, other) {
            (Self::Flat(n), Self::Flat(others)) => n == others,
            (Self::Tree(layout), Self::Tree(others)) => same_classes(layout.taxonomy(), others.taxonomy()),
            _ => false,
        };
        if is_same {
            return Ok(());
        }
        Err(Error::OtherClasses { what, expected: self.in_words(), found: other.in_words() })
    }

    fn in_words(&self) -> String {
        match self {
            Self::Flat(n) => format!("{n} columns"),
            Self::Tree(layout) => tree_in_words(layout.taxonomy()),
        }
    }

    /// `ln p` of every class: `[batch, n_logits] -> [batch, n_classes]`.
    pub(crate) fn log_probabilities(&self, logits: &Tensor) -> Result<Tensor> {
        match self {
            Self::Flat(n) => FusedLogSoftmax::new(std::iter::once(0..*n).collect()).of(logits),
            Self::Tree(layout) => layout.class_log_probabilities(logits),
        }
    }

    /// `[class, class]`: 1 where the row is a finest class that is not at or below the column, so that
    /// `p · this = 1 - p` without cancellation.
    pub(crate) fn elsewhere(&self, dtype: DType, device: &Device) -> Result<Tensor> {
        let n = self.n_classes();
        let mut elsewhere = vec![0.0; n * n];
        for finest in self.finest() {
            let row = &mut elsewhere[finest * n..][..n];
            row.fill(1.0);
            match self {
                Self::Flat(_) => row[finest] = 0.0,
                Self::Tree(layout) => {
                    let taxonomy = layout.taxonomy();
                    for node in taxonomy.node(finest).into_iter().flat_map(|leaf| taxonomy.path(leaf)) {
                        row[node.index()] = 0.0;
                    }
                }
            }
        }
        from_f64(elsewhere, (n, n), dtype, device)
    }
}

/// Whether two trees have the same classes in the same places; their own names do not count.
pub(crate) fn same_classes(a: &Taxonomy, b: &Taxonomy) -> bool {
    a.parents() == b.parents() && a.names() == b.names()
}

pub(crate) fn tree_in_words(taxonomy: &Taxonomy) -> String {
    format!("the {} nodes of tree {}", taxonomy.n_nodes(), taxonomy.name())
}
