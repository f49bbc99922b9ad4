//! Reductions of the elements that are not NaN. Of integers they are the plain reductions.

use crate::core::prelude::*;

impl Tensor {
    /// x with `fill` in place of NaN.
    fn without_nan(&self, fill: f64) -> Tensor {
        match self.dtype() {
            Ok(d) if d.is_inexact() => self.isnan().where_(fill, self),
            _ => self.clone(),
        }
    }

    /// [`Tensor::sum`] of the elements that are not NaN.
    #[track_caller]
    pub fn nansum(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.without_nan(0.0).sum(axes, keepdims)
    }

    /// [`Tensor::prod`] of the elements that are not NaN.
    #[track_caller]
    pub fn nanprod(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.without_nan(1.0).prod(axes, keepdims)
    }

    /// [`Tensor::cumsum`], with 0 in place of NaN.
    #[track_caller]
    pub fn nancumsum(&self, axis: Option<isize>) -> Tensor {
        self.without_nan(0.0).cumsum(axis)
    }

    /// [`Tensor::cumprod`], with 1 in place of NaN.
    #[track_caller]
    pub fn nancumprod(&self, axis: Option<isize>) -> Tensor {
        self.without_nan(1.0).cumprod(axis)
    }

    /// [`Tensor::mean`] of the elements that are not NaN; NaN where there is none.
    #[track_caller]
    pub fn nanmean(&self, axes: &[isize], keepdims: bool) -> Tensor {
        Tensor::lift(|| {
            let x = self.to_float();
            let dtype = x.dtype()?;
            let wide = x.cast(dtype.accumulator());
            let count = x.isnan().logical_not().cast(dtype.accumulator()).sum(axes, keepdims);
            Ok((wide.nansum(axes, keepdims) / count).cast(dtype))
        })
    }

    /// [`Tensor::var`] of the elements that are not NaN; NaN where there is none.
    #[track_caller]
    pub fn nanvar(&self, axes: &[isize], keepdims: bool) -> Tensor {
        Tensor::lift(|| {
            let dtype = self.to_float().dtype()?;
            let x = self.cast(dtype.accumulator());
            Ok((&x - x.nanmean(axes, true)).square().nanmean(axes, keepdims).cast(dtype))
        })
    }

    /// [`Tensor::std`] of the elements that are not NaN; NaN where there is none.
    #[track_caller]
    pub fn nanstd(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.nanvar(axes, keepdims).sqrt()
    }

    /// [`Tensor::max`] of the elements that are not NaN; NaN where there is none.
    ///
    /// # Errors
    /// As [`Tensor::max`].
    #[track_caller]
    pub fn nanmax(&self, axes: &[isize], keepdims: bool) -> Tensor {
        let greatest = self.without_nan(f64::NEG_INFINITY).max(axes, keepdims);
        self.nan_where_all(axes, keepdims, greatest)
    }

    /// [`Tensor::min`] of the elements that are not NaN; NaN where there is none.
    ///
    /// # Errors
    /// As [`Tensor::min`].
    #[track_caller]
    pub fn nanmin(&self, axes: &[isize], keepdims: bool) -> Tensor {
        let least = self.without_nan(f64::INFINITY).min(axes, keepdims);
        self.nan_where_all(axes, keepdims, least)
    }

    fn nan_where_all(&self, axes: &[isize], keepdims: bool, y: Tensor) -> Tensor {
        match self.dtype() {
            Ok(d) if d.is_float() => self.isnan().all(axes, keepdims).where_(f64::NAN, y),
            _ => y,
        }
    }

    /// [`Tensor::argmax`] of the elements that are not NaN; -1 where there is none.
    ///
    /// # Errors
    /// As [`Tensor::argmax`].
    #[track_caller]
    pub fn nanargmax(&self, axis: Option<isize>, keepdims: bool) -> Tensor {
        let at = self.without_nan(f64::NEG_INFINITY).argmax(axis, keepdims);
        self.minus_one_where_all(axis, keepdims, at)
    }

    /// [`Tensor::argmin`] of the elements that are not NaN; -1 where there is none.
    ///
    /// # Errors
    /// As [`Tensor::argmin`].
    #[track_caller]
    pub fn nanargmin(&self, axis: Option<isize>, keepdims: bool) -> Tensor {
        let at = self.without_nan(f64::INFINITY).argmin(axis, keepdims);
        self.minus_one_where_all(axis, keepdims, at)
    }

    fn minus_one_where_all(&self, axis: Option<isize>, keepdims: bool, at: Tensor) -> Tensor {
        let axes: SmallAxes = axis.into_iter().collect();
        match self.dtype() {
            Ok(d) if d.is_float() => self.isnan().all(&axes, keepdims).where_(-1, at),
            _ => at,
        }
    }
}

type SmallAxes = smallvec::SmallVec<[isize; 1]>;
