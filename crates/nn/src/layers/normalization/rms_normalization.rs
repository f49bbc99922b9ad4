use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::axes::Axes;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, WeightSpec, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Brings each example to a root mean square of 1 over axes: `y = x / √(mean(x²) + epsilon) · scale`.
///
/// # Shapes
/// `x`: `[batch, …]` with fixed sizes of the axes; `y` the same.
/// # Weights
/// `scale` with the sizes of the axes.
/// # Errors
/// `out_of_range` for an axis that is not there; `shape_mismatch` when the axes' sizes are not the built ones.
/// # Source
/// Keras 3 `keras.layers.RMSNormalization`; Zhang and Sennrich 2019.
pub struct RMSNormalization {
    base: LayerBase,
    axis: Axes,
    epsilon: f64,
}

impl Default for RMSNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl RMSNormalization {
    /// Over the last axis.
    pub fn new() -> Self {
        Self { base: LayerBase::new("RMSNormalization"), axis: Axes::from(-1), epsilon: 1e-6 }
    }

    common_arguments!();

    /// Over this axis, or these; by default the last.
    #[must_use]
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    /// With this number added to the mean square, so that it is never 0; by default 1e-6.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (base, axis) = (LayerBase::from_config(config)?, Axes::from_config(config, "axis")?);
        Ok(Self { base, axis, epsilon: config.float("epsilon", 1e-6)? })
    }
}

impl Layer for RMSNormalization {
    fn class_name(&self) -> &str {
        "RMSNormalization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"axis": self.axis.to_json(self.base.is_built()), "epsilon": self.epsilon}))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        weights.add(WeightSpec::new("scale", self.axis.sizes(&inputs[0])?, &Initializer::Ones))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let scale = self.base.read(0);
        Ok(smallvec![inputs[0].rms_normalization(Some(&scale), self.axis.as_slice(), self.epsilon)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.axis.check(&inputs[0])?;
        Ok(vec![inputs[0].clone()])
    }
}
