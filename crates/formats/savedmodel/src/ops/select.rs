//! Choosing elements by condition or index.

use cornet_error::{Result, err, fail};
use cornet_ops::{ScatterMode, Tensor};
use cornet_tensor::{Array, DType};

use super::{Family, many, one};
use crate::interpret::{Call, sizes};
use crate::value::{Value, zeros};

pub(super) static OPS: Family = &[
    ("DynamicPartition", dynamic_partition),
    ("DynamicStitch", dynamic_stitch),
    ("Gather", |c| gather(&c.x(0)?, &c.x(1)?, 0, 0)),
    ("GatherNd", |c| one(gather_nd(&c.x(0)?, &c.x(1)?, c.attr_int("batch_dims", 0))?)),
    ("GatherV2", |c| gather(&c.x(0)?, &c.x(1)?, c.int(2)?, c.attr_int("batch_dims", 0))),
    ("ListDiff", list_diff),
    ("OneHot", one_hot),
    ("ParallelDynamicStitch", dynamic_stitch),
    ("ResourceGather", |c| gather(&c.x(0)?, &c.x(1)?, 0, c.attr_int("batch_dims", 0))),
    ("ResourceGatherNd", |c| one(gather_nd(&c.x(0)?, &c.x(1)?, 0)?)),
    ("ScatterNd", |c| {
        let updates = c.x(1)?;
        let base = zeros(updates.dtype()?, &c.sizes(2)?)?;
        one(base.scatter_nd(&c.x(0)?, &updates, ScatterMode::Add))
    }),
    ("Select", select),
    ("SelectV2", |c| one(c.x(0)?.where_(c.x(1)?, c.x(2)?))),
    ("TensorScatterAdd", |c| scatter(c, ScatterMode::Add)),
    ("TensorScatterMax", |c| scatter(c, ScatterMode::Max)),
    ("TensorScatterMin", |c| scatter(c, ScatterMode::Min)),
    ("TensorScatterSub", |c| one(c.x(0)?.scatter_nd(&c.x(1)?, &c.x(2)?.negative(), ScatterMode::Add))),
    ("TensorScatterUpdate", |c| scatter(c, ScatterMode::Update)),
    ("TopK", |c| top_k(&c.x(0)?, c.attr_int("k", 1), DType::I32)),
    ("TopKV2", |c| top_k(&c.x(0)?, c.int(1)?, c.attr_dtype_or("index_type", DType::I32)?)),
    ("Unique", |c| unique(c, false)),
    ("UniqueV2", |c| unique(c, false)),
    ("UniqueWithCounts", |c| unique(c, true)),
    ("UniqueWithCountsV2", |c| unique(c, true)),
    ("Where", |c| one(nonzero(&c.x(0)?)?)),
];

/// The coordinates of what is not zero, int64.
fn nonzero(x: &Tensor) -> Result<Tensor> {
    let rank = x.rank()?;
    if rank == 0 {
        return Ok(x.reshape([1]).argwhere().cast(DType::I64).slice_axis(1, 0, 0));
    }
    Ok(x.argwhere().cast(DType::I64))
}

fn gather(x: &Tensor, indices: &Tensor, axis: i64, batch: i64) -> Result<Vec<Value>> {
    let (shape, at) = (x.shape()?, indices.shape()?);
    let axis = shape.axis(axis as isize)?;
    let batch = if batch < 0 { batch + at.rank() as i64 } else { batch };
    let batch = usize::try_from(batch).ok().filter(|&b| b <= axis && b <= at.rank());
    let batch = batch.ok_or_else(|| err!(InvalidArgument, "batch_dims: expected at most {axis}"))?;
    if batch == 0 {
        return one(x.take(indices, axis as isize));
    }
    // The axes of the batch become one, whose number is part of the index.
    let rows: usize = shape[..batch].iter().product();
    let own: usize = at[batch..].iter().product();
    let between: usize = shape[batch..axis].iter().product();
    let flat = x.reshape([rows, between, shape[axis], shape[axis + 1..].iter().product()]).transpose(&[0, 2, 1, 3]);
    let numbers: Vec<i64> = (0..rows as i64).collect();
    let row = Tensor::from(Array::from_vec(numbers, [rows, 1])?).broadcast_to([rows, own]);
    let place = Tensor::stack(&[&row, &indices.cast(DType::I64).reshape([rows, own])], -1);
    let to = shape[..axis].iter().chain(&at[batch..]).chain(&shape[axis + 1..]).copied().collect::<Vec<_>>();
    one(flat.gather_nd(&place).transpose(&[0, 2, 1, 3]).reshape(to))
}

fn gather_nd(x: &Tensor, indices: &Tensor, batch: i64) -> Result<Tensor> {
    let batch = sizes(&[batch])?[0];
    if batch == 0 {
        return Ok(x.gather_nd(indices));
    }
    let at = indices.shape()?;
    if batch >= at.rank() {
        fail!(InvalidArgument, "batch_dims: expected less than {}, found {batch}", at.rank());
    }
    let indices = indices.cast(DType::I64);
    let lead: Vec<usize> = at[..at.rank() - 1].to_vec();
    let mut parts = Vec::new();
    for axis in 0..batch {
        let numbers: Vec<i64> = (0..at[axis] as i64).collect();
        let mut shape = vec![1; lead.len() + 1];
        shape[axis] = at[axis];
        let to: Vec<usize> = lead.iter().copied().chain([1]).collect();
        parts.push(Tensor::from(Array::from_vec(numbers, shape)?).broadcast_to(to));
    }
    parts.push(indices);
    Ok(x.gather_nd(&Tensor::concat(&parts.iter().collect::<Vec<_>>(), -1)))
}

fn scatter(call: &Call<'_, '_>, mode: ScatterMode) -> Result<Vec<Value>> {
    one(call.x(0)?.scatter_nd(&call.x(1)?, &call.x(2)?, mode))
}

fn select(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (condition, a, b) = (call.x(0)?, call.x(1)?, call.x(2)?);
    let (own, whole) = (condition.shape()?, a.shape()?);
    // A vector chooses rows.
    let condition = if own.rank() == 1 && whole.rank() > 1 {
        let mut to = vec![1; whole.rank()];
        to[0] = own[0];
        condition.reshape(to)
    } else {
        condition
    };
    one(condition.where_(a, b))
}

fn one_hot(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, depth) = (call.x(0)?, sizes(&[call.int(1)?])?[0]);
    let (on, off, axis) = (call.x(2)?.reshape([]), call.x(3)?.reshape([]), call.attr_int("axis", -1) as isize);
    let hot = x.one_hot(depth, axis, DType::Bool);
    one(hot.where_(on, off))
}

fn top_k(x: &Tensor, k: i64, dtype: DType) -> Result<Vec<Value>> {
    let (values, indices) = x.top_k(sizes(&[k])?[0]);
    many([values, indices.cast(dtype)])
}

/// The distinct elements in the order in which they first occur.
fn unique(call: &mut Call<'_, '_>, counts: bool) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    let index = call.attr_dtype_or("out_idx", DType::I32)?;
    let axis = match call.inputs.get(1) {
        Some(_) => call.ints(1)?.first().map(|&a| a as isize),
        None => None,
    };
    let axis = axis.filter(|_| x.rank().is_ok_and(|r| r > 1));
    let found = x.unique(axis, None)?;
    let first = found.index.array()?.to_i64()?;
    let mut order: Vec<usize> = (0..first.len()).collect();
    order.sort_by_key(|&i| first[i]);
    let mut place = vec![0_i64; order.len()];
    order.iter().enumerate().for_each(|(to, &from)| place[from] = to as i64);
    let order: Vec<i64> = order.iter().map(|&i| i as i64).collect();
    let order = Tensor::from(Array::from_vec(order.clone(), [order.len()])?);
    let place = Tensor::from(Array::from_vec(place.clone(), [place.len()])?);
    let values = found.values.take(&order, axis.unwrap_or(0));
    let mut out = vec![values, place.take(&found.inverse, 0).cast(index)];
    if counts {
        out.push(found.counts.take(&order, 0).cast(index));
    }
    many(out)
}

fn list_diff(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, y) = (call.x(0)?, call.x(1)?);
    let keep = x.isin(&y, true);
    let places = keep.argwhere().reshape_infer(&[-1]);
    many([x.boolean_mask(&keep), places.cast(call.attr_dtype_or("out_idx", DType::I32)?)])
}

fn dynamic_partition(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, parts, count) = (call.x(0)?, call.x(1)?, call.attr_int("num_partitions", 1));
    many((0..count).map(|p| x.boolean_mask(&parts.equal(p))).collect::<Vec<_>>())
}

fn dynamic_stitch(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let all = call.all(0)?;
    let (indices, data) = all.split_at(all.len() / 2);
    let (mut rows, mut places) = (Vec::new(), Vec::new());
    for (indices, data) in indices.iter().zip(data) {
        let (at, shape) = (indices.shape()?, data.shape()?);
        let tail = shape.get(at.rank()..).ok_or_else(|| err!(RankMismatch, "stitch: expected data of each index"))?;
        let to: Vec<usize> = std::iter::once(at.elements()).chain(tail.iter().copied()).collect();
        rows.push(data.reshape(to));
        places.push(indices.reshape([at.elements()]));
    }
    let places = Tensor::concat(&places.iter().collect::<Vec<_>>(), 0).array()?.to_i64()?;
    let rows = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0);
    let count = sizes(&[places.iter().max().map_or(0, |m| m + 1)])?[0];
    let mut from = vec![0_i64; count.min(places.len().max(1) * 1024)];
    if from.len() != count {
        fail!(OutOfRange, "stitch: expected indices near 0, found {}", count - 1);
    }
    for (i, &place) in places.iter().enumerate() {
        *usize::try_from(place)
            .ok()
            .and_then(|p| from.get_mut(p))
            .ok_or_else(|| err!(OutOfRange, "stitch: {place}"))? = i as i64;
    }
    one(rows.take(&Array::from_vec(from, [count])?.into(), 0))
}
