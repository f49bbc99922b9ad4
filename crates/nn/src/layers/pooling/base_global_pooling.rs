//! `GlobalMaxPooling1D` to `GlobalAveragePooling3D`: one definition over the number of spatial axes and the kind.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::geometry::DataFormat;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::spatial::format_argument;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Masks, Tensors};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The greatest value (`MAX`) or the mean over all `RANK` spatial axes.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y`:
/// `[batch, channels]`, or with `keepdims` the same as `x` with spatial axes of size 1.
/// # Masks
/// `GlobalAveragePooling1D` takes the mean of the steps that count, NaN where none does. No mask goes on.
/// # Errors
/// `rank_mismatch`.
/// # Source
/// Keras 3 `keras.layers.GlobalMaxPooling2D`, `GlobalAveragePooling2D` and their likes.
pub struct GlobalPooling<const RANK: usize, const MAX: bool> {
    base: LayerBase,
    data_format: DataFormat,
    keepdims: bool,
}

macro_rules! kinds {
    ($($rank:literal $over:literal $max:ident $max_short:ident $average:ident $average_short:ident)+) => {$(
        #[doc = concat!("The greatest value over ", $over, ".")]
        pub type $max = GlobalPooling<$rank, true>;
        #[doc = concat!("Keras's second name of [`", stringify!($max), "`].")]
        pub type $max_short = $max;
        #[doc = concat!("The mean over ", $over, ".")]
        pub type $average = GlobalPooling<$rank, false>;
        #[doc = concat!("Keras's second name of [`", stringify!($average), "`].")]
        pub type $average_short = $average;
    )+};
}

kinds! {
    1 "one axis, such as time" GlobalMaxPooling1D GlobalMaxPool1D GlobalAveragePooling1D GlobalAvgPool1D
    2 "an image" GlobalMaxPooling2D GlobalMaxPool2D GlobalAveragePooling2D GlobalAvgPool2D
    3 "a volume" GlobalMaxPooling3D GlobalMaxPool3D GlobalAveragePooling3D GlobalAvgPool3D
}

impl<const RANK: usize, const MAX: bool> GlobalPooling<RANK, MAX> {
    const CLASS: &'static str = [
        ["GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"],
        ["GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"],
    ][MAX as usize][RANK - 1];

    /// Over all of the spatial axes, which are gone from the result.
    pub fn new() -> Self {
        Self { base: LayerBase::new(Self::CLASS), data_format: DataFormat::default(), keepdims: false }
    }

    common_arguments!();
    format_argument!();

    /// Keeping the spatial axes with size 1, or not (the default).
    #[must_use]
    pub fn keepdims(mut self, keepdims: bool) -> Self {
        self.keepdims = keepdims;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: LayerBase::from_config(config)?,
            data_format: config.text("data_format", "channels_last")?.parse()?,
            keepdims: config.flag("keepdims", false)?,
        })
    }

    fn first_axis(&self) -> usize {
        if self.data_format == DataFormat::ChannelsLast { 1 } else { 2 }
    }

    /// The mean of the steps that count.
    fn masked_mean(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (steps, features) = (self.first_axis() as isize, 3 - self.first_axis() as isize);
        let mask = mask.cast(cornet_tensor::DType::Bool).expand_dims(&[features]);
        let sum = mask.where_(x, 0.0).sum(&[steps], self.keepdims);
        Ok(sum / mask.cast(x.dtype()?).sum(&[steps], self.keepdims))
    }
}

impl<const RANK: usize, const MAX: bool> Default for GlobalPooling<RANK, MAX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const RANK: usize, const MAX: bool> Layer for GlobalPooling<RANK, MAX> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"data_format": self.data_format.to_string(), "keepdims": self.keepdims}))
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(RANK + 2)
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let first = self.first_axis() as isize;
        let axes: Vec<isize> = (first..first + RANK as isize).collect();
        Ok(smallvec![match call.mask(0) {
            Some(mask) if self.supports_masking() => self.masked_mean(&inputs[0], mask)?,
            _ if MAX => inputs[0].max(&axes, self.keepdims),
            _ => inputs[0].mean(&axes, self.keepdims),
        }])
    }

    fn supports_masking(&self) -> bool {
        RANK == 1 && !MAX
    }

    fn compute_mask(&self, _inputs: &[Tensor], _call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![None])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let (input, first) = (&inputs[0], self.first_axis());
        if input.rank() != RANK + 2 {
            fail!(RankMismatch, "axes of the input: expected {}, found {}", RANK + 2, input.rank());
        }
        let is_spatial = |axis: &usize| (first..first + RANK).contains(axis);
        let sizes = (0..input.rank()).filter_map(|axis| match is_spatial(&axis) {
            true => self.keepdims.then_some(Some(1)),
            false => Some(input[axis]),
        });
        Ok(vec![PartialShape(sizes.collect())])
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;
    use cornet_tensor::DType;

    use super::*;
    use crate::layers::{Arguments, Context, apply, apply_call};

    fn x() -> Tensor {
        Tensor::from_slice(&[1.0_f32, -4.0, 3.0, 8.0, 5.0, 2.0], [1, 3, 2])
    }

    #[test]
    fn one_value_a_channel_is_left() {
        let run = |layer: &dyn Layer, x: &Tensor| {
            apply(layer, std::slice::from_ref(x), &Context::inference()).unwrap()[0].clone()
        };
        assert_eq!(run(&GlobalMaxPooling1D::new(), &x()).to_vec::<f32>().unwrap(), [5.0, 8.0]);
        assert_eq!(run(&GlobalAveragePooling1D::new(), &x()).to_vec::<f32>().unwrap(), [3.0, 2.0]);
        let kept = run(&GlobalMaxPooling1D::new().data_format("channels_first").keepdims(true), &x());
        assert_eq!(kept.to_vec::<f32>().unwrap(), [1.0, 8.0, 5.0]);
        assert_eq!(kept.shape().unwrap().to_vec(), [1, 3, 1]);
        let volume = Tensor::ones([2, 3, 4, 5, 6], DType::F32);
        assert_eq!(run(&GlobalAveragePooling3D::new(), &volume).shape().unwrap().to_vec(), [2, 6]);
    }

    #[test]
    fn steps_that_do_not_count_are_left_out_of_the_mean() {
        let mask = Tensor::of([[true, false, true]]);
        let run = |layer: &dyn Layer| {
            let (context, arguments) = (Context::inference(), Arguments::new());
            let call = Call { context: &context, masks: &[Some(mask.clone())], arguments: &arguments };
            apply_call(layer, &[x()], &call).unwrap()
        };
        let mean = run(&GlobalAveragePooling1D::new());
        assert_eq!(mean.tensors[0].to_vec::<f32>().unwrap(), [3.0, -1.0]);
        assert!(mean.masks[0].is_none());
        assert_eq!(run(&GlobalMaxPooling1D::new()).tensors[0].to_vec::<f32>().unwrap(), [5.0, 8.0]);
    }
}
