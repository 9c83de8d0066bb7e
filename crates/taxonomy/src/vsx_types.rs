//! Variability types of the AAVSO's International Variable Star Index, one by one.
//!
//! The list follows the index's own description ("Variable star type designations in VSX", Otero, Watson & Wils),
//! after the General Catalogue of Variable Stars (Samus et al. 2017), with a few words of Gaia, OGLE and ASAS. Types
//! without a leaf of their own go to the node that holds for all such stars, after the group in which the catalogues
//! list them: eruptive and cataclysmic stars to `ERUPTIVE_CV`, pulsating, X-ray and unique ones to `MISC`; words that
//! say only how a star varies go to the root.

use crate::class_map::ByClass;

/// Class of [`Taxonomy::variable_stars`](crate::Taxonomy::variable_stars), and the types in upper case.
pub(crate) const TYPES: ByClass = &[
    // E: shape of the light curve unknown. EP: eclipses by planets; E-DO: by discs.
    (Some("ECLIPSING"), &["E", "ECL", "ECLIPSING", "EP", "E-DO"]),
    // ASAS: ED, ESD, EC for detached, semi-detached, contact.
    (Some("EA"), &["EA", "ED"]),
    (Some("EB"), &["EB", "ESD"]),
    (Some("EW"), &["EW", "EC"]),
    (Some("RR_LYRAE"), &["RR", "RR_LYRAE"]),
    (Some("RRAB"), &["RRAB"]),
    (Some("RRC"), &["RRC"]),
    (Some("RRD"), &["RRD", "ARRD", "RR(B)"]),
    // Anomalous Cepheids and RV Tauri stars are Cepheids of neither kind below.
    (
        Some("CEPHEID"),
        &["CEP", "CEPHEID", "CEP(B)", "ACEP", "ACEP(B)", "ACEPS", "T2CEP", "RV", "RVA", "RVB", "RVTAU"],
    ),
    (Some("DCEP"), &["DCEP", "DCEP(B)", "DCEP-FU"]),
    (Some("DCEPS"), &["DCEPS", "DCEPS(B)", "DCEP-FO"]),
    (Some("CW"), &["CW", "CWA", "CWB", "CWB(B)", "CWBS", "CW-FU", "CW-FO", "BLHER"]),
    (Some("DELTA_SCUTI"), &["DELTA_SCUTI", "SXPHE", "SXPHE(B)"]),
    (Some("DSCT"), &["DSCT", "DSCTC", "DSCTR"]),
    (Some("HADS"), &["HADS", "HADS(B)"]),
    (Some("LPV"), &["LPV", "LSP", "OSARG", "SARG"]),
    (Some("M"), &["M"]),
    (Some("SR"), &["SR", "SRA", "SRB", "SRC", "SRD", "SRS"]),
    (Some("L"), &["L", "LB", "LC"]),
    // R: reflection; pulsars and spinning white dwarfs.
    (Some("ROTATIONAL"), &["ROTATIONAL", "R", "PSR", "WDP"]),
    (Some("ROT"), &["ROT", "BY", "ACV", "ACVO", "FKCOM", "LERI", "SXARI", "VBD"]),
    (Some("RS"), &["RS"]),
    (Some("ELL"), &["ELL", "HB"]),
    (
        Some("ERUPTIVE_CV"),
        &[
            "ERUPTIVE_CV",
            "CV",
            "N",
            "NA",
            "NB",
            "NC",
            "NR",
            "NL",
            "VY",
            "AM",
            "AMCVN",
            "DQ",
            "IBWD",
            "CBSS",
            "ZAND",
            "SYST",
            "V838MON",
            "UV",
            "UVN",
            "FF",
            "RCB",
            "DYPER",
            "SDOR",
            "WR",
            "YHG",
            "FSCMA",
            "CPNB[E]",
        ],
    ),
    (Some("UG"), &["UG", "UGER", "UGSS", "UGSU", "UGWZ", "UGZ"]),
    (Some("GCAS"), &["GCAS", "BE"]),
    (Some("OTHER"), &["OTHER"]),
    (
        Some("YSO"),
        &[
            "YSO", "TTS", "CTTS", "GTTS", "IMTTS", "WTTS", "IN", "INA", "INAT", "INB", "INS", "INSA", "INSB",
            "INST", "INT", "IN(YY)", "IS", "ISA", "ISB", "UXOR", "FU", "FUOR", "EXOR", "DIP", "HAEBE",
        ],
    ),
    (
        Some("MISC"),
        &[
            "MISC", "*", "ACYG", "AHB1", "BCEP", "BCEPS", "BLAP", "BXCIR", "DPV", "DWLYN", "GDOR", "GWLIB",
            "ORG", "PPN", "PVTEL", "PVTELI", "PVTELII", "PVTELIII", "ROAM", "ROAP", "SPB", "SPBE", "V361HYA",
            "V1093HER", "ZZ", "ZZA", "ZZB", "ZZO", "ZZLEP", "X", "XB", "XBR", "XF", "XI", "XJ", "XN", "XND",
            "XNG", "XP", "XPR", "XPRM", "XRM", "BHXB", "HMXB", "IMXB", "LMXB",
        ],
    ),
    (Some("VARIABLE"), &["VARIABLE", "VAR", "PULS", "S", "I", "IA", "IB", "APER", "PER", "SIN", "NSIN"]),
    // Stellar explosions, other galaxies' nuclei, events along the way, and stars that do not vary.
    (
        None,
        &[
            "SN",
            "ILOT",
            "LFBOT",
            "GRB",
            "TRANSIENT",
            "MICROLENS",
            "AGN",
            "BLLAC",
            "QSO",
            "GAL",
            "CST",
            "NON-CV",
        ],
    ),
];
