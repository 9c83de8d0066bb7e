//! Classification of one object as its observations arrive.

use std::collections::VecDeque;

use candle_core::Tensor;
use heliacal_lightcurve::{Context, LightCurve, Observation};
use serde::{Deserialize, Serialize};

use crate::features::TimeOrigin;
use crate::{Error, Oracle, Result};

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
    hidden: Vec<f32>,
    statics: Vec<f32>,
    /// Time from which days are counted, once known.
    origin: Option<f64>,
    /// Observations at the newest time: where a repetition would show.
    newest: Vec<Observation>,
    /// Observations that wait for the first detection.
    waiting: Vec<Observation>,
    /// Encoded rows inside the window, for encodings with `max_steps`.
    window: VecDeque<f32>,
    n_observations: usize,
}

impl Oracle {
    /// Begins an object.
    pub fn stream(&self, context: &Context) -> Stream<'_> {
        let config = self.config();
        let state = StreamState {
            hidden: vec![0.0; config.n_layers * config.hidden],
            statics: self.features().statics(context),
            origin: None,
            newest: Vec::new(),
            waiting: Vec::new(),
            window: VecDeque::new(),
            n_observations: 0,
        };
        Stream { oracle: self, state }
    }

    /// Goes on with an object whose state was stored.
    ///
    /// # Errors
    /// [`Error::StreamState`] when the state is of another architecture.
    pub fn resume(&self, state: StreamState) -> Result<Stream<'_>> {
        let config = self.config();
        let window_steps =
            self.features().max_steps.map_or(0, |max_steps| max_steps.min(state.n_observations));
        for (what, expected, found) in [
            ("recurrent numbers", config.n_layers * config.hidden, state.hidden.len()),
            ("static inputs", config.n_statics, state.statics.len()),
            ("numbers in its window", window_steps * config.n_features, state.window.len()),
        ] {
            if expected != found {
                return Err(Error::StreamState { what, expected, found });
            }
        }
        Ok(Stream { oracle: self, state })
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
        self.check(&observation)?;
        self.take(observation)
    }

    /// [`push`](Self::push) of an observation that may be taken.
    fn take(&mut self, observation: Observation) -> Result<Option<Vec<f32>>> {
        let features = self.oracle.features();
        // Nothing of the state changes before the step has succeeded.
        let mut next = self.state.clone();
        match next.newest.first() {
            Some(newest) if newest.mjd == observation.mjd => next.newest.push(observation),
            _ => next.newest = vec![observation],
        }
        if !features.keeps(&observation) {
            self.state = next;
            return Ok(None);
        }
        let knows_origin = features.time_origin == TimeOrigin::FirstObservation || observation.detection;
        if next.origin.is_none() && !knows_origin {
            next.waiting.push(observation);
            self.state = next;
            return Ok(None);
        }
        let origin = *next.origin.get_or_insert(observation.mjd);
        let mut rows = Vec::new();
        let waiting = std::mem::take(&mut next.waiting);
        next.n_observations += waiting.len() + 1;
        for observation in waiting.iter().chain([&observation]) {
            features.push_row(observation, origin, &mut rows);
        }
        let logits = self.advance(&mut next, &rows)?;
        self.state = next;
        Ok(Some(logits))
    }

    /// Starts again with all observations of a light curve: the way to bring in a late one. Gives the logits after the
    /// last of them, those that [`Oracle::logits`] gives for the light curve.
    ///
    /// # Errors
    /// [`Error::Candle`] when the device fails; the stream is then as it was.
    pub fn replay(&mut self, light_curve: &LightCurve) -> Result<Option<Vec<f32>>> {
        let mut fresh = self.oracle.stream(&Context::new());
        fresh.state.statics.clone_from(&self.state.statics);
        let mut logits = None;
        for observation in light_curve.view().iter() {
            logits = fresh.take(observation)?.or(logits);
        }
        self.state = fresh.state;
        Ok(logits)
    }

    /// Replaces the context, as when a host galaxy becomes known; it counts from the next push on.
    pub fn set_context(&mut self, context: &Context) {
        self.state.statics = self.oracle.features().statics(context);
    }

    /// Number of observations that went into the recurrent state.
    pub fn n_observations(&self) -> usize {
        self.state.n_observations
    }

    /// The state, to be stored.
    pub fn state(&self) -> &StreamState {
        &self.state
    }

    /// The state, to be stored.
    pub fn into_state(self) -> StreamState {
        self.state
    }

    fn check(&self, observation: &Observation) -> Result<()> {
        LightCurve::from_observations([*observation])?;
        let Some(newest) = self.state.newest.first() else { return Ok(()) };
        if observation.mjd < newest.mjd {
            return Err(Error::OutOfOrder { mjd: observation.mjd, last_mjd: newest.mjd });
        }
        if self.state.newest.contains(observation) {
            return Err(Error::Repeated { observation: *observation });
        }
        Ok(())
    }

    /// Takes new rows into the state and classifies.
    fn advance(&self, state: &mut StreamState, rows: &[f32]) -> Result<Vec<f32>> {
        let Some(max_steps) = self.oracle.features().max_steps else { return self.step_through(state, rows) };
        let limit = max_steps * self.oracle.config().n_features;
        state.window.extend(rows);
        if state.window.len() <= limit {
            return self.step_through(state, rows);
        }
        // The window's first row is gone, and with it the state that began there: pass over the window again.
        state.window.drain(..state.window.len() - limit);
        state.hidden.fill(0.0);
        let window: Vec<f32> = state.window.iter().copied().collect();
        self.step_through(state, &window)
    }

    fn step_through(&self, state: &mut StreamState, rows: &[f32]) -> Result<Vec<f32>> {
        let oracle = self.oracle;
        let n_features = oracle.config().n_features;
        let mut recurrent = oracle.gru.state_from_slice(&state.hidden, 1, oracle.device())?;
        let mut last = None;
        for row in rows.chunks_exact(n_features) {
            let x = Tensor::from_slice(row, (1, n_features), oracle.device())?;
            last = Some(oracle.gru.step(&x, &mut recurrent)?);
        }
        let last = last.expect("there is at least the row of the new observation");
        state.hidden = recurrent.to_vec()?;
        let statics = oracle.statics(&state.statics, 1)?;
        Ok(oracle.head(&last, statics.as_ref())?.squeeze(0)?.to_vec1()?)
    }
}
