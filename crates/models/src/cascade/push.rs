//! A new classification of one object or of many at once.

use std::sync::atomic::Ordering;

use rayon::prelude::*;

use super::groups::group_size;
use super::input::check_classification;
use super::kernels::Kernels;
use super::network::Cascade;
use super::scaling::{ScalingMode, Times};
use super::stream::{BaseClassification, CascadeStreamState};
use crate::recurrent::{BeginRow, BeginSteps, FinishStep};
use crate::{CellKind, Error, LstmCell, Result};

impl Cascade {
    /// Takes the next classification of each of some objects and gives, for each of them, what
    /// [`resume`](Self::resume) and [`CascadeStream::push`](crate::CascadeStream::push) would, number for number, in less
    /// time: they go through the network together, on all threads. An error touches the object alone; when the device of the
    /// weights fails, nothing is changed, and of the objects that had to go through the network the first is refused with the
    /// reason and the others with [`Error::NotClassified`].
    ///
    /// ```
    /// use candle_core::Device;
    /// use heliacal_models::{BaseClassification, Cascade, CascadeConfig, CascadeScaling, candle_core};
    ///
    /// let config = CascadeConfig { hidden: 8, ..CascadeConfig::paper(2) };
    /// let cascade = Cascade::fresh(config, CascadeScaling::default(), 1, &Device::Cpu)?;
    /// let mut states = vec![cascade.stream()?.into_state(); 3]; // as a broker has them
    ///
    /// let first = BaseClassification { mjd: 60001.0, probabilities: &[0.5, 0.5], flux: Some(12.0) };
    /// let broken = BaseClassification { flux: None, ..first };
    /// let answers = cascade.push_all(states.iter_mut().zip([first, broken, first]));
    /// assert!(answers[0].is_ok() && answers[1].is_err() && answers[2].is_ok());
    /// # Ok::<(), heliacal_models::Error>(())
    /// ```
    pub fn push_all<'s, 'c>(
        &self,
        pushes: impl IntoIterator<Item = (&'s mut CascadeStreamState, BaseClassification<'c>)>,
    ) -> Vec<Result<Vec<f32>>> {
        let (mut answers, mut accepted, mut indices) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (state, classification)) in pushes.into_iter().enumerate() {
            answers.push(match self.check_state(state).and_then(|()| self.accept(state, &classification)) {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => {
                    accepted.push((state, classification));
                    indices.push(index);
                    Err(Error::NotClassified)
                }
                Err(error) => Err(error),
            });
        }
        let size = group_size(accepted.len());
        let found = self.with_kernels(|kernels| {
            accepted
                .par_chunks_mut(size)
                .map(|group| self.advance(kernels, group))
                .collect::<Result<Vec<_>>>()
        });
        match found {
            Ok(groups) => {
                let rows = groups.iter().flat_map(|rows| rows.chunks_exact(self.config().n_classes));
                for (&index, row) in indices.iter().zip(rows) {
                    answers[index] = Ok(row.to_vec());
                }
            }
            Err(error) => {
                if let Some(&first) = indices.first() {
                    answers[first] = Err(error);
                }
            }
        }
        answers
    }

    /// Takes the next classification of one object; its state is known to be one of this network's.
    pub(super) fn push_one(
        &self,
        state: &mut CascadeStreamState,
        classification: BaseClassification<'_>,
    ) -> Result<Vec<f32>> {
        match self.accept(state, &classification)? {
            Some(answer) => Ok(answer),
            None => self.with_kernels(|kernels| self.advance(kernels, &mut [(state, classification)])),
        }
    }

    /// That a state is one of this network's.
    pub(super) fn check_state(&self, state: &CascadeStreamState) -> Result<()> {
        if self.scaling().mode == ScalingMode::PerObject {
            let (expected, found) = ("that of the training set".into(), "per object".into());
            return Err(Error::Config { what: "scaling of a stream", expected, found });
        }
        let config = self.config();
        let n_probabilities = if state.n_steps > 0 { config.n_classes } else { 0 };
        for (what, expected, found) in [
            ("numbers in its memory", config.hidden, state.memory.len()),
            ("sums of gates", LstmCell::GATES * config.hidden, state.sums.len()),
            ("numbers in its attention", config.hidden, state.attention.width()),
            ("newest probabilities", n_probabilities, state.probabilities.len()),
        ] {
            if expected != found {
                return Err(Error::StreamState { what, expected, found });
            }
        }
        Ok(())
    }

    /// That a classification may be taken. Gives the standing answer if the network has seen as many as it looks at.
    fn accept(
        &self,
        state: &mut CascadeStreamState,
        classification: &BaseClassification<'_>,
    ) -> Result<Option<Vec<f32>>> {
        let config = self.config();
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
        check_classification(state.n_steps, mjd, probabilities, flux.filter(|_| config.flux))?;
        if state.n_steps > 0 && mjd < state.newest_mjd {
            return Err(Error::OutOfOrder { mjd, last_mjd: state.newest_mjd });
        }
        if self.is_full(state.n_steps) {
            state.newest_mjd = mjd;
            return Ok(Some(state.probabilities.clone()));
        }
        Ok(None)
    }

    pub(super) fn is_full(&self, n_steps: usize) -> bool {
        self.config().max_steps.is_some_and(|max_steps| n_steps >= max_steps)
    }

    /// Takes a classification each for some objects: the class probabilities `[object, class]` after it.
    fn advance(
        &self,
        Kernels { vectors, layer, scorer, head }: Kernels<'_>,
        pushes: &mut [(&mut CascadeStreamState, BaseClassification<'_>)],
    ) -> Result<Vec<f32>> {
        let (config, scaling) = (self.config(), self.scaling());
        let (n, hidden) = (pushes.len(), config.hidden);
        let mut rows = Vec::with_capacity(n * config.n_channels());
        for (state, BaseClassification { mjd, probabilities, flux }) in &*pushes {
            let mjd = *mjd;
            let (first, previous) =
                if state.n_steps > 0 { (state.first_mjd, state.newest_mjd) } else { (mjd, mjd) };
            let flux = flux.filter(|_| config.flux);
            scaling.push_step(config, probabilities, flux, Times { mjd, first, previous }, &mut rows);
        }
        let mut numbers = vec![0.0; 3 * n * hidden];
        let (outputs, contexts) = numbers.split_at_mut(2 * n * hidden);
        let (settled, newest) = outputs.split_at_mut(n * hidden);
        let each_settled = settled.chunks_exact_mut(hidden);
        for ((state, classification), output) in pushes.iter_mut().zip(each_settled) {
            if state.n_steps > 0 {
                let to_next = classification.mjd - state.newest_mjd;
                let last_input = config.time_features.then(|| scaling.scale_to_next(to_next));
                let (sums, memory) = (&state.sums, &mut state.memory);
                vectors.run(FinishStep { layer, sums, last_input, memory, output });
            }
        }
        let inputs = rows.chunks_exact(layer.input).zip(settled.chunks_exact(hidden));
        let rows = pushes.iter_mut().zip(inputs).zip(newest.chunks_exact_mut(hidden));
        let begun = rows.map(|(((state, _), (input, before)), newest)| {
            let CascadeStreamState { memory, sums, .. } = &mut **state;
            BeginRow { input, before, memory, sums, provisional: Some(newest) }
        });
        // Of use to a lone row.
        let from_the_end = n == 1 && self.from_the_end.fetch_xor(true, Ordering::Relaxed);
        vectors.run(BeginSteps { layer, rows: &mut begun.collect::<Vec<_>>(), from_the_end });
        // All rows together read the scorer's weights once.
        let scores = scorer.scores(outputs)?;
        let (settled, newest) = outputs.split_at(n * hidden);
        let rows = settled.chunks_exact(hidden).zip(newest.chunks_exact(hidden));
        let rows = rows.zip(contexts.chunks_exact_mut(hidden));
        for (i, ((state, _), ((settled, newest), context))) in pushes.iter_mut().zip(rows).enumerate() {
            if state.n_steps > 0 {
                state.attention.push(scores[i], settled)?;
            }
            state.attention.peek(scores[n + i], newest, context)?;
        }
        let answers = head.probabilities(n, contexts);
        let rows = answers.chunks_exact(config.n_classes);
        for ((state, BaseClassification { mjd, .. }), answer) in pushes.iter_mut().zip(rows) {
            if state.n_steps == 0 {
                state.first_mjd = *mjd;
            }
            state.newest_mjd = *mjd;
            state.n_steps += 1;
            state.probabilities.clear();
            state.probabilities.extend_from_slice(answer);
        }
        Ok(answers)
    }
}
