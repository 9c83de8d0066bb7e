//! Log-probabilities of the classes that a flat or a hierarchical loss compares.

use candle_core::{DType, Device, Tensor};

use crate::error::batch_of;
use crate::log_softmax::GroupedColumns;
use crate::target_rows::from_f64;
use crate::{Error, Result, TreeLayout};

/// Columns of a flat classifier, or nodes of a tree.
#[derive(Debug, Clone)]
pub(crate) enum Outputs {
    Flat(usize),
    Tree(Box<TreeLayout>),
}

impl Outputs {
    /// Flat classes, of which there is at least one.
    pub(crate) fn flat(n_classes: usize) -> Result<Self> {
        if n_classes == 0 {
            return Err(Error::Parameter { parameter: "n_classes", expected: "at least 1", found: 0.0 });
        }
        Ok(Self::Flat(n_classes))
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

    /// `ln p` of every class: `[batch, n_logits] -> [batch, n_classes]`.
    pub(crate) fn log_probabilities(&self, logits: &Tensor) -> Result<Tensor> {
        match self {
            Self::Flat(n) => {
                let all = std::iter::once(0..*n).collect();
                GroupedColumns::new(all, logits.dtype(), logits.device())?.log_softmax(logits)
            }
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
