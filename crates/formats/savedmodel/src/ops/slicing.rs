//! Slices.

use cornet_error::{Result, err, fail};
use cornet_ops::{Index, Slot, Tensor};
use cornet_tensor::{Array, DType};

use super::{Family, one};
use crate::interpret::{Call, sizes};
use crate::value::{Value, not_traced};

pub(super) static OPS: Family = &[
    ("Slice", slice),
    ("StridedSlice", |c| one(strided(c, &c.x(0)?)?)),
    ("TensorStridedSliceUpdate", |c| {
        let x = c.x(0)?;
        let index = slots(c, x.rank()?)?;
        one(x.index_update(Index(index), &c.x(4)?))
    }),
];

fn slice(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, start) = (call.x(0)?, call.x(1)?);
    let (shape, count) = (x.shape()?, call.ints(2)?);
    if count.len() != shape.rank() {
        fail!(RankMismatch, "slice: expected {} sizes, found {}", shape.rank(), count.len());
    }
    if start.is_traced() {
        if count.contains(&-1) {
            return Err(not_traced("a slice reaches from an unknown start to the end"));
        }
        return one(x.dynamic_slice(&start.cast(DType::I32), &sizes(&count)?));
    }
    let start = call.sizes(1)?;
    let mut to = Vec::with_capacity(count.len());
    for (axis, (&size, &count)) in shape.iter().zip(&count).enumerate() {
        let start = start.get(axis).copied().unwrap_or(0);
        let left = size.checked_sub(start);
        let left = left.ok_or_else(|| err!(OutOfRange, "slice: axis {axis} has {size}, found the start {start}"))?;
        let taken = if count == -1 { left } else { sizes(&[count])?[0] };
        if taken > left {
            fail!(OutOfRange, "slice: expected at most {left} on axis {axis}, found {taken}");
        }
        to.push(taken);
    }
    one(x.slice(&start, &to))
}

/// The slots of a strided slice.
fn slots(call: &Call<'_, '_>, rank: usize) -> Result<Vec<Slot>> {
    let (begin, end, step) = (call.x(1)?, call.x(2)?, call.ints(3)?);
    let mask = |name| call.attr_int(name, 0) as u64;
    let (begins, ends) = (mask("begin_mask"), mask("end_mask"));
    let (ellipsis, new_axis, shrink) = (mask("ellipsis_mask"), mask("new_axis_mask"), mask("shrink_axis_mask"));
    let count = step.len();
    if count > 64 || begin.shape()?.elements() != count || end.shape()?.elements() != count {
        fail!(RankMismatch, "strided slice: expected {count} starts and ends");
    }
    let known = |x: &Tensor| x.array().and_then(|a| a.to_i64());
    let (starts, stops) = (known(&begin), known(&end));
    let mut slots = Vec::with_capacity(count + 1);
    let mut has_ellipsis = false;
    for i in 0..count {
        let is = |mask: u64| mask >> i & 1 == 1;
        slots.push(if is(ellipsis) {
            has_ellipsis = true;
            Slot::Ellipsis
        } else if is(new_axis) {
            Slot::NewAxis
        } else if is(shrink) {
            match &starts {
                Ok(starts) => Slot::At(starts[i]),
                // A place that is known only when it runs: the element is picked.
                Err(_) => Slot::Tensor(begin.slice(&[i], &[1]).reshape([])),
            }
        } else {
            let bound = |open: bool, known: &Result<Vec<i64>>| match (open, known) {
                (true, _) => Ok(None),
                (false, Ok(known)) => Ok(Some(known[i])),
                (false, Err(e)) => Err(e.clone()),
            };
            Slot::Span { start: bound(is(begins), &starts)?, stop: bound(is(ends), &stops)?, step: step[i] }
        });
    }
    if !has_ellipsis && count <= rank {
        slots.push(Slot::Ellipsis);
    }
    Ok(slots)
}

fn strided(call: &Call<'_, '_>, x: &Tensor) -> Result<Tensor> {
    let slots = slots(call, x.rank()?)?;
    let traced = slots.iter().filter(|s| matches!(s, Slot::Tensor(_))).count();
    if traced > 1 {
        return Err(not_traced("several places of a slice are not known"));
    }
    Ok(x.index(Index(slots)))
}

/// The slice of a variable that is assigned.
pub(super) fn assign_slice(call: &Call<'_, '_>, x: &Tensor, value: &Tensor) -> Result<Tensor> {
    let index = slots(call, x.rank()?)?;
    let value =
        if value.rank()? == 0 { value.broadcast_to(x.index(Index(index.clone())).shape()?) } else { value.clone() };
    Ok(x.index_update(Index(index), &value))
}

/// A known vector of int64.
pub(super) fn vector(values: Vec<i64>) -> Result<Tensor> {
    let count = values.len();
    Ok(Array::from_vec(values, [count])?.into())
}
