//! Reductions over axes.

mod along;
mod correlations;
mod differences;
mod nan;
mod quantiles;
mod statistics;

family! {
    all
    any
    argmax
    argmin
    cumprod
    cumsum
    max
    min
    prod
    sum
}

use cornet_tensor::{Array, DType, Result, Shape, fail};
use smallvec::{SmallVec, smallvec};

use crate::attrs;
use crate::core::dispatch::call1;
use crate::core::op::{Call, Op, Type, Types};
use crate::core::point::for_each_index;
use crate::core::tensor::Tensor;

pub use correlations::Overlap;
pub use quantiles::Interpolation;

use along::{Better, arg_extreme, arg_reduce, axis_cases, infer_arg, scan};

/// The shape left after reducing over the attribute `axes`, under the attribute `keepdims`.
pub(crate) fn reduced_shape(call: &Call<'_>) -> Result<Shape> {
    let (axes, keep) = (call.attrs.sizes("axes")?, call.attrs.bool("keepdims")?);
    let shape = call.shape(0);
    for &a in &axes {
        shape.axis(a as isize)?;
    }
    Ok(without(shape, &axes, keep))
}

/// The shape without `axes`, or with size 1 there.
pub(crate) fn without(shape: &Shape, axes: &[usize], keep: bool) -> Shape {
    (0..shape.rank())
        .filter(|a| keep || !axes.contains(a))
        .map(|a| if axes.contains(&a) { 1 } else { shape[a] })
        .collect()
}

/// Applies a reduction with the attributes `axes` and `keepdims`; no axes mean all of them.
#[track_caller]
pub(crate) fn reduce(op: &'static Op, x: &Tensor, axes: &[isize], keepdims: bool) -> Tensor {
    Tensor::lift(|| {
        let axes = x.shape()?.axes(axes)?;
        if axes.is_empty() {
            return Ok(x.clone());
        }
        Ok(call1(op, &[x], attrs! { axes: axes, keepdims: keepdims }))
    })
}

/// Bools and integers of less than 32 bits in 32, as Keras adds and multiplies them; the rest as it is.
#[track_caller]
pub(crate) fn widened(x: &Tensor) -> Tensor {
    match x.dtype() {
        Ok(DType::Bool | DType::I8 | DType::I16) => x.cast(DType::I32),
        Ok(DType::U8 | DType::U16) => x.cast(DType::U32),
        _ => x.clone(),
    }
}

/// One result of the input's dtype and the reduced shape.
pub(crate) fn infer(call: &Call<'_>) -> Result<Types> {
    Ok(smallvec![Type::new(call.dtype(0), reduced_shape(call)?)])
}

/// The same for reductions that need an element.
pub(crate) fn infer_nonempty(call: &Call<'_>) -> Result<Types> {
    let (to, shape) = (reduced_shape(call)?, call.shape(0));
    let axes = call.attrs.sizes("axes")?;
    if axes.iter().any(|&a| shape[a] == 0) && to.elements() > 0 {
        fail!(EmptyData, "axes {axes:?} of {shape} have no element");
    }
    Ok(smallvec![Type::new(call.dtype(0), to)])
}

/// Calls `visit(output position, input position)` for every element of the input, in row-major order.
pub(crate) fn for_each_reduced(shape: &Shape, axes: &[usize], mut visit: impl FnMut(usize, usize)) {
    let kept: Shape = (0..shape.rank()).map(|a| if axes.contains(&a) { 1 } else { shape[a] }).collect();
    let strides = kept.broadcast_strides(shape);
    let mut at = 0;
    for_each_index(shape, |index| {
        visit(index.iter().zip(&strides).map(|(i, s)| i * s).sum(), at);
        at += 1;
    });
}

/// Folds the input over the axes: floats and complex by `float` in f64, integers and bools by `int`.
pub(crate) fn fold(
    call: &Call<'_>,
    x: &Array,
    (float_start, float): (f64, fn(f64, f64) -> f64),
    (int_start, int): (i64, fn(i64, i64) -> i64),
) -> Result<Vec<Array>> {
    let (axes, to) = (call.attrs.sizes("axes")?, reduced_shape(call)?);
    if x.dtype().is_float() {
        let (values, mut out) = (x.to_f64()?, vec![float_start; to.elements()]);
        for_each_reduced(x.shape(), &axes, |o, i| out[o] = float(out[o], values[i]));
        return Ok(vec![Array::from_f64(x.dtype(), to, &out)?]);
    }
    let (values, mut out) = (x.to_i64()?, vec![int_start; to.elements()]);
    for_each_reduced(x.shape(), &axes, |o, i| out[o] = int(out[o], values[i]));
    Ok(vec![Array::from_i64(x.dtype(), to, &out)?])
}

/// The element that `float`, `int` or `uint` prefers, over the axes.
pub(crate) fn extreme(
    call: &Call<'_>,
    x: &Array,
    float: fn(f64, f64) -> f64,
    int: fn(i64, i64) -> i64,
    uint: fn(u64, u64) -> u64,
) -> Result<Vec<Array>> {
    fn best<T: Copy + Default>(values: &[T], shape: &Shape, axes: &[usize], n: usize, prefer: fn(T, T) -> T) -> Vec<T> {
        let mut out: Vec<Option<T>> = vec![None; n];
        for_each_reduced(shape, axes, |o, i| out[o] = Some(out[o].map_or(values[i], |held| prefer(held, values[i]))));
        out.into_iter().map(Option::unwrap_or_default).collect()
    }
    let (axes, to, shape) = (call.attrs.sizes("axes")?, reduced_shape(call)?, x.shape());
    let n = to.elements();
    let found = match x.dtype() {
        d if d.is_float() => Array::from_f64(d, to, &best(&x.to_f64()?, shape, &axes, n, float))?,
        DType::U64 => Array::from_slice(&best(x.as_slice::<u64>()?, shape, &axes, n, uint), to)?,
        d => Array::from_i64(d, to, &best(&x.to_i64()?, shape, &axes, n, int))?,
    };
    Ok(vec![found])
}

/// The gradient of the greatest or least element: equal parts to the elements that are it.
pub(crate) fn extreme_gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (axes, shape) = (g.attrs.sizes("axes")?, g.shape(0));
        let signed: Vec<isize> = axes.iter().map(|&a| a as isize).collect();
        let chosen = g.x(0).equal(restore(g.y(), &shape, &axes)).cast_like(&g.dy());
        let share = restore(&g.dy(), &shape, &axes) / chosen.sum(&signed, true);
        Ok(crate::grads![chosen * share])
    })
}

/// A reduced value stretched back over the axes it was reduced over.
#[track_caller]
pub(crate) fn restore(reduced: &Tensor, shape: &Shape, axes: &[usize]) -> Tensor {
    let kept: SmallVec<[usize; 6]> = (0..shape.rank()).map(|a| if axes.contains(&a) { 1 } else { shape[a] }).collect();
    reduced.reshape(Shape::from(kept)).broadcast_to(shape)
}

/// The shapes that every reduction is sampled on.
pub(crate) fn cases() -> Vec<crate::core::samples::Case> {
    use crate::attrs;
    use crate::core::samples::{Case, distinct};
    vec![
        Case::new([distinct(&[2, 3])], attrs! { axes: vec![1_usize], keepdims: false }),
        Case::new([distinct(&[2, 3, 4])], attrs! { axes: vec![0, 2_usize], keepdims: true }),
        Case::new([distinct(&[5])], attrs! { axes: vec![0_usize], keepdims: false }),
        Case::new([distinct(&[3, 70])], attrs! { axes: vec![0_usize], keepdims: false }),
    ]
}
