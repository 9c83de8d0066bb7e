//! A toy classifier to build on: it is told the truth, and reports it badly.

use heliacal_lightcurve::LightCurveView;

use crate::error::SimulateError;
use crate::random::Random;

/// A deliberately biased, jittery classifier of simulated objects: something to improve on, for tests and teaching.
///
/// It knows the true class and blurs it, so that no classifier has to be trained before a second stage can be tried. What is
/// wrong with it is what is wrong with real ones, in caricature: some classes look like others, its sureness is not earned,
/// and it wavers from one classification to the next. Nothing that is found with it says anything about the sky.
///
/// After detection t of an object of class c the logit of class k is
///
/// ```text
/// z_k = sharpness · [ evidence · g_t · s(c, k) + e_k + x_k(t) ] + lean_k
/// g_t = S_t / (S_t + half_information),   S_t = Σ_{i ≤ t} min(|flux_i / flux_err_i|, 10)²
/// x_k(t) = φ x_k(t - 1) + √(1 - φ²) jitter ε,   and at a share `flips` of the classifications one class gets `flip_size` more
/// ```
///
/// with `s(c, c) = 1`, `s(c, k)` the likeness of [`looks_like`](Self::looks_like) or 0, and `e_k` normal errors of the
/// object that stay, of standard deviation `difficulty`. The jitter is a function of the seed, the object and the fluxes: the same
/// light curve gets the same answer, one with resampled fluxes another, as with a real classifier. Because the jitter averages out
/// along a history and the errors that stay do not, a history says more than its last classification, but not everything.
///
/// ```
/// use heliacal_simulate::{BaseClassifier, SimulatedClass, Simulator, SurveyConfig};
/// use heliacal_taxonomy::Taxonomy;
///
/// let classes = SimulatedClass::of_taxonomy(&Taxonomy::supernovae5())?;
/// let object = Simulator::new(SurveyConfig::default(), &classes)?.object(0)?; // an SNIa
/// let base = BaseClassifier::supernovae5();
/// let history = base.classify(object.light_curve.view(), 0, 1)?;
/// assert_eq!(history.probabilities.len(), history.observations.len() * 5);
/// # Ok::<(), heliacal_simulate::SimulateError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct BaseClassifier {
    /// Number of classes, at least 2.
    pub n_classes: usize,
    /// Another seed, another classifier of the same kind.
    pub seed: u64,
    /// Logit of the true class above the others with all information and nothing wrong, at least 0.
    pub evidence: f64,
    /// Information `S` at which half of the evidence is there, above 0: 25 for each detection at five sigma.
    pub half_information: f64,
    /// Which true class looks like which other, and how much, 0 to 1: the systematic part of what is wrong.
    pub looks_like: Vec<(usize, usize, f64)>,
    /// Logit that a class gets in every classification, one for each class: to which classes it leans.
    pub lean: Vec<f64>,
    /// Standard deviation of the errors that stay with an object, at least 0.
    pub difficulty: f64,
    /// Standard deviation of the errors that change, at least 0.
    pub jitter: f64,
    /// Correlation of these errors from one classification to the next, at least 0, below 1.
    pub correlation: f64,
    /// Share of classifications at which it takes one class, drawn at random, for more likely than it should, 0 to 1.
    pub flips: f64,
    /// Logit of that class then, at least 0.
    pub flip_size: f64,
    /// Factor on all evidence, above 0: above 1 it is too sure, below 1 not sure enough.
    pub sharpness: f64,
}

/// What the [`BaseClassifier`] said of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BaseHistory {
    /// The observations after which it was asked: the detections.
    pub observations: Vec<usize>,
    /// Probabilities `[step, class]`, row by row; each row sums to 1.
    pub probabilities: Vec<f32>,
}

/// Signal-to-noise ratio beyond which an observation says no more.
const SATURATION: f64 = 10.0;

impl BaseClassifier {
    /// One for the classes of [`Taxonomy::supernovae5`](heliacal_taxonomy::Taxonomy::supernovae5), with the confusions of the
    /// brokers' classifiers of ELAsTiCC2 (Beyond the Final Label, [arXiv 2604.23792](https://arxiv.org/abs/2604.23792), fig. 4):
    /// it leans to SNII, takes SNIb/c for SNII, and the rare kinds of thermonuclear supernovae for SNIa.
    pub fn supernovae5() -> Self {
        // SNIa, SNIb/c, SNII, SNIax, SNI91bg.
        Self {
            n_classes: 5,
            seed: 0,
            evidence: 3.0,
            half_information: 200.0,
            looks_like: vec![(1, 2, 0.6), (2, 1, 0.3), (3, 0, 0.7), (4, 0, 0.5), (0, 2, 0.2)],
            lean: vec![0.0, 0.0, 0.8, -0.5, -0.5],
            difficulty: 0.5,
            jitter: 0.9,
            correlation: 0.5,
            flips: 0.05,
            flip_size: 3.0,
            sharpness: 1.5,
        }
    }

    /// Classifies an object after each of its detections. `object` is a number of the object's own, for its random numbers. An
    /// object without a detection has an empty history.
    ///
    /// # Errors
    /// [`SimulateError::Config`] for numbers that make no sense, among them a true class beyond the last.
    pub fn classify(
        &self,
        light_curve: LightCurveView<'_>,
        true_class: usize,
        object: u64,
    ) -> Result<BaseHistory, SimulateError> {
        self.check(true_class)?;
        let k = self.n_classes;
        let mut of_object = Random::new(self.seed, object, OF_OBJECT);
        let stays: Vec<f64> = (0..k).map(|_| of_object.normal(0.0, self.difficulty)).collect();
        let likeness = self.likeness(true_class);
        let (mut history, mut information) = (BaseHistory::default(), 0.0);
        let mut wavers = vec![0.0; k];
        // At the first classification the errors have their full spread already.
        let (mut keep, mut renew) = (0.0, self.jitter);
        for (index, observation) in light_curve.iter().enumerate() {
            let ratio = f64::from(observation.flux) / f64::from(observation.flux_err);
            if ratio.is_finite() {
                information += ratio.abs().min(SATURATION).powi(2);
            }
            if !observation.detection {
                continue;
            }
            let flux_bits = u64::from(observation.flux.to_bits());
            let mut random = Random::new(self.seed ^ flux_bits << 32, object, OF_STEP + index as u64);
            for error in &mut wavers {
                *error = keep * *error + renew * random.standard_normal();
            }
            (keep, renew) = (self.correlation, self.jitter * (1.0 - self.correlation.powi(2)).sqrt());
            let flipped = random.below(k);
            let flip = if random.unit() <= self.flips { self.flip_size } else { 0.0 };
            let share = information / (information + self.half_information);
            let logits = (0..k).map(|class| {
                let error = stays[class] + wavers[class] + if class == flipped { flip } else { 0.0 };
                self.sharpness * (self.evidence * share * likeness[class] + error) + self.lean[class]
            });
            history.observations.push(index);
            history.probabilities.extend(softmax(&logits.collect::<Vec<_>>()));
        }
        Ok(history)
    }

    fn likeness(&self, true_class: usize) -> Vec<f64> {
        let mut likeness = vec![0.0; self.n_classes];
        for &(_, other, like) in self.looks_like.iter().filter(|(class, ..)| *class == true_class) {
            likeness[other] = like;
        }
        likeness[true_class] = 1.0;
        likeness
    }

    fn check(&self, true_class: usize) -> Result<(), SimulateError> {
        let k = self.n_classes;
        let finite = |x: f64| x.is_finite();
        let at_least_0 = |x: f64| x >= 0.0 && x.is_finite();
        let share = |x: f64| (0.0..=1.0).contains(&x);
        let class_beyond =
            self.looks_like.iter().map(|pair| pair.0.max(pair.1)).chain([true_class]).max().unwrap_or(0);
        let likeness = self.looks_like.iter().map(|pair| pair.2).find(|like| !share(*like));
        let lean = self.lean.iter().copied().find(|lean| !finite(*lean));
        for (field, fits, expected, found) in [
            ("n_classes", k >= 2, "at least 2", k as f64),
            ("class", class_beyond < k, "below n_classes", class_beyond as f64),
            ("number of leans", self.lean.len() == k, "one for each class", self.lean.len() as f64),
            ("lean", lean.is_none(), "a finite number", lean.unwrap_or(0.0)),
            ("likeness", likeness.is_none(), "a number from 0 to 1", likeness.unwrap_or(0.0)),
            ("evidence", at_least_0(self.evidence), "a finite number of at least 0", self.evidence),
            (
                "half_information",
                self.half_information > 0.0 && finite(self.half_information),
                "a finite number above 0",
                self.half_information,
            ),
            ("difficulty", at_least_0(self.difficulty), "a finite number of at least 0", self.difficulty),
            ("jitter", at_least_0(self.jitter), "a finite number of at least 0", self.jitter),
            ("correlation", (0.0..1.0).contains(&self.correlation), "at least 0, below 1", self.correlation),
            ("flips", share(self.flips), "a number from 0 to 1", self.flips),
            ("flip_size", at_least_0(self.flip_size), "a finite number of at least 0", self.flip_size),
            (
                "sharpness",
                self.sharpness > 0.0 && finite(self.sharpness),
                "a finite number above 0",
                self.sharpness,
            ),
        ] {
            if !fits {
                return Err(SimulateError::Config { field, expected, found });
            }
        }
        Ok(())
    }
}

/// Streams of random numbers of an object: its own, and those of its steps.
const OF_OBJECT: u64 = 0;
const OF_STEP: u64 = 1;

fn softmax(logits: &[f64]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|e| (e / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use heliacal_lightcurve::{LightCurve, Passband};

    use super::*;

    /// `n` observations at a signal-to-noise of 6; every second one is a detection.
    fn light_curve(n: usize) -> LightCurve {
        LightCurve::new(
            (0..n).map(|i| 60_000.0 + i as f64).collect(),
            vec![30.0; n],
            vec![5.0; n],
            vec![Passband::LsstR; n],
            (0..n).map(|i| i % 2 == 1).collect(),
        )
        .unwrap()
    }

    fn quiet() -> BaseClassifier {
        BaseClassifier { difficulty: 0.0, jitter: 0.0, flips: 0.0, ..BaseClassifier::supernovae5() }
    }

    #[test]
    fn without_errors_it_is_the_formula() {
        let base = quiet();
        let history = base.classify(light_curve(4).view(), 1, 7).unwrap();
        assert_eq!(history.observations, [1, 3]);
        for (step, information) in [(0, 72.0_f64), (1, 144.0)] {
            let g = information / (information + 200.0);
            let z: [f64; 5] = [0.0, 4.5 * g, 4.5 * g * 0.6 + 0.8, -0.5, -0.5];
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            for (k, z) in z.iter().enumerate() {
                let found = f64::from(history.probabilities[step * 5 + k]);
                assert!((found - z.exp() / sum).abs() < 1e-6, "{step} {k}");
            }
        }
    }

    #[test]
    fn the_same_light_curve_has_the_same_history_and_a_resampled_one_another() {
        let (base, lc) = (BaseClassifier::supernovae5(), light_curve(40));
        let of = |lc: &LightCurve, object| base.classify(lc.view(), 0, object).unwrap();
        assert_eq!(of(&lc, 1), of(&lc, 1));
        assert_ne!(of(&lc, 1), of(&lc, 2));
        assert_ne!(of(&lc, 1), of(&lc.with_resampled_flux(3), 1));
        // What is later does not change what was said before.
        let short = base.classify(lc.view().first_n(20), 0, 1).unwrap();
        assert_eq!(short.probabilities, of(&lc, 1).probabilities[..50]);
        let no_detection =
            LightCurve::new(vec![0.0], vec![1.0], vec![0.0], vec![Passband::LsstG], vec![false]);
        assert_eq!(of(&no_detection.unwrap(), 1), BaseHistory::default());
    }

    #[test]
    fn errors_have_the_spread_and_the_correlation_they_should() {
        // Logit differences of classes 3 and 4, where nothing but the jitter differs.
        let base = BaseClassifier { jitter: 0.5, looks_like: vec![], ..quiet() };
        let (mut sum, mut square, mut lagged, mut n) = (0.0, 0.0, 0.0, 0.0);
        for object in 0..400 {
            let history = base.classify(light_curve(80).view(), 0, object).unwrap();
            let rows: Vec<f64> = history
                .probabilities
                .chunks_exact(5)
                .map(|p| f64::from(p[3] / p[4]).ln() / base.sharpness)
                .collect();
            for pair in rows.windows(2) {
                sum += pair[0];
                square += pair[0].powi(2);
                lagged += pair[0] * pair[1];
                n += 1.0;
            }
        }
        let variance = square / n;
        assert!((sum / n).abs() < 0.04, "{}", sum / n);
        assert!((variance - 0.5).abs() < 0.03, "{variance}"); // twice 0.25
        assert!((lagged / n / variance - 0.5).abs() < 0.03, "{}", lagged / n / variance);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let said = |base: BaseClassifier, class| {
            base.classify(light_curve(2).view(), class, 0).unwrap_err().to_string()
        };
        let default = BaseClassifier::supernovae5;
        assert!(said(default(), 5).contains("class is 5, expected below n_classes"));
        assert!(said(BaseClassifier { lean: vec![], ..default() }, 0).contains("number of leans is 0"));
        assert!(said(BaseClassifier { correlation: 1.0, ..default() }, 0).contains("correlation is 1"));
        assert!(said(BaseClassifier { jitter: f64::NAN, ..default() }, 0).contains("jitter is NaN"));
        assert!(said(BaseClassifier { n_classes: 1, ..default() }, 0).contains("n_classes is 1"));
        assert!(
            said(BaseClassifier { looks_like: vec![(0, 1, 2.0)], ..default() }, 0).contains("likeness is 2")
        );
    }
}
