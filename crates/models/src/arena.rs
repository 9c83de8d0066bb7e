//! Many objects that are being observed, kept together.

use std::collections::HashMap;

use heliacal_lightcurve::{Context, Observation};

use crate::oracle::Output;
use crate::stream::{NewRows, Progress, StreamState};
use crate::{Error, Oracle, Result};

/// Objects that go through the network together: many enough for all threads, few enough that the copies of their states
/// stay small beside the arena.
const OBJECTS_PER_PASS: usize = 1 << 13;

/// The objects of a survey as their observations arrive: push many at once, in any order, and get the logits of each.
///
/// Does for each object what a [`Stream`](crate::Stream) does, number for number, in less time: observations of
/// different objects go through the network together. The recurrent states stand in one block of memory, 800 bytes for
/// an object of ORACLE's two layers of 100.
///
/// ```
/// use candle_core::Device;
/// use heliacal_lightcurve::{Context, Observation, Passband};
/// use heliacal_models::{Oracle, Preset};
///
/// let oracle = Oracle::fresh(Preset::Published.config(26), Preset::Published.features(), 1, &Device::Cpu)?;
/// let mut arena = oracle.arena();
/// let (a, b) = (arena.insert(&Context::new()), arena.insert(&Context::new()));
///
/// let first = Observation { mjd: 60000.0, flux: 20.0, flux_err: 4.0, passband: Passband::LsstG, detection: true };
/// let later = Observation { mjd: 60002.0, ..first };
/// let logits = arena.push(&[(a, first), (b, first), (a, later)]);
/// assert!(logits.into_iter().all(|logits| logits.is_ok_and(|logits| logits.is_some())));
///
/// let stored = arena.remove(a)?; // into a database, and back another night
/// let a = arena.restore(stored)?;
/// assert_eq!(arena.n_observations(a)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct StreamArena<'m> {
    oracle: &'m Oracle,
    /// `[slot, layer, hidden]`.
    states: Vec<f32>,
    /// None where an object was removed.
    progress: Vec<Option<Progress>>,
    free: Vec<usize>,
}

/// The place of an object in a [`StreamArena`]. It is given to another object after this one was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(usize);

impl Oracle {
    /// A place for many objects.
    pub fn arena(&self) -> StreamArena<'_> {
        StreamArena { oracle: self, states: Vec::new(), progress: Vec::new(), free: Vec::new() }
    }
}

impl StreamArena<'_> {
    /// Begins an object.
    pub fn insert(&mut self, context: &Context) -> Slot {
        let progress = Progress::new(self.oracle.features(), context);
        self.place(progress, &vec![0.0; self.oracle.state_width()])
    }

    /// Goes on with an object whose state was stored.
    ///
    /// # Errors
    /// [`Error::StreamState`] when the state is of another architecture.
    pub fn restore(&mut self, state: StreamState) -> Result<Slot> {
        self.oracle.check_state(&state)?;
        Ok(self.place(state.progress, &state.hidden))
    }

    /// Takes an object out, with all that a [`Stream`](crate::Stream) or another arena needs to go on.
    ///
    /// # Errors
    /// [`Error::NoSuchObject`] for a slot without an object.
    pub fn remove(&mut self, slot: Slot) -> Result<StreamState> {
        let state = self.state(slot)?;
        self.progress[slot.0] = None;
        self.free.push(slot.0);
        Ok(state)
    }

    /// A copy of an object's state, to be stored.
    ///
    /// # Errors
    /// [`Error::NoSuchObject`] for a slot without an object.
    pub fn state(&self, slot: Slot) -> Result<StreamState> {
        let progress = self.progress(slot)?.clone();
        let width = self.oracle.state_width();
        Ok(StreamState { hidden: self.states[slot.0 * width..(slot.0 + 1) * width].to_vec(), progress })
    }

    /// Replaces an object's context, as when a host galaxy becomes known; it counts from the next push on.
    ///
    /// # Errors
    /// [`Error::NoSuchObject`] for a slot without an object.
    pub fn set_context(&mut self, slot: Slot, context: &Context) -> Result<()> {
        self.progress(slot)?;
        if let Some(progress) = &mut self.progress[slot.0] {
            progress.statics = self.oracle.features().statics(context);
        }
        Ok(())
    }

    /// Number of observations that went into an object's recurrent state.
    ///
    /// # Errors
    /// [`Error::NoSuchObject`] for a slot without an object.
    pub fn n_observations(&self, slot: Slot) -> Result<usize> {
        Ok(self.progress(slot)?.n_observations())
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.progress.len() - self.free.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes observations and gives, for each of them, what [`Stream::push`](crate::Stream::push) would: the logits after
    /// it, none, or an error, which touches that observation alone. Those of one object are taken in the order given.
    /// When the device fails, the observations that went through the network together are all refused, the first of them
    /// with the reason and the others with [`Error::NotClassified`]; their objects are then as they were.
    pub fn push(&mut self, observations: &[(Slot, Observation)]) -> Vec<Result<Option<Vec<f32>>>> {
        let mut results: Vec<Result<Option<Vec<f32>>>> = observations.iter().map(|_| Ok(None)).collect();
        // One observation of each object goes through the network; further ones have to wait for it.
        let mut waves: Vec<Vec<usize>> = Vec::new();
        let mut n_taken = HashMap::with_capacity(observations.len());
        for (index, (slot, _)) in observations.iter().enumerate() {
            let wave: &mut usize = n_taken.entry(*slot).or_default();
            if *wave == waves.len() {
                waves.push(Vec::new());
            }
            waves[*wave].push(index);
            *wave += 1;
        }
        for wave in &waves {
            for part in wave.chunks(OBJECTS_PER_PASS) {
                self.push_wave(observations, part, &mut results);
            }
        }
        results
    }

    /// Takes observations of different objects, given by their positions.
    fn push_wave(
        &mut self,
        observations: &[(Slot, Observation)],
        wave: &[usize],
        results: &mut [Result<Option<Vec<f32>>>],
    ) {
        let width = self.oracle.state_width();
        let mut classified = Vec::with_capacity(wave.len());
        let (mut rows, mut lengths, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for &index in wave {
            let (slot, observation) = observations[index];
            match self.new_rows(slot, &observation) {
                Err(error) => results[index] = Err(error),
                Ok(None) => self.take(slot, observation, None),
                Ok(Some(new)) => {
                    rows.extend_from_slice(&new.rows);
                    lengths.push(new.rows.len() / self.oracle.config().n_features);
                    let begin = states.len();
                    states.extend_from_slice(&self.states[slot.0 * width..(slot.0 + 1) * width]);
                    if new.afresh {
                        states[begin..].fill(0.0);
                    }
                    classified.push((index, slot, new));
                }
            }
        }
        if classified.is_empty() {
            return;
        }
        let logits = self.oracle.advance(&rows, &lengths, &mut states).and_then(|()| {
            let (mut last, mut statics) = (Vec::new(), Vec::new());
            for (state, (_, slot, _)) in states.chunks_exact(width).zip(&classified) {
                last.extend_from_slice(self.oracle.last_layer(state));
                statics.extend_from_slice(&self.progress(*slot)?.statics);
            }
            self.oracle.head_numbers(&last, &statics, Output::Logits)
        });
        let logits = match logits {
            Ok(logits) => logits,
            Err(error) => {
                // The device failed; the first of its observations tells why, and all of them that they did not get through.
                let mut error = Some(error);
                for (index, ..) in classified {
                    results[index] = Err(error.take().unwrap_or(Error::NotClassified));
                }
                return;
            }
        };
        let n_nodes = self.oracle.config().n_nodes;
        for ((state, logits), (index, slot, new)) in
            states.chunks_exact(width).zip(logits.chunks_exact(n_nodes)).zip(classified)
        {
            self.states[slot.0 * width..(slot.0 + 1) * width].copy_from_slice(state);
            self.take(slot, observations[index].1, Some(&new));
            results[index] = Ok(Some(logits.to_vec()));
        }
    }

    fn new_rows(&self, slot: Slot, observation: &Observation) -> Result<Option<NewRows>> {
        let progress = self.progress(slot)?;
        progress.check(observation)?;
        Ok(progress.new_rows(self.oracle.features(), observation))
    }

    fn take(&mut self, slot: Slot, observation: Observation, new: Option<&NewRows>) {
        if let Some(progress) = &mut self.progress[slot.0] {
            progress.take(self.oracle.features(), observation, new);
        }
    }

    fn progress(&self, slot: Slot) -> Result<&Progress> {
        self.progress.get(slot.0).and_then(Option::as_ref).ok_or(Error::NoSuchObject { slot: slot.0 })
    }

    fn place(&mut self, progress: Progress, state: &[f32]) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.progress[slot] = Some(progress);
            self.states[slot * state.len()..(slot + 1) * state.len()].copy_from_slice(state);
            return Slot(slot);
        }
        self.progress.push(Some(progress));
        self.states.extend_from_slice(state);
        Slot(self.progress.len() - 1)
    }
}
