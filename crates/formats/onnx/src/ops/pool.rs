//! Pools.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::PoolOptions;
use cornet_ops::nn::geometry::Padding;
use cornet_tensor::{Array, DType};

use super::convolution::{Windows, per_axis, spatial};
use super::math::CHANNELS_FIRST;
use super::reduce::end_of;
use super::{Entry, many, one};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    one("AveragePool", average_pool),
    one("GlobalAveragePool", |c| over_space(c.tensor(0)?, |x, axes| x.mean(axes, true))),
    one("GlobalLpPool", global_lp_pool),
    one("GlobalMaxPool", |c| over_space(c.tensor(0)?, |x, axes| x.max(axes, true))),
    one("LpPool", lp_pool),
    many("MaxPool", max_pool).since(1),
    one("MaxUnpool", max_unpool).since(9),
];

fn over_space(x: &Tensor, f: impl Fn(&Tensor, &[isize]) -> Tensor) -> Result<Tensor> {
    let rank = x.rank()? as isize;
    if rank < 3 {
        fail!(RankMismatch, "input: expected at least 3 axes, found {rank}");
    }
    Ok(f(x, &(2..rank).collect::<Vec<_>>()))
}

fn order(call: &Call<'_>) -> Result<f64> {
    match call.attribute("p") {
        Some(crate::proto::Attribute::Float(p)) => Ok(f64::from(*p)),
        _ => Ok(call.int_or("p", 2)? as f64),
    }
}

fn global_lp_pool(call: &Call<'_>) -> Result<Tensor> {
    let p = order(call)?;
    over_space(call.tensor(0)?, |x, axes| x.absolute().power(p).sum(axes, true).power(1.0 / p))
}

/// A pool's windows and how many there are of them on each axis.
struct Pool {
    input: Vec<usize>,
    windows: Windows,
    output: Vec<usize>,
}

impl Pool {
    fn of(call: &Call<'_>, x: &Tensor) -> Result<Self> {
        let (input, _) = spatial(x, None)?;
        let axes = input.len();
        if call.ints("kernel_shape")?.is_none() {
            fail!(InvalidArgument, "kernel_shape: expected {axes} sizes, found none");
        }
        let kernel = per_axis(call, "kernel_shape", axes, 1, 1)?;
        let windows = Windows::of(call, &input, kernel)?;
        let up = call.flag("ceil_mode")?;
        let output = (0..axes).map(|a| outputs(&windows, &input, a, up)).collect::<Result<Vec<_>>>()?;
        let pool = Self { input, windows, output };
        let grown = pool.widths();
        let dims = x
            .shape()?
            .iter()
            .zip(&grown)
            .map(|(n, (a, b))| n.saturating_add(*a).saturating_add(*b))
            .collect::<Vec<_>>();
        call.admit(&dims, x.dtype()?)?;
        Ok(pool)
    }

    /// How much further than the pads the last window reaches.
    fn beyond(&self, axis: usize) -> usize {
        let w = &self.windows;
        let end = (self.output[axis].max(1) - 1) * w.strides[axis] + w.reach(axis);
        end.saturating_sub(w.pads[axis].0 + self.input[axis] + w.pads[axis].1)
    }

    /// Widths that make every window lie inside.
    fn widths(&self) -> Vec<(usize, usize)> {
        let spatial = (0..self.input.len()).map(|a| (self.windows.pads[a].0, self.windows.pads[a].1 + self.beyond(a)));
        [(0, 0), (0, 0)].into_iter().chain(spatial).collect()
    }

    /// Joins what windows see of a padded tensor, one axis after the other: by `join`, from all taps along the axis.
    fn each_axis(&self, padded: &Tensor, join: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<Tensor> {
        let mut y = padded.clone();
        // The last axis first: of equal taps the first in memory is then the one found.
        for a in (0..self.input.len()).rev() {
            y = join(&self.taps(&y, a)?)?;
        }
        Ok(y)
    }

    /// For each tap along an axis, what all windows see there.
    fn taps(&self, x: &Tensor, axis: usize) -> Result<Vec<Tensor>> {
        let (w, shape, at) = (&self.windows, x.shape()?, axis + 2);
        if w.kernel[axis] > 16_384 {
            fail!(LimitExceeded, "kernel_shape: expected at most 16384 taps an axis, found {}", w.kernel[axis]);
        }
        let tap = |tap: usize| {
            let (mut start, mut size, mut step) =
                (vec![0_i64; shape.rank()], shape.to_vec(), vec![1_i64; shape.rank()]);
            start[at] = (tap * w.dilations[axis]) as i64;
            size[at] = self.output[axis];
            step[at] = w.strides[axis] as i64;
            x.slice_with(&start, &size, &step)
        };
        Ok((0..w.kernel[axis]).map(tap).collect())
    }

    fn dilated(&self) -> bool {
        self.windows.dilations.iter().any(|&d| d != 1)
    }

    /// The engine's options for windows without dilation, which see what `pads` leave around the input.
    fn options(&self, pads: bool) -> PoolOptions {
        let pad = |a: usize| {
            let (before, after) = if pads { self.windows.pads[a] } else { (0, 0) };
            (before, after + self.beyond(a))
        };
        PoolOptions {
            pool_size: self.windows.kernel.clone(),
            strides: Some(self.windows.strides.clone()),
            padding: Padding::Explicit((0..self.input.len()).map(pad).collect()),
            data_format: CHANNELS_FIRST,
        }
    }
}

fn outputs(windows: &Windows, input: &[usize], axis: usize, up: bool) -> Result<usize> {
    let (before, after) = windows.pads[axis];
    let whole = before.checked_add(after).and_then(|p| p.checked_add(input[axis]));
    let room = whole.and_then(|w| w.checked_sub(windows.reach(axis)));
    let room =
        room.ok_or_else(|| err!(DimMismatch, "kernel_shape: axis {axis} of {} is shorter than a window", input[axis]))?;
    let stride = windows.strides[axis];
    let mut count = if up { room.div_ceil(stride) } else { room / stride } + 1;
    // A window that would begin behind the input is left out.
    if up && (count - 1) * stride >= input[axis] + before {
        count -= 1;
    }
    Ok(count)
}

/// Pads the spatial axes with a value of the tensor's dtype.
fn padded(x: &Tensor, widths: &[(usize, usize)], value: &Array) -> Result<Tensor> {
    if widths.iter().all(|w| *w == (0, 0)) {
        return Ok(x.clone());
    }
    let (mut y, fill) = (x.clone(), Tensor::from(value));
    for (axis, &(before, after)) in widths.iter().enumerate() {
        let mut dims = y.shape()?.to_vec();
        let mut side = |size: usize| {
            dims[axis] = size;
            (size > 0).then(|| fill.broadcast_to(dims.clone()))
        };
        let parts: Vec<Tensor> = [side(before), Some(y.clone()), side(after)].into_iter().flatten().collect();
        y = Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis as isize);
    }
    Ok(y)
}

fn max_pool(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.tensor(0)?;
    let pool = Pool::of(call, x)?;
    let dtype = x.dtype()?;
    if !call.wants(1) && !pool.dilated() && dtype.is_float() {
        return Ok(vec![x.max_pool(&pool.options(true)).into()]);
    }
    let least = end_of(dtype, true)?;
    let values = padded(x, &pool.widths(), &least)?;
    if !call.wants(1) {
        return Ok(vec![pool.each_axis(&values, |taps| fold(taps, |a, b| a.maximum(b)))?.into()]);
    }
    let places = places(&x.shape()?, call.flag("storage_order")?)?;
    let places = padded(&places, &pool.widths(), &Array::scalar(-1_i64))?;
    let (mut values, mut places) = (values, places);
    for a in (0..pool.input.len()).rev() {
        // Of equal taps the first one stays, and what lies outside never wins over what is inside.
        let (all, at) = (pool.taps(&values, a)?, pool.taps(&places, a)?);
        (values, places) = (all[0].clone(), at[0].clone());
        for (value, place) in all.iter().zip(&at).skip(1) {
            let better = value.greater(&values).logical_or(places.less(0));
            places = better.where_(place, &places);
            values = better.where_(value, &values);
        }
    }
    Ok(vec![values.into(), places.into()])
}

fn fold(taps: &[Tensor], f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Result<Tensor> {
    let Some((first, rest)) = taps.split_first() else {
        fail!(InvalidArgument, "kernel_shape: expected taps, found none")
    };
    Ok(rest.iter().fold(first.clone(), |a, b| f(&a, b)))
}

/// The place of each element in memory: row by row, or column by column in each image.
fn places(shape: &[usize], column_major: bool) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let flat: Vec<i64> = (0..count as i64).collect();
    if !column_major {
        return Ok(Array::from_slice(&flat, shape)?.into());
    }
    let turned: Vec<usize> = shape[..2].iter().copied().chain(shape[2..].iter().rev().copied()).collect();
    let rank = shape.len() as isize;
    let order: Vec<isize> = [0, 1].into_iter().chain((2..rank).rev()).collect();
    Ok(Tensor::from(Array::from_slice(&flat, turned)?).transpose(&order))
}

fn average_pool(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let pool = Pool::of(call, x)?;
    let counts_pads = call.flag("count_include_pad")?;
    let pads: Vec<(usize, usize)> = [(0, 0), (0, 0)].into_iter().chain(pool.windows.pads.iter().copied()).collect();
    if !pool.dilated() {
        let inner = if counts_pads { x.pad(&pads) } else { x.clone() };
        return Ok(inner.average_pool(&pool.options(!counts_pads)));
    }
    let widths = pool.widths();
    let beyond: Vec<(usize, usize)> = widths.iter().zip(&pads).map(|(w, p)| (w.0 - p.0, w.1 - p.1)).collect();
    let ones = Tensor::ones_like(x);
    let seen = if counts_pads {
        let ones = padded(&ones, &pads, &Array::full(x.dtype()?, [], 1.0)?)?;
        ones.pad(&beyond)
    } else {
        ones.pad(&widths)
    };
    let sum = |t: &Tensor| pool.each_axis(t, |taps| fold(taps, |a, b| a + b));
    Ok(sum(&x.pad(&widths))? / sum(&seen)?)
}

fn lp_pool(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let (pool, p) = (Pool::of(call, x)?, order(call)?);
    let powers = x.absolute().power(p).pad(&pool.widths());
    Ok(pool.each_axis(&powers, |taps| fold(taps, |a, b| a + b))?.power(1.0 / p).cast(x.dtype()?))
}

fn max_unpool(call: &Call<'_>) -> Result<Tensor> {
    let (x, places) = (call.tensor(0)?, call.tensor(1)?);
    let (input, _) = spatial(x, None)?;
    let axes = input.len();
    let kernel = per_axis(call, "kernel_shape", axes, 1, 1)?;
    let strides = per_axis(call, "strides", axes, 1, 1)?;
    let pads = super::convolution::pad_pairs(call, axes)?;
    let shape = x.shape()?;
    let natural = (0..axes).map(|a| {
        let size = (input[a].max(1) - 1).saturating_mul(strides[a]).saturating_add(kernel[a]);
        size.saturating_sub(pads[a].0 + pads[a].1)
    });
    let natural: Vec<usize> = shape[..2].iter().copied().chain(natural).collect();
    let to = match call.maybe_ints(2)? {
        Some(sizes) => crate::call::sizes(&sizes)?,
        None => natural.clone(),
    };
    let to = call.admit(&to, x.dtype()?)?;
    let natural = call.admit(&natural, x.dtype()?)?;
    let count = x.shape()?.elements();
    let zeros = Tensor::from(Array::try_zeros(x.dtype()?, [natural.elements()])?);
    let at = places.cast(DType::I64).reshape([count, 1]);
    let filled = zeros.scatter_nd(&at, &x.reshape([count]), cornet_ops::ScatterMode::Update).reshape(&natural);
    if to == natural {
        return Ok(filled);
    }
    // A larger output keeps what the natural one has, in its corner.
    let widths = to.iter().zip(natural.iter()).map(|(&t, &n)| t.checked_sub(n).map(|more| (0, more)));
    let widths: Option<Vec<(usize, usize)>> = if to.rank() == natural.rank() { widths.collect() } else { None };
    let widths = widths.ok_or_else(|| err!(ShapeMismatch, "output_shape: expected at least {natural}, found {to}"))?;
    Ok(filled.pad(&widths))
}
