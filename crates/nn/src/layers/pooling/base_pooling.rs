//! `MaxPooling1D` to `AveragePooling3D`: one definition over the number of spatial axes and the kind.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::PoolOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::spatial::{self, Sizes, window_count};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The greatest value (`MAX`) or the mean of each window over `RANK` spatial axes.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with the
/// number of windows that fit along each spatial axis.
/// # Errors
/// `rank_mismatch`; `dim_mismatch` when no window fits.
/// # Source
/// Keras 3 `keras.layers.MaxPooling2D`, `AveragePooling2D` and their likes.
pub struct Pooling<const RANK: usize, const MAX: bool> {
    base: LayerBase,
    pool_size: [usize; RANK],
    strides: [usize; RANK],
    options: PoolOptions,
}

/// The greatest value of each window over one axis.
pub type MaxPooling1D = Pooling<1, true>;
/// Keras's second name of [`MaxPooling1D`].
pub type MaxPool1D = MaxPooling1D;
/// The greatest value of each window of an image.
pub type MaxPooling2D = Pooling<2, true>;
/// Keras's second name of [`MaxPooling2D`].
pub type MaxPool2D = MaxPooling2D;
/// The greatest value of each window of a volume.
pub type MaxPooling3D = Pooling<3, true>;
/// Keras's second name of [`MaxPooling3D`].
pub type MaxPool3D = MaxPooling3D;
/// The mean of each window over one axis.
pub type AveragePooling1D = Pooling<1, false>;
/// Keras's second name of [`AveragePooling1D`].
pub type AvgPool1D = AveragePooling1D;
/// The mean of each window of an image.
pub type AveragePooling2D = Pooling<2, false>;
/// Keras's second name of [`AveragePooling2D`].
pub type AvgPool2D = AveragePooling2D;
/// The mean of each window of a volume.
pub type AveragePooling3D = Pooling<3, false>;
/// Keras's second name of [`AveragePooling3D`].
pub type AvgPool3D = AveragePooling3D;

impl<const RANK: usize, const MAX: bool> Pooling<RANK, MAX> {
    const CLASS: &'static str = [
        ["AveragePooling1D", "AveragePooling2D", "AveragePooling3D"],
        ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"],
    ][MAX as usize][RANK - 1];

    /// Windows of this size, one for all axes or one each, side by side.
    pub fn new(pool_size: impl Into<Sizes<RANK>>) -> Self {
        let pool_size = pool_size.into().0;
        Self { base: LayerBase::new(Self::CLASS), pool_size, strides: pool_size, options: PoolOptions::default() }
    }

    common_arguments!();
    spatial::window_arguments!();

    /// With this distance between windows; by default their size.
    #[must_use]
    pub fn strides(mut self, strides: impl Into<Sizes<RANK>>) -> Self {
        self.strides = strides.into().0;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut layer = Self::new(Sizes::from_config(config, "pool_size")?.unwrap_or(Sizes([2; RANK])));
        layer.base = LayerBase::from_config(config)?;
        if let Some(strides) = Sizes::from_config(config, "strides")? {
            layer.strides = strides.0;
        }
        layer.options.padding = config.text("padding", "valid")?.parse()?;
        layer.options.data_format = config.text("data_format", "channels_last")?.parse()?;
        Ok(layer)
    }
}

impl<const RANK: usize, const MAX: bool> Default for Pooling<RANK, MAX> {
    /// Windows of size 2, side by side.
    fn default() -> Self {
        Self::new(2)
    }
}

impl<const RANK: usize, const MAX: bool> Layer for Pooling<RANK, MAX> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({
            "pool_size": &self.pool_size[..], "padding": self.options.padding.to_string(),
            "strides": &self.strides[..], "data_format": self.options.data_format.to_string(),
        }))
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        if self.pool_size.contains(&0) || self.strides.contains(&0) {
            fail!(InvalidArgument, "pool_size and strides: expected at least 1, found 0");
        }
        if inputs[0].rank() != RANK + 2 {
            return Err(err!(RankMismatch, "axes of the input: expected {}, found {}", RANK + 2, inputs[0].rank())
                .operand("input", &inputs[0])
                .help("expected batch, spatial axes and channels"));
        }
        self.compute_output_shape(inputs).map(|_| ())
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(RANK + 2)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let options = PoolOptions {
            pool_size: self.pool_size.to_vec(),
            strides: Some(self.strides.to_vec()),
            ..self.options.clone()
        };
        Ok(smallvec![if MAX { inputs[0].max_pool(&options) } else { inputs[0].average_pool(&options) }])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let mut shape = inputs[0].clone();
        let first = if self.options.data_format == DataFormat::ChannelsLast { 1 } else { 2 };
        for axis in 0..RANK {
            let (reach, stride) = (self.pool_size[axis], self.strides[axis]);
            let size = inputs[0].get(first + axis).copied().flatten();
            shape.0[first + axis] = window_count(size, reach, stride, &self.options.padding, axis)?;
        }
        Ok(vec![shape])
    }
}
