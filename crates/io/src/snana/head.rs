//! The columns of a HEAD file.

use std::sync::Arc;

use heliacal_lightcurve::{Context, ObjectId};

use crate::fits::{Column, Row, Table};
use crate::missing::{is_measured, sentinels};
use crate::{ContextColumns, ErrorKind, Result};

/// Where the facts of an object stand in its row of HEAD.
#[derive(Debug)]
pub(super) struct HeadColumns {
    snid: Column,
    pub(super) counts: CountColumns,
    sntype: Option<Column>,
    sim_type_index: Option<Column>,
    sim_model_name: Option<Column>,
    /// Sorted by name, so that a context needs no sorting.
    context: Vec<ContextColumn>,
}

/// How many observations an object has, and where.
#[derive(Debug)]
pub(super) struct CountColumns {
    n_obs: Option<Column>,
    pointers: Option<(Column, Column)>,
}

/// What stands in these columns for one object, not judged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// NOBS, otherwise what the pointers enclose.
    pub(super) n_obs: i64,
    /// PTROBS_MIN and PTROBS_MAX.
    pub(super) pointers: Option<(i64, i64)>,
}

#[derive(Debug)]
struct ContextColumn {
    name: Arc<str>,
    column: Column,
    missing: &'static [f64],
}

impl HeadColumns {
    pub(super) fn new(table: &Table, context: &ContextColumns) -> Result<Self> {
        let integer = |name| table.optional(&[name], "an integer", Column::is_integer);
        Ok(Self {
            snid: table
                .require(&["SNID"], "text or an integer", |column| column.is_text() || column.is_integer())?,
            counts: CountColumns::new(table)?,
            sntype: integer("SNTYPE")?,
            sim_type_index: integer("SIM_TYPE_INDEX")?,
            sim_model_name: table.optional(&["SIM_MODEL_NAME"], "text", Column::is_text)?,
            context: context_columns(table, context)?,
        })
    }

    /// None where SNID is an integer and not there.
    pub(super) fn id(&self, row: Row<'_>) -> Option<ObjectId> {
        if self.snid.is_text() {
            Some(ObjectId::parse(&String::from_utf8_lossy(self.snid.text(row))))
        } else {
            self.snid.integer(row).map(ObjectId::Integer)
        }
    }

    pub(super) fn sntype(&self, row: Row<'_>) -> Option<i64> {
        self.sntype.as_ref()?.integer(row)
    }

    pub(super) fn sim_type_index(&self, row: Row<'_>) -> Option<i64> {
        self.sim_type_index.as_ref()?.integer(row)
    }

    pub(super) fn sim_model_name<'a>(&self, row: Row<'a>) -> Option<&'a [u8]> {
        self.sim_model_name.as_ref().map(|column| column.text(row))
    }

    pub(super) fn context(&self, row: Row<'_>) -> Context {
        self.context
            .iter()
            .filter_map(|ContextColumn { name, column, missing }| {
                let value = column.number(row)?;
                (value.is_finite() && !missing.contains(&value)).then(|| (Arc::clone(name), value))
            })
            .collect()
    }
}

impl CountColumns {
    fn new(table: &Table) -> Result<Self> {
        let integer = |name| table.optional(&[name], "an integer", Column::is_integer);
        let n_obs = integer("NOBS")?;
        let pointers = integer("PTROBS_MIN")?.zip(integer("PTROBS_MAX")?);
        if n_obs.is_none() && pointers.is_none() {
            table.require(&["NOBS", "PTROBS_MIN"], "an integer", Column::is_integer)?;
            table.require(&["NOBS", "PTROBS_MAX"], "an integer", Column::is_integer)?;
        }
        Ok(Self { n_obs, pointers })
    }

    /// Whether there is a NOBS to check the pointers against.
    pub(super) fn has_n_obs(&self) -> bool {
        self.n_obs.is_some()
    }

    /// None where a number is absent (TNULL).
    pub(super) fn read(&self, row: Row<'_>) -> Option<Counts> {
        let pointers = match &self.pointers {
            Some((min, max)) => Some((min.integer(row)?, max.integer(row)?)),
            None => None,
        };
        let n_obs = match (&self.n_obs, pointers) {
            (Some(column), _) => column.integer(row)?,
            (None, Some((min, max))) => max.checked_sub(min)?.checked_add(1)?,
            (None, None) => return None,
        };
        Some(Counts { n_obs, pointers })
    }
}

/// The columns that become static features; `DECL` of old files is called `DEC`.
fn context_columns(table: &Table, wanted: &ContextColumns) -> Result<Vec<ContextColumn>> {
    let mut columns: Vec<ContextColumn> = Vec::new();
    let mut push = |name: &str, column: &Column| {
        if !columns.iter().any(|own| &*own.name == name) {
            columns.push(ContextColumn {
                name: name.into(),
                column: column.clone(),
                missing: sentinels(name),
            });
        }
    };
    match wanted {
        ContextColumns::Measured => {
            for column in
                table.columns.iter().filter(|column| column.is_number() && is_measured(&column.name))
            {
                let name = if column.name == "DECL" { "DEC" } else { &column.name };
                push(name, column);
            }
        }
        ContextColumns::Named(names) => {
            for name in names {
                let found = match name.as_str() {
                    "DEC" | "DECL" => table.column(&[name, "DEC", "DECL"]),
                    name => table.column(&[name]),
                };
                match found {
                    Some(column) if column.is_number() => {
                        push(if name == "DECL" { "DEC" } else { name }, column);
                    }
                    Some(column) => {
                        let found = column.describe();
                        return Err(table
                            .location
                            .clone()
                            .column(name)
                            .error(ErrorKind::ColumnType { expected: "a number", found }));
                    }
                    None => {}
                }
            }
        }
    }
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(columns)
}
