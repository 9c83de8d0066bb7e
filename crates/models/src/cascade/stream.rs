//! The cascade of one object as its classifications arrive.

use serde::{Deserialize, Serialize};

use super::network::Cascade;
use crate::{AttentionState, CellKind, LstmCell, Result};

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

/// An object that is being classified: push a base classification, get the cascade's. Those of many objects at once are for
/// [`Cascade::push_all`].
///
/// A push costs one step of the LSTM, however long the history is: of the step before, all but the time to its next one was
/// summed when it came; now the time is known, its gates are finished, and the new step is made from there. It gives, to the
/// last bit, what [`Cascade::predict_history`] gives for all classifications so far. It runs on the CPU, with copies of weights
/// that are on another device; its numbers then differ in their last digits from those that the device gives.
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

/// What a [`CascadeStream`] remembers: plain numbers, 6 KB at the paper's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct CascadeStreamState {
    pub(super) n_steps: usize,
    /// Times of the first and of the newest classification \[day\]; 0 without any.
    pub(super) first_mjd: f64,
    pub(super) newest_mjd: f64,
    /// The LSTM's memory `[hidden]` before the newest classification.
    pub(super) memory: Vec<f32>,
    /// The sums `[gate, hidden]` of the step that the newest classification is, but for the time to its next one.
    pub(super) sums: Vec<f32>,
    /// The attention over the steps before the newest classification.
    pub(super) attention: AttentionState,
    /// The newest answer.
    pub(super) probabilities: Vec<f32>,
}

impl Cascade {
    /// Begins an object.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when its inputs are scaled
    /// [`PerObject`](crate::ScalingMode::PerObject): by a history that is still to come.
    pub fn stream(&self) -> Result<CascadeStream<'_>> {
        let hidden = self.config().hidden;
        self.resume(CascadeStreamState {
            n_steps: 0,
            first_mjd: 0.0,
            newest_mjd: 0.0,
            memory: vec![0.0; hidden],
            sums: vec![0.0; LstmCell::GATES * hidden],
            attention: AttentionState::new(hidden),
            probabilities: Vec::new(),
        })
    }

    /// Goes on with an object whose state was stored.
    ///
    /// # Errors
    /// [`Error::StreamState`](crate::Error::StreamState) when the state is of another architecture, else as
    /// [`stream`](Self::stream).
    pub fn resume(&self, state: CascadeStreamState) -> Result<CascadeStream<'_>> {
        self.check_state(&state)?;
        Ok(CascadeStream { cascade: self, state })
    }
}

impl CascadeStream<'_> {
    /// Takes the next classification and gives the class probabilities `[class]` after it.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`](crate::Error::OutOfOrder) for a classification older than the newest (one of the same time is
    /// welcome), [`Error::InvalidClassification`](crate::Error::InvalidClassification) for a number that is not finite,
    /// [`Error::Config`](crate::Error::Config) for another number of probabilities or no flux; the stream is then as it was.
    pub fn push(&mut self, classification: BaseClassification<'_>) -> Result<Vec<f32>> {
        self.cascade.push_one(&mut self.state, classification)
    }

    /// Number of classifications that the network has seen: `max_steps` at most.
    pub fn n_steps(&self) -> usize {
        self.state.n_steps
    }

    /// Whether the network has seen as many classifications as it looks at.
    pub fn is_full(&self) -> bool {
        self.cascade.is_full(self.state.n_steps)
    }

    /// The state, to be stored.
    pub fn state(&self) -> &CascadeStreamState {
        &self.state
    }

    /// The state, to be stored.
    pub fn into_state(self) -> CascadeStreamState {
        self.state
    }
}

/// What is stored, before it is known to be a state.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    n_steps: usize,
    first_mjd: f64,
    newest_mjd: f64,
    memory: Vec<f32>,
    sums: Vec<f32>,
    attention: AttentionState,
    probabilities: Vec<f32>,
}

impl TryFrom<Unchecked> for CascadeStreamState {
    type Error = InvalidStreamState;

    fn try_from(stored: Unchecked) -> Result<Self, InvalidStreamState> {
        let Unchecked { n_steps, first_mjd, newest_mjd, memory, sums, attention, probabilities } = stored;
        if !(first_mjd.is_finite() && newest_mjd.is_finite() && first_mjd <= newest_mjd) {
            return Err(InvalidStreamState::Times { first_mjd, newest_mjd });
        }
        for (what, numbers) in [("memory", &memory), ("gate sum", &sums), ("probability", &probabilities)] {
            if let Some(index) = numbers.iter().position(|x| !x.is_finite()) {
                return Err(InvalidStreamState::Number { what, index, found: numbers[index] });
            }
        }
        Ok(Self { n_steps, first_mjd, newest_mjd, memory, sums, attention, probabilities })
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
