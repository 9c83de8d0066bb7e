//! True classes of a batch.

use std::borrow::Cow;

use candle_core::{DType, Tensor};

use crate::{Error, Result};

/// The true class of every object of a batch: node indices of a tree, or columns of a flat classifier.
///
/// A slice is the cheap form: labels are checked on the host, and a tensor on a GPU has to be fetched for that.
///
/// ```
/// use heliacal_losses::Labels;
///
/// let labels: Labels<'_> = (&[3, 5]).into();
/// assert!(matches!(labels, Labels::Slice([3, 5])));
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Labels<'a> {
    /// One index per object.
    Slice(&'a [u32]),
    /// A tensor `[batch]` of `U32`.
    Tensor(&'a Tensor),
}

impl<'a> From<&'a [u32]> for Labels<'a> {
    fn from(labels: &'a [u32]) -> Self {
        Self::Slice(labels)
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for Labels<'a> {
    fn from(labels: &'a [u32; N]) -> Self {
        Self::Slice(labels)
    }
}

impl<'a> From<&'a Vec<u32>> for Labels<'a> {
    fn from(labels: &'a Vec<u32>) -> Self {
        Self::Slice(labels)
    }
}

impl<'a> From<&'a Tensor> for Labels<'a> {
    fn from(labels: &'a Tensor) -> Self {
        Self::Tensor(labels)
    }
}

impl<'a> Labels<'a> {
    /// The indices, of which there are `batch`, each less than `n_classes`.
    pub(crate) fn checked(self, batch: usize, n_classes: usize) -> Result<Cow<'a, [u32]>> {
        let labels = match self {
            Self::Slice(labels) => Cow::Borrowed(labels),
            Self::Tensor(labels) if labels.dtype() != DType::U32 => {
                return Err(Error::NumberType { what: "labels", expected: "U32", found: labels.dtype() });
            }
            Self::Tensor(labels) if labels.rank() != 1 => {
                let (expected, found) = (format!("[{batch}]"), labels.dims().to_vec());
                return Err(Error::Shape { what: "labels", expected, found });
            }
            Self::Tensor(labels) => Cow::Owned(labels.to_vec1()?),
        };
        if labels.len() != batch {
            return Err(Error::Count { what: "labels", expected: batch, found: labels.len() });
        }
        match labels.iter().position(|&label| label as usize >= n_classes) {
            Some(position) => Err(Error::Label { position, label: labels[position], n_classes }),
            None => Ok(labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn slices_and_tensors_say_the_same() {
        let tensor = Tensor::new(&[2_u32, 0, 1], &Device::Cpu).unwrap();
        let from_tensor = Labels::from(&tensor).checked(3, 3).unwrap();
        assert_eq!(from_tensor, Labels::from(&vec![2, 0, 1]).checked(3, 3).unwrap());
    }

    #[test]
    fn a_bad_label_is_named() {
        let said = |labels: &[u32]| Labels::from(labels).checked(2, 3).unwrap_err().to_string();
        assert_eq!(said(&[1, 3]), "label 3 at position 1 is no class, expected less than 3");
        assert_eq!(said(&[1]), "1 labels, expected 2");
        let said = |tensor: &Tensor| Labels::from(tensor).checked(2, 3).unwrap_err().to_string();
        assert_eq!(said(&Tensor::new(&[1_i64, 2], &Device::Cpu).unwrap()), "labels are I64, expected U32");
        assert_eq!(
            said(&Tensor::new(&[[1_u32], [2]], &Device::Cpu).unwrap()),
            "labels have shape [2, 1], expected [2]"
        );
    }
}
