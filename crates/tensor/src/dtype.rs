use std::fmt;
use std::str::FromStr;

use cornet_error::{Error, err};

macro_rules! dtypes {
    ($($variant:ident $name:literal $size:literal $doc:literal;)+) => {
        /// The type of an array's elements. Names are NumPy's and Keras's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DType { $(#[doc = $doc] $variant,)+ }

        impl DType {
            /// Every dtype, in the order of this table.
            pub const ALL: &'static [DType] = &[$(DType::$variant,)+];

            /// The name in files, messages and Keras's API.
            pub const fn name(self) -> &'static str {
                match self { $(DType::$variant => $name,)+ }
            }

            /// Bytes an element takes; 0 for strings, which have no fixed size.
            pub const fn size(self) -> usize {
                match self { $(DType::$variant => $size,)+ }
            }
        }
    };
}

dtypes! {
    Bool "bool" 1 "Truth value, stored as a byte 0 or 1.";
    I8 "int8" 1 "8-bit signed integer.";
    I16 "int16" 2 "16-bit signed integer.";
    I32 "int32" 4 "32-bit signed integer.";
    I64 "int64" 8 "64-bit signed integer.";
    U8 "uint8" 1 "8-bit unsigned integer.";
    U16 "uint16" 2 "16-bit unsigned integer.";
    U32 "uint32" 4 "32-bit unsigned integer.";
    U64 "uint64" 8 "64-bit unsigned integer.";
    F16 "float16" 2 "IEEE 754 binary16.";
    BF16 "bfloat16" 2 "The upper half of a binary32.";
    F32 "float32" 4 "IEEE 754 binary32.";
    F64 "float64" 8 "IEEE 754 binary64.";
    C64 "complex64" 8 "Two binary32: real and imaginary part.";
    Str "string" 0 "A byte string, usually UTF-8.";
}

impl DType {
    /// float16, bfloat16, float32 or float64.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// Signed or unsigned integer; not bool.
    pub const fn is_int(self) -> bool {
        self.is_signed_int() || self.is_unsigned_int()
    }

    /// int8 to int64.
    pub const fn is_signed_int(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    /// uint8 to uint64.
    pub const fn is_unsigned_int(self) -> bool {
        matches!(self, DType::U8 | DType::U16 | DType::U32 | DType::U64)
    }

    /// complex64.
    pub const fn is_complex(self) -> bool {
        matches!(self, DType::C64)
    }

    /// Has a gradient: float or complex.
    pub const fn is_inexact(self) -> bool {
        self.is_float() || self.is_complex()
    }

    /// The dtype of parameters in which a sum of such values is kept (float32 for half precision).
    pub const fn accumulator(self) -> DType {
        match self {
            DType::F16 | DType::BF16 => DType::F32,
            other => other,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        DType::ALL.iter().copied().find(|d| d.name() == name).ok_or_else(|| {
            let known: Vec<_> = DType::ALL.iter().map(|d| d.name()).collect();
            err!(DtypeMismatch, "dtype: expected one of {}, found '{name}'", known.join(", "))
        })
    }
}
