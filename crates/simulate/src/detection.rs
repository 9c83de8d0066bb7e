//! When a survey notices.

use crate::photometry::logistic;

/// How detections are made, and how many let an object into the survey.
///
/// ```text
/// P(detection) = 1 / (1 + exp(−(|F|/σ − threshold) / width)),   0 where |F|/σ < floor
/// ```
/// with F the measured difference from the template, noise and all, and σ its error; also where the survey reports all of the
/// light ([`Photometry::Total`](crate::Photometry::Total)). The absolute value stands because a difference image shows
/// a variable that faded below its template as a negative source. The narrow width and the floor keep noise from
/// triggering: a visit to an empty place is a detection with a probability of about 1e-5. Such a detection does not count
/// for entering the survey, but where it comes first it is the trigger, in a few of a thousand light curves.
///
/// ```
/// use heliacal_simulate::Detection;
///
/// let detection = Detection::default();
/// assert_eq!(detection.probability(5.0), 0.5);
/// assert!(detection.probability(6.0) > 0.98 && detection.probability(-6.0) > 0.98);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Detection {
    /// Signal-to-noise that is detected half of the time.
    pub threshold: f64,
    /// Width of the logistic curve in signal-to-noise.
    pub width: f64,
    /// Signal-to-noise below which nothing is detected.
    pub floor: f64,
    /// Detections that an object needs to enter the survey, at least 1.
    pub needed: usize,
    /// The same for kilonovae and flares, which are gone too soon for two; at least 1.
    pub needed_of_fast: usize,
    /// Forced photometry begins so many days before the first detection \[day\].
    pub days_before: f64,
    /// and ends so many days after the last one \[day\]; `None`: with the survey. ELAsTiCC's ends in between, with the time
    /// range of SNANA's model: 370 days after the last detection of a SNIb, in the median.
    pub days_after: Option<f64>,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            threshold: 5.0,
            width: 0.25,
            floor: 3.5,
            needed: 2,
            needed_of_fast: 1,
            days_before: 30.0,
            days_after: None,
        }
    }
}

impl Detection {
    /// Probability that a measurement of this signal-to-noise is a detection.
    pub fn probability(&self, signal_to_noise: f64) -> f64 {
        let signal = signal_to_noise.abs();
        // NaN is not detected.
        if signal >= self.floor { logistic((signal - self.threshold) / self.width) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let detection = Detection { width: 1.0, floor: 0.0, ..Detection::default() };
        // 1 / (1 + e) and 1 / (1 + 1/e).
        assert!((detection.probability(4.0) - 0.268_941_421_4).abs() < 1e-9);
        assert!((detection.probability(-6.0) - 0.731_058_578_6).abs() < 1e-9);
        assert_eq!(Detection::default().probability(3.49), 0.0);
        assert_eq!(detection.probability(f64::NAN), 0.0);
    }

    #[test]
    fn noise_alone_seldom_triggers() {
        let (mut random, detection) = (Random::new(3, 0, 0), Detection::default());
        let n = 1_000_000;
        let expected: f64 =
            (0..n).map(|_| detection.probability(random.standard_normal())).sum::<f64>() / f64::from(n);
        assert!(expected < 2e-5, "{expected}");
    }

    proptest! {
        #[test]
        fn a_stronger_signal_is_detected_more_often(s in 0.0_f64..20.0, more in 0.0_f64..5.0) {
            let detection = Detection::default();
            prop_assert!(detection.probability(s + more) >= detection.probability(s));
            prop_assert!((0.0..=1.0).contains(&detection.probability(s)));
            prop_assert_eq!(detection.probability(s), detection.probability(-s));
        }
    }
}
