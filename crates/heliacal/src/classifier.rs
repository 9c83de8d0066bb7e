//! A classifier: a network, the encoding it was trained with, and the classes it knows.

use std::path::Path;

use heliacal_lightcurve::{Context, LightCurve, LightCurveView, Observation};
use heliacal_models::candle_core::Device;
use heliacal_models::{FeatureSpec, ModelFile, Oracle, Preset, Stream, StreamState};
use heliacal_taxonomy::{NodeId, Taxonomy};

use crate::{Error, Result};

/// A network together with its encoding and its taxonomy: light curves in, probabilities of every class of the tree out.
///
/// ```no_run
/// use heliacal::{Classifier, Device, Preset};
/// # fn run(light_curve: &heliacal::LightCurve, context: &heliacal::Context) -> heliacal::Result<()> {
/// let classifier = Classifier::load("best_model_f1.pth", Some(Preset::Published), &Device::Cpu)?;
/// let prediction = classifier.predict(light_curve.view(), context)?;
/// let (class, probability) = prediction.best(1)?;
/// println!("{class} ({probability:.2}); as fine as the data allow: {}", prediction.deepest(0.8)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Classifier {
    oracle: Oracle,
    taxonomy: Taxonomy,
    name: String,
}

/// Probabilities of every class of a taxonomy for one object at one time.
///
/// ```
/// use heliacal::{Prediction, Taxonomy};
///
/// let taxonomy = Taxonomy::from_pairs("toy", [("Alert", None), ("SN", Some("Alert")), ("AGN", Some("Alert"))])?;
/// let prediction = Prediction::from_logits(&taxonomy, &[0.0, 3f32.ln(), 0.0]);
/// assert_eq!(prediction.best(1)?.0, "SN");
/// assert!((prediction.probability("SN")? - 0.75).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction<'t> {
    taxonomy: &'t Taxonomy,
    probabilities: Vec<f64>,
}

/// Predictions for one object after each of its observations.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionHistory<'t> {
    /// For each prediction, the observation it was made after, as a position in the light curve.
    pub observations: Vec<usize>,
    /// The predictions, in time order.
    pub predictions: Vec<Prediction<'t>>,
}

/// An object that is being observed, from [`Classifier::stream`]: push an observation, get a prediction.
#[derive(Debug, Clone)]
pub struct PredictionStream<'c> {
    stream: Stream<'c>,
    taxonomy: &'c Taxonomy,
}

impl Classifier {
    /// Puts a network and a taxonomy together; `name` says which classifier made a history.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when the network does not have one logit per class.
    pub fn new(name: impl Into<String>, oracle: Oracle, taxonomy: Taxonomy) -> Result<Self> {
        let (n_logits, n_nodes) = (oracle.config().n_nodes, taxonomy.n_nodes());
        if n_logits != n_nodes {
            return Err(Error::SizeMismatch { n_logits, taxonomy: taxonomy.name().to_owned(), n_nodes });
        }
        Ok(Self { oracle, taxonomy, name: name.into() })
    }

    /// Loads a model file: one that [`save`](Self::save) made, with no preset; or weights alone, such as ORACLE's
    /// published `.pth` or `.safetensors`, with the preset that they were trained with.
    ///
    /// # Errors
    /// [`Error::Model`] when the file cannot be read, lacks a weight, or needs a preset; [`Error::PresetNotNeeded`]
    /// when it does not; [`Error::Taxonomy`] and [`Error::SizeMismatch`] when its taxonomy is not valid or not its own.
    pub fn load(path: impl AsRef<Path>, preset: Option<Preset>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let file = ModelFile::read(path)?;
        match preset {
            Some(preset) if file.has_config("features") => Err(Error::PresetNotNeeded { preset }),
            Some(preset) => {
                let features = preset.features();
                Self::from_published(preset, features, &file, device)
            }
            None => {
                let oracle = Oracle::from_file(&file, device)?;
                // The tree stands in the file as text, so that only one place decides what a valid tree is.
                let taxonomy = Taxonomy::from_json(&file.config::<String>("taxonomy")?)?;
                Self::new(file.config::<String>("name")?, oracle, taxonomy)
            }
        }
    }

    /// Makes a classifier of weights alone, with an encoding that may differ from the preset's, for instance in its time
    /// origin.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_published(
        preset: Preset,
        features: FeatureSpec,
        file: &ModelFile,
        device: &Device,
    ) -> Result<Self> {
        let taxonomy = match preset {
            Preset::PublishedBts => Taxonomy::oracle_bts(),
            _ => Taxonomy::oracle(),
        };
        let config = preset.config(taxonomy.n_nodes());
        let oracle = Oracle::from_weights(config, features, file, device)?;
        Self::new(format!("ORACLE {preset}"), oracle, taxonomy)
    }

    /// Saves weights, configuration, encoding, taxonomy and name as one `.safetensors`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Model`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut file = self.oracle.to_file()?;
        file.set_config("taxonomy", &self.taxonomy.to_json());
        file.set_config("name", &self.name);
        Ok(file.write(path)?)
    }

    /// Which classifier this is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes.
    pub fn taxonomy(&self) -> &Taxonomy {
        &self.taxonomy
    }

    /// The network.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// The classes of a light curve after its last observation.
    ///
    /// # Errors
    /// [`Error::Model`] when there is nothing to classify.
    pub fn predict(&self, light_curve: LightCurveView<'_>, context: &Context) -> Result<Prediction<'_>> {
        Ok(self.prediction(&self.oracle.logits(light_curve, context)?))
    }

    /// The classes of a light curve after every observation that the encoding keeps, in one pass.
    ///
    /// # Errors
    /// [`Error::Model`] when there is nothing to classify.
    pub fn predict_history(
        &self,
        light_curve: LightCurveView<'_>,
        context: &Context,
    ) -> Result<PredictionHistory<'_>> {
        let history = self.oracle.logits_history(light_curve, context)?;
        let predictions = history.iter().map(|(_, logits)| self.prediction(logits)).collect();
        Ok(PredictionHistory { observations: history.observations, predictions })
    }

    /// The classes of many light curves, each after its last observation: much faster than one by one.
    ///
    /// # Errors
    /// [`Error::Model`] when one of them has nothing to classify.
    pub fn predict_batch(&self, objects: &[(LightCurveView<'_>, &Context)]) -> Result<Vec<Prediction<'_>>> {
        let features = self.oracle.features();
        let encoded = objects.iter().map(|&(light_curve, context)| features.encode(light_curve, context));
        let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
        let last: Vec<_> = encoded.iter().map(|encoded| [encoded.observations.len() - 1]).collect();
        let batch: Vec<_> = encoded.iter().zip(&last).map(|(encoded, last)| (encoded, &last[..])).collect();
        let logits = self.oracle.logits_at(&batch)?;
        Ok(logits.iter().map(|logits| self.prediction(logits)).collect())
    }

    /// Begins an object whose observations arrive one at a time.
    pub fn stream(&self, context: &Context) -> PredictionStream<'_> {
        PredictionStream { stream: self.oracle.stream(context), taxonomy: &self.taxonomy }
    }

    /// Goes on with an object whose [state](PredictionStream::state) was stored.
    ///
    /// # Errors
    /// [`Error::Model`] when the state is of another network.
    pub fn resume(&self, state: StreamState) -> Result<PredictionStream<'_>> {
        Ok(PredictionStream { stream: self.oracle.resume(state)?, taxonomy: &self.taxonomy })
    }

    fn prediction(&self, logits: &[f32]) -> Prediction<'_> {
        Prediction::from_logits(&self.taxonomy, logits)
    }
}

impl<'t> Prediction<'t> {
    /// Probabilities from one logit per class: a softmax in each group of siblings, multiplied along the paths from the
    /// root.
    ///
    /// # Panics
    /// When there is not one logit per class.
    pub fn from_logits(taxonomy: &'t Taxonomy, logits: &[f32]) -> Self {
        assert_eq!(logits.len(), taxonomy.n_nodes(), "one logit per class of the taxonomy");
        let mut probabilities = vec![0.0; taxonomy.n_nodes()];
        taxonomy
            .probabilities_from_logits(logits, &mut probabilities)
            .expect("both are as long as the taxonomy has classes");
        Self { taxonomy, probabilities }
    }

    /// The classes.
    pub fn taxonomy(&self) -> &'t Taxonomy {
        self.taxonomy
    }

    /// Probabilities `[node]` of every class, in the taxonomy's order.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// The probability of a class, leaf or not.
    ///
    /// # Errors
    /// [`Error::UnknownName`] when the taxonomy has no such class.
    pub fn probability(&self, class: &str) -> Result<f64> {
        Ok(self.probabilities[self.taxonomy.find(class)?.index()])
    }

    /// The classes of a level with their probabilities, which sum to one: level 0 is the root, the last level the leaves.
    pub fn level(&self, level: usize) -> impl Iterator<Item = (&'t str, f64)> + '_ {
        self.taxonomy.level(level).map(|node| self.named(node))
    }

    /// The probabilities of the leaves `[leaf]`, in the taxonomy's order.
    pub fn leaf_pmf(&self) -> Vec<f64> {
        self.taxonomy.leaves().iter().map(|leaf| self.probabilities[leaf.index()]).collect()
    }

    /// The most probable class of a level.
    ///
    /// # Errors
    /// [`Error::Decision`] when a probability is NaN.
    pub fn best(&self, level: usize) -> Result<(&'t str, f64)> {
        Ok(self.named(self.taxonomy.argmax_at_level(&self.probabilities, level)?))
    }

    /// The finest class that the data support: from the root down while the best child has at least `threshold`.
    ///
    /// # Errors
    /// [`Error::Decision`] when a probability is NaN.
    pub fn deepest(&self, threshold: f64) -> Result<&'t str> {
        Ok(self.named(self.taxonomy.deepest(&self.probabilities, threshold)?).0)
    }

    fn named(&self, node: NodeId) -> (&'t str, f64) {
        (self.taxonomy.class_name(node), self.probabilities[node.index()])
    }
}

impl<'t> PredictionHistory<'t> {
    /// Number of predictions.
    pub fn len(&self) -> usize {
        self.predictions.len()
    }

    /// Whether there is no prediction.
    pub fn is_empty(&self) -> bool {
        self.predictions.is_empty()
    }

    /// Each prediction with the observation it was made after.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Prediction<'t>)> {
        self.observations.iter().copied().zip(&self.predictions)
    }
}

impl<'c> PredictionStream<'c> {
    /// Takes the next observation. None when there is nothing to classify yet; see [`Stream::push`].
    ///
    /// # Errors
    /// [`Error::Model`] for an observation that is not valid, out of order or repeated; the stream is then as it was.
    pub fn push(&mut self, observation: Observation) -> Result<Option<Prediction<'c>>> {
        let logits = self.stream.push(observation)?;
        Ok(logits.map(|logits| Prediction::from_logits(self.taxonomy, &logits)))
    }

    /// Starts again with all observations: the way to bring in a late one. See [`Stream::replay`].
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn replay(&mut self, light_curve: &LightCurve) -> Result<Option<Prediction<'c>>> {
        let logits = self.stream.replay(light_curve)?;
        Ok(logits.map(|logits| Prediction::from_logits(self.taxonomy, &logits)))
    }

    /// Replaces the context, as when a host galaxy becomes known; it counts from the next push on.
    pub fn set_context(&mut self, context: &Context) {
        self.stream.set_context(context);
    }

    /// Number of observations that went into the recurrent state.
    pub fn n_observations(&self) -> usize {
        self.stream.n_observations()
    }

    /// The state, to be stored.
    pub fn state(&self) -> &StreamState {
        self.stream.state()
    }

    /// The state, to be stored.
    pub fn into_state(self) -> StreamState {
        self.stream.into_state()
    }
}
