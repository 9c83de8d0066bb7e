//! Beginnings of light curves, packed for the network.

use candle_core::{Device, Tensor};

use super::Oracle;
use crate::features::EncodedLightCurve;
use crate::{Error, Result};

/// Light curves that go through an [`Oracle`] together: their encoded rows one after the other, of any lengths, without
/// padding.
///
/// Packing is work for the CPU, and needs none of the weights: [`Trainer`](crate::train::Trainer) has it done on other
/// threads. A batch stands on the CPU until [`to_device`](Self::to_device).
///
/// ```
/// use candle_core::Device;
/// use heliacal_lightcurve::{Context, LightCurve, Passband};
/// use heliacal_models::{Oracle, Preset, candle_core};
///
/// let oracle = Oracle::fresh(Preset::Paper.config(26), Preset::Paper.features(), 1, &Device::Cpu)?;
/// let light_curve = LightCurve::new(
///     vec![60000.0, 60002.0], vec![20.0, 60.0], vec![4.0, 4.0], vec![Passband::LsstG; 2], vec![true, true],
/// )?;
/// let encoded = oracle.features().encode(light_curve.view(), &Context::new())?;
/// let batch = oracle.batch(&[(&encoded, 1), (&encoded, 2)])?; // after its first observation, and after its second
/// assert_eq!((batch.len(), batch.n_rows()), (2, 3));
/// let logits = oracle.forward_batch(&batch.to_device(oracle.device())?)?;
/// assert_eq!(logits.dims(), [2, 26]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct OracleBatch {
    /// `[sum of lengths, column]`
    pub(super) rows: Tensor,
    pub(super) lengths: Vec<usize>,
    /// Rows after which an output is wanted, rising; none when these are the last rows of all sequences.
    pub(super) outputs: Option<Vec<u32>>,
    /// `[output, static]`, where the network has a layer for them.
    pub(super) statics: Option<Tensor>,
}

/// A run of rows through the recurrent layers, and where on it logits are wanted.
#[derive(Debug)]
pub(super) struct Sequence<'a> {
    /// Position of its light curve in the caller's list.
    pub(super) owner: usize,
    pub(super) rows: &'a [f32],
    /// Rows after which logits are wanted.
    pub(super) outputs: Vec<usize>,
}

impl OracleBatch {
    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Rows of all sequences.
    pub fn n_rows(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Rows of each sequence.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The same batch on a device; a cheap copy when it is there.
    ///
    /// # Errors
    /// [`Error::Candle`] when the device fails.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        Ok(Self {
            rows: self.rows.to_device(device)?,
            lengths: self.lengths.clone(),
            outputs: self.outputs.clone(),
            statics: self.statics.as_ref().map(|statics| statics.to_device(device)).transpose()?,
        })
    }
}

impl Oracle {
    /// Packs the first so many steps of each light curve.
    ///
    /// # Errors
    /// [`Error::NoObservations`] for 0 steps, [`Error::Config`] for more steps than a light curve has or one of another
    /// encoding.
    pub fn batch(&self, beginnings: &[(&EncodedLightCurve, usize)]) -> Result<OracleBatch> {
        let mut sequences = Vec::new();
        for (owner, &(encoded, n_steps)) in beginnings.iter().enumerate() {
            let last = n_steps.checked_sub(1).ok_or(Error::NoObservations { n_observations: 0 })?;
            self.plan(owner, encoded, &[last], &mut sequences)?;
        }
        self.pack(&sequences, |owner| &beginnings[owner].0.statics)
    }

    /// The runs that give the logits after these steps: one over the light curve's beginning, and, beyond `max_steps`,
    /// one over the window that ends at each step.
    pub(super) fn plan<'a>(
        &self,
        owner: usize,
        encoded: &'a EncodedLightCurve,
        steps: &[usize],
        sequences: &mut Vec<Sequence<'a>>,
    ) -> Result<()> {
        let columns = self.config.n_features;
        let (found, expected) = (encoded.statics.len(), self.config.n_statics);
        if found != expected {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(Error::Config { what: "number of static features", expected, found });
        }
        let n_steps = encoded.rows.len() / columns;
        if let Some(step) = steps.last().filter(|&&step| step >= n_steps || !steps.is_sorted()) {
            let expected = format!("rising and below {n_steps}");
            return Err(Error::Config { what: "last of the steps", expected, found: step.to_string() });
        }
        let limit = self.features.max_steps.unwrap_or(usize::MAX);
        let (beginning, windows) = steps.split_at(steps.partition_point(|&step| step < limit));
        if let Some(last) = beginning.last() {
            let rows = &encoded.rows[..(last + 1) * columns];
            sequences.push(Sequence { owner, rows, outputs: beginning.to_vec() });
        }
        for step in windows {
            let rows = &encoded.rows[(step + 1 - limit) * columns..(step + 1) * columns];
            sequences.push(Sequence { owner, rows, outputs: vec![limit - 1] });
        }
        Ok(())
    }

    /// What some sequences bring to the network together.
    pub(super) fn pack<'a>(
        &self,
        sequences: &[Sequence<'_>],
        statics_of: impl Fn(usize) -> &'a [f32],
    ) -> Result<OracleBatch> {
        let columns = self.config.n_features;
        let mut rows = Vec::with_capacity(sequences.iter().map(|sequence| sequence.rows.len()).sum());
        let (mut lengths, mut outputs, mut statics) = (Vec::new(), Vec::new(), Vec::new());
        for sequence in sequences {
            let begin = rows.len() / columns;
            rows.extend_from_slice(sequence.rows);
            lengths.push(sequence.rows.len() / columns);
            for output in &sequence.outputs {
                outputs.push((begin + output) as u32);
                statics.extend_from_slice(statics_of(sequence.owner));
            }
        }
        let n_rows = rows.len() / columns;
        let rows = Tensor::from_vec(rows, (n_rows, columns), &Device::Cpu)?;
        let statics = match self.config.static_dense {
            Some(_) => Some(Tensor::from_vec(statics, (outputs.len(), self.config.n_statics), &Device::Cpu)?),
            None => None,
        };
        let outputs = (!are_last_rows(&lengths, &outputs)).then_some(outputs);
        Ok(OracleBatch { rows, lengths, outputs, statics })
    }
}

/// Whether the outputs are those after the last rows of all sequences.
fn are_last_rows(lengths: &[usize], outputs: &[u32]) -> bool {
    let mut end = 0;
    let last = |(&length, &output): (&usize, &u32)| {
        end += length;
        output as usize + 1 == end
    };
    outputs.len() == lengths.len() && lengths.iter().zip(outputs).all(last)
}
