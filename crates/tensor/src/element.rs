use bytemuck::Pod;
use half::{bf16, f16};
use num_complex::Complex32;

use crate::{Array, DType, Result, Shape, err};

/// A Rust type whose slices are an array's memory as it lies. `bool` is not one: any byte but 0 and 1 in it would be
/// undefined; read bools through [`Array::to_vec`] or as `u8` through [`Array::bytes`].
pub trait Element: Pod + Default + PartialEq + Send + Sync + std::fmt::Debug {
    /// The dtype of arrays of it.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($t:ty => $d:ident,)+) => { $(
        impl Element for $t { const DTYPE: DType = DType::$d; }
        impl Item for $t {
            const DTYPE: DType = DType::$d;
            fn pack(items: Vec<Self>, shape: Shape) -> Result<Array> { Array::from_slice(&items, shape) }
            fn unpack(array: &Array) -> Result<Vec<Self>> { Ok(array.as_slice::<$t>()?.to_vec()) }
        }
    )+ };
}

/// A Rust type that arrays are made from and read as: every [`Element`], and `bool` and `String`.
pub trait Item: Clone {
    /// The dtype of arrays of it.
    const DTYPE: DType;
    /// An array of `items`.
    ///
    /// # Errors
    /// `shape_mismatch` when the count is not the shape's.
    fn pack(items: Vec<Self>, shape: Shape) -> Result<Array>;
    /// The array's elements.
    ///
    /// # Errors
    /// `dtype_mismatch`; `invalid_argument` for a `String` that is not UTF-8.
    fn unpack(array: &Array) -> Result<Vec<Self>>;
}

elements! {
    i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    f16 => F16, bf16 => BF16, f32 => F32, f64 => F64,
    Complex32 => C64,
}

impl Item for bool {
    const DTYPE: DType = DType::Bool;
    fn pack(items: Vec<Self>, shape: Shape) -> Result<Array> {
        let bytes: Vec<u8> = items.into_iter().map(u8::from).collect();
        Array::from_bytes(DType::Bool, shape, &bytes)
    }
    fn unpack(array: &Array) -> Result<Vec<Self>> {
        array.expect_dtype(DType::Bool)?;
        Ok(array.bytes().iter().map(|&b| b != 0).collect())
    }
}

impl Item for String {
    const DTYPE: DType = DType::Str;
    fn pack(items: Vec<Self>, shape: Shape) -> Result<Array> {
        Array::from_strings(items.into_iter().map(String::into_bytes).collect(), shape)
    }
    fn unpack(array: &Array) -> Result<Vec<Self>> {
        let text = |(index, bytes): (usize, &Vec<u8>)| {
            String::from_utf8(bytes.clone()).map_err(|_| {
                err!(InvalidArgument, "string {index}: expected UTF-8, found other bytes")
                    .help("read the bytes themselves with strings()")
            })
        };
        array.strings()?.iter().enumerate().map(text).collect()
    }
}
