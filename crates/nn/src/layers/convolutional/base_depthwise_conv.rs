//! `DepthwiseConv1D` and `DepthwiseConv2D`: one definition over the number of spatial axes.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::windows;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::affine::{Affine, KernelKeys, bias_arguments, filter_arguments};
use crate::layers::layer::common_arguments;
use crate::layers::spatial::{self, Sizes};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The keys of a depthwise kernel.
pub(super) const DEPTHWISE: KernelKeys = ["depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"];

/// Convolution of each channel by itself with `depth_multiplier` kernels, over `RANK` spatial axes; then bias and
/// activation.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with the
/// number of windows that fit along each spatial axis, and channels · `depth_multiplier` channels, those of one input
/// channel beside each other.
/// # Weights
/// `kernel` `[taps…, channels, depth_multiplier]` and, with `use_bias`, `bias` `[channels · depth_multiplier]`.
/// # Errors
/// `rank_mismatch`; `dim_mismatch` when the channels are not the built ones or no window fits; `invalid_argument` for
/// sizes of 0.
/// # Source
/// Keras 3 `keras.layers.DepthwiseConv1D`, `DepthwiseConv2D`.
pub struct DepthwiseConv<const RANK: usize> {
    base: LayerBase,
    kernel_size: [usize; RANK],
    depth_multiplier: usize,
    options: ConvOptions,
    affine: Affine,
}

/// Depthwise convolution over one axis, such as time.
pub type DepthwiseConv1D = DepthwiseConv<1>;
/// Depthwise convolution over the two axes of an image.
pub type DepthwiseConv2D = DepthwiseConv<2>;

impl<const RANK: usize> DepthwiseConv<RANK> {
    const CLASS: &'static str = ["DepthwiseConv1D", "DepthwiseConv2D"][RANK - 1];

    /// A layer whose kernels have this size: one for all axes, or one each.
    pub fn new(kernel_size: impl Into<Sizes<RANK>>) -> Self {
        Self {
            base: LayerBase::new(Self::CLASS),
            kernel_size: kernel_size.into().0,
            depth_multiplier: 1,
            options: windows::options::<RANK>(),
            affine: Affine::default(),
        }
    }

    common_arguments!();
    filter_arguments!(
        "depthwise kernel",
        "glorot_uniform",
        depthwise_initializer = affine.kernel_initializer,
        depthwise_regularizer = affine.kernel_regularizer,
        depthwise_constraint = affine.kernel_constraint
    );
    bias_arguments!();
    spatial::window_arguments!();
    windows::spread_arguments!();

    /// With so many kernels a channel; by default 1.
    #[must_use]
    pub fn depth_multiplier(mut self, multiplier: usize) -> Self {
        self.depth_multiplier = multiplier;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (kernel_size, options) = windows::from_config(config)?;
        let multiplier = config.optional("depth_multiplier", "a positive integer", Value::as_u64)?;
        Ok(Self {
            base: LayerBase::from_config(config)?,
            kernel_size,
            depth_multiplier: multiplier.unwrap_or(1) as usize,
            options,
            affine: Affine::from_config_as(config, &DEPTHWISE)?,
        })
    }

    fn filters(&self, input: &PartialShape) -> Option<usize> {
        let place = input.rank().checked_sub(windows::channels_from_back(&self.options))?;
        input.get(place).copied().flatten().map(|channels| channels * self.depth_multiplier)
    }
}

impl<const RANK: usize> Layer for DepthwiseConv<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({"depth_multiplier": self.depth_multiplier}));
        config.extend(windows::arguments(&self.kernel_size, &self.options, json!({})));
        config.extend(self.affine.arguments_as(Some(self.base.activity_regularizer()), &DEPTHWISE));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let channels = windows::channels(&inputs[0], &self.options)?;
        windows::check(&self.kernel_size, &self.options, false)?;
        if self.depth_multiplier == 0 {
            fail!(InvalidArgument, "depth_multiplier: expected at least 1, found 0");
        }
        self.compute_output_shape(inputs)?;
        let kernel: Vec<usize> = self.kernel_size.iter().copied().chain([channels, self.depth_multiplier]).collect();
        self.affine.build(&kernel, channels * self.depth_multiplier, weights)
    }

    fn input_spec(&self) -> InputSpec {
        let built = self.base.weights().first();
        windows::input_spec(&self.options, built.map(|kernel| kernel.variable.shape()[RANK]))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let product = inputs[0].depthwise_conv(&self.base.read(0), &self.options);
        Ok(smallvec![self.affine.finish(&self.base, product, windows::channels_from_back(&self.options))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let size = |axis, size| windows::windows(&self.kernel_size, &self.options, axis, size);
        Ok(vec![windows::output_shape(&inputs[0], &self.options, self.filters(&inputs[0]), size)?])
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;

    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn channels_keep_to_themselves() {
        let layer = DepthwiseConv1D::new(2).depth_multiplier(2).bias_initializer("ones");
        let x = Tensor::from_slice(&[1.0_f32, 10.0, 2.0, 20.0, 3.0, 30.0], [1, 3, 2]);
        apply(&layer, std::slice::from_ref(&x), &Context::inference()).unwrap();
        // [tap, channel, kernel]
        let kernel = cornet_tensor::Array::from_slice(&[1.0_f32, 0.0, 1.0, 0.0, 1.0, -1.0, 1.0, -1.0], [2, 2, 2]);
        layer.base.weights()[0].variable.set(kernel.unwrap()).unwrap();
        let y = apply(&layer, &[x], &Context::inference()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [4.0, -1.0, 31.0, -19.0, 6.0, -2.0, 51.0, -29.0]);
    }
}
