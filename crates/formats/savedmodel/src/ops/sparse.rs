//! Sparse tensors: coordinates, values, shape.

use std::collections::HashMap;

use cornet_error::{Limits, Result, err, fail};
use cornet_ops::{ScatterMode, Tensor};
use cornet_tensor::{Array, DType};

use super::slicing::vector;
use super::{Family, many, one};
use crate::interpret::{Call, sizes};
use crate::value::{Value, zeros};

pub(super) static OPS: Family = &[
    ("SparseBincount", |c| {
        let (at, values, shape, size, weights) = (c.x(0)?, c.x(1)?, c.sizes(2)?, sizes(&[c.int(3)?])?[0], c.x(4)?);
        let rows = if shape.len() == 1 { None } else { shape.first().copied() };
        let row = at.slice_axis(1, 0, 1).reshape_infer(&[-1]);
        one(bincount(&row, &values, rows, size, &weights, c.attr_bool("binary_output", false))?)
    }),
    ("SparseDenseCwiseMul", |c| {
        let (at, values, dense) = (c.x(0)?, c.x(1)?, c.x(3)?.broadcast_to(c.sizes(2)?));
        one(values * dense.gather_nd(&at))
    }),
    ("SparseFillEmptyRows", fill_empty_rows),
    ("SparseReduceSum", |c| {
        let whole = dense(&c.x(0)?, &c.sizes(2)?, &c.x(1)?, None, ScatterMode::Add)?;
        let axes: Vec<isize> = c.ints(3)?.iter().map(|&a| a as isize).collect();
        one(whole.sum(&axes, c.attr_bool("keep_dims", false)))
    }),
    ("SparseReorder", |c| {
        let (at, values, shape) = (c.x(0)?, c.x(1)?, c.sizes(2)?);
        let places = coordinates(&at)?;
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by(|&a, &b| places[a].cmp(&places[b]));
        let _ = shape;
        let order = vector(order.iter().map(|&i| i as i64).collect())?;
        many([at.take(&order, 0), values.take(&order, 0)])
    }),
    ("SparseReshape", reshape),
    ("SparseTensorDenseAdd", |c| {
        let dense = c.x(3)?;
        one(dense.scatter_nd(&c.x(0)?, &c.x(1)?, ScatterMode::Add))
    }),
    ("SparseTensorDenseMatMul", |c| {
        let mut a = dense(&c.x(0)?, &c.sizes(2)?, &c.x(1)?, None, ScatterMode::Add)?;
        let mut b = c.x(3)?;
        if c.attr_bool("adjoint_a", false) {
            a = a.swap_last();
        }
        if c.attr_bool("adjoint_b", false) {
            b = b.swap_last();
        }
        one(a.matmul(b))
    }),
    ("SparseToDense", |c| {
        let (at, shape, values, default) = (c.x(0)?, c.sizes(1)?, c.x(2)?, c.x(3)?);
        let rank = shape.len() as isize;
        // Scalars and vectors of indices stand for columns of them.
        let at = if at.rank()? < 2 { at.reshape_infer(&[-1, rank]) } else { at };
        let count = at.shape()?.first().copied().unwrap_or(0);
        let values = if values.rank()? == 0 { values.broadcast_to([count]) } else { values };
        one(dense(&at, &shape, &values, Some(&default), ScatterMode::Update)?)
    }),
];

/// The rows of indices.
fn coordinates(at: &Tensor) -> Result<Vec<Vec<i64>>> {
    let rank = at.shape()?.get(1).copied().unwrap_or(0);
    let all = at.array()?.to_i64()?;
    Ok(if rank == 0 { Vec::new() } else { all.chunks(rank).map(<[i64]>::to_vec).collect() })
}

/// The dense tensor.
fn dense(at: &Tensor, shape: &[usize], values: &Tensor, default: Option<&Tensor>, mode: ScatterMode) -> Result<Tensor> {
    let base = match default {
        Some(default) => default.reshape([]).broadcast_to(shape),
        None => zeros(values.dtype()?, shape)?,
    };
    Ok(base.scatter_nd(at, values, mode))
}

/// How often each number occurs, by row; of all together without rows.
pub(super) fn bincount(
    row: &Tensor,
    values: &Tensor,
    rows: Option<usize>,
    size: usize,
    weights: &Tensor,
    binary: bool,
) -> Result<Tensor> {
    let dtype = weights.dtype()?;
    let (row, values) = (row.array()?.to_i64()?, values.array()?.to_i64()?);
    let weights = weights.array()?.to_f64()?;
    let count = rows.unwrap_or(1).saturating_mul(size);
    Limits::check("bincount: elements", count as u64, 1 << 32)?;
    let mut all = vec![0.0; count];
    for (i, &value) in values.iter().enumerate() {
        let row = if rows.is_some() { row.get(i).copied().unwrap_or(0) } else { 0 };
        let (Ok(row), Ok(value)) = (usize::try_from(row), usize::try_from(value)) else {
            fail!(InvalidArgument, "bincount: expected numbers of at least 0, found {value}");
        };
        if value < size
            && let Some(place) = all.get_mut(row * size + value)
        {
            let weight = weights.get(i).copied().unwrap_or(1.0);
            *place = if binary { 1.0 } else { *place + weight };
        }
    }
    let shape: Vec<usize> = rows.into_iter().chain([size]).collect();
    Ok(Array::from_f64(dtype, shape, &all)?.into())
}

fn reshape(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (places, from, mut to) = (coordinates(&call.x(0)?)?, call.sizes(1)?, call.ints(2)?);
    let total: usize = from.iter().product();
    if let Some(open) = to.iter().position(|&s| s == -1) {
        let rest: i64 = to.iter().filter(|&&s| s != -1).product();
        to[open] = if rest == 0 { 0 } else { total as i64 / rest };
    }
    let to = sizes(&to)?;
    let mut out = Vec::with_capacity(places.len() * to.len());
    for place in &places {
        let mut flat = place.iter().zip(&from).fold(0, |flat, (&i, &n)| flat * n as i64 + i);
        let mut own = vec![0; to.len()];
        for axis in (0..to.len()).rev() {
            let size = (to[axis] as i64).max(1);
            own[axis] = flat % size;
            flat /= size;
        }
        out.extend(own);
    }
    let shape: Vec<i64> = to.iter().map(|&s| s as i64).collect();
    many([Array::from_vec(out, [places.len(), to.len()])?.into(), vector(shape)?])
}

/// A default in every row that has no value.
fn fill_empty_rows(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (places, values, shape, default) = (coordinates(&call.x(0)?)?, call.x(1)?, call.sizes(2)?, call.x(3)?);
    let rows = shape.first().copied().ok_or_else(|| err!(RankMismatch, "expected rows, found a scalar"))?;
    Limits::check("rows", rows as u64, 1 << 28)?;
    let mut by_row: HashMap<i64, Vec<usize>> = HashMap::new();
    places.iter().enumerate().for_each(|(i, p)| by_row.entry(p[0]).or_default().push(i));
    let (mut at, mut from, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    let mut back = vec![0_i64; places.len()];
    for row in 0..rows as i64 {
        let own = by_row.get(&row);
        empty.push(own.is_none());
        match own {
            Some(own) => own.iter().for_each(|&i| {
                back[i] = from.len() as i64;
                at.extend(&places[i]);
                from.push(i as i64);
            }),
            None => {
                at.push(row);
                at.extend(std::iter::repeat_n(0, shape.len() - 1));
                from.push(places.len() as i64);
            }
        }
    }
    let all = Tensor::concat(&[&values, &default.reshape([1])], 0);
    let count = from.len();
    many([
        Array::from_vec(at, [count, shape.len()])?.into(),
        all.take(&vector(from)?, 0),
        Array::from_vec(empty, [rows])?.into(),
        vector(back)?.cast(DType::I64),
    ])
}
