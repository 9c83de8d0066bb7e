#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ancestry;
mod bts_types;
mod builtin;
mod class_map;
mod code_map;
mod decision;
mod distance;
mod elasticc_ids;
mod error;
mod leaf_columns;
#[cfg(feature = "serde")]
mod nested;
mod projection;
mod propagate;
mod snana_models;
mod tree;
mod unknown_name;
mod validate;
mod vsx;
mod vsx_types;

pub use class_map::{ClassMap, ClassMapError, Placement};
pub use code_map::{CodeMap, UnknownCode};
pub use decision::LevelDisagreement;
pub use distance::{EdgeLength, InvalidDecay};
pub use elasticc_ids::{Identification, elasticc_class_id, gentype_of_sntype};
pub use error::{DecisionError, LengthError, TaxonomyError};
pub use leaf_columns::ColumnsError;
#[cfg(feature = "serde")]
pub use nested::{MAX_TEXT_BYTES, TaxonomyTextError};
pub use projection::{BelowMinimum, MIN_PROJECTED_MASS, Projection, ProjectionError, ProjectionOptions};
pub use tree::{LeafIndex, NodeId, Taxonomy};
pub use unknown_name::UnknownName;
pub use validate::{MAX_DEPTH, MAX_NODES};
pub use vsx::{VsxClass, VsxTypes};
