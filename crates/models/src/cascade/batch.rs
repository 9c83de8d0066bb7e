//! Some histories, ready for the network.

use candle_core::{Device, Tensor};

use super::config::CascadeConfig;
use super::input::{CascadeInput, of_history};
use super::scaling::CascadeScaling;
use crate::Result;

/// Histories that go through a [`Cascade`](crate::Cascade) together: their scaled rows one after the other, of any lengths,
/// without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadeBatch {
    /// `[sum of lengths, channel]`
    pub(super) rows: Vec<f32>,
    pub(super) n_channels: usize,
    lengths: Vec<usize>,
}

impl CascadeBatch {
    /// Checks and scales some histories, each cut to the first `max_steps`.
    ///
    /// # Errors
    /// [`Error::History`](crate::Error::History) names a history without classifications, with columns of another size, a number
    /// that is not finite, or a time before the previous one; [`Error::Config`](crate::Error::Config) for a configuration of
    /// no network.
    pub fn new(config: &CascadeConfig, scaling: &CascadeScaling, inputs: &[&CascadeInput]) -> Result<Self> {
        config.check()?;
        let mut rows = Vec::new();
        let mut lengths = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let view = input.view(config).map_err(of_history(index))?;
            scaling.encode(config, &view, &mut rows);
            lengths.push(view.mjd.len());
        }
        Ok(Self { rows, n_channels: config.n_channels(), lengths })
    }

    /// Steps of each history.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Number of histories.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is no history.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Steps of all histories.
    pub fn n_rows(&self) -> usize {
        self.rows.len() / self.n_channels
    }

    pub(super) fn tensor(&self, device: &Device) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.rows, (self.n_rows(), self.n_channels), device)?)
    }

    /// Takes the last column out: what is left has 0 there.
    pub(super) fn split_last_column(mut self) -> (Vec<f32>, Vec<f32>) {
        let last = self.rows.iter_mut().skip(self.n_channels - 1).step_by(self.n_channels);
        let column = last.map(std::mem::take).collect();
        (self.rows, column)
    }
}
