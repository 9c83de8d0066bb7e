//! The sums of all gates of some units, in registers from the bias over both products to the activation.

use pulp::Simd;

use super::aligned::Aligned;
use super::cell::{Cell, Sums};
use super::step::Weights;

/// The weights of one layer by blocks of one vector of units, in the order in which the sums of a block take them:
/// `[block][input, then hidden][gate][lane]`. Units beyond the last have weights of 0.
#[derive(Debug)]
pub(super) struct GateWeights {
    input: usize,
    depth: usize,
    data: Aligned,
    /// `[block][gates + 1][lane]`: what the sums begin with, and what [`Cell::between`] is given.
    bias: Aligned,
}

impl GateWeights {
    pub(super) fn pack<C: Cell<G>, const G: usize>(weights: &Weights<'_>, lanes: usize) -> Self {
        let &Weights { input, hidden, w_ih, w_hh, b_ih, b_hh } = weights;
        let (n_blocks, depth) = (hidden.div_ceil(lanes), input + hidden);
        let mut data = Aligned::zeros(n_blocks * depth * G * lanes);
        let mut bias = Aligned::zeros(n_blocks * (G + 1) * lanes);
        for (unit, gate) in (0..hidden).flat_map(|unit| (0..G).map(move |gate| (unit, gate))) {
            let (block, lane, row) = (unit / lanes, unit % lanes, gate * hidden + unit);
            let (from_input, from_hidden) = (&w_ih[row * input..][..input], &w_hh[row * hidden..][..hidden]);
            for (k, &weight) in from_input.iter().chain(from_hidden).enumerate() {
                data[((block * depth + k) * G + gate) * lanes + lane] = weight;
            }
            let place = |gate: usize| (block * (G + 1) + gate) * lanes + lane;
            bias[place(gate)] = b_ih[row];
            // One sum for both products, or one each.
            let shared = C::RECURRENT_SLOTS[gate] == C::INPUT_SLOT + gate;
            bias[place(if shared { gate } else { G })] += b_hh[row];
        }
        Self { input, depth, data, bias }
    }

    /// The sums of `R` rows for `B` blocks from `first` on. Every sum is in the order of the inputs and then of the states,
    /// whatever goes together with it.
    ///
    /// Twelve sums are enough to hide the latency of a multiply-add, and with a vector of weights and `R` numbers they fit
    /// 16 registers; a single sum in memory would halve the speed.
    #[inline(always)]
    pub(super) fn sums<S: Simd, C: Cell<G>, const G: usize, const R: usize, const B: usize>(
        &self,
        simd: S,
        first: usize,
        x: [&[f32]; R],
        before: [&[f32]; R],
    ) -> [[Sums<S, G>; B]; R] {
        let zero = simd.splat_f32s(0.0);
        let mut from_input: [&[[S::f32s; G]]; B] = [&[]; B];
        let mut from_hidden = from_input;
        let mut held = [zero; B];
        let mut gates = [[[zero; G]; B]; R];
        for b in 0..B {
            let width = self.depth * G * S::F32_LANES;
            let data = &self.data[(first + b) * width..(first + b + 1) * width];
            (from_input[b], from_hidden[b]) = S::as_simd_f32s(data).0.as_chunks().0.split_at(self.input);
            let width = (G + 1) * S::F32_LANES;
            let bias = S::as_simd_f32s(&self.bias[(first + b) * width..(first + b + 1) * width]).0;
            held[b] = bias[G];
            for m in 0..R {
                gates[m][b].copy_from_slice(&bias[..G]);
            }
        }
        add_products(simd, &mut gates, x, from_input);
        let mut sums = [[Sums::nothing(simd); B]; R];
        for m in 0..R {
            for b in 0..B {
                sums[m][b].held = C::between::<S>(&mut gates[m][b], held[b]);
            }
        }
        add_products(simd, &mut gates, before, from_hidden);
        for m in 0..R {
            for b in 0..B {
                sums[m][b].gates = gates[m][b];
            }
        }
        sums
    }
}

/// `sums += rows x weights`.
#[inline(always)]
fn add_products<S: Simd, const G: usize, const R: usize, const B: usize>(
    simd: S,
    sums: &mut [[[S::f32s; G]; B]; R],
    mut rows: [&[f32]; R],
    mut weights: [&[[S::f32s; G]]; B],
) {
    // All of one length, so that no index below needs a check.
    let depth = weights[0].len();
    for m in 0..R {
        rows[m] = &rows[m][..depth];
    }
    for b in 0..B {
        weights[b] = &weights[b][..depth];
    }
    for k in 0..depth {
        // The fewer operands in registers, the others one after the other.
        if R > G * B {
            for m in 0..R {
                let x = simd.splat_f32s(rows[m][k]);
                for b in 0..B {
                    for g in 0..G {
                        sums[m][b][g] = simd.mul_add_e_f32s(x, weights[b][k][g], sums[m][b][g]);
                    }
                }
            }
        } else {
            let mut x = [simd.splat_f32s(0.0); R];
            for m in 0..R {
                x[m] = simd.splat_f32s(rows[m][k]);
            }
            for b in 0..B {
                for g in 0..G {
                    for m in 0..R {
                        sums[m][b][g] = simd.mul_add_e_f32s(x[m], weights[b][k][g], sums[m][b][g]);
                    }
                }
            }
        }
    }
}
