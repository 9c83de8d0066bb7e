//! Which loss a network is trained with.

use heliacal_losses::{
    CrossEntropy, CrossEntropyOptions, Hxe, Labels, Loss, NodeCounts, Parametrization, TreeLayout, Whxe,
    WhxeOptions, balanced_class_weights,
};
use heliacal_models::candle_core::{self, DType, Device, Tensor};
use heliacal_models::train::Targets;
use heliacal_taxonomy::Taxonomy;

use crate::Result;

/// The losses that a classifier is trained with, and the tree that its network then has.
///
/// ```
/// use heliacal::pipeline::TrainingLoss;
/// use heliacal::{Device, Taxonomy};
///
/// let oracle = Taxonomy::oracle();
/// let whxe = TrainingLoss::Whxe { alpha: 0.5, gamma: 1.0 };
/// assert_eq!(whxe.network_taxonomy(&oracle)?, oracle);
/// let flat = TrainingLoss::CrossEntropy { gamma: 0.0 }.network_taxonomy(&oracle)?;
/// assert_eq!((flat.n_nodes(), flat.n_levels()), (20, 2)); // a root and 19 leaves
/// assert_eq!(whxe.of(&oracle, &[19, 20], &Device::Cpu)?.n_logits(), 26);
/// # Ok::<(), heliacal::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum TrainingLoss {
    /// Hierarchical cross-entropy weighted by class frequency: ORACLE's.
    Whxe {
        /// How much less deep levels count: a level of depth d counts `exp(-α d)`.
        alpha: f64,
        /// Power of the class weights; 0 for none.
        gamma: f64,
    },
    /// Hierarchical cross-entropy.
    Hxe {
        /// As for WHXE.
        alpha: f64,
    },
    /// Cross-entropy over the leaves: the classifier knows no tree.
    CrossEntropy {
        /// Power of the class weights `N / (n_classes N_class)`; 0 for none.
        gamma: f64,
    },
}

impl TrainingLoss {
    /// The tree whose nodes the network gives logits for: the whole tree, or a root with all leaves under it, in the same
    /// order, so that leaf probabilities mean the same.
    ///
    /// # Errors
    /// [`Error::FlatTaxonomy`](crate::Error::FlatTaxonomy) when a leaf has the name that the root of a flat tree has.
    pub fn network_taxonomy(self, taxonomy: &Taxonomy) -> Result<Taxonomy> {
        if !matches!(self, Self::CrossEntropy { .. }) {
            return Ok(taxonomy.clone());
        }
        let leaves: Vec<&str> = taxonomy.leaves().iter().map(|&leaf| taxonomy.class_name(leaf)).collect();
        Ok(Taxonomy::flat(format!("{} leaves", taxonomy.name()), &leaves)?)
    }

    /// The loss for a network of [that tree](Self::network_taxonomy), with weights from the true nodes of a training set.
    ///
    /// # Errors
    /// [`Error::Loss`](crate::Error::Loss) for a negative power, a label that is no node, or no object.
    pub fn of(self, taxonomy: &Taxonomy, true_nodes: &[u32], device: &Device) -> Result<Box<dyn Loss>> {
        let layout = TreeLayout::new(taxonomy, Parametrization::SiblingSoftmax, DType::F32, device)?;
        let counts = NodeCounts::of_labels(taxonomy, true_nodes)?;
        Ok(match self {
            Self::Whxe { alpha, gamma } => {
                Box::new(Whxe::new(&layout, &counts, WhxeOptions { alpha, gamma, ..WhxeOptions::default() })?)
            }
            Self::Hxe { alpha } => Box::new(Hxe::new(&layout, alpha)?),
            Self::CrossEntropy { gamma } => {
                let mut weights = vec![0.0; taxonomy.n_nodes()];
                let leaves = taxonomy.leaves();
                let of_leaves: Vec<u64> = leaves.iter().map(|leaf| counts.labelled()[leaf.index()]).collect();
                for (leaf, weight) in leaves.iter().zip(balanced_class_weights(&of_leaves)) {
                    weights[leaf.index()] = weight.powf(gamma);
                }
                let options = CrossEntropyOptions { class_weights: Some(weights), ..Default::default() };
                Box::new(CrossEntropy::on_tree(&layout, &options)?)
            }
        })
    }
}

/// A loss in the form that [`Trainer::train`](heliacal_models::train::Trainer::train) takes.
pub fn loss_function(loss: &dyn Loss) -> impl Fn(&Tensor, &Targets<'_>) -> candle_core::Result<Tensor> + '_ {
    |logits, targets| {
        let labels: Vec<u32> = targets.true_nodes.iter().map(|&node| node as u32).collect();
        loss.forward(logits, Labels::from(&labels)).map_err(candle_core::Error::wrap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes: root 0, a 1, b 2, c 3 and d 4 under b.
    fn tree() -> Taxonomy {
        let pairs = [("r", None), ("a", Some("r")), ("b", Some("r")), ("c", Some("b")), ("d", Some("b"))];
        Taxonomy::from_pairs("toy", pairs).unwrap()
    }

    fn mean(loss: TrainingLoss, labels: &[usize], training: &[u32]) -> f64 {
        let taxonomy = loss.network_taxonomy(&tree()).unwrap();
        let loss = loss.of(&taxonomy, training, &Device::Cpu).unwrap();
        let logits = Tensor::zeros((labels.len(), taxonomy.n_nodes()), DType::F32, &Device::Cpu).unwrap();
        let (fractions, n_rows) = (vec![1.0; labels.len()], vec![1; labels.len()]);
        let targets = Targets { true_nodes: labels, fractions: &fractions, n_rows: &n_rows };
        f64::from(loss_function(&*loss)(&logits, &targets).unwrap().to_scalar::<f32>().unwrap())
    }

    #[test]
    fn losses_at_equal_logits_by_hand() {
        let (half, third) = (2f64.ln(), 3f64.ln());
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        // Two levels to choose at for c and d, one for a.
        close(mean(TrainingLoss::Hxe { alpha: 0.0 }, &[1, 3], &[1]), 1.5 * half);
        // One object of a, two of c, one of d; 5 nodes: W of a, b, c, d is 4/5, 4/15, 4/10, 4/5.
        let whxe = TrainingLoss::Whxe { alpha: 0.0, gamma: 1.0 };
        close(mean(whxe, &[3], &[1, 3, 3, 4]), half * (4.0 / 15.0 + 4.0 / 10.0));
        // The flat tree's nodes: a 1, c 2, d 3. Leaf weights 4/3, 4/6, 4/3.
        close(mean(TrainingLoss::CrossEntropy { gamma: 0.0 }, &[1, 2], &[1, 2, 2, 3]), third);
        close(mean(TrainingLoss::CrossEntropy { gamma: 1.0 }, &[1, 2], &[1, 2, 2, 3]), third);
        close(mean(TrainingLoss::CrossEntropy { gamma: 1.0 }, &[2], &[1, 2, 2, 3]), third * 2.0 / 3.0);
    }

    #[test]
    fn faults_come_from_the_losses() {
        let loss = |alpha, labels: &[u32]| TrainingLoss::Hxe { alpha }.of(&tree(), labels, &Device::Cpu);
        assert!(loss(-1.0, &[1]).unwrap_err().to_string().contains("alpha"));
        assert!(loss(0.5, &[9]).is_err());
        assert!(loss(0.5, &[]).is_err());
    }
}
