//! From a history to the numbers that the LSTM takes.

use serde::{Deserialize, Serialize};

use super::config::CascadeConfig;
use super::input::{CascadeInput, View, of_history};
use crate::{Error, Result};

/// Whose numbers a history is scaled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScalingMode {
    /// Those of the training set: the same for all objects.
    #[default]
    TrainingSet,
    /// Those of the object's own history, whole. The first step then knows how long the history will become and how bright:
    /// this leaks the future, and is here only to replicate results that were made this way. There is no stream for it.
    PerObject,
}

/// How flux and times are scaled, stored with the weights.
///
/// ```text
/// flux   (x - mean) / std                                  std over all steps, divided by n
/// times  (x - min) / (max - min), clamped to [0, 1]        MJD, since first, since previous, to next
/// ```
///
/// A column that is constant in the training set becomes 0. The first step is 0 days since the first and since the
/// previous one. The last step of a history has no next one: its scaled time to it is 0.
///
/// ```
/// use heliacal_models::{CascadeConfig, CascadeInput, CascadeScaling, ScalingMode};
///
/// let config = CascadeConfig::paper(2);
/// let history = CascadeInput {
///     mjd: vec![60000.0, 60001.0, 60004.0],
///     probabilities: vec![0.5, 0.5, 0.7, 0.3, 0.9, 0.1],
///     flux: vec![1.0, 2.0, 3.0],
/// };
/// let scaling = CascadeScaling::fit(&config, ScalingMode::TrainingSet, [&history])?;
/// assert_eq!(scaling.flux.mean, 2.0);
/// assert_eq!((scaling.to_next.min, scaling.to_next.max), (0.0, 3.0));
/// # Ok::<(), heliacal_models::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CascadeScaling {
    /// Whether the numbers below are used, or each object's own.
    pub mode: ScalingMode,
    /// Mean and standard deviation of the flux.
    pub flux: FluxMoments,
    /// Range of the MJD \[day\].
    pub mjd: TimeRange,
    /// Range of the time since the object's first classification \[day\].
    pub since_first: TimeRange,
    /// Range of the time since its previous classification \[day\].
    pub since_previous: TimeRange,
    /// Range of the time to its next classification \[day\], 0 at the last one.
    pub to_next: TimeRange,
}

/// Mean and standard deviation of a column.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct FluxMoments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, 0 or more.
    pub std: f64,
}

/// Least and largest number of a column.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TimeRange {
    /// Least.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl FluxMoments {
    fn scale(self, x: f32) -> f32 {
        if self.std > 0.0 { ((f64::from(x) - self.mean) / self.std) as f32 } else { 0.0 }
    }
}

impl TimeRange {
    /// Includes nothing.
    const NONE: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY };

    fn include(&mut self, x: f64) {
        self.min = self.min.min(x);
        self.max = self.max.max(x);
    }

    fn scale(self, x: f64) -> f32 {
        let width = self.max - self.min;
        if width > 0.0 { ((x - self.min) / width).clamp(0.0, 1.0) as f32 } else { 0.0 }
    }
}

/// Times of one step \[day\].
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) mjd: f64,
    pub(super) first: f64,
    pub(super) previous: f64,
}

impl CascadeScaling {
    /// The scaling of a training set, of which each history counts up to `max_steps`.
    ///
    /// # Errors
    /// [`Error::Config`] without any history; [`Error::History`] names one that is not valid.
    pub fn fit<'a>(
        config: &CascadeConfig,
        mode: ScalingMode,
        histories: impl IntoIterator<Item = &'a CascadeInput>,
    ) -> Result<Self> {
        config.check()?;
        let views = histories.into_iter().enumerate();
        let views = views.map(|(index, history)| history.view(config).map_err(of_history(index)));
        let views = views.collect::<Result<Vec<_>>>()?;
        if views.is_empty() {
            let what = "number of histories to fit a scaling to";
            return Err(Error::Config { what, expected: "at least 1".into(), found: "0".into() });
        }
        Ok(Self { mode, ..Self::of(&views) })
    }

    fn of(views: &[View<'_>]) -> Self {
        let none = TimeRange::NONE;
        let (mut mjd, mut since_first, mut since_previous, mut to_next) = (none, none, none, none);
        for view in views {
            for (step, times) in times(view.mjd).enumerate() {
                mjd.include(times.mjd);
                since_first.include(times.mjd - times.first);
                since_previous.include(times.mjd - times.previous);
                to_next.include(view.mjd.get(step + 1).map_or(0.0, |next| next - times.mjd));
            }
        }
        let flux = || views.iter().flat_map(|view| view.flux).map(|&flux| f64::from(flux));
        let n = (flux().count() as f64).max(1.0);
        let mean = flux().sum::<f64>() / n;
        let variance = flux().map(|flux| (flux - mean).powi(2)).sum::<f64>() / n;
        let flux = FluxMoments { mean, std: variance.sqrt() };
        Self { mode: ScalingMode::TrainingSet, flux, mjd, since_first, since_previous, to_next }
    }

    /// That the numbers can be ones of a training set: they come from a file.
    pub(super) fn check(&self) -> Result<()> {
        let ranges = [self.mjd, self.since_first, self.since_previous, self.to_next];
        let ranges_fit = ranges.iter().all(|r| r.min.is_finite() && r.max.is_finite() && r.min <= r.max);
        if ranges_fit && self.flux.mean.is_finite() && self.flux.std.is_finite() && self.flux.std >= 0.0 {
            return Ok(());
        }
        let expected = "finite, no range reversed and no negative std".into();
        Err(Error::Config { what: "scaling", expected, found: format!("{self:?}") })
    }

    /// Appends the rows of a history, `[step, channel]`: probabilities, flux, MJD, since first, since previous, to next.
    pub(super) fn encode(&self, config: &CascadeConfig, view: &View<'_>, rows: &mut Vec<f32>) {
        let own;
        let scaling = match self.mode {
            ScalingMode::TrainingSet => self,
            ScalingMode::PerObject => {
                own = Self::of(std::slice::from_ref(view));
                &own
            }
        };
        let probabilities = view.probabilities.chunks_exact(config.n_probabilities());
        for (step, (times, probabilities)) in times(view.mjd).zip(probabilities).enumerate() {
            scaling.push_step(config, probabilities, view.flux.get(step).copied(), times, rows);
            if let (true, Some(next)) = (config.time_features, view.mjd.get(step + 1)) {
                let last = rows.len() - 1;
                rows[last] = scaling.scale_to_next(next - times.mjd);
            }
        }
    }

    /// Appends the row of one step, which is the last one so far.
    pub(super) fn push_step(
        &self,
        config: &CascadeConfig,
        probabilities: &[f32],
        flux: Option<f32>,
        times: Times,
        rows: &mut Vec<f32>,
    ) {
        rows.extend_from_slice(probabilities);
        rows.extend(flux.map(|flux| self.flux.scale(flux)));
        if config.time_features {
            rows.extend([
                self.mjd.scale(times.mjd),
                self.since_first.scale(times.mjd - times.first),
                self.since_previous.scale(times.mjd - times.previous),
                0.0,
            ]);
        }
    }

    pub(super) fn scale_to_next(&self, days: f64) -> f32 {
        self.to_next.scale(days)
    }
}

/// The times of every step.
fn times(mjd: &[f64]) -> impl Iterator<Item = Times> {
    let first = mjd.first().copied().unwrap_or_default();
    let previous = std::iter::once(first).chain(mjd.iter().copied());
    mjd.iter().zip(previous).map(move |(&mjd, previous)| Times { mjd, first, previous })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(mjd: &[f64], flux: &[f32]) -> CascadeInput {
        CascadeInput { mjd: mjd.to_vec(), probabilities: vec![0.25; mjd.len()], flux: flux.to_vec() }
    }

    fn encoded(config: &CascadeConfig, scaling: &CascadeScaling, history: &CascadeInput) -> Vec<f32> {
        let mut rows = Vec::new();
        scaling.encode(config, &history.view(config).unwrap(), &mut rows);
        rows
    }

    #[test]
    fn rows_by_hand() {
        let config = CascadeConfig::paper(1);
        let training = [history(&[10.0, 12.0, 20.0], &[1.0, 3.0, 5.0]), history(&[5.0], &[7.0])];
        let scaling = CascadeScaling::fit(&config, ScalingMode::TrainingSet, &training).unwrap();
        assert_eq!(scaling.flux, FluxMoments { mean: 4.0, std: 5f64.sqrt() });
        assert_eq!(scaling.mjd, TimeRange { min: 5.0, max: 20.0 });
        assert_eq!(scaling.since_first, TimeRange { min: 0.0, max: 10.0 });
        assert_eq!(scaling.since_previous, TimeRange { min: 0.0, max: 8.0 });
        assert_eq!(scaling.to_next, TimeRange { min: 0.0, max: 8.0 });
        let s = (1.0 / 5f64.sqrt()) as f32;
        let rows = encoded(&config, &scaling, &history(&[8.0, 12.0, 40.0], &[4.0, 5.0, 3.0]));
        let expected = [
            [0.25, 0.0, 0.2, 0.0, 0.0, 0.5],
            [0.25, s, 7.0 / 15.0, 0.4, 0.5, 1.0], // 28 days to the next are clamped
            [0.25, -s, 1.0, 1.0, 1.0, 0.0],
        ];
        assert_eq!(rows, expected.concat());
        let plain = CascadeConfig { flux: false, time_features: false, ..config };
        assert_eq!(encoded(&plain, &scaling, &training[0]), [0.25; 3]);
    }

    #[test]
    fn constant_columns_are_zero() {
        let config = CascadeConfig::paper(1);
        let training = [history(&[10.0, 10.0], &[3.0, 3.0])];
        let scaling = CascadeScaling::fit(&config, ScalingMode::TrainingSet, &training).unwrap();
        let rows = encoded(&config, &scaling, &history(&[10.0, 11.0], &[3.0, 4.0]));
        assert_eq!(rows, [0.25, 0.0, 0.0, 0.0, 0.0, 0.0].repeat(2));
    }

    #[test]
    fn per_object_scaling_takes_the_objects_own_numbers() {
        let config = CascadeConfig::paper(1);
        let a = history(&[10.0, 12.0, 20.0], &[1.0, 3.0, 5.0]);
        let scaling = CascadeScaling::fit(&config, ScalingMode::PerObject, [&a]).unwrap();
        let moved = history(&[110.0, 112.0, 120.0], &[11.0, 13.0, 15.0]);
        assert_eq!(encoded(&config, &scaling, &a), encoded(&config, &scaling, &moved));
    }

    #[test]
    fn stored_nonsense_is_an_error() {
        let scaling = CascadeScaling::default();
        scaling.check().unwrap();
        let reversed = TimeRange { min: 1.0, max: 0.0 };
        assert!(CascadeScaling { to_next: reversed, ..scaling.clone() }.check().is_err());
        assert!(
            CascadeScaling { flux: FluxMoments { mean: f64::NAN, std: 1.0 }, ..scaling }.check().is_err()
        );
        let none: [&CascadeInput; 0] = [];
        assert!(CascadeScaling::fit(&CascadeConfig::paper(1), ScalingMode::TrainingSet, none).is_err());
    }
}
