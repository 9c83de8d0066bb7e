//! Rows of HEAD on their way to the file: which columns there are is known only after the last object.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use heliacal_lightcurve::Context;

use crate::missing::missing_code;

/// Rows of HEAD in a nameless temporary file; in memory are the names of the columns alone.
#[derive(Debug)]
pub(super) struct HeadSpool {
    file: BufWriter<File>,
    features: BTreeMap<Arc<str>, Feature>,
    id_width: usize,
    model_width: usize,
    sntype: IntegerLabel,
    sim_type_index: IntegerLabel,
    has_models: bool,
    n_objects: u64,
}

/// A column of the context.
#[derive(Debug, Clone, Copy)]
struct Feature {
    index: u32,
    /// Whether every value so far is an f32; none: no value so far.
    single: Option<bool>,
}

/// How an integer label must be written.
#[derive(Debug, Clone, Copy, Default)]
struct IntegerLabel {
    given: bool,
    absent: bool,
}

/// A row of HEAD.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeadRow {
    pub(super) id: String,
    pub(super) sntype: Option<i32>,
    pub(super) sim_type_index: Option<i32>,
    pub(super) sim_model_name: String,
    pub(super) n_obs: i32,
    /// PTROBS_MIN; PTROBS_MAX follows.
    pub(super) first_row: i32,
}

/// Stands for a label that an object lacks while others have it; the header declares it as TNULL.
pub(super) const NO_LABEL: i32 = i32::MIN;

/// A column of HEAD as it will be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeadColumn {
    pub(super) name: String,
    pub(super) form: String,
    cell: Cell,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Id(usize),
    Iauc,
    Fake,
    Sntype,
    NObs,
    First,
    Last,
    Feature { index: u32, single: bool, missing: f64 },
    ModelName(usize),
    TypeIndex,
}

impl HeadSpool {
    /// `always`: columns of context that are written whether an object has them or not.
    pub(super) fn new(folder: &Path, always: &[String]) -> io::Result<Self> {
        let mut features = BTreeMap::new();
        for name in always {
            let index = features.len() as u32;
            features.entry(name.as_str().into()).or_insert(Feature { index, single: None });
        }
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile_in(folder)?),
            features,
            id_width: 16,
            model_width: 32,
            sntype: IntegerLabel::default(),
            sim_type_index: IntegerLabel::default(),
            has_models: false,
            n_objects: 0,
        })
    }

    pub(super) fn n_objects(&self) -> u64 {
        self.n_objects
    }

    /// How many columns of context there would be with this one, too.
    pub(super) fn n_features_with(&self, context: &Context) -> usize {
        self.features.len() + context.iter().filter(|(name, _)| !self.features.contains_key(*name)).count()
    }

    pub(super) fn push(&mut self, row: &HeadRow, context: &Context) -> io::Result<()> {
        self.n_objects += 1;
        self.has_models |= !row.sim_model_name.is_empty();
        self.id_width = self.id_width.max(row.id.len());
        self.model_width = self.model_width.max(row.sim_model_name.len());
        for (label, value) in [(&mut self.sntype, row.sntype), (&mut self.sim_type_index, row.sim_type_index)]
        {
            label.given |= value.is_some();
            label.absent |= value.is_none();
        }
        for text in [&row.id, &row.sim_model_name] {
            self.file.write_all(&(text.len() as u32).to_le_bytes())?;
            self.file.write_all(text.as_bytes())?;
        }
        let (sntype, index) = (row.sntype.unwrap_or(NO_LABEL), row.sim_type_index.unwrap_or(NO_LABEL));
        for number in [sntype, index, row.n_obs, row.first_row] {
            self.file.write_all(&number.to_le_bytes())?;
        }
        self.file.write_all(&(context.len() as u32).to_le_bytes())?;
        for (name, value) in context.iter() {
            let single = f64::from(value as f32).to_bits() == value.to_bits();
            let next = self.features.len() as u32;
            if !self.features.contains_key(name) {
                self.features.insert(name.into(), Feature { index: next, single: None });
            }
            let index = self.features.get_mut(name).map_or(next, |feature| {
                feature.single = Some(single && feature.single.unwrap_or(true));
                feature.index
            });
            self.file.write_all(&index.to_le_bytes())?;
            self.file.write_all(&value.to_le_bytes())?;
        }
        Ok(())
    }

    /// The columns in SNANA's order. Positions are doubles, as SNANA has them; everything else is a single where that
    /// loses nothing.
    pub(super) fn columns(&self) -> Vec<HeadColumn> {
        let column = |name: &str, form: String, cell| HeadColumn { name: name.to_owned(), form, cell };
        let feature = |name: &str| {
            let known = self.features.get(name);
            let single = known.is_some_and(|f| f.single.unwrap_or(true))
                && !matches!(name, "RA" | "DEC")
                && !is_position(name);
            // A column that no object has is known to no row.
            let index = known.map_or(u32::MAX, |f| f.index);
            let form = if single { "1E" } else { "1D" };
            column(name, form.into(), Cell::Feature { index, single, missing: missing_code(name) })
        };
        let mut columns = vec![
            column("SNID", format!("{}A", self.id_width), Cell::Id(self.id_width)),
            column("IAUC", "16A".into(), Cell::Iauc),
            column("FAKE", "1I".into(), Cell::Fake),
            feature("RA"),
            feature("DEC"),
        ];
        if self.sntype.given {
            columns.push(column("SNTYPE", "1J".into(), Cell::Sntype));
        }
        columns.push(column("NOBS", "1J".into(), Cell::NObs));
        columns.push(column("PTROBS_MIN", "1J".into(), Cell::First));
        columns.push(column("PTROBS_MAX", "1J".into(), Cell::Last));
        columns.extend(
            self.features.keys().filter(|name| !matches!(&***name, "RA" | "DEC")).map(|name| feature(name)),
        );
        if self.has_models {
            columns.push(column(
                "SIM_MODEL_NAME",
                format!("{}A", self.model_width),
                Cell::ModelName(self.model_width),
            ));
        }
        if self.sim_type_index.given {
            columns.push(column("SIM_TYPE_INDEX", "1J".into(), Cell::TypeIndex));
        }
        columns
    }

    /// The columns that some objects lack, by name.
    pub(super) fn columns_with_null(&self) -> Vec<&'static str> {
        [("SNTYPE", self.sntype), ("SIM_TYPE_INDEX", self.sim_type_index)]
            .into_iter()
            .filter(|(_, label)| label.given && label.absent)
            .map(|(name, _)| name)
            .collect()
    }

    /// Writes the rows.
    pub(super) fn write_rows(self, columns: &[HeadColumn], out: &mut dyn Write) -> io::Result<()> {
        let mut values = vec![None; self.features.len()];
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut file = BufReader::new(file);
        let mut cells = Vec::new();
        for _ in 0..self.n_objects {
            let row = read_row(&mut file, &mut values)?;
            cells.clear();
            for column in columns {
                column.append(&row, &values, &mut cells);
            }
            out.write_all(&cells)?;
        }
        Ok(())
    }
}

fn is_position(name: &str) -> bool {
    name.starts_with("HOSTGAL") && (name.ends_with("_RA") || name.ends_with("_DEC"))
}

impl HeadColumn {
    /// Bytes in a row.
    pub(super) fn width(&self) -> usize {
        match self.cell {
            Cell::Id(width) | Cell::ModelName(width) => width,
            Cell::Iauc => 16,
            Cell::Fake => 2,
            Cell::Sntype | Cell::NObs | Cell::First | Cell::Last | Cell::TypeIndex => 4,
            Cell::Feature { single, .. } => {
                if single {
                    4
                } else {
                    8
                }
            }
        }
    }

    fn append(&self, row: &HeadRow, values: &[Option<f64>], out: &mut Vec<u8>) {
        match self.cell {
            Cell::Id(width) => padded(&row.id, width, out),
            Cell::Iauc => padded("NULL", 16, out),
            // SNANA: 2 is a simulation.
            Cell::Fake => out.extend(2i16.to_be_bytes()),
            Cell::Sntype => out.extend(row.sntype.unwrap_or(NO_LABEL).to_be_bytes()),
            Cell::NObs => out.extend(row.n_obs.to_be_bytes()),
            Cell::First => out.extend(row.first_row.to_be_bytes()),
            Cell::Last => out.extend((row.first_row + row.n_obs - 1).to_be_bytes()),
            Cell::Feature { index, single, missing } => {
                let value = values.get(index as usize).copied().flatten().unwrap_or(missing);
                if single {
                    out.extend((value as f32).to_be_bytes());
                } else {
                    out.extend(value.to_be_bytes());
                }
            }
            Cell::ModelName(width) => padded(&row.sim_model_name, width, out),
            Cell::TypeIndex => out.extend(row.sim_type_index.unwrap_or(NO_LABEL).to_be_bytes()),
        }
    }
}

fn padded(text: &str, width: usize, out: &mut Vec<u8>) {
    let end = out.len() + width;
    out.extend_from_slice(text.as_bytes());
    out.resize(end, b' ');
}

fn read_row(file: &mut impl Read, values: &mut [Option<f64>]) -> io::Result<HeadRow> {
    let id = read_text(file)?;
    let sim_model_name = read_text(file)?;
    let label = |number| (number != NO_LABEL).then_some(number);
    let sntype = label(i32::from_le_bytes(read(file)?));
    let sim_type_index = label(i32::from_le_bytes(read(file)?));
    let n_obs = i32::from_le_bytes(read(file)?);
    let first_row = i32::from_le_bytes(read(file)?);
    values.fill(None);
    for _ in 0..u32::from_le_bytes(read(file)?) {
        let index = u32::from_le_bytes(read(file)?);
        let value = f64::from_le_bytes(read(file)?);
        if let Some(place) = values.get_mut(index as usize) {
            *place = Some(value);
        }
    }
    Ok(HeadRow { id, sntype, sim_type_index, sim_model_name, n_obs, first_row })
}

fn read<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_text(file: &mut impl Read) -> io::Result<String> {
    let mut bytes = vec![0; u32::from_le_bytes(read(file)?) as usize];
    file.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
