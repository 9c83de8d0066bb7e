//! A simulated survey of variable stars and a classifier that was quickly trained on it.

use std::error::Error;

use heliacal::metrics::Pmf;
use heliacal::models::Oracle;
use heliacal::models::train::{TrainConfig, Trainer, stratified_split};
use heliacal::pipeline::{LabelledSurvey, TrainingLoss};
use heliacal::taxonomy::VsxTypes;
use heliacal::{Classifier, Device, Preset, Taxonomy, TruthMap};
use heliacal_simulate::{
    Cadence, Photometry, SimulatedClass, Simulator, SurveyConfig, Truth as SimulatedTruth,
};

use crate::classified_objects::{Classified, ClassifiedObjects, Truth};
use crate::train_with_bar::train_with_bar;

/// Fainter than this at its strongest a star is called faint \[mag\].
const FAINT: f64 = 19.0;

/// Of the test stars every so many is known by a loose type only.
const EVERY_LOOSE: usize = 8;

/// Loose types as VSX writes them, one for each family that has one.
const LOOSE_TYPES: [&str; 7] = ["E", "RR", "CEP", "DSCT|HADS", "LPV", "ROT|RS", "UG|GCAS"];

/// Simulates stars of the 21 classes, trains ORACLE on seven of ten and classifies the others, and microlensing events, which it
/// was not taught.
pub fn classified_stars(
    per_class: u64,
    epochs: usize,
    seed: u64,
) -> Result<ClassifiedObjects, Box<dyn Error>> {
    let taxonomy = Taxonomy::variable_stars();
    let mut classes = SimulatedClass::of_taxonomy(&taxonomy)?;
    let n_classes = classes.len() as u64;
    classes.push(SimulatedClass::Microlensing);
    let config = SurveyConfig {
        seed,
        cadence: Cadence { days: 365.25, ..Cadence::default() },
        photometry: Photometry::Total,
        deep_fraction: 0.0,
        ..SurveyConfig::default()
    };
    let all = Simulator::new(config, &classes)?.objects_with_truth(0..per_class * (n_classes + 1))?;
    let (strangers, stars): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, truth)| truth.class == SimulatedClass::Microlensing);
    let (objects, truths): (Vec<_>, Vec<SimulatedTruth>) = stars.into_iter().unzip();
    let survey = LabelledSurvey::of_objects(objects, &TruthMap::new(&taxonomy));
    let nodes: Vec<usize> = survey.true_nodes().iter().map(|node| node.index()).collect();
    let split = stratified_split(&nodes, 0.3, seed);
    println!(
        "{} stars of {n_classes} classes to learn from, {} to test on",
        split.training.len(),
        split.held_out.len()
    );

    let classifier = train(&survey, &split.training, &taxonomy, epochs, seed)?;

    let tested: Vec<_> = split.held_out.iter().map(|&position| &survey.records()[position].object).collect();
    let of_stars = pmfs(&classifier, tested.iter().copied())?;
    let mut objects = Vec::with_capacity(of_stars.len());
    for (n_tested, (pmf, &position)) in of_stars.into_iter().zip(&split.held_out).enumerate() {
        let node = survey.true_nodes()[position];
        let loose = (n_tested % EVERY_LOOSE == 0).then(|| loose_type(&taxonomy, node)).flatten();
        let truth = &truths[position];
        let is_faint = truth.peak_magnitude > FAINT;
        objects.push(Classified {
            pmf,
            truth: Truth::Node(loose.unwrap_or(node)),
            is_in: vec![is_faint, !is_faint, truth.blazhko],
        });
    }
    let strange = pmfs(&classifier, strangers.iter().map(|(object, _)| object))?;
    let stranger = |pmf| Classified { pmf, truth: Truth::Stranger, is_in: vec![false; 3] };
    objects.extend(strange.into_iter().map(stranger));

    let slices = ["faint", "bright", "Blazhko stars"].map(str::to_owned);
    Ok(ClassifiedObjects {
        model: classifier.name().to_owned(),
        data: "Simulated variable stars, one year in six bands: a toy that says nothing about the sky."
            .to_owned(),
        taxonomy,
        partitions: vec![("Brightness".to_owned(), slices[..2].to_vec())],
        slices: slices.to_vec(),
        strangers: Some("microlensing".to_owned()),
        objects,
    })
}

fn train(
    survey: &LabelledSurvey,
    training: &[usize],
    taxonomy: &Taxonomy,
    epochs: usize,
    seed: u64,
) -> Result<Classifier, Box<dyn Error>> {
    let (features, config) = (Preset::Paper.features(), Preset::Paper.config(taxonomy.n_nodes()));
    let examples = survey.examples(&features, training.iter().copied())?;
    let batch_size = 64;
    // 22 decays by 0.9 are a tenth.
    let decay_steps = (epochs * examples.len().div_ceil(batch_size) / 22).max(1) as u64;
    let config_of_training =
        TrainConfig { epochs, batch_size, learning_rate: 3e-3, decay_steps, seed, ..TrainConfig::default() };
    let fresh = Oracle::fresh(config, features, seed, &Device::Cpu)?;
    let mut trainer = Trainer::new(&fresh, &examples, config_of_training)?;
    let nodes: Vec<u32> =
        trainer.split().training.iter().map(|&index| examples[index].true_node as u32).collect();
    let loss = TrainingLoss::Whxe { alpha: 0.5, gamma: 1.0 }.of(taxonomy, &nodes, &Device::Cpu)?;
    let trained = train_with_bar(&mut trainer, &*loss)?;
    Ok(Classifier::new("ORACLE, trained for a minute", trained.model, taxonomy.clone())?)
}

/// The family of a star as a catalogue with loose types would give it.
fn loose_type(taxonomy: &Taxonomy, node: heliacal::taxonomy::NodeId) -> Option<heliacal::taxonomy::NodeId> {
    let types = VsxTypes::new();
    let families = LOOSE_TYPES.iter().filter_map(|text| types.get(text).ok()?.placement.node());
    families.into_iter().find(|&family| taxonomy.is_ancestor(family, node))
}

fn pmfs<'a>(
    classifier: &Classifier,
    objects: impl Iterator<Item = &'a heliacal::Object>,
) -> Result<Vec<Pmf>, Box<dyn Error>> {
    let views: Vec<_> = objects.map(|object| (object.light_curve.view(), &object.context)).collect();
    let mut pmfs = Vec::with_capacity(views.len());
    for batch in views.chunks(256) {
        for prediction in classifier.predict_batch(batch)? {
            pmfs.push(Pmf::new(prediction.leaf_pmf())?);
        }
    }
    Ok(pmfs)
}
