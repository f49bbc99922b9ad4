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
}
