use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::axes::Axes;
use super::scale::{Scale, scale_arguments};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Brings each example to mean 0 and variance 1 over axes: `y = (x - mean) / √(variance + epsilon) · gamma + beta`.
///
/// # Shapes
/// `x`: `[batch, …]` with fixed sizes of the axes; `y` the same.
/// # Weights
/// `gamma` and `beta`, as far as there are any, with the sizes of the axes.
/// # Errors
/// `out_of_range` for an axis that is not there; `shape_mismatch` when the axes' sizes are not the built ones.
/// # Source
/// Keras 3 `keras.layers.LayerNormalization`; Ba et al. 2016.
pub struct LayerNormalization {
    base: LayerBase,
    axis: Axes,
    epsilon: f64,
    scale: Scale,
}

impl Default for LayerNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl LayerNormalization {
    /// Over the last axis.
    pub fn new() -> Self {
        let base = LayerBase::new("LayerNormalization");
        Self { base, axis: Axes::from(-1), epsilon: 1e-3, scale: Scale::default() }
    }

    common_arguments!();
    scale_arguments!();

    /// Over this axis, or these; by default the last.
    #[must_use]
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    /// As [`Layer`]'s; `rms_scaling`, which Keras has withdrawn, is admitted as long as it is off.
    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: LayerBase::from_config(config)?,
            axis: Axes::from_config(config, "axis")?,
            epsilon: config.float("epsilon", 1e-3)?,
            scale: Scale::from_config(config)?,
        })
    }
}

impl Layer for LayerNormalization {
    fn class_name(&self) -> &str {
        "LayerNormalization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({
            "axis": self.axis.to_json(self.base.is_built()), "epsilon": self.epsilon,
            "center": self.scale.center, "scale": self.scale.scale, "rms_scaling": false,
        }));
        config.extend(self.scale.arguments(json!({})));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        self.scale.build(&self.axis.sizes(&inputs[0])?, weights)
    }

    fn autocast(&self) -> bool {
        false
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let x = super::scale::wide(&inputs[0])?;
        let (gamma, beta) = self.scale.read(&self.base, x.dtype()?);
        let y = x.layer_normalization(gamma.as_ref(), beta.as_ref(), self.axis.as_slice(), self.epsilon);
        Ok(smallvec![y.cast(self.base.policy().compute_dtype())])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.axis.check(&inputs[0])?;
        Ok(vec![inputs[0].clone()])
    }
}
