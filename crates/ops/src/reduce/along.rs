//! Rules of ops along one axis: the index of an extreme, running sums and products.

use cornet_tensor::{Array, DType, Result, Shape, fail};
use smallvec::smallvec;

use crate::attrs;
use crate::core::dispatch::call1;
use crate::core::op::{Call, Op, Type, Types};
use crate::core::samples::{Case, distinct};
use crate::core::tensor::Tensor;

/// An int32 result without the attribute `axis`, or with size 1 there.
pub(crate) fn infer_arg(call: &Call<'_>) -> Result<Types> {
    let (axis, keep, shape) = (call.attrs.size("axis")?, call.attrs.bool("keepdims")?, call.shape(0));
    shape.axis(axis as isize)?;
    if shape[axis] == 0 {
        fail!(EmptyData, "axis {axis} of {shape} has no element");
    }
    Ok(smallvec![Type::new(DType::I32, super::without(shape, &[axis], keep))])
}

/// Calls `visit(output position, positions along the axis)` for every line along `axis`.
fn for_each_line(shape: &Shape, axis: usize, mut visit: impl FnMut(usize, &mut dyn Iterator<Item = usize>)) {
    let (n, inner): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
    let outer: usize = shape[..axis].iter().product();
    for o in 0..outer {
        for i in 0..inner {
            visit(o * inner + i, &mut (0..n).map(|k| (o * n + k) * inner + i));
        }
    }
}

/// The index along `axis` of the element that is `better` than all before it; the first NaN beats all.
pub(crate) fn arg_extreme(call: &Call<'_>, x: &Array, better: Better) -> Result<Vec<Array>> {
    fn index<T: Copy + PartialOrd>(values: &[T], shape: &Shape, axis: usize, better: fn(&T, &T) -> bool) -> Vec<i64> {
        let mut out = Vec::new();
        for_each_line(shape, axis, |_, at| {
            let (mut best, mut held) = (0, None);
            for (k, i) in at.enumerate() {
                // What does not equal itself is NaN.
                let is_nan = |x: &T| x.partial_cmp(x).is_none();
                let wins = held.is_none_or(|h: T| !is_nan(&h) && (is_nan(&values[i]) || better(&values[i], &h)));
                if wins {
                    (best, held) = (k as i64, Some(values[i]));
                }
            }
            out.push(best);
        });
        out
    }
    let to = infer_arg(call)?.swap_remove(0);
    let (axis, shape) = (call.attrs.size("axis")?, x.shape());
    let found = match (x.dtype(), better) {
        (d, Better::Greater) if d.is_float() => index(&x.to_f64()?, shape, axis, |a, b| a > b),
        (d, Better::Less) if d.is_float() => index(&x.to_f64()?, shape, axis, |a, b| a < b),
        (DType::U64, Better::Greater) => index(x.as_slice::<u64>()?, shape, axis, |a, b| a > b),
        (DType::U64, Better::Less) => index(x.as_slice::<u64>()?, shape, axis, |a, b| a < b),
        (_, Better::Greater) => index(&x.to_i64()?, shape, axis, |a, b| a > b),
        (_, Better::Less) => index(&x.to_i64()?, shape, axis, |a, b| a < b),
    };
    Ok(vec![Array::from_i64(to.dtype, to.shape, &found)?])
}

/// Which of two elements is looked for.
#[derive(Clone, Copy)]
pub(crate) enum Better {
    Greater,
    Less,
}

/// Applies an op with the attributes `axis` and `keepdims`; no axis means all elements in row-major order.
#[track_caller]
pub(crate) fn arg_reduce(op: &'static Op, x: &Tensor, axis: Option<isize>, keepdims: bool) -> Tensor {
    Tensor::lift(|| {
        let shape = x.shape()?;
        match axis {
            Some(axis) => Ok(call1(op, &[x], attrs! { axis: shape.axis(axis)?, keepdims: keepdims })),
            None => {
                let flat = call1(op, &[&x.reshape([shape.elements()])], attrs! { axis: 0_usize, keepdims: false });
                Ok(if keepdims { flat.reshape(vec![1; shape.rank()]) } else { flat })
            }
        }
    })
}

/// The cases of [`arg_extreme`].
pub(crate) fn axis_cases() -> Vec<Case> {
    let case =
        |shape: &[usize], axis: usize, keep: bool| Case::new([distinct(shape)], attrs! { axis: axis, keepdims: keep });
    vec![
        case(&[5], 0, false),
        case(&[2, 3], 1, false),
        case(&[4, 3], 0, true),
        case(&[2, 5, 3], 1, false),
        case(&[3, 70], 1, false),
        case(&[1, 3], 0, false),
        case(&[0, 3], 1, false).without_gradient(),
    ]
}

/// Running results along the attribute `axis`: each of the elements up to and with its place, or before it if
/// `exclusive`; from the end if `reverse`.
pub(crate) fn scan<T: Copy>(call: &Call<'_>, values: &[T], start: T, step: impl Fn(T, T) -> T) -> Result<Vec<T>> {
    let (axis, shape) = (call.attrs.size("axis")?, call.shape(0));
    let (exclusive, reverse) = (call.attrs.bool("exclusive")?, call.attrs.bool("reverse")?);
    let mut out = values.to_vec();
    for_each_line(shape, axis, |_, at| {
        let mut places: Vec<usize> = at.collect();
        if reverse {
            places.reverse();
        }
        let mut running = start;
        for i in places {
            let before = running;
            running = step(running, values[i]);
            out[i] = if exclusive { before } else { running };
        }
    });
    Ok(out)
}
