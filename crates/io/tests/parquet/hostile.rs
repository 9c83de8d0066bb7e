//! Broken files: an error or data, never a panic, never without end.

use std::path::{Path, PathBuf};

use heliacal_io::{
    HistoryReader, HistorySchema, HistoryWriter, IdKind, LightCurveColumns, ObjectHistory,
    ParquetLightCurveWriter, ParquetLightCurves, ReadOptions,
};
use heliacal_lightcurve::{Context, LightCurve, Object, Passband};

const MUTATIONS: u64 = 200;

/// The decoder's panics are caught, so they need not be told.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let standard = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("/registry/")) {
                standard(info);
            }
        }));
    });
}

fn light_curves(folder: &Path) -> PathBuf {
    let path = folder.join("lc.parquet");
    let columns = LightCurveColumns { id: IdKind::Integer, context: vec!["MWEBV".into()] };
    let mut writer = ParquetLightCurveWriter::create(&path, &columns).unwrap();
    for id in 0..6 {
        let n = 10 + id as usize;
        let light_curve = LightCurve::new(
            (0..n).map(|i| 60000.0 + i as f64).collect(),
            (0..n).map(|i| i as f32 * 1.5).collect(),
            vec![1.0; n],
            (0..n).map(|i| Passband::LSST[i % 6]).collect(),
            (0..n).map(|i| i % 2 == 0).collect(),
        );
        let (light_curve, context) = (light_curve.unwrap(), Context::from_iter([("MWEBV", 0.5)]));
        writer.write(&Object { id: id.into(), light_curve, context, true_class: Some("KN".into()) }).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn histories(folder: &Path) -> PathBuf {
    let path = folder.join("h.parquet");
    let schema = HistorySchema { classes: vec!["a".into(), "b".into()], ..HistorySchema::default() };
    let mut writer = HistoryWriter::create(&path, &schema, IdKind::Text).unwrap();
    for id in ["x", "y", "z"] {
        let (mjd, n_obs) = (vec![1.0, 2.0, 3.0], vec![1, 2, 3]);
        let probabilities = vec![0.5, 0.5, 0.25, 0.75, 0.1, 0.9];
        let history =
            ObjectHistory { object_id: id.into(), mjd, n_obs, probabilities, days: None, true_class: None };
        writer.write(&history).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// Reads to the end; an item of a broken file may be anything, their number may not.
fn read_light_curves(path: &Path) -> bool {
    let Ok(mut records) = ParquetLightCurves::open(path, &ReadOptions::default()) else { return false };
    assert!(records.by_ref().take(10_000).count() < 10_000);
    assert!(records.next().is_none());
    true
}

fn read_histories(path: &Path) -> bool {
    let Ok(mut histories) = HistoryReader::open(path) else { return false };
    assert!(histories.by_ref().take(10_000).count() < 10_000);
    assert!(histories.next().is_none());
    true
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn truncated(source: &Path, read: fn(&Path) -> bool) {
    let bytes = std::fs::read(source).unwrap();
    let cut = source.with_extension("cut");
    for length in (0..bytes.len()).step_by(7).chain(bytes.len().saturating_sub(16)..bytes.len()) {
        std::fs::write(&cut, &bytes[..length]).unwrap();
        assert!(!read(&cut), "opened at {length} of {} bytes", bytes.len());
    }
    assert!(read(source));
}

fn mutated(source: &Path, read: fn(&Path) -> bool) {
    quiet();
    let bytes = std::fs::read(source).unwrap();
    let path = source.with_extension("mutated");
    let mut state = 20_260_724;
    let mut opened = 0;
    for _ in 0..MUTATIONS {
        let mut bytes = bytes.clone();
        for _ in 0..=splitmix(&mut state) % 3 {
            let place = splitmix(&mut state) as usize % bytes.len();
            bytes[place] = splitmix(&mut state) as u8;
        }
        std::fs::write(&path, &bytes).unwrap();
        opened += u32::from(read(&path));
    }
    // Otherwise only the footer would have been tried.
    assert!(opened > 0);
}

#[test]
fn truncated_light_curves_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    truncated(&light_curves(folder.path()), read_light_curves);
}

#[test]
fn truncated_histories_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    truncated(&histories(folder.path()), read_histories);
}

#[test]
fn mutated_light_curves_are_an_error_or_data() {
    let folder = tempfile::tempdir().unwrap();
    mutated(&light_curves(folder.path()), read_light_curves);
}

#[test]
fn mutated_histories_are_an_error_or_data() {
    let folder = tempfile::tempdir().unwrap();
    mutated(&histories(folder.path()), read_histories);
}

#[test]
fn mutated_files_of_other_writers_are_an_error_or_data() {
    let Some(folder) = crate::data("parquet-layouts") else { return };
    let copies = tempfile::tempdir().unwrap();
    for file in ["nested_KN_K17.parquet", "long_KN_K17.parquet"] {
        let copy = copies.path().join(file);
        std::fs::write(&copy, std::fs::read(folder.join(file)).unwrap()).unwrap();
        mutated(&copy, read_light_curves);
    }
}
