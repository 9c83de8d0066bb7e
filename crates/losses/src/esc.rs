//! The early-stable classification score as a loss.

use candle_core::{DType, Tensor};
use heliacal_taxonomy::EdgeLength;

use crate::error::{check_float, check_not_negative};
use crate::outputs::Outputs;
use crate::target_rows::from_f64;
use crate::{Error, Labels, Result, TreeLayout};

/// Rounding of a sum of distances between PMFs, in units of the number type's epsilon: below it, a history counts as
/// constant.
const ROUNDING_STEPS: f64 = 16.0;

/// What a history of two or more PMFs that do not change is worth: there Z = 0 and eq. 14 is 0/0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConstantHistory {
    /// `-ln p_*`, which every weighting of equal PMFs gives; a network that is sure of a wrong class from the beginning
    /// then still learns.
    #[default]
    TrueClass,
    /// Undefined: it adds nothing and is not counted in the mean.
    Undefined,
}

/// What it costs to move probability from one class to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TransportCost {
    /// 1 between any two leaves: W1 is half the L1 distance.
    Unit,
    /// The length of the path between them: W1 is the sum over edges of length times |difference of the mass below|.
    Tree(EdgeLength),
}

/// How the early-stable score is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EscOptions {
    /// α of the weight of time, at least 0; 2. With 0, `w(x) = x`.
    pub alpha: f64,
    /// Smallest p_*, above 0 and at most 1. None by default: below a floor there is no gradient, just where the network
    /// is most wrong. The metric's floor is 1e-12.
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
/// T < 2 is undefined: it adds nothing, is not in the mean, and is counted. When Z is at most 16 times the rounding of
/// the number type, the history counts as constant, see [`ConstantHistory`]. Because of 1/Z, gradients grow without
/// bound as Z nears 0: clip them.
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
    /// Price of a unit of |difference| in each class.
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
    /// [`Error::Parameter`] for no class, a negative or infinite α, a floor outside (0, 1\].
    pub fn flat(n_classes: usize, options: EscOptions) -> Result<Self> {
        Self::new(Outputs::flat(n_classes)?, vec![0.5; n_classes], options)
    }

    /// For the leaves of a tree in either parametrization; labels are node indices, `p_*` the probability of the node.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a negative or infinite α, a floor outside (0, 1\].
    pub fn on_tree(layout: &TreeLayout, cost: TransportCost, options: EscOptions) -> Result<Self> {
        let outputs = Outputs::tree(layout);
        let prices = match cost {
            // The mass below an edge is the probability of its lower node.
            TransportCost::Tree(edge_length) => layout.taxonomy().edge_lengths(edge_length),
            TransportCost::Unit => {
                let mut prices = vec![0.0; outputs.n_classes()];
                for leaf in outputs.finest() {
                    prices[leaf] = 0.5;
                }
                prices
            }
        };
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

    /// Number of columns of the logits.
    pub fn n_logits(&self) -> usize {
        self.outputs.n_logits()
    }

    /// Scores histories: `logits` `[batch, time, n_logits]`, one label and one length per history.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NumberType`], [`Error::EmptyBatch`] for other logits, [`Error::Count`],
    /// [`Error::Label`], [`Error::Length`] for labels and lengths that do not fit.
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
        let weights = self.weights(lengths, n_pairs);
        let weighted = (distances * from_f64(weights.clone(), (batch, n_pairs), dtype, device)?)?;
        let z = weighted.sum(1)?;
        let epsilon = if dtype == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let z_values = z.detach().to_dtype(DType::F64)?.to_vec1::<f64>()?;
        // A NaN is no constant history: it has to show in the loss.
        let is_constant = |i: usize| lengths[i] >= 2 && z_values[i] <= ROUNDING_STEPS * epsilon;
        let n_constant = (0..batch).filter(|&i| is_constant(i)).count();
        let moves: Vec<u8> = (0..batch).map(|i| u8::from(lengths[i] >= 2 && !is_constant(i))).collect();
        let moves = Tensor::from_vec(moves, batch, device)?;
        let ones = z.ones_like()?;
        let mean_of_moving = ((weighted * log_truth)?.sum(1)?.neg()? / moves.where_cond(&z, &ones)?)?;
        let (of_others, n_undefined) = match self.options.constant_history {
            ConstantHistory::TrueClass if n_constant > 0 => {
                let shares = constant_shares(weights, n_pairs, is_constant);
                let shares = from_f64(shares, (batch, n_pairs), dtype, device)?;
                ((log_truth * shares)?.sum(1)?.neg()?, n_short)
            }
            ConstantHistory::TrueClass => (z.zeros_like()?, n_short),
            ConstantHistory::Undefined => (z.zeros_like()?, n_short + n_constant),
        };
        let per_object = moves.where_cond(&mean_of_moving, &of_others)?;
        let n_scored = (batch - n_undefined).max(1);
        let loss = (per_object.sum_all()? / n_scored as f64)?;
        Ok(EscScore { loss, per_object, n_undefined, n_constant })
    }

    /// `w(t/T)` of every pair of every history, 0 behind its end.
    fn weights(&self, lengths: &[usize], n_pairs: usize) -> Vec<f64> {
        let of_history = |&length: &usize| {
            (1..=n_pairs).map(move |t| {
                if t < length { time_weight(t as f64 / length as f64, self.options.alpha) } else { 0.0 }
            })
        };
        lengths.iter().flat_map(of_history).collect()
    }

    fn check(&self, logits: &Tensor, lengths: &[usize]) -> Result<(usize, usize)> {
        let (batch, n_steps) = match *logits.dims() {
            [batch, n_steps, found] if found == self.n_logits() => (batch, n_steps),
            _ => {
                let expected = format!("[batch, time, {}]", self.n_logits());
                return Err(Error::Shape { what: "logits", expected, found: logits.dims().to_vec() });
            }
        };
        check_float(logits)?;
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

/// `(e^{αx} - 1) / (e^α - 1)`, written so that no α overflows; x where α is 0.
fn time_weight(x: f64, alpha: f64) -> f64 {
    if alpha == 0.0 { x } else { (alpha * (x - 1.0)).exp() * (-alpha * x).exp_m1() / (-alpha).exp_m1() }
}

/// The weights of time of the constant histories, normalized; 0 for the others.
fn constant_shares(mut weights: Vec<f64>, n_pairs: usize, is_constant: impl Fn(usize) -> bool) -> Vec<f64> {
    for (i, row) in weights.chunks_mut(n_pairs).enumerate() {
        let sum: f64 = row.iter().sum();
        let scale = if is_constant(i) && sum > 0.0 { 1.0 / sum } else { 0.0 };
        for weight in row {
            *weight *= scale;
        }
    }
    weights
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
    fn time_weights_by_hand() {
        assert!((time_weight(0.5, 2.0) - (1f64.exp() - 1.0) / (2f64.exp() - 1.0)).abs() < 1e-16);
        assert_eq!((time_weight(0.25, 0.0), time_weight(1.0, 3.0), time_weight(0.0, 3.0)), (0.25, 1.0, 0.0));
        assert!((time_weight(0.25, 1e-9) - 0.25).abs() < 1e-9);
        assert_eq!(time_weight(0.9, 1e5), 0.0);
    }

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
