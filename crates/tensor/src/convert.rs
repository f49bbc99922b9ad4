//! Conversions between dtypes, and the wide forms that references compute in.

use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

use crate::{Array, DType, Result, Shape, fail};

/// Calls `$f!(type)` for the element type of a numeric `$dtype`; `$else` for bool and string.
macro_rules! for_numeric {
    ($dtype:expr, $t:ident => $body:expr, else $other:expr) => {
        match $dtype {
            DType::I8 => {
                type $t = i8;
                $body
            }
            DType::I16 => {
                type $t = i16;
                $body
            }
            DType::I32 => {
                type $t = i32;
                $body
            }
            DType::I64 => {
                type $t = i64;
                $body
            }
            DType::U8 => {
                type $t = u8;
                $body
            }
            DType::U16 => {
                type $t = u16;
                $body
            }
            DType::U32 => {
                type $t = u32;
                $body
            }
            DType::U64 => {
                type $t = u64;
                $body
            }
            DType::F16 => {
                type $t = f16;
                $body
            }
            DType::BF16 => {
                type $t = bf16;
                $body
            }
            DType::F32 => {
                type $t = f32;
                $body
            }
            DType::F64 => {
                type $t = f64;
                $body
            }
            _ => $other,
        }
    };
}

/// Numbers that convert to and from the wide forms: `as` for Rust's own, rounding for half precision.
trait Wide: Copy {
    fn f64(self) -> f64;
    fn i64(self) -> i64;
    fn of_f64(x: f64) -> Self;
    fn of_i64(x: i64) -> Self;
}

macro_rules! wide {
    ($($t:ty)+) => { $(impl Wide for $t {
        fn f64(self) -> f64 { self as f64 }
        fn i64(self) -> i64 { self as i64 }
        fn of_f64(x: f64) -> Self { x as $t }
        fn of_i64(x: i64) -> Self { x as $t }
    })+ };
}
wide!(i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

macro_rules! wide_half {
    ($($t:ty)+) => { $(impl Wide for $t {
        fn f64(self) -> f64 { self.to_f64() }
        fn i64(self) -> i64 { self.to_f64() as i64 }
        fn of_f64(x: f64) -> Self { <$t>::from_f64(x) }
        fn of_i64(x: i64) -> Self { <$t>::from_f64(x as f64) }
    })+ };
}
wide_half!(f16 bf16);

impl Array {
    /// The elements as f64: exact for all but 64-bit integers, bools as 0 and 1, complex by their real part.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        Ok(for_numeric!(self.dtype(), T => self.as_slice::<T>()?.iter().map(|x| x.f64()).collect(), else {
            match self.dtype() {
                DType::Bool => self.bytes().iter().map(|&b| f64::from(b)).collect(),
                DType::C64 => self.as_slice::<Complex32>()?.iter().map(|c| f64::from(c.re)).collect(),
                _ => fail!(DtypeMismatch, "dtype: expected numbers, found string"),
            }
        }))
    }

    /// The elements as i64: uint64 by its bits, floats towards zero (saturating), bools as 0 and 1.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn to_i64(&self) -> Result<Vec<i64>> {
        Ok(for_numeric!(self.dtype(), T => self.as_slice::<T>()?.iter().map(|x| x.i64()).collect(), else {
            match self.dtype() {
                DType::Bool => self.bytes().iter().map(|&b| i64::from(b)).collect(),
                DType::C64 => self.as_slice::<Complex32>()?.iter().map(|c| c.re as i64).collect(),
                _ => fail!(DtypeMismatch, "dtype: expected numbers, found string"),
            }
        }))
    }

    /// The elements as complex numbers of doubled precision.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn to_c128(&self) -> Result<Vec<Complex64>> {
        if self.dtype() == DType::C64 {
            return Ok(self
                .as_slice::<Complex32>()?
                .iter()
                .map(|c| Complex64::new(c.re.into(), c.im.into()))
                .collect());
        }
        Ok(self.to_f64()?.into_iter().map(|x| Complex64::new(x, 0.0)).collect())
    }

    /// An array of `dtype` from f64 values, rounded to nearest even (towards zero and saturating for integers;
    /// non-zero is true).
    ///
    /// # Errors
    /// `shape_mismatch` on a wrong count; `dtype_mismatch` for strings.
    pub fn from_f64(dtype: DType, shape: impl Into<Shape>, values: &[f64]) -> Result<Self> {
        for_numeric!(dtype, T => Array::from_slice(&values.iter().map(|&x| T::of_f64(x)).collect::<Vec<T>>(), shape), else {
            match dtype {
                DType::Bool => Array::from_vec(values.iter().map(|&x| x != 0.0).collect::<Vec<bool>>(), shape),
                DType::C64 => {
                    Array::from_slice(&values.iter().map(|&x| Complex32::new(x as f32, 0.0)).collect::<Vec<_>>(), shape)
                }
                _ => fail!(DtypeMismatch, "dtype: expected a number type, found string"),
            }
        })
    }

    /// An array of `dtype` from i64 values, wrapped to its width (rounded for floats; non-zero is true).
    ///
    /// # Errors
    /// `shape_mismatch` on a wrong count; `dtype_mismatch` for strings.
    pub fn from_i64(dtype: DType, shape: impl Into<Shape>, values: &[i64]) -> Result<Self> {
        for_numeric!(dtype, T => Array::from_slice(&values.iter().map(|&x| T::of_i64(x)).collect::<Vec<T>>(), shape), else {
            match dtype {
                DType::Bool => Array::from_vec(values.iter().map(|&x| x != 0).collect::<Vec<bool>>(), shape),
                DType::C64 => {
                    Array::from_slice(&values.iter().map(|&x| Complex32::new(x as f32, 0.0)).collect::<Vec<_>>(), shape)
                }
                _ => fail!(DtypeMismatch, "dtype: expected a number type, found string"),
            }
        })
    }

    /// A complex64 array from wide values, rounded.
    ///
    /// # Errors
    /// `shape_mismatch` on a wrong count.
    pub fn from_c128(shape: impl Into<Shape>, values: &[Complex64]) -> Result<Self> {
        Array::from_slice(&values.iter().map(|c| Complex32::new(c.re as f32, c.im as f32)).collect::<Vec<_>>(), shape)
    }

    /// The same values in another dtype: floats to integers towards zero (saturating), integers wrap, non-zero is
    /// true, the imaginary part is dropped.
    ///
    /// # Errors
    /// `dtype_mismatch` between strings and numbers.
    pub fn cast(&self, dtype: DType) -> Result<Self> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        let shape = self.shape().clone();
        match self.dtype() {
            DType::Str => fail!(DtypeMismatch, "cast: string does not convert to {dtype}"),
            DType::U64 if dtype.is_float() => {
                let wide: Vec<f64> = self.as_slice::<u64>()?.iter().map(|&x| x as f64).collect();
                Array::from_f64(dtype, shape, &wide)
            }
            d if d.is_int() || d == DType::Bool => Array::from_i64(dtype, shape, &self.to_i64()?),
            _ if dtype == DType::U64 => {
                Array::from_slice(&self.to_f64()?.iter().map(|&x| x as u64).collect::<Vec<_>>(), shape)
            }
            _ => Array::from_f64(dtype, shape, &self.to_f64()?),
        }
    }

    /// `value` everywhere.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn full(dtype: DType, shape: impl Into<Shape>, value: f64) -> Result<Self> {
        let shape = shape.into();
        if value == 0.0 && value.is_sign_positive() {
            return Ok(Array::zeros(dtype, shape));
        }
        let n = shape.elements();
        Array::from_f64(dtype, shape, &vec![value; n])
    }
}
