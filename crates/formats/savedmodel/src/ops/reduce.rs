//! Reductions and sums along axes.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Family, one};
use crate::interpret::{Call, sizes};
use crate::value::{Value, not_traced, zeros};

pub(super) static OPS: Family = &[
    ("All", |c| reduce(c, Tensor::all)),
    ("Any", |c| reduce(c, Tensor::any)),
    ("ArgMax", |c| arg(c, Tensor::argmax)),
    ("ArgMin", |c| arg(c, Tensor::argmin)),
    ("Bincount", |c| {
        let size = c.int(1)?;
        let (x, weights) = (c.x(0)?, c.x(2)?);
        let dtype = weights.dtype()?;
        let n = x.shape()?.elements();
        let weights = if weights.shape()?.elements() == 0 { None } else { Some(weights.reshape([n])) };
        let kept = x.reshape([n]);
        one(kept.bincount_sized(weights.as_ref(), sizes(&[size])?[0]).cast(dtype))
    }),
    ("Cumprod", |c| cumulate(c, |x, axis, exclusive, reverse| x.cumprod_with(Some(axis), exclusive, reverse))),
    ("Cumsum", |c| cumulate(c, |x, axis, exclusive, reverse| x.cumsum_with(Some(axis), exclusive, reverse))),
    ("CumulativeLogsumexp", |c| {
        cumulate(c, |x, axis, exclusive, reverse| {
            let most = x.max(&[axis], true);
            (x - &most).exp().cumsum_with(Some(axis), exclusive, reverse).log() + most
        })
    }),
    ("DenseBincount", dense_bincount),
    ("EuclideanNorm", |c| reduce(c, |x, axes, keep| x.square().sum(axes, keep).sqrt())),
    ("L2Loss", |c| one(c.x(0)?.square().sum(&[], false) * 0.5)),
    ("Max", |c| reduce(c, Tensor::max)),
    ("Mean", |c| reduce(c, mean)),
    ("Min", |c| reduce(c, Tensor::min)),
    ("Prod", |c| reduce(c, |x, axes, keep| x.prod(axes, keep).cast_like(x))),
    ("SegmentMax", |c| sorted_segments(c, Tensor::segment_max)),
    ("SegmentMaxV2", |c| segments(c, Tensor::segment_max)),
    ("SegmentMean", |c| sorted_segments(c, segment_mean)),
    ("SegmentMin", |c| sorted_segments(c, Tensor::segment_min)),
    ("SegmentMinV2", |c| segments(c, Tensor::segment_min)),
    ("SegmentProd", |c| sorted_segments(c, Tensor::segment_prod)),
    ("SegmentProdV2", |c| segments(c, Tensor::segment_prod)),
    ("SegmentSum", |c| sorted_segments(c, Tensor::segment_sum)),
    ("SegmentSumV2", |c| segments(c, Tensor::segment_sum)),
    ("SparseSegmentMean", |c| sparse_segments(c, segment_mean)),
    ("SparseSegmentSqrtN", |c| sparse_segments(c, |x, ids, n| segment_mean(x, ids, n) * count(x, ids, n).sqrt())),
    ("SparseSegmentSum", |c| sparse_segments(c, Tensor::segment_sum)),
    ("Sum", |c| reduce(c, |x, axes, keep| x.sum(axes, keep).cast_like(x))),
    ("UnsortedSegmentMax", |c| segments(c, Tensor::segment_max)),
    ("UnsortedSegmentMin", |c| segments(c, Tensor::segment_min)),
    ("UnsortedSegmentProd", |c| segments(c, Tensor::segment_prod)),
    ("UnsortedSegmentSum", |c| segments(c, Tensor::segment_sum)),
];

fn mean(x: &Tensor, axes: &[isize], keep: bool) -> Tensor {
    x.mean(axes, keep).cast_like(x)
}

fn reduce(call: &Call<'_, '_>, f: impl Fn(&Tensor, &[isize], bool) -> Tensor) -> Result<Vec<Value>> {
    let (x, axes) = (call.x(0)?, call.ints(1)?);
    let keep = call.attr_bool("keep_dims", call.attr_bool("keepdims", false));
    // No axes reduce nothing; they would mean all.
    if axes.is_empty() {
        let op = call.node.op.as_str();
        return one(if op == "EuclideanNorm" { x.abs() } else { x });
    }
    one(f(&x, &axes.iter().map(|&a| a as isize).collect::<Vec<_>>(), keep))
}

fn arg(call: &Call<'_, '_>, f: fn(&Tensor, Option<isize>, bool) -> Tensor) -> Result<Vec<Value>> {
    let axis = if call.inputs.len() > 1 { call.int(1)? } else { 0 };
    one(f(&call.x(0)?, Some(axis as isize), false).cast(call.attr_dtype_or("output_type", DType::I64)?))
}

fn cumulate(call: &Call<'_, '_>, f: impl Fn(&Tensor, isize, bool, bool) -> Tensor) -> Result<Vec<Value>> {
    let (x, axis) = (call.x(0)?, call.int(1)? as isize);
    one(f(&x, axis, call.attr_bool("exclusive", false), call.attr_bool("reverse", false)).cast_like(&x))
}

/// How often each number occurs, by row.
fn dense_bincount(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, size, weights) = (call.x(0)?, sizes(&[call.int(1)?])?[0], call.x(2)?);
    let dtype = weights.dtype()?;
    let shape = x.shape()?;
    if shape.rank() > 2 {
        fail!(RankMismatch, "expected at most 2 axes, found {}", shape.rank());
    }
    let hot = x.one_hot(size, -1, dtype);
    let hot = if weights.shape()?.elements() > 0 { hot * weights.expand_dims(&[-1]) } else { hot };
    let sum = if shape.rank() == 0 { hot } else { hot.sum(&[-2], false).cast(dtype) };
    one(if call.attr_bool("binary_output", false) { sum.greater(0).cast(dtype) } else { sum })
}

type Segments = fn(&Tensor, &Tensor, Option<usize>) -> Tensor;

/// How many slices a segment has, at least 1, shaped to divide it.
fn count(x: &Tensor, ids: &Tensor, n: Option<usize>) -> Tensor {
    Tensor::lift(|| {
        let ones = Array::full(x.dtype()?, ids.shape()?, 1.0)?;
        let mut counts = Tensor::from(ones).segment_sum(ids, n).maximum(1);
        for _ in 1..x.rank()? {
            counts = counts.expand_dims(&[-1]);
        }
        Ok(counts)
    })
}

fn segment_mean(x: &Tensor, ids: &Tensor, n: Option<usize>) -> Tensor {
    x.segment_sum(ids, n) / count(x, ids, n)
}

/// What empty segments get from TensorFlow: 0 for sorted ids, 1 for products.
fn sorted_segments(call: &Call<'_, '_>, f: Segments) -> Result<Vec<Value>> {
    let (x, ids) = (call.x(0)?, call.x(1)?);
    let n = ids.array()?.to_i64()?.last().map_or(0, |&last| last.max(-1) + 1) as usize;
    let y = f(&x, &ids, Some(n));
    if call.node.op == "SegmentProd" {
        return one(y);
    }
    let ones = Tensor::from(Array::full(DType::I32, ids.shape()?, 1.0)?);
    let mut some = ones.segment_sum(&ids, Some(n)).greater(0);
    for _ in 1..x.rank()? {
        some = some.expand_dims(&[-1]);
    }
    one(some.where_(&y, zeros(x.dtype()?, &[])?))
}

fn segments(call: &Call<'_, '_>, f: Segments) -> Result<Vec<Value>> {
    let (x, ids, n) = (call.x(0)?, call.x(1)?, sizes(&[call.int(2)?])?[0]);
    let (shape, at) = (x.shape()?, ids.shape()?);
    let tail = shape.get(at.rank()..).ok_or_else(|| err!(RankMismatch, "segments: more ids than axes"))?;
    let to: Vec<usize> = std::iter::once(at.elements()).chain(tail.iter().copied()).collect();
    one(f(&x.reshape(to), &ids.reshape([at.elements()]), Some(n)))
}

fn sparse_segments(call: &Call<'_, '_>, f: Segments) -> Result<Vec<Value>> {
    let (x, indices, ids) = (call.x(0)?, call.x(1)?, call.x(2)?);
    if ids.is_traced() {
        return Err(not_traced("the number of segments is asked for"));
    }
    let n = ids.array()?.to_i64()?.last().map_or(0, |&last| last.max(-1) + 1) as usize;
    one(f(&x.take(&indices, 0), &ids, Some(n)))
}
