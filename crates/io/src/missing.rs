//! What SNANA writes where it has no number, column by column.
//!
//! A sentinel is taken for "not measured" only where no astronomer could have measured it: -9 is no redshift but a
//! fine declination, 999 is no magnitude but a fine surface brightness.

/// How the values of a column may look, and so which sentinels cannot be one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// NOBS, PTROBS_MIN: every number is meant.
    Count,
    /// Ids, type codes and flags; never negative.
    Code,
    /// Right ascension, declination and other angles \[deg\].
    Angle,
    /// Redshifts, separations, extinctions, errors: never below -1, and without an upper end.
    NonNegative,
    /// Masses, rates, colours, shapes as SNANA's HOSTLIB gives them.
    HostProperty,
    /// log10 of the specific star formation rate, where -9 per year is an ordinary galaxy.
    LogSpecificRate,
    /// Magnitudes and their errors.
    Magnitude,
    /// log10 of a ratio of likelihoods.
    Confusion,
    /// Fluxes and velocities: negative where noise or motion made them so.
    Signed,
    /// A column of which nothing is known.
    Unknown,
}

/// Whether this value of this column means "not measured".
///
/// ```text
/// NaN, infinities                 every column
/// -9 -99 -999 -9999               redshifts, errors, separations, host properties, magnitudes, ids and codes
/// 999                             magnitudes and their errors; angles
/// -99 -999 -9999                  log sSFR (-9 is ordinary), confusion
/// -999 -9999                      angles (DEC may be -9), surface-brightness fluxes, unknown columns
/// -9999                           peculiar velocities
/// (none)                          counts and pointers
/// ```
#[cfg(any(feature = "parquet", test))]
pub(crate) fn is_missing(column: &str, value: f64) -> bool {
    !value.is_finite() || sentinels(column).contains(&value)
}

/// The finite values that mean "not measured" in this column; readers look them up once per file.
pub(crate) fn sentinels(column: &str) -> &'static [f64] {
    match kind(column) {
        Kind::Count => &[],
        Kind::Code | Kind::NonNegative | Kind::HostProperty => &[-9.0, -99.0, -999.0, -9999.0],
        Kind::Angle => &[-999.0, -9999.0, 999.0],
        Kind::LogSpecificRate | Kind::Confusion => &[-99.0, -999.0, -9999.0],
        Kind::Magnitude => &[-9.0, -99.0, -999.0, -9999.0, 999.0],
        Kind::Signed if is_velocity(column) => &[-9999.0],
        Kind::Signed | Kind::Unknown => &[-999.0, -9999.0],
    }
}

/// What SNANA itself writes in this column where nothing was measured; [`is_missing`] knows each of them.
pub(crate) fn missing_code(column: &str) -> f64 {
    match kind(column) {
        Kind::Count | Kind::Code | Kind::NonNegative => -9.0,
        Kind::Angle => -999.0,
        Kind::Magnitude => 999.0,
        Kind::Confusion => -99.0,
        Kind::Signed if !is_velocity(column) => -999.0,
        Kind::HostProperty | Kind::LogSpecificRate | Kind::Signed | Kind::Unknown => -9999.0,
    }
}

/// Whether a numeric column is something that a survey would know of an object when it classifies it: not the truth of
/// a simulation (`SIM_...`, `PEAKMJD`), not bookkeeping (ids, counts, pointers, type codes, flags, detector constants),
/// not a summary of the light curve (`MJD_DETECT_LAST` looks into the future), not a column of single observations.
pub(crate) fn is_measured(column: &str) -> bool {
    !is_truth(column)
        && !is_observation_column(column)
        && !column.starts_with("MJD_")
        && !matches!(column, "PIXSIZE" | "NXPIX" | "NYPIX")
        && !matches!(kind(column), Kind::Count | Kind::Code)
}

/// Whether this is one of the static features that SNANA defines, recognisable even in a table of single observations.
#[cfg(any(feature = "parquet", test))]
pub(crate) fn is_known_static(column: &str) -> bool {
    is_measured(column) && kind(column) != Kind::Unknown
}

fn is_truth(column: &str) -> bool {
    column.starts_with("SIM_") || column.starts_with("SIMSED_") || matches!(column, "PEAKMJD" | "TRUE_CLASS")
}

fn is_observation_column(column: &str) -> bool {
    const EXACT: [&str; 18] = [
        "MJD",
        "BAND",
        "FLT",
        "FIELD",
        "TELESCOPE",
        "CCDNUM",
        "IMGNUM",
        "PHOTFLAG",
        "PHOTPROB",
        "FLUXCAL",
        "FLUXCALERR",
        "RDNOISE",
        "GAIN",
        "XPIX",
        "YPIX",
        "MAGOBS",
        "MAG",
        "MAGERR",
    ];
    EXACT.contains(&column) || ["PSF_", "SKY_SIG", "ZEROPT"].iter().any(|prefix| column.starts_with(prefix))
}

fn is_velocity(column: &str) -> bool {
    column.ends_with("VPEC")
}

fn kind(column: &str) -> Kind {
    let name = column.strip_prefix("SIM_").unwrap_or(column);
    if let Some(kind) = bookkeeping(name) {
        return kind;
    }
    // HOSTGAL_, HOSTGAL2_, ... and what follows.
    if let Some(property) = name.strip_prefix("HOSTGAL").and_then(|rest| rest.split_once('_')).map(|(_, p)| p)
    {
        return host_kind(property);
    }
    match name {
        "RA" | "DEC" | "DECL" | "RA_AVG" | "DEC_AVG" => Kind::Angle,
        "VPEC" => Kind::Signed,
        _ if name.ends_with("_ERR") => Kind::NonNegative,
        _ if ["REDSHIFT", "MWEBV"].iter().any(|prefix| name.starts_with(prefix)) => Kind::NonNegative,
        "ZPHOT" | "ZSPEC" | "AV" | "RV" | "EBV" => Kind::NonNegative,
        _ if name.starts_with("PEAKMAG") => Kind::Magnitude,
        _ if name.starts_with("PEAKMJD") || name.starts_with("MJD_") => Kind::NonNegative,
        _ => Kind::Unknown,
    }
}

/// Columns that are about the file and not about the sky.
fn bookkeeping(name: &str) -> Option<Kind> {
    let counts = ["NOBS", "PTROBS_MIN", "PTROBS_MAX"];
    if counts.contains(&name)
        || name.contains("NMATCH")
        || name.starts_with("NOBS_")
        || name.starts_with("NGEN_")
    {
        return Some(Kind::Count);
    }
    let codes = [
        "SNID",
        "CID",
        "FAKE",
        "SNTYPE",
        "SEARCH_TYPE",
        "CCDNUM",
        "NXPIX",
        "NYPIX",
        "PHOTFLAG",
        "LIBID",
        "object_id",
        "objectId",
        "diaObjectId",
        "diaobject_id",
        "alertId",
        "alert_id",
        "diaSourceId",
        "diasource_id",
        "TYPE",
    ];
    let suffixes = ["_FLAG", "_INDEX", "_MASK", "_GALID", "_LIBID", "_index"];
    let is_code = codes.contains(&name)
        || name.starts_with("__index_level_")
        || name.contains("OBJID")
        || suffixes.iter().any(|suffix| name.ends_with(suffix));
    is_code.then_some(Kind::Code)
}

/// A column `HOSTGAL..._PROPERTY`.
fn host_kind(property: &str) -> Kind {
    match property {
        "RA" | "DEC" => Kind::Angle,
        "CONFUSION" => Kind::Confusion,
        "LOGsSFR" | "sSFR" | "LOGSSFR" => Kind::LogSpecificRate,
        _ if property.starts_with("SB_FLUXCAL") => Kind::Signed,
        _ if property.starts_with("MAG") => Kind::Magnitude,
        _ if ["PHOTOZ", "SPECZ", "ZPHOT", "SNSEP", "DDLR"].iter().any(|p| property.starts_with(p)) => {
            Kind::NonNegative
        }
        // LOGMASS, LOGSFR, COLOR, ELLIPTICITY, SQRADIUS and what else a HOSTLIB defines, errors included.
        _ => Kind::HostProperty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATIC: [&str; 26] = [
        "RA",
        "DEC",
        "DECL",
        "MWEBV",
        "MWEBV_ERR",
        "REDSHIFT_HELIO",
        "REDSHIFT_FINAL_ERR",
        "VPEC",
        "VPEC_ERR",
        "HOSTGAL_PHOTOZ",
        "HOSTGAL_SPECZ_ERR",
        "HOSTGAL2_RA",
        "HOSTGAL2_DEC",
        "HOSTGAL_SNSEP",
        "HOSTGAL_DDLR",
        "HOSTGAL_CONFUSION",
        "HOSTGAL_LOGMASS",
        "HOSTGAL_LOGsSFR",
        "HOSTGAL_COLOR_ERR",
        "HOSTGAL_ELLIPTICITY",
        "HOSTGAL_SQRADIUS",
        "HOSTGAL_ZPHOT_Q050",
        "HOSTGAL_MAG_u",
        "HOSTGAL2_MAGERR_Y",
        "HOSTGAL_SB_FLUXCAL_g",
        "SOME_NEW_COLUMN",
    ];

    #[test]
    fn every_code_that_is_written_reads_as_missing() {
        for column in STATIC {
            assert!(is_measured(column), "{column}");
            assert!(is_missing(column, missing_code(column)), "{column}");
            assert!(is_missing(column, f64::NAN) && is_missing(column, f64::INFINITY), "{column}");
            assert!(!is_missing(column, 0.0) && !is_missing(column, -0.02), "{column}");
            assert_eq!(f64::from(missing_code(column) as f32), missing_code(column));
        }
    }

    #[test]
    fn the_codes_are_those_of_elasticc2() {
        for (column, code) in [
            ("HOSTGAL_SPECZ", -9.0),
            ("HOSTGAL2_SNSEP", -9.0),
            ("HOSTGAL2_ZPHOT_Q010", -9.0),
            ("HOSTGAL2_RA", -999.0),
            ("HOSTGAL2_DEC", -999.0),
            ("HOSTGAL2_ELLIPTICITY", -9999.0),
            ("HOSTGAL2_SQRADIUS", -9999.0),
            ("HOSTGAL_LOGMASS_ERR", -9999.0),
            ("HOSTGAL_LOGSFR", -9999.0),
            ("HOSTGAL2_MAG_u", 999.0),
            ("HOSTGAL2_MAGERR_u", 999.0),
            ("HOSTGAL_CONFUSION", -99.0),
            ("SIM_SUBSAMPLE_INDEX", -9.0),
        ] {
            assert_eq!(missing_code(column), code, "{column}");
        }
        // Other SNANA versions wrote these.
        assert!(is_missing("HOSTGAL_LOGMASS", -9.0));
        assert!(is_missing("HOSTGAL_SQRADIUS", -999.0));
        assert!(is_missing("HOSTGAL_sSFR", -99.0));
    }

    #[test]
    fn what_could_have_been_measured_stays() {
        for (column, value) in [
            ("DEC", -9.0),
            ("HOSTGAL_DEC", -9.0),
            ("RA", -9.0),
            ("RA", -99.0),
            ("VPEC", -99.0),
            ("SIM_VPEC", -999.0),
            ("HOSTGAL_LOGsSFR", -9.0),
            ("HOSTGAL_SB_FLUXCAL_r", 999.0),
            ("HOSTGAL_SB_FLUXCAL_r", -9.0),
            ("HOSTGAL_SQRADIUS", 999.0),
            ("HOSTGAL_CONFUSION", -9.0),
            ("NOBS", 999.0),
            ("PTROBS_MAX", 999.0),
            ("HOSTGAL_NMATCH", -9.0),
            ("HOSTGAL_MAG_u", 99.0),
            ("GALACTIC_LATITUDE", -9.0),
        ] {
            assert!(!is_missing(column, value), "{column} {value}");
        }
    }

    #[test]
    fn truth_and_bookkeeping_are_not_measured() {
        for column in [
            "SIM_REDSHIFT_HELIO",
            "SIM_TYPE_INDEX",
            "SIM_HOSTLIB(g_obs)",
            "SIMSED_PARAM",
            "PEAKMJD",
            "SNID",
            "NOBS",
            "PTROBS_MIN",
            "FAKE",
            "SNTYPE",
            "SEARCH_TYPE",
            "NXPIX",
            "PIXSIZE",
            "CCDNUM",
            "HOSTGAL_OBJID",
            "HOSTGAL_OBJID2",
            "HOSTGAL_OBJID_UNIQUE",
            "HOSTGAL_FLAG",
            "HOSTGAL_NMATCH2",
            "MJD_TRIGGER",
            "MJD_DETECT_LAST",
            "MJD",
            "FLUXCAL",
            "PSF_SIG1",
            "ZEROPT_ERR",
            "__index_level_0__",
        ] {
            assert!(!is_measured(column), "{column}");
        }
        assert!(is_known_static("HOSTGAL_MAG_g") && !is_known_static("AIRMASS"));
    }
}
