//! SNANA's numbers that every format of light curves shares.

/// MJD and FLUXCAL of the row that ends a light curve; some tools carry these rows on as padding.
pub(crate) const MARKER: f64 = -777.0;

/// PHOTFLAG of an observation in which the detector was saturated.
pub(crate) const SATURATED: i64 = 1024;

/// PHOTFLAG of the observation that triggered the survey: the first detection.
pub(crate) const TRIGGER: i64 = 2048;

/// PHOTFLAG of a detection by difference imaging; an SNANA header's PHOTFLAG_DETECT may say otherwise.
pub(crate) const DETECTION: i64 = 4096;
