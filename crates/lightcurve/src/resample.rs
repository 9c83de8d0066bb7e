//! Noisy copies of a light curve, drawn from its own reported errors.

use crate::LightCurve;

impl LightCurve {
    /// A copy whose fluxes are drawn from normal distributions around the measured ones, with the reported errors as
    /// standard deviations; times, errors, passbands and detections stay.
    ///
    /// Several copies through a classifier tell the instability that measurement noise causes from the one that new
    /// observations cause (Beyond the Final Label, arXiv 2604.23792, section VI). The same seed gives the same copy on
    /// every machine and thread count.
    ///
    /// ```
    /// use heliacal_lightcurve::{LightCurve, Passband};
    ///
    /// let lc = LightCurve::new(vec![60000.0], vec![50.0], vec![3.0], vec![Passband::LsstR], vec![true])?;
    /// assert_eq!(lc.with_resampled_flux(7), lc.with_resampled_flux(7));
    /// assert_ne!(lc.with_resampled_flux(7), lc.with_resampled_flux(8));
    /// # Ok::<(), heliacal_lightcurve::LightCurveError>(())
    /// ```
    #[must_use]
    pub fn with_resampled_flux(&self, seed: u64) -> Self {
        let mut normal = StandardNormal::new(seed);
        let draw = |(&flux, &flux_err): (&f32, &f32)| {
            let drawn = f64::from(flux) + f64::from(flux_err) * normal.next();
            drawn.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
        };
        let flux = self.flux().iter().zip(self.flux_err()).map(draw).collect();
        self.with_flux(flux)
    }
}

/// Standard normal deviates: SplitMix64 (Steele et al. 2014) through the transform of Box and Muller (1958).
///
/// Written out because this crate stays free of a random-number dependency, and a resampled survey must not change with
/// the version of one.
struct StandardNormal {
    state: u64,
    spare: Option<f64>,
}

impl StandardNormal {
    fn new(seed: u64) -> Self {
        Self { state: seed, spare: None }
    }

    /// Uniform in (0, 1]: never 0, so its logarithm is finite.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Passband;

    #[test]
    fn resampled_fluxes_have_the_reported_mean_and_spread() {
        let n = 100_000;
        let lc = LightCurve::new(
            (0..n).map(f64::from).collect(),
            vec![100.0; n as usize],
            vec![4.0; n as usize],
            vec![Passband::LsstI; n as usize],
            vec![true; n as usize],
        )
        .unwrap();
        let copy = lc.with_resampled_flux(1);
        let deviation: Vec<f64> = copy.flux().iter().map(|&f| (f64::from(f) - 100.0) / 4.0).collect();
        let moment = |k| deviation.iter().map(|d| d.powi(k)).sum::<f64>() / f64::from(n);
        // Standard errors at n = 1e5: 0.003, 0.0045, 0.012, 0.031; bounds are four of them.
        assert!(moment(1).abs() < 0.0127, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.018, "{}", moment(2));
        assert!(moment(3).abs() < 0.049, "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.124, "{}", moment(4));
        assert_eq!((copy.mjd(), copy.flux_err()), (lc.mjd(), lc.flux_err()));
    }

    #[test]
    fn without_errors_nothing_moves_and_nothing_overflows() {
        let new = |flux, flux_err| {
            LightCurve::new(vec![0.0], vec![flux], vec![flux_err], vec![Passband::LsstI], vec![true]).unwrap()
        };
        assert_eq!(new(3.5, 0.0).with_resampled_flux(9), new(3.5, 0.0));
        for seed in 0..20 {
            assert!(new(f32::MAX, f32::MAX).with_resampled_flux(seed).flux()[0].is_finite());
        }
    }
}
