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
///
/// Numbers stand one after the other in the order of the variables' names: on a GPU a step is then some dozen operations and a
/// copy to and from each variable, where an operation on each variable is one launch more.
#[derive(Debug)]
pub(super) struct Adam {
    variables: BTreeMap<String, Var>,
    /// θ
    weights: Tensor,
    /// m
    first: Tensor,
    /// v
    second: Tensor,
    /// t: steps made.
    pub step: u64,
}

impl Adam {
    /// Variables that begin with these weights, of which there is at least one.
    pub fn new(weights: &Weights) -> Result<Self> {
        let zeros = weights.iter().map(|(name, weight)| Ok((name.clone(), weight.zeros_like()?)));
        let zeros: Weights = zeros.collect::<Result<_>>()?;
        Self::with_moments(weights, &zeros, &zeros, 0)
    }

    /// Goes on from stored moments, which have the names and shapes of the weights.
    pub fn with_moments(weights: &Weights, first: &Weights, second: &Weights, step: u64) -> Result<Self> {
        let flat = |tensors: &Weights| {
            let in_order = weights.keys().map(|name| {
                let tensor = tensors.get(name);
                tensor
                    .ok_or_else(|| candle_core::Error::Msg(format!("no moment of {name}")))?
                    .detach()
                    .flatten_all()
            });
            Tensor::cat(&in_order.collect::<Result<Vec<_>>>()?, 0)
        };
        let variables = weights.iter().map(|(name, weight)| {
            // A copy: a variable changes in place, and the weights handed in must not.
            Ok((name.clone(), Var::from_tensor(&weight.detach().copy()?)?))
        });
        let variables = variables.collect::<Result<_>>()?;
        Ok(Self { variables, weights: flat(weights)?, first: flat(first)?, second: flat(second)?, step })
    }

    /// Changes the variables against their gradients. One without a gradient has one of zero: if it never had another, it
    /// stays as it is.
    pub fn step(&mut self, gradients: &GradStore, learning_rate: f64) -> Result<()> {
        self.step += 1;
        let t = i32::try_from(self.step).unwrap_or(i32::MAX);
        let (scale1, scale2) = (1.0 / (1.0 - BETA1.powi(t)), 1.0 / (1.0 - BETA2.powi(t)));
        let gradients = self.variables.values().map(|variable| match gradients.get(variable) {
            Some(gradient) => gradient.detach().flatten_all(),
            None => variable.zeros_like()?.flatten_all(),
        });
        let gradient = Tensor::cat(&gradients.collect::<Result<Vec<_>>>()?, 0)?;
        self.first = ((&self.first * BETA1)? + (&gradient * (1.0 - BETA1))?)?;
        self.second = ((&self.second * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
        let direction = ((&self.first * scale1)? / ((&self.second * scale2)?.sqrt()? + EPSILON)?)?;
        self.weights = (&self.weights - (direction * learning_rate)?)?;
        for (variable, weight) in self.variables.values().zip(self.of_each(&self.weights)) {
            variable.set(&weight?)?;
        }
        Ok(())
    }

    /// The variables, for a network that is to be differentiated.
    pub fn variables(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        self.variables.iter().map(|(name, variable)| (name, variable.as_tensor()))
    }

    /// A copy of the weights.
    pub fn weights(&self) -> Result<Weights> {
        self.variables().map(|(name, weight)| Ok((name.clone(), weight.detach().copy()?))).collect()
    }

    /// The first and second moments of each variable.
    pub fn moments(&self) -> impl Iterator<Item = Result<(&String, [Tensor; 2])>> {
        let moments = self.of_each(&self.first).zip(self.of_each(&self.second));
        self.variables.keys().zip(moments).map(|(name, (first, second))| Ok((name, [first?, second?])))
    }

    /// Each variable's part of the numbers of all, in its shape.
    fn of_each(&self, flat: &Tensor) -> impl Iterator<Item = Result<Tensor>> {
        let mut begin = 0;
        self.variables.values().map(move |variable| {
            let part = flat.narrow(0, begin, variable.elem_count())?.reshape(variable.shape());
            begin += variable.elem_count();
            part
        })
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

    /// Two variables of other shapes, one of them left out of the loss.
    #[test]
    fn each_variable_gets_its_own_gradient_and_one_without_stays() {
        let tensor = |shape: &[usize]| Tensor::ones(shape, DType::F64, &Device::Cpu).unwrap();
        let weights = ["a", "b", "c"].map(str::to_owned).into_iter();
        let weights: Weights = weights.zip([tensor(&[2, 3]), tensor(&[4]), tensor(&[1, 2])]).collect();
        let mut adam = Adam::new(&weights).unwrap();
        let variables: Vec<Tensor> = adam.variables().map(|(_, variable)| variable.clone()).collect();
        let rising = Tensor::arange(1.0, 7.0, &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
        let loss = (variables[0].mul(&rising).unwrap().sum_all().unwrap() - variables[2].sum_all().unwrap())
            .unwrap();
        adam.step(&loss.backward().unwrap(), 0.5).unwrap();
        let after = adam.weights().unwrap();
        let flat = |name: &str| after[name].flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!((after["a"].dims(), after["c"].dims()), (&[2, 3][..], &[1, 2][..]));
        assert!(
            flat("a").iter().all(|w| (w - 0.5).abs() < 1e-8)
                && flat("c").iter().all(|w| (w - 1.5).abs() < 1e-8)
        );
        assert_eq!(flat("b"), [1.0; 4]);
        let firsts: Vec<Vec<f64>> = adam
            .moments()
            .map(|moments| moments.unwrap().1[0].flatten_all().unwrap().to_vec1().unwrap())
            .collect();
        for (found, expected) in firsts[0].iter().zip(1..) {
            assert!((found - 0.1 * f64::from(expected)).abs() < 1e-15);
        }
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
        let moment = |i: usize| {
            whole
                .moments()
                .map(|m| m.map(|(name, m)| (name.clone(), m[i].clone())).unwrap())
                .collect::<Weights>()
        };
        let mut resumed = Adam::with_moments(&copy, &moment(0), &moment(1), whole.step).unwrap();
        step(&mut whole);
        step(&mut resumed);
        assert_eq!(numbers(&whole), numbers(&resumed));
        assert_ne!(copy["w"].to_vec1::<f64>().unwrap(), numbers(&whole));
        assert_eq!(copy["w"].dtype(), DType::F64);
    }
}
