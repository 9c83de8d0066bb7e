//! Files that are wrong, object by object or as a whole.

use heliacal_io::{ErrorKind, Layout, ReadOptions, SnanaReader};
use heliacal_lightcurve::{LightCurveError, ObjectId};

use crate::edits::{Cells, HEAD, PHOT, fits, head_row, marker, pair, phot_row, read};

fn row(i: i32) -> Cells {
    phot_row(60000.0 + f64::from(i), "r", 4096, i as f32, 1.0)
}

fn kind(head: &[Cells], phot: &[Cells]) -> ErrorKind {
    let folder = tempfile::tempdir().unwrap();
    read(&pair(folder.path(), head, phot)).unwrap_err().kind
}

fn fluxes(head: &[Cells], phot: &[Cells]) -> Vec<Vec<f32>> {
    let folder = tempfile::tempdir().unwrap();
    let records = read(&pair(folder.path(), head, phot)).unwrap();
    records.iter().map(|record| record.object.light_curve.flux().to_vec()).collect()
}

fn layout(head: &[Cells], phot: &[Cells]) -> Layout {
    let folder = tempfile::tempdir().unwrap();
    SnanaReader::open(pair(folder.path(), head, phot), &ReadOptions::default()).unwrap().header().layout
}

#[test]
fn a_fault_of_one_object_does_not_end_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let phot = [
        row(1),
        marker(),
        row(2),
        phot_row(60001.0, "q", 0, 1.0, 1.0),
        marker(),
        phot_row(60001.0, "r", 1024, f32::NAN, -1.0),
        phot_row(60002.0, "g", 0, f32::NAN, 1.0),
        marker(),
        row(4),
        phot_row(60001.0, "r", 0, 1.0, -1.0),
        marker(),
        phot_row(60001.0, "?", 1024, f32::NAN, -1.0),
        row(5),
        marker(),
    ];
    let head = [
        head_row(1, 1, 1, 1),
        head_row(2, 2, 3, 4),
        head_row(3, 2, 6, 7),
        head_row(4, 2, 9, 10),
        head_row(5, 2, 12, 13),
    ];
    let reader = SnanaReader::open(pair(folder.path(), &head, &phot), &ReadOptions::default()).unwrap();
    let found: Vec<_> = reader.collect();
    assert_eq!(found.len(), 5);
    assert!(found[0].is_ok());
    let error = found[1].as_ref().unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Passband(_)), "{error}");
    assert_eq!((error.location.row, error.location.object.clone()), (Some(4), Some(ObjectId::Integer(2))));
    let error = found[2].as_ref().unwrap_err();
    assert!(matches!(error.kind, ErrorKind::LightCurve(LightCurveError::InvalidFlux { .. })), "{error}");
    assert_eq!(error.location.row, Some(7)); // after a saturated row
    let error = found[3].as_ref().unwrap_err();
    assert!(matches!(error.kind, ErrorKind::LightCurve(LightCurveError::InvalidFluxErr { .. })), "{error}");
    assert_eq!(error.location.row, Some(10));
    assert_eq!(found[4].as_ref().unwrap().object.light_curve.flux(), [5.0]); // nothing of a saturated row counts
}

#[test]
fn pointers_may_leave_objects_out() {
    // Someone cut HEAD only: rows 3 to 5 belong to nobody.
    let phot = [row(1), marker(), row(2), row(3), marker(), row(4), marker()];
    let head = [head_row(1, 1, 1, 1), head_row(3, 1, 6, 6)];
    assert_eq!(fluxes(&head, &phot), [[1.0], [4.0]]);
    assert_eq!(fluxes(&head[1..], &phot), [[4.0]]);
    // Files without markers.
    assert_eq!(fluxes(&[head_row(1, 1, 1, 1), head_row(2, 1, 2, 2)], &[row(1), row(2)]), [[1.0], [2.0]]);
}

#[test]
fn stale_pointers_are_recovered_by_the_markers() {
    let phot = [row(1), row(2), marker(), row(3), marker(), row(4), row(5)];
    let head = [head_row(1, 2, 11, 12), head_row(2, 1, 14, 14), head_row(3, 2, 16, 17)];
    assert_eq!(fluxes(&head, &phot), [vec![1.0, 2.0], vec![3.0], vec![4.0, 5.0]]);
    assert_eq!(layout(&head, &phot), Layout::Markers);
}

#[test]
fn stale_pointers_are_never_a_wrong_light_curve() {
    let stale = |head: &[Cells], phot: &[Cells]| {
        let kind = kind(head, phot);
        assert!(matches!(kind, ErrorKind::StalePointers { .. }), "{kind:?}");
    };
    let phot = [row(1), row(2), marker(), row(3), marker()];
    // Within the file, but off by one, two ways.
    stale(&[head_row(1, 2, 2, 3), head_row(2, 1, 5, 5)], &phot);
    stale(&[head_row(1, 1, 1, 1), head_row(2, 1, 4, 4)], &phot);
    stale(&[head_row(1, 1, 2, 2), head_row(2, 1, 4, 4)], &phot);
    // The last object is cut.
    stale(&[head_row(1, 1, 1, 1)], &phot[..2]);
    // HEAD was reordered.
    stale(&[head_row(2, 1, 4, 4), head_row(1, 2, 1, 2)], &phot);
    // Past the end, and NOBS does not fill the file.
    stale(&[head_row(1, 3, 11, 13), head_row(2, 3, 15, 17)], &phot);
    // NOBS fills the file, but not at the markers.
    stale(&[head_row(1, 1, 11, 11), head_row(2, 2, 13, 14)], &phot);
    // Pointers disagree with NOBS, and so do the markers.
    stale(&[head_row(1, 2, 1, 2), head_row(2, 3, 4, 4)], &phot);
}

#[test]
fn a_light_curve_is_given_out_only_when_its_end_is_certain() {
    let folder = tempfile::tempdir().unwrap();
    // The first object's last row is left out; the second one's pointers are right.
    let phot = [row(1), row(2), row(3), marker(), row(4), marker()];
    let head = pair(folder.path(), &[head_row(1, 2, 1, 2), head_row(2, 1, 5, 5)], &phot);
    let items: Vec<_> = SnanaReader::open(&head, &ReadOptions::default()).unwrap().collect();
    assert_eq!(items.len(), 1);
    let error = items[0].as_ref().unwrap_err();
    assert!(matches!(error.kind, ErrorKind::StalePointers { .. }), "{error}");
    assert_eq!((error.location.row, error.location.object.clone()), (Some(3), Some(ObjectId::Integer(1))));
    assert!(!error.is_of_one_object(), "it ends the file");
    // Files without markers exist: there the next object begins at once.
    let phot = [row(1), row(2), row(3)];
    assert_eq!(fluxes(&[head_row(1, 2, 1, 2), head_row(2, 1, 3, 3)], &phot), [vec![1.0, 2.0], vec![3.0]]);
}

#[test]
fn the_error_names_the_object_and_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let phot = [row(1), row(2), marker(), row(3), marker()];
    let head = pair(folder.path(), &[head_row(71, 2, 2, 3), head_row(72, 1, 5, 5)], &phot);
    let error = read(&head).unwrap_err();
    assert_eq!((error.location.row, error.location.object.clone()), (Some(1), Some(ObjectId::Integer(71))));
    assert!(
        error.to_string().contains("X_PHOT.FITS, HDU 1, row 1, object 71: HEAD and PHOT disagree"),
        "{error}"
    );
}

#[test]
fn objects_without_rows_are_empty_light_curves() {
    let none: [Vec<f32>; 2] = [vec![], vec![]];
    assert_eq!(fluxes(&[head_row(1, 0, 1, 0), head_row(2, 0, 1, 0)], &[]), none);
    assert_eq!(fluxes(&[head_row(1, 0, -9, -9), head_row(2, 0, 0, 0)], &[marker(), marker()]), none);
    let head = [head_row(1, 1, 91, 91), head_row(2, 0, 0, 0), head_row(3, 1, 93, 93)];
    let expected = [vec![1.0], vec![], vec![2.0]];
    assert_eq!(fluxes(&head, &[row(1), marker(), row(2), marker()]), expected);
    assert_eq!(fluxes(&head, &[row(1), marker(), marker(), row(2), marker()]), expected);
    assert!(fluxes(&[], &[]).is_empty());
}

#[test]
fn counts_that_are_none_are_refused() {
    for (nobs, min, max) in [(-1, 1, 1), (i32::MIN, i32::MIN, i32::MAX)] {
        let kind = kind(&[head_row(1, nobs, min, max)], &[row(1)]);
        assert!(matches!(kind, ErrorKind::Invalid { .. }), "{kind:?}");
    }
}

#[test]
fn columns_are_found_by_name_in_any_order_and_width() {
    let folder = tempfile::tempdir().unwrap();
    let head_columns = [("DECL", "1E"), ("SNID", "8A"), ("X", "3J"), ("NOBS", "I"), ("MWEBV", "D")];
    let head = vec![
        (-9f32).to_be_bytes().to_vec(),
        b"ZTF1\0xyz".to_vec(),
        vec![0; 12],
        2i16.to_be_bytes().to_vec(),
        (-9f64).to_be_bytes().to_vec(),
    ];
    let phot_columns = [
        ("FLUXCALERR", "D"),
        ("FLUXCAL", "D"),
        ("BAND", "8A"),
        ("PHOTFLAG", "I"),
        ("PAD", "16X"),
        ("MJD", "E"),
    ];
    let phot = |mjd: f32, band: &str| {
        vec![
            0.5f64.to_be_bytes().to_vec(),
            f64::from(mjd).to_be_bytes().to_vec(),
            format!("{band:<8}").into_bytes(),
            4096i16.to_be_bytes().to_vec(),
            vec![0, 0],
            mjd.to_be_bytes().to_vec(),
        ]
    };
    let path = folder.path().join("A_HEAD.FITS");
    std::fs::write(&path, fits(&head_columns, &[], &[head])).unwrap();
    let rows = [phot(2.5, "LSST-r"), phot(1.5, "y")];
    std::fs::write(folder.path().join("A_PHOT.FITS"), fits(&phot_columns, &[], &rows)).unwrap();
    let record = read(&path).unwrap().remove(0);
    assert_eq!(record.object.id, ObjectId::Text("ZTF1".into()));
    assert_eq!(record.object.context.iter().collect::<Vec<_>>(), [("DEC", -9.0)]); // -9 is a declination, no extinction
    assert_eq!(record.object.light_curve.mjd(), [1.5, 2.5]); // sorted
    assert_eq!(record.object.light_curve.flux(), [1.5, 2.5]);
    assert_eq!(record.object.light_curve.detection(), [true, true]);
}

#[test]
fn unsigned_columns_and_photflag_detect_are_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("A_HEAD.FITS");
    let shifted = |n: i32| (i32::MIN + n).to_be_bytes().to_vec();
    let head = vec![7i64.to_be_bytes().to_vec(), shifted(2), shifted(1), shifted(2)];
    let zero = ["TZERO2  = 2147483648", "TZERO3  = 2147483648.0", "TZERO4  = 2147483648"];
    let bytes = fits(&HEAD, &zero, &[head]);
    let primary = "SIMPLE  = T";
    let keyword = "PHOTFLAG_DETECT = 8";
    let text = String::from_utf8_lossy(&bytes[..240])
        .replace("NAXIS   = 0", &format!("NAXIS   = 0{:<69}HIERARCH {keyword}", ""));
    assert!(text.starts_with(primary));
    let mut patched = bytes.clone();
    patched[..320].copy_from_slice(format!("{text:<320}").as_bytes().get(..320).unwrap());
    patched[320..323].copy_from_slice(b"END");
    std::fs::write(&path, patched).unwrap();
    let phot = [phot_row(1.0, "r", 8, 1.0, 1.0), phot_row(2.0, "r", 4096, 1.0, 1.0)];
    std::fs::write(folder.path().join("A_PHOT.FITS"), fits(&PHOT, &[], &phot)).unwrap();
    let record = read(&path).unwrap().remove(0);
    assert_eq!(record.object.light_curve.detection(), [true, false]);
}

#[test]
fn a_file_without_photflag_has_no_detections() {
    let folder = tempfile::tempdir().unwrap();
    let head = pair(folder.path(), &[head_row(1, 1, 1, 1)], &[row(1)]);
    let columns = [PHOT[0], PHOT[1], ("OTHER", "J"), PHOT[3], PHOT[4]];
    std::fs::write(folder.path().join("X_PHOT.FITS"), fits(&columns, &[], &[row(1)])).unwrap();
    assert_eq!(read(&head).unwrap()[0].object.light_curve.detection(), [false]);
}

#[test]
fn missing_and_mistyped_columns_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let head = pair(folder.path(), &[head_row(1, 1, 1, 1)], &[row(1)]);
    let with = |index: usize, column| {
        let mut columns = PHOT;
        columns[index] = column;
        std::fs::write(folder.path().join("X_PHOT.FITS"), fits(&columns, &[], &[row(1)])).unwrap();
        read(&head).unwrap_err()
    };
    let error = with(1, ("FILTER", "2A"));
    assert!(error.to_string().contains("no column BAND or FLT; there are MJD, FILTER"), "{error}");
    let error = with(3, ("FLUXCAL", "4A"));
    assert!(matches!(error.kind, ErrorKind::ColumnType { expected: "a number", .. }), "{error}");
    let error = with(2, ("PHOTFLAG", "E"));
    assert!(matches!(error.kind, ErrorKind::ColumnType { expected: "an integer", .. }), "{error}");
    let error = with(2, ("PHOTFLAG", "2J"));
    assert!(error.to_string().ends_with("column PHOTFLAG: type is 2J, expected an integer"), "{error}");
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let head = pair(folder.path(), &[head_row(1, 1, 1, 1)], &[row(1)]);
    let path = folder.path().join("X_PHOT.FITS");
    let good = std::fs::read(&path).unwrap();
    for (from, to, expected) in [
        ("SIMPLE  = T", "SIMPLE  = F", "SIMPLE to be T"),
        ("XTENSION= 'BINTABLE'", "XTENSION= 'IMAGE'", "a binary table"),
        ("BITPIX  = 8", "BITPIX  = 7", "BITPIX"),
        ("NAXIS1  = 22", "NAXIS1  = 21", "NAXIS1 = 21 bytes"),
        ("NAXIS1  = 22", "NAXIS1  = 23", "NAXIS1 to be the 22 bytes"),
        ("NAXIS1  = 22", "NAXIS1  = 99999999", "a row of 99999999 bytes"),
        ("NAXIS1  = 22", "NAXIS1  = -1", "NAXIS1"),
        ("NAXIS2  = 1", "NAXIS2  = 99999999999999999999", "NAXIS2"),
        ("NAXIS2  = 1", "NAXIS2  = 9223372036854775807", "a data unit of such a size"),
        ("NAXIS2  = 1", "NAXIS2  = 2", "file ends after"),
        ("GCOUNT  = 1", "GCOUNT  = 2", "GCOUNT to be 1"),
        ("PCOUNT  = 0", "PCOUNT  = x", "PCOUNT"),
        ("TFIELDS = 5", "TFIELDS = 1000", "at most 999"),
        ("TFIELDS = 5", "TFIELDS = 6", "TFORM6"),
        ("TFIELDS = 5", "TFIELDS = 4", "NAXIS1 to be the 18 bytes"),
        ("TFORM2  = '2A'", "TFORM2  = '9A'", "columns that fit"),
        ("TFORM2  = '2A'", "TFORM2  = '18446744073709551615D'", "columns that fit"),
        ("TFORM2  = '2A'", "TFORM2  = 'Z'", "type of column"),
    ] {
        let text = String::from_utf8_lossy(&good[..good.len() - 2880]);
        // BITPIX stands in the primary header, too.
        let at = text.rfind(from).unwrap();
        let mut bad = good.clone();
        bad[at..at + from.len().max(to.len())]
            .copy_from_slice(format!("{to:<w$}", w = from.len()).as_bytes());
        std::fs::write(&path, bad).unwrap();
        // More rows than HEAD knows are no fault of the PHOT file, so read to the end.
        let phot_first = std::fs::read(&path).unwrap();
        std::fs::write(&head, &phot_first).unwrap();
        let error = read(&head).unwrap_err();
        assert!(error.to_string().contains(expected) || to == "NAXIS2  = 2", "{to}: {error}");
    }
}
