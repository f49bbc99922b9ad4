//! Evenly spaced numbers.

use crate::core::prelude::*;

/// Options of [`Tensor::linspace_with`], [`Tensor::logspace`] and [`Tensor::geomspace`]: Keras's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spacing {
    /// How many numbers.
    pub num: usize,
    /// Whether the last number is `stop`; otherwise it is one step before.
    pub endpoint: bool,
    /// The dtype; integers are rounded down.
    pub dtype: DType,
}

impl Default for Spacing {
    fn default() -> Self {
        Self { num: 50, endpoint: true, dtype: DType::F32 }
    }
}

impl Spacing {
    /// `num` numbers, the last being `stop`, as float32.
    pub fn of(num: usize) -> Self {
        Self { num, ..Self::default() }
    }

    /// The array of `value(i)`, where `i` runs over the numbers as multiples of one step from 0 to 1.
    fn array(&self, start: f64, stop: f64, value: impl Fn(f64) -> f64) -> Tensor {
        let intervals = if self.endpoint { self.num.saturating_sub(1) } else { self.num };
        let step = (stop - start) / intervals.max(1) as f64;
        let at = |i: usize| if self.endpoint && i > 0 && i == intervals { stop } else { start + i as f64 * step };
        let values: Vec<f64> = (0..self.num).map(|i| value(at(i))).collect();
        let rounded: Vec<f64> = if self.dtype.is_int() { values.iter().map(|v| v.floor()).collect() } else { values };
        Tensor::from_result(Array::from_f64(self.dtype, [self.num], &rounded))
    }
}

impl Tensor {
    /// `start`, `start + step`, and so on, before `stop` is reached.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// use cornet_tensor::DType;
    /// assert_eq!(Tensor::arange(5.0, 0.0, -2.0, DType::I32).to_vec::<i32>()?, [5, 3, 1]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_argument` for a step of zero or bounds that are not finite; `limit_exceeded`.
    #[track_caller]
    pub fn arange(start: f64, stop: f64, step: f64, dtype: DType) -> Tensor {
        let count = ((stop - start) / step).ceil().max(0.0);
        if !count.is_finite() || step == 0.0 {
            return Tensor::failed(err!(InvalidArgument, "arange: no sequence from {start} to {stop} by {step}"));
        }
        if let Err(error) = Shape::checked(&[count as usize], dtype.size()) {
            return Tensor::failed(error);
        }
        if start == 0.0 && step == 1.0 && DTypes::Numeric.admit(dtype) {
            return Tensor::iota([count as usize], 0, dtype);
        }
        let values: Vec<f64> = (0..count as usize).map(|i| start + i as f64 * step).collect();
        Tensor::from_result(Array::from_f64(dtype, [values.len()], &values))
    }

    /// 0 to `n - 1` as int32.
    #[track_caller]
    pub fn range(n: usize) -> Tensor {
        Tensor::iota([n], 0, DType::I32)
    }

    /// `num` evenly spaced numbers from `start` to `stop`, both included, as float32.
    #[track_caller]
    pub fn linspace(start: f64, stop: f64, num: usize) -> Tensor {
        Tensor::linspace_with(start, stop, Spacing::of(num))
    }

    /// The same with all options.
    #[track_caller]
    pub fn linspace_with(start: f64, stop: f64, spacing: Spacing) -> Tensor {
        spacing.array(start, stop, |x| x)
    }

    /// `base` to the power of evenly spaced numbers from `start` to `stop`.
    #[track_caller]
    pub fn logspace(start: f64, stop: f64, base: f64, spacing: Spacing) -> Tensor {
        spacing.array(start, stop, |x| base.powf(x))
    }

    /// Numbers from `start` to `stop` whose neighbours have one ratio. Both must have the same sign.
    ///
    /// # Errors
    /// `invalid_argument` where one is zero or the signs differ.
    #[track_caller]
    pub fn geomspace(start: f64, stop: f64, spacing: Spacing) -> Tensor {
        let ratio = stop / start;
        if ratio <= 0.0 || !ratio.is_finite() {
            return Tensor::failed(err!(
                InvalidArgument,
                "geomspace: expected two numbers of one sign, found {start} and {stop}"
            ));
        }
        // The ends are met exactly, as by a linear sequence.
        let value = |x: f64| match x {
            0.0 => start,
            1.0 => stop,
            x => start * ratio.powf(x),
        };
        spacing.array(0.0, 1.0, value)
    }
}
