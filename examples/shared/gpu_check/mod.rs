//! The parts of the example gpu_check.

pub mod cases;
pub mod ceilings;
pub mod machine;
pub mod made_up;
pub mod parity;
pub mod stopwatch;
