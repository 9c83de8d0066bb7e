//! The cascade of one object as its classifications arrive.

use serde::{Deserialize, Serialize};

use super::batch::CascadeBatch;
use super::input::check_classification;
use super::network::Cascade;
use super::scaling::{ScalingMode, Times};
use crate::{AttentionState, Error, Result};

/// A classification by the base classifiers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BaseClassification<'a> {
    /// Its time \[day\].
    pub mjd: f64,
    /// Probabilities `[base x class]`.
    pub probabilities: &'a [f32],
    /// Flux; needed by a network with flux, and not looked at by another.
    pub flux: Option<f32>,
}

/// An object that is being classified: push a base classification, get the cascade's.
///
/// A push costs two steps of the LSTM at most, however long the history is: the step before learns the time to its next
/// one, and the new one is made from there. It gives, to the last bit, what [`Cascade::predict_history`] gives for all
/// classifications so far. It runs on the CPU, with copies of weights that are on another device; its numbers then differ
/// in their last digits from those that the device gives.
///
/// Beyond `max_steps` (100 in the paper) the last classification stands: every further push gives it again. A network that
/// has never seen a longer history has nothing to say about one, and a broker that asks for a class with every alert gets
/// one, that of the truncated history, as in the paper's evaluation. [`is_full`](Self::is_full) tells.
///
/// ```
/// use candle_core::Device;
/// use heliacal_models::{BaseClassification, Cascade, CascadeConfig, CascadeScaling, CascadeStreamState, Error};
///
/// let config = CascadeConfig { hidden: 8, ..CascadeConfig::paper(2) };
/// let cascade = Cascade::fresh(config, CascadeScaling::default(), 1, &Device::Cpu)?;
/// let mut stream = cascade.stream()?;
/// let first = BaseClassification { mjd: 60001.0, probabilities: &[0.5, 0.5], flux: Some(12.0) };
/// assert_eq!(stream.push(first)?.len(), 2);
///
/// // A broker keeps the state in its database until the next alert.
/// let stored = serde_json::to_string(stream.state())?;
/// let mut stream = cascade.resume(serde_json::from_str::<CascadeStreamState>(&stored)?)?;
/// assert_eq!(stream.push(BaseClassification { mjd: 60002.0, ..first })?.len(), 2);
/// assert!(matches!(stream.push(first), Err(Error::OutOfOrder { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CascadeStream<'m> {
    cascade: &'m Cascade,
    state: CascadeStreamState,
}

/// What a [`CascadeStream`] remembers: plain numbers, 3 KB at the paper's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct CascadeStreamState {
    n_steps: usize,
    /// Times of the first and of the newest classification \[day\]; 0 without any.
    first_mjd: f64,
    newest_mjd: f64,
    /// The LSTM's output and memory before the row below.
    hidden: Vec<f32>,
    /// The scaled row of the newest classification, if it still has to learn the time to its next one.
    newest_row: Vec<f32>,
    /// The attention over the steps before the row above.
    attention: AttentionState,
    /// The newest answer.
    probabilities: Vec<f32>,
}

impl Cascade {
    /// Begins an object.
    ///
    /// # Errors
    /// [`Error::Config`] when its inputs are scaled [`PerObject`](ScalingMode::PerObject): by a history that is still to
    /// come.
    pub fn stream(&self) -> Result<CascadeStream<'_>> {
        let hidden = self.config().hidden;
        self.resume(CascadeStreamState {
            n_steps: 0,
            first_mjd: 0.0,
            newest_mjd: 0.0,
            hidden: vec![0.0; 2 * hidden],
            newest_row: Vec::new(),
            attention: AttentionState::new(hidden),
            probabilities: Vec::new(),
        })
    }

    /// Goes on with an object whose state was stored.
    ///
    /// # Errors
    /// [`Error::StreamState`] when the state is of another architecture, else as [`stream`](Self::stream).
    pub fn resume(&self, state: CascadeStreamState) -> Result<CascadeStream<'_>> {
        if self.scaling().mode == ScalingMode::PerObject {
            let (expected, found) = ("that of the training set".into(), "per object".into());
            return Err(Error::Config { what: "scaling of a stream", expected, found });
        }
        let config = self.config();
        let begun = state.n_steps > 0;
        let if_begun = |n: usize| if begun { n } else { 0 };
        let row = if config.time_features { config.n_channels() } else { 0 };
        for (what, expected, found) in [
            ("recurrent numbers", 2 * config.hidden, state.hidden.len()),
            ("numbers in its attention", config.hidden, state.attention.width()),
            ("numbers in its newest row", if_begun(row), state.newest_row.len()),
            ("newest probabilities", if_begun(config.n_classes), state.probabilities.len()),
        ] {
            if expected != found {
                return Err(Error::StreamState { what, expected, found });
            }
        }
        Ok(CascadeStream { cascade: self, state })
    }
}

impl CascadeStream<'_> {
    /// Takes the next classification and gives the class probabilities `[class]` after it.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] for a classification older than the newest (one of the same time is welcome),
    /// [`Error::InvalidClassification`] for a number that is not finite, [`Error::Config`] for another number of
    /// probabilities or no flux; the stream is then as it was.
    pub fn push(&mut self, classification: BaseClassification<'_>) -> Result<Vec<f32>> {
        let flux = self.check(&classification)?;
        let BaseClassification { mjd, probabilities, .. } = classification;
        if self.is_full() {
            self.state.newest_mjd = mjd;
            return Ok(self.state.probabilities.clone());
        }
        let (config, scaling) = (self.cascade.config(), self.cascade.scaling());
        let state = &self.state;
        let (first, previous) =
            if state.n_steps == 0 { (mjd, mjd) } else { (state.first_mjd, state.newest_mjd) };
        // The step before, now that it has a next one, and the new one.
        let mut rows = state.newest_row.clone();
        if let Some(to_next) = rows.last_mut() {
            *to_next = scaling.scale_to_next(mjd - previous);
        }
        let new = rows.len();
        scaling.push_step(config, probabilities, flux, Times { mjd, first, previous }, &mut rows);
        let newest_row = if config.time_features { rows[new..].to_vec() } else { Vec::new() };
        let batch = CascadeBatch::of_rows(rows, config.n_channels());

        let hidden = config.hidden;
        let n_rows = batch.n_rows();
        let mut after = state.hidden.clone();
        let mut memories = vec![0.0; n_rows * hidden];
        let steps = self.cascade.run_steps(batch, &mut after, Some(&mut memories))?;
        let mut attention = state.attention.clone();
        let mut context = vec![0.0; hidden];
        self.cascade.with_scorer(|scorer| {
            // All but the newest row have their final numbers.
            for h in steps.settled.chunks_exact(hidden).take(n_rows - 1) {
                attention.push(scorer.score(h)?, h)?;
            }
            let newest = &steps.newest()[(n_rows - 1) * hidden..];
            let score = scorer.score(newest)?;
            attention.peek(score, newest, &mut context)?;
            if !config.time_features {
                attention.push(score, newest)?;
            }
            Ok(())
        })?;
        let answer = self.cascade.head.probabilities(self.cascade.lstm.isa(), 1, &context)?;

        let state = &mut self.state;
        if !config.time_features {
            state.hidden = after;
        } else if n_rows == 2 {
            state.hidden = [&steps.settled[..hidden], &memories[..hidden]].concat();
        }
        state.first_mjd = first;
        state.newest_mjd = mjd;
        state.n_steps += 1;
        state.newest_row = newest_row;
        state.attention = attention;
        state.probabilities.clone_from(&answer);
        Ok(answer)
    }

    /// Number of classifications that the network has seen: `max_steps` at most.
    pub fn n_steps(&self) -> usize {
        self.state.n_steps
    }

    /// Whether the network has seen as many classifications as it looks at.
    pub fn is_full(&self) -> bool {
        self.cascade.config().max_steps.is_some_and(|max_steps| self.state.n_steps >= max_steps)
    }

    /// The state, to be stored.
    pub fn state(&self) -> &CascadeStreamState {
        &self.state
    }

    /// The state, to be stored.
    pub fn into_state(self) -> CascadeStreamState {
        self.state
    }

    /// That a classification may be taken; gives its flux if the network wants one.
    fn check(&self, classification: &BaseClassification<'_>) -> Result<Option<f32>> {
        let config = self.cascade.config();
        let &BaseClassification { mjd, probabilities, flux } = classification;
        let (expected, found) = (config.n_probabilities(), probabilities.len());
        if expected != found {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(Error::Config { what: "number of probabilities", expected, found });
        }
        if config.flux && flux.is_none() {
            let (expected, found) = ("a number".into(), "none".into());
            return Err(Error::Config { what: "flux of a classification", expected, found });
        }
        let flux = flux.filter(|_| config.flux);
        check_classification(self.state.n_steps, mjd, probabilities, flux)?;
        if self.state.n_steps > 0 && mjd < self.state.newest_mjd {
            return Err(Error::OutOfOrder { mjd, last_mjd: self.state.newest_mjd });
        }
        Ok(flux)
    }
}

/// What is stored, before it is known to be a state.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    n_steps: usize,
    first_mjd: f64,
    newest_mjd: f64,
    hidden: Vec<f32>,
    newest_row: Vec<f32>,
    attention: AttentionState,
    probabilities: Vec<f32>,
}

impl TryFrom<Unchecked> for CascadeStreamState {
    type Error = InvalidStreamState;

    fn try_from(stored: Unchecked) -> Result<Self, InvalidStreamState> {
        let Unchecked { n_steps, first_mjd, newest_mjd, hidden, newest_row, attention, probabilities } =
            stored;
        if !(first_mjd.is_finite() && newest_mjd.is_finite() && first_mjd <= newest_mjd) {
            return Err(InvalidStreamState::Times { first_mjd, newest_mjd });
        }
        for (what, numbers) in
            [("recurrent", &hidden), ("newest row", &newest_row), ("probability", &probabilities)]
        {
            if let Some(index) = numbers.iter().position(|x| !x.is_finite()) {
                return Err(InvalidStreamState::Number { what, index, found: numbers[index] });
            }
        }
        Ok(Self { n_steps, first_mjd, newest_mjd, hidden, newest_row, attention, probabilities })
    }
}

/// Why stored numbers are no [`CascadeStreamState`].
#[derive(Debug, thiserror::Error)]
enum InvalidStreamState {
    #[error(
        "the first and newest MJD of a cascade state are {first_mjd} and {newest_mjd}, expected finite and rising"
    )]
    Times { first_mjd: f64, newest_mjd: f64 },
    #[error("{what} number {index} of a cascade state is {found}, expected a finite one")]
    Number { what: &'static str, index: usize, found: f32 },
}
