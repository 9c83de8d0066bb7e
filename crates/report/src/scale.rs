//! From numbers to places along an axis, and the numbers written at its ticks.

/// How numbers lie along an axis; from `low` to `high`, which may run backwards (magnitudes).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    Linear {
        low: f64,
        high: f64,
    },
    /// Equal steps are equal factors; both ends are above 0.
    Log {
        low: f64,
        high: f64,
    },
}

impl Scale {
    /// Holds all the values with a margin of a share of their range on both sides; values that are not numbers do not count.
    pub(crate) fn around(values: impl IntoIterator<Item = f64>, margin: f64) -> Self {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let span = if high > low { high - low } else { (0.1 * low.abs()).max(1e-3) };
        let room = if high > low { margin * span } else { 0.5 * span };
        Self::Linear { low: low - room, high: high + room }
    }

    /// The place of a value, 0 at the low end and 1 at the high one; beyond them outside of `[0, 1]`.
    pub(crate) fn place(&self, value: f64) -> f64 {
        match *self {
            Self::Linear { low, high } => (value - low) / (high - low),
            Self::Log { low, high } => (value / low).ln() / (high / low).ln(),
        }
    }

    fn ends(&self) -> (f64, f64) {
        match *self {
            Self::Linear { low, high } | Self::Log { low, high } => (low.min(high), low.max(high)),
        }
    }

    /// About `count` round numbers between the ends, with what is written at them.
    pub(crate) fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let (low, high) = self.ends();
        match self {
            Self::Linear { .. } => linear_ticks(low, high, count),
            Self::Log { .. } => log_ticks(low, high, count),
        }
    }
}

/// Least and largest of the values that are numbers.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.is_finite()).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let raw = (high - low) / count.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return vec![(low, number(low))];
    }
    let power = 10f64.powf(raw.log10().floor());
    let step =
        power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= 0.7 * raw).unwrap_or(10.0);
    // Half a thousandth of a step allows for rounding at the ends.
    let (first, last) = ((low / step - 5e-4).ceil(), (high / step + 5e-4).floor());
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let write = |value: f64| {
        if low.abs().max(high.abs()) >= 1e6 || step < 1e-6 { number(value) } else { fixed(value, decimals) }
    };
    (0..=(last - first) as usize)
        .map(|i| (first + i as f64) * step)
        .map(|value| (value, write(value)))
        .collect()
}

fn log_ticks(low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let decades = (high / low).log10();
    let factors: &[f64] = if decades < 1.2 {
        &[1.0, 2.0, 3.0, 5.0, 7.0]
    } else if decades < 2.5 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    // Of many decades every second, third ... one is written, from the first that is whole.
    let stride = ((decades / count.max(1) as f64).ceil() as usize).max(1);
    let first = if stride == 1 { (low.log10() - 1e-9).floor() } else { (low.log10() - 1e-9).ceil() } as i32;
    let last = (high.log10() + 1e-9).ceil() as i32;
    (first..=last)
        .step_by(stride)
        .flat_map(|exponent| factors.iter().map(move |factor| factor * 10f64.powi(exponent)))
        .filter(|value| (0.999 * low..=1.001 * high).contains(value))
        .map(|value| (value, number(value)))
        .collect()
}

/// With so many decimals and a real minus sign.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        None => text,
        Some(rest) if rest.bytes().all(|digit| matches!(digit, b'0' | b'.')) => rest.to_owned(),
        Some(rest) => format!("\u{2212}{rest}"),
    }
}

/// The shortest honest text of a round number: `0.05`, `1000`, `2×10⁷`.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-4..1e6).contains(&magnitude) {
        // Four decimals of a number near 1 are more than a tick needs; trailing zeros go.
        let decimals = if magnitude >= 100.0 { 1 } else { 4 };
        let text = fixed(value, decimals);
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let exponent = magnitude.log10().floor() as i32;
    let mantissa = number(value / 10f64.powi(exponent));
    let power: String = exponent
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            digit => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize - '0' as usize],
        })
        .collect();
    if mantissa == "1" { format!("10{power}") } else { format!("{mantissa}×10{power}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: Scale, count: usize) -> Vec<String> {
        scale.ticks(count).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers_within_the_ends() {
        assert_eq!(
            texts(Scale::Linear { low: 0.0, high: 1.0 }, 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(texts(Scale::Linear { low: -13.0, high: 27.0 }, 4), ["\u{2212}10", "0", "10", "20"]);
        assert_eq!(texts(Scale::Linear { low: 26.1, high: 22.3 }, 4), ["23", "24", "25", "26"]); // magnitudes
        assert_eq!(texts(Scale::Log { low: 1.0, high: 1024.0 }, 5), ["1", "10", "100", "1000"]);
        assert_eq!(texts(Scale::Log { low: 1e-9, high: 1e9 }, 3), ["10⁻⁹", "0.001", "1000", "10⁹"]);
        assert_eq!(texts(Scale::Linear { low: 0.0, high: 3e7 }, 3), ["0", "10⁷", "2×10⁷", "3×10⁷"]);
    }

    #[test]
    fn one_value_or_none_still_has_an_axis() {
        for values in [&[][..], &[f64::NAN], &[3.0], &[0.0], &[-2.0, -2.0]] {
            let scale = Scale::around(values.iter().copied(), 0.05);
            let Scale::Linear { low, high } = scale else { unreachable!() };
            assert!(low < high && low.is_finite() && high.is_finite(), "{values:?}: {low} to {high}");
            assert!(!scale.ticks(5).is_empty(), "{values:?}");
        }
    }

    #[test]
    fn places_run_from_0_to_1() {
        let log = Scale::Log { low: 1.0, high: 1024.0 };
        assert!((log.place(32.0) - 0.5).abs() < 1e-15);
        let magnitudes = Scale::Linear { low: 26.0, high: 22.0 };
        assert_eq!((magnitudes.place(26.0), magnitudes.place(23.0)), (0.0, 0.75));
    }
}
