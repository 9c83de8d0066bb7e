//! Columns by name, and their values in the few types that this crate works with.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int64Type};
use arrow_array::{Array, ArrayRef, LargeListArray, LargeStringArray, PrimitiveArray, StructArray};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Fields};

use crate::ErrorKind;

/// The first column whose name is one of `names`, in the order of `names`; case is ignored.
pub(crate) fn find(fields: &Fields, names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| fields.iter().position(|field| field.name().eq_ignore_ascii_case(name)))
}

pub(crate) fn find_required(fields: &Fields, names: &[&str]) -> Result<usize, ErrorKind> {
    find(fields, names).ok_or_else(|| ErrorKind::MissingColumn {
        expected: names.join(" or "),
        found: fields.iter().map(|field| field.name().clone()).collect(),
    })
}

pub(crate) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Text, also as bytes: FITS strings arrive in Parquet without the mark that they are text.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    match data_type {
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

/// Lists of any kind, and what is in them.
pub(crate) fn is_list(data_type: &DataType) -> Option<&Field> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

/// The column as floats; what does not fit is null.
pub(crate) fn float_column<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<PrimitiveArray<T>, ErrorKind> {
    Ok(cast(array, &T::DATA_TYPE)?.as_primitive::<T>().clone())
}

/// The column as whole numbers; what does not fit is null.
pub(crate) fn whole_column(array: &ArrayRef) -> Result<PrimitiveArray<Int64Type>, ErrorKind> {
    float_column::<Int64Type>(array)
}

/// The column as text; bytes that are not UTF-8 are null.
pub(crate) fn text_column(array: &ArrayRef) -> Result<LargeStringArray, ErrorKind> {
    Ok(cast(array, &DataType::LargeUtf8)?.as_string::<i64>().clone())
}

/// The column as large lists of whatever was in it.
pub(crate) fn list_column(array: &ArrayRef) -> Result<LargeListArray, ErrorKind> {
    let Some(item) = is_list(array.data_type()) else {
        return Err(ErrorKind::ColumnType { expected: "a list", found: array.data_type().to_string() });
    };
    let item = Field::new(item.name(), item.data_type().clone(), true);
    Ok(cast(array, &DataType::LargeList(item.into()))?.as_list::<i64>().clone())
}

/// One list per object, its entries already in the type that is wanted.
pub(crate) struct ObjectLists<A> {
    lists: LargeListArray,
    /// Where the entries are the members of structs: the structs.
    structs: Option<StructArray>,
    values: A,
}

impl<A: Array> ObjectLists<A> {
    /// A column of lists.
    pub(crate) fn new(
        array: &ArrayRef,
        convert: impl Fn(&ArrayRef) -> Result<A, ErrorKind>,
    ) -> Result<Self, ErrorKind> {
        let lists = list_column(array)?;
        let values = convert(lists.values())?;
        Ok(Self { lists, structs: None, values })
    }

    /// One member of a column of lists of structs.
    pub(crate) fn member(
        array: &ArrayRef,
        member: usize,
        convert: impl Fn(&ArrayRef) -> Result<A, ErrorKind>,
    ) -> Result<Self, ErrorKind> {
        let lists = list_column(array)?;
        let structs = lists.values().as_struct().clone();
        let values = convert(structs.column(member))?;
        Ok(Self { lists, structs: Some(structs), values })
    }

    /// First entry and number of entries of a row; a null in place of the list or of an entry is an error.
    pub(crate) fn range(&self, row: usize) -> Result<(usize, usize), ErrorKind> {
        let invalid = |found: String| ErrorKind::Invalid { expected: "a list of values".to_owned(), found };
        if self.lists.is_null(row) {
            return Err(invalid("null".to_owned()));
        }
        let offsets = self.lists.value_offsets();
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        let is_null = |entry: &usize| {
            self.values.is_null(*entry)
                || self.structs.as_ref().is_some_and(|structs| structs.is_null(*entry))
        };
        let has_nulls =
            self.values.null_count() > 0 || self.structs.as_ref().is_some_and(|s| s.null_count() > 0);
        match has_nulls.then(|| (start..end).find(is_null)).flatten() {
            Some(entry) => {
                Err(invalid(format!("null (or what does not fit) at entry {}", entry - start + 1)))
            }
            None => Ok((start, end - start)),
        }
    }

    pub(crate) fn values(&self) -> &A {
        &self.values
    }
}
