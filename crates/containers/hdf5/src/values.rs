//! Values as Rust numbers.

use crate::datatype::Dtype;

mod sealed {
    pub trait Sealed {}
}

/// A number that values of one [`Dtype`] become.
pub trait Element: Copy + sealed::Sealed {
    /// The type of the file's values that it stands for.
    const DTYPE: Dtype;

    /// One value from its little-endian bytes, of which there are exactly enough.
    #[doc(hidden)]
    fn from_le(bytes: &[u8]) -> Self;
}

macro_rules! elements {
    ($($rust:ty => $dtype:ident;)+) => {$(
        impl sealed::Sealed for $rust {}

        impl Element for $rust {
            const DTYPE: Dtype = Dtype::$dtype;

            fn from_le(bytes: &[u8]) -> Self {
                let mut exact = [0; size_of::<$rust>()];
                exact.copy_from_slice(bytes);
                Self::from_le_bytes(exact)
            }
        }
    )+};
}

elements! {
    i8 => I8;
    i16 => I16;
    i32 => I32;
    i64 => I64;
    u8 => U8;
    u16 => U16;
    u32 => U32;
    u64 => U64;
    f32 => F32;
    f64 => F64;
}
