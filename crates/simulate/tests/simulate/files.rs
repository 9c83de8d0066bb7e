//! Files of a survey read back as what was written.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use heliacal_io::{
    Compression, IdKind, Labels, LightCurveColumns, ParquetLightCurveWriter, ReadOptions, SnanaWriter,
    SnanaWriterOptions, Survey,
};
use heliacal_lightcurve::{Object, ObjectId};
use heliacal_simulate::{CONTEXT_NAMES, SimulatedClass, Simulator, SurveyConfig};
use heliacal_taxonomy::{ClassMap, Taxonomy};

fn survey(n: u64) -> Vec<Object> {
    Simulator::new(SurveyConfig { seed: 5, ..SurveyConfig::default() }, SimulatedClass::oracle())
        .unwrap()
        .objects(0..n)
        .unwrap()
}

#[test]
fn snana_files_read_back_equal_and_folders_name_the_class() {
    let directory = tempfile::tempdir().unwrap();
    let objects = survey(95);
    let mut folders = BTreeMap::new();
    for object in &objects {
        let class = SimulatedClass::oracle()
            .iter()
            .copied()
            .find(|class| object.true_class.as_deref() == Some(class.name()))
            .unwrap();
        let writer = folders.entry(class).or_insert_with(|| {
            let folder = directory.path().join(format!("SIMULATED_{}", class.snana_model().unwrap()));
            SnanaWriter::create(folder, SnanaWriterOptions::default()).unwrap()
        });
        let labels = Labels { sim_type_index: class.gentype(), ..Labels::default() };
        writer.write(object, &labels).unwrap();
    }
    assert_eq!(folders.len(), 19);
    for writer in folders.into_values() {
        writer.finish().unwrap();
    }

    let (models, oracle) = (ClassMap::snana_models(), Taxonomy::oracle());
    let mut read: BTreeMap<ObjectId, Object> = BTreeMap::new();
    for record in Survey::open([directory.path()], &ReadOptions::default()).unwrap() {
        let record = record.unwrap();
        let class = models.get_suffix(record.labels.folder.as_deref().unwrap()).unwrap().node().unwrap();
        let mut object = record.object;
        object.true_class = Some(oracle.class_name(class).into());
        read.insert(object.id.clone(), object);
    }
    assert_eq!(read.len(), objects.len());
    for object in &objects {
        assert_eq!(&read[&object.id], object);
    }
}

/// Names and forms of the columns of a HEAD file, from its cards.
fn head_columns(bytes: &[u8]) -> Vec<String> {
    let cards = bytes.chunks_exact(80).map(String::from_utf8_lossy);
    // Widths of names follow the names.
    let is_column =
        |card: &str| card.starts_with("TTYPE") || (card.starts_with("TFORM") && !card.contains('A'));
    cards.filter(|card| is_column(card)).map(|card| card.trim_end().to_owned()).collect()
}

#[test]
fn every_head_of_a_survey_has_the_same_columns() {
    // Stars without a host, supernovae without a spectrum: written as seen, their files lack whole columns.
    let directory = tempfile::tempdir().unwrap();
    let mut found: Vec<Vec<String>> = Vec::new();
    for &class in SimulatedClass::oracle() {
        let folder = directory.path().join(class.snana_model().unwrap());
        let options = SnanaWriterOptions {
            prefix: "S".into(),
            compression: Compression::Plain,
            objects_per_pair: NonZeroUsize::new(2).unwrap(),
            context: CONTEXT_NAMES.map(str::to_owned).into(),
            ..Default::default()
        };
        let mut writer = SnanaWriter::create(&folder, options).unwrap();
        let objects = Simulator::new(SurveyConfig::default(), &[class]).unwrap().objects(0..4).unwrap();
        for object in &objects {
            writer.write(object, &Labels::default()).unwrap();
        }
        writer.finish().unwrap();
        for pair in 1..=2 {
            let head = std::fs::read(folder.join(format!("S-000{pair}_HEAD.FITS"))).unwrap();
            found.push(head_columns(&head));
        }
        // What is missing reads back as missing.
        let survey = Survey::open([&folder], &ReadOptions::default()).unwrap();
        for (record, object) in survey.zip(&objects) {
            assert_eq!(record.unwrap().object.context, object.context);
        }
    }
    assert_eq!(found.len(), 38);
    // 20 of context and SNID, IAUC, FAKE, NOBS and the two pointers; the forms of SNID and IAUC are left out.
    assert_eq!(found[0].len(), 26 + 24, "{:?}", found[0]);
    assert!(found.iter().all(|columns| *columns == found[0]));
}

#[test]
fn parquet_reads_back_equal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("light_curves.parquet");
    let objects = survey(57);
    let mut context: Vec<String> =
        objects.iter().flat_map(|object| object.context.iter().map(|(name, _)| name.to_owned())).collect();
    context.sort();
    context.dedup();
    let columns = LightCurveColumns { id: IdKind::Integer, context };
    let mut writer = ParquetLightCurveWriter::create(&path, &columns).unwrap();
    for object in &objects {
        writer.write(object).unwrap();
    }
    writer.finish().unwrap();
    let read: Vec<Object> = Survey::open([&path], &ReadOptions::default())
        .unwrap()
        .map(|record| record.unwrap().object)
        .collect();
    assert_eq!(read, objects);
}
