//! A hyperbolic tangent that the compiler can turn into vector instructions; the library's takes one number at a time
//! and would cost more than the products around it.

/// tanh x, within 3e-7 of its value everywhere, relative, denormal numbers included; NaN stays NaN.
///
/// ```text
/// tanh x = m / (m + 2),   m = exp(2x) - 1 = 2^k p + (2^k - 1),   p = exp(r) - 1,   2x = k ln 2 + r
/// ```
///
/// Near 0, k is 0 and nothing cancels. The polynomial is the Taylor series of exp up to r^7: at |r| <= ln 2 / 2 the first
/// term left out is 5e-9.
#[inline]
pub(super) fn tanh(x: f32) -> f32 {
    // Beyond it the result is 1 in f32. `min` would turn NaN into a number.
    const SATURATED: f32 = 9.1;
    // Adding 1.5 x 2^23 leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first short enough for exact products with k.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let magnitude = x.abs();
    let magnitude = if magnitude > SATURATED { SATURATED } else { magnitude };
    let y = magnitude + magnitude;
    let shifted = y * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (y - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0))));
    let p = r + r * r * (0.5 + r * series);
    let two_to_k = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    let m = two_to_k * p + (two_to_k - 1.0);
    (m / (m + 2.0)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_double_precision_everywhere() {
        let mut largest: f64 = 0.0;
        // Every 997th number from 0 to 16, denormal ones included, and beyond.
        for bits in (1..16f32.to_bits()).step_by(997).chain([1e10f32.to_bits(), f32::MAX.to_bits()]) {
            let x = f32::from_bits(bits);
            let expected = f64::from(x).tanh();
            largest = largest.max((f64::from(tanh(x)) / expected - 1.0).abs());
            assert_eq!(tanh(-x), -tanh(x));
        }
        assert!(largest < 3e-7, "{largest:e}");
    }

    #[test]
    fn limits() {
        assert_eq!(tanh(0.0).to_bits(), 0f32.to_bits());
        assert_eq!(tanh(-0.0).to_bits(), (-0f32).to_bits());
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan());
    }
}
