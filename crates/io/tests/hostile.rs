//! Files made to do harm: an error or the right data, never a panic, a hang, or memory for what only a header claims.
//!
//! Memory is the peak of the whole process, so all of these tests stay below one bound; the numbers in the headers
//! would need gigabytes. A counting allocator would need unsafe code.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stderr)]

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use heliacal_io::{
    Compression, Labels, ReadOptions, Record, Result, SnanaReader, SnanaWriter, SnanaWriterOptions,
};
use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband};

/// The test binary itself takes about 10 MiB.
const MEMORY: u64 = 64 << 20;

/// A folder with one pair.
struct Fixture {
    folder: tempfile::TempDir,
    suffix: &'static str,
}

impl Fixture {
    fn new(compression: Compression) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SnanaWriterOptions { prefix: "S".into(), compression, ..Default::default() };
        let mut writer = SnanaWriter::create(folder.path(), options).unwrap();
        for id in 0..20 {
            let n = 30 + 5 * id as usize;
            let columns =
                |scale: f32| (0..n).map(|i| scale * (i as f32 * 0.7).sin().abs()).collect::<Vec<_>>();
            let light_curve = LightCurve::new(
                (0..n).map(|i| 60000.0 + i as f64).collect(),
                columns(100.0),
                columns(3.0),
                (0..n).map(|i| Passband::LSST[i % 6]).collect(),
                (0..n).map(|i| i % 4 == 1).collect(),
            );
            let context = Context::from_iter([("MWEBV", 0.1), ("HOSTGAL_PHOTOZ", id as f64 / 64.0)]);
            let object = Object {
                id: ObjectId::Integer(id),
                light_curve: light_curve.unwrap(),
                context,
                true_class: None,
            };
            let labels =
                Labels { sntype: Some(20), sim_model_name: Some("SALT2".into()), ..Default::default() };
            writer.write(&object, &labels).unwrap();
        }
        writer.finish().unwrap();
        Self { folder, suffix: if compression == Compression::Gzip { ".gz" } else { "" } }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("S-0001_{name}.FITS{}", self.suffix))
    }

    /// Everything up to the end or the first error of the file; with its errors.
    fn read(&self) -> (Vec<Record>, usize) {
        let mut records = Vec::new();
        let mut errors = 0;
        match SnanaReader::open(self.path("HEAD"), &ReadOptions::default()) {
            Err(_) => errors += 1,
            Ok(reader) => {
                for record in reader {
                    match record {
                        Ok(record) => records.push(record),
                        Err(_) => errors += 1,
                    }
                }
            }
        }
        (records, errors)
    }
}

/// xorshift64*, seeded.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }
}

fn assert_memory() {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        eprintln!("memory not checked: no /proc here");
        return;
    };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10;
    assert!(peak < MEMORY, "peak memory {peak} bytes");
}

fn truncate(path: &Path, bytes: &[u8], length: usize) {
    std::fs::write(path, &bytes[..length]).unwrap();
}

#[test]
fn a_file_cut_anywhere_gives_the_objects_before_the_cut_and_an_error() {
    for compression in [Compression::Plain, Compression::Gzip] {
        let fixture = Fixture::new(compression);
        let (all, errors) = fixture.read();
        assert_eq!((all.len(), errors), (20, 0));
        for name in ["HEAD", "PHOT"] {
            let path = fixture.path(name);
            let bytes = std::fs::read(&path).unwrap();
            let step = if compression == Compression::Plain { 2880 } else { 509 };
            let cuts = (0..bytes.len()).step_by(step).chain([1, 79, 80, 2879, bytes.len() - 1]);
            for cut in cuts.filter(|&cut| cut < bytes.len()) {
                truncate(&path, &bytes, cut);
                let (records, errors) = fixture.read();
                assert_eq!(records, all[..records.len()], "{name} cut at {cut}");
                // All data may be there where only padding or a checksum is gone.
                assert!(errors == 1 || records.len() == all.len(), "{name} cut at {cut}");
            }
            std::fs::write(&path, &bytes).unwrap();
        }
    }
    assert_memory();
}

#[test]
fn changed_headers_and_bytes_never_panic() {
    let fixture = Fixture::new(Compression::Plain);
    let (all, _) = fixture.read();
    let mut random = Random(1);
    let values =
        ["0", "-1", "1", "999", "1000", "2147483648", "9223372036854775807", "1E300", "'x'", "T", "nan", ""];
    let keywords = [
        "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "TFORM1", "TFORM3", "TFORM8",
        "TZERO1", "TSCAL1", "TNULL7", "TTYPE2", "PHOTFILE", "SIMPLE", "END",
    ];
    for round in 0..500 {
        let path = fixture.path(["HEAD", "PHOT"][round % 2]);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        match round % 4 {
            // A card says something else.
            0 | 1 => {
                let card = 80 * random.below(bad.len().min(4 * 2880) / 80);
                let keyword = keywords[random.below(keywords.len())];
                let text = format!("{keyword:<8}= {:<70}", values[random.below(values.len())]);
                bad[card..card + 80].copy_from_slice(text.as_bytes());
            }
            // Some bytes, anywhere.
            2 => {
                for _ in 0..=random.below(8) {
                    let at = random.below(bad.len());
                    bad[at] = random.below(256) as u8;
                }
            }
            // Digits of the header.
            _ => {
                let digits: Vec<_> =
                    (0..bad.len().min(4 * 2880)).filter(|&i| bad[i].is_ascii_digit()).collect();
                for _ in 0..=random.below(3) {
                    bad[digits[random.below(digits.len())]] = b'0' + random.below(10) as u8;
                }
            }
        }
        std::fs::write(&path, &bad).unwrap();
        let (records, errors) = fixture.read();
        assert!(
            records.len() + errors <= all.len() + 1,
            "round {round}: {} records, {errors} errors",
            records.len()
        );
        std::fs::write(&path, &good).unwrap();
    }
    assert_memory();
}

#[test]
fn a_changed_gzip_file_is_an_error_or_the_same_data() {
    let fixture = Fixture::new(Compression::Gzip);
    let (all, _) = fixture.read();
    let mut random = Random(2);
    for round in 0..300 {
        let path = fixture.path(["HEAD", "PHOT"][round % 2]);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        let at = random.below(bad.len());
        bad[at] ^= 1 << random.below(8);
        std::fs::write(&path, &bad).unwrap();
        let (records, errors) = fixture.read();
        assert!(errors > 0 || records == all, "round {round}, byte {at}");
        std::fs::write(&path, &good).unwrap();
    }
    assert_memory();
}

/// A gzip file of `start` and then `n` times the byte.
fn bomb(path: &Path, start: &[u8], byte: u8, n: usize) {
    let mut encoder = GzEncoder::new(std::fs::File::create(path).unwrap(), Level::fast());
    encoder.write_all(start).unwrap();
    let piece = vec![byte; 1 << 16];
    for _ in 0..n / piece.len() {
        encoder.write_all(&piece).unwrap();
    }
    encoder.finish().unwrap();
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + 30].copy_from_slice(format!("{to:<30}").as_bytes());
    bytes
}

#[test]
fn bombs_take_no_memory() {
    const SIZE: usize = 256 << 20;
    let fixture = Fixture::new(Compression::Plain);
    let (head, phot) = (fixture.path("HEAD"), fixture.path("PHOT"));
    let (good_head, good_phot) = (std::fs::read(&head).unwrap(), std::fs::read(&phot).unwrap());
    let read = || -> Result<usize> {
        let reader = SnanaReader::open(&head, &ReadOptions::default())?;
        reader.map(|record| record.map(|_| 1)).sum()
    };
    // A header without end.
    bomb(&head, &good_head[..2880], b' ', SIZE);
    assert!(read().is_err());
    // Nothing but zeros, and nothing but cards.
    bomb(&head, b"", 0, SIZE);
    assert!(read().is_err());
    // Data before the table.
    let primary = replaced(&good_head, "NAXIS1  =                    0", "NAXIS1  = 99999999999");
    bomb(&head, &primary[..2880], 0, SIZE);
    assert!(read().unwrap_err().to_string().contains("not supported"));
    std::fs::write(&head, &good_head).unwrap();
    // A PHOT of many rows of zeros after the good ones: what HEAD does not ask for is not read.
    let rows = good_phot.windows(6).position(|w| w == b"NAXIS2").unwrap();
    let keyword = String::from_utf8_lossy(&good_phot[rows..rows + 30]).into_owned();
    let many = replaced(&good_phot, &keyword, "NAXIS2  = 99999999999");
    bomb(&phot, &many, 0, SIZE);
    assert_eq!(read().unwrap(), 20);
    // An object that claims all of them.
    let n_obs = i32::MAX - 1;
    let mut objects =
        replaced(&good_head, "NAXIS2  =                   20", "NAXIS2  =                    1");
    let start = good_head.len() - 2880;
    // SNID 16A, IAUC 16A, FAKE I, RA D, DEC D, SNTYPE J, then NOBS, PTROBS_MIN, PTROBS_MAX.
    let at = start + 16 + 16 + 2 + 8 + 8 + 4;
    objects[at..at + 4].copy_from_slice(&n_obs.to_be_bytes());
    objects[at + 8..at + 12].copy_from_slice(&n_obs.to_be_bytes());
    std::fs::write(&head, &objects).unwrap();
    assert!(read().is_err());
    // Claims of a file that holds nothing.
    std::fs::write(&phot, &many[..many.len() - 2880]).unwrap();
    assert!(read().is_err());
    for (from, to) in [
        ("TFIELDS =", "TFIELDS =                  999"),
        ("NAXIS1  =                   ", "NAXIS1  =      999999999999999"),
        ("TFORM1  = ", "TFORM1  = '9999999999999999D'"),
        ("TFORM2  = ", "TFORM2  = '18446744073709551615A'"[..30].trim_end()),
    ] {
        let at = good_phot.windows(8).position(|w| w == b"XTENSION").unwrap();
        let mut bad = good_phot[..at].to_vec();
        bad.extend(replaced(&good_phot[at..], from, to));
        std::fs::write(&phot, bad).unwrap();
        assert!(read().is_err(), "{to}");
    }
    // A gzip trailer that lies about the size (ISIZE) is a broken file, whatever it claims.
    std::fs::write(&head, &good_head).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(&good_phot).unwrap();
    let mut packed = encoder.finish().unwrap();
    let end = packed.len();
    packed[end - 4..].fill(0xff);
    std::fs::write(&phot, packed).unwrap();
    assert!(read().is_err());
    assert_memory();
}
