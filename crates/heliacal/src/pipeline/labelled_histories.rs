//! Histories of classifications whose truth is known: what a cascade learns from.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use heliacal_io::{HistoryReader, HistorySchema, LongFormOptions, ObjectHistory};
use heliacal_lightcurve::{LightCurve, ObjectId};
use heliacal_metrics::PmfHistory;
use heliacal_models::CascadeInput;
use heliacal_models::train::HistoryExample;
use heliacal_taxonomy::{Projection, ProjectionOptions, Taxonomy};

use crate::{Error, Result};

/// All classifications of one base classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseHistories {
    /// Its name.
    pub name: String,
    /// Its classes, in the order of the probabilities.
    pub classes: Vec<String>,
    /// Its objects; each id once.
    pub objects: Vec<ObjectHistory>,
}

/// Which objects, steps and classes a cascade gets.
#[derive(Debug, Clone, PartialEq)]
pub struct HistorySelection {
    /// Classifications that an object needs.
    pub min_steps: usize,
    /// Classifications that are kept of an object: the first ones.
    pub max_steps: usize,
    /// Classes that are kept: probabilities are scaled to sum to 1 over them, objects of other classes are left out. All by
    /// default.
    pub classes: Option<Vec<String>>,
}

impl Default for HistorySelection {
    /// Those of Beyond the Final Label, section III: at least 15, the first 100.
    fn default() -> Self {
        Self { min_steps: 15, max_steps: 100, classes: None }
    }
}

/// Objects whose true class, classifications by every base classifier and, if asked for, fluxes are known.
///
/// Several bases are put side by side in time: at each classification of the first one the others count with their latest by
/// then, which is what a broker would have; steps at which one of them had said nothing yet are left out.
///
/// ```
/// use heliacal::io::ObjectHistory;
/// use heliacal::pipeline::{BaseHistories, HistorySelection, LabelledHistories};
///
/// let object = |id: i64, class: &str, n: usize| ObjectHistory {
///     object_id: id.into(),
///     mjd: (0..n).map(|t| 60000.0 + t as f64).collect(),
///     n_obs: (1..=n as u32).collect(),
///     probabilities: [0.75, 0.25].repeat(n),
///     days: None,
///     true_class: Some(class.into()),
/// };
/// let base = BaseHistories {
///     name: "a broker's".into(),
///     classes: vec!["SNIa".into(), "SNII".into()],
///     objects: vec![object(1, "SNIa", 30), object(2, "SNII", 200), object(3, "SNII", 4)],
/// };
/// let histories = LabelledHistories::gather(&[base], None, &HistorySelection::default())?;
/// assert_eq!(histories.objects().len(), 2); // the third has fewer than 15 classifications
/// assert_eq!(histories.objects()[1].mjd.len(), 100);
/// # Ok::<(), heliacal::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledHistories {
    classes: Vec<String>,
    bases: Vec<String>,
    has_flux: bool,
    objects: Vec<LabelledHistory>,
    left_out: BTreeMap<LeftOut, usize>,
}

/// The classifications of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledHistory {
    /// The object.
    pub object_id: ObjectId,
    /// Time of each classification \[day\].
    pub mjd: Vec<f64>,
    /// How many observations were classified.
    pub n_obs: Vec<u32>,
    /// Days since trigger of each classification, where the file says them \[day\].
    pub days: Option<Vec<f64>>,
    /// Probabilities `[step, base, class]`, row by row.
    pub probabilities: Vec<f32>,
    /// Flux of the newest observation at each classification, in the unit of the light curves; empty without light curves.
    pub flux: Vec<f32>,
    /// The true class, as a position in the classes.
    pub true_class: usize,
}

/// Why an object is not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOut {
    /// It has fewer classifications than asked for.
    TooShort,
    /// Its true class is not known.
    NoTruth,
    /// Its true class is none of the classes, or hardly any probability is on them.
    OtherClass,
    /// Another base classifier did not classify it.
    NotInEveryBase,
    /// It has no light curve, or none with an observation at the time of each classification.
    NoFlux,
    /// Its probabilities do not sum to 1.
    NotAProbability,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TooShort => "too few classifications",
            Self::NoTruth => "true class not known",
            Self::OtherClass => "another class",
            Self::NotInEveryBase => "not in every base",
            Self::NoFlux => "no flux",
            Self::NotAProbability => "probabilities do not sum to 1",
        })
    }
}

impl LeftOut {
    /// Numbers of objects in words: `3 (no flux), 1 (another class)`, or `none`.
    pub fn in_words(left_out: &BTreeMap<Self, usize>) -> String {
        let counts: Vec<_> = left_out.iter().map(|(why, n)| format!("{n} ({why})")).collect();
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
    }
}

/// Observations and classifications this close in time are the same \[day\]: 9 s, less than between two visits.
const SAME_TIME: f64 = 1e-4;

impl BaseHistories {
    /// Reads a file of histories; `long_form` for the brokers' form.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read or a history in it is faulty.
    pub fn read(path: &Path, long_form: Option<&LongFormOptions>) -> Result<Self> {
        let reader = match long_form {
            Some(options) => HistoryReader::open_long_form(path, options)?,
            None => HistoryReader::open(path)?,
        };
        let HistorySchema { classes, classifier, .. } = reader.schema().clone();
        let name = classifier.unwrap_or_else(|| "base".to_owned());
        Ok(Self { name, classes, objects: reader.collect::<heliacal_io::Result<_>>()? })
    }
}

impl LabelledHistories {
    /// Puts the histories of one or more base classifiers together, with the fluxes of light curves if there are any.
    ///
    /// # Errors
    /// [`Error::NoHistories`] when no object is left, or no base is given; [`Error::Columns`] when a base has not the classes of
    /// the first one, [`Error::Projection`] when a class to keep is not there or comes twice, [`Error::FlatTaxonomy`] for classes
    /// that are no classes.
    pub fn gather(
        bases: &[BaseHistories],
        light_curves: Option<&HashMap<ObjectId, LightCurve>>,
        selection: &HistorySelection,
    ) -> Result<Self> {
        let no_histories = |left_out| Error::NoHistories { left_out };
        let Some((first, others)) = bases.split_first() else { return Err(no_histories(BTreeMap::new())) };
        let columns = Columns::new(&first.classes, selection)?;
        let others: Vec<Other<'_>> =
            others.iter().map(|base| Other::new(base, &columns.taxonomy)).collect::<Result<_>>()?;
        let classes: Vec<String> = match &selection.classes {
            Some(classes) => classes.clone(),
            None => columns.names().map(str::to_owned).collect(),
        };
        let mut histories = Self {
            bases: bases.iter().map(|base| base.name.clone()).collect(),
            has_flux: light_curves.is_some(),
            objects: Vec::new(),
            left_out: BTreeMap::new(),
            classes,
        };
        for object in &first.objects {
            match histories.object(object, &columns, &others, light_curves, selection) {
                Ok(object) => histories.objects.push(object),
                Err(why) => *histories.left_out.entry(why).or_insert(0) += 1,
            }
        }
        if histories.objects.is_empty() {
            return Err(no_histories(histories.left_out));
        }
        Ok(histories)
    }

    fn object(
        &self,
        first: &ObjectHistory,
        columns: &Columns,
        others: &[Other<'_>],
        light_curves: Option<&HashMap<ObjectId, LightCurve>>,
        selection: &HistorySelection,
    ) -> Result<LabelledHistory, LeftOut> {
        let true_class = first.true_class.as_deref().ok_or(LeftOut::NoTruth)?;
        let true_class =
            self.classes.iter().position(|class| class == true_class).ok_or(LeftOut::OtherClass)?;
        let of_others: Vec<(&ObjectHistory, &Other<'_>)> = others
            .iter()
            .map(|other| Some((*other.objects.get(&first.object_id)?, other)))
            .collect::<Option<_>>()
            .ok_or(LeftOut::NotInEveryBase)?;
        let mut object = LabelledHistory {
            object_id: first.object_id.clone(),
            mjd: Vec::new(),
            n_obs: Vec::new(),
            days: first.days.as_ref().map(|_| Vec::new()),
            probabilities: Vec::new(),
            flux: Vec::new(),
            true_class,
        };
        for (step, &mjd) in first.mjd.iter().enumerate() {
            if object.mjd.len() == selection.max_steps {
                break;
            }
            let by_then =
                |history: &ObjectHistory| history.mjd.partition_point(|&other| other <= mjd).checked_sub(1);
            let Some(steps) =
                of_others.iter().map(|(history, _)| by_then(history)).collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            columns.push(first.probabilities_at(step), &mut object.probabilities)?;
            for (&(history, other), step) in of_others.iter().zip(steps) {
                let row: Vec<f32> =
                    other.order.iter().map(|&column| history.probabilities_at(step)[column]).collect();
                columns.push(&row, &mut object.probabilities)?;
            }
            if let Some(light_curves) = light_curves {
                let light_curve = light_curves.get(&first.object_id);
                let flux = light_curve.and_then(|light_curve| flux_at(light_curve, mjd));
                object.flux.push(flux.ok_or(LeftOut::NoFlux)?);
            }
            object.mjd.push(mjd);
            object.n_obs.push(first.n_obs[step]);
            if let (Some(days), Some(of_first)) = (&mut object.days, &first.days) {
                days.push(of_first[step]);
            }
        }
        if object.mjd.len() < selection.min_steps.max(1) {
            return Err(LeftOut::TooShort);
        }
        PmfHistory::from_f32(self.n_classes(), &object.probabilities)
            .map_err(|_| LeftOut::NotAProbability)?;
        Ok(object)
    }

    /// Names of the classes, in the order of the probabilities.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// Names of the base classifiers.
    pub fn bases(&self) -> &[String] {
        &self.bases
    }

    /// Whether there are fluxes.
    pub fn has_flux(&self) -> bool {
        self.has_flux
    }

    /// The objects.
    pub fn objects(&self) -> &[LabelledHistory] {
        &self.objects
    }

    /// The true class of every object.
    pub fn true_classes(&self) -> Vec<usize> {
        self.objects.iter().map(|object| object.true_class).collect()
    }

    /// How many objects were left out, and why.
    pub fn left_out(&self) -> &BTreeMap<LeftOut, usize> {
        &self.left_out
    }

    /// Chosen objects, for training.
    ///
    /// # Panics
    /// When a position is not below the number of objects.
    pub fn examples(&self, positions: &[usize]) -> Vec<HistoryExample> {
        let example = |object: &LabelledHistory| HistoryExample {
            input: object.input(),
            true_class: object.true_class,
        };
        positions.iter().map(|&position| example(&self.objects[position])).collect()
    }

    /// Answers of a classifier, one row of probabilities `[step, class]` for each of these objects.
    ///
    /// # Errors
    /// [`Error::Pmf`] for an answer that is no probability, with the object.
    ///
    /// # Panics
    /// When a position is not below the number of objects.
    pub fn pmfs(&self, positions: &[usize], answers: &[Vec<f32>]) -> Result<Vec<PmfHistory>> {
        let pmfs = |(&position, answer): (&usize, &Vec<f32>)| {
            PmfHistory::from_f32(self.n_classes(), answer)
                .map_err(|source| Error::Pmf { object: self.objects[position].object_id.clone(), source })
        };
        positions.iter().zip(answers).map(pmfs).collect()
    }

    /// What one base classifier said of an object.
    ///
    /// # Panics
    /// When there is no such object or base.
    pub fn base_history(&self, position: usize, base: usize) -> PmfHistory {
        let (k, object) = (self.n_classes(), &self.objects[position]);
        let rows = object.probabilities.chunks_exact(k * self.bases.len());
        let values: Vec<f32> = rows.flat_map(|row| &row[base * k..(base + 1) * k]).copied().collect();
        PmfHistory::from_f32(k, &values).expect("every row was checked")
    }
}

impl LabelledHistory {
    /// What the cascade gets of it.
    pub fn input(&self) -> CascadeInput {
        CascadeInput {
            mjd: self.mjd.clone(),
            probabilities: self.probabilities.clone(),
            flux: self.flux.clone(),
        }
    }
}

/// The classes that are kept.
struct Columns {
    /// All classes of the first base.
    taxonomy: Taxonomy,
    projection: Option<Projection>,
}

impl Columns {
    fn new(classes: &[String], selection: &HistorySelection) -> Result<Self> {
        let taxonomy = Taxonomy::flat("classes", classes)?;
        let kept = selection.classes.as_ref();
        let projection = kept
            .map(|kept| Projection::by_names(&taxonomy, kept, ProjectionOptions::default()))
            .transpose()?;
        Ok(Self { taxonomy, projection })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.taxonomy.leaves().iter().map(|&leaf| self.taxonomy.class_name(leaf))
    }

    /// Appends a row, scaled to the classes that are kept.
    fn push(&self, row: &[f32], to: &mut Vec<f32>) -> Result<(), LeftOut> {
        let Some(projection) = &self.projection else {
            to.extend_from_slice(row);
            return Ok(());
        };
        let row: Vec<f64> = row.iter().map(|&p| f64::from(p)).collect();
        let mut kept = vec![0.0; projection.n_columns()];
        projection.project(&row, &mut kept).map_err(|_| LeftOut::OtherClass)?;
        to.extend(kept.into_iter().map(|p| p as f32));
        Ok(())
    }
}

/// A base beside the first one.
struct Other<'a> {
    objects: HashMap<&'a ObjectId, &'a ObjectHistory>,
    /// For each class of the first base, this one's column.
    order: Vec<usize>,
}

impl<'a> Other<'a> {
    fn new(base: &'a BaseHistories, taxonomy: &Taxonomy) -> Result<Self> {
        let objects = base.objects.iter().map(|object| (&object.object_id, object)).collect();
        Ok(Self { objects, order: taxonomy.leaf_columns(&base.classes)? })
    }
}

/// The flux of the observation at this time.
fn flux_at(light_curve: &LightCurve, mjd: f64) -> Option<f32> {
    let times = light_curve.mjd();
    let from = times.partition_point(|&time| time < mjd - SAME_TIME);
    let near = times[from..].iter().take_while(|&&time| time <= mjd + SAME_TIME).enumerate();
    let nearest = near.min_by(|a, b| (a.1 - mjd).abs().total_cmp(&(b.1 - mjd).abs()))?;
    Some(light_curve.flux()[from + nearest.0])
}
