//! What the cascade is trained with.

use heliacal_losses::{
    ClassifiedSteps, CrossEntropy, CrossEntropyOptions, CrossEntropyWithEsc, EscLoss, EscOptions, Labels,
    Loss, balanced_class_weights,
};
use heliacal_models::candle_core::{self, Device, Tensor};
use heliacal_models::train::{ScoredSteps, Targets};

use crate::Result;

/// The loss of a cascade: cross-entropy, of classes weighted or not, with the early-stable score or not.
///
/// ```text
/// CE + μ ESC_s,   class c weighted in CE with (N / (K N_c))^γ
/// ```
///
/// The default is Beyond the Final Label's: plain cross-entropy of the last classification. With μ above 0 (section IV.4.4 of
/// the paper, not tried there) the whole history of answers counts, with the weight curve of `EscOptions::default()` (α = 2).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CascadeLoss {
    /// γ, power of the class weights; 0 for none.
    pub gamma: f64,
    /// μ, factor of the early-stable score; 0 for none.
    pub mu: f64,
    /// Which classifications of a history the cross-entropy looks at.
    pub classified: ClassifiedSteps,
}

impl Default for CascadeLoss {
    fn default() -> Self {
        Self { gamma: 0.0, mu: 0.0, classified: ClassifiedSteps::Last }
    }
}

impl CascadeLoss {
    /// Which logits it needs.
    pub fn scored_steps(&self) -> ScoredSteps {
        if self.mu == 0.0 && self.classified == ClassifiedSteps::Last {
            ScoredSteps::Last
        } else {
            ScoredSteps::All
        }
    }

    /// The loss in the form that [`Trainer::train`](heliacal_models::train::Trainer::train) takes, with weights from the true
    /// classes of a training set.
    ///
    /// # Errors
    /// [`Error::Loss`](crate::Error::Loss) for a negative or infinite γ or μ, or no class.
    pub fn of(
        self,
        n_classes: usize,
        true_classes: impl IntoIterator<Item = usize>,
    ) -> Result<impl Fn(&Tensor, &Targets<'_>) -> candle_core::Result<Tensor>> {
        let mut counts = vec![0; n_classes];
        for class in true_classes {
            counts[class] += 1;
        }
        let weights = balanced_class_weights(&counts).into_iter().map(|weight| weight.powf(self.gamma));
        let class_weights = (self.gamma != 0.0).then(|| weights.collect());
        let options = CrossEntropyOptions { class_weights, ..CrossEntropyOptions::default() };
        let cross_entropy = CrossEntropy::flat(n_classes, &options)?;
        let esc = EscLoss::flat(n_classes, EscOptions::default())?;
        let with_esc = CrossEntropyWithEsc::new(cross_entropy.clone(), esc, self.mu, self.classified)?;
        Ok(move |logits: &Tensor, targets: &Targets<'_>| {
            let labels: Vec<u32> = targets.true_nodes.iter().map(|&class| class as u32).collect();
            let loss = match self.scored_steps() {
                ScoredSteps::Last => cross_entropy.forward(logits, Labels::from(&labels)),
                // Without the score, which costs more than the rest, there is no need for padding either.
                ScoredSteps::All if self.mu == 0.0 => {
                    every_step(&cross_entropy, logits, &labels, targets.n_rows)
                }
                ScoredSteps::All => with_esc
                    .forward(&padded(logits, targets.n_rows)?, Labels::from(&labels), targets.n_rows)
                    .map(|parts| parts.loss),
            };
            loss.map_err(candle_core::Error::wrap)
        })
    }
}

/// Mean over histories of the mean cross-entropy of their rows.
fn every_step(
    loss: &CrossEntropy,
    rows: &Tensor,
    labels: &[u32],
    lengths: &[usize],
) -> heliacal_losses::Result<Tensor> {
    let each = || labels.iter().zip(lengths);
    let of_rows: Vec<u32> = each().flat_map(|(&label, &n)| std::iter::repeat_n(label, n)).collect();
    let weights: Vec<f32> =
        each().flat_map(|(_, &n)| std::iter::repeat_n(1.0 / (n * labels.len()) as f32, n)).collect();
    let weights = Tensor::from_vec(weights, of_rows.len(), rows.device())?.to_dtype(rows.dtype())?;
    Ok((loss.per_object(rows, Labels::from(&of_rows))? * weights)?.sum_all()?)
}

/// Rows of histories one after the other, `[sum of lengths, class]`, as `[history, step, class]`. Behind the end of a history any
/// row will do: losses do not look at it.
fn padded(rows: &Tensor, lengths: &[usize]) -> candle_core::Result<Tensor> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let (mut index, mut first) = (Vec::with_capacity(lengths.len() * longest), 0);
    for &length in lengths {
        index.extend((0..longest).map(|step| (first + step.min(length.saturating_sub(1))) as u32));
        first += length;
    }
    // On the CPU, where the losses compute most: on a GPU candle has one thread for each class to add up the gradients of all
    // rows.
    let index = Tensor::from_vec(index, lengths.len() * longest, &Device::Cpu)?;
    let padded = rows.to_device(&Device::Cpu)?.index_select(&index, 0)?;
    padded.to_device(rows.device())?.reshape((lengths.len(), longest, ()))
}

#[cfg(test)]
mod tests {
    use heliacal_models::candle_core::Var;

    use super::*;

    const LAST: CascadeLoss = CascadeLoss { gamma: 0.0, mu: 0.0, classified: ClassifiedSteps::Last };

    fn value(loss: CascadeLoss, logits: &Tensor, classes: &[usize], n_rows: &[usize]) -> f64 {
        let fractions = vec![1.0; classes.len()];
        let targets = Targets { true_nodes: classes, fractions: &fractions, n_rows };
        let loss = loss.of(2, [0, 0, 0, 1]).unwrap();
        f64::from(loss(logits, &targets).unwrap().to_scalar::<f32>().unwrap())
    }

    #[test]
    fn losses_by_hand() {
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        let three = 3f32.ln();
        // Object 0 of class 0: p = 1/2, 3/4, 3/4. Object 1 of class 1: p = 1/4.
        let logits =
            Tensor::new(&[[0.0, 0.0], [three, 0.0], [three, 0.0], [three, 0.0]], &Device::Cpu).unwrap();
        let last = logits.narrow(0, 2, 2).unwrap();
        let (p0, p1) = ((0.75f64).ln(), (0.25f64).ln());
        close(value(LAST, &last, &[0, 1], &[1, 1]), -(p0 + p1) / 2.0);
        // Three objects of class 0 and one of class 1: weights 2/3 and 2.
        close(
            value(CascadeLoss { gamma: 1.0, ..LAST }, &last, &[0, 1], &[1, 1]),
            -(p0 * 2.0 / 3.0 + p1 * 2.0) / 2.0,
        );
        let every = CascadeLoss { classified: ClassifiedSteps::All, ..LAST };
        close(value(every, &logits, &[0, 1], &[3, 1]), -((0.5f64.ln() + 2.0 * p0) / 3.0 + p1) / 2.0);
        // The early-stable score of object 0: it moves once, at p = 1/2; of one step it is undefined.
        let esc = CascadeLoss { mu: 0.5, ..LAST };
        close(value(esc, &logits, &[0, 1], &[3, 1]), -(p0 + p1) / 2.0 - 0.5 * 0.5f64.ln());
    }

    #[test]
    fn gradients_of_a_padded_history_reach_each_row_once() {
        let rows = Var::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).unwrap();
        let padded = padded(&rows, &[1, 2]).unwrap();
        assert_eq!(padded.to_vec3::<f32>().unwrap()[1], [[3.0, 4.0], [5.0, 6.0]]);
        let gradients = padded.narrow(0, 1, 1).unwrap().sum_all().unwrap().backward().unwrap();
        let gradient = gradients.get(&rows).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(gradient, [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]);
    }

    #[test]
    fn numbers_that_make_no_loss_are_named() {
        let said = |loss: CascadeLoss| loss.of(2, [0, 1]).err().unwrap().to_string();
        assert!(said(CascadeLoss { mu: -1.0, ..LAST }).contains("mu"));
        assert!(CascadeLoss { gamma: f64::NAN, ..LAST }.of(2, [0, 0, 1]).is_err());
    }
}
