//! The element types of the format, and those of them that our arrays have no dtype for.

use cornet_error::{Result, err};
use cornet_tensor::DType;

use crate::narrow::Narrow;

/// The type of a tensor's elements, as the format counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// One of our dtypes.
    Plain(DType),
    /// Less than a byte, or a float of eight bits or fewer: kept as codes, one byte each.
    Narrow(Narrow),
    /// Something else, by its number.
    Other(i64),
}

const PLAIN: &[(i64, DType)] = &[
    (1, DType::F32),
    (2, DType::U8),
    (3, DType::I8),
    (4, DType::U16),
    (5, DType::I16),
    (6, DType::I32),
    (7, DType::I64),
    (8, DType::Str),
    (9, DType::Bool),
    (10, DType::F16),
    (11, DType::F64),
    (12, DType::U32),
    (13, DType::U64),
    (14, DType::C64),
    (16, DType::BF16),
];

impl Element {
    /// The type of that number.
    pub fn of(code: i64) -> Self {
        let plain = PLAIN.iter().find(|(c, _)| *c == code).map(|&(_, dtype)| Self::Plain(dtype));
        plain.or_else(|| Narrow::of(code).map(Self::Narrow)).unwrap_or(Self::Other(code))
    }

    /// The number of a dtype.
    pub fn code(dtype: DType) -> i64 {
        PLAIN.iter().find(|(_, d)| *d == dtype).map_or(0, |(code, _)| *code)
    }

    /// The dtype in which its elements are kept.
    ///
    /// # Errors
    /// `unsupported` for a type that neither we nor a byte a code can hold.
    pub fn dtype(self) -> Result<DType> {
        match self {
            Self::Plain(dtype) => Ok(dtype),
            Self::Narrow(narrow) => Ok(narrow.codes()),
            Self::Other(15) => Err(err!(Unsupported, "element type: complex128 is not supported")
                .help("convert the model to complex64 or to pairs of floats")),
            Self::Other(code) => Err(err!(Unsupported, "element type: expected one of the format, found {code}")),
        }
    }
}
