//! Activation functions written with other functions. All are element-wise; integers become float32.

use crate::core::prelude::*;

/// The fixed point of selu: activations keep mean 0 and variance 1.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

impl Tensor {
    /// `min(max(x, 0), 6)`.
    #[track_caller]
    pub fn relu6(&self) -> Tensor {
        self.clip(0, 6)
    }

    /// x where it is at least 0, `negative_slope · x` below. Keras's default slope is 0.2.
    #[track_caller]
    pub fn leaky_relu(&self, negative_slope: f64) -> Tensor {
        let x = self.to_float();
        x.greater_equal(0).where_(&x, &x * negative_slope)
    }

    /// x above 0, `alpha (e^x - 1)` below. Keras's default is `alpha = 1`.
    #[track_caller]
    pub fn elu(&self, alpha: f64) -> Tensor {
        let x = self.to_float();
        let above = x.greater(0);
        // e^x is taken of nothing above 0, so that no infinity reaches the gradient.
        let below = above.where_(0, &x).expm1() * alpha;
        above.where_(x, below)
    }

    /// `1.0507… · elu(x, 1.6733…)`.
    #[track_caller]
    pub fn selu(&self) -> Tensor {
        self.elu(SELU_ALPHA) * SELU_SCALE
    }

    /// `max(x, 0) + alpha (e^(min(x, 0) / alpha) - 1)`. Keras's default is `alpha = 1`.
    #[track_caller]
    pub fn celu(&self, alpha: f64) -> Tensor {
        let x = self.to_float();
        x.maximum(0) + (x.minimum(0) / alpha).expm1() * alpha
    }

    /// The first half of an axis times the sigmoid of its second half.
    ///
    /// # Errors
    /// `dim_mismatch` when the axis has an odd size.
    #[track_caller]
    pub fn glu(&self, axis: isize) -> Tensor {
        Tensor::lift(|| {
            let x = self.to_float();
            let size = x.shape()?[x.shape()?.axis(axis)?];
            if size % 2 != 0 {
                fail!(DimMismatch, "axis {axis}: expected an even size, found {size}");
            }
            Ok(x.slice_axis(axis, 0, size / 2) * x.slice_axis(axis, size / 2, size / 2).sigmoid())
        })
    }

    /// `ln(sigmoid(x)) = -softplus(-x)`.
    #[track_caller]
    pub fn log_sigmoid(&self) -> Tensor {
        -(-self.to_float()).softplus()
    }

    /// `x / (1 + |x|)`.
    #[track_caller]
    pub fn softsign(&self) -> Tensor {
        let x = self.to_float();
        &x / (x.absolute() + 1.0)
    }

    /// `x · tanh(softplus(x))`.
    #[track_caller]
    pub fn mish(&self) -> Tensor {
        let x = self.to_float();
        &x * x.softplus().tanh()
    }

    /// `relu6(x + 3) / 6`.
    #[track_caller]
    pub fn hard_sigmoid(&self) -> Tensor {
        (self.to_float() + 3.0).relu6() / 6.0
    }

    #[doc(alias = "hard_swish")]
    /// `x · hard_sigmoid(x)`, also called hard_swish.
    #[track_caller]
    pub fn hard_silu(&self) -> Tensor {
        let x = self.to_float();
        &x * x.hard_sigmoid()
    }

    /// `min(max(x, -1), 1)`.
    #[track_caller]
    pub fn hard_tanh(&self) -> Tensor {
        self.clip(-1, 1)
    }

    /// `x - tanh(x)`.
    #[track_caller]
    pub fn tanh_shrink(&self) -> Tensor {
        let x = self.to_float();
        &x - x.tanh()
    }

    /// x drawn towards 0 by `threshold`, and 0 within it. Keras's default is 0.5.
    #[track_caller]
    pub fn soft_shrink(&self, threshold: f64) -> Tensor {
        let x = self.to_float();
        let below = x.less(-threshold).where_(&x + threshold, 0);
        x.greater(threshold).where_(&x - threshold, below)
    }

    /// x where `|x| > threshold`, and 0 elsewhere. Keras's default is 0.5.
    #[track_caller]
    pub fn hard_shrink(&self, threshold: f64) -> Tensor {
        let x = self.to_float();
        x.absolute().greater(threshold).where_(&x, 0)
    }

    /// x where `x > threshold`, and `default_value` elsewhere.
    #[track_caller]
    pub fn threshold(&self, threshold: f64, default_value: f64) -> Tensor {
        let x = self.to_float();
        x.greater(threshold).where_(&x, default_value)
    }

    /// `(x + √(x² + b)) / 2`. Keras's default is `b = 4`.
    #[track_caller]
    pub fn squareplus(&self, b: f64) -> Tensor {
        let x = self.to_float();
        (&x + (x.square() + b).sqrt()) / 2.0
    }

    /// 0 up to -1, `(x + 1)² / 4` up to 1, x beyond.
    #[track_caller]
    pub fn sparse_plus(&self) -> Tensor {
        let x = self.to_float();
        let middle = x.less(1).where_((&x + 1.0).square() * 0.25, &x);
        x.less_equal(-1).where_(0, middle)
    }

    /// 0 up to -1, `(x + 1) / 2` up to 1, 1 beyond.
    #[track_caller]
    pub fn sparse_sigmoid(&self) -> Tensor {
        ((self.to_float() + 1.0) * 0.5).clip(0, 1)
    }

    /// `max(x - τ, 0)` along an axis, where `τ = (Σ running sums - 1) / k` over the `k` greatest elements `z` with
    /// `k z_k > (z_1 + … + z_k) - 1`.
    ///
    /// The numbers are Keras 3.15.1's. Where `k > 1` they are not Martins and Astudillo's projection onto the
    /// probability simplex (2016), whose τ takes the last of the running sums alone.
    #[track_caller]
    pub fn sparsemax(&self, axis: isize) -> Tensor {
        Tensor::lift(|| {
            let x = self.to_float();
            let shape = x.shape()?;
            let axis = shape.axis(axis)?;
            let at = axis as isize;
            let along: Shape = (0..shape.rank()).map(|a| if a == axis { shape[a] } else { 1 }).collect();
            let ranks: Vec<f64> = (1..=shape[axis]).map(|k| k as f64).collect();
            let ranks = Tensor::from(Array::from_f64(x.dtype()?, along, &ranks)?);
            let sorted = x.sort_with(at, true);
            let beyond = sorted.cumsum(Some(at)) - 1.0;
            let support = (sorted - &beyond / ranks).greater(0);
            let count = support.cast_like(&x).sum(&[at], true);
            let threshold = (support.where_(beyond + 1.0, 0).sum(&[at], true) - 1.0) / count;
            Ok((x - threshold).relu())
        })
    }
}
