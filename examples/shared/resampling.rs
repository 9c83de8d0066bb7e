//! Noisy copies of light curves through a base classifier and what is built on it.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use heliacal::io::Record;
use heliacal::metrics::PmfHistory;
use heliacal::pipeline::{
    CascadeRun, HistorySelection, Instability, LabelledHistories, LabelledHistory, LabelledSurvey,
};
use heliacal::{LightCurve, ObjectId};
use serde::Serialize;

use crate::base_classifiers::RunnableBase;

/// What is classified again, and how often.
pub struct Resampling<'a> {
    pub survey: &'a LabelledSurvey,
    pub base: &'a RunnableBase,
    pub selection: &'a HistorySelection,
    pub with_flux: bool,
    pub n_copies: usize,
    /// Objects at most: evenly spaced ones, as files go class by class.
    pub n_objects: usize,
}

/// Means over objects, by classifier.
#[derive(Serialize)]
pub struct Resampled {
    pub n_objects: usize,
    pub n_realizations: usize,
    pub classifiers: Vec<(String, Instability)>,
}

impl Resampling<'_> {
    /// Classifies noisy copies of the light curves that a run held out, and says how much of the answers' motion is noise.
    pub fn run(&self, histories: &LabelledHistories, run: &CascadeRun) -> Result<Resampled, Box<dyn Error>> {
        let by_id: HashMap<&ObjectId, &Record> =
            self.survey.records().iter().map(|record| (&record.object.id, record)).collect();
        let held_out = &run.split.held_out;
        let n = held_out.len().min(self.n_objects);
        let objects = (0..n).map(|i| &histories.objects()[held_out[i * held_out.len() / n]]);
        let records: Vec<&Record> = objects.map(|object| by_id[&object.object_id]).collect();
        let names: Vec<&str> = run.classifiers.iter().map(|classifier| classifier.name.as_str()).collect();
        // [classifier][object][realization]
        let mut answers: Vec<BTreeMap<ObjectId, Vec<PmfHistory>>> = vec![BTreeMap::new(); names.len()];
        for copy in 0..self.n_copies {
            let resampled: Vec<Record> = records.iter().map(|record| resampled(record, copy)).collect();
            let mut of_base = self.base.histories(&resampled)?;
            of_base.name.clone_from(&histories.bases()[0]);
            let light_curves = self.with_flux.then(|| light_curves(&resampled));
            let gathered = LabelledHistories::gather(&[of_base], light_curves.as_ref(), self.selection)?;
            let all: Vec<usize> = (0..gathered.objects().len()).collect();
            let inputs: Vec<_> = gathered.objects().iter().map(LabelledHistory::input).collect();
            let of_naive: Result<Vec<_>, _> =
                inputs.iter().map(|input| run.naive.model.predict(&input.probabilities)).collect();
            let of_cascade = run.cascade.model.predict_histories(&inputs)?;
            let of_base = all.iter().map(|&position| gathered.base_history(position, 0)).collect();
            let said = [of_base, gathered.pmfs(&all, &of_naive?)?, gathered.pmfs(&all, &of_cascade)?];
            for (answers, said) in answers.iter_mut().zip(said) {
                for (object, history) in gathered.objects().iter().zip(said) {
                    answers.entry(object.object_id.clone()).or_default().push(history);
                }
            }
        }
        let mut classifiers = Vec::new();
        let mut n_objects = 0;
        for (name, answers) in names.iter().zip(&answers) {
            // Probabilities can fall out of a projection in one copy and not in another: such objects do not count.
            let whole = answers.values().filter(|histories| histories.len() == self.n_copies);
            let parts = whole.map(|histories| Instability::of_realizations(histories));
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            n_objects = parts.len();
            let mean =
                |of: fn(&Instability) -> f64| parts.iter().map(of).sum::<f64>() / n_objects.max(1) as f64;
            let mean = Instability {
                total: mean(|parts| parts.total),
                growing: mean(|parts| parts.growing),
                noise: mean(|parts| parts.noise),
                spread: mean(|parts| parts.spread),
            };
            classifiers.push(((*name).to_owned(), mean));
        }
        Ok(Resampled { n_objects, n_realizations: self.n_copies, classifiers })
    }
}

/// Light curves by object.
pub fn light_curves(records: &[Record]) -> HashMap<ObjectId, LightCurve> {
    records.iter().map(|record| (record.object.id.clone(), record.object.light_curve.clone())).collect()
}

/// A copy of an object with fluxes drawn anew; each copy of each object has its own.
fn resampled(record: &Record, copy: usize) -> Record {
    let mut record = record.clone();
    let id = match &record.object.id {
        ObjectId::Integer(id) => *id as u64,
        ObjectId::Text(text) => {
            text.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
        }
    };
    let seed = (copy as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ id;
    record.object.light_curve = record.object.light_curve.with_resampled_flux(seed);
    record
}
