//! `ZeroPadding1D` to `ZeroPadding3D`: one definition over the number of spatial axes.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_ops::nn::geometry::DataFormat;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::sides::{Sides, first_axis};
use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Puts zeros before and behind spatial axes.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with longer
/// spatial axes.
/// # Errors
/// `rank_mismatch`.
/// # Source
/// Keras 3 `keras.layers.ZeroPadding1D`, `ZeroPadding2D`, `ZeroPadding3D`.
pub struct ZeroPadding<const RANK: usize> {
    base: LayerBase,
    padding: Sides<RANK>,
    data_format: DataFormat,
}

/// Puts zeros at the ends of sequences.
pub type ZeroPadding1D = ZeroPadding<1>;
/// Puts zeros around images.
pub type ZeroPadding2D = ZeroPadding<2>;
/// Puts zeros around volumes.
pub type ZeroPadding3D = ZeroPadding<3>;

impl<const RANK: usize> Default for ZeroPadding<RANK> {
    /// One at each end.
    fn default() -> Self {
        Self::new(1)
    }
}

impl<const RANK: usize> ZeroPadding<RANK> {
    const CLASS: &'static str = ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"][RANK - 1];

    /// So many: at all ends, for each axis at both of its ends, or for each axis before and behind.
    pub fn new(padding: impl Into<Sides<RANK>>) -> Self {
        let (base, data_format) = (LayerBase::new(Self::CLASS), DataFormat::ChannelsLast);
        Self { base, padding: padding.into(), data_format }
    }

    common_arguments!();

    /// With the channels last (the default) or first.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<crate::arg::Arg<DataFormat>>) -> Self {
        if let Some(format) = self.base.accept(format.into()) {
            self.data_format = format;
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let padding = Sides::from_config(config, "padding")?.unwrap_or_else(|| 1.into());
        let data_format = config.text("data_format", "channels_last")?.parse()?;
        Ok(Self { base: LayerBase::from_config(config)?, padding, data_format })
    }
}

impl<const RANK: usize> Layer for ZeroPadding<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"padding": self.padding.to_json(), "data_format": self.data_format.to_string()}))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        InputSpec::rank(RANK + 2).check_partial(&inputs[0])
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(RANK + 2)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let mut widths = vec![(0, 0); RANK + 2];
        let first = first_axis(self.data_format);
        widths[first..first + RANK].copy_from_slice(&self.padding.0);
        Ok(smallvec![inputs[0].pad(&widths)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let (mut shape, first) = (inputs[0].clone(), first_axis(self.data_format));
        for (size, (before, behind)) in shape.0.iter_mut().skip(first).zip(self.padding.0) {
            if let Some(known) = *size {
                let padded = known.checked_add(before).and_then(|sum| sum.checked_add(behind));
                *size = Some(padded.ok_or_else(|| err!(LimitExceeded, "padding: expected less, found {before}"))?);
            }
        }
        Ok(vec![shape])
    }
}
