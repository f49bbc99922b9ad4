//! Counting: composites of `segment_sum` and `searchsorted`.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;
use crate::index::nonzero::data_dependent;

impl Tensor {
    /// How often each integer from 0 on occurs along the last axis, as int32; with `weights`, the sum of theirs. As long
    /// as `min_length` and the greatest integer ask.
    ///
    /// # Errors
    /// `data_dependent_shape` for a traced tensor, which can only say [`Tensor::bincount_sized`]; `out_of_range` for a
    /// negative integer.
    #[track_caller]
    pub fn bincount(&self, weights: Option<&Tensor>, min_length: usize) -> Tensor {
        Tensor::lift(|| {
            crate::index::index_dtype(self.dtype()?)?;
            if self.is_traced() {
                return Err(data_dependent("bincount", "give a length with bincount_sized"));
            }
            let values = self.array()?.to_i64()?;
            if let Some(least) = values.iter().find(|v| **v < 0) {
                fail!(OutOfRange, "bincount: expected integers from 0 on, found {least}");
            }
            let needed = values.iter().max().map_or(0, |m| *m as usize + 1);
            Ok(self.bincount_sized(weights, needed.max(min_length)))
        })
    }

    /// The same for integers 0 to `length - 1`; others are not counted.
    ///
    /// # Errors
    /// `rank_mismatch` for a scalar; `shape_mismatch` for weights of another shape.
    #[track_caller]
    pub fn bincount_sized(&self, weights: Option<&Tensor>, length: usize) -> Tensor {
        Tensor::lift(|| {
            let (dtype, shape) = (self.dtype()?, self.shape()?);
            crate::index::index_dtype(dtype)?;
            let Some((&n, lead)) = shape.split_last() else {
                fail!(RankMismatch, "bincount: expected at least 1 axis, found none");
            };
            let weights = match weights {
                Some(w) if w.shape()? != shape => {
                    fail!(ShapeMismatch, "bincount: weights: expected {shape}, found {}", w.shape()?)
                }
                Some(w) => w.cast(common_dtype(&[Arg::from(self), Arg::from(w)])?),
                None => Tensor::ones(&shape, DType::I32),
            };
            let rows: usize = lead.iter().product();
            // Each row counts into segments of its own; what is out of range belongs to none.
            let value = self.cast(DType::I64).reshape([rows, n]);
            let inside = value.greater_equal(0).logical_and(value.less(length as i64));
            let row = Tensor::iota([rows, 1], 0, DType::I64) * length as i64;
            let ids = inside.where_(value + row, -1);
            let counts = weights.ravel().segment_sum(&ids.ravel(), Some(rows.saturating_mul(length)));
            Ok(counts.reshape(lead.iter().copied().chain([length]).collect::<Shape>()))
        })
    }

    /// How many elements of a vector lie in each of `bins` equal bins, and the bins' edges. Without a range, the bins
    /// reach from the least element to the greatest; each holds its left edge, the last one both.
    ///
    /// # Errors
    /// `rank_mismatch` unless the tensor is a vector; `invalid_argument` for no bins or a range that falls.
    #[track_caller]
    pub fn histogram(&self, bins: usize, range: Option<(f64, f64)>) -> Result<(Tensor, Tensor)> {
        let ty = self.ty()?;
        if ty.shape.rank() != 1 {
            fail!(RankMismatch, "histogram: expected 1 axis, found {}", ty.shape.rank());
        }
        if bins == 0 || range.is_some_and(|(low, high)| high < low) {
            fail!(InvalidArgument, "histogram: expected bins and a rising range, found {bins} bins in {range:?}");
        }
        let dtype = if ty.dtype.is_float() { ty.dtype } else { DType::F32 };
        let (low, high) = match range {
            Some((low, high)) => (Tensor::full([], low, dtype), Tensor::full([], high, dtype)),
            None if ty.shape.elements() == 0 => (Tensor::zeros([], dtype), Tensor::ones([], dtype)),
            None => {
                let x = self.cast(dtype);
                (x.min(&[], false), x.max(&[], false))
            }
        };
        let part = Tensor::linspace_with(0.0, 1.0, crate::Spacing { num: bins + 1, endpoint: true, dtype });
        let edges = &low + (&high - &low) * part;
        let x = self.cast(dtype);
        let inside = x.greater_equal(&low).logical_and(x.less_equal(&high));
        let bin = edges.slice_axis(0, 1, bins - 1).searchsorted(&x, true);
        // What lies outside goes to segment -1, which counts nothing.
        let ids = inside.where_(bin, -1);
        let counts = Tensor::ones(&ty.shape, dtype).segment_sum(&ids, Some(bins));
        Ok((counts, edges))
    }

    /// Whether each row's target is among the `k` greatest of its predictions.
    ///
    /// # Shapes
    /// Targets `[batch]`, predictions `[batch, classes]`; bool `[batch]`. Predictions equal to the target's count as
    /// not greater; a target out of range, or one whose prediction is not finite, is not among them.
    ///
    /// # Errors
    /// `rank_mismatch`, `dim_mismatch`.
    #[track_caller]
    pub fn in_top_k(targets: &Tensor, predictions: &Tensor, k: usize) -> Tensor {
        Tensor::lift(|| {
            let (shape, found) = (predictions.shape()?, targets.shape()?);
            crate::index::index_dtype(targets.dtype()?)?;
            if shape.rank() != 2 || found.rank() != 1 {
                fail!(
                    RankMismatch,
                    "in_top_k: expected targets [batch] and predictions [batch, classes], found {found} and {shape}"
                );
            }
            if shape[0] != found[0] {
                fail!(DimMismatch, "in_top_k: {} targets for {} rows", found[0], shape[0]);
            }
            let classes = shape[1] as i64;
            let wide = targets.cast(DType::I64);
            let valid = wide.greater_equal(0).logical_and(wide.less(classes));
            if classes == 0 {
                return Ok(valid);
            }
            let own = predictions.take_along_axis(&valid.where_(&wide, 0).expand_dims(&[-1]), -1);
            let greater = predictions.greater(&own).cast(DType::I64).sum(&[-1], false);
            let finite = own.isfinite().squeeze(&[-1]);
            Ok(greater.less(k as i64).logical_and(valid).logical_and(finite))
        })
    }
}
