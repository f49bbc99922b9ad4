//! Conversions between dtypes, and the wide forms that references compute in.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

use crate::{Array, DType, Element, Result, Shape, err, fail};

/// Evaluates `$body` with `$t` the element type of a real `$dtype`; `$other` for bool, complex64 and string.
macro_rules! for_real {
    (@arms $dtype:expr, $t:ident, $body:expr, $other:expr, $($variant:ident $type:ty),+) => {
        match $dtype {
            $(DType::$variant => {
                type $t = $type;
                $body
            })+
            _ => $other,
        }
    };
    ($dtype:expr, $t:ident => $body:expr, else $other:expr) => {
        for_real!(@arms $dtype, $t, $body, $other, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F16 f16, BF16 bf16, F32 f32, F64 f64)
    };
}

/// A real number that converts to and from the wide ones: floats round to nearest even, integers wrap, and floats
/// beyond an integer's range saturate (NaN gives 0).
trait Real: Element {
    fn to_f64(self) -> f64;
    fn to_i64(self) -> i64;
    fn of_f64(x: f64) -> Self;
    fn of_i64(x: i64) -> Self;
    fn of_u64(x: u64) -> Self;
    /// Through whichever wide type holds `self` exactly.
    fn to<T: Real>(self) -> T;
}

macro_rules! real {
    ($($wide:ident $of:ident: $($t:ty)+;)+) => { $($(impl Real for $t {
        fn to_f64(self) -> f64 { self as f64 }
        fn to_i64(self) -> i64 { self as i64 }
        fn of_f64(x: f64) -> Self { x as $t }
        fn of_i64(x: i64) -> Self { x as $t }
        fn of_u64(x: u64) -> Self { x as $t }
        fn to<T: Real>(self) -> T { T::$of(self as $wide) }
    })+)+ };
}
real! {
    i64 of_i64: i8 i16 i32 i64;
    u64 of_u64: u8 u16 u32 u64;
    f64 of_f64: f32 f64;
}

macro_rules! real_half {
    ($($t:ty)+) => { $(impl Real for $t {
        fn to_f64(self) -> f64 { f64::from(self.to_f32()) }
        fn to_i64(self) -> i64 { self.to_f32() as i64 }
        fn of_f64(x: f64) -> Self { <$t>::from_f32(to_odd_f32(x)) }
        fn of_i64(x: i64) -> Self { Self::of_f64(if x < 0 { -to_odd_f64(x.unsigned_abs()) } else { to_odd_f64(x as u64) }) }
        fn of_u64(x: u64) -> Self { Self::of_f64(to_odd_f64(x)) }
        fn to<T: Real>(self) -> T { T::of_f64(self.to_f64()) }
    })+ };
}
real_half!(f16 bf16);

/// `x` as f32, rounded to odd: a second rounding, to fewer bits, then gives what one rounding would have given.
fn to_odd_f32(x: f64) -> f32 {
    let near = x as f32;
    let back = f64::from(near);
    if back == x || !near.is_finite() && !x.is_finite() || near.to_bits() & 1 == 1 {
        return near;
    }
    // The nearest is even: the neighbour on the other side of `x` is odd. Bits of floats count magnitudes.
    let bits = near.to_bits();
    f32::from_bits(if x.abs() > back.abs() { bits + 1 } else { bits - 1 })
}

/// `x` as f64, rounded to odd.
fn to_odd_f64(x: u64) -> f64 {
    if x < 1 << 53 { x as f64 } else { (x >> 16 | u64::from(x & 0xffff != 0)) as f64 * 65536.0 }
}

impl Array {
    /// The elements as f64: exact for all but 64-bit integers, bools as 0 and 1, complex by their real part.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        Ok(for_real!(self.dtype(), T => self.as_slice::<T>()?.iter().map(|&x| Real::to_f64(x)).collect(), else {
            match self.dtype() {
                DType::Bool => self.bytes().iter().map(|&b| f64::from(b)).collect(),
                DType::C64 => self.as_slice::<Complex32>()?.iter().map(|c| f64::from(c.re)).collect(),
                _ => fail!(DtypeMismatch, "dtype: expected numbers, found string"),
            }
        }))
    }

    /// The elements as i64: uint64 by its bits, floats towards zero (saturating), bools as 0 and 1, complex by their
    /// real part.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn to_i64(&self) -> Result<Vec<i64>> {
        Ok(for_real!(self.dtype(), T => self.as_slice::<T>()?.iter().map(|&x| Real::to_i64(x)).collect(), else {
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
            let wide = |c: &Complex32| Complex64::new(c.re.into(), c.im.into());
            return Ok(self.as_slice::<Complex32>()?.iter().map(wide).collect());
        }
        Ok(self.to_f64()?.into_iter().map(|x| Complex64::new(x, 0.0)).collect())
    }

    /// An array of `dtype` from f64 values, rounded once to nearest even (towards zero and saturating for integers;
    /// non-zero is true).
    ///
    /// # Errors
    /// `shape_mismatch` on a wrong count; `dtype_mismatch` for strings.
    pub fn from_f64(dtype: DType, shape: impl Into<Shape>, values: &[f64]) -> Result<Self> {
        let array = empty(dtype, shape.into(), values.len())?;
        array.filled(values)
    }

    /// An array of `dtype` from i64 values, wrapped to its width (rounded for floats; non-zero is true).
    ///
    /// # Errors
    /// `shape_mismatch` on a wrong count; `dtype_mismatch` for strings.
    pub fn from_i64(dtype: DType, shape: impl Into<Shape>, values: &[i64]) -> Result<Self> {
        let array = empty(dtype, shape.into(), values.len())?;
        array.filled(values)
    }

    /// A complex64 array from wide values, rounded.
    ///
    /// # Errors
    /// `shape_mismatch` on a wrong count.
    pub fn from_c128(shape: impl Into<Shape>, values: &[Complex64]) -> Result<Self> {
        Array::from_slice(&values.iter().map(|c| Complex32::new(c.re as f32, c.im as f32)).collect::<Vec<_>>(), shape)
    }

    /// The same values in another dtype: floats are rounded once, to nearest even; floats to integers go towards zero
    /// and saturate, NaN to 0; integers wrap; non-zero is true; complex to real drops the imaginary part.
    ///
    /// # Errors
    /// `dtype_mismatch` between strings and numbers.
    pub fn cast(&self, dtype: DType) -> Result<Self> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        if self.dtype() == DType::Str || dtype == DType::Str {
            fail!(DtypeMismatch, "cast: {} does not convert to {dtype}", self.dtype());
        }
        let mut array = Array::zeros(dtype, self.shape());
        match (self.dtype(), dtype) {
            (DType::F32, DType::F16) => array.as_mut_slice::<f16>()?.convert_from_f32_slice(self.as_slice()?),
            (DType::F32, DType::BF16) => array.as_mut_slice::<bf16>()?.convert_from_f32_slice(self.as_slice()?),
            (DType::F16, DType::F32) => self.as_slice::<f16>()?.convert_to_f32_slice(array.as_mut_slice()?),
            (DType::BF16, DType::F32) => self.as_slice::<bf16>()?.convert_to_f32_slice(array.as_mut_slice()?),
            (DType::C64, DType::Bool) => {
                let truth = self.as_slice::<Complex32>()?.iter().map(|c| u8::from(c.re != 0.0 || c.im != 0.0));
                array.bytes_mut().iter_mut().zip(truth).for_each(|(to, from)| *to = from);
            }
            (DType::C64, _) => {
                let real: Vec<f32> = self.as_slice::<Complex32>()?.iter().map(|c| c.re).collect();
                return array.filled(&real);
            }
            (DType::Bool, _) => return array.filled(self.bytes()),
            (from, _) => return for_real!(from, T => array.filled(self.as_slice::<T>()?), else Ok(array)),
        }
        Ok(array)
    }

    /// `value` everywhere.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn full(dtype: DType, shape: impl Into<Shape>, value: f64) -> Result<Self> {
        let one = Array::from_f64(dtype, [1], &[value])?;
        let mut array = Array::zeros(dtype, shape);
        if one.bytes().iter().all(|&b| b == 0) {
            return Ok(array);
        }
        for_real!(dtype, T => array.as_mut_slice::<T>()?.fill(one.item()?), else {
            match dtype {
                DType::C64 => array.as_mut_slice::<Complex32>()?.fill(one.item()?),
                _ => array.bytes_mut().fill(1),
            }
        });
        Ok(array)
    }

    /// This array, of numbers, with as many `values` written over its elements.
    fn filled<T: Real>(mut self, values: &[T]) -> Result<Self> {
        fn convert<S: Real, T: Real>(from: &[S], to: &mut [T]) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from.to());
        }
        for_real!(self.dtype(), To => convert(values, self.as_mut_slice::<To>()?), else {
            match self.dtype() {
                DType::C64 => {
                    let to = self.as_mut_slice::<Complex32>()?.iter_mut();
                    to.zip(values).for_each(|(to, from)| *to = Complex32::new(from.to(), 0.0));
                }
                _ => {
                    let zero = T::default();
                    self.bytes_mut().iter_mut().zip(values).for_each(|(to, from)| *to = u8::from(*from != zero));
                }
            }
        });
        Ok(self)
    }
}

/// Zeros of a number type, of which there must be `count`.
fn empty(dtype: DType, shape: Shape, count: usize) -> Result<Array> {
    if dtype == DType::Str {
        fail!(DtypeMismatch, "dtype: expected a number type, found string");
    }
    if shape.elements() != count {
        return Err(err!(ShapeMismatch, "data: expected {} elements, found {count}", shape.elements())
            .operand("shape", &shape)
            .operand("dtype", dtype));
    }
    Ok(Array::zeros(dtype, shape))
}
