//! `Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose`: one definition over the number of spatial axes.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding, transposed_size};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::windows;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::affine::{Affine, affine_arguments};
use crate::layers::layer::common_arguments;
use crate::layers::spatial::{self, Sizes};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Transposed convolution over `RANK` spatial axes: what a convolution with this kernel would have read to give `x`,
/// then bias and activation.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with
/// `filters` channels. With reach = (kernel_size - 1) · dilation_rate + 1, an axis of n becomes
/// (n - 1) · stride + reach + p for 'valid', where p is `output_padding` or else max(stride - reach, 0); and
/// n · stride for 'same', or (n - 1) · stride + reach mod 2 + p.
/// # Weights
/// `kernel` `[taps…, filters, channels]` and, with `use_bias`, `bias` `[filters]`.
/// # Errors
/// `rank_mismatch`; `dim_mismatch` when the channels are not the built ones; `invalid_argument` for sizes of 0, strides
/// together with dilation, or an `output_padding` that is not less than the stride.
/// # Source
/// Keras 3 `keras.layers.Conv1DTranspose`, `Conv2DTranspose`, `Conv3DTranspose`.
pub struct ConvTranspose<const RANK: usize> {
    base: LayerBase,
    filters: usize,
    kernel_size: [usize; RANK],
    output_padding: Option<[usize; RANK]>,
    options: ConvOptions,
    affine: Affine,
}

/// Transposed convolution over one axis, such as time.
pub type Conv1DTranspose = ConvTranspose<1>;
/// Transposed convolution over the two axes of an image.
pub type Conv2DTranspose = ConvTranspose<2>;
/// Transposed convolution over the three axes of a volume.
pub type Conv3DTranspose = ConvTranspose<3>;
/// Keras's second name of [`Conv1DTranspose`].
pub type Convolution1DTranspose = Conv1DTranspose;
/// Keras's second name of [`Conv2DTranspose`].
pub type Convolution2DTranspose = Conv2DTranspose;
/// Keras's second name of [`Conv3DTranspose`].
pub type Convolution3DTranspose = Conv3DTranspose;

impl<const RANK: usize> ConvTranspose<RANK> {
    const CLASS: &'static str = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"][RANK - 1];

    /// A layer of so many filters, whose kernels have this size: one for all axes, or one each.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes<RANK>>) -> Self {
        Self {
            base: LayerBase::new(Self::CLASS),
            filters,
            kernel_size: kernel_size.into().0,
            output_padding: None,
            options: windows::options::<RANK>(),
            affine: Affine::default(),
        }
    }

    common_arguments!();
    affine_arguments!();
    spatial::window_arguments!();
    windows::spread_arguments!();

    /// With this much more at the end of each axis, less than the stride; by default what the other sizes give.
    #[must_use]
    pub fn output_padding(mut self, padding: impl Into<Sizes<RANK>>) -> Self {
        self.output_padding = Some(padding.into().0);
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (kernel_size, options) = windows::from_config(config)?;
        Ok(Self {
            base: LayerBase::from_config(config)?,
            filters: config.size("filters")?,
            kernel_size,
            output_padding: Sizes::from_config(config, "output_padding")?.map(|sizes| sizes.0),
            options,
            affine: Affine::from_config(config)?,
        })
    }

    fn check_arguments(&self) -> Result<()> {
        windows::check(&self.kernel_size, &self.options, false)?;
        windows::check_spread(&self.options)?;
        if self.filters == 0 {
            fail!(InvalidArgument, "filters: expected at least 1, found 0");
        }
        for (axis, (&padding, &stride)) in self.output_padding.iter().flatten().zip(&self.options.strides).enumerate() {
            if padding >= stride {
                let expected = format!("less than the stride {stride}");
                return Err(err!(
                    InvalidArgument,
                    "output_padding of axis {axis}: expected {expected}, found {padding}"
                ));
            }
        }
        Ok(())
    }
}

impl<const RANK: usize> Layer for ConvTranspose<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({"filters": self.filters}));
        let padding = json!({"output_padding": self.output_padding.as_ref().map(|sizes| &sizes[..])});
        config.extend(windows::arguments(&self.kernel_size, &self.options, padding));
        config.extend(self.affine.arguments(Some(self.base.activity_regularizer())));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let channels = windows::channels(&inputs[0], &self.options)?;
        self.check_arguments()?;
        let kernel: Vec<usize> = self.kernel_size.iter().copied().chain([self.filters, channels]).collect();
        self.affine.build(&kernel, self.filters, weights)
    }

    fn input_spec(&self) -> InputSpec {
        let built = self.base.weights().first();
        windows::input_spec(&self.options, built.map(|kernel| kernel.variable.shape()[RANK + 1]))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let extra = self.output_padding.as_ref().map(|sizes| &sizes[..]);
        let product = inputs[0].conv_transpose(&self.base.read(0), extra, &self.options);
        Ok(smallvec![self.affine.finish(&self.base, product, windows::channels_from_back(&self.options))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let size = |axis: usize, size: Option<usize>| {
            let Some(size) = size else { return Ok(None) };
            let reach = (self.kernel_size[axis].max(1) - 1) * self.options.dilation_rate[axis] + 1;
            let extra = self.output_padding.map(|sizes| sizes[axis]);
            transposed_size(size, reach, self.options.strides[axis], &self.options.padding, axis, extra).map(Some)
        };
        Ok(vec![windows::output_shape(&inputs[0], &self.options, Some(self.filters), size)?])
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;
    use cornet_error::Code;

    use super::*;
    use crate::layers::{Context, apply};

    fn sizes(layer: &dyn Layer, input: &[usize]) -> Vec<usize> {
        let x = Tensor::ones(input, cornet_tensor::DType::F32);
        let y = apply(layer, &[x], &Context::inference()).unwrap();
        let shape = layer.compute_output_shape(&[PartialShape::from(cornet_tensor::Shape::new(input))]).unwrap();
        let found = y[0].shape().unwrap().to_vec();
        assert_eq!(shape[0].0, found.iter().copied().map(Some).collect::<Vec<_>>());
        found
    }

    #[test]
    fn sizes_follow_padding_stride_and_output_padding() {
        assert_eq!(sizes(&Conv1DTranspose::new(2, 3).strides(2), &[1, 4, 1]), [1, 9, 2]);
        assert_eq!(sizes(&Conv1DTranspose::new(2, 3).strides(2).output_padding(1), &[1, 4, 1]), [1, 10, 2]);
        assert_eq!(sizes(&Conv1DTranspose::new(2, 2).strides(3), &[1, 4, 1]), [1, 12, 2]);
        assert_eq!(sizes(&Conv2DTranspose::new(2, 3).strides(2).padding("same"), &[1, 4, 5, 1]), [1, 8, 10, 2]);
        let odd = Conv2DTranspose::new(2, 3).strides(2).padding("same").output_padding([0, 1]);
        assert_eq!(sizes(&odd, &[1, 4, 5, 1]), [1, 7, 10, 2]);
        let first = Conv3DTranspose::new(2, 2).data_format("channels_first");
        assert_eq!(sizes(&first, &[1, 3, 2, 2, 2]), [1, 2, 3, 3, 3]);
    }

    #[test]
    fn each_input_spreads_its_kernel() {
        let layer = Conv1DTranspose::new(1, 3).strides(2).kernel_initializer("ones");
        let x = Tensor::from_slice(&[1.0_f32, 10.0], [1, 2, 1]);
        let y = apply(&layer, &[x], &Context::inference()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [1.0, 1.0, 11.0, 10.0, 10.0]);
    }

    #[test]
    fn output_padding_is_less_than_the_stride() {
        let layer = Conv1DTranspose::new(1, 3).strides(2).output_padding(2);
        let x = Tensor::ones([1, 4, 1], cornet_tensor::DType::F32);
        let error = apply(&layer, std::slice::from_ref(&x), &Context::inference()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        let both = Conv1DTranspose::new(1, 3).strides(2).dilation_rate(2);
        assert_eq!(apply(&both, &[x], &Context::inference()).unwrap_err().code(), Code::InvalidArgument);
    }
}
