//! Medians, quantiles and percentiles, written with a sort.

use std::str::FromStr;

use crate::core::prelude::*;

/// What a quantile is that falls between two elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// On the line between them.
    #[default]
    Linear,
    /// The lesser one.
    Lower,
    /// The greater one.
    Higher,
    /// The middle of the two.
    Midpoint,
    /// The nearer one, the lesser of two equally near.
    Nearest,
}

impl FromStr for Interpolation {
    type Err = cornet_tensor::Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "linear" => Self::Linear,
            "lower" => Self::Lower,
            "higher" => Self::Higher,
            "midpoint" => Self::Midpoint,
            "nearest" => Self::Nearest,
            _ => fail!(InvalidArgument, "method: expected linear, lower, higher, midpoint or nearest, found '{name}'"),
        })
    }
}

impl Tensor {
    /// The quantile `q` in `[0, 1]` of the elements over `axes` (all of them if empty), kept as size 1 with `keepdims`:
    /// the place `q (n - 1)` of the `n` sorted ones. NaN if there is one. Integers become float32.
    ///
    /// ```
    /// # use cornet_ops::{Tensor, reduce::Interpolation};
    /// let x = Tensor::of([3.0_f32, 1.0, 2.0, 4.0]);
    /// assert_eq!(x.quantile(0.5, &[], Interpolation::Linear, false).item::<f32>()?, 2.5);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_argument` for a q outside `[0, 1]`; `empty_data` when there is no element.
    #[track_caller]
    pub fn quantile(&self, q: f64, axes: &[isize], method: Interpolation, keepdims: bool) -> Tensor {
        Tensor::lift(|| quantile(self, q, axes, method, keepdims, false))
    }

    /// Several quantiles, along a new first axis.
    ///
    /// # Errors
    /// As [`Tensor::quantile`].
    #[track_caller]
    pub fn quantiles(&self, q: &[f64], axes: &[isize], method: Interpolation, keepdims: bool) -> Tensor {
        Tensor::lift(|| {
            let each: Vec<Tensor> = q.iter().map(|&q| self.quantile(q, axes, method, keepdims)).collect();
            Ok(Tensor::stack(&each.iter().collect::<Vec<_>>(), 0))
        })
    }

    /// [`Tensor::quantile`] of `q / 100`.
    ///
    /// # Errors
    /// As [`Tensor::quantile`].
    #[track_caller]
    pub fn percentile(&self, q: f64, axes: &[isize], method: Interpolation, keepdims: bool) -> Tensor {
        self.quantile(q / 100.0, axes, method, keepdims)
    }

    /// The middle of the sorted elements over `axes` (all of them if empty), kept as size 1 with `keepdims`; NaN if
    /// there is one.
    ///
    /// # Errors
    /// `empty_data` when there is no element.
    #[track_caller]
    pub fn median(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.quantile(0.5, axes, Interpolation::Linear, keepdims)
    }

    /// [`Tensor::quantile`] of the elements that are not NaN; NaN where there is none.
    ///
    /// # Errors
    /// As [`Tensor::quantile`].
    #[track_caller]
    pub fn nanquantile(&self, q: f64, axes: &[isize], method: Interpolation, keepdims: bool) -> Tensor {
        Tensor::lift(|| quantile(self, q, axes, method, keepdims, true))
    }

    /// [`Tensor::nanquantile`] of `q / 100`.
    ///
    /// # Errors
    /// As [`Tensor::quantile`].
    #[track_caller]
    pub fn nanpercentile(&self, q: f64, axes: &[isize], method: Interpolation, keepdims: bool) -> Tensor {
        self.nanquantile(q / 100.0, axes, method, keepdims)
    }

    /// [`Tensor::median`] of the elements that are not NaN; NaN where there is none.
    ///
    /// # Errors
    /// As [`Tensor::median`].
    #[track_caller]
    pub fn nanmedian(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.nanquantile(0.5, axes, Interpolation::Linear, keepdims)
    }
}

fn quantile(
    x: &Tensor,
    q: f64,
    axes: &[isize],
    method: Interpolation,
    keepdims: bool,
    ignore_nan: bool,
) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&q) {
        fail!(InvalidArgument, "q: expected 0 to 1, found {q}");
    }
    let x = x.to_float();
    let shape = x.shape()?;
    let axes = shape.axes(axes)?;
    let to = super::without(&shape, &axes, keepdims);
    let lines = lines(&x, &shape, &axes)?;
    let n = lines.shape()?[1];
    if n == 0 {
        fail!(EmptyData, "axes {axes:?} of {shape} have no element");
    }
    let sorted = lines.sort(1);
    let nan = Tensor::full([], f64::NAN, x.dtype()?);
    let y = if ignore_nan {
        // Sorting leaves NaN last, so the others are the first `count` of each line.
        let count = lines.isnan().logical_not().cast(DType::F32).sum(&[1], true);
        let place = (&count - 1.0).maximum(0.0) * q;
        let at = |place: &Tensor| sorted.take_along_axis(&place.cast(DType::I32), 1);
        let weight = (&place - place.floor()).cast(x.dtype()?);
        let between = between(&at(&place.floor()), &at(&place.ceil()), &weight, method);
        count.equal(0.0).where_(nan, between)
    } else {
        let place = q * (n - 1) as f64;
        let at = |place: f64| sorted.slice_axis(1, place as usize, 1);
        let weight = Tensor::full([], place - place.floor(), x.dtype()?);
        let between = between(&at(place.floor()), &at(place.ceil()), &weight, method);
        lines.isnan().any(&[1], true).where_(nan, between)
    };
    Ok(y.reshape(to))
}

/// x as a matrix whose rows hold what is reduced.
fn lines(x: &Tensor, shape: &Shape, axes: &[usize]) -> Result<Tensor> {
    let order: Vec<isize> =
        (0..shape.rank()).filter(|a| !axes.contains(a)).chain(axes.iter().copied()).map(|a| a as isize).collect();
    let (kept, n): (usize, usize) = (
        (0..shape.rank()).filter(|a| !axes.contains(a)).map(|a| shape[a]).product(),
        axes.iter().map(|&a| shape[a]).product(),
    );
    let moved = if order.is_empty() { x.clone() } else { x.transpose(&order) };
    Ok(moved.reshape([kept, n]))
}

fn between(low: &Tensor, high: &Tensor, weight: &Tensor, method: Interpolation) -> Tensor {
    match method {
        Interpolation::Linear => low * (1.0 - weight) + high * weight,
        Interpolation::Lower => low.clone(),
        Interpolation::Higher => high.clone(),
        Interpolation::Midpoint => (low + high) * 0.5,
        Interpolation::Nearest => weight.less_equal(0.5).where_(low, high),
    }
}
