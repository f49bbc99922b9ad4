use std::sync::Arc;

use crate::{Buffer, DType, Element, Item, Result, Shape, err, fail};

/// A dense row-major array on the host. Cloning shares the data; writing to shared data copies it first.
#[derive(Clone)]
pub struct Array {
    dtype: DType,
    shape: Shape,
    data: Data,
}

#[derive(Clone)]
enum Data {
    Bytes(Arc<Buffer>),
    Strings(Arc<Vec<Vec<u8>>>),
}

impl Array {
    /// Zeros (false, empty strings), for a shape known to fit in memory.
    ///
    /// # Panics
    /// If there is no memory for it, as `vec![0; n]` does. For shapes that come from input, see [`Array::try_zeros`].
    pub fn zeros(dtype: DType, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        let data = match dtype {
            DType::Str => Data::Strings(Arc::new(vec![Vec::new(); shape.elements()])),
            _ => Data::Bytes(Arc::new(Buffer::zeroed(shape.elements().saturating_mul(dtype.size())))),
        };
        Self { dtype, shape, data }
    }

    /// Zeros (false, empty strings).
    ///
    /// # Errors
    /// `limit_exceeded` if there is no memory for it.
    pub fn try_zeros(dtype: DType, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let shape = Shape::checked(&shape, if dtype == DType::Str { size_of::<Vec<u8>>() } else { dtype.size() })?;
        let full = || err!(LimitExceeded, "no memory for an array of shape {shape} and dtype {dtype}");
        let data = if dtype == DType::Str {
            let mut strings = Vec::new();
            strings.try_reserve_exact(shape.elements()).map_err(|_| full())?;
            strings.resize(shape.elements(), Vec::new());
            Data::Strings(Arc::new(strings))
        } else {
            Data::Bytes(Arc::new(Buffer::try_zeroed(shape.elements() * dtype.size()).ok_or_else(full)?))
        };
        Ok(Self { dtype, shape, data })
    }

    /// An array without axes.
    pub fn scalar<T: Item>(value: T) -> Self {
        T::pack(vec![value], Shape::scalar()).expect("one item fits a scalar")
    }

    /// A copy of `items`.
    ///
    /// # Errors
    /// `shape_mismatch` when the count is not the shape's.
    pub fn from_slice<T: Element>(items: &[T], shape: impl Into<Shape>) -> Result<Self> {
        Self::from_bytes(T::DTYPE, shape, bytemuck::cast_slice(items))
    }

    /// An array of `items`, of any type that arrays are made from.
    ///
    /// # Errors
    /// `shape_mismatch` when the count is not the shape's.
    pub fn from_vec<T: Item>(items: Vec<T>, shape: impl Into<Shape>) -> Result<Self> {
        T::pack(items, shape.into())
    }

    /// A copy of native-endian `bytes`; any non-zero byte of a bool reads as true.
    ///
    /// # Errors
    /// `shape_mismatch` when the length is not the shape's; `dtype_mismatch` for strings.
    pub fn from_bytes(dtype: DType, shape: impl Into<Shape>, bytes: &[u8]) -> Result<Self> {
        let shape = shape.into();
        if dtype == DType::Str {
            fail!(DtypeMismatch, "strings are not made from raw bytes");
        }
        let expected = shape.elements().saturating_mul(dtype.size());
        if bytes.len() != expected {
            let (found, size) = (bytes.len(), dtype.size());
            return Err(err!(ShapeMismatch, "data: expected {} elements, found {}", expected / size, found / size)
                .operand("shape", &shape)
                .operand("dtype", dtype));
        }
        let mut buffer = Buffer::from_bytes(bytes);
        if dtype == DType::Bool {
            buffer.bytes_mut().iter_mut().for_each(|b| *b = u8::from(*b != 0));
        }
        Ok(Self { dtype, shape, data: Data::Bytes(Arc::new(buffer)) })
    }

    /// An array of byte strings.
    ///
    /// # Errors
    /// `shape_mismatch` when the count is not the shape's.
    pub fn from_strings(strings: Vec<Vec<u8>>, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if strings.len() != shape.elements() {
            return Err(err!(ShapeMismatch, "data: expected {} strings, found {}", shape.elements(), strings.len())
                .operand("shape", &shape));
        }
        Ok(Self { dtype: DType::Str, shape, data: Data::Strings(Arc::new(strings)) })
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// The elements as they lie in memory; empty for strings.
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Bytes(buffer) => buffer.bytes(),
            Data::Strings(_) => &[],
        }
    }

    /// The elements, to write; copied first if shared. Empty for strings. Bools must stay 0 or 1.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.data {
            Data::Bytes(buffer) => Arc::make_mut(buffer).bytes_mut(),
            Data::Strings(_) => &mut [],
        }
    }

    /// Exchanges the elements with a buffer of the same length, without a copy. False, and nothing happens, where the data
    /// are shared, of another length, or strings.
    pub fn swap_buffer(&mut self, buffer: &mut Buffer) -> bool {
        let Data::Bytes(own) = &mut self.data else { return false };
        match Arc::get_mut(own) {
            Some(own) if own.bytes().len() == buffer.bytes().len() => {
                std::mem::swap(own, buffer);
                true
            }
            _ => false,
        }
    }

    /// True when no other array shares the data, so that writing copies nothing.
    pub fn is_unique(&mut self) -> bool {
        match &mut self.data {
            Data::Bytes(buffer) => Arc::get_mut(buffer).is_some(),
            Data::Strings(strings) => Arc::get_mut(strings).is_some(),
        }
    }

    /// The byte strings.
    ///
    /// # Errors
    /// `dtype_mismatch` for any other dtype.
    pub fn strings(&self) -> Result<&[Vec<u8>]> {
        match &self.data {
            Data::Strings(strings) => Ok(strings),
            Data::Bytes(_) => Err(err!(DtypeMismatch, "dtype: expected string, found {}", self.dtype)),
        }
    }

    /// The elements as a slice.
    ///
    /// # Errors
    /// `dtype_mismatch` when `T` is not the array's type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        self.expect_dtype(T::DTYPE)?;
        Ok(bytemuck::cast_slice(self.bytes()))
    }

    /// The elements as a slice to write; copied first if shared.
    ///
    /// # Errors
    /// `dtype_mismatch` when `T` is not the array's type.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        self.expect_dtype(T::DTYPE)?;
        Ok(bytemuck::cast_slice_mut(self.bytes_mut()))
    }

    /// A copy of the elements.
    ///
    /// # Errors
    /// `dtype_mismatch` when `T` is not the array's type; convert with [`Array::cast`] first. `invalid_argument` for a
    /// `String` that is not UTF-8.
    pub fn to_vec<T: Item>(&self) -> Result<Vec<T>> {
        T::unpack(self)
    }

    /// The one element.
    ///
    /// # Errors
    /// `shape_mismatch` when there are more or none; `dtype_mismatch` when `T` is not the array's type.
    pub fn item<T: Item>(&self) -> Result<T> {
        if self.elements() != 1 {
            fail!(ShapeMismatch, "expected one element, found shape {}", self.shape);
        }
        Ok(self.to_vec::<T>()?.remove(0))
    }

    /// The same data under another shape.
    ///
    /// # Errors
    /// `shape_mismatch` when the element counts differ.
    pub fn reshaped(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.elements() != self.elements() {
            fail!(
                ShapeMismatch,
                "reshape: {} has {} elements, {} has {}",
                self.shape,
                self.elements(),
                shape,
                shape.elements()
            );
        }
        Ok(Self { dtype: self.dtype, shape, data: self.data.clone() })
    }

    /// Fails unless the dtype is `expected`.
    ///
    /// # Errors
    /// `dtype_mismatch`.
    pub fn expect_dtype(&self, expected: DType) -> Result<()> {
        if self.dtype != expected {
            return Err(err!(DtypeMismatch, "dtype: expected {expected}, found {}", self.dtype)
                .help(format!("convert it first: cast({expected})")));
        }
        Ok(())
    }
}

/// Equal dtype, shape and elements, bit for bit (so NaN equals NaN, and 0.0 differs from -0.0).
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.dtype == other.dtype
            && self.shape == other.shape
            && match (&self.data, &other.data) {
                (Data::Bytes(a), Data::Bytes(b)) => a.bytes() == b.bytes(),
                (Data::Strings(a), Data::Strings(b)) => a == b,
                _ => false,
            }
    }
}
