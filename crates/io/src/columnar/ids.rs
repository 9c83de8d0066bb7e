//! Object ids in columns.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeStringArray};
use arrow_schema::DataType;
use heliacal_lightcurve::ObjectId;

use super::columns::{float_column, is_number, is_text, text_column, whole_column};
use crate::ErrorKind;

/// How a file that is written holds its objects' ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdKind {
    /// As 64-bit integers: LSST, SNANA.
    #[default]
    Integer,
    /// As text: ZTF, or surveys mixed.
    Text,
}

/// A column of ids.
pub(crate) enum IdColumn {
    Integers(Int64Array),
    /// pandas makes floats of integers next to missing values.
    Floats(Float64Array),
    Texts(LargeStringArray),
}

impl IdColumn {
    pub(crate) fn new(array: &ArrayRef) -> Result<Self, ErrorKind> {
        Ok(match array.data_type() {
            data_type if is_text(data_type) => Self::Texts(text_column(array)?),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Self::Floats(float_column::<Float64Type>(array)?)
            }
            data_type if is_number(data_type) => Self::Integers(whole_column(array)?),
            other => {
                return Err(ErrorKind::ColumnType { expected: "integers or text", found: other.to_string() });
            }
        })
    }

    pub(crate) fn get(&self, row: usize) -> Result<ObjectId, ErrorKind> {
        let invalid = |found: String| ErrorKind::Invalid { expected: "an object id".to_owned(), found };
        match self {
            Self::Integers(ids) if ids.is_valid(row) => Ok(ObjectId::Integer(ids.value(row))),
            Self::Texts(ids) if ids.is_valid(row) => Ok(ObjectId::parse(ids.value(row))),
            Self::Floats(ids) if ids.is_valid(row) => {
                // Whole floats are exact up to 2^53; above, neighbouring ids would fall together.
                let id = ids.value(row);
                let exact = id.fract() == 0.0 && id.abs() <= 9_007_199_254_740_992.0;
                exact.then_some(ObjectId::Integer(id as i64)).ok_or_else(|| invalid(id.to_string()))
            }
            _ => Err(invalid("null (or what does not fit)".to_owned())),
        }
    }
}

/// Ids on their way into a file.
#[derive(Debug)]
pub(crate) enum IdBuilder {
    Integers(Int64Builder),
    Texts(StringBuilder),
}

impl IdBuilder {
    pub(crate) fn new(kind: IdKind) -> Self {
        match kind {
            IdKind::Integer => Self::Integers(Int64Builder::new()),
            IdKind::Text => Self::Texts(StringBuilder::new()),
        }
    }

    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Integers(_) => DataType::Int64,
            Self::Texts(_) => DataType::Utf8,
        }
    }

    /// Whether the id can stand in this file and reads back the same.
    pub(crate) fn check(&self, id: &ObjectId) -> Result<(), ErrorKind> {
        let invalid = |expected: &str| {
            Err(ErrorKind::Invalid {
                expected: expected.to_owned(),
                found: format!("the text {:?}", id.to_string()),
            })
        };
        match (self, id) {
            (Self::Integers(_), ObjectId::Text(_)) => {
                invalid("an integer (IdKind::Text writes ids of both kinds)")
            }
            (Self::Texts(_), ObjectId::Text(text)) if ObjectId::parse(text) != *id => {
                invalid("text that is no integer and has no blanks around it")
            }
            _ => Ok(()),
        }
    }

    /// Adds an id that was checked, `times` times.
    pub(crate) fn append(&mut self, id: &ObjectId, times: usize) {
        match (self, id) {
            (Self::Integers(ids), ObjectId::Integer(id)) => ids.append_value_n(*id, times),
            (Self::Texts(ids), id) => {
                let text = id.to_string();
                (0..times).for_each(|_| ids.append_value(&text));
            }
            (Self::Integers(_), ObjectId::Text(_)) => unreachable!("checked"),
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integers(ids) => Arc::new(ids.finish()),
            Self::Texts(ids) => Arc::new(ids.finish()),
        }
    }
}

/// The ids met so far, to notice one that comes again: about 16 bytes each where they are integers.
#[derive(Debug, Default)]
pub(crate) struct SeenIds {
    integers: HashSet<i64>,
    texts: HashSet<Arc<str>>,
}

impl SeenIds {
    /// Whether the id is new.
    pub(crate) fn insert(&mut self, id: &ObjectId) -> bool {
        match id {
            ObjectId::Integer(id) => self.integers.insert(*id),
            ObjectId::Text(id) => self.texts.insert(id.clone()),
        }
    }
}
