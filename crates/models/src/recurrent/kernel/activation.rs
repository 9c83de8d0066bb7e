//! Exponential, logistic and hyperbolic tangent of whole vectors.
//!
//! Relative error below 3e-7 everywhere, near 0 and in saturation too; NaN stays NaN. Polynomials after Cephes
//! (S. Moshier, `expf` and `tanhf`).

use pulp::{Simd, WithSimd};

/// Beyond this, e^x or e^-x leaves the normal numbers.
const LIMIT: f32 = 87.0;

/// e^x for |x| up to [`LIMIT`].
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding 1.5 2^23 leaves round(x / ln 2) in the last bits.
    let magic = simd.splat_f32s(12_582_912.0);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), magic);
    let n = simd.sub_f32s(shifted, magic);
    // ln 2 in two parts, the first of so few bits that its product with n is exact.
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(2.121_944_4e-4), r);
    let mut p = simd.splat_f32s(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = simd.mul_add_e_f32s(p, r, simd.splat_f32s(c));
    }
    let tail = simd.mul_add_e_f32s(p, simd.mul_f32s(r, r), r);
    let mantissa = simd.add_f32s(tail, simd.splat_f32s(1.0));
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.add_u32s(exponent, simd.splat_u32s(1.0_f32.to_bits()));
    simd.mul_f32s(mantissa, simd.transmute_f32s_u32s(power))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    sigmoid_and_rest(simd, x).0
}

/// 1 / (1 + e^-x), and what is missing to 1, which keeps its digits where the first is almost 1.
#[inline(always)]
pub(crate) fn sigmoid_and_rest<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let (low, high) = (simd.splat_f32s(-LIMIT), simd.splat_f32s(LIMIT));
    // A comparison with NaN is false, so that NaN goes through both.
    let x = simd.select_f32s(simd.less_than_f32s(x, low), low, x);
    let x = simd.select_f32s(simd.greater_than_f32s(x, high), high, x);
    let one = simd.splat_f32s(1.0);
    let exp = exp(simd, simd.neg_f32s(x));
    let sigmoid = simd.div_f32s(one, simd.add_f32s(one, exp));
    (sigmoid, simd.mul_f32s(exp, sigmoid))
}

/// tanh x.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let sign = simd.and_f32s(x, simd.splat_f32s(-0.0));
    let size = simd.xor_f32s(x, sign);

    // 1 - 2 / (e^2x + 1) loses its digits where x is small; there, an odd polynomial.
    let square = simd.mul_f32s(x, x);
    let mut p = simd.splat_f32s(-5.704_988_7e-3);
    for c in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1] {
        p = simd.mul_add_e_f32s(p, square, simd.splat_f32s(c));
    }
    let small = simd.mul_add_e_f32s(simd.mul_f32s(p, square), x, x);

    let half_limit = simd.splat_f32s(0.5 * LIMIT);
    let limited = simd.select_f32s(simd.greater_than_f32s(size, half_limit), half_limit, size);
    let one = simd.splat_f32s(1.0);
    let exp = exp(simd, simd.add_f32s(limited, limited));
    let large = simd.sub_f32s(one, simd.div_f32s(simd.splat_f32s(2.0), simd.add_f32s(exp, one)));
    let large = simd.or_f32s(large, sign);
    simd.select_f32s(simd.less_than_f32s(size, simd.splat_f32s(0.625)), small, large)
}

/// A function of each number of a vector. A trait, because its method is always inlined, and a closure is not: called
/// instead, it would be compiled without the instruction set, every operation in it a call of its own.
pub(super) trait Function {
    fn of<S: Simd>(simd: S, x: S::f32s) -> S::f32s;
}

/// The larger of x and 0.
pub(super) struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        let zero = simd.splat_f32s(0.0);
        // The comparison with NaN is false, so that NaN goes through.
        simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
    }
}

impl Function for Tanh<'_> {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        tanh(simd, x)
    }
}

/// Puts a function of each number in its place.
#[inline(always)]
pub(super) fn map<S: Simd, F: Function>(simd: S, numbers: &mut [f32]) {
    let (vectors, rest) = S::as_mut_simd_f32s(numbers);
    for x in vectors {
        *x = F::of(simd, *x);
    }
    if !rest.is_empty() {
        let x = F::of(simd, simd.partial_load_f32s(rest));
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
                let x = simd.splat_f32s(x);
                results.0.push(simd.reduce_max_f32s(sigmoid(simd, x)));
                results.1.push(simd.reduce_max_f32s(tanh(simd, x)));
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
