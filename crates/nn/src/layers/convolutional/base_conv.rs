//! `Conv1D`, `Conv2D` and `Conv3D`: one definition over the number of spatial axes.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::affine::{Affine, affine_arguments};
use crate::layers::layer::common_arguments;
use crate::layers::spatial::{self, Sizes, window_count};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Convolution over `RANK` spatial axes: `y = activation(x ∗ kernel + bias)`.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with the
/// number of windows that fit along each spatial axis, and `filters` channels.
/// # Weights
/// `kernel` `[taps…, channels / groups, filters]` and, with `use_bias`, `bias` `[filters]`.
/// # Errors
/// `rank_mismatch`; `dim_mismatch` when the channels are not the built ones or no window fits; `invalid_argument` for
/// sizes that do not fit each other.
/// # Source
/// Keras 3 `keras.layers.Conv1D`, `Conv2D`, `Conv3D`.
pub struct Conv<const RANK: usize> {
    base: LayerBase,
    filters: usize,
    kernel_size: [usize; RANK],
    groups: usize,
    options: ConvOptions,
    affine: Affine,
}

/// Convolution over one axis, such as time.
pub type Conv1D = Conv<1>;
/// Convolution over the two axes of an image.
pub type Conv2D = Conv<2>;
/// Convolution over the three axes of a volume.
pub type Conv3D = Conv<3>;

impl<const RANK: usize> Conv<RANK> {
    const CLASS: &'static str = ["Conv1D", "Conv2D", "Conv3D"][RANK - 1];

    /// A layer of so many filters, whose kernels have this size: one for all axes, or one each.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes<RANK>>) -> Self {
        Self {
            base: LayerBase::new(Self::CLASS),
            filters,
            kernel_size: kernel_size.into().0,
            groups: 1,
            options: ConvOptions { strides: vec![1; RANK], dilation_rate: vec![1; RANK], ..ConvOptions::default() },
            affine: Affine::default(),
        }
    }

    common_arguments!();
    affine_arguments!();
    spatial::window_arguments!();

    /// With this distance between windows; by default 1.
    #[must_use]
    pub fn strides(mut self, strides: impl Into<Sizes<RANK>>) -> Self {
        self.options.strides = strides.into().0.to_vec();
        self
    }

    /// With this distance between the taps of the kernel; by default 1.
    #[must_use]
    pub fn dilation_rate(mut self, rate: impl Into<Sizes<RANK>>) -> Self {
        self.options.dilation_rate = rate.into().0.to_vec();
        self
    }

    /// In so many groups of channels that do not see each other; by default 1.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let sizes = |key| Sizes::from_config(config, key);
        let mut layer = Self::new(config.size("filters")?, sizes("kernel_size")?.unwrap_or(Sizes([1; RANK])));
        layer.base = LayerBase::from_config(config)?;
        layer.affine = Affine::from_config(config)?;
        layer.groups = config.optional("groups", "a positive integer", Value::as_u64)?.unwrap_or(1) as usize;
        layer.options = ConvOptions {
            strides: sizes("strides")?.unwrap_or(Sizes([1; RANK])).0.to_vec(),
            dilation_rate: sizes("dilation_rate")?.unwrap_or(Sizes([1; RANK])).0.to_vec(),
            padding: config.text("padding", "valid")?.parse()?,
            data_format: config.text("data_format", "channels_last")?.parse()?,
        };
        Ok(layer)
    }

    /// The axis of the channels, from the back: 1 is the last.
    fn channels_from_back(&self) -> usize {
        match self.options.data_format {
            DataFormat::ChannelsLast => 1,
            DataFormat::ChannelsFirst => RANK + 1,
        }
    }

    fn check_arguments(&self, channels: usize) -> Result<()> {
        let sizes = [&self.kernel_size[..], &self.options.strides, &self.options.dilation_rate].concat();
        if self.filters == 0 || self.groups == 0 || sizes.contains(&0) {
            fail!(InvalidArgument, "filters, groups and sizes: expected at least 1, found 0");
        }
        if !self.filters.is_multiple_of(self.groups) || !channels.is_multiple_of(self.groups) {
            return Err(err!(
                InvalidArgument,
                "groups: expected a divisor of filters and channels, found {}",
                self.groups
            )
            .operand("filters", self.filters)
            .operand("channels", channels));
        }
        if self.options.padding == Padding::Causal && RANK > 1 {
            fail!(InvalidArgument, "padding: expected 'valid' or 'same', found 'causal', which is for Conv1D");
        }
        Ok(())
    }
}

impl<const RANK: usize> Layer for Conv<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let ConvOptions { strides, padding, data_format, dilation_rate } = &self.options;
        let mut config = map(json!({
            "filters": self.filters, "kernel_size": &self.kernel_size[..], "strides": strides,
            "padding": padding.to_string(), "data_format": data_format.to_string(),
            "dilation_rate": dilation_rate, "groups": self.groups,
        }));
        config.extend(self.affine.arguments(Some(self.base.activity_regularizer())));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let input = &inputs[0];
        if input.rank() != RANK + 2 {
            return Err(err!(RankMismatch, "axes of the input: expected {}, found {}", RANK + 2, input.rank())
                .operand("input", input)
                .help("expected batch, spatial axes and channels; images of one channel need an axis for it too"));
        }
        let Some(channels) = input[input.rank() - self.channels_from_back()] else {
            fail!(InvalidArgument, "channels of the input: expected a known size, found {input}");
        };
        self.check_arguments(channels)?;
        let kernel: Vec<usize> =
            self.kernel_size.iter().copied().chain([channels / self.groups, self.filters]).collect();
        self.compute_output_shape(inputs)?;
        self.affine.build(&kernel, self.filters, weights)
    }

    fn input_spec(&self) -> InputSpec {
        let spec = InputSpec::rank(RANK + 2);
        match self.base.weights().first() {
            Some(kernel) => {
                spec.with_axis(-(self.channels_from_back() as isize), kernel.variable.shape()[RANK] * self.groups)
            }
            None => spec,
        }
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let product = inputs[0].conv(&self.base.read(0), &self.options);
        Ok(smallvec![self.affine.finish(&self.base, product, self.channels_from_back())])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let (input, options) = (&inputs[0], &self.options);
        let mut shape = input.clone();
        let first = if options.data_format == DataFormat::ChannelsLast { 1 } else { 2 };
        for axis in 0..RANK {
            let (taps, stride, dilation) = (self.kernel_size[axis], options.strides[axis], options.dilation_rate[axis]);
            let reach = (taps.max(1) - 1) * dilation + 1;
            shape.0[first + axis] = window_count(input[first + axis], reach, stride, &options.padding, axis)?;
        }
        let rank = shape.rank();
        shape.0[rank - self.channels_from_back()] = Some(self.filters);
        Ok(vec![shape])
    }
}
