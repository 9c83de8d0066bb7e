//! Objects whose class is known.

use std::collections::HashSet;
use std::sync::Arc;

use heliacal_io::{ContextColumns, ReadOptions, Record};
use heliacal_lightcurve::Object;
use heliacal_models::FeatureSpec;
use heliacal_models::train::Example;
use heliacal_taxonomy::NodeId;

use super::Skipped;
use crate::{Error, Result, TruthMap};

/// Light curves of known class, in memory: what a classifier learns from and is tested on.
///
/// An observation takes 18 bytes.
///
/// ```
/// use heliacal::pipeline::LabelledSurvey;
/// use heliacal::{Context, LightCurve, Object, Passband, Preset, Taxonomy, TruthMap};
///
/// let object = |id: i64, class: &str| {
///     let light_curve = LightCurve::new(vec![60000.0], vec![50.0], vec![4.0], vec![Passband::LsstR], vec![true])?;
///     Ok(Object { id: id.into(), light_curve, context: Context::new(), true_class: Some(class.into()) })
/// };
/// let objects = [object(1, "KN"), object(2, "TDE"), object(3, "a riddle")];
/// let objects = objects.into_iter().collect::<Result<Vec<_>, heliacal::lightcurve::LightCurveError>>()?;
///
/// let taxonomy = Taxonomy::oracle();
/// let survey = LabelledSurvey::of_objects(objects, &TruthMap::new(&taxonomy));
/// assert_eq!((survey.len(), survey.n_unknown()), (2, 1));
/// assert_eq!(taxonomy.class_name(survey.true_nodes()[1]), "TDE");
/// let examples = survey.examples(&Preset::Paper.features(), [1])?;
/// assert_eq!(examples[0].true_node, taxonomy.find("TDE")?.index());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct LabelledSurvey {
    records: Vec<Record>,
    true_nodes: Vec<NodeId>,
    n_unknown: usize,
}

impl LabelledSurvey {
    /// Reads a survey. Objects of unknown class are counted and left out; `on_skipped` gets what could not be read, and
    /// every object whose id was met before ([`Error::Repeated`]): it must not be learned from and tested on.
    pub fn read(
        records: impl IntoIterator<Item = heliacal_io::Result<Record>>,
        truth: &TruthMap,
        mut on_skipped: impl FnMut(&Skipped),
    ) -> Self {
        let mut survey = Self::default();
        let mut seen = HashSet::new();
        for record in records {
            match record {
                Ok(record) if seen.insert(record.object.id.clone()) => survey.push(record, truth),
                Ok(Record { object, .. }) => {
                    let error = Error::Repeated { object: object.id.clone() };
                    on_skipped(&Skipped { object_id: Some(object.id), error });
                }
                Err(error) => {
                    let object_id = error.location.object.clone().filter(|_| error.is_of_one_object());
                    on_skipped(&Skipped { object_id, error: error.into() });
                }
            }
        }
        survey
    }

    /// Takes objects that are no file's, such as simulated ones. Their ids must differ.
    pub fn of_objects(objects: impl IntoIterator<Item = Object>, truth: &TruthMap) -> Self {
        let mut survey = Self::default();
        for object in objects {
            survey.push(
                Record { object, labels: heliacal_io::Labels::default(), source: Arc::default() },
                truth,
            );
        }
        survey
    }

    fn push(&mut self, record: Record, truth: &TruthMap) {
        match truth.class_of(&record) {
            Some(node) => {
                self.records.push(record);
                self.true_nodes.push(node);
            }
            None => self.n_unknown += 1,
        }
    }

    /// Number of objects of known class.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no object of known class.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The objects of known class.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Their classes.
    pub fn true_nodes(&self) -> &[NodeId] {
        &self.true_nodes
    }

    /// How many objects were left out because their class is not known.
    pub fn n_unknown(&self) -> usize {
        self.n_unknown
    }

    /// Leaves out the objects that were never detected: they have no trigger to count days from, and an encoding that
    /// counts from it cannot take them. Returns how many there were.
    pub fn leave_out_undetected(&mut self) -> usize {
        let before = self.len();
        let detected = |record: &Record| record.object.light_curve.view().first_detection().is_some();
        let kept: Vec<bool> = self.records.iter().map(detected).collect();
        let mut of_record = kept.iter();
        self.records.retain(|_| of_record.next().is_some_and(|&kept| kept));
        let mut of_node = kept.iter();
        self.true_nodes.retain(|_| of_node.next().is_some_and(|&kept| kept));
        before - self.len()
    }

    /// Chosen objects, encoded for a network.
    ///
    /// # Errors
    /// [`Error::Object`] with the object that cannot be encoded and why.
    ///
    /// # Panics
    /// When a position is not below [`len`](Self::len).
    pub fn examples(
        &self,
        features: &FeatureSpec,
        positions: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<Example>> {
        let example = |position: usize| {
            let object = &self.records[position].object;
            let light_curve = features
                .encode(object.light_curve.view(), &object.context)
                .map_err(|source| Error::Object { object: object.id.clone(), source })?;
            Ok(Example { light_curve, true_node: self.true_nodes[position].index() })
        };
        positions.into_iter().map(example).collect()
    }
}

/// What has to be read of a survey for an encoding: of the context, only the static features that it has.
pub fn read_options(features: &FeatureSpec) -> ReadOptions {
    ReadOptions {
        photometric_system: features.photometric_system,
        context: ContextColumns::Named(features.context_names().into_iter().map(str::to_owned).collect()),
    }
}
