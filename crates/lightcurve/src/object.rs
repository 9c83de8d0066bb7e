//! Objects: what a survey knows of one source on the sky.

use std::fmt;
use std::sync::Arc;

use crate::{Context, LightCurve};

/// The name of an object in its survey: an integer (LSST, SNANA) or text (ZTF).
///
/// Integers come before texts in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(untagged))]
pub enum ObjectId {
    /// A number such as LSST's diaObjectId.
    Integer(i64),
    /// A name such as `ZTF20aadvunl`.
    Text(Arc<str>),
}

impl ObjectId {
    /// Reads an id as a file writes it, blanks around it ignored: an integer when the text is one in its plain form
    /// (`397127`, `-5`), otherwise text (`007` and `+7` stay text, for they would not be written back the same).
    ///
    /// ```
    /// use heliacal_lightcurve::ObjectId;
    /// assert_eq!(ObjectId::parse(" 397127 "), ObjectId::Integer(397_127));
    /// assert_eq!(ObjectId::parse("007").to_string(), "007");
    /// ```
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let plain = match text.strip_prefix('-').unwrap_or(text).as_bytes() {
            [b'0'] => !text.starts_with('-'),
            [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        match text.parse() {
            Ok(number) if plain => Self::Integer(number),
            _ => Self::Text(text.into()),
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.pad(text),
        }
    }
}

impl From<i64> for ObjectId {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for ObjectId {
    /// As [`parse`](Self::parse).
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

/// One object of a survey: its id, its light curve, its static features and, where known, its class.
///
/// Every combination of values is valid, so the fields are public.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Object {
    /// Name in the survey.
    pub id: ObjectId,
    /// What was observed.
    pub light_curve: LightCurve,
    /// Static features: host galaxy, extinction, redshift.
    pub context: Context,
    /// The true class, for training and evaluation, as the source of the object names it.
    pub true_class: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_integers_are_numbers() {
        for (text, expected) in [("0", 0), ("42", 42), ("-7", -7), ("9223372036854775807", i64::MAX)] {
            assert_eq!(ObjectId::parse(text), ObjectId::Integer(expected));
        }
        for text in ["", "-", "-0", "00", "+5", "1e3", "9223372036854775808", "ZTF20aadvunl", "1 2"] {
            assert_eq!(ObjectId::parse(text), ObjectId::Text(text.into()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_reads_back_from_its_text(id in prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()), "[a-zA-Z0-9+-]{0,12}",
        ]) {
            let parsed = ObjectId::parse(&id);
            prop_assert_eq!(parsed.to_string(), id);
            prop_assert_eq!(ObjectId::parse(&parsed.to_string()), parsed);
        }
    }
}
