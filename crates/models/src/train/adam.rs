//! The optimizer Adam.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

/// Decay of the mean of gradients.
const BETA1: f64 = 0.9;
/// Decay of the mean of squared gradients.
const BETA2: f64 = 0.999;
/// Keeps the quotient finite.
const EPSILON: f64 = 1e-8;

/// Tensors by name, in a fixed order.
pub(super) type Weights = BTreeMap<String, Tensor>;

/// Adam (Kingma and Ba 2015, [arXiv 1412.6980](https://arxiv.org/abs/1412.6980), algorithm 1), with its variables.
///
/// ```text
/// m ← β1 m + (1 - β1) g        m^ = m / (1 - β1^t)
/// v ← β2 v + (1 - β2) g²       v^ = v / (1 - β2^t)
/// θ ← θ - lr m^ / (√v^ + ε)    β1 = 0.9, β2 = 0.999, ε = 1e-8
/// ```
///
/// candle-nn's AdamW without weight decay computes the same (a test compares them), but its moments cannot be read, and
/// without them a training cannot be resumed.
#[derive(Debug)]
pub(super) struct Adam {
    variables: BTreeMap<String, Moments>,
    /// t: steps made.
    pub step: u64,
}

#[derive(Debug)]
struct Moments {
    variable: Var,
    first: Tensor,
    second: Tensor,
}

impl Adam {
    /// Variables that begin with these weights.
    pub fn new(weights: &Weights) -> Result<Self> {
        let zeros = weights.iter().map(|(name, weight)| Ok((name.clone(), weight.zeros_like()?)));
        let zeros: Weights = zeros.collect::<Result<_>>()?;
        Self::with_moments(weights, &zeros, &zeros, 0)
    }

    /// Goes on from stored moments, which have the names and shapes of the weights.
    pub fn with_moments(weights: &Weights, first: &Weights, second: &Weights, step: u64) -> Result<Self> {
        let moment = |moments: &Weights, name: &str| {
            moments.get(name).cloned().ok_or_else(|| candle_core::Error::Msg(format!("no moment of {name}")))
        };
        let variables = weights.iter().map(|(name, weight)| {
            // A copy: a variable changes in place, and the weights handed in must not.
            let variable = Var::from_tensor(&weight.detach().copy()?)?;
            Ok((
                name.clone(),
                Moments { variable, first: moment(first, name)?, second: moment(second, name)? },
            ))
        });
        Ok(Self { variables: variables.collect::<Result<_>>()?, step })
    }

    /// Changes the variables against their gradients. One without a gradient stays as it is.
    pub fn step(&mut self, gradients: &GradStore, learning_rate: f64) -> Result<()> {
        self.step += 1;
        let t = i32::try_from(self.step).unwrap_or(i32::MAX);
        let (scale1, scale2) = (1.0 / (1.0 - BETA1.powi(t)), 1.0 / (1.0 - BETA2.powi(t)));
        for Moments { variable, first, second } in self.variables.values_mut() {
            let Some(gradient) = gradients.get(variable) else { continue };
            let gradient = gradient.detach();
            *first = ((&*first * BETA1)? + (&gradient * (1.0 - BETA1))?)?;
            *second = ((&*second * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
            let direction = ((&*first * scale1)? / ((&*second * scale2)?.sqrt()? + EPSILON)?)?;
            variable.set(&(variable.as_detached_tensor() - (direction * learning_rate)?)?)?;
        }
        Ok(())
    }

    /// The variables, for a network that is to be differentiated.
    pub fn variables(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        self.variables.iter().map(|(name, moments)| (name, moments.variable.as_tensor()))
    }

    /// A copy of the weights.
    pub fn weights(&self) -> Result<Weights> {
        self.variables().map(|(name, weight)| Ok((name.clone(), weight.detach().copy()?))).collect()
    }

    /// The first and second moments of each variable.
    pub fn moments(&self) -> impl Iterator<Item = (&String, [&Tensor; 2])> {
        self.variables.iter().map(|(name, moments)| (name, [&moments.first, &moments.second]))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};

    use super::*;

    fn weights(numbers: &[f64]) -> Weights {
        Weights::from([("w".to_owned(), Tensor::new(numbers, &Device::Cpu).unwrap())])
    }

    fn numbers(adam: &Adam) -> Vec<f64> {
        adam.weights().unwrap()["w"].to_vec1().unwrap()
    }

    #[test]
    fn two_steps_by_hand() {
        let mut adam = Adam::new(&weights(&[1.0, -2.0])).unwrap();
        // Loss 3 w_0 - w_1: gradients 3 and -1. While gradients stay the same, m^ / √v^ is their sign.
        for (step, expected) in [(1, [0.9, -1.9]), (2, [0.8, -1.8])] {
            let (_, w) = adam.variables().next().unwrap();
            let loss = (w * Tensor::new(&[3.0, -1.0], &Device::Cpu).unwrap()).unwrap().sum_all().unwrap();
            let gradients = loss.backward().unwrap();
            adam.step(&gradients, 0.1).unwrap();
            assert_eq!(adam.step, step);
            for (found, expected) in numbers(&adam).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-8, "{found}"); // ε moves it by 1e-9
            }
        }
    }

    #[test]
    fn as_candle_nn_without_weight_decay() {
        let start = [0.3, -1.7, 2.5];
        let mut ours = Adam::new(&weights(&start)).unwrap();
        let variable = Var::new(&start, &Device::Cpu).unwrap();
        let params = ParamsAdamW { lr: 0.05, weight_decay: 0.0, ..ParamsAdamW::default() };
        let mut theirs = AdamW::new(vec![variable.clone()], params).unwrap();
        // A valley that bends: Σ w⁴ - w².
        let loss =
            |w: &Tensor| (w.sqr().unwrap().sqr().unwrap() - w.sqr().unwrap()).unwrap().sum_all().unwrap();
        for _ in 0..100 {
            let gradients = loss(ours.variables().next().unwrap().1).backward().unwrap();
            ours.step(&gradients, 0.05).unwrap();
            theirs.backward_step(&loss(&variable)).unwrap();
        }
        for (a, b) in numbers(&ours).iter().zip(variable.to_vec1::<f64>().unwrap()) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
        assert!(numbers(&ours)[0] > 0.5, "it has moved towards a minimum at 0.71");
    }

    #[test]
    fn stored_moments_go_on_where_they_were_and_copies_stay() {
        let step = |adam: &mut Adam| {
            let gradients =
                adam.variables().next().unwrap().1.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            adam.step(&gradients, 0.01).unwrap();
        };
        let mut whole = Adam::new(&weights(&[1.0, 2.0])).unwrap();
        step(&mut whole);
        let copy = whole.weights().unwrap();
        let moment =
            |i: usize| whole.moments().map(|(name, m)| (name.clone(), m[i].clone())).collect::<Weights>();
        let mut resumed = Adam::with_moments(&copy, &moment(0), &moment(1), whole.step).unwrap();
        step(&mut whole);
        step(&mut resumed);
        assert_eq!(numbers(&whole), numbers(&resumed));
        assert_ne!(copy["w"].to_vec1::<f64>().unwrap(), numbers(&whole));
        assert_eq!(copy["w"].dtype(), DType::F64);
    }
}
