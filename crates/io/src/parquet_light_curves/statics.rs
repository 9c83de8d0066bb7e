//! Columns with one value an object: static features, labels, the true class.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{Array, Float64Array, Int64Array, LargeStringArray};
use arrow_schema::Fields;
use heliacal_lightcurve::Context;

use crate::columnar::{Rows, find, float_column, is_number, is_text, text_column, whole_column};
use crate::missing::{is_known_static, is_measured, sentinels};
use crate::record::folder_name;
use crate::{ContextColumns, ErrorKind, Labels, Location, ReadOptions, Result};

/// The column of the true class, as ORACLE's and ELAsTiCC's tools name it.
pub(super) const TRUE_CLASS: &str = "ELASTICC_class";

/// Which columns they are.
#[derive(Debug, Clone)]
pub(super) struct Statics {
    context: Vec<StaticColumn>,
    sntype: Option<usize>,
    sim_type_index: Option<usize>,
    sim_model_name: Option<usize>,
    true_class: Option<usize>,
    folder: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
struct StaticColumn {
    column: usize,
    name: Arc<str>,
    sentinels: &'static [f64],
}

/// The name under which a column becomes a feature. Some tools write SNANA's columns small (`mwebv`, `hostgal_mag_u`),
/// and older SNANA files say `DECL`; what SNANA does not know stays as it is.
pub(super) fn feature_name(column: &str) -> Cow<'_, str> {
    if column.eq_ignore_ascii_case("DECL") {
        return "DEC".into();
    }
    // SNANA's names are in capitals but for a band at the end.
    let snana = match column.rsplit_once('_') {
        Some((name, band @ ("u" | "g" | "r" | "i" | "z"))) => format!("{}_{band}", name.to_ascii_uppercase()),
        _ => column.to_ascii_uppercase(),
    };
    let is_small = !column.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_small && is_known_static(&snana) { snana.into() } else { column.into() }
}

/// The wanted feature that a column holds, under the name that it is wanted by.
fn wanted_name<'n>(names: &'n [String], column: &str) -> Option<Cow<'n, str>> {
    let is_same = |name: &&String| feature_name(name).eq_ignore_ascii_case(&feature_name(column));
    let name = names.iter().find(|name| *name == column).or_else(|| names.iter().find(is_same))?;
    Some(if name == "DECL" { "DEC".into() } else { name.into() })
}

impl Statics {
    /// In a table of single observations only the columns that SNANA is known to have once per object, and those asked
    /// for by name, are static.
    pub(super) fn find(path: &Path, fields: &Fields, options: &ReadOptions, is_long: bool) -> Result<Self> {
        let mut context = Vec::new();
        for (column, field) in fields.iter().enumerate() {
            let name = feature_name(field.name());
            let is_number = is_number(field.data_type());
            let name = match &options.context {
                ContextColumns::Measured if is_long => {
                    Some(name).filter(|name| is_number && is_known_static(name))
                }
                ContextColumns::Measured => Some(name).filter(|name| is_number && is_measured(name)),
                ContextColumns::Named(names) => wanted_name(names, field.name()),
            };
            let Some(name) = name else { continue };
            if !is_number {
                let found = field.data_type().to_string();
                let location = Location::file(path).column(field.name());
                return Err(location.error(ErrorKind::ColumnType { expected: "numbers", found }));
            }
            context.push(StaticColumn { column, sentinels: sentinels(&name), name: name.into() });
        }
        context.sort_by(|a, b| a.name.cmp(&b.name));
        let of_type =
            |name, fits: fn(&_) -> bool| find(fields, &[name]).filter(|&c| fits(fields[c].data_type()));
        Ok(Self {
            context,
            sntype: of_type("SNTYPE", is_number),
            sim_type_index: of_type("SIM_TYPE_INDEX", is_number),
            sim_model_name: of_type("SIM_MODEL_NAME", is_text),
            true_class: of_type(TRUE_CLASS, is_text),
            folder: folder_name(path),
        })
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        let others = [self.sntype, self.sim_type_index, self.sim_model_name, self.true_class];
        self.context.iter().map(|column| column.column).chain(others.into_iter().flatten())
    }

    pub(super) fn values(&self, rows: &Rows) -> Result<StaticValues, ErrorKind> {
        let whole = |column: Option<usize>| column.map(|c| whole_column(rows.column(c))).transpose();
        let text = |column: Option<usize>| column.map(|c| text_column(rows.column(c))).transpose();
        let context = self.context.iter().map(|c| float_column::<Float64Type>(rows.column(c.column)));
        Ok(StaticValues {
            context: context.collect::<Result<_, _>>()?,
            sntype: whole(self.sntype)?,
            sim_type_index: whole(self.sim_type_index)?,
            sim_model_name: text(self.sim_model_name)?,
            true_class: text(self.true_class)?,
        })
    }

    /// The features of a row that were measured.
    pub(super) fn context(&self, values: &StaticValues, row: usize) -> Context {
        let measured = self.context.iter().zip(&values.context).filter_map(|(column, values)| {
            let value = values.is_valid(row).then(|| values.value(row))?;
            (!column.sentinels.contains(&value)).then(|| (column.name.clone(), value))
        });
        measured.collect()
    }

    /// The first feature whose value differs between two rows, with both values.
    pub(super) fn difference(
        &self,
        (values, row): (&StaticValues, usize),
        first: &[Option<u64>],
    ) -> Option<(&str, [Option<f64>; 2])> {
        let differs =
            values.context.iter().zip(first).position(|(column, first)| bits(column, row) != *first)?;
        let value = bits(&values.context[differs], row);
        Some((&self.context[differs].name, [first[differs].map(f64::from_bits), value.map(f64::from_bits)]))
    }

    pub(super) fn labels(&self, values: &StaticValues, row: usize, names: &mut Names) -> Labels {
        let whole =
            |column: &Option<Int64Array>| column.as_ref().filter(|c| c.is_valid(row)).map(|c| c.value(row));
        let model = values.sim_model_name.as_ref().filter(|c| c.is_valid(row)).map(|c| c.value(row).trim());
        Labels {
            sntype: whole(&values.sntype),
            sim_type_index: whole(&values.sim_type_index),
            sim_model_name: model.filter(|name| !name.is_empty()).map(|name| names.get(name)),
            folder: self.folder.clone(),
        }
    }
}

/// Their values in some rows.
pub(super) struct StaticValues {
    context: Vec<Float64Array>,
    sntype: Option<Int64Array>,
    sim_type_index: Option<Int64Array>,
    sim_model_name: Option<LargeStringArray>,
    true_class: Option<LargeStringArray>,
}

impl StaticValues {
    pub(super) fn true_class(&self, row: usize, names: &mut Names) -> Option<Arc<str>> {
        let column = self.true_class.as_ref().filter(|column| column.is_valid(row))?;
        Some(names.get(column.value(row)))
    }

    /// The features of a row as they stand in the file.
    pub(super) fn bits(&self, row: usize) -> Vec<Option<u64>> {
        self.context.iter().map(|column| bits(column, row)).collect()
    }
}

fn bits(column: &Float64Array, row: usize) -> Option<u64> {
    column.is_valid(row).then(|| column.value(row).to_bits())
}

/// Names that repeat from object to object, kept once.
#[derive(Debug, Default)]
pub(super) struct Names {
    recent: Vec<Arc<str>>,
}

impl Names {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.recent.iter().find(|known| &***known == name) {
            return known.clone();
        }
        if self.recent.len() == 64 {
            self.recent.clear();
        }
        self.recent.push(name.into());
        self.recent[self.recent.len() - 1].clone()
    }
}
