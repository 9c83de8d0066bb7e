//! Files of a survey read back as what was written.

use std::collections::BTreeMap;

use heliacal_io::{
    IdKind, Labels, LightCurveColumns, ParquetLightCurveWriter, ReadOptions, SnanaWriter, SnanaWriterOptions,
    Survey,
};
use heliacal_lightcurve::{Object, ObjectId};
use heliacal_simulate::{SimulatedClass, Simulator, SurveyConfig};
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
