//! What can go wrong with a loss.

use candle_core::{DType, DeviceLocation, Tensor};

/// Shorthand for this crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a loss cannot be made or computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation failed; for the shapes that this crate makes, that is a bug here or in candle.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A tensor whose shape does not fit.
    #[error("{what} have shape {found:?}, expected {expected}")]
    Shape {
        /// The tensor.
        what: &'static str,
        /// The shape it should have, in words.
        expected: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A tensor of another number type than the loss was made for.
    #[error("{what} are {found:?}, expected {expected}")]
    NumberType {
        /// The tensor.
        what: &'static str,
        /// What would do.
        expected: &'static str,
        /// What came.
        found: DType,
    },
    /// A tensor on another device than the loss was made for. Two handles of one GPU are two devices.
    #[error("{what} are on {found:?}, expected {expected:?}")]
    Device {
        /// The tensor.
        what: &'static str,
        /// The device of the loss.
        expected: DeviceLocation,
        /// The tensor's.
        found: DeviceLocation,
    },
    /// Classes other than those of the part to go with.
    #[error("{what}: {found}, expected {expected}")]
    OtherClasses {
        /// What has them.
        what: &'static str,
        /// The classes it should have, in words.
        expected: String,
        /// Its classes, in words.
        found: String,
    },
    /// A batch of no objects has no mean.
    #[error("the batch has no objects, expected at least one")]
    EmptyBatch,
    /// As many of one thing as of another were expected.
    #[error("{found} {what}, expected {expected}")]
    Count {
        /// The things.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A label that is no class.
    #[error("label {label} at position {position} is no class, expected less than {n_classes}")]
    Label {
        /// Position in the batch.
        position: usize,
        /// The label.
        label: u32,
        /// Number of classes that a label may name.
        n_classes: usize,
    },
    /// A weight that is negative, NaN, or infinite in the number type of the logits.
    #[error(
        "{what} {index} is {value:?}, expected a number of at least 0 and finite in the type of the logits"
    )]
    Weight {
        /// What is weighed.
        what: &'static str,
        /// Its position.
        index: usize,
        /// The weight.
        value: f64,
    },
    /// A parameter outside its range.
    #[error("{parameter} is {found}, expected {expected}")]
    Parameter {
        /// The parameter's name.
        parameter: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: f64,
    },
    /// Class counts without a single object: there is nothing to weigh classes by.
    #[error("the class counts hold no object, expected at least one")]
    NoObjects,
    /// A fraction of a light curve outside \[0, 1\].
    #[error("fraction {index} is {value}, expected 0 to 1")]
    Fraction {
        /// Position in the batch.
        index: usize,
        /// The fraction.
        value: f64,
    },
    /// A history said to be longer than the tensor that holds it.
    #[error("history {index} has length {found}, the tensor holds {longest} steps")]
    Length {
        /// Position in the batch.
        index: usize,
        /// The length.
        found: usize,
        /// Number of steps of the tensor.
        longest: usize,
    },
}

/// The batch size of `[batch, width]` logits in single or double precision.
pub(crate) fn batch_of(logits: &Tensor, width: usize) -> Result<usize> {
    match *logits.dims() {
        [0, found] if found == width => Err(Error::EmptyBatch),
        [batch, found] if found == width => check_float(logits).map(|()| batch),
        _ => Err(Error::Shape {
            what: "logits",
            expected: format!("[batch, {width}]"),
            found: logits.dims().to_vec(),
        }),
    }
}

pub(crate) fn check_float(logits: &Tensor) -> Result<()> {
    match logits.dtype() {
        DType::F32 | DType::F64 => Ok(()),
        found => Err(Error::NumberType { what: "logits", expected: "F32 or F64", found }),
    }
}

/// A weight that has to be at least 0 and finite in the number type.
pub(crate) fn check_weight(what: &'static str, index: usize, value: f64, dtype: DType) -> Result<()> {
    let is_finite = if dtype == DType::F32 { (value as f32).is_finite() } else { value.is_finite() };
    if value >= 0.0 && is_finite { Ok(()) } else { Err(Error::Weight { what, index, value }) }
}

/// A parameter that has to be finite and at least 0.
pub(crate) fn check_not_negative(parameter: &'static str, found: f64) -> Result<()> {
    if found >= 0.0 && found.is_finite() {
        Ok(())
    } else {
        Err(Error::Parameter { parameter, expected: "a finite number of at least 0", found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn another_device_is_named() {
        let (expected, found) = (DeviceLocation::Cpu, DeviceLocation::Cuda { gpu_id: 1 });
        let said = Error::Device { what: "logits", expected, found }.to_string();
        assert_eq!(said, "logits are on Cuda { gpu_id: 1 }, expected Cpu");
    }

    #[test]
    fn weights_have_to_be_finite_in_their_type() {
        assert!(check_weight("node weight", 3, 1e300, DType::F64).is_ok());
        let said = check_weight("node weight", 3, 1e300, DType::F32).unwrap_err().to_string();
        assert_eq!(
            said,
            "node weight 3 is 1e300, expected a number of at least 0 and finite in the type of the logits"
        );
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(matches!(
                check_weight("node weight", 0, value, DType::F64),
                Err(Error::Weight { index: 0, .. })
            ));
        }
    }

    #[test]
    fn shapes_and_types_are_named() {
        let of = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
        assert_eq!(batch_of(&of(&[4, 3], DType::F32), 3).unwrap(), 4);
        let said = |tensor: &Tensor| batch_of(tensor, 3).unwrap_err().to_string();
        assert_eq!(said(&of(&[4, 2], DType::F32)), "logits have shape [4, 2], expected [batch, 3]");
        assert_eq!(said(&of(&[3], DType::F32)), "logits have shape [3], expected [batch, 3]");
        assert_eq!(said(&of(&[4, 3], DType::U32)), "logits are U32, expected F32 or F64");
        assert_eq!(said(&of(&[0, 3], DType::F64)), "the batch has no objects, expected at least one");
        let said = check_not_negative("alpha", f64::NAN).unwrap_err().to_string();
        assert_eq!(said, "alpha is NaN, expected a finite number of at least 0");
    }
}
