//! Files to histories: reading, encoding, classifying, writing down, and counting what was right.

use std::collections::HashSet;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use heliacal_io::{ObjectHistory, Record};
use heliacal_lightcurve::{NoDetection, ObjectId};
use heliacal_models::EncodedLightCurve;
use heliacal_taxonomy::{NodeId, Taxonomy};

use crate::{Classifier, Error, Result, TruthMap};

/// At which times an object is classified.
#[derive(Debug, Clone, PartialEq)]
pub enum Times {
    /// Once, after its last observation.
    Last,
    /// At these days since its trigger, with what was known then. A day before the first observation gives no
    /// classification.
    DaysSinceTrigger(Vec<f64>),
    /// After every observation.
    EveryObservation,
    /// After every observation from the trigger on, with its days since trigger: when a broker would have asked. What was
    /// seen before the trigger is known, but not classified.
    SinceTrigger,
}

/// An object that could not be classified or a file that could not be read, and why.
#[derive(Debug)]
pub struct Skipped {
    /// The object; none for a file that could not be read, or not to its end.
    pub object_id: Option<ObjectId>,
    /// Why.
    pub error: Error,
}

/// What became of a survey.
///
/// Labels are those of each object's last classification, argmax at each level of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    taxonomy: Taxonomy,
    /// Objects classified at least once.
    pub n_objects: usize,
    /// Classifications of all objects.
    pub n_classifications: usize,
    /// Objects that could not be read or classified.
    pub n_skipped: usize,
    /// Files that could not be read, or not to their end: how many objects that cost is not known.
    pub n_failed_files: usize,
    /// Objects without a known true class.
    pub n_unknown: usize,
    /// Per node of the tree, how many objects have it as their most probable class at the node's own level.
    pub n_predicted: Vec<usize>,
    /// Per node of the tree, the objects whose true class it is; empty for most nodes.
    classes: Vec<ClassSummary>,
}

/// The objects of one true class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassSummary {
    /// How many there are.
    pub n_objects: usize,
    /// Per level of the tree, how many were labelled right there.
    pub n_correct: Vec<usize>,
}

/// Objects and observations that go through the network together at most: they bound what is in memory at once.
const BATCH: (usize, usize) = (256, 1 << 14);
/// The same for a GPU, which is busy with thousands of objects only.
const GPU_BATCH: (usize, usize) = (1 << 13, 1 << 20);
/// Batches that lie ready for the network.
const READY: usize = 1;

/// Classifies every object of a survey, in its order, in bounded memory (and 40 bytes per object to know it again).
///
/// Of objects with the same id the first is classified, the others are skipped with [`Error::Repeated`]. Objects are read and
/// encoded on a thread of their own, ahead of the network, which runs on the caller's.
///
/// `on_history` gets each object's classifications, `on_skipped` each object that could not be read or classified, with
/// the reason: a light curve without a detection when days since trigger are asked for, say.
///
/// # Errors
/// What `on_history` returns, [`Error::InvalidDay`], and failures of the network itself. Objects that cannot be read are
/// skipped, not errors.
pub fn classify_survey(
    classifier: &Classifier,
    records: impl IntoIterator<Item = heliacal_io::Result<Record>, IntoIter: Send>,
    truth: &TruthMap,
    times: &Times,
    mut on_history: impl FnMut(ObjectHistory) -> Result<()>,
    mut on_skipped: impl FnMut(&Skipped),
) -> Result<Summary> {
    if let Times::DaysSinceTrigger(days) = times
        && let Some(&day) = days.iter().find(|day| !day.is_finite())
    {
        return Err(Error::InvalidDay { day });
    }
    let mut summary = Summary::new(classifier.taxonomy());
    let mut skip = |skipped: &Skipped, summary: &mut Summary| {
        let n =
            if skipped.object_id.is_some() { &mut summary.n_skipped } else { &mut summary.n_failed_files };
        *n += 1;
        on_skipped(skipped);
    };
    let records = records.into_iter();
    thread::scope(|scope| {
        let (sender, batches) = sync_channel(READY);
        scope.spawn(move || prepare(classifier, records, truth, times, &sender));
        for batch in batches {
            for skipped in batch.iter().filter_map(|object| object.as_ref().err()) {
                skip(skipped, &mut summary);
            }
            let prepared: Vec<&Prepared> = batch.iter().flatten().collect();
            for (prepared, pmf) in prepared.iter().zip(leaf_pmfs(classifier, &prepared)?) {
                match prepared.history(&pmf, classifier.taxonomy()) {
                    Ok(history) => {
                        summary.count(&pmf, prepared.true_class, history.len())?;
                        on_history(history)?;
                    }
                    Err(error) => {
                        skip(&Skipped { object_id: Some(prepared.object_id.clone()), error }, &mut summary);
                    }
                }
            }
        }
        Ok(summary)
    })
}

/// Reads and encodes batch after batch, until nobody takes them any more.
fn prepare(
    classifier: &Classifier,
    records: impl Iterator<Item = heliacal_io::Result<Record>>,
    truth: &TruthMap,
    times: &Times,
    batches: &SyncSender<Vec<Result<Prepared, Box<Skipped>>>>,
) {
    let (most_objects, most_rows) = if classifier.oracle().device().is_cpu() { BATCH } else { GPU_BATCH };
    let mut seen = HashSet::new();
    let mut batch = Vec::new();
    let mut n_rows = 0;
    for record in records {
        let object = prepare_one(classifier, record, truth, times, &seen);
        if let Ok(prepared) = &object {
            seen.insert(prepared.object_id.clone());
            n_rows += prepared.encoded.observations.len();
        }
        batch.push(object);
        if batch.len() >= most_objects || n_rows >= most_rows {
            if batches.send(std::mem::take(&mut batch)).is_err() {
                return;
            }
            n_rows = 0;
        }
    }
    // Nobody waits for the last one after an error.
    let _ = batches.send(batch);
}

fn prepare_one(
    classifier: &Classifier,
    record: heliacal_io::Result<Record>,
    truth: &TruthMap,
    times: &Times,
    seen: &HashSet<ObjectId>,
) -> Result<Prepared, Box<Skipped>> {
    let record = record.map_err(|error| {
        let object_id = error.location.object.clone().filter(|_| error.is_of_one_object());
        Box::new(Skipped { object_id, error: error.into() })
    })?;
    let skipped = |error| Box::new(Skipped { object_id: Some(record.object.id.clone()), error });
    if seen.contains(&record.object.id) {
        return Err(skipped(Error::Repeated { object: record.object.id.clone() }));
    }
    Prepared::new(classifier, &record, truth, times).map_err(skipped)
}

/// An object on its way through the network.
struct Prepared {
    object_id: ObjectId,
    true_class: Option<NodeId>,
    encoded: EncodedLightCurve,
    /// The steps after which it is classified.
    steps: Vec<usize>,
    /// Time of the observation at each of them \[day\].
    mjd: Vec<f64>,
    days: Option<Vec<f64>>,
}

/// For each object the probabilities of the leaves, `[step, leaf]` row-major.
fn leaf_pmfs(classifier: &Classifier, batch: &[&Prepared]) -> Result<Vec<Vec<f64>>> {
    let taxonomy = classifier.taxonomy();
    let light_curves: Vec<_> = batch.iter().map(|prepared| (&prepared.encoded, &*prepared.steps)).collect();
    let of_object = |logits: Vec<f32>| {
        let mut probabilities = vec![0.0; logits.len()];
        taxonomy
            .probabilities_from_logits(&logits, &mut probabilities)
            .expect("a classifier has one logit per class of its taxonomy");
        let mut pmf = vec![0.0; logits.len() / taxonomy.n_nodes() * taxonomy.n_leaves()];
        taxonomy.leaf_pmf(&probabilities, &mut pmf).expect("both have one row per step");
        pmf
    };
    Ok(classifier.oracle().logits_at(&light_curves)?.into_iter().map(of_object).collect())
}

impl Prepared {
    fn new(classifier: &Classifier, record: &Record, truth: &TruthMap, times: &Times) -> Result<Self> {
        let object = &record.object;
        let light_curve = object.light_curve.view();
        let features = classifier.oracle().features();
        let encoded = features.encode(light_curve, &object.context)?;
        let (steps, days): (Vec<usize>, _) = match times {
            Times::Last => (vec![encoded.observations.len() - 1], None),
            Times::EveryObservation => (encoded.steps().collect(), None),
            Times::DaysSinceTrigger(days) => {
                let mut known = Vec::new();
                for &day in days {
                    let n_known = features.truncate(light_curve, day)?.len();
                    let n_steps = encoded.observations.partition_point(|&observation| observation < n_known);
                    known.extend(
                        n_steps.checked_sub(1).filter(|&s| s >= encoded.known_from).map(|s| (s, day)),
                    );
                }
                known.sort_by(|a, b| a.1.total_cmp(&b.1));
                let (steps, days) = known.into_iter().unzip();
                (steps, Some(days))
            }
            Times::SinceTrigger => {
                let n_observations = light_curve.len();
                let no_detection = || heliacal_models::Error::from(NoDetection { n_observations });
                let trigger = light_curve.first_detection().ok_or_else(no_detection)?;
                let day =
                    |step: usize| light_curve.mjd()[encoded.observations[step]] - light_curve.mjd()[trigger];
                let steps = encoded.steps().filter(|&step| encoded.observations[step] >= trigger);
                let (steps, days) = steps.map(|step| (step, day(step))).unzip();
                (steps, Some(days))
            }
        };
        if steps.is_empty() {
            return Err(Error::TooEarly { n_observations: light_curve.len() });
        }
        let mjd = steps.iter().map(|&step| light_curve.mjd()[encoded.observations[step]]).collect();
        Ok(Self {
            object_id: object.id.clone(),
            true_class: truth.class_of(record),
            encoded,
            steps,
            mjd,
            days,
        })
    }

    fn history(&self, pmf: &[f64], taxonomy: &Taxonomy) -> Result<ObjectHistory> {
        if pmf.iter().any(|p| !p.is_finite()) {
            return Err(Error::NotFinite { object: self.object_id.clone() });
        }
        Ok(ObjectHistory {
            object_id: self.object_id.clone(),
            mjd: self.mjd.clone(),
            n_obs: self.steps.iter().map(|&step| u32::try_from(step + 1).unwrap_or(u32::MAX)).collect(),
            probabilities: pmf.iter().map(|&p| p as f32).collect(),
            days: self.days.clone(),
            true_class: self.true_class.map(|node| taxonomy.class_name(node).into()),
        })
    }
}

impl Summary {
    fn new(taxonomy: &Taxonomy) -> Self {
        let class = ClassSummary { n_objects: 0, n_correct: vec![0; taxonomy.n_levels()] };
        Self {
            n_objects: 0,
            n_classifications: 0,
            n_skipped: 0,
            n_failed_files: 0,
            n_unknown: 0,
            n_predicted: vec![0; taxonomy.n_nodes()],
            classes: vec![class; taxonomy.n_nodes()],
            taxonomy: taxonomy.clone(),
        }
    }

    /// Counts an object with leaf probabilities `[step, leaf]`.
    fn count(&mut self, pmf: &[f64], true_class: Option<NodeId>, n_steps: usize) -> Result<()> {
        let taxonomy = &self.taxonomy;
        let mut last = vec![0.0; taxonomy.n_nodes()];
        taxonomy
            .roll_up(&pmf[pmf.len() - taxonomy.n_leaves()..], &mut last)
            .expect("one probability per leaf was made above");
        self.n_objects += 1;
        self.n_classifications += n_steps;
        self.n_unknown += usize::from(true_class.is_none());
        if let Some(class) = true_class {
            self.classes[class.index()].n_objects += 1;
        }
        for level in 0..taxonomy.n_levels() {
            let label = taxonomy.argmax_at_level(&last, level)?;
            // A leaf above the last level is a class of several levels; it is counted at its own.
            if taxonomy.depth(label) == level {
                self.n_predicted[label.index()] += 1;
            }
            if let Some(class) = true_class {
                let is_right = taxonomy.ancestor_at(class, level) == label;
                self.classes[class.index()].n_correct[level] += usize::from(is_right);
            }
        }
        Ok(())
    }

    /// The classes that objects truly have, in the taxonomy's order.
    pub fn classes(&self) -> impl Iterator<Item = (&str, &ClassSummary)> {
        let named = self.taxonomy.nodes().map(|node| self.taxonomy.class_name(node)).zip(&self.classes);
        named.filter(|(_, class)| class.n_objects > 0)
    }

    /// Share of the objects of known class that were labelled right at a level; none when there is no such object.
    ///
    /// An object whose true class is an inner node counts at the levels down to its own and, below, as wrong.
    pub fn accuracy(&self, level: usize) -> Option<f64> {
        let n_known = self.n_objects - self.n_unknown;
        let n_correct: usize = self.classes.iter().filter_map(|class| class.n_correct.get(level)).sum();
        (n_known > 0).then(|| n_correct as f64 / n_known as f64)
    }

    /// Number of levels of the tree.
    pub fn n_levels(&self) -> usize {
        self.taxonomy.n_levels()
    }
}
