//! Cross-entropy with the early-stable score as a regularizer.

use candle_core::{Device, Tensor};

use crate::error::check_not_negative;
use crate::target_rows::from_f64;
use crate::{CrossEntropy, Error, EscLoss, EscScore, Labels, Loss, Result};

/// Which classifications of a history the cross-entropy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ClassifiedSteps {
    /// The last one of every history.
    Last,
    /// All, averaged within each history first, so that a long history counts as much as a short one.
    All,
}

/// `CE + μ ESC_s` of histories of logits (Beyond the Final Label, section IV.4.4,
/// [arXiv 2604.23792](https://arxiv.org/abs/2604.23792)).
///
/// Each part is a mean over the histories that have it: the cross-entropy needs one classification, the score two.
///
/// Labels mean the same in both parts. With [`EscLoss::flat`] goes [`CrossEntropy::flat`], with [`EscLoss::on_tree`] a
/// cross-entropy on the same layout: [`CrossEntropy::on_tree`] or [`CrossEntropy::soft`], also where the logits are of
/// leaves.
///
/// ```
/// use heliacal_losses::candle_core::{DType, Device, Tensor};
/// use heliacal_losses::{
///     ClassifiedSteps, CrossEntropy, CrossEntropyOptions, CrossEntropyWithEsc, EscLoss, EscOptions, Labels,
/// };
///
/// let cross_entropy = CrossEntropy::flat(5, &CrossEntropyOptions::default())?;
/// let esc = EscLoss::flat(5, EscOptions::default())?;
/// let loss = CrossEntropyWithEsc::new(cross_entropy, esc, 0.5, ClassifiedSteps::Last)?;
/// let logits = Tensor::zeros((1, 10, 5), DType::F64, &Device::Cpu)?; // constant: both parts are ln 5
/// let parts = loss.forward(&logits, Labels::from(&[2]), &[10])?;
/// assert!((parts.loss.to_scalar::<f64>()? - 1.5 * 5f64.ln()).abs() < 1e-15);
/// # Ok::<(), heliacal_losses::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CrossEntropyWithEsc {
    cross_entropy: CrossEntropy,
    esc: EscLoss,
    mu: f64,
    steps: ClassifiedSteps,
}

/// The parts of `CE + μ ESC_s`.
#[derive(Debug, Clone)]
pub struct CrossEntropyAndEsc {
    /// The whole, a scalar.
    pub loss: Tensor,
    /// Mean cross-entropy \[nat\], a scalar.
    pub cross_entropy: Tensor,
    /// The early-stable score, not yet times μ.
    pub esc: EscScore,
}

impl CrossEntropyWithEsc {
    /// The sum with a factor μ of at least 0.
    ///
    /// # Errors
    /// [`Error::Parameter`] when μ is negative, NaN or infinite; [`Error::Count`] when the parts have different numbers
    /// of logits, [`Error::OtherClasses`] when one is flat and the other on a tree, or on another tree.
    pub fn new(cross_entropy: CrossEntropy, esc: EscLoss, mu: f64, steps: ClassifiedSteps) -> Result<Self> {
        check_not_negative("mu", mu)?;
        let (expected, found) = (cross_entropy.n_logits(), esc.n_logits());
        if found != expected {
            return Err(Error::Count { what: "logits in the early-stable score", expected, found });
        }
        cross_entropy.outputs().check_same_classes("classes of the early-stable score", esc.outputs())?;
        Ok(Self { cross_entropy, esc, mu, steps })
    }

    /// The loss of histories: `logits` `[batch, time, n_logits]`, one label and one length per history.
    ///
    /// # Errors
    /// As [`EscLoss::forward`]; [`Error::EmptyBatch`] also when every history is empty.
    pub fn forward(
        &self,
        logits: &Tensor,
        labels: Labels<'_>,
        lengths: &[usize],
    ) -> Result<CrossEntropyAndEsc> {
        let esc = self.esc.forward(logits, labels, lengths)?;
        let cross_entropy = self.mean_cross_entropy(logits, labels, lengths)?;
        // With μ = 0 the score must not reach the gradient, not even as 0 times infinity.
        let loss =
            if self.mu == 0.0 { cross_entropy.clone() } else { (&cross_entropy + (&esc.loss * self.mu)?)? };
        Ok(CrossEntropyAndEsc { loss, cross_entropy, esc })
    }

    fn mean_cross_entropy(&self, logits: &Tensor, labels: Labels<'_>, lengths: &[usize]) -> Result<Tensor> {
        let (batch, n_steps, n_logits) = logits.dims3()?;
        let labels = labels.checked(batch, self.cross_entropy.n_classes())?;
        let n_histories = lengths.iter().filter(|&&length| length > 0).count();
        if n_histories == 0 {
            return Err(Error::EmptyBatch);
        }
        let (mut rows, mut row_labels, mut row_weights) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (&length, &label)) in lengths.iter().zip(labels.iter()).enumerate() {
            let first = match self.steps {
                ClassifiedSteps::Last => length.saturating_sub(1),
                ClassifiedSteps::All => 0,
            };
            for step in first..length {
                rows.push((i * n_steps + step) as u32);
                row_labels.push(label);
                row_weights.push(1.0 / ((length - first) * n_histories) as f64);
            }
        }
        let n_rows = rows.len();
        let rows = Tensor::from_vec(rows, n_rows, &Device::Cpu)?;
        // On the CPU, like the fused operations: on a GPU candle has one thread for each logit to add up the gradients of all
        // rows.
        let here = logits.to_device(&Device::Cpu)?.reshape((batch * n_steps, n_logits))?;
        let picked = here.index_select(&rows, 0)?.to_device(logits.device())?;
        let weights = from_f64(row_weights, (n_rows, 1), logits.dtype(), logits.device())?.squeeze(1)?;
        Ok((self.cross_entropy.per_object(&picked, Labels::from(&row_labels))? * weights)?.sum_all()?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use heliacal_taxonomy::{EdgeLength, Taxonomy};

    use super::*;
    use crate::{CrossEntropyOptions, EscOptions, Parametrization, TransportCost, TreeLayout};

    #[test]
    fn a_flat_cross_entropy_beside_a_score_on_a_tree_is_refused() {
        let layout = |name: &str, leaves: &[&str]| {
            let taxonomy = Taxonomy::flat(name, leaves).unwrap();
            TreeLayout::new(&taxonomy, Parametrization::LeafSoftmax, DType::F64, &Device::Cpu).unwrap()
        };
        let on_tree = |layout: &TreeLayout| CrossEntropy::on_tree(layout, &CrossEntropyOptions::default());
        let sn = layout("sn", &["Ia", "II"]);
        let cost = TransportCost::Tree(EdgeLength::UNIT);
        let esc = EscLoss::on_tree(&sn, cost, EscOptions::default()).unwrap();
        let with = |entropy: CrossEntropy, esc: &EscLoss| {
            CrossEntropyWithEsc::new(entropy, esc.clone(), 1.0, ClassifiedSteps::All)
        };
        let flat = CrossEntropy::flat(2, &CrossEntropyOptions::default()).unwrap();
        let said = with(flat, &esc).unwrap_err().to_string();
        assert_eq!(said, "classes of the early-stable score: the 3 nodes of tree sn, expected 2 columns");
        let flat_esc = EscLoss::flat(2, EscOptions::default()).unwrap();
        let said = with(on_tree(&sn).unwrap(), &flat_esc).unwrap_err().to_string();
        assert_eq!(said, "classes of the early-stable score: 2 columns, expected the 3 nodes of tree sn");
        let agn = layout("agn", &["Blazar", "Seyfert"]);
        assert!(matches!(with(on_tree(&agn).unwrap(), &esc), Err(Error::OtherClasses { .. })));
        assert!(with(on_tree(&sn).unwrap(), &esc).is_ok());
    }
}
