//! How far is reading light curves from reading bytes?
//!
//! A PHOT file of about 200 MB, plain and gzip: our reader against `std::fs::read` (target: twice its time) and
//! against unpacking with flate2 into nothing (target: 1.3 times).
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufReader};
use std::num::NonZeroUsize;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::bufread::MultiGzDecoder;
use heliacal_io::{Compression, Labels, ReadOptions, SnanaReader, SnanaWriter, SnanaWriterOptions};
use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband};

/// As the PLAsTiCC starter kit: 1254 observations an object, six bands at once, 200 objects; here 4700 of them.
const OBJECTS: i64 = 4700;
const OBSERVATIONS: usize = 1254;

fn object(id: i64) -> Object {
    let mut state = id as u64 * 0x9E37_79B9_7F4A_7C15 + 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    };
    let flux = |i: usize| {
        let t = (i / 6) as f32 - 60.0;
        if t < 0.0 { 0.0 } else { 400.0 * (-t / 40.0).exp() }
    };
    let fluxes: Vec<f32> = (0..OBSERVATIONS).map(|i| flux(i) + 2.0 * noise()).collect();
    let light_curve = LightCurve::new(
        (0..OBSERVATIONS).map(|i| 53000.0 + 2.3 * (i / 6) as f64).collect(),
        fluxes.clone(),
        fluxes.iter().map(|flux| 0.02 * flux.abs().sqrt() + 0.01).collect(),
        (0..OBSERVATIONS).map(|i| Passband::LSST[i % 6]).collect(),
        fluxes.iter().map(|&flux| flux > 5.0).collect(),
    );
    let context = Context::from_iter([("MWEBV", 0.02), ("REDSHIFT_HELIO", 0.5), ("HOSTGAL_SNSEP", 1.5)]);
    Object { id: ObjectId::Integer(id), light_curve: light_curve.unwrap(), context, true_class: None }
}

fn write(folder: &Path, compression: Compression) {
    let options = SnanaWriterOptions {
        prefix: "S".into(),
        compression,
        objects_per_pair: NonZeroUsize::new(1_000_000).unwrap(),
        ..Default::default()
    };
    let mut writer = SnanaWriter::create(folder, options).unwrap();
    for id in 0..OBJECTS {
        writer.write(&object(id), &Labels::default()).unwrap();
    }
    writer.finish().unwrap();
}

fn read(head: &Path) -> usize {
    let reader = SnanaReader::open(head, &ReadOptions::default()).unwrap();
    reader.map(|record| black_box(record.unwrap()).object.light_curve.len()).sum()
}

fn read_snana(criterion: &mut Criterion) {
    let root = tempfile::tempdir().unwrap();
    let (plain, packed) = (root.path().join("plain"), root.path().join("gz"));
    write(&plain, Compression::Plain);
    write(&packed, Compression::Gzip);
    let phot = plain.join("S-0001_PHOT.FITS");
    let mut group = criterion.benchmark_group("read_snana");
    group.sample_size(10).throughput(Throughput::Bytes(std::fs::metadata(&phot).unwrap().len()));
    group.bench_function("plain/std_fs_read", |b| b.iter(|| std::fs::read(&phot).unwrap().len()));
    group.bench_function("plain/reader", |b| b.iter(|| read(&plain.join("S-0001_HEAD.FITS"))));
    group.bench_function("gz/flate2", |b| {
        b.iter(|| {
            let file = File::open(packed.join("S-0001_PHOT.FITS.gz")).unwrap();
            io::copy(&mut MultiGzDecoder::new(BufReader::new(file)), &mut io::sink()).unwrap()
        });
    });
    group.bench_function("gz/reader", |b| b.iter(|| read(&packed.join("S-0001_HEAD.FITS.gz"))));
    group.finish();
}

criterion_group!(benches, read_snana);
criterion_main!(benches);
