//! `SeparableConv1D` and `SeparableConv2D`: one definition over the number of spatial axes.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::base_depthwise_conv::DEPTHWISE;
use super::windows;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::affine::{Affine, KernelKeys, bias_arguments, filter_arguments};
use crate::layers::layer::common_arguments;
use crate::layers::spatial::{self, Sizes};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The keys of a pointwise kernel.
const POINTWISE: KernelKeys = ["pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"];

/// A convolution of each channel by itself, then one of single taps that mixes the channels; then bias and activation.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with the
/// number of windows that fit along each spatial axis, and `filters` channels.
/// # Weights
/// `depthwise_kernel` `[taps…, channels, depth_multiplier]`, `pointwise_kernel`
/// `[1…, channels · depth_multiplier, filters]` and, with `use_bias`, `bias` `[filters]`.
/// # Errors
/// `rank_mismatch`; `dim_mismatch` when the channels are not the built ones or no window fits; `invalid_argument` for
/// sizes of 0.
/// # Source
/// Keras 3 `keras.layers.SeparableConv1D`, `SeparableConv2D`.
pub struct SeparableConv<const RANK: usize> {
    base: LayerBase,
    filters: usize,
    kernel_size: [usize; RANK],
    depth_multiplier: usize,
    options: ConvOptions,
    depthwise: Depthwise,
    /// Its kernel is the pointwise one.
    affine: Affine,
}

/// What is said of the depthwise kernel.
struct Depthwise {
    initializer: Initializer,
    regularizer: Option<Regularizer>,
    constraint: Option<Constraint>,
}

impl From<Affine> for Depthwise {
    fn from(affine: Affine) -> Self {
        let Affine { kernel_initializer, kernel_regularizer, kernel_constraint, .. } = affine;
        Self { initializer: kernel_initializer, regularizer: kernel_regularizer, constraint: kernel_constraint }
    }
}

/// Separable convolution over one axis, such as time.
pub type SeparableConv1D = SeparableConv<1>;
/// Separable convolution over the two axes of an image.
pub type SeparableConv2D = SeparableConv<2>;
/// Keras's second name of [`SeparableConv1D`].
pub type SeparableConvolution1D = SeparableConv1D;
/// Keras's second name of [`SeparableConv2D`].
pub type SeparableConvolution2D = SeparableConv2D;

impl<const RANK: usize> SeparableConv<RANK> {
    const CLASS: &'static str = ["SeparableConv1D", "SeparableConv2D"][RANK - 1];

    /// A layer of so many filters, whose depthwise kernels have this size: one for all axes, or one each.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes<RANK>>) -> Self {
        Self {
            base: LayerBase::new(Self::CLASS),
            filters,
            kernel_size: kernel_size.into().0,
            depth_multiplier: 1,
            options: windows::options::<RANK>(),
            depthwise: Affine::default().into(),
            affine: Affine::default(),
        }
    }

    common_arguments!();
    filter_arguments!(
        "depthwise kernel",
        "glorot_uniform",
        depthwise_initializer = depthwise.initializer,
        depthwise_regularizer = depthwise.regularizer,
        depthwise_constraint = depthwise.constraint
    );
    filter_arguments!(
        "pointwise kernel",
        "glorot_uniform",
        pointwise_initializer = affine.kernel_initializer,
        pointwise_regularizer = affine.kernel_regularizer,
        pointwise_constraint = affine.kernel_constraint
    );
    bias_arguments!();
    spatial::window_arguments!();
    windows::spread_arguments!();

    /// With so many depthwise kernels a channel; by default 1.
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
            filters: config.size("filters")?,
            kernel_size,
            depth_multiplier: multiplier.unwrap_or(1) as usize,
            options,
            depthwise: Affine::from_config_as(config, &DEPTHWISE)?.into(),
            affine: Affine::from_config_as(config, &POINTWISE)?,
        })
    }
}

impl<const RANK: usize> Layer for SeparableConv<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({"depth_multiplier": self.depth_multiplier, "filters": self.filters}));
        config.extend(windows::arguments(&self.kernel_size, &self.options, json!({})));
        let Depthwise { initializer, regularizer, constraint } = &self.depthwise;
        let depthwise = [
            initializer.to_json(),
            regularizer.as_ref().map_or(Value::Null, |r| r.to_json()),
            constraint.as_ref().map_or(Value::Null, |c| c.to_json()),
        ];
        for (key, value) in self.affine.arguments_as(Some(self.base.activity_regularizer()), &POINTWISE) {
            // Each depthwise argument stands before its pointwise fellow.
            if let Some(i) = POINTWISE.iter().position(|pointwise| *pointwise == key) {
                config.insert(DEPTHWISE[i].into(), depthwise[i].clone());
            }
            config.insert(key, value);
        }
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let channels = windows::channels(&inputs[0], &self.options)?;
        windows::check(&self.kernel_size, &self.options, false)?;
        if self.depth_multiplier == 0 || self.filters == 0 {
            fail!(InvalidArgument, "filters and depth_multiplier: expected at least 1, found 0");
        }
        self.compute_output_shape(inputs)?;
        let depthwise: Vec<usize> = self.kernel_size.iter().copied().chain([channels, self.depth_multiplier]).collect();
        let own = WeightSpec::new("depthwise_kernel", depthwise, &self.depthwise.initializer);
        weights.add(own.regularizer(self.depthwise.regularizer).constraint(self.depthwise.constraint))?;
        let pointwise: Vec<usize> =
            [1; RANK].into_iter().chain([channels * self.depth_multiplier, self.filters]).collect();
        let affine = &self.affine;
        let mixing = WeightSpec::new("pointwise_kernel", pointwise, &affine.kernel_initializer);
        weights.add(mixing.regularizer(affine.kernel_regularizer).constraint(affine.kernel_constraint))?;
        affine.build_bias(&[self.filters], weights)
    }

    fn input_spec(&self) -> InputSpec {
        let built = self.base.weights().first();
        windows::input_spec(&self.options, built.map(|kernel| kernel.variable.shape()[RANK]))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let product = inputs[0].separable_conv(&self.base.read(0), &self.base.read(1), &self.options);
        let axis = windows::channels_from_back(&self.options);
        Ok(smallvec![self.affine.finish_with(&self.base, product, axis, 2)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let size = |axis, size| windows::windows(&self.kernel_size, &self.options, axis, size);
        Ok(vec![windows::output_shape(&inputs[0], &self.options, Some(self.filters), size)?])
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;

    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn channels_are_mixed_after_they_were_convolved() {
        let layer = SeparableConv1D::new(1, 2)
            .depthwise_initializer("ones")
            .pointwise_initializer("ones")
            .bias_initializer("ones")
            .activation("relu");
        let x = Tensor::from_slice(&[1.0_f32, 10.0, 2.0, 20.0, 3.0, -100.0], [1, 3, 2]);
        let y = apply(&layer, &[x], &Context::inference()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [34.0, 0.0]);
        let names: Vec<&str> = layer.weights().iter().map(|w| w.name).collect();
        assert_eq!(names, ["depthwise_kernel", "pointwise_kernel", "bias"]);
    }

    #[test]
    fn arguments_stand_in_the_order_of_keras() {
        let arguments = SeparableConv2D::new(1, 2).arguments();
        let keys: Vec<&str> = arguments.keys().map(String::as_str).skip(9).collect();
        let expected = "depthwise_initializer pointwise_initializer bias_initializer depthwise_regularizer \
                        pointwise_regularizer bias_regularizer activity_regularizer depthwise_constraint \
                        pointwise_constraint bias_constraint";
        assert_eq!(keys, expected.split(' ').collect::<Vec<_>>());
    }
}
