//! Small surveys made by our own writer, and FITS tables written by hand where it would not write such a thing.

use std::path::{Path, PathBuf};

use heliacal_io::{
    Compression, Labels, ReadOptions, Record, Result, SnanaReader, SnanaWriter, SnanaWriterOptions,
};
use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband};

/// An object whose numbers follow from its id; `n` observations, every third a detection.
pub(crate) fn object(id: i64, n: usize) -> Object {
    let t = |i: usize| i as f32 + id as f32 / 8.0;
    Object {
        id: ObjectId::Integer(id),
        light_curve: LightCurve::new(
            (0..n).map(|i| 60000.0 + 0.123_456_789 * i as f64).collect(),
            (0..n).map(|i| 10.0 * t(i)).collect(),
            (0..n).map(|i| 1.0 + t(i)).collect(),
            (0..n).map(|i| Passband::LSST[i % 6]).collect(),
            (0..n).map(|i| i % 3 == 1).collect(),
        )
        .unwrap(),
        context: Context::from_iter([
            ("MWEBV", 0.25),
            ("REDSHIFT_HELIO", id as f64 / 1024.0),
            ("RA", 12.3456),
        ]),
        true_class: None,
    }
}

pub(crate) fn plain() -> SnanaWriterOptions {
    SnanaWriterOptions { prefix: "S".into(), compression: Compression::Plain, ..Default::default() }
}

/// Writes one pair and gives its HEAD and PHOT.
pub(crate) fn write(folder: &Path, objects: &[Object], options: SnanaWriterOptions) -> (PathBuf, PathBuf) {
    let suffix = if options.compression == Compression::Gzip { ".gz" } else { "" };
    let mut writer = SnanaWriter::create(folder, options).unwrap();
    for object in objects {
        writer.write(object, &Labels::default()).unwrap();
    }
    writer.finish().unwrap();
    let path = |name: &str| folder.join(format!("S-0001_{name}.FITS{suffix}"));
    (path("HEAD"), path("PHOT"))
}

pub(crate) fn read(head: &Path) -> Result<Vec<Record>> {
    SnanaReader::open(head, &ReadOptions::default())?.collect()
}

/// The cells of a row.
pub(crate) type Cells = Vec<Vec<u8>>;

/// A file of one binary table: columns as (name, TFORM), more cards verbatim, rows of cells.
pub(crate) fn fits(columns: &[(&str, &str)], cards: &[&str], rows: &[Cells]) -> Vec<u8> {
    let width: usize = columns.iter().map(|(_, form)| width(form)).sum();
    let mut header = vec![
        "XTENSION= 'BINTABLE'".to_owned(),
        "BITPIX  = 8".into(),
        "NAXIS   = 2".into(),
        format!("NAXIS1  = {width}"),
        format!("NAXIS2  = {}", rows.len()),
        "PCOUNT  = 0".into(),
        "GCOUNT  = 1".into(),
        format!("TFIELDS = {}", columns.len()),
    ];
    for (index, (name, form)) in columns.iter().enumerate() {
        header.push(format!("{:<8}= '{name}'", format!("TTYPE{}", index + 1)));
        header.push(format!("{:<8}= '{form}'", format!("TFORM{}", index + 1)));
    }
    header.extend(cards.iter().map(|card| (*card).to_owned()));
    let mut bytes = block(&["SIMPLE  = T".into(), "BITPIX  = 8".into(), "NAXIS   = 0".into()]);
    bytes.extend(block(&header));
    bytes.extend(rows.concat().concat());
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

fn width(form: &str) -> usize {
    let (repeat, letter) = form.split_at(form.len() - 1);
    let repeat = repeat.parse().unwrap_or(1);
    repeat
        * match letter {
            "D" | "K" => 8,
            "E" | "J" => 4,
            "I" => 2,
            "A" => 1,
            _ => return usize::div_ceil(repeat, 8),
        }
}

pub(crate) fn block(cards: &[String]) -> Vec<u8> {
    let text: String = cards
        .iter()
        .chain([&"END".to_owned()])
        .fold(String::new(), |text, card| text + &format!("{card:<80}"));
    format!("{text:<width$}", width = text.len().next_multiple_of(2880)).into_bytes()
}

/// A row of PHOT in the layout of `PHOT`.
pub(crate) fn phot_row(mjd: f64, band: &str, flags: i32, flux: f32, err: f32) -> Cells {
    vec![
        mjd.to_be_bytes().into(),
        format!("{band:<2}").into_bytes(),
        flags.to_be_bytes().into(),
        flux.to_be_bytes().into(),
        err.to_be_bytes().into(),
    ]
}

pub(crate) const PHOT: [(&str, &str); 5] =
    [("MJD", "D"), ("FLT", "2A"), ("PHOTFLAG", "J"), ("FLUXCAL", "E"), ("FLUXCALERR", "E")];

pub(crate) fn marker() -> Cells {
    phot_row(-777.0, "-", 0, -777.0, -777.0)
}

/// A row of HEAD in the layout of `HEAD`.
pub(crate) fn head_row(id: i64, n_obs: i32, min: i32, max: i32) -> Cells {
    vec![
        id.to_be_bytes().into(),
        n_obs.to_be_bytes().into(),
        min.to_be_bytes().into(),
        max.to_be_bytes().into(),
    ]
}

pub(crate) const HEAD: [(&str, &str); 4] =
    [("SNID", "K"), ("NOBS", "J"), ("PTROBS_MIN", "J"), ("PTROBS_MAX", "J")];

/// Writes a pair of hand-made tables.
pub(crate) fn pair(folder: &Path, head: &[Cells], phot: &[Cells]) -> PathBuf {
    let path = folder.join("X_HEAD.FITS");
    std::fs::write(&path, fits(&HEAD, &[], head)).unwrap();
    std::fs::write(folder.join("X_PHOT.FITS"), fits(&PHOT, &[], phot)).unwrap();
    path
}
