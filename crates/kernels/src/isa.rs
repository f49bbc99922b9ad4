//! Which instruction set the kernels run on, decided once when the process first asks.

use std::fmt;
use std::sync::OnceLock;

/// The environment variable that forces an instruction set: `portable`, `avx2`, `avx512` or `neon`.
pub const ISA_ENV: &str = "CORNET_ISA";

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isa {
    /// Whatever the compiler's base target offers; every CPU has it.
    Portable,
    /// AArch64 Advanced SIMD: 32 vectors of 4 `f32`.
    Neon,
    /// x86-64 with AVX2 and FMA: 16 vectors of 8 `f32`.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL (and AVX2 and FMA): 32 vectors of 16 `f32`.
    Avx512,
}

impl Isa {
    /// Every instruction set, slowest first.
    pub const ALL: [Isa; 4] = [Isa::Portable, Isa::Neon, Isa::Avx2, Isa::Avx512];

    /// The name used by [`ISA_ENV`] and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Neon => "neon",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Number of `f32` in a vector of this instruction set (1 where kernels are scalar).
    #[must_use]
    pub const fn lanes_f32(self) -> usize {
        match self {
            Isa::Portable => 1,
            Isa::Neon => 4,
            Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Whether this CPU runs it.
    #[must_use]
    pub fn available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// The instruction sets this CPU runs, slowest first; never empty.
    pub fn all_available() -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.available())
    }

    /// The fastest instruction set of this CPU, whatever the environment says.
    #[must_use]
    pub fn fastest() -> Isa {
        Isa::all_available().last().unwrap_or(Isa::Portable)
    }

    /// The instruction set kernels use: [`ISA_ENV`] where it names one this CPU runs, else the fastest.
    ///
    /// The environment is read once. A refused override (unknown name, or a CPU without it) leaves the fastest set in
    /// force; [`isa_override`] says why.
    #[must_use]
    #[inline]
    pub fn detect() -> Isa {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| match isa_override() {
            Ok(Some(isa)) => isa,
            Ok(None) | Err(_) => Isa::fastest(),
        })
    }

    /// The instruction set called `name`, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Isa> {
        Isa::ALL.into_iter().find(|isa| isa.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why [`ISA_ENV`] was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsaOverrideError {
    /// No instruction set has this name.
    Unknown(String),
    /// This CPU lacks it.
    Unavailable(Isa),
}

impl fmt::Display for IsaOverrideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IsaOverrideError::Unknown(name) => {
                write!(f, "{ISA_ENV}: expected one of portable, neon, avx2, avx512, found '{name}'")
            }
            IsaOverrideError::Unavailable(isa) => write!(f, "{ISA_ENV}: this CPU does not run '{isa}'"),
        }
    }
}

impl std::error::Error for IsaOverrideError {}

/// What [`ISA_ENV`] asks for now: nothing, an instruction set this CPU runs, or something refused.
///
/// # Errors
/// [`IsaOverrideError`] when the name is unknown or the CPU lacks the instruction set.
pub fn isa_override() -> Result<Option<Isa>, IsaOverrideError> {
    match std::env::var(ISA_ENV) {
        Ok(name) if !name.is_empty() => parse_override(&name).map(Some),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(name)) => Err(IsaOverrideError::Unknown(name.to_string_lossy().into())),
    }
}

fn parse_override(name: &str) -> Result<Isa, IsaOverrideError> {
    let isa = Isa::from_name(name).ok_or_else(|| IsaOverrideError::Unknown(name.into()))?;
    if isa.available() { Ok(isa) } else { Err(IsaOverrideError::Unavailable(isa)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_round_trips() {
        for isa in Isa::ALL {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
        }
        assert_eq!(Isa::from_name("AVX512"), Some(Isa::Avx512));
        assert_eq!(Isa::from_name("sse"), None);
    }

    #[test]
    fn an_override_is_refused_when_unknown_or_unavailable() {
        assert_eq!(parse_override("mmx"), Err(IsaOverrideError::Unknown("mmx".into())));
        assert_eq!(parse_override("portable"), Ok(Isa::Portable));
        for isa in Isa::ALL.into_iter().filter(|isa| !isa.available()) {
            assert_eq!(parse_override(isa.name()), Err(IsaOverrideError::Unavailable(isa)));
        }
    }

    #[test]
    fn the_detected_set_is_available() {
        assert!(Isa::detect().available());
        assert!(Isa::all_available().any(|isa| isa == Isa::Portable));
        assert!(Isa::fastest() >= Isa::Portable);
    }
}
