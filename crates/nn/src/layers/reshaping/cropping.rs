//! `Cropping1D` to `Cropping3D`: one definition over the number of spatial axes.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_ops::nn::geometry::DataFormat;
use serde_json::{Map, Value};
use smallvec::smallvec;

use super::sides::{Sides, first_axis};
use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// Cuts off the ends of spatial axes.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with shorter
/// spatial axes.
/// # Errors
/// `rank_mismatch`; `dim_mismatch` when nothing is left of an axis.
/// # Source
/// Keras 3 `keras.layers.Cropping1D`, `Cropping2D`, `Cropping3D`.
pub struct Cropping<const RANK: usize> {
    base: LayerBase,
    cropping: Sides<RANK>,
    data_format: DataFormat,
}

/// Cuts off the ends of sequences.
pub type Cropping1D = Cropping<1>;
/// Cuts off the edges of images.
pub type Cropping2D = Cropping<2>;
/// Cuts off the faces of volumes.
pub type Cropping3D = Cropping<3>;

impl<const RANK: usize> Default for Cropping<RANK> {
    /// Keras's: one step at each end of sequences and volumes, nothing of images.
    fn default() -> Self {
        Self::new(usize::from(RANK != 2))
    }
}

impl<const RANK: usize> Cropping<RANK> {
    const CLASS: &'static str = ["Cropping1D", "Cropping2D", "Cropping3D"][RANK - 1];

    /// Cuts off so much: at all ends, for each axis at both of its ends, or for each axis before and behind.
    pub fn new(cropping: impl Into<Sides<RANK>>) -> Self {
        let (base, data_format) = (LayerBase::new(Self::CLASS), DataFormat::ChannelsLast);
        Self { base, cropping: cropping.into(), data_format }
    }

    common_arguments!();

    /// With the channels last (the default) or first; sequences have them last.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<crate::arg::Arg<DataFormat>>) -> Self {
        match self.base.accept(format.into()) {
            Some(DataFormat::ChannelsFirst) if RANK == 1 => {
                self.base.refuse(err!(InvalidArgument, "data_format: expected channels_last, found channels_first"));
            }
            Some(format) => self.data_format = format,
            None => {}
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut layer = Self { base: LayerBase::from_config(config)?, ..Self::default() };
        if let Some(cropping) = Sides::from_config(config, "cropping")? {
            layer.cropping = cropping;
        }
        if RANK > 1 {
            layer.data_format = config.text("data_format", "channels_last")?.parse()?;
        }
        Ok(layer)
    }
}

impl<const RANK: usize> Layer for Cropping<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert("cropping".into(), self.cropping.to_json());
        if RANK > 1 {
            config.insert("data_format".into(), self.data_format.to_string().into());
        }
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        InputSpec::rank(RANK + 2).check_partial(&inputs[0])?;
        self.compute_output_shape(inputs).map(|_| ())
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(RANK + 2)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let shape = inputs[0].shape()?;
        let left = self.compute_output_shape(&[PartialShape::from(shape.clone())])?;
        let (mut start, first) = (vec![0; shape.rank()], first_axis(self.data_format));
        for (place, (before, _)) in start[first..].iter_mut().zip(self.cropping.0) {
            *place = before;
        }
        Ok(smallvec![inputs[0].slice(&start, &left[0].with_open(0))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let mut shape = inputs[0].clone();
        for (index, (before, behind)) in self.cropping.0.into_iter().enumerate() {
            let axis = first_axis(self.data_format) + index;
            let Some(Some(size)) = shape.get(axis).copied() else { continue };
            match before.checked_add(behind).and_then(|cut| size.checked_sub(cut)) {
                Some(left) if left > 0 => shape.0[axis] = Some(left),
                _ => {
                    return Err(err!(DimMismatch, "axis {axis}: expected more than is cut off, found {size}")
                        .operand("cropping", self.cropping.to_json())
                        .operand("input", &inputs[0]));
                }
            }
        }
        Ok(vec![shape])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn ends_are_cut_off_and_something_must_be_left() {
        let x = Tensor::of([[[1.0_f32], [2.0], [3.0], [4.0]]]);
        let run = |layer: Cropping1D| apply(&layer, std::slice::from_ref(&x), &Context::inference());
        assert_eq!(run(Cropping1D::new((1, 2))).unwrap()[0].to_vec::<f32>().unwrap(), [2.0]);
        let error = run(Cropping1D::new(2)).unwrap_err();
        assert_eq!(error.code(), cornet_error::Code::DimMismatch);
        assert!(run(Cropping1D::new(usize::MAX)).is_err());
    }
}
