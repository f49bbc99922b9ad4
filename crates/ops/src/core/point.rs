//! References of element-wise ops: one function of corresponding elements, computed in the widest type of its kind.

use cornet_tensor::{Array, Dims, Result, Shape, err};
use num_complex::Complex64;

use super::op::{Call, Type};

/// The element functions an op has, by the kind of its last input's dtype.
#[derive(Clone, Copy)]
pub struct PointRef {
    /// For floats, in f64.
    pub float: Option<fn(&[f64]) -> f64>,
    /// For signed integers, in i64 (the result wraps to the dtype), and for bools as 0 and 1.
    pub int: Option<fn(&[i64]) -> i64>,
    /// For unsigned integers, in u64, where it differs from the signed one.
    pub uint: Option<fn(&[u64]) -> u64>,
    /// For complex numbers.
    pub complex: Option<fn(&[Complex64]) -> Complex64>,
}

impl PointRef {
    /// No function at all.
    pub const NONE: PointRef = PointRef { float: None, int: None, uint: None, complex: None };

    /// For floats alone.
    pub const fn float(f: fn(&[f64]) -> f64) -> Self {
        Self { float: Some(f), ..Self::NONE }
    }

    /// For floats and integers.
    pub const fn real(f: fn(&[f64]) -> f64, i: fn(&[i64]) -> i64) -> Self {
        Self { float: Some(f), int: Some(i), ..Self::NONE }
    }

    /// For integers and bools.
    pub const fn int(i: fn(&[i64]) -> i64) -> Self {
        Self { int: Some(i), ..Self::NONE }
    }

    /// Also for unsigned integers by a function of their own.
    pub const fn with_uint(self, u: fn(&[u64]) -> u64) -> Self {
        Self { uint: Some(u), ..self }
    }

    /// Also for complex numbers.
    pub const fn with_complex(self, c: fn(&[Complex64]) -> Complex64) -> Self {
        Self { complex: Some(c), ..self }
    }

    /// Applies the function to whole arrays.
    pub(super) fn run(&self, call: &Call<'_>, inputs: &[Array], output: &Type) -> Result<Array> {
        let kind = inputs.last().map_or(output.dtype, Array::dtype);
        let refused = || err!(DtypeMismatch, "{}: no meaning for {kind}", call.op.name);
        let shape = &output.shape;
        if kind.is_float() {
            let f = self.float.ok_or_else(refused)?;
            let wide = inputs.iter().map(Array::to_f64).collect::<Result<Vec<_>>>()?;
            return Array::from_f64(output.dtype, shape, &map(f, &wide, inputs, shape));
        }
        if kind.is_complex() {
            let f = self.complex.ok_or_else(refused)?;
            let wide = inputs.iter().map(Array::to_c128).collect::<Result<Vec<_>>>()?;
            let out = map(f, &wide, inputs, shape);
            if output.dtype.is_complex() {
                return Array::from_c128(shape, &out);
            }
            return Array::from_f64(output.dtype, shape, &out.iter().map(|c| c.re).collect::<Vec<_>>());
        }
        let wide = inputs.iter().map(Array::to_i64).collect::<Result<Vec<_>>>()?;
        if let (true, Some(f)) = (kind.is_unsigned_int(), self.uint) {
            let unsigned: Vec<Vec<u64>> = wide.into_iter().map(|v| v.into_iter().map(|x| x as u64).collect()).collect();
            let out: Vec<i64> = map(f, &unsigned, inputs, shape).into_iter().map(|x| x as i64).collect();
            return Array::from_i64(output.dtype, shape, &out);
        }
        let f = self.int.ok_or_else(refused)?;
        Array::from_i64(output.dtype, shape, &map(f, &wide, inputs, shape))
    }
}

fn map<T: Copy + Default>(f: fn(&[T]) -> T, wide: &[Vec<T>], inputs: &[Array], shape: &Shape) -> Vec<T> {
    let strides: Vec<Dims> = inputs.iter().map(|a| a.shape().broadcast_strides(shape)).collect();
    let mut x = vec![T::default(); inputs.len()];
    let mut out = Vec::with_capacity(shape.elements());
    for_each_index(shape, |index| {
        for (slot, (values, strides)) in x.iter_mut().zip(wide.iter().zip(&strides)) {
            *slot = values[index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>()];
        }
        out.push(f(&x));
    });
    out
}

/// Calls `f` with every index of `shape`, in row-major order.
pub fn for_each_index(shape: &[usize], mut f: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = Dims::from_elem(0, shape.len());
    loop {
        f(&index);
        let Some(axis) = (0..shape.len()).rev().find(|&a| index[a] + 1 < shape[a]) else { return };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}
