//! Passbands: which filter an observation was made through.

use std::fmt;

/// The filter of an observation.
///
/// Two surveys are known: LSST with `u g r i z Y` and the Zwicky Transient Facility with `g r i`. Light curves of
/// other surveys in the same *ugrizY* system (SDSS, DES) are read as LSST's: the models see a passband only as its
/// mean wavelength.
///
/// ```
/// use heliacal_lightcurve::{Passband, PhotometricSystem};
///
/// let band = Passband::parse("Y", PhotometricSystem::Lsst)?;
/// assert_eq!(band, Passband::LsstY);
/// assert_eq!(band.mean_wavelength_um(), 1.015);
/// # Ok::<(), heliacal_lightcurve::UnknownPassband>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Passband {
    /// LSST u, 0.360 µm.
    LsstU,
    /// LSST g, 0.476 µm.
    LsstG,
    /// LSST r, 0.6215 µm.
    LsstR,
    /// LSST i, 0.7545 µm.
    LsstI,
    /// LSST z, 0.870 µm.
    LsstZ,
    /// LSST Y, 1.015 µm.
    LsstY,
    /// ZTF g, 0.476 µm.
    ZtfG,
    /// ZTF r, 0.6215 µm.
    ZtfR,
    /// ZTF i, 0.7545 µm.
    ZtfI,
}

/// The set of passbands that a file's one-letter band names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PhotometricSystem {
    /// LSST's `u g r i z Y`; also for SDSS and DES.
    #[default]
    Lsst,
    /// ZTF's `g r i`; `R` is the r band of the ANTARES broker.
    Ztf,
}

/// A band name that does not belong to its photometric system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown passband {name:?}: {system} has {}", .system.passbands().iter().map(|b| b.letter().to_string()).collect::<Vec<_>>().join(" "))]
pub struct UnknownPassband {
    /// The name as given.
    pub name: String,
    /// The system it was looked up in.
    pub system: PhotometricSystem,
}

impl PhotometricSystem {
    /// The passbands of the system, blue to red.
    pub fn passbands(self) -> &'static [Passband] {
        match self {
            Self::Lsst => &Passband::LSST,
            Self::Ztf => &Passband::ZTF,
        }
    }
}

impl fmt::Display for PhotometricSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lsst => "LSST",
            Self::Ztf => "ZTF",
        })
    }
}

impl Passband {
    /// LSST's passbands, blue to red.
    pub const LSST: [Self; 6] =
        [Self::LsstU, Self::LsstG, Self::LsstR, Self::LsstI, Self::LsstZ, Self::LsstY];
    /// ZTF's passbands, blue to red.
    pub const ZTF: [Self; 3] = [Self::ZtfG, Self::ZtfR, Self::ZtfI];

    /// Mean wavelength \[µm\], the number by which ORACLE knows a passband.
    pub const fn mean_wavelength_um(self) -> f32 {
        match self {
            Self::LsstU => 0.360,
            Self::LsstG | Self::ZtfG => 0.476,
            Self::LsstR | Self::ZtfR => 0.6215,
            Self::LsstI | Self::ZtfI => 0.7545,
            Self::LsstZ => 0.870,
            Self::LsstY => 1.015,
        }
    }

    /// The one-letter name as SNANA writes it: `u g r i z Y`.
    pub const fn letter(self) -> char {
        match self {
            Self::LsstU => 'u',
            Self::LsstG | Self::ZtfG => 'g',
            Self::LsstR | Self::ZtfR => 'r',
            Self::LsstI | Self::ZtfI => 'i',
            Self::LsstZ => 'z',
            Self::LsstY => 'Y',
        }
    }

    /// The survey's system that the passband belongs to.
    pub const fn system(self) -> PhotometricSystem {
        match self {
            Self::ZtfG | Self::ZtfR | Self::ZtfI => PhotometricSystem::Ztf,
            _ => PhotometricSystem::Lsst,
        }
    }

    /// Reads a band name: the letter alone or with a prefix that ends in `-`, `_` or a blank (`r`, `LSST-r`, `ztf_r`),
    /// surrounding blanks ignored. `y` and `Y` are the same band, and so are `R` and `r` in ZTF.
    ///
    /// # Errors
    /// [`UnknownPassband`] when the system has no band of that name.
    pub fn parse(name: &str, system: PhotometricSystem) -> Result<Self, UnknownPassband> {
        Self::from_name(name.as_bytes(), system)
            .ok_or_else(|| UnknownPassband { name: name.trim().to_owned(), system })
    }

    /// [`parse`](Self::parse) on the bytes of a file's column, without an error to build.
    pub fn from_name(name: &[u8], system: PhotometricSystem) -> Option<Self> {
        let name = name.trim_ascii();
        let letter = match name {
            [letter] | [.., b'-' | b'_' | b' ', letter] => *letter,
            _ => return None,
        };
        Some(match (system, letter) {
            (PhotometricSystem::Lsst, b'u') => Self::LsstU,
            (PhotometricSystem::Lsst, b'g') => Self::LsstG,
            (PhotometricSystem::Lsst, b'r') => Self::LsstR,
            (PhotometricSystem::Lsst, b'i') => Self::LsstI,
            (PhotometricSystem::Lsst, b'z') => Self::LsstZ,
            (PhotometricSystem::Lsst, b'y' | b'Y') => Self::LsstY,
            (PhotometricSystem::Ztf, b'g') => Self::ZtfG,
            (PhotometricSystem::Ztf, b'r' | b'R') => Self::ZtfR,
            (PhotometricSystem::Ztf, b'i') => Self::ZtfI,
            _ => return None,
        })
    }
}

impl fmt::Display for Passband {
    /// `LSST r`, `ZTF g`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.system(), self.letter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_reads_back_in_its_system() {
        for system in [PhotometricSystem::Lsst, PhotometricSystem::Ztf] {
            for &band in system.passbands() {
                assert_eq!(Passband::parse(&band.letter().to_string(), system), Ok(band));
                assert_eq!(Passband::parse(&format!("LSST-{} ", band.letter()), system), Ok(band));
                assert_eq!(band.system(), system);
            }
        }
        assert_eq!(Passband::parse("R", PhotometricSystem::Ztf), Ok(Passband::ZtfR));
        assert_eq!(Passband::parse("y", PhotometricSystem::Lsst), Ok(Passband::LsstY));
    }

    #[test]
    fn a_foreign_band_is_named_in_the_error() {
        let error = Passband::parse("R", PhotometricSystem::Lsst).unwrap_err();
        assert_eq!(error.to_string(), "unknown passband \"R\": LSST has u g r i z Y");
        assert!(Passband::parse("", PhotometricSystem::Lsst).is_err());
        assert!(Passband::parse("xr", PhotometricSystem::Lsst).is_err());
    }
}
