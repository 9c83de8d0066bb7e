//! Base classifiers that can be run again, on other light curves: what a cascade is built on when no histories are at hand.

use std::error::Error;

use heliacal::io::{ObjectHistory, Record};
use heliacal::pipeline::{BaseHistories, LabelledSurvey, Times, classify_survey};
use heliacal::{Classifier, Object, ObjectId, Taxonomy, TruthMap};
use heliacal_simulate::{BaseClassifier, SimulatedClass, Simulator, SurveyConfig};
use rayon::prelude::*;

/// A classifier of light curves, with the classes it knows.
pub enum RunnableBase {
    /// The toy that is told the truth.
    Jittery(Box<(BaseClassifier, TruthMap, Taxonomy)>),
    /// A trained network.
    Oracle(Box<(Classifier, TruthMap)>),
}

impl RunnableBase {
    /// The jittery classifier of five kinds of supernovae.
    pub fn jittery(seed: u64) -> Self {
        let taxonomy = Taxonomy::supernovae5();
        let base = BaseClassifier { seed, ..BaseClassifier::supernovae5() };
        Self::Jittery(Box::new((base, TruthMap::new(&taxonomy), taxonomy)))
    }

    /// Classifies light curves after each detection (the toy) or each observation since the trigger (ORACLE). Objects of
    /// unknown class and those without a detection have no history.
    pub fn histories(&self, records: &[Record]) -> Result<BaseHistories, Box<dyn Error>> {
        match self {
            Self::Jittery(jittery) => {
                let (base, truth, taxonomy) = &**jittery;
                let objects: Result<Vec<_>, _> =
                    records.par_iter().map(|record| jittery_history(base, truth, taxonomy, record)).collect();
                let objects = objects?.into_iter().flatten().collect();
                Ok(BaseHistories { name: "jittery base".to_owned(), classes: leaves(taxonomy), objects })
            }
            Self::Oracle(oracle) => {
                let (classifier, truth) = &**oracle;
                let mut objects = Vec::new();
                let push = |history: ObjectHistory| {
                    objects.push(history);
                    Ok(())
                };
                let records = records.iter().cloned().map(Ok);
                classify_survey(classifier, records, truth, &Times::SinceTrigger, push, |_| ())?;
                let classes = leaves(classifier.taxonomy());
                Ok(BaseHistories { name: classifier.name().to_owned(), classes, objects })
            }
        }
    }
}

fn leaves(taxonomy: &Taxonomy) -> Vec<String> {
    taxonomy.leaves().iter().map(|&leaf| taxonomy.class_name(leaf).to_owned()).collect()
}

fn jittery_history(
    base: &BaseClassifier,
    truth: &TruthMap,
    taxonomy: &Taxonomy,
    record: &Record,
) -> Result<Option<ObjectHistory>, heliacal_simulate::SimulateError> {
    let Some(leaf) = truth.class_of(record).and_then(|node| taxonomy.leaf_of(node)) else { return Ok(None) };
    let view = record.object.light_curve.view();
    // Simulated objects have numbers; in a file with names, the toy makes the same errors for all of its objects.
    let number = if let ObjectId::Integer(id) = record.object.id { id as u64 } else { 0 };
    let history = base.classify(view, leaf.index(), number)?;
    let Some(&trigger) = history.observations.first() else { return Ok(None) };
    let mjd: Vec<f64> = history.observations.iter().map(|&observation| view.mjd()[observation]).collect();
    Ok(Some(ObjectHistory {
        object_id: record.object.id.clone(),
        n_obs: history.observations.iter().map(|&observation| observation as u32 + 1).collect(),
        days: Some(mjd.iter().map(|mjd| mjd - view.mjd()[trigger]).collect()),
        mjd,
        probabilities: history.probabilities,
        true_class: Some(taxonomy.class_name(taxonomy.leaves()[leaf.index()]).into()),
    }))
}

/// Numbers of supernovae with at least 15 classifications by two classifiers of ELAsTiCC2 (Beyond the Final Label, Table 1): SNIa,
/// SNIb/c, SNII, SNIax, SNI91bg.
const IMBALANCE: [f64; 5] = [93_771.0, 21_433.0, 79_290.0, 2039.0, 1545.0];

/// About `n_objects` simulated supernovae of five classes with at least `min_detections` detections, as unequal in number as in
/// Table 1 of the paper, but at least 8 of each class.
pub fn supernovae(
    n_objects: usize,
    min_detections: usize,
    seed: u64,
) -> Result<LabelledSurvey, Box<dyn Error>> {
    let taxonomy = Taxonomy::supernovae5();
    let mut objects = Vec::new();
    let classes = SimulatedClass::of_taxonomy(&taxonomy)?;
    for (position, (class, number)) in classes.into_iter().zip(IMBALANCE).enumerate() {
        let share = number / IMBALANCE.iter().sum::<f64>();
        let wanted = ((n_objects as f64 * share).round() as usize).max(8);
        // Deep fields have eight times the visits: they would take half of the time. Each class has indices of its own.
        let config = SurveyConfig { seed, deep_fraction: 0.0, ..SurveyConfig::default() };
        let simulator = Simulator::new(config, &[class])?;
        let first = INDICES_OF_A_CLASS * position as u64;
        let mut of_class = Vec::new();
        for chunk in 0..MAX_CHUNKS {
            let begin = first + chunk * wanted as u64;
            let drawn = simulator.objects(begin..begin + wanted as u64)?;
            let long = |object: &Object| {
                object.light_curve.detection().iter().filter(|detected| **detected).count() >= min_detections
            };
            of_class.extend(drawn.into_iter().filter(long));
            if of_class.len() >= wanted {
                break;
            }
        }
        if of_class.len() < wanted {
            return Err(format!(
                "hardly any simulated {} has {min_detections} detections; ask for fewer",
                class.name()
            )
            .into());
        }
        of_class.truncate(wanted);
        objects.extend(of_class);
    }
    Ok(LabelledSurvey::of_objects(objects, &TruthMap::new(&taxonomy)))
}

/// More than are drawn of one.
const INDICES_OF_A_CLASS: u64 = 1 << 32;
/// Draws of as many objects as are wanted, until so many have enough detections.
const MAX_CHUNKS: u64 = 200;
