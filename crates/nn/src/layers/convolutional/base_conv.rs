//! `Conv1D`, `Conv2D` and `Conv3D`: one definition over the number of spatial axes.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::windows;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::affine::{Affine, affine_arguments};
use crate::layers::layer::common_arguments;
use crate::layers::lora::{LORA_KERNEL, Lora, LoraArguments, lora_arguments};
use crate::layers::spatial::{self, Sizes};
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
/// `kernel` `[taps…, channels / groups, filters]` and, with `use_bias`, `bias` `[filters]`; with `lora_rank`,
/// `lora_kernel_a` `[taps…, channels / groups, rank]` and `lora_kernel_b` `[rank, filters]`.
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
    lora: LoraArguments,
}

/// Convolution over one axis, such as time.
pub type Conv1D = Conv<1>;
/// Convolution over the two axes of an image.
pub type Conv2D = Conv<2>;
/// Convolution over the three axes of a volume.
pub type Conv3D = Conv<3>;
/// Keras's second name of [`Conv1D`].
pub type Convolution1D = Conv1D;
/// Keras's second name of [`Conv2D`].
pub type Convolution2D = Conv2D;
/// Keras's second name of [`Conv3D`].
pub type Convolution3D = Conv3D;

impl<const RANK: usize> Conv<RANK> {
    const CLASS: &'static str = ["Conv1D", "Conv2D", "Conv3D"][RANK - 1];

    /// A layer of so many filters, whose kernels have this size: one for all axes, or one each.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes<RANK>>) -> Self {
        Self {
            base: LayerBase::new(Self::CLASS),
            filters,
            kernel_size: kernel_size.into().0,
            groups: 1,
            options: windows::options::<RANK>(),
            affine: Affine::default(),
            lora: LoraArguments::default(),
        }
    }

    common_arguments!();
    affine_arguments!();
    lora_arguments!();
    spatial::window_arguments!();
    windows::spread_arguments!();

    /// In so many groups of channels that do not see each other; by default 1.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (kernel_size, options) = windows::from_config(config)?;
        Ok(Self {
            base: LayerBase::from_config(config)?,
            filters: config.size("filters")?,
            kernel_size,
            groups: config.optional("groups", "a positive integer", Value::as_u64)?.unwrap_or(1) as usize,
            options,
            affine: Affine::from_config(config)?,
            lora: LoraArguments::from_config(config)?,
        })
    }

    fn check_arguments(&self, channels: usize) -> Result<()> {
        windows::check(&self.kernel_size, &self.options, RANK == 1)?;
        windows::check_spread(&self.options)?;
        if self.filters == 0 || self.groups == 0 {
            fail!(InvalidArgument, "filters and groups: expected at least 1, found 0");
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
        let mut config = map(json!({"filters": self.filters}));
        config.extend(windows::arguments(&self.kernel_size, &self.options, json!({})));
        config.insert("groups".into(), self.groups.into());
        config.extend(self.affine.arguments(Some(self.base.activity_regularizer())));
        self.lora.write(&self.base, &mut config);
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let channels = windows::channels(&inputs[0], &self.options)?;
        self.check_arguments(channels)?;
        let kernel: Vec<usize> =
            self.kernel_size.iter().copied().chain([channels / self.groups, self.filters]).collect();
        self.compute_output_shape(inputs)?;
        self.affine.build(&kernel, self.filters, weights)?;
        self.lora.build(LORA_KERNEL, weights)
    }

    fn enable_lora(&self, lora: Lora) -> Result<()> {
        LoraArguments::enable(&self.base, lora, LORA_KERNEL)
    }

    fn input_spec(&self) -> InputSpec {
        let built = self.base.weights().first();
        windows::input_spec(&self.options, built.map(|kernel| kernel.variable.shape()[RANK] * self.groups))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let product = inputs[0].conv(&self.base.read_adapted(), &self.options);
        Ok(smallvec![self.affine.finish(&self.base, product, windows::channels_from_back(&self.options))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let size = |axis, size| windows::windows(&self.kernel_size, &self.options, axis, size);
        Ok(vec![windows::output_shape(&inputs[0], &self.options, Some(self.filters), size)?])
    }
}
