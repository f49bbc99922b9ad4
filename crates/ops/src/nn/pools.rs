//! Pools with Keras's arguments.

use super::convolutions::{from_last, to_last};
use super::geometry::{DataFormat, Padding, per_axis};
use crate::core::prelude::*;

/// Arguments of a pool; the defaults are Keras's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Size of the windows: one for all spatial axes, or one each.
    pub pool_size: Vec<usize>,
    /// Distance between windows; the size of the windows if not given.
    pub strides: Option<Vec<usize>>,
    /// What lies around the input: never a maximum, and left out of averages.
    pub padding: Padding,
    /// Where the channels are.
    pub data_format: DataFormat,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { pool_size: vec![2], strides: None, padding: Padding::Valid, data_format: DataFormat::ChannelsLast }
    }
}

fn pool(op: &'static Op, x: &Tensor, options: &PoolOptions) -> Result<Tensor> {
    let x = to_last(x, options.data_format)?;
    let shape = x.shape()?;
    let input = &shape[1..shape.rank() - 1];
    let size = per_axis("pool_size", &options.pool_size, input.len())?;
    let strides = match &options.strides {
        Some(strides) => per_axis("strides", strides, input.len())?,
        None => size.clone(),
    };
    let padding = options.padding.pairs(input, &size, &strides, &vec![1; input.len()])?;
    from_last(&call1(op, &[&x], super::pool::attrs(&size, &strides, &padding)), options.data_format)
}

impl Tensor {
    /// The maximum of each window over the spatial axes of `[batch, spatial…, channels]` (or channels first).
    ///
    /// ```
    /// use cornet_ops::{Tensor, nn::PoolOptions};
    /// let x = Tensor::from_slice(&[1.0_f32, 4.0, 3.0, 2.0], [1, 4, 1]);
    /// assert_eq!(x.max_pool(&PoolOptions::default()).to_vec::<f32>()?, [4.0, 3.0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `rank_mismatch` below 3 axes; `dim_mismatch` where no window fits; `invalid_argument` for options of another
    /// count than there are spatial axes.
    ///
    /// # Source
    /// Keras 3 `keras.ops.max_pool`.
    #[track_caller]
    pub fn max_pool(&self, options: &PoolOptions) -> Tensor {
        Tensor::lift(|| pool(&super::max_pool::OP, self, options))
    }

    /// The mean of what each window sees over the spatial axes, padding left out. Integers become float32.
    ///
    /// # Errors
    /// As [`Tensor::max_pool`].
    ///
    /// # Source
    /// Keras 3 `keras.ops.average_pool`.
    #[track_caller]
    pub fn average_pool(&self, options: &PoolOptions) -> Tensor {
        Tensor::lift(|| {
            let x = if self.dtype()?.is_float() { self.clone() } else { self.cast(DType::F32) };
            pool(&super::avg_pool::OP, &x, options)
        })
    }

    /// The mean of each of `output_size` windows an axis that divide the input as evenly as its size allows: window i of
    /// n over a size of m is from ⌊i · m / n⌋ to ⌈(i + 1) · m / n⌉.
    ///
    /// # Errors
    /// `rank_mismatch` below 3 axes; `invalid_argument` for sizes that are zero, more than the input's, or of another
    /// count than there are spatial axes.
    ///
    /// # Source
    /// Keras 3 `keras.ops.adaptive_average_pool`.
    #[track_caller]
    pub fn adaptive_average_pool(&self, output_size: &[usize], data_format: DataFormat) -> Tensor {
        Tensor::lift(|| adaptive(self, output_size, data_format, Tensor::average_pool))
    }

    /// The maximum of each of `output_size` windows an axis, laid as for [`Tensor::adaptive_average_pool`].
    ///
    /// # Errors
    /// As [`Tensor::adaptive_average_pool`].
    ///
    /// # Source
    /// Keras 3 `keras.ops.adaptive_max_pool`.
    #[track_caller]
    pub fn adaptive_max_pool(&self, output_size: &[usize], data_format: DataFormat) -> Tensor {
        Tensor::lift(|| adaptive(self, output_size, data_format, Tensor::max_pool))
    }
}

type Pooling = fn(&Tensor, &PoolOptions) -> Tensor;

/// Pools one axis after the other. Windows are of two sizes at most: each is pooled at stride 1, and the windows wanted
/// are picked.
fn adaptive(x: &Tensor, output_size: &[usize], format: DataFormat, pooling: Pooling) -> Result<Tensor> {
    let mut y = to_last(x, format)?;
    let shape = y.shape()?;
    let axes = shape.rank() - 2;
    let sizes = per_axis("output_size", output_size, axes)?;
    if (0..axes).any(|a| sizes[a] > shape[a + 1]) {
        fail!(InvalidArgument, "output_size: expected at most {:?}, found {sizes:?}", &shape[1..=axes]);
    }
    if (0..axes).all(|a| shape[a + 1] % sizes[a] == 0) {
        let even: Vec<usize> = (0..axes).map(|a| shape[a + 1] / sizes[a]).collect();
        return from_last(&pooling(&y, &PoolOptions { pool_size: even, ..PoolOptions::default() }), format);
    }
    for a in 0..axes {
        let (m, n) = (shape[a + 1], sizes[a]);
        let small = m.div_ceil(n);
        let at_size = |size: usize| {
            let mut pool_size = vec![1; axes];
            pool_size[a] = size;
            pooling(&y, &PoolOptions { pool_size, strides: Some(vec![1]), ..PoolOptions::default() })
        };
        let mut both = vec![at_size(small)];
        if small < m {
            both.push(at_size(small + 1));
        }
        let pick = |i: usize| {
            let (start, end) = (i * m / n, ((i + 1) * m).div_ceil(n));
            (if end - start > small { start + m - small + 1 } else { start }) as i32
        };
        let indices: Vec<i32> = (0..n).map(pick).collect();
        let axis = a as isize + 1;
        y = Tensor::concat(&both.iter().collect::<Vec<_>>(), axis).take(&Tensor::from_slice(&indices, [n]), axis);
    }
    from_last(&y, format)
}
