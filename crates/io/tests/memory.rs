//! Memory stays flat when the number of files grows. A binary of its own, for what is measured is the peak of the whole
//! process.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stderr)]

use std::path::Path;

use heliacal_io::{Labels, ReadOptions, SnanaWriter, SnanaWriterOptions, Survey};
use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband};

const OBJECTS_PER_PAIR: i64 = 25;
const OBSERVATIONS: usize = 200;

/// Adds pairs, each in a folder of its own and all of the same objects but for their ids.
fn write(root: &Path, pairs: std::ops::Range<i64>) {
    for pair in pairs {
        let options = SnanaWriterOptions { prefix: "S".into(), ..Default::default() };
        let mut writer = SnanaWriter::create(root.join(format!("{pair:03}")), options).unwrap();
        for id in 0..OBJECTS_PER_PAIR {
            let wave = |i: usize| ((i as i64 * 37 + id * 101) % 89) as f32;
            let light_curve = LightCurve::new(
                (0..OBSERVATIONS).map(|i| 60_000.0 + i as f64).collect(),
                (0..OBSERVATIONS).map(wave).collect(),
                vec![2.0; OBSERVATIONS],
                vec![Passband::LsstR; OBSERVATIONS],
                (0..OBSERVATIONS).map(|i| wave(i) > 10.0).collect(),
            );
            let object = Object {
                id: ObjectId::Integer(pair * OBJECTS_PER_PAIR + id),
                light_curve: light_curve.unwrap(),
                context: Context::from_iter([("MWEBV", 0.1)]),
                true_class: None,
            };
            writer.write(&object, &Labels::default()).unwrap();
        }
        writer.finish().unwrap();
    }
}

fn count(root: &Path) -> usize {
    Survey::open([root], &ReadOptions::default())
        .unwrap()
        .map(|record| record.unwrap().object.light_curve.len())
        .sum()
}

/// The peak of this process's memory so far [byte], where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}

#[test]
fn twenty_times_the_files_take_no_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let per_pair = OBJECTS_PER_PAIR as usize * OBSERVATIONS;
    write(folder.path(), 0..10);
    assert_eq!(count(folder.path()), 10 * per_pair);
    let Some(few) = peak() else {
        eprintln!("skipped: this system does not tell the peak of a process's memory");
        return;
    };
    write(folder.path(), 10..200);
    assert_eq!(count(folder.path()), 200 * per_pair);
    let many = peak().unwrap();
    eprintln!("peak memory: {} KiB for 10 pairs, {} KiB for 200", few >> 10, many >> 10);
    // 190 more pairs are 28 MB of light curves; what grows is the list of paths.
    assert!(many < few + (2 << 20), "{few} bytes for 10 pairs, {many} for 200");
}
