//! Classification of one object as its observations arrive.

use heliacal_lightcurve::{Context, LightCurve, Observation};
use serde::{Deserialize, Serialize};

use crate::features::TimeOrigin;
use crate::oracle::Output;
use crate::{Error, FeatureSpec, Oracle, Result};

/// An object that is being observed: push an observation, get the logits.
///
/// A push costs one recurrent step, however long the light curve is, and gives what [`Oracle::logits`] gives on all
/// observations so far. Only with `max_steps` (500 in the paper) and more observations than that does each push go over
/// the whole window.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::VarBuilder;
/// use heliacal_lightcurve::{Context, Observation, Passband};
/// use heliacal_models::{Error, Oracle, Preset, StreamState};
///
/// let weights = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let oracle = Oracle::new(Preset::Published.config(26), Preset::Published.features(), weights)?;
/// let mut stream = oracle.stream(&Context::new());
/// let first = Observation { mjd: 60000.0, flux: 20.0, flux_err: 4.0, passband: Passband::LsstG, detection: true };
/// assert_eq!(stream.push(first)?.map(|logits| logits.len()), Some(26));
///
/// // A broker keeps the state in its database until the next alert.
/// let stored = serde_json::to_string(stream.state())?;
/// let mut stream = oracle.resume(serde_json::from_str::<StreamState>(&stored)?)?;
/// assert!(matches!(stream.push(first), Err(Error::Repeated { .. })));
/// assert!(stream.push(Observation { mjd: 60001.0, ..first })?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stream<'m> {
    oracle: &'m Oracle,
    state: StreamState,
}

/// What a [`Stream`] remembers: 800 bytes of recurrent state for ORACLE's two layers of 100, and a little bookkeeping.
///
/// Two encodings need more. With days counted from the first detection, observations before it wait here until their
/// day is known. With `max_steps` (500 in the paper), the rows inside the window are kept, because the window slides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamState {
    /// Recurrent state `[layer, hidden]`.
    pub(crate) hidden: Vec<f32>,
    pub(crate) progress: Progress,
}

/// What is known of an object beside its recurrent state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) statics: Vec<f32>,
    /// Time from which days are counted, once known.
    origin: Option<f64>,
    /// Observations at the newest time: where a repetition would show.
    newest: Vec<Observation>,
    /// Observations that wait for the first detection.
    waiting: Vec<Observation>,
    /// Encoded rows inside the window, for encodings with `max_steps`.
    window: Vec<f32>,
    n_observations: usize,
}

/// Rows that an observation brings to the recurrent layers.
#[derive(Debug, Default)]
pub(crate) struct NewRows {
    pub(crate) rows: Vec<f32>,
    /// Whether they start from nothing: the window's first row is gone, and with it the state that began there.
    pub(crate) afresh: bool,
}

impl Progress {
    pub(crate) fn new(features: &FeatureSpec, context: &Context) -> Self {
        Self {
            statics: features.statics(context),
            origin: None,
            newest: Vec::new(),
            waiting: Vec::new(),
            window: Vec::new(),
            n_observations: 0,
        }
    }

    pub(crate) fn n_observations(&self) -> usize {
        self.n_observations
    }

    /// That an observation may be taken.
    pub(crate) fn check(&self, observation: &Observation) -> Result<()> {
        LightCurve::from_observations([*observation])?;
        let Some(newest) = self.newest.first() else { return Ok(()) };
        if observation.mjd < newest.mjd {
            return Err(Error::OutOfOrder { mjd: observation.mjd, last_mjd: newest.mjd });
        }
        if self.newest.contains(observation) {
            return Err(Error::Repeated { observation: *observation });
        }
        Ok(())
    }

    /// The rows that an observation brings; none when there is nothing to classify yet.
    pub(crate) fn new_rows(&self, features: &FeatureSpec, observation: &Observation) -> Option<NewRows> {
        let knows_origin = features.time_origin == TimeOrigin::FirstObservation || observation.detection;
        if !features.keeps(observation) || (self.origin.is_none() && !knows_origin) {
            return None;
        }
        let origin = self.origin.unwrap_or(observation.mjd);
        let mut rows = Vec::new();
        for observation in self.waiting.iter().chain([observation]) {
            features.push_row(observation, origin, &mut rows);
        }
        let limit = features.max_steps.map_or(usize::MAX, |max_steps| max_steps * features.columns.len());
        let beyond = (self.window.len() + rows.len()).saturating_sub(limit);
        if beyond == 0 {
            return Some(NewRows { rows, afresh: false });
        }
        let window = self.window.iter().copied().chain(rows).skip(beyond);
        Some(NewRows { rows: window.collect(), afresh: true })
    }

    /// Remembers an observation, with the rows that it brought.
    pub(crate) fn take(&mut self, features: &FeatureSpec, observation: Observation, new: Option<&NewRows>) {
        if self.newest.first().is_some_and(|newest| newest.mjd != observation.mjd) {
            self.newest.clear();
        }
        self.newest.push(observation);
        match new {
            Some(new) => {
                self.origin.get_or_insert(observation.mjd);
                self.n_observations += self.waiting.len() + 1;
                self.waiting.clear();
                if features.max_steps.is_some() {
                    if new.afresh {
                        self.window.clear();
                    }
                    self.window.extend(&new.rows);
                }
            }
            None if features.keeps(&observation) => self.waiting.push(observation),
            None => {}
        }
    }
}

impl Oracle {
    /// Begins an object.
    pub fn stream(&self, context: &Context) -> Stream<'_> {
        let progress = Progress::new(self.features(), context);
        Stream { oracle: self, state: StreamState { hidden: vec![0.0; self.state_width()], progress } }
    }

    /// Goes on with an object whose state was stored.
    ///
    /// # Errors
    /// [`Error::StreamState`] when the state is of another architecture.
    pub fn resume(&self, state: StreamState) -> Result<Stream<'_>> {
        self.check_state(&state)?;
        Ok(Stream { oracle: self, state })
    }

    /// That a stored state is of this architecture.
    pub(crate) fn check_state(&self, state: &StreamState) -> Result<()> {
        let config = self.config();
        let progress = &state.progress;
        let window_steps =
            self.features().max_steps.map_or(0, |max_steps| max_steps.min(progress.n_observations));
        for (what, expected, found) in [
            ("recurrent numbers", self.state_width(), state.hidden.len()),
            ("static inputs", config.n_statics, progress.statics.len()),
            ("numbers in its window", window_steps * config.n_features, progress.window.len()),
        ] {
            if expected != found {
                return Err(Error::StreamState { what, expected, found });
            }
        }
        Ok(())
    }
}

impl Stream<'_> {
    /// Takes the next observation and gives the logits `[node]` after it.
    ///
    /// None when there is nothing to classify yet: the encoding keeps detections only and this is none, or it counts
    /// days from the first detection and there was none so far.
    ///
    /// # Errors
    /// [`Error::InvalidObservation`] for NaN and the like, [`Error::OutOfOrder`] for an observation older than the
    /// newest, [`Error::Repeated`] for one that equals one pushed before; the stream is then as it was. Another observation
    /// at the newest time is welcome: in another passband, or in the same one with another flux.
    pub fn push(&mut self, observation: Observation) -> Result<Option<Vec<f32>>> {
        self.state.progress.check(&observation)?;
        let new = self.state.progress.new_rows(self.oracle.features(), &observation);
        // Nothing of the state changes before the step has succeeded.
        let mut hidden = self.state.hidden.clone();
        let logits = new.as_ref().map(|new| self.classify(&mut hidden, new)).transpose()?;
        self.state.hidden = hidden;
        self.state.progress.take(self.oracle.features(), observation, new.as_ref());
        Ok(logits)
    }

    /// Starts again with all observations of a light curve: the way to bring in a late one. Gives the logits after the
    /// last of them, those that [`Oracle::logits`] gives for the light curve.
    ///
    /// # Errors
    /// [`Error::Candle`] when the device fails; the stream is then as it was.
    pub fn replay(&mut self, light_curve: &LightCurve) -> Result<Option<Vec<f32>>> {
        let mut fresh = self.oracle.stream(&Context::new()).state;
        fresh.progress.statics.clone_from(&self.state.progress.statics);
        // The rows of all observations, to go through the layers at once.
        let mut all = NewRows::default();
        for observation in light_curve.view().iter() {
            let new = fresh.progress.new_rows(self.oracle.features(), &observation);
            fresh.progress.take(self.oracle.features(), observation, new.as_ref());
            match new {
                Some(new) if new.afresh => all = new,
                Some(new) => all.rows.extend(new.rows),
                None => {}
            }
        }
        let logits = if all.rows.is_empty() { None } else { Some(self.classify(&mut fresh.hidden, &all)?) };
        self.state = fresh;
        Ok(logits)
    }

    /// Replaces the context, as when a host galaxy becomes known; it counts from the next push on.
    pub fn set_context(&mut self, context: &Context) {
        self.state.progress.statics = self.oracle.features().statics(context);
    }

    /// Number of observations that went into the recurrent state.
    pub fn n_observations(&self) -> usize {
        self.state.progress.n_observations()
    }

    /// The state, to be stored.
    pub fn state(&self) -> &StreamState {
        &self.state
    }

    /// The state, to be stored.
    pub fn into_state(self) -> StreamState {
        self.state
    }

    /// Takes new rows into a recurrent state and classifies.
    fn classify(&self, hidden: &mut [f32], new: &NewRows) -> Result<Vec<f32>> {
        if new.afresh {
            hidden.fill(0.0);
        }
        let n_rows = new.rows.len() / self.oracle.config().n_features;
        self.oracle.advance(&new.rows, &[n_rows], hidden)?;
        let last = self.oracle.last_layer(hidden);
        self.oracle.head_numbers(last, &self.state.progress.statics, Output::Logits)
    }
}
