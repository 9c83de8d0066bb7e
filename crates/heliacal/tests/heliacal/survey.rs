//! Files to histories.

use std::collections::BTreeMap;

use heliacal::io::{HistoryReader, HistorySchema, HistoryWriter, IdKind, ObjectHistory, ReadOptions, Survey};
use heliacal::pipeline::{Summary, Times, classify_survey};
use heliacal::{Classifier, Device, Error, Preset, TruthMap};

use crate::{fixture, largest_difference, test_data};

fn toy() -> Classifier {
    Classifier::load(fixture("toy_oracle.safetensors"), None, &Device::Cpu).unwrap()
}

fn run(classifier: &Classifier, survey: Survey, times: &Times) -> (Vec<ObjectHistory>, Vec<String>, Summary) {
    let (mut histories, mut skipped) = (Vec::new(), Vec::new());
    let summary = classify_survey(
        classifier,
        survey,
        &TruthMap::new(classifier.taxonomy()),
        times,
        |history| {
            histories.push(history);
            Ok(())
        },
        |object| skipped.push(object.error.to_string()),
    );
    (histories, skipped, summary.unwrap())
}

fn small_survey() -> Survey {
    Survey::open([fixture("survey")], &ReadOptions::default()).unwrap()
}

#[test]
fn histories_are_the_predictions_and_survive_the_file() {
    let classifier = toy();
    let (histories, skipped, summary) = run(&classifier, small_survey(), &Times::EveryObservation);
    assert_eq!((histories.len(), skipped.len(), summary.n_objects), (98, 0, 98));
    for (record, history) in small_survey().map(Result::unwrap).zip(&histories).step_by(11) {
        let light_curve = &record.object.light_curve;
        assert_eq!((&history.object_id, &*history.mjd), (&record.object.id, light_curve.mjd()));
        assert_eq!(history.n_obs, (1..=light_curve.len() as u32).collect::<Vec<_>>());
        let expected = classifier.predict_history(light_curve.view(), &record.object.context).unwrap();
        for (step, prediction) in expected.predictions.iter().enumerate() {
            let found: Vec<f64> = history.probabilities_at(step).iter().map(|&p| f64::from(p)).collect();
            assert!(largest_difference(&found, &prediction.leaf_pmf()) < 1e-5);
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("histories.parquet");
    let schema = HistorySchema {
        classes: histories_classes(&classifier),
        taxonomy: Some(classifier.taxonomy().to_json()),
        classifier: Some(classifier.name().to_owned()),
        has_days: false,
    };
    let mut writer = HistoryWriter::create(&path, &schema, IdKind::Integer).unwrap();
    for history in &histories {
        writer.write(history).unwrap();
    }
    writer.finish().unwrap();
    let reader = HistoryReader::open(&path).unwrap();
    assert_eq!(*reader.schema(), schema);
    assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), histories);
}

fn histories_classes(classifier: &Classifier) -> Vec<String> {
    let taxonomy = classifier.taxonomy();
    taxonomy.leaves().iter().map(|&leaf| taxonomy.class_name(leaf).to_owned()).collect()
}

#[test]
fn days_since_trigger_are_rows_of_the_history() {
    let classifier = toy();
    let (every, _, _) = run(&classifier, small_survey(), &Times::EveryObservation);
    // Out of order on purpose: rows come in time order.
    let times = Times::DaysSinceTrigger(vec![8.0, -1000.0, 1.0]);
    let (at_days, skipped, summary) = run(&classifier, small_survey(), &times);
    assert_eq!((at_days.len(), skipped.len()), (98, 0));
    // A day before the first observation has nothing to classify.
    assert_eq!(summary.n_classifications, 2 * 98);
    for ((record, every), history) in small_survey().map(Result::unwrap).zip(&every).zip(&at_days) {
        assert_eq!(history.days.as_deref(), Some(&[1.0, 8.0][..]));
        for (step, days) in [1.0, 8.0].into_iter().enumerate() {
            let n = record.object.light_curve.view().until_days_since_trigger(days).unwrap().len();
            assert_eq!(history.n_obs[step] as usize, n);
            let widen = |row: &[f32]| row.iter().map(|&p| f64::from(p)).collect::<Vec<_>>();
            let (found, expected) = (history.probabilities_at(step), every.probabilities_at(n - 1));
            assert!(largest_difference(&widen(found), &widen(expected)) < 1e-5);
        }
    }
}

#[test]
fn the_summary_counts_what_the_histories_say() {
    let classifier = toy();
    let taxonomy = classifier.taxonomy();
    let (histories, _, summary) = run(&classifier, small_survey(), &Times::Last);
    let mut n_right: BTreeMap<&str, usize> = BTreeMap::new();
    let mut n_of_class: BTreeMap<&str, usize> = BTreeMap::new();
    for history in &histories {
        let class = history.true_class.as_deref().unwrap();
        // Argmax by hand; ties do not occur.
        let best = history.probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        *n_of_class.entry(class).or_default() += 1;
        *n_right.entry(class).or_default() +=
            usize::from(taxonomy.class_name(taxonomy.leaves()[best]) == class);
    }
    assert_eq!(summary.classes().count(), 7);
    for (name, class) in summary.classes() {
        assert_eq!((class.n_objects, class.n_correct[3]), (n_of_class[name], n_right[name]), "{name}");
        assert_eq!(class.n_correct[0], class.n_objects, "everything is an alert");
    }
    let accuracy = n_right.values().sum::<usize>() as f64 / 98.0;
    assert_eq!(summary.accuracy(3), Some(accuracy));
    assert!(accuracy > 0.8, "the toy model knows the toy survey: {accuracy}");
    assert_eq!(summary.n_unknown, 0);
}

#[test]
fn objects_given_twice_are_classified_once_and_reported() {
    let classifier = toy();
    let folder = tempfile::tempdir().unwrap();
    for class in ["TOY_KN_K17", "TOY_RRL"] {
        let copy = folder.path().join(class);
        std::fs::create_dir(&copy).unwrap();
        for file in std::fs::read_dir(fixture("survey").join(class)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    let paths = [fixture("survey"), folder.path().to_owned()];
    let survey = Survey::open(paths, &ReadOptions::default()).unwrap();
    let (histories, skipped, summary) = run(&classifier, survey, &Times::Last);
    assert_eq!((histories.len(), summary.n_skipped), (98, 28));
    assert!(skipped.iter().all(|why| why.ends_with("was met before")), "{skipped:?}");
}

#[test]
fn a_failure_of_the_sink_ends_the_run() {
    let classifier = toy();
    let sink = |history: ObjectHistory| Err(Error::Repeated { object: history.object_id });
    let truth = TruthMap::new(classifier.taxonomy());
    let outcome = classify_survey(&classifier, small_survey(), &truth, &Times::Last, sink, |_| ());
    assert!(matches!(outcome, Err(Error::Repeated { .. })));
}

#[test]
fn type_codes_mean_what_the_caller_says() {
    let taxonomy = heliacal::Taxonomy::oracle();
    let Some(folder) = test_data("plasticc-starterkit") else { return };
    let mut records = Survey::open([folder], &ReadOptions::default()).unwrap();
    let mut record = records.next().unwrap().unwrap();
    // Code 90 is a Cepheid in ELAsTiCC2 and a SN Ia here; the model's name tells, a code does only when asked.
    let class = |truth: &TruthMap, record: &_| {
        truth.class_of(record).map(|node| taxonomy.class_name(node).to_owned())
    };
    let names = TruthMap::new(&taxonomy);
    assert_eq!(class(&names, &record).as_deref(), Some("SNIa"));
    record.labels.sim_model_name = None;
    assert_eq!(class(&names, &record), None);
    let elasticc = names.clone().with_elasticc_codes();
    assert_eq!(class(&elasticc, &record).as_deref(), Some("Cepheid"));
    let mine = names.clone().with_codes([(90, "SNIa")]).unwrap();
    assert_eq!(class(&mine, &record).as_deref(), Some("SNIa"));
    assert!(names.clone().with_codes([(1, "SNIbc")]).is_err());
    // A code of three digits is looked up as it is before SNANA's 100 is taken off.
    record.labels.sntype = Some(991);
    record.labels.sim_type_index = None;
    assert_eq!(class(&names.with_codes([(991, "uLens")]).unwrap(), &record).as_deref(), Some("uLens"));
}

#[test]
fn other_trees_have_names_and_codes_of_their_own() {
    let bts = heliacal::Taxonomy::oracle_bts();
    let truth = TruthMap::new(&bts);
    let named = |name: &str| truth.class_of_name(name).map(|node| bts.class_name(node));
    assert_eq!(
        [named("SN IIP"), named("SN-Ia"), named("nova"), named("TDE")],
        [Some("SN-II"), Some("SN-Ia"), Some("CV"), None]
    );
    let elasticc = heliacal::Taxonomy::elasticc();
    let truth = TruthMap::new(&elasticc).with_elasticc_codes();
    let mut record = small_survey().next().unwrap().unwrap();
    record.labels = heliacal::io::Labels { sim_type_index: Some(10), ..Default::default() };
    assert_eq!(truth.class_of(&record).map(|node| elasticc.class_name(node)), Some("Ia"));
}

#[test]
fn days_that_give_nothing_are_told_apart() {
    let classifier = toy();
    let truth = TruthMap::new(classifier.taxonomy());
    for day in [f64::NAN, f64::INFINITY] {
        let times = Times::DaysSinceTrigger(vec![1.0, day]);
        let outcome = classify_survey(&classifier, small_survey(), &truth, &times, |_| Ok(()), |_| ());
        assert!(matches!(outcome, Err(Error::InvalidDay { .. })));
    }
    let (histories, skipped, _) = run(&classifier, small_survey(), &Times::DaysSinceTrigger(vec![-1000.0]));
    assert_eq!((histories.len(), skipped.len()), (0, 98));
    assert!(skipped[0].starts_with("no observation at any of the days asked for"), "{}", skipped[0]);
}

#[test]
fn a_file_that_cannot_be_read_is_counted_apart() {
    let classifier = toy();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("BAD_HEAD.FITS"), b"SIMPLE  =                    T").unwrap();
    let survey =
        Survey::open([folder.path().to_owned(), fixture("survey")], &ReadOptions::default()).unwrap();
    let (histories, skipped, summary) = run(&classifier, survey, &Times::Last);
    assert_eq!((histories.len(), summary.n_skipped, summary.n_failed_files), (98, 0, 1));
    assert!(skipped[0].contains("BAD_HEAD.FITS"), "{}", skipped[0]);
}

#[test]
fn real_surveys_in_every_format_are_classified_alike() {
    let Some(weights) = test_data("oracle-elasticc/weights/elasticc.best_model_f1.safetensors") else {
        return;
    };
    let classifier = Classifier::load(weights, Some(Preset::Published), &Device::Cpu).unwrap();
    let open = |name: &str| Survey::open([test_data(name).unwrap()], &ReadOptions::default()).unwrap();
    let (histories, skipped, summary) = run(&classifier, open("elasticc2"), &Times::EveryObservation);
    assert_eq!((summary.n_objects, summary.n_classifications, skipped.len()), (319, 45_274, 0));
    assert!(summary.accuracy(1).unwrap() > 0.99 && summary.accuracy(2).unwrap() > 0.94);

    // The kilonovae again, from one Parquet file with host columns and one without.
    let kilonovae: BTreeMap<_, _> =
        histories.iter().map(|history| (history.object_id.clone(), history)).collect();
    let (from_parquet, _, _) =
        run(&classifier, open("parquet-layouts/oracle_KN_K17.parquet"), &Times::EveryObservation);
    assert_eq!(from_parquet.len(), 47);
    for history in &from_parquet {
        let expected = kilonovae[&history.object_id];
        assert_eq!(history.mjd, expected.mjd);
        let widen = |row: &[f32]| row.iter().map(|&p| f64::from(p)).collect::<Vec<_>>();
        let worst = largest_difference(&widen(&history.probabilities), &widen(&expected.probabilities));
        assert!(worst < 1e-5, "object {}: {worst:e}", history.object_id);
    }
    let (all, again, summary) = run(&classifier, open("parquet-layouts"), &Times::Last);
    assert_eq!((all.len(), again.len(), summary.n_skipped), (47, 141, 141));
}
