//! Floating-point numbers in stored state, by their bits.
//!
//! A parser that reads decimal digits quickly (`serde_json` without its feature `float_roundtrip`) may miss the number that
//! was written by one unit in the last place. What is compared with a threshold later must come back as it was, so it is
//! stored as the whole number [`f64::to_bits`], which every format keeps.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::EscParams;
use crate::Pmf;

/// For `serde(with)` on an `f64`.
pub(super) mod number {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(f64::from_bits(u64::deserialize(deserializer)?))
    }
}

/// For `serde(with)` on an `Option<f64>`.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::ref_option, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(f64::to_bits).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(f64::from_bits))
    }
}

/// For `serde(with)` on a [`Pmf`]; checked on the way back.
pub(super) mod pmf {
    use super::{Deserialize, Deserializer, Error, Pmf, Serializer};

    pub fn serialize<S: Serializer>(pmf: &Pmf, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(pmf.as_slice().iter().map(|p| p.to_bits()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pmf, D::Error> {
        let bits = Vec::<u64>::deserialize(deserializer)?;
        Pmf::new(bits.into_iter().map(f64::from_bits).collect()).map_err(D::Error::custom)
    }
}

/// For `serde(with)` on [`EscParams`]; checked on the way back.
pub(super) mod params {
    use super::{Deserialize, Deserializer, Error, EscParams, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Stored {
        epsilon_bits: u64,
        rho_bits: u64,
        k: usize,
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(params: &EscParams, serializer: S) -> Result<S::Ok, S::Error> {
        let (epsilon_bits, rho_bits) = (params.epsilon().to_bits(), params.rho().to_bits());
        Stored { epsilon_bits, rho_bits, k: params.k() }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EscParams, D::Error> {
        let Stored { epsilon_bits, rho_bits, k } = Stored::deserialize(deserializer)?;
        EscParams::new(f64::from_bits(epsilon_bits), f64::from_bits(rho_bits), k).map_err(D::Error::custom)
    }
}
