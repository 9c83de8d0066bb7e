//! A natural logarithm without branches or tables, which the compiler runs on several numbers at once.
//!
//! ESC_s takes one logarithm per classification, and `f64::ln` is a call into the C library that never vectorizes.

use std::f64::consts::SQRT_2;

/// Bits of sqrt(1/2) with the lower half cleared: mantissas are brought into `[sqrt(1/2), sqrt(2))`.
const LOW: u64 = 0x3FE6_A09E_0000_0000;
const ONE: u64 = 0x3FF0_0000_0000_0000;
const MANTISSA: u64 = 0x000F_FFFF_FFFF_FFFF;
/// 2^52: a whole number below it, put into the mantissa, turns into a float by one subtraction.
const MAGIC: f64 = 4_503_599_627_370_496.0;
const EXPONENT_BIAS: f64 = 1023.0;
/// 2^54 lifts every denormal into the normal range.
const LIFT: f64 = 18_014_398_509_481_984.0;
/// ln 2 in two parts; the upper one has 32 zero bits at its end, so that its product with an exponent is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3DEA_39EF_3579_3C76);
/// `(ln((1+s)/(1-s)) - 2s) / (s z)` in powers of `z = s^2`, made by `fixtures/esc/natural_log.py`.
const G: [f64; 7] = [
    0.666_666_666_666_667,
    0.399_999_999_998_981_9,
    0.285_714_286_265_702_06,
    0.222_222_110_378_165_9,
    0.181_828_961_834_830_85,
    0.153_314_872_358_657_43,
    0.146_193_434_535_124_65,
];

/// ln x of a finite number `x >= 0`, within one unit in the last place of `f64::ln` (measured in this file's tests);
/// minus infinity at 0. Meaningless for negative numbers, infinity and NaN, which a PMF does not hold.
///
/// ```text
/// x = 2ᵏ (1 + f),  s = f / (2 + f),  z = s²,  ln x = k ln 2 + f - (f²/2 - s (f²/2 + z g(z)))
/// ```
///
/// The reduction and the order of the last sum are fdlibm's (Sun 1993, `e_log.c`), the polynomial is fitted here.
#[inline(always)]
#[allow(clippy::inline_always, reason = "only inlined into a loop does it vectorize")]
pub(super) fn ln(x: f64) -> f64 {
    let denormal = x < f64::MIN_POSITIVE;
    let lifted = if denormal { x * LIFT } else { x };
    let bias = if denormal { EXPONENT_BIAS + 54.0 } else { EXPONENT_BIAS };
    if x == 0.0 { f64::NEG_INFINITY } else { ln_biased(lifted, bias) }
}

/// `ln(min(max(x, floor), 1))` in place of every number; the same digits as [`ln`].
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes the instruction set of its caller")]
pub(super) fn ln_all(numbers: &mut [f64], floor: f64) {
    let within = |x: f64| {
        let x = if x > floor { x } else { floor };
        if x < 1.0 { x } else { 1.0 }
    };
    if floor >= f64::MIN_POSITIVE {
        for x in numbers {
            *x = ln_biased(within(*x), EXPONENT_BIAS);
        }
    } else {
        for x in numbers {
            *x = ln(within(*x));
        }
    }
}

/// `ln(x 2^(1023 - bias))` of a normal number.
#[inline(always)]
#[allow(clippy::inline_always, reason = "only inlined into a loop does it vectorize")]
fn ln_biased(x: f64, bias: f64) -> f64 {
    let bits = x.to_bits().wrapping_add(ONE - LOW);
    // Two exact subtractions in one: both numbers are whole and small.
    let k = f64::from_bits((bits >> 52) | MAGIC.to_bits()) - (MAGIC + bias);
    let f = f64::from_bits((bits & MANTISSA) + LOW) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let zz = z * z;
    // Even and odd powers apart: two short chains of operations in place of a long one.
    let even = G[0] + zz * (G[2] + zz * (G[4] + zz * G[6]));
    let odd = G[1] + zz * (G[3] + zz * G[5]);
    let half_square = 0.5 * f * f;
    let r = z * even + zz * odd;
    s * (half_square + r) + k * LN_2_LOW - half_square + f + k * LN_2_HIGH
}

const _: () = assert!(LOW < SQRT_2.to_bits());

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps_apart(x: f64) -> u64 {
        ln(x).to_bits().abs_diff(x.ln().to_bits())
    }

    #[test]
    fn by_hand() {
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(0.5), -std::f64::consts::LN_2);
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert_eq!(ln(-0.0), f64::NEG_INFINITY);
        assert!((ln(1e-12) + 27.631_021_115_928_547).abs() < 4e-15);
    }

    /// Mantissas in fine steps at every exponent, denormals included, and close to 1 where the result cancels.
    #[test]
    fn within_one_unit_in_the_last_place() {
        let mut worst = 0;
        for exponent in 0..2046_u64 {
            for step in 0..257_u64 {
                let mantissa = step.wrapping_mul(0x000F_F00F_1234_5677) & MANTISSA;
                let x = f64::from_bits((exponent << 52) | mantissa);
                if x > 0.0 {
                    worst = worst.max(ulps_apart(x));
                }
            }
        }
        for step in 0..200_000_u64 {
            worst = worst.max(ulps_apart(f64::from_bits(ONE - 1 - step * step)));
            worst = worst.max(ulps_apart(f64::from_bits(ONE + step * step * 11)));
            worst = worst.max(ulps_apart((step + 1) as f64 / 200_000.0));
        }
        for shift in 0..52 {
            worst = worst.max(ulps_apart(f64::from_bits(1 << shift)));
        }
        assert!(worst <= 1, "{worst} units in the last place");
    }
}
