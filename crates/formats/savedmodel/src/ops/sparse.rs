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
    ("SparseCross", cross),
    ("SparseCrossV2", cross),
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
        let (at, values) = (c.x(0)?, c.x(1)?);
        let places = coordinates(&at)?;
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by(|&a, &b| places[a].cmp(&places[b]));
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

/// The features of each row of a column, as places among the column's values.
struct Column {
    values: Tensor,
    rows: Vec<Vec<i64>>,
}

/// Sparse columns, then dense ones.
fn columns(all: &[Tensor], count: usize) -> Result<Vec<Column>> {
    let dense = all.get(3 * count..);
    let dense = dense.ok_or_else(|| err!(Corrupt, "expected {count} sparse columns, found {} inputs", all.len()))?;
    let rows = match (dense.first(), all.get(2 * count)) {
        (Some(x), _) => x.shape()?.first().copied().unwrap_or(0),
        (None, Some(shape)) => shape.array()?.to_i64()?.first().map_or(0, |&n| n.max(0) as usize),
        (None, None) => 0,
    };
    Limits::check("cross: rows", rows as u64, 1 << 28)?;
    let mut columns = Vec::new();
    for (at, values) in all.iter().zip(&all[count..]).take(count) {
        let mut column = vec![Vec::new(); rows];
        for (i, place) in coordinates(at)?.iter().enumerate() {
            let row = place.first().and_then(|&r| usize::try_from(r).ok()).and_then(|r| column.get_mut(r));
            row.ok_or_else(|| err!(OutOfRange, "cross: expected rows below {rows}"))?.push(i as i64);
        }
        columns.push(Column { values: values.clone(), rows: column });
    }
    for x in dense {
        let width = x.shape()?.get(1).copied().unwrap_or(1) as i64;
        let own = (0..rows as i64).map(|r| (r * width..(r + 1) * width).collect()).collect();
        columns.push(Column { values: x.reshape_infer(&[-1]), rows: own });
    }
    Ok(columns)
}

/// All combinations of the features of each row: their texts joined, or a hash of two.
fn cross(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let count = sizes(&[call.attr_int("N", 0)])?[0];
    let mut all = call.all(0)?;
    let separator = match call.node.op.as_str() {
        "SparseCrossV2" => all.pop().map(|x| x.array()).transpose()?,
        _ => None,
    };
    let separator = separator.as_ref().and_then(|s| s.strings().ok()?.first().cloned()).unwrap_or(b"_X_".to_vec());
    let columns = columns(&all, count)?;
    let rows = columns.first().map_or(0, |c| c.rows.len());
    let (mut at, mut picked, mut most) = (Vec::new(), vec![Vec::new(); columns.len()], 0);
    for row in 0..rows {
        let own: Vec<&Vec<i64>> = columns.iter().filter_map(|c| c.rows.get(row)).collect();
        let combinations = own.iter().try_fold(1_usize, |n, c| n.checked_mul(c.len())).unwrap_or(usize::MAX);
        Limits::check("cross: combinations", (at.len() as u64).saturating_add(combinations as u64), 1 << 26)?;
        for j in 0..combinations {
            let mut rest = j;
            for (column, picked) in own.iter().zip(&mut picked).rev() {
                picked.push(column[rest % column.len()]);
                rest /= column.len();
            }
            at.extend([row as i64, j as i64]);
        }
        most = most.max(combinations);
    }
    let parts = columns.iter().zip(picked).map(|(c, picked)| Ok(c.values.take(&vector(picked)?, 0)));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let values = if call.attr_bool("hashed_output", false) {
        let ([a, b], buckets @ 1..) = (parts.as_slice(), call.attr_int("num_buckets", 0)) else {
            fail!(Unsupported, "hashes of {} features", parts.len());
        };
        a.hashed_cross(b, buckets as usize)
    } else {
        let text = |x: &Tensor| if x.dtype().is_ok_and(|d| d == DType::Str) { x.clone() } else { x.as_string() };
        let texts: Vec<Tensor> = parts.iter().map(text).collect();
        Tensor::string_join(&texts.iter().collect::<Vec<_>>(), &String::from_utf8_lossy(&separator))
    };
    let n = at.len() / 2;
    many([Array::from_vec(at, [n, 2])?.into(), values, vector(vec![rows as i64, most as i64])?])
}
