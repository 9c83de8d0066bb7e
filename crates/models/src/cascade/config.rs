//! Sizes of a cascade.

use serde::{Deserialize, Serialize};

use super::head::HeadConfig;
use crate::{AdditiveAttentionConfig, Error, Lstm, RecurrentConfig, Result};

/// Sizes of a [`Cascade`](crate::Cascade).
///
/// ```
/// use heliacal_models::CascadeConfig;
///
/// let config = CascadeConfig::paper(5);
/// assert_eq!(config.n_channels(), 10); // 5 probabilities, flux, 4 time features
/// assert_eq!(config.n_parameters(), 334_725);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CascadeConfig {
    /// Number of classes, K.
    pub n_classes: usize,
    /// Number of base classifiers side by side, each with K probabilities.
    pub n_bases: usize,
    /// Whether a flux comes with each classification.
    pub flux: bool,
    /// Whether the times of the classifications are told: MJD, since the first, since the previous, to the next.
    pub time_features: bool,
    /// Width of the LSTM.
    pub hidden: usize,
    /// Number of tanh units that score a step.
    pub attention_units: usize,
    /// Widths of the dense layers before the last one.
    pub head_widths: [usize; 3],
    /// Probability of dropout on the attention's units and behind the first two dense layers.
    pub dropout: f64,
    /// Only so many classifications of an object are looked at, the first ones.
    pub max_steps: Option<usize>,
}

/// Wider is no classifier but a broken file.
pub(super) const MAX_WIDTH: usize = 1 << 16;
/// Longer histories are no light curves.
pub(super) const MAX_STEPS: usize = 1 << 24;
/// Time features of a step.
const TIME_FEATURES: usize = 4;

impl CascadeConfig {
    /// The paper's network (section IV.2): LSTM of 256, attention of 64, head of 128, 64 and 32, dropout 0.4, the first 100
    /// classifications, flux and time features.
    pub fn paper(n_classes: usize) -> Self {
        Self {
            n_classes,
            n_bases: 1,
            flux: true,
            time_features: true,
            hidden: 256,
            attention_units: 64,
            head_widths: [128, 64, 32],
            dropout: 0.4,
            max_steps: Some(100),
        }
    }

    /// Probabilities of one step: those of all bases.
    pub fn n_probabilities(&self) -> usize {
        self.n_bases * self.n_classes
    }

    /// Input channels of one step.
    pub fn n_channels(&self) -> usize {
        let time_features = if self.time_features { TIME_FEATURES } else { 0 };
        self.n_probabilities() + usize::from(self.flux) + time_features
    }

    /// That every size is one a network can have, before anything is made by it: a configuration comes from a file.
    ///
    /// # Errors
    /// [`Error::Config`] for a size of 0 or an absurd one, or a dropout that is no probability below 1.
    pub fn check(&self) -> Result<()> {
        check_sizes([
            ("number of classes", self.n_classes, MAX_WIDTH),
            ("number of base classifiers", self.n_bases, MAX_WIDTH),
            ("LSTM width", self.hidden, MAX_WIDTH),
            ("number of attention units", self.attention_units, MAX_WIDTH),
            ("max_steps", self.max_steps.unwrap_or(1), MAX_STEPS),
        ])?;
        // Neither is above 2^16.
        check_sizes([("number of probabilities of a step", self.n_probabilities(), MAX_WIDTH)])?;
        self.head().check()
    }

    /// PyTorch's name and the shape of every weight that is trained.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let lstm = Lstm::parameters(self.lstm()).into_iter();
        let lstm = lstm.map(|(name, shape)| (format!("lstm.{name}"), shape));
        lstm.chain(self.attention().parameters()).chain(self.head().parameters()).collect()
    }

    /// PyTorch's name and the shape of the running statistics, which are stored beside the weights.
    pub fn statistics(&self) -> Vec<(String, Vec<usize>)> {
        self.head().statistics()
    }

    /// Number of weights that are trained.
    pub fn n_parameters(&self) -> usize {
        self.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    pub(super) fn lstm(&self) -> RecurrentConfig {
        RecurrentConfig { input: self.n_channels(), hidden: self.hidden, n_layers: 1 }
    }

    pub(super) fn attention(&self) -> AdditiveAttentionConfig {
        AdditiveAttentionConfig { hidden: self.hidden, units: self.attention_units }
    }

    pub(super) fn head(&self) -> HeadConfig {
        HeadConfig {
            input: self.hidden,
            widths: self.head_widths,
            n_classes: self.n_classes,
            dropout: self.dropout,
        }
    }
}

/// That sizes are between 1 and their limit.
pub(super) fn check_sizes(sizes: impl IntoIterator<Item = (&'static str, usize, usize)>) -> Result<()> {
    for (what, size, max) in sizes {
        if size == 0 || size > max {
            return Err(Error::Config { what, expected: format!("1 to {max}"), found: size.to_string() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_by_hand() {
        let config = CascadeConfig::paper(7);
        assert_eq!(config.n_channels(), 12);
        let config = CascadeConfig { n_bases: 2, flux: false, ..config };
        assert_eq!(config.n_channels(), 18);
        assert_eq!(CascadeConfig { time_features: false, ..config }.n_channels(), 14);
    }

    #[test]
    fn broken_sizes_are_errors() {
        let paper = || CascadeConfig::paper(5);
        paper().check().unwrap();
        for broken in [
            CascadeConfig { n_classes: 0, ..paper() },
            CascadeConfig { n_bases: 0, ..paper() },
            CascadeConfig { n_bases: 1 << 16, ..paper() },
            CascadeConfig { hidden: usize::MAX, ..paper() },
            CascadeConfig { attention_units: 0, ..paper() },
            CascadeConfig { head_widths: [128, 0, 32], ..paper() },
            CascadeConfig { dropout: 1.0, ..paper() },
            CascadeConfig { dropout: f64::NAN, ..paper() },
            CascadeConfig { max_steps: Some(0), ..paper() },
        ] {
            assert!(matches!(broken.check(), Err(Error::Config { .. })), "{broken:?}");
        }
    }
}
