//! The instruction set that the vector kernels run on, chosen when the program runs.

use std::fmt;
use std::str::FromStr;

use pulp::{Scalar128b, Simd, WithSimd};

use crate::{Error, Result};

/// An instruction set that the kernels of recurrent layers and attention can run on.
///
/// The best one that the processor has is taken, unless the environment variable `HELIACAL_ISA` names another
/// (`avx512`, `avx2`, `neon` or `portable`). Numbers differ between two of them in their last digits, because they round
/// products differently; on one of them, the same input gives the same bits, whatever the batch and the threads.
///
/// ```
/// use heliacal_models::Isa;
///
/// assert!(Isa::available().contains(&Isa::Portable)); // on every machine
/// assert_eq!("avx2".parse::<Isa>()?, Isa::Avx2);
/// # Ok::<(), heliacal_models::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// x86-64 with AVX-512 (F, BW, CD, DQ, VL): 16 numbers at a time.
    Avx512,
    /// x86-64 with AVX2 and FMA: 8 numbers at a time.
    Avx2,
    /// 64-bit Arm: 4 numbers at a time.
    Neon,
    /// Any machine: 4 numbers at a time, as the compiler sees fit.
    Portable,
}

impl Isa {
    /// From the fastest to the slowest.
    const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// Those of this machine, the fastest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        Vectors::new(self).is_some()
    }

    /// The one that `HELIACAL_ISA` names, or the fastest of this machine.
    ///
    /// # Errors
    /// [`Error::Config`] when the variable names an unknown one, or one that this machine does not have.
    pub fn current() -> Result<Self> {
        let isa = match std::env::var("HELIACAL_ISA") {
            Ok(name) => name.parse()?,
            Err(_) => Self::available()[0],
        };
        Vectors::checked(isa)?;
        Ok(isa)
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        })
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|isa| isa.to_string() == name).ok_or_else(|| Error::Config {
            what: "instruction set",
            expected: "one of avx512, avx2, neon, portable".into(),
            found: format!("{name:?}"),
        })
    }
}

/// The proof that this machine has an instruction set, and the way to run code on it.
#[derive(Debug, Clone, Copy)]
pub enum Vectors {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    Portable(Scalar128b),
}

impl Vectors {
    fn new(isa: Isa) -> Option<Self> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => pulp::x86::V4::try_new().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => pulp::x86::V3::try_new().map(Self::Avx2),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => pulp::aarch64::Neon::try_new().map(Self::Neon),
            Isa::Portable => Some(Self::Portable(Scalar128b)),
            _ => None,
        }
    }

    pub(crate) fn checked(isa: Isa) -> Result<Self> {
        Self::new(isa).ok_or_else(|| {
            let available: Vec<String> = Isa::available().iter().map(ToString::to_string).collect();
            let expected = format!("one that this machine has: {}", available.join(", "));
            Error::Config { what: "instruction set", expected, found: isa.to_string() }
        })
    }

    pub(crate) fn isa(self) -> Isa {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Isa::Avx512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => Isa::Neon,
            Self::Portable(_) => Isa::Portable,
        }
    }

    /// Numbers in one vector.
    pub(super) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => pulp::x86::V4::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => pulp::x86::V3::F32_LANES,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => pulp::aarch64::Neon::F32_LANES,
            Self::Portable(_) => Scalar128b::F32_LANES,
        }
    }

    /// Runs code compiled for the instruction set.
    pub(crate) fn run<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, op),
            Self::Portable(simd) => Simd::vectorize(simd, op),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse::<Isa>().unwrap(), isa);
        }
        assert!(matches!("sse9".parse::<Isa>(), Err(Error::Config { .. })));
    }

    #[test]
    fn what_is_available_can_run() {
        for isa in Isa::available() {
            let vectors = Vectors::checked(isa).unwrap();
            assert_eq!(vectors.isa(), isa);
            assert!([4, 8, 16].contains(&vectors.lanes()));
        }
        let missing = Isa::ALL.into_iter().find(|isa| !isa.is_available()).unwrap();
        assert!(Vectors::checked(missing).is_err());
    }
}
