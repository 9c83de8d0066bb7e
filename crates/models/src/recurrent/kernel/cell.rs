//! What is special to a GRU and to an LSTM: what happens to one unit, once its products are summed.

use pulp::Simd;

use super::activation::{each, sigmoid, sigmoid_and_rest, tanh};

/// Numbers of one unit that a step leaves behind for the backward pass: the activated gates, and for the GRU the
/// candidate's recurrent sum.
pub(crate) const KEPT: usize = 4;

/// A recurrent cell with `G` gates.
///
/// The gradients of the sums stand in [`KEPT`] slots, of which those of the input's product and those of the recurrent
/// product are two runs of `G` (the GRU's candidate has its own sum in each).
pub(crate) trait Cell<const G: usize>: Send + Sync + 'static {
    /// Whether a unit remembers a second number (the LSTM's cell state) beside its output.
    const HAS_MEMORY: bool;
    /// Numbers that a unit remembers.
    const STATES: usize = 1 + Self::HAS_MEMORY as usize;
    /// First slot of the input's sums: gate g is in slot `INPUT_SLOT + g`.
    const INPUT_SLOT: usize;
    /// The slot of each gate's recurrent sum; they are the first `G`.
    const RECURRENT_SLOTS: [usize; G];

    /// Between the two products: prepares the sums for the recurrent one, and returns what must not be added to.
    fn between<S: Simd>(sums: &mut [S::f32s; G], bias: S::f32s) -> S::f32s;

    /// The new output and memory, and what the backward pass needs, of `W` vectors of units. `memory` is the state before:
    /// the GRU's output, the LSTM's cell state.
    fn update<S: Simd, const W: usize>(
        simd: S,
        sums: [Sums<S, G>; W],
        memory: [S::f32s; W],
    ) -> [Update<S>; W];

    /// Adds one more input, times its weight for each gate, to the sums as they are before [`update`](Self::update).
    fn add_input<S: Simd>(simd: S, sums: &mut Sums<S, G>, weights: &[S::f32s; G], input: S::f32s);

    /// The gradients, backward through [`update`](Self::update), of one vector of units.
    fn backward<S: Simd>(
        simd: S,
        kept: [S::f32s; KEPT],
        before: S::f32s,
        after: S::f32s,
        output: S::f32s,
        memory: S::f32s,
    ) -> Backward<S>;
}

/// The sums of one vector of units.
#[derive(Clone, Copy)]
pub(crate) struct Sums<S: Simd, const G: usize> {
    pub(crate) gates: [S::f32s; G],
    /// What [`Cell::between`] took out of them.
    pub(crate) held: S::f32s,
}

impl<S: Simd, const G: usize> Sums<S, G> {
    /// To be filled in.
    #[inline(always)]
    pub(crate) fn nothing(simd: S) -> Self {
        let zero = simd.splat_f32s(0.0);
        Self { gates: [zero; G], held: zero }
    }

    /// From `[gates + 1]`.
    #[inline(always)]
    pub(crate) fn read(simd: S, vectors: &[S::f32s]) -> Self {
        let mut sums = Self::nothing(simd);
        sums.gates.copy_from_slice(&vectors[..G]);
        sums.held = vectors[G];
        sums
    }

    #[inline(always)]
    pub(crate) fn write(&self, vectors: &mut [S::f32s]) {
        vectors[..G].copy_from_slice(&self.gates);
        vectors[G] = self.held;
    }
}

/// A step of one vector of units.
#[derive(Clone, Copy)]
pub(crate) struct Update<S: Simd> {
    pub(crate) output: S::f32s,
    pub(crate) memory: S::f32s,
    pub(crate) kept: [S::f32s; KEPT],
}

impl<S: Simd> Update<S> {
    /// To be filled in.
    #[inline(always)]
    fn nothing(simd: S) -> Self {
        let zero = simd.splat_f32s(0.0);
        Self { output: zero, memory: zero, kept: [zero; KEPT] }
    }
}

/// Gradients of one vector of units.
pub(crate) struct Backward<S: Simd> {
    /// Of the sums, by slot.
    pub(crate) slots: [S::f32s; KEPT],
    /// Of the output before, the part that does not go through the recurrent product.
    pub(crate) output: S::f32s,
    /// Of the memory before.
    pub(crate) memory: S::f32s,
}

/// Gated recurrent unit (Cho et al. 2014), gates r, z, n. Slots: n's recurrent sum, r, z, n's input sum.
#[derive(Debug, Clone, Copy)]
pub struct GruCell;

impl Cell<3> for GruCell {
    const HAS_MEMORY: bool = false;
    const INPUT_SLOT: usize = 1;
    const RECURRENT_SLOTS: [usize; 3] = [1, 2, 0];

    #[inline(always)]
    fn between<S: Simd>(sums: &mut [S::f32s; 3], bias: S::f32s) -> S::f32s {
        std::mem::replace(&mut sums[2], bias)
    }

    #[inline(always)]
    fn update<S: Simd, const W: usize>(
        simd: S,
        sums: [Sums<S, 3>; W],
        memory: [S::f32s; W],
    ) -> [Update<S>; W] {
        let r = sigmoid(simd, each!(simd, w < W => sums[w].gates[0]));
        let (z, not_z) = sigmoid_and_rest(simd, each!(simd, w < W => sums[w].gates[1]));
        let n = each!(simd, w < W => simd.mul_add_e_f32s(r[w], sums[w].gates[2], sums[w].held));
        let n = tanh(simd, n);
        // (1 - z) n + z h, so that a gate that is almost shut still lets its little through.
        let output = each!(simd, w < W =>
            simd.mul_add_e_f32s(not_z[w], simd.sub_f32s(n[w], memory[w]), memory[w]));
        let mut updates = [Update::nothing(simd); W];
        for w in 0..W {
            let kept = [r[w], z[w], n[w], sums[w].gates[2]];
            updates[w] = Update { output: output[w], memory: output[w], kept };
        }
        updates
    }

    #[inline(always)]
    fn add_input<S: Simd>(simd: S, sums: &mut Sums<S, 3>, weights: &[S::f32s; 3], input: S::f32s) {
        let Sums { gates: [r, z, _], held } = sums;
        for (sum, &weight) in [r, z, held].into_iter().zip(weights) {
            *sum = simd.mul_add_e_f32s(weight, input, *sum);
        }
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        [r, z, n, recurrent]: [S::f32s; KEPT],
        before: S::f32s,
        _after: S::f32s,
        output: S::f32s,
        memory: S::f32s,
    ) -> Backward<S> {
        let one = simd.splat_f32s(1.0);
        let not_z = simd.sub_f32s(one, z);
        let dn = simd.mul_f32s(output, not_z);
        let dn = simd.mul_f32s(dn, simd.sub_f32s(one, simd.mul_f32s(n, n)));
        let dz = simd.mul_f32s(output, simd.sub_f32s(before, n));
        let dz = simd.mul_f32s(dz, simd.mul_f32s(z, not_z));
        let dr = simd.mul_f32s(dn, recurrent);
        let dr = simd.mul_f32s(dr, simd.mul_f32s(r, simd.sub_f32s(one, r)));
        Backward { slots: [simd.mul_f32s(dn, r), dr, dz, dn], output: simd.mul_f32s(output, z), memory }
    }
}

/// Long short-term memory (Hochreiter & Schmidhuber 1997, with Gers' forget gate), gates i, f, g, o.
#[derive(Debug, Clone, Copy)]
pub struct LstmCell;

impl Cell<4> for LstmCell {
    const HAS_MEMORY: bool = true;
    const INPUT_SLOT: usize = 0;
    const RECURRENT_SLOTS: [usize; 4] = [0, 1, 2, 3];

    #[inline(always)]
    fn between<S: Simd>(_sums: &mut [S::f32s; 4], bias: S::f32s) -> S::f32s {
        bias
    }

    #[inline(always)]
    fn update<S: Simd, const W: usize>(
        simd: S,
        sums: [Sums<S, 4>; W],
        memory: [S::f32s; W],
    ) -> [Update<S>; W] {
        let i = sigmoid(simd, each!(simd, w < W => sums[w].gates[0]));
        let f = sigmoid(simd, each!(simd, w < W => sums[w].gates[1]));
        let g = tanh(simd, each!(simd, w < W => sums[w].gates[2]));
        let o = sigmoid(simd, each!(simd, w < W => sums[w].gates[3]));
        let memory = each!(simd, w < W =>
            simd.mul_add_e_f32s(f[w], memory[w], simd.mul_f32s(i[w], g[w])));
        let t = tanh(simd, memory);
        let mut updates = [Update::nothing(simd); W];
        for w in 0..W {
            let output = simd.mul_f32s(o[w], t[w]);
            updates[w] = Update { output, memory: memory[w], kept: [i[w], f[w], g[w], o[w]] };
        }
        updates
    }

    #[inline(always)]
    fn add_input<S: Simd>(simd: S, sums: &mut Sums<S, 4>, weights: &[S::f32s; 4], input: S::f32s) {
        for (sum, &weight) in sums.gates.iter_mut().zip(weights) {
            *sum = simd.mul_add_e_f32s(weight, input, *sum);
        }
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        [i, f, g, o]: [S::f32s; KEPT],
        before: S::f32s,
        after: S::f32s,
        output: S::f32s,
        memory: S::f32s,
    ) -> Backward<S> {
        let one = simd.splat_f32s(1.0);
        let [t] = tanh(simd, [after]);
        let through = simd.mul_f32s(simd.mul_f32s(output, o), simd.sub_f32s(one, simd.mul_f32s(t, t)));
        let memory = simd.add_f32s(memory, through);
        let slope = |gate| simd.mul_f32s(gate, simd.sub_f32s(one, gate));
        let d_o = simd.mul_f32s(simd.mul_f32s(output, t), slope(o));
        let di = simd.mul_f32s(simd.mul_f32s(memory, g), slope(i));
        let df = simd.mul_f32s(simd.mul_f32s(memory, before), slope(f));
        let dg = simd.mul_f32s(simd.mul_f32s(memory, i), simd.sub_f32s(one, simd.mul_f32s(g, g)));
        Backward { slots: [di, df, dg, d_o], output: simd.splat_f32s(0.0), memory: simd.mul_f32s(memory, f) }
    }
}
