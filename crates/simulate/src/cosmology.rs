//! Distances in an expanding universe.

use std::f64::consts::PI;

/// Speed of light \[km/s\].
const SPEED_OF_LIGHT: f64 = 299_792.458;

/// A flat universe of matter and a cosmological constant, radiation left out.
///
/// ```text
/// E(z)   = √(Ω_m (1+z)³ + 1 − Ω_m)
/// D_C(z) = c/H0 ∫₀ᶻ dz'/E(z')          comoving distance [Mpc]
/// D_L(z) = (1+z) D_C                   luminosity distance [Mpc]
/// µ(z)   = 5 log10(D_L / 10 pc)        distance modulus [mag]
/// ```
///
/// The integral is a Gauss-Legendre quadrature of ten points per unit of redshift; it agrees with astropy's
/// `FlatLambdaCDM(H0, Om0, Tcmb0=0)` within 1e-9 up to redshift 6 (the test `distances_are_those_of_astropy`).
///
/// Reference: Hogg 1999, [astro-ph/9905116](https://arxiv.org/abs/astro-ph/9905116), eq. 14, 15, 21, 25, 28.
///
/// ```
/// use heliacal_simulate::Cosmology;
///
/// let cosmology = Cosmology { h0: 70.0, omega_m: 0.3 };
/// assert!((cosmology.luminosity_distance_mpc(0.5) - 2832.938).abs() < 0.001);
/// assert_eq!(Cosmology { h0: 70.0, omega_m: 0.0 }.luminosity_distance_mpc(0.0), 0.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Cosmology {
    /// Hubble's constant today \[km/s/Mpc\].
    pub h0: f64,
    /// Matter density today over the critical one, from 0 to 1.
    pub omega_m: f64,
}

impl Default for Cosmology {
    /// H0 = 70 km/s/Mpc, Ω_m = 0.3.
    fn default() -> Self {
        Self { h0: 70.0, omega_m: 0.3 }
    }
}

/// Positive nodes of the Gauss-Legendre rule of ten points on \[-1, 1\], and their weights.
const GAUSS_LEGENDRE: [(f64, f64); 5] = [
    (0.148_874_338_981_631_2, 0.295_524_224_714_752_9),
    (0.433_395_394_129_247_2, 0.269_266_719_309_996_3),
    (0.679_409_568_299_024_4, 0.219_086_362_515_982),
    (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
    (0.973_906_528_517_171_7, 0.066_671_344_308_688_1),
];

impl Cosmology {
    /// Comoving distance \[Mpc\]; 0 for a redshift that is not positive.
    pub fn comoving_distance_mpc(self, redshift: f64) -> f64 {
        // NaN fails this too.
        if !(redshift > 0.0 && redshift.is_finite()) {
            return 0.0;
        }
        let panels = redshift.ceil().clamp(1.0, 1000.0);
        let half = 0.5 * redshift / panels;
        let inverse_e = |z: f64| 1.0 / (self.omega_m * (1.0 + z).powi(3) + 1.0 - self.omega_m).sqrt();
        let integral: f64 = (0..panels as usize)
            .map(|panel| {
                let centre = (2 * panel + 1) as f64 * half;
                GAUSS_LEGENDRE
                    .iter()
                    .map(|&(x, w)| w * (inverse_e(centre - half * x) + inverse_e(centre + half * x)))
                    .sum::<f64>()
            })
            .sum();
        SPEED_OF_LIGHT / self.h0 * half * integral
    }

    /// Luminosity distance \[Mpc\].
    pub fn luminosity_distance_mpc(self, redshift: f64) -> f64 {
        (1.0 + redshift) * self.comoving_distance_mpc(redshift)
    }

    /// Distance modulus \[mag\]; minus infinity at redshift 0.
    pub fn distance_modulus(self, redshift: f64) -> f64 {
        5.0 * self.luminosity_distance_mpc(redshift).log10() + 25.0
    }

    /// Angle that a transverse length of one kiloparsec spans \[arcsec/kpc\]; infinity at redshift 0.
    pub fn arcsec_per_kpc(self, redshift: f64) -> f64 {
        let angular_diameter_distance_kpc = 1e3 * self.comoving_distance_mpc(redshift) / (1.0 + redshift);
        180.0 * 3600.0 / PI / angular_diameter_distance_kpc
    }

    /// Comoving volume of the whole sky per unit of redshift \[Mpc³\], `4π c/H0 D_C² / E(z)`.
    pub fn comoving_volume_element_mpc3(self, redshift: f64) -> f64 {
        let e = (self.omega_m * (1.0 + redshift).powi(3) + 1.0 - self.omega_m).sqrt();
        4.0 * PI * SPEED_OF_LIGHT / self.h0 * self.comoving_distance_mpc(redshift).powi(2) / e
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// astropy 8.0.2, `FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0)`: redshift, `luminosity_distance` \[Mpc\],
    /// `differential_comoving_volume` times 4π \[Mpc³\].
    const ASTROPY: [(f64, f64, f64); 7] = [
        (0.001, 4.286_067_358_418_558, 986_249.545_335_998_2),
        (0.05, 222.289_054_659_617_08, 2_356_986_671.263_072_5),
        (0.3, 1_552.715_930_629_795_8, 65_857_332_160.256_3),
        (0.5, 2_832.938_093_900_125_3, 146_692_830_097.213),
        (1.1, 7_434.384_913_006_095, 361_660_022_265.203_4),
        (2.5, 20_396.396_341_769_712, 496_287_626_864.850_95),
        (6.0, 57_728.440_197_714_895, 359_613_689_317.201_35),
    ];

    #[test]
    fn distances_are_those_of_astropy() {
        let cosmology = Cosmology::default();
        for (z, distance, volume) in ASTROPY {
            assert!((cosmology.luminosity_distance_mpc(z) / distance - 1.0).abs() < 1e-9, "{z}");
            assert!((cosmology.comoving_volume_element_mpc3(z) / volume - 1.0).abs() < 1e-8, "{z}");
        }
    }

    #[test]
    fn closed_forms() {
        // Without matter D_C = c z / H0; with matter alone D_C = 2c/H0 (1 - 1/√(1+z)).
        let hubble = SPEED_OF_LIGHT / 70.0;
        for z in [0.01_f64, 0.5, 1.7, 3.0] {
            let empty = Cosmology { h0: 70.0, omega_m: 0.0 }.comoving_distance_mpc(z);
            assert!((empty / (hubble * z) - 1.0).abs() < 1e-12);
            let full = Cosmology { h0: 70.0, omega_m: 1.0 }.comoving_distance_mpc(z);
            assert!((full / (2.0 * hubble * (1.0 - 1.0 / (1.0 + z).sqrt())) - 1.0).abs() < 1e-9);
        }
        for z in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Cosmology::default().comoving_distance_mpc(z), 0.0);
        }
        // At 10 pc the modulus is 0, at 100 Mpc 35; a parsec at a parsec spans an arc second per astronomical unit.
        let near = Cosmology { h0: 70.0, omega_m: 0.0 };
        let z = 100.0 / hubble;
        assert!((near.distance_modulus(z) - 5.0 * (1.0 + z).log10() - 35.0).abs() < 1e-12);
        assert!((near.arcsec_per_kpc(z) / (1.0 + z) - 206_264.806_247 / 1e5).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn farther_is_farther(z in 0.001_f64..5.0, step in 0.001_f64..1.0, omega_m in 0.0_f64..1.0) {
            let cosmology = Cosmology { h0: 70.0, omega_m };
            prop_assert!(cosmology.comoving_distance_mpc(z + step) > cosmology.comoving_distance_mpc(z));
            let twice = Cosmology { h0: 140.0, omega_m };
            let ratio = cosmology.comoving_distance_mpc(z) / twice.comoving_distance_mpc(z);
            prop_assert!((ratio - 2.0).abs() < 1e-12);
        }
    }
}
