//! Reductions over axes.

family! {
    sum
}

use cornet_tensor::{Array, Result, Shape};
use smallvec::{SmallVec, smallvec};

use crate::core::op::{Call, Type, Types};
use crate::core::point::for_each_index;
use crate::core::tensor::Tensor;

/// The shape left after reducing over the attribute `axes`, under the attribute `keepdims`.
pub(crate) fn reduced_shape(call: &Call<'_>) -> Result<Shape> {
    let (axes, keep) = (call.attrs.sizes("axes")?, call.attrs.bool("keepdims")?);
    let shape = call.shape(0);
    for &a in &axes {
        shape.axis(a as isize)?;
    }
    Ok((0..shape.rank())
        .filter(|a| keep || !axes.contains(a))
        .map(|a| if axes.contains(&a) { 1 } else { shape[a] })
        .collect())
}

/// One result of the input's dtype and the reduced shape.
pub(crate) fn infer(call: &Call<'_>) -> Result<Types> {
    Ok(smallvec![Type::new(call.dtype(0), reduced_shape(call)?)])
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
