//! Logistic function and hyperbolic tangent of whole vectors, several at a time: each is a chain of operations that wait
//! for one another, and the processor is busy only when some chains overlap.
//!
//! Relative error below 3e-7 everywhere, near 0 and in saturation too; NaN stays NaN.

use pulp::{Simd, WithSimd};

/// Beyond this, e^x or e^-x leaves the normal numbers.
const LIMIT: f32 = 87.0;

/// Beyond this, tanh x is 1 in single precision.
const TANH_LIMIT: f32 = 10.0;

/// (e^r - 1 - r) / r^2 for |r| up to ln 2 / 2, highest power first: fitted for the least greatest error of e^r, 3e-9.
const TAIL: [f32; 5] = [1.381_443_2e-3, 8.368_798e-3, 4.166_839_6e-2, 1.666_652e-1, 0.499_999_94];

/// Vectors of a row that [`map`] takes together.
const TOGETHER: usize = 4;

/// A vector for each index, of an expression. (A closure would not be inlined for sure: called instead, it would be
/// compiled without the instruction set, every operation in it a call of its own.)
macro_rules! each {
    ($simd:ident, $index:ident < $n:ident => $value:expr) => {{
        let mut values = [$simd.splat_f32s(0.0); $n];
        for $index in 0..$n {
            values[$index] = $value;
        }
        values
    }};
}
pub(super) use each;

/// e^x for |x| up to [`LIMIT`] as 2^n and e^r - 1, where e^x = 2^n e^r and e^r is near 1.
#[inline(always)]
fn exp_parts<S: Simd, const W: usize>(simd: S, x: [S::f32s; W]) -> ([S::f32s; W], [S::f32s; W]) {
    // Adding 1.5 2^23 leaves round(x / ln 2) in the last bits.
    let magic = simd.splat_f32s(12_582_912.0);
    let per_ln_2 = simd.splat_f32s(std::f32::consts::LOG2_E);
    let shifted = each!(simd, w < W => simd.mul_add_e_f32s(x[w], per_ln_2, magic));
    let n = each!(simd, w < W => simd.sub_f32s(shifted[w], magic));
    // ln 2 in two parts, the first of so few bits that its product with n is exact.
    let r = each!(simd, w < W => simd.mul_add_e_f32s(n[w], simd.splat_f32s(-0.693_359_4), x[w]));
    let r = each!(simd, w < W => simd.mul_add_e_f32s(n[w], simd.splat_f32s(2.121_944_4e-4), r[w]));
    let mut p = [simd.splat_f32s(TAIL[0]); W];
    for &c in &TAIL[1..] {
        p = each!(simd, w < W => simd.mul_add_e_f32s(p[w], r[w], simd.splat_f32s(c)));
    }
    let square = each!(simd, w < W => simd.mul_f32s(r[w], r[w]));
    let tail = each!(simd, w < W => simd.mul_add_e_f32s(p[w], square[w], r[w]));
    let one = simd.splat_u32s(1.0_f32.to_bits());
    let power = each!(simd, w < W => {
        let n = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted[w]), simd.splat_u32s(23));
        simd.transmute_f32s_u32s(simd.add_u32s(n, one))
    });
    (power, tail)
}

/// x, but at most `limit` far from 0.
#[inline(always)]
fn limited<S: Simd, const W: usize>(simd: S, x: [S::f32s; W], limit: f32) -> [S::f32s; W] {
    let (low, high) = (simd.splat_f32s(-limit), simd.splat_f32s(limit));
    // A comparison with NaN is false, so that NaN goes through both.
    let x = each!(simd, w < W => simd.select_f32s(simd.less_than_f32s(x[w], low), low, x[w]));
    each!(simd, w < W => simd.select_f32s(simd.greater_than_f32s(x[w], high), high, x[w]))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(super) fn sigmoid<S: Simd, const W: usize>(simd: S, x: [S::f32s; W]) -> [S::f32s; W] {
    sigmoid_and_rest(simd, x).0
}

/// 1 / (1 + e^-x), and what is missing to 1, which keeps its digits where the first is almost 1.
#[inline(always)]
pub(super) fn sigmoid_and_rest<S: Simd, const W: usize>(
    simd: S,
    x: [S::f32s; W],
) -> ([S::f32s; W], [S::f32s; W]) {
    let one = simd.splat_f32s(1.0);
    let x = limited(simd, x, LIMIT);
    let (power, tail) = exp_parts(simd, each!(simd, w < W => simd.neg_f32s(x[w])));
    let exp = each!(simd, w < W => simd.mul_add_e_f32s(power[w], tail[w], power[w]));
    let sigmoid = each!(simd, w < W => simd.div_f32s(one, simd.add_f32s(one, exp[w])));
    (sigmoid, each!(simd, w < W => simd.mul_f32s(exp[w], sigmoid[w])))
}

/// tanh x = (e^2x - 1) / (e^2x + 1), the numerator without a difference of like numbers.
#[inline(always)]
pub(super) fn tanh<S: Simd, const W: usize>(simd: S, x: [S::f32s; W]) -> [S::f32s; W] {
    let (one, two) = (simd.splat_f32s(1.0), simd.splat_f32s(2.0));
    let x = limited(simd, x, TANH_LIMIT);
    let (power, tail) = exp_parts(simd, each!(simd, w < W => simd.add_f32s(x[w], x[w])));
    let less_one = each!(simd, w < W =>
        simd.mul_add_e_f32s(power[w], tail[w], simd.sub_f32s(power[w], one)));
    each!(simd, w < W => simd.div_f32s(less_one[w], simd.add_f32s(less_one[w], two)))
}

/// A function of each number of some vectors.
pub(super) trait Function {
    fn of<S: Simd, const W: usize>(simd: S, x: [S::f32s; W]) -> [S::f32s; W];
}

/// The larger of x and 0.
pub(super) struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn of<S: Simd, const W: usize>(simd: S, x: [S::f32s; W]) -> [S::f32s; W] {
        let zero = simd.splat_f32s(0.0);
        // The comparison with NaN is false, so that NaN goes through.
        each!(simd, w < W => simd.select_f32s(simd.less_than_f32s(x[w], zero), zero, x[w]))
    }
}

impl Function for Tanh<'_> {
    #[inline(always)]
    fn of<S: Simd, const W: usize>(simd: S, x: [S::f32s; W]) -> [S::f32s; W] {
        tanh(simd, x)
    }
}

/// Puts a function of each number in its place.
#[inline(always)]
pub(super) fn map<S: Simd, F: Function>(simd: S, numbers: &mut [f32]) {
    let (vectors, rest) = S::as_mut_simd_f32s(numbers);
    let (together, others) = vectors.as_chunks_mut::<TOGETHER>();
    for x in together {
        *x = F::of(simd, *x);
    }
    for x in others {
        [*x] = F::of(simd, [*x]);
    }
    if !rest.is_empty() {
        let [x] = F::of(simd, [simd.partial_load_f32s(rest)]);
        simd.partial_store_f32s(rest, x);
    }
}

/// Puts the hyperbolic tangent of each number in its place.
#[derive(Debug)]
pub(crate) struct Tanh<'a>(pub(crate) &'a mut [f32]);

impl WithSimd for Tanh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        map::<S, Self>(simd, self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::isa::{Isa, Vectors};
    use super::*;

    struct Apply<'a>(&'a [f32]);

    impl WithSimd for Apply<'_> {
        /// The results of sigmoid and of tanh.
        type Output = (Vec<f32>, Vec<f32>);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let mut results = (Vec::new(), Vec::new());
            for &x in self.0 {
                let x = [simd.splat_f32s(x)];
                results.0.push(simd.reduce_max_f32s(sigmoid(simd, x)[0]));
                results.1.push(simd.reduce_max_f32s(tanh(simd, x)[0]));
            }
            results
        }
    }

    #[test]
    fn close_to_double_precision_everywhere() {
        let mut points: Vec<f32> = (-40_000..=40_000).map(|i| i as f32 * 1e-3).collect();
        points.extend((0..120).flat_map(|i| [0.7f32, -0.9].map(|m| m * 2f32.powi(i - 115))));
        points.extend([0.625, -0.625, 0.624_999_94, 86.9, -86.9, 1e-40, -1e-40]);
        for isa in Isa::available() {
            let (sigmoid, tanh) = Vectors::checked(isa).unwrap().run(Apply(&points));
            for ((&x, sigmoid), tanh) in points.iter().zip(sigmoid).zip(tanh) {
                let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
                assert!(
                    (f64::from(sigmoid) / exact - 1.0).abs() < 3e-7,
                    "{isa}: sigmoid({x:e}) = {sigmoid:e}"
                );
                let exact = f64::from(x).tanh();
                let error = (f64::from(tanh) - exact).abs();
                // Denormal results have no seven digits.
                assert!(error <= 3e-7 * exact.abs() + 1e-45, "{isa}: tanh({x:e}) = {tanh:e}");
            }
        }
    }

    #[test]
    fn rows_of_any_length() {
        let points: Vec<f32> = (0..40).map(|i| 0.3 * i as f32 - 5.0).collect();
        for isa in Isa::available() {
            let vectors = Vectors::checked(isa).unwrap();
            let (_, expected) = vectors.run(Apply(&points));
            for n in 0..points.len() {
                let mut row = points.clone();
                vectors.run(Tanh(&mut row[..n]));
                assert_eq!((&row[..n], &row[n..]), (&expected[..n], &points[n..]), "{isa}");
            }
        }
    }

    #[test]
    fn extremes() {
        let points = [f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 0.0, f32::NAN];
        for isa in Isa::available() {
            let (sigmoid, tanh) = Vectors::checked(isa).unwrap().run(Apply(&points));
            assert_eq!([sigmoid[0], sigmoid[2], sigmoid[4]], [1.0, 1.0, 0.5]);
            assert!(sigmoid[1] < 2e-38 && sigmoid[3] < 2e-38);
            assert_eq!(tanh[..5], [1.0, -1.0, 1.0, -1.0, 0.0]);
            assert!(sigmoid[5].is_nan() && tanh[5].is_nan());
        }
    }
}
