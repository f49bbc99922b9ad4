//! Ragged tensors: values with splits.

use std::sync::Arc;

use cornet_error::{Limits, Result, err, fail};
use cornet_ops::{ScatterMode, Tensor};
use cornet_tensor::{Array, DType};

use super::slicing::vector;
use super::sparse::bincount;
use super::{Family, many, one};
use crate::attr::Attr;
use crate::interpret::{Call, sizes};
use crate::value::{Ragged, Value};

pub(super) static OPS: Family = &[
    ("RaggedBincount", |c| {
        let (splits, values, size, weights) = (c.ints(0)?, c.x(1)?, sizes(&[c.int(2)?])?[0], c.x(3)?);
        let rows = splits.len().saturating_sub(1);
        let row = vector(row_ids(&splits)?)?;
        one(bincount(&row, &values, Some(rows), size, &weights, c.attr_bool("binary_output", false))?)
    }),
    ("RaggedGather", gather),
    ("RaggedRange", range),
    ("RaggedTensorFromVariant", from_variant),
    ("RaggedTensorToSparse", to_sparse),
    ("RaggedTensorToTensor", to_tensor),
    ("RaggedTensorToVariant", to_variant),
];

/// Checks that splits begin at 0, rise, and end at what there is.
fn checked(splits: &[i64], most: usize) -> Result<()> {
    let rises = splits.windows(2).all(|w| w[0] <= w[1]);
    if splits.first() != Some(&0) || !rises || splits.last().is_some_and(|&l| l > most as i64) {
        fail!(InvalidArgument, "splits: expected rising numbers from 0 to at most {most}, found others");
    }
    Ok(())
}

/// The row of each value.
fn row_ids(splits: &[i64]) -> Result<Vec<i64>> {
    let last = splits.last().copied().unwrap_or(0);
    checked(splits, usize::try_from(last).unwrap_or(0))?;
    Limits::check("ragged: values", last as u64, 1 << 32)?;
    let rows = splits.windows(2).zip(0..);
    Ok(rows.flat_map(|(w, row)| std::iter::repeat_n(row, (w[1] - w[0]) as usize)).collect())
}

fn splits_of(values: Vec<i64>, dtype: DType) -> Result<Tensor> {
    Ok(Array::from_i64(dtype, [values.len()], &values)?.into())
}

fn range(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let all = [0, 1, 2].map(|i| call.x(i).and_then(|x| x.array()));
    let [starts, limits, deltas] = all;
    let (starts, limits, deltas) = (starts?, limits?, deltas?);
    let dtype = starts.dtype();
    let rows = [&starts, &limits, &deltas].iter().map(|x| x.elements()).max().unwrap_or(0);
    let rows =
        if [&starts, &limits, &deltas].iter().any(|x| x.shape().rank() > 0 && x.elements() == 0) { 0 } else { rows };
    let at = |x: &[f64], i: usize| x.get(i).or(x.first()).copied().unwrap_or(0.0);
    let (starts, limits, deltas) = (starts.to_f64()?, limits.to_f64()?, deltas.to_f64()?);
    let (mut values, mut splits) = (Vec::new(), vec![0_i64]);
    for i in 0..rows {
        let (start, limit, delta) = (at(&starts, i), at(&limits, i), at(&deltas, i));
        if delta == 0.0 {
            fail!(InvalidArgument, "ragged range: expected a step, found 0");
        }
        let count = ((limit - start) / delta).ceil().max(0.0);
        Limits::check("ragged range: numbers", values.len() as u64 + count as u64, 1 << 28)?;
        values.extend((0..count as usize).map(|k| start + delta * k as f64));
        splits.push(values.len() as i64);
    }
    let split = call.attr_dtype_or("Tsplits", DType::I64)?;
    many([splits_of(splits, split)?, Array::from_f64(dtype, [values.len()], &values)?.into()])
}

/// Rows picked by index.
fn gather(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let all = call.all(0)?;
    let depth = usize::try_from(call.attr_int("PARAMS_RAGGED_RANK", 1)).unwrap_or(0);
    let (Some(levels), Some(values), Some(indices)) = (all.get(..depth), all.get(depth), all.get(depth + 1)) else {
        fail!(Corrupt, "expected {depth} splits, values and indices, found {} inputs", all.len());
    };
    let shape = indices.shape()?;
    let dtype = levels.first().map_or(Ok(DType::I64), |l| l.dtype())?;
    let mut picked = indices.array()?.to_i64()?;
    let mut out = Vec::new();
    // Axes of the indices but the last become even splits.
    for axis in 1..shape.rank() {
        let (rows, size) = (shape[..axis].iter().product::<usize>(), shape[axis]);
        out.push(splits_of((0..=rows as i64).map(|r| r * size as i64).collect(), dtype)?);
    }
    for level in levels {
        let splits = level.array()?.to_i64()?;
        let (mut next, mut ends) = (Vec::new(), vec![0_i64]);
        for row in picked {
            let row = usize::try_from(row).ok().filter(|&r| r + 1 < splits.len());
            let row = row.ok_or_else(|| err!(OutOfRange, "ragged: expected rows below {}", splits.len() - 1))?;
            Limits::check("ragged: rows", next.len() as u64, 1 << 28)?;
            next.extend(splits[row]..splits[row + 1]);
            ends.push(next.len() as i64);
        }
        out.push(splits_of(ends, dtype)?);
        picked = next;
    }
    out.push(values.take(&vector(picked)?, 0));
    many(out)
}

/// Nested splits from the partitions that a graph names in one of three ways.
fn partitions(call: &Call<'_, '_>, tensors: &[Tensor]) -> Result<(usize, Vec<Vec<i64>>)> {
    let Attr::List(list) = call.attr("row_partition_types") else { fail!(Corrupt, "expected partitions, found none") };
    let (mut first, mut levels) = (None, Vec::new());
    let mut rows = None;
    for (kind, tensor) in list.bytes.iter().zip(tensors) {
        let values = tensor.array()?.to_i64()?;
        match kind.as_slice() {
            b"FIRST_DIM_SIZE" => {
                rows = sizes(&values)?.first().copied();
                first = rows;
            }
            b"ROW_SPLITS" => {
                first = first.or(Some(values.len().saturating_sub(1)));
                rows = values.last().and_then(|&l| usize::try_from(l).ok());
                checked(&values, usize::MAX >> 1)?;
                levels.push(values);
            }
            b"VALUE_ROWIDS" => {
                let count = rows.ok_or_else(|| err!(Corrupt, "partitions: rows without their number"))?;
                Limits::check("ragged: rows", count as u64, 1 << 28)?;
                let mut splits = vec![0_i64; count + 1];
                for &row in &values {
                    let row = usize::try_from(row).ok().filter(|&r| r < count);
                    splits[row.ok_or_else(|| err!(OutOfRange, "partitions: expected rows below {count}"))? + 1] += 1;
                }
                (1..splits.len()).for_each(|i| splits[i] += splits[i - 1]);
                rows = Some(values.len());
                levels.push(splits);
            }
            other => fail!(Unsupported, "partition {}", String::from_utf8_lossy(other)),
        }
    }
    Ok((first.unwrap_or(0), levels))
}

fn to_tensor(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let all = call.all(0)?;
    let [shape, values, default, parts @ ..] = all.as_slice() else { fail!(Corrupt, "expected 4 inputs") };
    let (rows, levels) = partitions(call, parts)?;
    let wanted = if shape.rank()? == 0 { Vec::new() } else { shape.array()?.to_i64()? };
    let inner = values.shape()?;
    let size = |axis: usize, own: usize| match wanted.get(axis) {
        Some(&size) if size >= 0 => size as usize,
        _ => own,
    };
    let mut to = vec![size(0, rows)];
    for (i, level) in levels.iter().enumerate() {
        let longest = level.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
        to.push(size(i + 1, longest as usize));
    }
    to.extend(inner.iter().skip(1));
    let lead = levels.len() + 1;
    let elements = to.iter().try_fold(1_u64, |n, &s| n.checked_mul(s as u64)).unwrap_or(u64::MAX);
    Limits::check("ragged: elements", elements, call.run.machine.limits.object_bytes / 8)?;
    // The place of each row, level by level; rows beyond the shape have none.
    let mut places: Vec<Option<Vec<i64>>> = (0..rows as i64).map(|r| (r < to[0] as i64).then(|| vec![r])).collect();
    for (i, level) in levels.iter().enumerate() {
        let mut next = Vec::new();
        for (row, w) in level.windows(2).enumerate() {
            for column in 0..w[1] - w[0] {
                let place = places.get(row).and_then(Option::as_ref).filter(|_| column < to[i + 1] as i64);
                next.push(place.map(|p| p.iter().copied().chain([column]).collect()));
            }
        }
        places = next;
    }
    if places.len() > inner.first().copied().unwrap_or(0) {
        fail!(InvalidArgument, "ragged: expected {} values, found {inner}", places.len());
    }
    let (from, at): (Vec<i64>, Vec<Vec<i64>>) =
        places.into_iter().enumerate().filter_map(|(i, p)| Some((i as i64, p?))).unzip();
    let base = default.cast(values.dtype()?).broadcast_to(&to);
    if from.is_empty() {
        return one(base);
    }
    if values.dtype()? == DType::Str {
        // Strings are not scattered but taken: the default's place is 0, that of a value one more than its own.
        let mut cells = vec![0_i64; to[..lead].iter().product()];
        for (value, place) in from.iter().zip(&at) {
            let cell = place.iter().zip(&to).fold(0, |cell, (&at, &size)| cell * size + at as usize);
            *cells.get_mut(cell).ok_or_else(|| err!(Corrupt, "ragged: a place beyond {to:?}"))? = value + 1;
        }
        let row: Vec<usize> = [1].into_iter().chain(to[lead..].iter().copied()).collect();
        let rows = Tensor::concat(&[&default.broadcast_to(row), values], 0);
        return one(rows.take(&Array::from_vec(cells, &to[..lead])?.into(), 0));
    }
    let at = Array::from_vec(at.concat(), [from.len(), lead])?;
    one(base.scatter_nd(&at.into(), &values.take(&vector(from)?, 0), ScatterMode::Update))
}

fn to_sparse(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let all = call.all(0)?;
    let (values, levels) = all.split_last().ok_or_else(|| err!(Corrupt, "expected values, found none"))?;
    let levels = levels.iter().map(|l| l.array()?.to_i64()).collect::<Result<Vec<_>>>()?;
    let rows = levels.first().map_or(0, |l| l.len().saturating_sub(1));
    let mut places: Vec<Vec<i64>> = (0..rows as i64).map(|r| vec![r]).collect();
    let mut shape = vec![rows as i64];
    for level in &levels {
        checked(level, usize::MAX >> 1)?;
        if level.len() != places.len() + 1 {
            fail!(InvalidArgument, "splits: expected {} numbers, found {}", places.len() + 1, level.len());
        }
        Limits::check("ragged: values", level.last().map_or(0, |&l| l as u64), 1 << 28)?;
        shape.push(level.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0));
        let next = level.windows(2).zip(&places);
        places = next
            .flat_map(|(w, place)| (0..w[1] - w[0]).map(move |c| place.iter().copied().chain([c]).collect()))
            .collect();
    }
    if values.rank()? != 1 {
        fail!(Unsupported, "a sparse tensor of ragged rows of more axes");
    }
    let count = places.len();
    let at = Array::from_vec(places.concat(), [count, shape.len()])?;
    many([at.into(), values.slice_axis(0, 0, count), vector(shape)?])
}

fn to_variant(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let all = call.all(0)?;
    let (values, splits) = all.split_last().ok_or_else(|| err!(Corrupt, "expected values, found none"))?;
    if !call.attr_bool("batched_input", false) || splits.is_empty() {
        return Ok(vec![Value::Ragged(Arc::new(Ragged { splits: splits.to_vec(), values: values.clone() }))]);
    }
    let outer = splits[0].array()?.to_i64()?;
    if splits.len() > 1 {
        fail!(Unsupported, "rows of ragged tensors more than one level deep");
    }
    checked(&outer, values.shape()?.first().copied().unwrap_or(0))?;
    let rows = outer.windows(2).map(|w| {
        let values = values.slice_axis(0, w[0] as usize, (w[1] - w[0]) as usize);
        Value::Ragged(Arc::new(Ragged { splits: Vec::new(), values }))
    });
    Ok(vec![Value::Variants(Arc::new(rows.collect()))])
}

fn from_variant(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let split = call.attr_dtype_or("Tsplits", DType::I64)?;
    match call.value(0)? {
        Value::Ragged(ragged) => many(ragged.splits.iter().cloned().chain([ragged.values.clone()])),
        Value::Variants(rows) => {
            let (mut parts, mut ends) = (Vec::new(), vec![0_i64]);
            for row in rows.iter() {
                let Value::Ragged(row) = row else { fail!(Unsupported, "variants that are not ragged") };
                if !row.splits.is_empty() {
                    fail!(Unsupported, "rows of ragged tensors more than one level deep");
                }
                let size = row.values.shape()?.first().copied().unwrap_or(0) as i64;
                ends.push(ends.last().copied().unwrap_or(0) + size);
                parts.push(&row.values);
            }
            let values = match parts.as_slice() {
                [] => Array::try_zeros(call.attr_dtype("Tvalues")?, [0])?.into(),
                parts => Tensor::concat(parts, 0),
            };
            many([splits_of(ends, split)?, values])
        }
        other => Err(err!(DtypeMismatch, "expected a ragged variant, found {}", other.kind())),
    }
}
