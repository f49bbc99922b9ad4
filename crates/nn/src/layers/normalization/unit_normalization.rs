use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::axes::Axes;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// What a norm is at least held to be, so that zeros stay zeros.
const EPSILON: f64 = 1e-12;

/// Brings each example to a Euclidean norm of 1 over axes: `y = x / ‖x‖`.
///
/// # Shapes
/// As they come.
/// # Errors
/// `out_of_range` for an axis that is not there.
/// # Source
/// Keras 3 `keras.layers.UnitNormalization`.
pub struct UnitNormalization {
    base: LayerBase,
    axis: Axes,
}

impl Default for UnitNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl UnitNormalization {
    /// Over the last axis.
    pub fn new() -> Self {
        Self { base: LayerBase::new("UnitNormalization"), axis: Axes::from(-1) }
    }

    common_arguments!();

    /// Over this axis, or these; by default the last.
    #[must_use]
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)?, axis: Axes::from_config(config, "axis")? })
    }
}

impl Layer for UnitNormalization {
    fn class_name(&self) -> &str {
        "UnitNormalization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"axis": self.axis.to_json(false)}))
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.axis.check(&inputs[0])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![inputs[0].normalize(self.axis.as_slice(), 2, EPSILON)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.axis.check(&inputs[0])?;
        Ok(vec![inputs[0].clone()])
    }
}
