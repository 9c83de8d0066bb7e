//! The early-stable classification score as a loss.

use candle_core::{DType, Tensor};
use heliacal_taxonomy::EdgeLength;

use crate::error::check_not_negative;
use crate::esc_weights::EscWeights;
use crate::outputs::Outputs;
use crate::target_rows::from_f64;
use crate::{Error, Labels, Result, TreeLayout};

/// What a history of two or more PMFs that do not change is worth: there Z = 0, and eq. 14 is 0/0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ConstantHistory {
    /// `-ln p_*`, which every weighting of equal PMFs gives; a network that is sure of a wrong class from the beginning
    /// then still learns.
    #[default]
    NegativeLogProbability,
    /// Undefined: it adds nothing and is not counted in the mean.
    Undefined,
}

/// What it costs to move probability from one class to another.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum TransportCost {
    /// 1 between any two leaves: W1 is half the L1 distance.
    Unit,
    /// The length of the path between them: W1 is the sum over edges of length times |difference of the mass below|.
    Tree(EdgeLength),
}

/// How the early-stable score is computed. The weight of time is the curve of eq. 15 and no other.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct EscOptions {
    /// α of the weight of time, at least 0; 2. With 0, `w(x) = x`.
    pub alpha: f64,
    /// Smallest p_*, above 0 and at most 1. None by default: below a floor there is no gradient through p_*, just where
    /// the network is most wrong. The metric's floor is 1e-12. Without one, a true class that is masked at some steps (a
    /// logit of -infinity) gives scores of up to 1e20 and gradients of some 5e18: set a floor where classes are masked.
    pub floor: Option<f64>,
    /// What a constant history is worth.
    pub constant_history: ConstantHistory,
}

impl Default for EscOptions {
    fn default() -> Self {
        Self { alpha: 2.0, floor: None, constant_history: ConstantHistory::default() }
    }
}

/// The early-stable score of histories of PMFs, differentiable: high where probability moves late and away from the
/// true class.
///
/// ```text
/// ESC_s = - (1/Z) Σ_{t=1..T-1} w(t/T) W1(p_t, p_{t+1}) ln p_{t,*},    Z = Σ_{t=1..T-1} w(t/T) W1(p_t, p_{t+1})    [nat]
/// w(x) = (e^{αx} - 1) / (e^α - 1)
/// ```
///
/// Logits are `[batch, time, n_logits]`, a history of T classifications occupying the first T steps; what stands behind
/// is never looked at, NaN included. Gradients flow through W1 as well as through ln p; where two masses are equal,
/// |difference| has the subgradient 0.
///
/// T < 2 is undefined: it adds nothing, is not in the mean, and is counted; when no history has a score, no gradient
/// comes. A pair whose W1 is at most 16 times the rounding of the number type, relative to the largest price, does not
/// move. A history in which no pair moves is constant, see [`ConstantHistory`]; neither α nor T nor the scale of the
/// prices has a part in that. Pairs after the last one that moves weigh 0.
///
/// Only ratios of weights and of distances matter. So Z is 1 in the computation, and the gradient
///
/// ```text
/// ∂ESC_s / ∂W1_t = w(t/T) (-ln p_{t,*} - ESC_s) / Z
/// ```
///
/// stays bounded as a history comes to rest: the bracket vanishes with Z. Only a p_* near 0 makes it large.
///
/// Beyond the Final Label, eq. 14 and 15 and section IV.4.4, [arXiv 2604.23792](https://arxiv.org/abs/2604.23792).
///
/// ```
/// use heliacal_losses::candle_core::{Device, Tensor};
/// use heliacal_losses::{EscLoss, EscOptions, Labels};
///
/// let esc = EscLoss::flat(2, EscOptions::default())?;
/// // One step: the weights cancel and -ln p_* of the first PMF is left.
/// let logits = Tensor::new(&[[[3f64.ln(), 0.0], [0.0, 0.0]]], &Device::Cpu)?;
/// let score = esc.forward(&logits, Labels::from(&[0]), &[2])?;
/// assert!((score.loss.to_scalar::<f64>()? + 0.75f64.ln()).abs() < 1e-15);
/// # Ok::<(), heliacal_losses::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EscLoss {
    outputs: Outputs,
    /// Price of a unit of |difference| in each class, the largest being 1: the score depends on their ratios only.
    prices: Vec<f64>,
    options: EscOptions,
}

/// The score of a batch of histories.
#[derive(Debug, Clone)]
pub struct EscScore {
    /// Mean over the histories that have a score \[nat\], a scalar; 0 when none has.
    pub loss: Tensor,
    /// Score of every history \[nat\], `[batch]`; 0 where it is undefined.
    pub per_object: Tensor,
    /// Histories without a score: T < 2, or constant under [`ConstantHistory::Undefined`].
    pub n_undefined: usize,
    /// Histories of two or more PMFs that do not change.
    pub n_constant: usize,
}

impl EscLoss {
    /// For a flat classifier at unit cost; labels are columns.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no class or more than 16384, a negative or infinite α, a floor outside (0, 1\].
    pub fn flat(n_classes: usize, options: EscOptions) -> Result<Self> {
        Self::new(Outputs::flat(n_classes)?, vec![1.0; n_classes], options)
    }

    /// For the leaves of a tree in either parametrization; labels are node indices, `p_*` the probability of the node.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a negative or infinite α, a floor outside (0, 1\].
    pub fn on_tree(layout: &TreeLayout, cost: TransportCost, options: EscOptions) -> Result<Self> {
        let outputs = Outputs::tree(layout);
        let mut prices = vec![0.0; outputs.n_classes()];
        match cost {
            // The mass below an edge is the probability of its lower node.
            TransportCost::Tree(edge_length) => {
                let taxonomy = layout.taxonomy();
                for (price, node) in prices.iter_mut().zip(taxonomy.nodes()) {
                    *price = match taxonomy.depth(node) {
                        0 => 0.0,
                        1 => 1.0,
                        // Relative to the edges at the root: a depth less.
                        depth => edge_length.at_depth(depth - 1),
                    };
                }
            }
            TransportCost::Unit => outputs.finest().into_iter().for_each(|leaf| prices[leaf] = 1.0),
        }
        Self::new(outputs, prices, options)
    }

    fn new(outputs: Outputs, prices: Vec<f64>, options: EscOptions) -> Result<Self> {
        check_not_negative("alpha", options.alpha)?;
        match options.floor {
            Some(floor) if !(floor > 0.0 && floor <= 1.0) => {
                Err(Error::Parameter { parameter: "floor", expected: "above 0 and at most 1", found: floor })
            }
            _ => Ok(Self { outputs, prices, options }),
        }
    }

    /// What a label names.
    pub(crate) fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Number of columns of the logits.
    pub fn n_logits(&self) -> usize {
        self.outputs.n_logits()
    }

    /// Scores histories: `logits` `[batch, time, n_logits]`, one label and one length per history.
    ///
    /// When every T < 2, the loss is 0 without a gradient: `backward` then gives none for the logits.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NumberType`], [`Error::Device`], [`Error::EmptyBatch`] for other logits;
    /// [`Error::Count`], [`Error::Label`], [`Error::Length`] for labels and lengths that do not fit.
    pub fn forward(&self, logits: &Tensor, labels: Labels<'_>, lengths: &[usize]) -> Result<EscScore> {
        let (batch, n_steps) = self.check(logits, lengths)?;
        let labels = labels.checked(batch, self.outputs.n_classes())?;
        let n_undefined = lengths.iter().filter(|&&length| length < 2).count();
        if n_undefined == batch {
            let per_object = Tensor::zeros(batch, logits.dtype(), logits.device())?;
            return Ok(EscScore { loss: per_object.mean_all()?, per_object, n_undefined, n_constant: 0 });
        }
        let rows = without_padding(logits, lengths)?.reshape((batch * n_steps, self.n_logits()))?;
        let log_p = self.outputs.log_probabilities(&rows)?;
        let distances = self.distances(&log_p.exp()?.reshape((batch, n_steps, ()))?)?;
        let truth: Vec<u32> = labels.iter().flat_map(|&label| std::iter::repeat_n(label, n_steps)).collect();
        let truth = Tensor::from_vec(truth, (batch * n_steps, 1), logits.device())?;
        let mut log_truth = log_p.gather(&truth, 1)?.reshape((batch, n_steps))?.narrow(1, 0, n_steps - 1)?;
        if let Some(floor) = self.options.floor {
            log_truth = log_truth.maximum(floor.ln())?;
        }
        self.scores(&distances, &log_truth, lengths, n_undefined)
    }

    /// W1 of consecutive PMFs: `[batch, time, class] -> [batch, time - 1]`.
    fn distances(&self, p: &Tensor) -> Result<Tensor> {
        let n_pairs = p.dim(1)? - 1;
        let change = (p.narrow(1, 1, n_pairs)? - p.narrow(1, 0, n_pairs)?)?;
        // Not abs(): its gradient in candle is 1 at 0.
        let sizes = (&change * change.detach().sign()?)?;
        let (batch, n_classes) = (p.dim(0)?, self.prices.len());
        let prices = from_f64(self.prices.clone(), (n_classes, 1), p.dtype(), p.device())?;
        Ok(sizes.reshape((batch * n_pairs, n_classes))?.matmul(&prices)?.reshape((batch, n_pairs))?)
    }

    fn scores(
        &self,
        distances: &Tensor,
        log_truth: &Tensor,
        lengths: &[usize],
        n_short: usize,
    ) -> Result<EscScore> {
        let (batch, n_pairs) = distances.dims2()?;
        let (dtype, device) = (distances.dtype(), distances.device());
        let epsilon = if dtype == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let on_host = distances.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        let EscWeights { weights, is_constant } =
            EscWeights::new(&on_host, lengths, self.options.alpha, epsilon);
        let n_constant = is_constant.iter().filter(|constant| **constant).count();
        let shares = from_f64(weights, (batch, n_pairs), dtype, device)?;
        let weighted = (distances * &shares)?;
        let z = weighted.sum(1)?;
        let moves: Vec<u8> = (0..batch).map(|i| u8::from(lengths[i] >= 2 && !is_constant[i])).collect();
        let moves = Tensor::from_vec(moves, batch, device)?;
        let ones = z.ones_like()?;
        let mean_of_moving = ((weighted * log_truth)?.sum(1)?.neg()? / moves.where_cond(&z, &ones)?)?;
        let (of_others, n_undefined) = match self.options.constant_history {
            ConstantHistory::NegativeLogProbability if n_constant > 0 => {
                ((log_truth * shares)?.sum(1)?.neg()?, n_short)
            }
            ConstantHistory::NegativeLogProbability => (z.zeros_like()?, n_short),
            ConstantHistory::Undefined => (z.zeros_like()?, n_short + n_constant),
        };
        let per_object = moves.where_cond(&mean_of_moving, &of_others)?;
        let n_scored = (batch - n_undefined).max(1);
        let loss = (per_object.sum_all()? / n_scored as f64)?;
        Ok(EscScore { loss, per_object, n_undefined, n_constant })
    }

    fn check(&self, logits: &Tensor, lengths: &[usize]) -> Result<(usize, usize)> {
        let (batch, n_steps) = match *logits.dims() {
            [batch, n_steps, found] if found == self.n_logits() => (batch, n_steps),
            _ => {
                let expected = format!("[batch, time, {}]", self.n_logits());
                return Err(Error::Shape { what: "logits", expected, found: logits.dims().to_vec() });
            }
        };
        self.outputs.check_kind(logits)?;
        if batch == 0 {
            return Err(Error::EmptyBatch);
        }
        if lengths.len() != batch {
            return Err(Error::Count { what: "lengths", expected: batch, found: lengths.len() });
        }
        match lengths.iter().position(|&length| length > n_steps) {
            Some(index) => Err(Error::Length { index, found: lengths[index], longest: n_steps }),
            None => Ok((batch, n_steps)),
        }
    }
}

/// Zeros behind the end of every history, so that nothing there, NaN included, reaches a sum.
fn without_padding(logits: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let (batch, n_steps, n) = logits.dims3()?;
    if lengths.iter().all(|&length| length == n_steps) {
        return Ok(logits.clone());
    }
    let inside: Vec<u8> =
        lengths.iter().flat_map(|&length| (0..n_steps).map(move |t| u8::from(t < length))).collect();
    let inside = Tensor::from_vec(inside, (batch, n_steps, 1), logits.device())?;
    Ok(inside.broadcast_as((batch, n_steps, n))?.where_cond(logits, &logits.zeros_like()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_out_of_range_are_named() {
        let options = EscOptions { floor: Some(0.0), ..Default::default() };
        let said = EscLoss::flat(3, options).unwrap_err().to_string();
        assert_eq!(said, "floor is 0, expected above 0 and at most 1");
        let options = EscOptions { alpha: -2.0, ..Default::default() };
        let said = EscLoss::flat(3, options).unwrap_err().to_string();
        assert_eq!(said, "alpha is -2, expected a finite number of at least 0");
    }
}
