//! Moves of elements: strided copies, padding, concatenation, rows by index.

use cornet_error::{Result, err};
use cornet_kernels::copy::{Indices, StridedCopy, dense_strides, fill, gather_rows, scatter_add_rows};
use cornet_ops::Call;
use cornet_tensor::{Array, DType, Shape};

use super::{Io, Kernel, Layout};
use crate::lower::view;

/// A copy of what `layout` reads, of elements of `size` bytes, to a dense output.
pub(crate) fn strided_copy(layout: &Layout, size: usize) -> Result<Box<dyn Kernel>> {
    let copy = StridedCopy::new(size, &layout.shape, &dense_strides(&layout.shape), &layout.strides)?;
    Ok(Box::new(Copies { parts: vec![(copy, layout.offset, 0)], before: None, name: "copy" }))
}

/// The op as a copy of a view of its dense input.
pub(super) fn single(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let size = call.inputs[0].dtype.size();
    let layout = view(call, &Layout::dense(call.shape(0)))?;
    (size > 0).then(|| strided_copy(&layout, size).ok())?
}

/// Copies of the inputs to places of one output, which may be filled before.
struct Copies {
    /// For each input, its copy, and where it starts in the input and the output.
    parts: Vec<(StridedCopy, usize, usize)>,
    /// What the output is filled with first: the bytes of an element.
    before: Option<Vec<u8>>,
    name: &'static str,
}

impl Kernel for Copies {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        if let Some(element) = &self.before {
            fill(io.outputs[0], element);
        }
        for (i, (copy, from, to)) in self.parts.iter().enumerate() {
            copy.run(io.input::<u8>(i), *from, io.outputs[0], *to)?;
        }
        Ok(())
    }

    fn describe(&self) -> String {
        self.name.to_string()
    }
}

/// `concat`: each input to its part of the output.
pub(super) fn concat(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let (axis, size) = (call.attrs.size("axis").ok()?, call.dtype(0).size());
    let result = call.infer().ok()?.swap_remove(0).shape;
    let to = dense_strides(&result);
    let mut at = 0;
    let mut parts = Vec::with_capacity(call.inputs.len());
    for input in call.inputs {
        let copy = StridedCopy::new(size, &input.shape, &to, &dense_strides(&input.shape)).ok()?;
        parts.push((copy, 0, at * to[axis] as usize));
        at += input.shape[axis];
    }
    Some(Box::new(Copies { parts, before: None, name: "concat" }))
}

/// `pad` by a value.
pub(super) fn pad(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let (low, interior) = (call.attrs.sizes("low").ok()?, call.attrs.sizes("interior").ok()?);
    let (shape, dtype) = (call.shape(0), call.dtype(0));
    let result = call.infer().ok()?.swap_remove(0).shape;
    let outer = dense_strides(&result);
    let to: Vec<isize> = outer.iter().zip(&interior).map(|(&s, &i)| s * (i as isize + 1)).collect();
    let start: usize = outer.iter().zip(&low).map(|(&s, &l)| s as usize * l).sum();
    let copy = StridedCopy::new(dtype.size(), shape, &to, &dense_strides(shape)).ok()?;
    let value = Array::full(dtype, [], call.attrs.float("value").ok()?).ok()?;
    Some(Box::new(Copies { parts: vec![(copy, 0, start)], before: Some(value.bytes().to_vec()), name: "pad" }))
}

/// Index numbers of an input.
fn indices<'a>(io: &Io<'_, 'a>, i: usize, dtype: DType) -> Indices<'a> {
    match dtype {
        DType::I64 => Indices::I64(io.input(i)),
        _ => Indices::I32(io.input(i)),
    }
}

fn number(indices: &Indices<'_>, i: usize) -> i64 {
    match indices {
        Indices::I32(x) => i64::from(x[i]),
        Indices::I64(x) => x[i],
    }
}

fn has_negative(indices: &Indices<'_>) -> bool {
    (0..indices.len()).any(|i| number(indices, i) < 0)
}

/// `take`: the slices along an axis that indices name.
struct Take {
    outer: usize,
    n: usize,
    axis: usize,
    inner_bytes: usize,
    index: DType,
}

/// The kernel of `take`.
pub(super) fn take(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let (axis, shape, index) = (call.attrs.size("axis").ok()?, call.shape(0), call.dtype(1));
    let elements = |part: &[usize]| Shape::new(part).elements();
    let inner_bytes = elements(&shape[axis + 1..]) * call.dtype(0).size();
    if !matches!(index, DType::I32 | DType::I64) || inner_bytes == 0 {
        return None;
    }
    Some(Box::new(Take { outer: elements(&shape[..axis]), n: shape[axis], axis, inner_bytes, index }))
}

impl Kernel for Take {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let (table, indices) = (io.input::<u8>(0), indices(&io, 1, self.index));
        if self.outer == 1 && !has_negative(&indices) {
            return gather_rows(table, self.inner_bytes, indices, io.outputs[0]);
        }
        let mut rows = io.outputs[0].chunks_exact_mut(self.inner_bytes);
        for outer in 0..self.outer {
            for i in 0..indices.len() {
                let found = number(&indices, i);
                let at = if found < 0 { found + self.n as i64 } else { found };
                let at = usize::try_from(at).ok().filter(|&at| at < self.n).ok_or_else(|| {
                    let (n, axis) = (self.n as i64, self.axis);
                    err!(OutOfRange, "index along axis {axis}: expected {} to {}, found {found}", -n, n - 1)
                })?;
                let from = (outer * self.n + at) * self.inner_bytes;
                if let Some(row) = rows.next() {
                    row.copy_from_slice(&table[from..from + self.inner_bytes]);
                }
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!("take {} of {} bytes", self.n, self.inner_bytes)
    }
}

/// `scatter_nd` that adds whole rows of float32, as the gradient of `take` does, or of int64, as counts do.
struct AddRows {
    /// Elements of a row.
    n: usize,
    rows: usize,
    dtype: DType,
    index: DType,
}

/// The kernel of `scatter_nd` where it adds rows.
pub(super) fn add_rows(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let (shape, dtype, index) = (call.shape(0), call.dtype(0), call.dtype(1));
    let adds = call.attrs.str("mode").ok() == Some("add") && call.shape(1).last() == Some(&1);
    let n = Shape::new(shape.get(1..)?).elements();
    let fits = matches!(dtype, DType::F32 | DType::I64) && matches!(index, DType::I32 | DType::I64) && n > 0;
    (adds && fits).then(|| Box::new(AddRows { n, rows: shape[0], dtype, index }) as Box<dyn Kernel>)
}

impl AddRows {
    /// Adds row by row; negative indices count from the end.
    fn add<T: Copy>(&self, out: &mut [T], indices: &Indices<'_>, updates: &[T], sum: fn(T, T) -> T) -> Result<()> {
        for (i, update) in updates.chunks_exact(self.n).enumerate() {
            let found = number(indices, i);
            let at = if found < 0 { found + self.rows as i64 } else { found };
            let at = usize::try_from(at).ok().filter(|&at| at < self.rows).ok_or_else(|| {
                let n = self.rows as i64;
                err!(OutOfRange, "index along axis 0: expected {} to {}, found {found}", -n, n - 1)
            })?;
            out[at * self.n..][..self.n].iter_mut().zip(update).for_each(|(y, u)| *y = sum(*y, *u));
        }
        Ok(())
    }
}

impl Kernel for AddRows {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let indices = indices(&io, 1, self.index);
        if self.dtype == DType::I64 {
            let (x, updates) = (io.input::<i64>(0), io.input::<i64>(2));
            let out: &mut [i64] = bytemuck::cast_slice_mut(io.outputs[0]);
            out.copy_from_slice(x);
            return self.add(out, &indices, updates, i64::wrapping_add);
        }
        let (x, updates) = (io.input::<f32>(0), io.input::<f32>(2));
        let out: &mut [f32] = bytemuck::cast_slice_mut(io.outputs[0]);
        out.copy_from_slice(x);
        match has_negative(&indices) {
            true => self.add(out, &indices, updates, |y, u| y + u),
            false => scatter_add_rows(out, self.n, indices, updates),
        }
    }

    fn describe(&self) -> String {
        format!("add rows of {}", self.n)
    }
}
