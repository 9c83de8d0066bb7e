//! GRU and LSTM as PyTorch's documentation writes them, in double precision and one sequence at a time: forward, and
//! backward by the chain rule. The backward pass is itself checked by central differences.

use heliacal_models::RecurrentConfig;

use crate::wave;

/// Which equations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Equations {
    Gru,
    Lstm,
}

impl Equations {
    pub fn gates(self) -> usize {
        if self == Self::Gru { 3 } else { 4 }
    }

    /// Vectors that a layer remembers: `h`, or `h` and `c`.
    pub fn states(self) -> usize {
        if self == Self::Gru { 1 } else { 2 }
    }
}

/// Stacked layers.
#[derive(Debug, Clone)]
pub struct Reference {
    pub equations: Equations,
    pub config: RecurrentConfig,
    pub layers: Vec<Layer>,
}

/// A layer's weights, or the gradients of them: rows by rows, `[gates x hidden, input or hidden]`.
#[derive(Debug, Clone)]
pub struct Layer {
    pub w_ih: Vec<f64>,
    pub w_hh: Vec<f64>,
    pub b_ih: Vec<f64>,
    pub b_hh: Vec<f64>,
}

impl Layer {
    /// In PyTorch's order, with PyTorch's names.
    pub fn named(&self) -> [(&'static str, &Vec<f64>); 4] {
        [
            ("weight_ih", &self.w_ih),
            ("weight_hh", &self.w_hh),
            ("bias_ih", &self.b_ih),
            ("bias_hh", &self.b_hh),
        ]
    }

    fn zeros_like(&self) -> Self {
        let zeros = |numbers: &[f64]| vec![0.0; numbers.len()];
        Self {
            w_ih: zeros(&self.w_ih),
            w_hh: zeros(&self.w_hh),
            b_ih: zeros(&self.b_ih),
            b_hh: zeros(&self.b_hh),
        }
    }
}

/// What a layer went through: everything after each step that the way back needs.
struct Step {
    x: Vec<f64>,
    /// The states before the step.
    before: Vec<Vec<f64>>,
    /// The gates after their activation.
    gates: Vec<f64>,
    /// GRU: `W_hn h + b_hn`. LSTM: `tanh c'`.
    inner: Vec<f64>,
}

impl Reference {
    /// All states of the last layer, and what each layer went through. `state` holds `h`, or `h` and `c`, of each layer.
    fn trace(&self, rows: &[f64], state: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<Step>>) {
        let mut outputs: Vec<Vec<f64>> = rows.chunks_exact(self.config.input).map(<[f64]>::to_vec).collect();
        let mut traces = Vec::new();
        for (layer, states) in self.layers.iter().zip(state.chunks_exact(self.equations.states())) {
            let mut states = states.to_vec();
            let mut trace = Vec::new();
            for output in &mut outputs {
                let x = std::mem::take(output);
                let (step, after) = self.step(layer, x, states);
                output.clone_from(&after[0]);
                states = after;
                trace.push(step);
            }
            traces.push(trace);
        }
        (outputs, traces)
    }

    fn step(&self, layer: &Layer, x: Vec<f64>, before: Vec<Vec<f64>>) -> (Step, Vec<Vec<f64>>) {
        let hidden = self.config.hidden;
        let input = affine(&layer.w_ih, &layer.b_ih, &x);
        let recurrent = affine(&layer.w_hh, &layer.b_hh, &before[0]);
        let mut gates: Vec<f64> = input.iter().zip(&recurrent).map(|(a, b)| a + b).collect();
        match self.equations {
            Equations::Gru => {
                let inner = recurrent[2 * hidden..].to_vec();
                let mut h = Vec::with_capacity(hidden);
                for k in 0..hidden {
                    let r = sigmoid(gates[k]);
                    let z = sigmoid(gates[hidden + k]);
                    let n = (input[2 * hidden + k] + r * inner[k]).tanh();
                    h.push((1.0 - z) * n + z * before[0][k]);
                    (gates[k], gates[hidden + k], gates[2 * hidden + k]) = (r, z, n);
                }
                (Step { x, before, gates, inner }, vec![h])
            }
            Equations::Lstm => {
                let (mut h, mut c, mut inner) = (Vec::new(), Vec::new(), Vec::new());
                for k in 0..hidden {
                    let i = sigmoid(gates[k]);
                    let f = sigmoid(gates[hidden + k]);
                    let g = gates[2 * hidden + k].tanh();
                    let o = sigmoid(gates[3 * hidden + k]);
                    c.push(f * before[1][k] + i * g);
                    inner.push(c[k].tanh());
                    h.push(o * inner[k]);
                    (gates[k], gates[hidden + k]) = (i, f);
                    (gates[2 * hidden + k], gates[3 * hidden + k]) = (g, o);
                }
                (Step { x, before, gates, inner }, vec![h, c])
            }
        }
    }

    /// The last layer's states after every step, one row after the other.
    pub fn forward(&self, rows: &[f64], state: &[Vec<f64>]) -> Vec<f64> {
        self.trace(rows, state).0.concat()
    }

    /// Zeros to add gradients of the weights to.
    pub fn no_gradients(&self) -> Vec<Layer> {
        self.layers.iter().map(Layer::zeros_like).collect()
    }

    /// Forward, and back from `cotangent`, the derivative of some loss by every output. Adds to the weights' gradients;
    /// gives the outputs and the gradients of the rows and of the initial states.
    pub fn backward(
        &self,
        rows: &[f64],
        state: &[Vec<f64>],
        cotangent: &[f64],
        weights: &mut [Layer],
    ) -> (Vec<f64>, Vec<f64>, Vec<Vec<f64>>) {
        let (outputs, traces) = self.trace(rows, state);
        let mut above: Vec<Vec<f64>> =
            cotangent.chunks_exact(self.config.hidden).map(<[f64]>::to_vec).collect();
        let mut initial = Vec::new();
        for ((layer, gradients), trace) in self.layers.iter().zip(weights).zip(&traces).rev() {
            let mut states = vec![vec![0.0; self.config.hidden]; self.equations.states()];
            for (step, above) in trace.iter().zip(&mut above).rev() {
                for (h, from_above) in states[0].iter_mut().zip(&*above) {
                    *h += from_above;
                }
                *above = self.step_back(layer, step, &mut states, gradients);
            }
            initial.splice(0..0, states);
        }
        (outputs.concat(), above.concat(), initial)
    }

    /// Turns the gradients of the states after a step into those before it; gives that of the step's input.
    fn step_back(
        &self,
        layer: &Layer,
        step: &Step,
        states: &mut [Vec<f64>],
        gradients: &mut Layer,
    ) -> Vec<f64> {
        let hidden = self.config.hidden;
        let gate = |index: usize, k: usize| step.gates[index * hidden + k];
        let mut input = vec![0.0; step.gates.len()]; // of W_i x + b_i
        let mut h_before = vec![0.0; hidden];
        for k in 0..hidden {
            let dh = states[0][k];
            match self.equations {
                Equations::Gru => {
                    let (r, z, n) = (gate(0, k), gate(1, k), gate(2, k));
                    let dn = dh * (1.0 - z) * (1.0 - n * n);
                    input[k] = dn * step.inner[k] * r * (1.0 - r);
                    input[hidden + k] = dh * (step.before[0][k] - n) * z * (1.0 - z);
                    input[2 * hidden + k] = dn;
                    h_before[k] = dh * z;
                }
                Equations::Lstm => {
                    let (i, f, g, o) = (gate(0, k), gate(1, k), gate(2, k), gate(3, k));
                    let dc = states[1][k] + dh * o * (1.0 - step.inner[k] * step.inner[k]);
                    input[k] = dc * g * i * (1.0 - i);
                    input[hidden + k] = dc * step.before[1][k] * f * (1.0 - f);
                    input[2 * hidden + k] = dc * i * (1.0 - g * g);
                    input[3 * hidden + k] = dh * step.inner[k] * o * (1.0 - o);
                    states[1][k] = dc * f;
                }
            }
        }
        let mut recurrent = input.clone(); // of W_h h + b_h
        if self.equations == Equations::Gru {
            for k in 0..hidden {
                recurrent[2 * hidden + k] *= gate(0, k);
            }
        }
        add_transposed(&layer.w_hh, &recurrent, &mut h_before);
        add_outer(&recurrent, &step.before[0], &mut gradients.w_hh, &mut gradients.b_hh);
        add_outer(&input, &step.x, &mut gradients.w_ih, &mut gradients.b_ih);
        states[0] = h_before;
        let mut x = vec![0.0; step.x.len()];
        add_transposed(&layer.w_ih, &input, &mut x);
        x
    }
}

fn sigmoid(v: f64) -> f64 {
    1.0 / (1.0 + (-v).exp())
}

/// `W v + b`.
fn affine(w: &[f64], b: &[f64], v: &[f64]) -> Vec<f64> {
    let dot = |row: &[f64]| row.iter().zip(v).map(|(w, v)| w * v).sum::<f64>();
    w.chunks_exact(v.len()).zip(b).map(|(row, b)| b + dot(row)).collect()
}

/// `out += W^T v`.
fn add_transposed(w: &[f64], v: &[f64], out: &mut [f64]) {
    for (row, v) in w.chunks_exact(out.len()).zip(v) {
        for (out, w) in out.iter_mut().zip(row) {
            *out += w * v;
        }
    }
}

/// `W += v x^T`, `b += v`.
fn add_outer(v: &[f64], x: &[f64], w: &mut [f64], b: &mut [f64]) {
    for ((row, b), v) in w.chunks_exact_mut(x.len()).zip(b).zip(v) {
        *b += v;
        for (w, x) in row.iter_mut().zip(x) {
            *w += v * x;
        }
    }
}

#[test]
fn the_backward_pass_equals_central_differences() {
    let numbers = |n: usize, seed: usize| (0..n).map(|i| f64::from(wave(seed + i))).collect::<Vec<_>>();
    let config = RecurrentConfig { input: 3, hidden: 4, n_layers: 2 };
    for equations in [Equations::Gru, Equations::Lstm] {
        let rows_of = 4 * equations.gates();
        let layer = |index: usize| Layer {
            w_ih: numbers(rows_of * if index == 0 { 3 } else { 4 }, 1000 * index),
            w_hh: numbers(rows_of * 4, 1000 * index + 200),
            b_ih: numbers(rows_of, 1000 * index + 400),
            b_hh: numbers(rows_of, 1000 * index + 600),
        };
        let reference = Reference { equations, config, layers: vec![layer(0), layer(1)] };
        let rows = numbers(15, 5000);
        let state: Vec<_> = (0..2 * equations.states()).map(|i| numbers(4, 6000 + 10 * i)).collect();
        let cotangent = numbers(20, 7000);
        let loss = |reference: &Reference, rows: &[f64], state: &[Vec<f64>]| -> f64 {
            reference.forward(rows, state).iter().zip(&cotangent).map(|(a, b)| a * b).sum()
        };
        let mut weights = reference.no_gradients();
        let (_, dx, dstate) = reference.backward(&rows, &state, &cotangent, &mut weights);
        let difference = |at: &dyn Fn(f64) -> f64| (at(1e-5) - at(-1e-5)) / 2e-5;
        let check = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-8, "{equations:?}: {found} {expected}");
        };
        for i in 0..rows.len() {
            check(
                dx[i],
                difference(&|shift| {
                    let mut rows = rows.clone();
                    rows[i] += shift;
                    loss(&reference, &rows, &state)
                }),
            );
        }
        for part in 0..state.len() {
            for k in 0..4 {
                check(
                    dstate[part][k],
                    difference(&|shift| {
                        let mut state = state.clone();
                        state[part][k] += shift;
                        loss(&reference, &rows, &state)
                    }),
                );
            }
        }
        for (index, gradients) in weights.iter().enumerate() {
            for (which, (_, gradient)) in gradients.named().into_iter().enumerate() {
                for (i, &found) in gradient.iter().enumerate() {
                    check(
                        found,
                        difference(&|shift| {
                            let mut shifted = reference.clone();
                            let layer = &mut shifted.layers[index];
                            let numbers =
                                [&mut layer.w_ih, &mut layer.w_hh, &mut layer.b_ih, &mut layer.b_hh];
                            numbers.into_iter().nth(which).unwrap()[i] += shift;
                            loss(&shifted, &rows, &state)
                        }),
                    );
                }
            }
        }
    }
}
