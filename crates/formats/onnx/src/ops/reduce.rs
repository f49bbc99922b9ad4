//! Reductions, running sums and what sorts.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, many, one};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    one("ArgMax", |c| arg(c, |x, axis| x.argmax(Some(axis), false))),
    one("ArgMin", |c| arg(c, |x, axis| x.argmin(Some(axis), false))),
    one("CumProd", |c| running(c, |x, axis, e, r| x.cumprod_with(Some(axis), e, r))).since(26),
    one("CumSum", |c| running(c, |x, axis, e, r| x.cumsum_with(Some(axis), e, r))).since(11),
    one("ReduceL1", |c| reduce(c, |x, axes, keep| x.absolute().sum(axes, keep))),
    one("ReduceL2", |c| reduce(c, |x, axes, keep| float(&x.square().sum(axes, keep), Tensor::sqrt))),
    one("ReduceLogSum", |c| reduce(c, |x, axes, keep| float(&x.sum(axes, keep), Tensor::log))),
    one("ReduceLogSumExp", |c| reduce(c, log_sum_exp)),
    one("ReduceMax", |c| reduce(c, |x, axes, keep| extreme(x, axes, keep, true))),
    one("ReduceMean", |c| reduce(c, mean)),
    one("ReduceMin", |c| reduce(c, |x, axes, keep| extreme(x, axes, keep, false))),
    one("ReduceProd", |c| reduce(c, Tensor::prod)),
    one("ReduceSum", |c| reduce(c, Tensor::sum)),
    one("ReduceSumSquare", |c| reduce(c, |x, axes, keep| x.square().sum(axes, keep))),
    many("TopK", top_k),
    many("Unique", unique).since(11),
];

/// Applies a function of floats to a tensor that may be of whole numbers, whose dtype stays.
fn float(x: &Tensor, f: fn(&Tensor) -> Tensor) -> Tensor {
    match x.dtype() {
        Ok(dtype) if dtype.is_int() => f(&x.cast(DType::F64)).cast(dtype),
        _ => f(x),
    }
}

fn reduce(call: &Call<'_>, f: impl Fn(&Tensor, &[isize], bool) -> Tensor) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let rank = x.rank()?;
    let axes = call.axes(1, "axes")?.unwrap_or_default();
    if axes.is_empty() && call.flag("noop_with_empty_axes")? {
        // The reduction over no axis still takes the element's norm or logarithm.
        let one = f(&x.expand_dims(&[-1]), &[-1], false);
        return Ok(one.cast(x.dtype()?));
    }
    let axes = axes.iter().map(|&a| Ok(axis_of(a, rank)? as isize)).collect::<Result<Vec<_>>>()?;
    let keep = call.int_or("keepdims", 1)? != 0;
    Ok(f(x, &axes, keep).cast(x.dtype()?))
}

fn mean(x: &Tensor, axes: &[isize], keep: bool) -> Tensor {
    Tensor::lift(|| {
        if x.dtype()?.is_float() {
            return Ok(x.mean(axes, keep));
        }
        Ok(x.cast(DType::F64).mean(axes, keep))
    })
}

fn log_sum_exp(x: &Tensor, axes: &[isize], keep: bool) -> Tensor {
    Tensor::lift(|| {
        let shape = x.shape()?;
        let x = if x.dtype()?.is_float() { x.clone() } else { x.cast(DType::F64) };
        if shape.elements() == 0 {
            return Ok(x.exp().sum(axes, keep).log());
        }
        Ok(x.logsumexp(axes, keep))
    })
}

/// The greatest or least, of nothing the dtype's other end.
fn extreme(x: &Tensor, axes: &[isize], keep: bool, greatest: bool) -> Tensor {
    Tensor::lift(|| {
        let dtype = x.dtype()?;
        if dtype == DType::Bool {
            return Ok(if greatest { x.any(axes, keep) } else { x.all(axes, keep) });
        }
        if x.shape()?.elements() > 0 {
            return Ok(if greatest { x.max(axes, keep) } else { x.min(axes, keep) });
        }
        let initial = Tensor::from(end_of(dtype, greatest)?);
        Ok(if greatest { x.max_with(axes, keep, initial) } else { x.min_with(axes, keep, initial) })
    })
}

/// The least number of a dtype, or the greatest.
pub(super) fn end_of(dtype: DType, least: bool) -> Result<Array> {
    if dtype.is_float() {
        return Array::full(dtype, [], if least { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let bits = 8 * dtype.size() as u32;
    let value = match (dtype.is_signed_int(), least) {
        (true, true) => i64::MIN >> (64 - bits),
        (true, false) => i64::MAX >> (64 - bits),
        (false, true) => 0,
        (false, false) => -1,
    };
    Array::from_i64(dtype, [], &[value])
}

fn arg(call: &Call<'_>, f: impl Fn(&Tensor, isize) -> Tensor) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let axis = axis_of(call.int_or("axis", 0)?, shape.rank())?;
    let found = if call.flag("select_last_index")? {
        let flipped = f(&x.flip(&[axis as isize]), axis as isize).cast(DType::I64);
        flipped.negative() + (shape[axis] as i64 - 1)
    } else {
        f(x, axis as isize).cast(DType::I64)
    };
    Ok(if call.int_or("keepdims", 1)? != 0 { found.expand_dims(&[axis as isize]) } else { found })
}

fn running(call: &Call<'_>, f: impl Fn(&Tensor, isize, bool, bool) -> Tensor) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let [axis] = call.known_ints(1)?[..] else { fail!(InvalidArgument, "axis: expected one number, found several") };
    let axis = axis_of(axis, x.rank()?)? as isize;
    Ok(f(x, axis, call.flag("exclusive")?, call.flag("reverse")?).cast(x.dtype()?))
}

fn top_k(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let axis = axis_of(call.int_or("axis", -1)?, shape.rank())?;
    let k = match call.maybe_ints(1)? {
        Some(k) => k.first().copied().unwrap_or(0),
        None => call.int_or("k", 0)?,
    };
    let k = usize::try_from(k).unwrap_or(usize::MAX);
    if k > shape[axis] {
        fail!(InvalidArgument, "k: expected at most {}, found {k}", shape[axis]);
    }
    let largest = call.int_or("largest", 1)? != 0;
    let order = x.argsort_with(axis as isize, largest).slice_axis(axis as isize, 0, k);
    let values = x.take_along_axis(&order, axis as isize);
    Ok(vec![values.into(), order.cast(DType::I64).into()])
}

/// Distinct elements or slices, the place each first occurs at, which of them each element is, and how often each occurs.
fn unique(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.known(0)?;
    let sorted = call.int_or("sorted", 1)? != 0;
    let axis = call.int("axis")?.map(|a| axis_of(a, x.shape().rank())).transpose()?;
    let tensor = Tensor::from(&x);
    // Slices are rows of a matrix whose keys are compared lexicographically.
    let rows = match axis {
        Some(axis) => tensor.moveaxis(&[axis as isize], &[0]).array()?,
        None => tensor.ravel().array()?,
    };
    let count = rows.shape().first().copied().unwrap_or(0);
    let width = rows.elements().checked_div(count).unwrap_or(0);
    let keys = Keys::of(&rows)?;
    let compare = |a: usize, b: usize| {
        (0..width)
            .map(|i| keys.compare(a * width + i, b * width + i))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| compare(a, b));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for at in order {
        match groups.last_mut() {
            Some(group) if compare(group[0], at).is_eq() => group.push(at),
            _ => groups.push(vec![at]),
        }
    }
    if !sorted {
        groups.sort_by_key(|group| group[0]);
    }
    let first: Vec<i64> = groups.iter().map(|g| g[0] as i64).collect();
    let counts: Vec<i64> = groups.iter().map(|g| g.len() as i64).collect();
    let mut inverse = vec![0_i64; count];
    for (i, group) in groups.iter().enumerate() {
        group.iter().for_each(|&at| inverse[at] = i as i64);
    }
    let list = |values: Vec<i64>| Tensor::from_slice(&values, [values.len()]);
    let first = list(first);
    let distinct = match axis {
        Some(axis) => tensor.take(&first, axis as isize),
        None => tensor.ravel().take(&first, 0),
    };
    Ok(vec![distinct.into(), first.into(), list(inverse).into(), list(counts).into()])
}

/// Elements that have an order.
pub(super) enum Keys {
    Ints(Vec<i64>),
    Unsigned(Vec<u64>),
    Floats(Vec<f64>),
    Texts(Vec<Vec<u8>>),
}

impl Keys {
    pub fn of(x: &Array) -> Result<Self> {
        Ok(match x.dtype() {
            DType::Str => Self::Texts(x.strings()?.to_vec()),
            DType::U64 => Self::Unsigned(x.to_vec()?),
            dtype if dtype.is_float() => Self::Floats(x.to_f64()?),
            _ => Self::Ints(x.to_i64()?),
        })
    }

    pub fn compare(&self, a: usize, b: usize) -> std::cmp::Ordering {
        match self {
            Self::Ints(v) => v[a].cmp(&v[b]),
            Self::Unsigned(v) => v[a].cmp(&v[b]),
            Self::Floats(v) => v[a].partial_cmp(&v[b]).unwrap_or_else(|| v[a].is_nan().cmp(&v[b].is_nan())),
            Self::Texts(v) => v[a].cmp(&v[b]),
        }
    }
}
