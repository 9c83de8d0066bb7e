//! Light curves: observations of one object, in time order.

use crate::Passband;

/// One measurement of the brightness of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Observation {
    /// Modified Julian Date \[day\].
    pub mjd: f64,
    /// Flux \[FLUXCAL, zero point 27.5\], negative where the noise made it so.
    pub flux: f32,
    /// Uncertainty of the flux, one standard deviation \[FLUXCAL\].
    pub flux_err: f32,
    /// The filter.
    pub passband: Passband,
    /// Whether the survey's difference imaging detected the object here (SNANA: PHOTFLAG bit 4096); otherwise this is
    /// forced photometry.
    pub detection: bool,
}

/// Why columns are not a light curve.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LightCurveError {
    /// The columns do not belong to the same observations.
    #[error("column {column} has {found} values, mjd has {expected}")]
    UnequalLengths {
        /// The column that differs.
        column: &'static str,
        /// Its length.
        found: usize,
        /// The length of the time column.
        expected: usize,
    },
    /// A time that is NaN or infinite.
    #[error("observation {index}: mjd is {value}, expected a finite number")]
    InvalidMjd {
        /// Position in the columns as given.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// A flux that is NaN or infinite.
    #[error("observation {index}: flux is {value}, expected a finite number")]
    InvalidFlux {
        /// Position in the columns as given.
        index: usize,
        /// What stands there.
        value: f32,
    },
    /// A flux error that is negative, NaN or infinite.
    #[error("observation {index}: flux error is {value}, expected a finite number of at least 0")]
    InvalidFluxErr {
        /// Position in the columns as given.
        index: usize,
        /// What stands there.
        value: f32,
    },
}

/// The light curve has no detection, so "days since trigger" mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("light curve of {n_observations} observations has no detection, so it has no trigger time")]
pub struct NoDetection {
    /// How many observations were looked at.
    pub n_observations: usize,
}

/// The observations of one object as columns, sorted by time.
///
/// Valid by construction: equal lengths, finite times and fluxes, errors of at least zero. Unsorted input is sorted;
/// observations at the same time keep their order. An empty light curve is valid.
///
/// ```
/// use heliacal_lightcurve::{LightCurve, Observation, Passband};
///
/// let observation = |mjd, flux, detection| Observation { mjd, flux, flux_err: 2.0, passband: Passband::LsstR, detection };
/// let light_curve = LightCurve::from_observations([
///     observation(60003.1, 55.0, true), // given out of order
///     observation(60000.2, 1.5, false),
///     observation(60008.0, 80.0, true),
/// ])?;
///
/// assert_eq!(light_curve.mjd(), [60000.2, 60003.1, 60008.0]);
/// assert_eq!(light_curve.view().first_detection(), Some(1));
/// // What a broker knew two days after the trigger: rows before the trigger are part of it.
/// assert_eq!(light_curve.view().until_days_since_trigger(2.0)?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "Columns"))]
pub struct LightCurve {
    mjd: Vec<f64>,
    flux: Vec<f32>,
    flux_err: Vec<f32>,
    passband: Vec<Passband>,
    detection: Vec<bool>,
}

/// A light curve as it may stand in a file: not yet checked.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Columns {
    mjd: Vec<f64>,
    flux: Vec<f32>,
    flux_err: Vec<f32>,
    passband: Vec<Passband>,
    detection: Vec<bool>,
}

#[cfg(feature = "serde")]
impl TryFrom<Columns> for LightCurve {
    type Error = LightCurveError;

    fn try_from(columns: Columns) -> Result<Self, LightCurveError> {
        Self::new(columns.mjd, columns.flux, columns.flux_err, columns.passband, columns.detection)
    }
}

impl LightCurve {
    /// Checks columns and sorts them by time.
    ///
    /// # Errors
    /// [`LightCurveError`] when the lengths differ, or a time or flux is not finite, or a flux error is negative or
    /// not finite.
    pub fn new(
        mjd: Vec<f64>,
        flux: Vec<f32>,
        flux_err: Vec<f32>,
        passband: Vec<Passband>,
        detection: Vec<bool>,
    ) -> Result<Self, LightCurveError> {
        let expected = mjd.len();
        for (column, found) in [
            ("flux", flux.len()),
            ("flux_err", flux_err.len()),
            ("passband", passband.len()),
            ("detection", detection.len()),
        ] {
            if found != expected {
                return Err(LightCurveError::UnequalLengths { column, found, expected });
            }
        }
        if let Some((index, &value)) = mjd.iter().enumerate().find(|(_, mjd)| !mjd.is_finite()) {
            return Err(LightCurveError::InvalidMjd { index, value });
        }
        if let Some((index, &value)) = flux.iter().enumerate().find(|(_, flux)| !flux.is_finite()) {
            return Err(LightCurveError::InvalidFlux { index, value });
        }
        if let Some((index, &value)) =
            flux_err.iter().enumerate().find(|&(_, &e)| !(e >= 0.0 && e.is_finite()))
        {
            return Err(LightCurveError::InvalidFluxErr { index, value });
        }
        let light_curve = Self { mjd, flux, flux_err, passband, detection };
        Ok(if light_curve.mjd.is_sorted() { light_curve } else { light_curve.sorted() })
    }

    /// Builds a light curve from observations in any order.
    ///
    /// # Errors
    /// As [`new`](Self::new); lengths cannot differ.
    pub fn from_observations(
        observations: impl IntoIterator<Item = Observation>,
    ) -> Result<Self, LightCurveError> {
        let mut columns = Self::default();
        for observation in observations {
            columns.mjd.push(observation.mjd);
            columns.flux.push(observation.flux);
            columns.flux_err.push(observation.flux_err);
            columns.passband.push(observation.passband);
            columns.detection.push(observation.detection);
        }
        Self::new(columns.mjd, columns.flux, columns.flux_err, columns.passband, columns.detection)
    }

    fn sorted(self) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| self.mjd[a].total_cmp(&self.mjd[b])); // stable
        Self {
            mjd: order.iter().map(|&i| self.mjd[i]).collect(),
            flux: order.iter().map(|&i| self.flux[i]).collect(),
            flux_err: order.iter().map(|&i| self.flux_err[i]).collect(),
            passband: order.iter().map(|&i| self.passband[i]).collect(),
            detection: order.iter().map(|&i| self.detection[i]).collect(),
        }
    }

    /// The same light curve, borrowed; truncations are made on it.
    pub fn view(&self) -> LightCurveView<'_> {
        LightCurveView {
            mjd: &self.mjd,
            flux: &self.flux,
            flux_err: &self.flux_err,
            passband: &self.passband,
            detection: &self.detection,
        }
    }

    /// Number of observations.
    pub fn len(&self) -> usize {
        self.mjd.len()
    }

    /// Whether there is no observation.
    pub fn is_empty(&self) -> bool {
        self.mjd.is_empty()
    }

    /// Times, Modified Julian Date \[day\], not decreasing.
    pub fn mjd(&self) -> &[f64] {
        &self.mjd
    }

    /// Fluxes \[FLUXCAL, zero point 27.5\].
    pub fn flux(&self) -> &[f32] {
        &self.flux
    }

    /// Flux uncertainties \[FLUXCAL\].
    pub fn flux_err(&self) -> &[f32] {
        &self.flux_err
    }

    /// Filters.
    pub fn passband(&self) -> &[Passband] {
        &self.passband
    }

    /// Which observations are detections.
    pub fn detection(&self) -> &[bool] {
        &self.detection
    }

    /// The same light curve with other fluxes; what draws them keeps them finite.
    pub(crate) fn with_flux(&self, flux: Vec<f32>) -> Self {
        debug_assert_eq!(flux.len(), self.len());
        Self { flux, ..self.clone() }
    }
}

/// A light curve, or the beginning of one, borrowed from a [`LightCurve`].
///
/// Light curves are sorted by time, so every truncation is a prefix and costs nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LightCurveView<'a> {
    mjd: &'a [f64],
    flux: &'a [f32],
    flux_err: &'a [f32],
    passband: &'a [Passband],
    detection: &'a [bool],
}

impl<'a> LightCurveView<'a> {
    /// Number of observations.
    pub fn len(self) -> usize {
        self.mjd.len()
    }

    /// Whether there is no observation.
    pub fn is_empty(self) -> bool {
        self.mjd.is_empty()
    }

    /// Times, Modified Julian Date \[day\], not decreasing.
    pub fn mjd(self) -> &'a [f64] {
        self.mjd
    }

    /// Fluxes \[FLUXCAL, zero point 27.5\].
    pub fn flux(self) -> &'a [f32] {
        self.flux
    }

    /// Flux uncertainties \[FLUXCAL\].
    pub fn flux_err(self) -> &'a [f32] {
        self.flux_err
    }

    /// Filters.
    pub fn passband(self) -> &'a [Passband] {
        self.passband
    }

    /// Which observations are detections.
    pub fn detection(self) -> &'a [bool] {
        self.detection
    }

    /// The observation at `index`, if there is one.
    pub fn get(self, index: usize) -> Option<Observation> {
        Some(Observation {
            mjd: *self.mjd.get(index)?,
            flux: self.flux[index],
            flux_err: self.flux_err[index],
            passband: self.passband[index],
            detection: self.detection[index],
        })
    }

    /// The observations in time order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Observation> + 'a {
        (0..self.len()).map(move |i| Observation {
            mjd: self.mjd[i],
            flux: self.flux[i],
            flux_err: self.flux_err[i],
            passband: self.passband[i],
            detection: self.detection[i],
        })
    }

    /// Position of the first detection, the trigger.
    pub fn first_detection(self) -> Option<usize> {
        self.detection.iter().position(|&detection| detection)
    }

    /// The first `n` observations, or all where there are fewer.
    #[must_use]
    pub fn first_n(self, n: usize) -> Self {
        let n = n.min(self.len());
        Self {
            mjd: &self.mjd[..n],
            flux: &self.flux[..n],
            flux_err: &self.flux_err[..n],
            passband: &self.passband[..n],
            detection: &self.detection[..n],
        }
    }

    /// The first `max(1, floor(f n))` observations of `n`; all at `f >= 1`, one (if there is one) at `f <= 0` or NaN.
    #[must_use]
    pub fn first_fraction(self, f: f64) -> Self {
        // A float that does not fit saturates, and NaN becomes 0.
        self.first_n(((f * self.len() as f64).floor() as usize).max(1))
    }

    /// What was known `days` after the first detection: rows with `mjd - mjd_first_detection <= days` \[day\], the rows
    /// before the trigger included.
    ///
    /// # Errors
    /// [`NoDetection`] when no observation is a detection.
    pub fn until_days_since_trigger(self, days: f64) -> Result<Self, NoDetection> {
        let trigger = self.first_detection().ok_or(NoDetection { n_observations: self.len() })?;
        let trigger_mjd = self.mjd[trigger];
        Ok(self.first_n(self.mjd.partition_point(|mjd| mjd - trigger_mjd <= days)))
    }
}

impl<'a> From<&'a LightCurve> for LightCurveView<'a> {
    fn from(light_curve: &'a LightCurve) -> Self {
        light_curve.view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn light_curve(mjd: &[f64], detection: &[bool]) -> LightCurve {
        let n = mjd.len();
        LightCurve::new(
            mjd.to_vec(),
            vec![1.0; n],
            vec![0.5; n],
            vec![Passband::LsstG; n],
            detection.to_vec(),
        )
        .unwrap()
    }

    #[test]
    fn faulty_columns_are_named_with_their_position() {
        let new = |mjd: &[f64], flux: &[f32], flux_err: &[f32]| {
            LightCurve::new(
                mjd.to_vec(),
                flux.to_vec(),
                flux_err.to_vec(),
                vec![Passband::LsstG; mjd.len()],
                vec![true; mjd.len()],
            )
        };
        assert_eq!(
            new(&[1.0, 2.0], &[1.0], &[1.0, 1.0]),
            Err(LightCurveError::UnequalLengths { column: "flux", found: 1, expected: 2 })
        );
        assert!(matches!(
            new(&[1.0, f64::NAN], &[1.0; 2], &[1.0; 2]),
            Err(LightCurveError::InvalidMjd { index: 1, value }) if value.is_nan()
        ));
        assert!(matches!(
            new(&[1.0], &[f32::NAN], &[1.0]),
            Err(LightCurveError::InvalidFlux { index: 0, .. })
        ));
        for bad in [-0.1, f32::NAN, f32::INFINITY] {
            assert!(matches!(
                new(&[1.0], &[1.0], &[bad]),
                Err(LightCurveError::InvalidFluxErr { index: 0, .. })
            ));
        }
        assert_eq!(
            new(&[1.0], &[1.0], &[-1.0]).unwrap_err().to_string(),
            "observation 0: flux error is -1, expected a finite number of at least 0"
        );
        assert!(new(&[], &[], &[]).unwrap().is_empty());
        assert!(new(&[1.0], &[1.0], &[0.0]).is_ok());
    }

    #[test]
    fn truncations_by_hand() {
        let lc = light_curve(&[0.0, 1.0, 3.0, 5.0, 5.0, 8.0], &[false, true, false, true, false, true]);
        let view = lc.view();
        let days = |d| view.until_days_since_trigger(d).unwrap().len();
        // The trigger is at MJD 1: d = 0 keeps it and the row before, d = 2 is inclusive, d = 4 keeps both rows at 5.
        assert_eq!([days(-0.5), days(0.0), days(1.9), days(2.0), days(4.0), days(1e9)], [1, 2, 2, 3, 5, 6]);
        let fraction = |f| view.first_fraction(f).len();
        assert_eq!(
            [fraction(0.0), fraction(0.1), fraction(0.5), fraction(0.99), fraction(1.0)],
            [1, 1, 3, 5, 6]
        );
        assert_eq!([fraction(f64::NAN), fraction(-1.0), fraction(1e300)], [1, 1, 6]);
        assert_eq!([view.first_n(0).len(), view.first_n(2).len(), view.first_n(99).len()], [0, 2, 6]);
    }

    #[test]
    fn without_a_detection_days_since_trigger_is_an_error_value() {
        let lc = light_curve(&[0.0, 1.0], &[false, false]);
        assert_eq!(lc.view().until_days_since_trigger(3.0), Err(NoDetection { n_observations: 2 }));
        let empty = LightCurve::default();
        assert_eq!(empty.view().until_days_since_trigger(3.0), Err(NoDetection { n_observations: 0 }));
        assert_eq!(empty.view().first_fraction(0.5).len(), 0);
        assert_eq!(empty.view().get(0), None);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_light_curve_from_json_is_checked() {
        let lc = light_curve(&[2.0, 1.0], &[true, false]);
        let json = serde_json::to_string(&lc).unwrap();
        assert_eq!(serde_json::from_str::<LightCurve>(&json).unwrap(), lc);
        let error = serde_json::from_str::<LightCurve>(&json.replace("0.5", "-0.5")).unwrap_err();
        assert!(error.to_string().contains("flux error is -0.5"), "{error}");
    }

    proptest! {
        #[test]
        fn any_order_of_rows_gives_the_same_light_curve(
            rows in prop::collection::vec((0u8..20, -100f32..100.0, 0f32..10.0, any::<bool>()), 0..40),
            seed in any::<u64>(),
        ) {
            // Times may repeat; equal rows at equal times cannot be told apart, so compare as sorted multisets.
            let observation = |&(mjd, flux, flux_err, detection): &(u8, f32, f32, bool)| Observation {
                mjd: f64::from(mjd), flux, flux_err, passband: Passband::LsstZ, detection,
            };
            let mut shuffled = rows.clone();
            shuffled.sort_by_key(|row| u64::from(row.1.to_bits()).wrapping_mul(seed | 1));
            let a = LightCurve::from_observations(rows.iter().map(observation)).unwrap();
            let b = LightCurve::from_observations(shuffled.iter().map(observation)).unwrap();
            prop_assert!(a.mjd().is_sorted());
            prop_assert_eq!(a.mjd(), b.mjd());
            let bits = |lc: &LightCurve| {
                let mut rows: Vec<_> = lc.view().iter()
                    .map(|o| (o.mjd.to_bits(), o.flux.to_bits(), o.flux_err.to_bits(), o.detection)).collect();
                rows.sort_unstable();
                rows
            };
            prop_assert_eq!(bits(&a), bits(&b));
        }

        #[test]
        fn a_later_day_keeps_at_least_as_much(mjd in prop::collection::vec(0f64..50.0, 1..30), d in 0f64..50.0) {
            let n = mjd.len();
            let lc = light_curve(&mjd, &vec![true; n]);
            let near = lc.view().until_days_since_trigger(d).unwrap();
            let far = lc.view().until_days_since_trigger(d + 1.0).unwrap();
            prop_assert!(!near.is_empty() && near.len() <= far.len());
            prop_assert!(near.mjd().iter().all(|t| t - lc.mjd()[0] <= d));
        }
    }
}
