//! Many files at once.

use std::num::NonZeroUsize;
use std::path::Path;

use heliacal_io::{Compression, ErrorKind, Labels, ReadOptions, SnanaWriter, SnanaWriterOptions, Survey};
use heliacal_lightcurve::ObjectId;

use crate::edits::object;

/// Models in folders, pairs of two objects each; ids count up in the order of reading.
fn make(root: &Path) -> i64 {
    let mut id = 0;
    for (model, n, compression) in
        [("A/KN", 5, Compression::Gzip), ("A/TDE", 3, Compression::Plain), ("B", 4, Compression::Gzip)]
    {
        let options = SnanaWriterOptions {
            compression,
            objects_per_pair: NonZeroUsize::new(2).unwrap(),
            ..Default::default()
        };
        let mut writer = SnanaWriter::create(root.join(model), options).unwrap();
        for _ in 0..n {
            writer.write(&object(id, 50), &Labels::default()).unwrap();
            id += 1;
        }
        writer.finish().unwrap();
    }
    id
}

fn ids(survey: Survey) -> Vec<ObjectId> {
    survey.map(|record| record.unwrap().object.id).collect()
}

#[test]
fn the_order_does_not_depend_on_the_number_of_threads() {
    let root = tempfile::tempdir().unwrap();
    let n = make(root.path());
    let expected: Vec<_> = (0..n).map(ObjectId::Integer).collect();
    for threads in [1, 2, 5, 64] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let survey = Survey::open_with_threads([root.path()], &ReadOptions::default(), threads).unwrap();
        assert_eq!(survey.n_sources(), 7);
        assert_eq!(ids(survey), expected);
    }
}

#[test]
fn folders_lists_and_files_lead_to_the_same_and_nothing_is_read_twice() {
    let root = tempfile::tempdir().unwrap();
    make(root.path());
    let at = |path: &str| root.path().join(path);
    let open = |paths: &[&str]| Survey::open(paths.iter().map(|path| at(path)), &ReadOptions::default());
    let found = |paths: &[&str]| ids(open(paths).unwrap()).len();
    assert_eq!(found(&["A/KN/KN.LIST"]), 5); // names without .gz
    assert_eq!(found(&["A/TDE/TDE.LIST"]), 3);
    assert_eq!(found(&["A/KN/KN-0001_HEAD.FITS.gz"]), 2);
    assert_eq!(found(&["A/KN", "A/KN/KN.LIST", "A/KN/KN-0001_HEAD.FITS.gz", "A/KN", "A/../A"]), 8);
    // A pair that is there plain and packed.
    std::fs::copy(at("A/TDE/TDE-0001_HEAD.FITS"), at("A/TDE/TDE-0001_HEAD.FITS.gz")).unwrap();
    assert_eq!(found(&["A/TDE"]), 3);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    let root = tempfile::tempdir().unwrap();
    let n = make(root.path());
    std::os::unix::fs::symlink(root.path(), root.path().join("A/up")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.path().join("C_HEAD.FITS")).unwrap();
    assert_eq!(ids(Survey::open([root.path()], &ReadOptions::default()).unwrap()).len() as i64, n);
}

#[test]
fn nothing_to_read_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let open = |path: &Path| Survey::open([path], &ReadOptions::default()).unwrap_err();
    std::fs::create_dir(root.path().join("empty")).unwrap();
    std::fs::write(root.path().join("X.LIST"), "\n").unwrap();
    std::fs::write(root.path().join("Y.LIST"), "gone_HEAD.FITS\n").unwrap();
    assert!(matches!(open(root.path()).kind, ErrorKind::NoLightCurves));
    assert!(matches!(open(&root.path().join("X.LIST")).kind, ErrorKind::NoLightCurves));
    let error = open(&root.path().join("Y.LIST"));
    assert!(
        matches!(error.kind, ErrorKind::Io(_)) && error.to_string().contains("gone_HEAD.FITS"),
        "{error}"
    );
    assert!(matches!(open(&root.path().join("nowhere")).kind, ErrorKind::Io(_)));
    let none: [&Path; 0] = [];
    let error = Survey::open(none, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NoLightCurves));
}

#[test]
fn a_broken_file_is_one_error_and_the_next_file_follows() {
    let root = tempfile::tempdir().unwrap();
    make(root.path());
    std::fs::write(root.path().join("A/KN/KN-0002_HEAD.FITS.gz"), b"no FITS").unwrap();
    std::fs::remove_file(root.path().join("A/TDE/TDE-0001_PHOT.FITS")).unwrap();
    let mut survey = Survey::open([root.path()], &ReadOptions::default()).unwrap();
    let mut errors = Vec::new();
    let mut n = 0;
    while let Some(record) = survey.next() {
        match record {
            Ok(_) => n += 1,
            Err(error) => errors.push((error, survey.n_sources_finished())),
        }
    }
    assert_eq!(n, 8);
    assert!(matches!(errors[0].0.kind, ErrorKind::Invalid { .. }), "{}", errors[0].0);
    assert!(errors[0].0.location.path.ends_with("KN-0002_HEAD.FITS.gz"));
    assert!(matches!(errors[1].0.kind, ErrorKind::MissingPhot { .. }), "{}", errors[1].0);
    assert_eq!(errors.iter().map(|(_, finished)| *finished).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(survey.n_sources_finished(), 7);
}

#[test]
fn a_survey_can_be_dropped_at_any_time() {
    let root = tempfile::tempdir().unwrap();
    let n = make(root.path());
    for taken in 0..n as usize {
        let mut survey = Survey::open([root.path()], &ReadOptions::default()).unwrap();
        assert_eq!(survey.by_ref().take(taken).map(Result::unwrap).collect::<Vec<_>>().len(), taken);
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_files_stand_beside_pairs() {
    use heliacal_io::{IdKind, LightCurveColumns, ParquetLightCurveWriter};

    let root = tempfile::tempdir().unwrap();
    let n = make(root.path());
    let columns = LightCurveColumns {
        id: IdKind::Integer,
        context: ["MWEBV", "RA", "REDSHIFT_HELIO"].map(String::from).to_vec(),
    };
    let mut writer = ParquetLightCurveWriter::create(root.path().join("Z.parquet"), &columns).unwrap();
    writer.write(&object(n, 9)).unwrap();
    writer.finish().unwrap();
    let survey = Survey::open([root.path()], &ReadOptions::default()).unwrap();
    assert_eq!(survey.n_sources(), 8);
    let last = survey.last().unwrap().unwrap();
    assert_eq!(last.object, object(n, 9));
    assert!(last.source.ends_with("Z.parquet"));
}
