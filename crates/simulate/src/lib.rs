#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agn;
mod blackbody;
mod cadence;
mod class;
mod cosmology;
mod damped_random_walk;
mod detection;
mod drawn;
mod dwarf_nova;
mod eclipsing;
mod error;
mod eruption;
mod explosion;
mod flare;
mod host;
mod light_shape;
mod long_period;
mod microlensing;
mod noise;
mod photometry;
mod pulsation;
mod random;
mod redshift;
mod rotation;
mod simulator;
mod sky;
mod source;
mod stars;
mod supernova;
mod survey;

pub use blackbody::blackbody_colour;
pub use cadence::{Cadence, Field, Visit};
pub use class::SimulatedClass;
pub use cosmology::Cosmology;
pub use damped_random_walk::DampedRandomWalk;
pub use detection::Detection;
pub use error::SimulateError;
pub use flare::flare_profile;
pub use host::CONTEXT_NAMES;
pub use microlensing::magnification;
pub use noise::Noise;
pub use photometry::{EXTINCTION_COEFFICIENTS, flux_of_magnitude, magnitude_of_flux};
pub use simulator::{Simulator, Truth};
pub use sky::DEEP_FIELDS;
pub use survey::{ClassMix, Photometry, RedshiftRate, SurveyConfig};
