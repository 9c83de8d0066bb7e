//! From a configuration to objects.

use std::ops::Range;
use std::sync::Arc;
#[cfg(feature = "rayon")]
use std::sync::atomic::{AtomicU64, Ordering};

use heliacal_lightcurve::{LightCurve, Object, ObjectId, Observation};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::cadence::{Exposure, Field};
use crate::class::SimulatedClass;
use crate::drawn::{self, Drawn};
use crate::error::SimulateError;
use crate::host;
use crate::photometry::{BANDS, EXTINCTION_COEFFICIENTS, magnitude_of_flux, ten_to};
use crate::random::Random;
use crate::sky::{Place, Spread};
use crate::survey::{ClassMix, Photometry, SurveyConfig};

/// Draws the objects of a survey.
///
/// Object i depends on the configuration, the classes and i, and on nothing else: not on how many objects are drawn, in
/// which order, or on how many threads. Its random numbers come from a generator of this crate
/// (xoshiro256++, seeded by configuration seed, i and attempt), so they stay when libraries change; a release in which an
/// object changes says so in the changelog.
///
/// ```
/// use heliacal_simulate::{SimulatedClass, Simulator, SurveyConfig};
///
/// let simulator = Simulator::new(SurveyConfig::default(), SimulatedClass::oracle())?;
/// let survey = simulator.objects(0..19)?; // one of each class
/// assert_eq!(survey[5], simulator.object(5)?);
/// assert_eq!(survey[5].true_class.as_deref(), Some("KN"));
/// assert!(survey.iter().all(|object| object.light_curve.detection().contains(&true)));
/// # Ok::<(), heliacal_simulate::SimulateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Simulator {
    config: SurveyConfig,
    classes: Vec<SimulatedClass>,
    names: Vec<Arc<str>>,
}

/// What is true of a simulated object and cannot be observed.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Its class.
    pub class: SimulatedClass,
    /// Redshift; none for stars.
    pub redshift: Option<f64>,
    /// Time zero of its event \[MJD\]: maximum of most transients, middle of the rise where a plateau follows, closest
    /// approach of a lens.
    pub event_mjd: Option<f64>,
    /// Main period, or mean time between outbursts \[day\].
    pub period: Option<f64>,
    /// Whether a Blazhko effect modulates it: some RRab stars.
    pub blazhko: bool,
    /// Magnitude of the strongest flux at any of its observations, without noise \[mag\]: of the difference from the
    /// template, brighter or fainter, or of all light, as the survey's photometry has it.
    pub peak_magnitude: f64,
    /// Which part of the survey it lies in.
    pub field: Field,
    /// Which attempt was detected, from 1.
    pub attempts: u64,
}

/// A detection counts for an object's entry where the true signal-to-noise of the difference is above this: otherwise one kilonova in two
/// hundred would be a fluctuation of the sky.
const REAL: f64 = 2.0;

/// Attempt number of the stream that draws the class, far from any real one.
const CLASS_STREAM: u64 = u64::MAX;

impl Simulator {
    /// A simulator of these classes; naming a class twice makes it come twice as often.
    ///
    /// # Errors
    /// [`SimulateError`]: `NoClass`, `Weights`, or `Config` with the number that makes no sense.
    pub fn new(config: SurveyConfig, classes: &[SimulatedClass]) -> Result<Self, SimulateError> {
        config.check(classes.len())?;
        let names = classes.iter().map(|class| class.name().into()).collect();
        Ok(Self { config, classes: classes.to_vec(), names })
    }

    /// The configuration.
    pub fn config(&self) -> &SurveyConfig {
        &self.config
    }

    /// The classes.
    pub fn classes(&self) -> &[SimulatedClass] {
        &self.classes
    }

    /// The class of object `index`.
    pub fn class_of(&self, index: u64) -> SimulatedClass {
        self.classes[self.position_of(index)]
    }

    fn position_of(&self, index: u64) -> usize {
        let n = self.classes.len();
        match &self.config.mix {
            ClassMix::Equal => (index % n as u64) as usize,
            ClassMix::Weighted(weights) => {
                let mut random = Random::new(self.config.seed, index, CLASS_STREAM);
                let mut left = random.unit() * weights.iter().sum::<f64>();
                // Rounding may leave a little at the end: the last class that has a weight.
                let found = weights.iter().position(|weight| {
                    left -= weight;
                    left <= 0.0 && *weight > 0.0
                });
                found.or_else(|| weights.iter().rposition(|weight| *weight > 0.0)).unwrap_or(n - 1)
            }
        }
    }

    /// Object `index`: drawn again and again until the survey detects it.
    ///
    /// # Errors
    /// [`SimulateError::Unseen`] when `max_attempts` objects of its class were not detected; `Index` when its id would not
    /// fit; `LightCurve` when the configuration makes a number infinite.
    pub fn object(&self, index: u64) -> Result<Object, SimulateError> {
        Ok(self.object_with_truth(index)?.0)
    }

    /// Object `index` and what is true of it.
    ///
    /// # Errors
    /// As [`object`](Self::object).
    pub fn object_with_truth(&self, index: u64) -> Result<(Object, Truth), SimulateError> {
        let position = self.position_of(index);
        let class = self.classes[position];
        let id = i64::try_from(index).ok().and_then(|index| self.config.first_id.checked_add(index));
        let id = id.ok_or(SimulateError::Index { index })?;
        for attempt in 0..self.config.max_attempts {
            let mut random = Random::new(self.config.seed, index, attempt);
            let drawn = drawn::draw(class, &self.config, &mut random);
            if let Some(seen) = self.observe(class, &drawn, &mut random) {
                let light_curve = LightCurve::from_observations(seen.observations)
                    .map_err(|source| SimulateError::LightCurve { index, source })?;
                let context = match (drawn.host, drawn.redshift) {
                    (Some(kind), Some(redshift)) => {
                        host::context(kind, redshift, seen.place, seen.mwebv, &self.config, &mut random)
                    }
                    _ => host::star_context(seen.place, seen.mwebv, &self.config, &mut random),
                };
                let true_class = Some(self.names[position].clone());
                let object = Object { id: ObjectId::Integer(id), light_curve, context, true_class };
                let truth = Truth {
                    class,
                    redshift: drawn.redshift,
                    event_mjd: drawn.time,
                    period: drawn.period,
                    blazhko: drawn.blazhko,
                    peak_magnitude: seen.peak_magnitude,
                    field: seen.place.field,
                    attempts: attempt + 1,
                };
                return Ok((object, truth));
            }
        }
        Err(SimulateError::Unseen { index, class: class.name(), attempts: self.config.max_attempts })
    }

    /// Many objects, in the order of their indices; on all cores with the feature `rayon`.
    ///
    /// # Errors
    /// As [`object`](Self::object), for the first object that fails.
    pub fn objects(&self, indices: Range<u64>) -> Result<Vec<Object>, SimulateError> {
        Ok(self.objects_with_truth(indices)?.into_iter().map(|(object, _)| object).collect())
    }

    /// Many objects and what is true of them.
    ///
    /// # Errors
    /// As [`objects`](Self::objects).
    pub fn objects_with_truth(&self, indices: Range<u64>) -> Result<Vec<(Object, Truth)>, SimulateError> {
        self.collect(indices)
    }

    #[cfg(not(feature = "rayon"))]
    fn collect(&self, indices: Range<u64>) -> Result<Vec<(Object, Truth)>, SimulateError> {
        indices.map(|index| self.object_with_truth(index)).collect()
    }

    /// Objects behind one that failed are not drawn: a class that is never seen costs `max_attempts` each. The first that
    /// fails is always drawn, so the error does not depend on the threads.
    #[cfg(feature = "rayon")]
    fn collect(&self, indices: Range<u64>) -> Result<Vec<(Object, Truth)>, SimulateError> {
        let lowest_failed = AtomicU64::new(u64::MAX);
        let draw = |index| {
            if index > lowest_failed.load(Ordering::Relaxed) {
                return None;
            }
            let drawn = self.object_with_truth(index);
            if drawn.is_err() {
                lowest_failed.fetch_min(index, Ordering::Relaxed);
            }
            Some(drawn)
        };
        let drawn: Vec<_> = indices.into_par_iter().map(draw).collect();
        // What was left out stands behind an error, where the collection ends.
        drawn.into_iter().flatten().collect()
    }

    /// What the survey sees of a source, if it enters the survey.
    fn observe(&self, class: SimulatedClass, drawn: &Drawn, random: &mut Random) -> Option<Seen> {
        let config = &self.config;
        let place = drawn.spread.draw(config.deep_fraction, random);
        let mwebv = column_of_dust(place, random);
        // Stars of the disk stand within the dust.
        let share = if matches!(drawn.spread, Spread::Disk(_)) { random.uniform(0.2, 1.0) } else { 1.0 };
        let dimming = EXTINCTION_COEFFICIENTS.map(|coefficient| ten_to(-0.4 * coefficient * mwebv * share));
        let visits = config.cadence.draw(place.ra, place.field, random);
        let fluxes = drawn.source.fluxes(&visits, random);
        let template = drawn.source.template();

        let mut observations = Vec::with_capacity(visits.len());
        let mut fluxes_seen = Vec::with_capacity(visits.len());
        let mut n_real = 0;
        for (&Exposure { mjd, band }, flux) in visits.iter().zip(fluxes) {
            let total = flux * dimming[band];
            let signal = total - template[band] * dimming[band];
            let reported = match config.photometry {
                Photometry::Difference => signal,
                Photometry::Total => total,
            };
            let five_sigma = config.noise.draw_five_sigma_flux(band, random);
            // Numbers are drawn for every visit, so that what is dropped does not shift the others.
            let (saturation, noise, luck) =
                (config.noise.draw_saturation_flux(random), random.standard_normal(), random.unit());
            if total > saturation {
                continue;
            }
            let error = config.noise.flux_err_of(total, five_sigma, band);
            // Whatever is reported, a survey detects by what changed since the template.
            let detection = luck <= config.detection.probability(signal / error + noise);
            let (flux, flux_err) = ((reported + noise * error) as f32, error as f32);
            observations.push(Observation { mjd, flux, flux_err, passband: BANDS[band], detection });
            fluxes_seen.push(reported);
            n_real += usize::from(detection && signal.abs() > REAL * error);
        }

        let needed = if class.is_fast() { config.detection.needed_of_fast } else { config.detection.needed };
        let mut detections = observations.iter().filter(|observation| observation.detection);
        let first = detections.next()?.mjd;
        let last = detections.next_back().map_or(first, |observation| observation.mjd);
        if n_real < needed {
            return None;
        }
        let from = first - config.detection.days_before;
        let to = config.detection.days_after.map_or(f64::INFINITY, |days| last + days);
        let begin = observations.partition_point(|observation| observation.mjd < from);
        let end = observations.partition_point(|observation| observation.mjd <= to);
        let strongest = fluxes_seen[begin..end].iter().map(|flux: &f64| flux.abs()).fold(0.0, f64::max);
        observations.truncate(end);
        observations.drain(..begin);
        Some(Seen { observations, place, mwebv, peak_magnitude: magnitude_of_flux(strongest.max(1e-9)) })
    }
}

/// An object that entered the survey.
struct Seen {
    observations: Vec<Observation>,
    place: Place,
    mwebv: f64,
    peak_magnitude: f64,
}

/// E(B-V) of all the dust in this direction \[mag\]: log-normal around `0.022 / sin |b|`, whose median outside of the plane
/// is 0.034 as in ELAsTiCC.
fn column_of_dust(place: Place, random: &mut Random) -> f64 {
    let slant = place.b.abs().max(1.5).to_radians().sin();
    random.log_normal(0.022 / slant, 0.6).min(5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_in_turn_or_by_weight() {
        let classes = [SimulatedClass::Agn, SimulatedClass::SnIa, SimulatedClass::Slsn];
        let equal = Simulator::new(SurveyConfig::default(), &classes).unwrap();
        assert_eq!((0..6).map(|i| equal.class_of(i)).collect::<Vec<_>>(), [classes, classes].concat());
        let mix = ClassMix::Weighted(vec![3.0, 0.0, 1.0]);
        let weighted = Simulator::new(SurveyConfig { mix, ..SurveyConfig::default() }, &classes).unwrap();
        let n = |class| (0..4000).filter(|&i| weighted.class_of(i) == class).count();
        assert_eq!(n(classes[1]), 0);
        assert!((2850..3150).contains(&n(classes[0])), "{}", n(classes[0]));
    }

    #[test]
    fn dust_is_that_of_elasticc_outside_of_the_plane() {
        let mut random = Random::new(1, 0, 0);
        let mut columns: Vec<f64> =
            (0..4000).map(|_| column_of_dust(Spread::Galaxies.draw(0.0, &mut random), &mut random)).collect();
        columns.sort_by(f64::total_cmp);
        // ELAsTiCC2's SNIb-Templates: 0.0105, 0.0338, 0.153 at 5, 50, 95 %.
        assert!((0.008..0.016).contains(&columns[200]), "{}", columns[200]);
        assert!((0.029..0.040).contains(&columns[2000]), "{}", columns[2000]);
        assert!((0.08..0.18).contains(&columns[3800]), "{}", columns[3800]);
    }

    #[test]
    fn what_can_never_be_seen_is_an_error() {
        let mut config = SurveyConfig { max_attempts: 20, ..SurveyConfig::default() };
        config.noise.five_sigma_depth = [5.0; 6];
        let simulator = Simulator::new(config, &[SimulatedClass::Kilonova]).unwrap();
        let error = simulator.objects(0..3).unwrap_err();
        assert_eq!(error, SimulateError::Unseen { index: 0, class: "KN", attempts: 20 });
        assert_eq!(simulator.object(u64::MAX), Err(SimulateError::Index { index: u64::MAX }));
    }

    #[test]
    fn an_impossible_survey_fails_at_once_and_does_not_hang() {
        let mut config = SurveyConfig::default();
        config.noise.five_sigma_depth = [5.0; 6];
        let simulator = Simulator::new(config, SimulatedClass::oracle()).unwrap();
        let begin = std::time::Instant::now();
        let error = simulator.objects(0..20_000).unwrap_err();
        assert_eq!(error, SimulateError::Unseen { index: 0, class: "SNIa", attempts: 1000 }, "{error}");
        // Each thread draws one object or a few; all of them would take half an hour.
        assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
    }

    #[test]
    fn the_error_is_that_of_the_first_object_that_fails() {
        let mut config = SurveyConfig { max_attempts: 2, ..SurveyConfig::default() };
        config.noise.five_sigma_depth = [20.0; 6];
        let simulator = Simulator::new(config, &[SimulatedClass::Mira, SimulatedClass::SnIa]).unwrap();
        for first in (0..60).step_by(3) {
            let expected = (first..first + 60).find_map(|index| simulator.object(index).err()).unwrap();
            assert_eq!(simulator.objects(first..first + 60), Err(expected));
        }
    }
}
