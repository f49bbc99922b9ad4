//! Ops that work on each lane along one axis.

use cornet_tensor::{Array, DType, Result};
use smallvec::smallvec;

use crate::attrs;
use crate::core::dispatch::call1;
use crate::core::op::{Call, Op, Types};
use crate::core::samples::{Case, any, between};
use crate::core::tensor::Tensor;

/// One result like the input, whose attribute `axis` must be there.
pub(crate) fn infer(call: &Call<'_>) -> Result<Types> {
    call.shape(0).axis(call.attrs.int("axis")? as isize)?;
    Ok(smallvec![call.inputs[0].clone()])
}

/// Changes every lane along the attribute `axis` in f64.
pub(crate) fn map(call: &Call<'_>, x: &Array, change: impl Fn(&mut [f64])) -> Result<Vec<Array>> {
    let shape = x.shape();
    let axis = shape.axis(call.attrs.int("axis")? as isize)?;
    let (size, step) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut values = x.to_f64()?;
    let mut lane = vec![0.0; size];
    for block in 0..if values.is_empty() { 0 } else { values.len() / (size * step) } {
        for offset in 0..step {
            let at = |i: usize| block * size * step + i * step + offset;
            (0..size).for_each(|i| lane[i] = values[at(i)]);
            change(&mut lane);
            (0..size).for_each(|i| values[at(i)] = lane[i]);
        }
    }
    Ok(vec![Array::from_f64(x.dtype(), shape, &values)?])
}

/// Shapes and axes that these ops are sampled on.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new([any(&[3, 5])], attrs! { axis: 1_i64 }),
        Case::new([any(&[3, 5])], attrs! { axis: 0_i64 }),
        Case::new([any(&[2, 3, 4])], attrs! { axis: 1_i64 }),
        Case::new([any(&[7])], attrs! { axis: 0_i64 }),
        Case::new([any(&[4, 1])], attrs! { axis: 1_i64 }),
        Case::new([between(&[2, 70], -30.0, 30.0)], attrs! { axis: 1_i64 }).without_gradient(),
        Case::new([any(&[2, 0])], attrs! { axis: 1_i64 }).without_gradient(),
    ]
}

/// The way from a method with several axes to an op of one.
pub(crate) struct Lanes;

impl Lanes {
    /// Applies `op` along `axes` together (all of them if empty): they are brought to the end and joined.
    #[track_caller]
    pub fn apply(op: &'static Op, x: &Tensor, axes: &[isize]) -> Tensor {
        Tensor::lift(|| {
            let dtype = x.dtype()?;
            let wide = if dtype.is_int() || dtype == DType::Bool { x.cast(DType::F32) } else { x.clone() };
            let shape = x.shape()?;
            let axes = shape.axes(axes)?;
            let y = match axes.as_slice() {
                [axis] => call1(op, &[&wide], attrs! { axis: *axis }),
                _ => {
                    let order: Vec<usize> =
                        (0..shape.rank()).filter(|a| !axes.contains(a)).chain(axes.iter().copied()).collect();
                    let mut back = vec![0_isize; order.len()];
                    order.iter().enumerate().for_each(|(i, &a)| back[a] = i as isize);
                    let moved = wide.transpose(&order.iter().map(|&a| a as isize).collect::<Vec<_>>());
                    let joined: usize = axes.iter().map(|&a| shape[a]).product();
                    let rest: usize =
                        shape.iter().enumerate().filter(|(a, _)| !axes.contains(a)).map(|(_, d)| d).product();
                    let to = moved.shape()?;
                    call1(op, &[&moved.reshape([rest, joined])], attrs! { axis: 1_i64 }).reshape(to).transpose(&back)
                }
            };
            Ok(if op.name == "softmax" && axes.len() == 1 { y.with_logits(&wide) } else { y })
        })
    }
}
