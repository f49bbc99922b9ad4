use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::activations;
use crate::arg::Arg;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// An activation function as a layer of its own.
///
/// # Shapes
/// As they come; `glu` halves the last axis.
/// # Source
/// Keras 3 `keras.layers.Activation`.
pub struct Activation {
    base: LayerBase,
    activation: activations::Activation,
}

impl Activation {
    /// The layer of an activation or of its name.
    pub fn new(activation: impl Into<Arg<activations::Activation>>) -> Self {
        let mut base = LayerBase::new("Activation");
        let activation = base.accept(activation.into()).unwrap_or_default();
        Self { base, activation }
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let activation = activations::Activation::from_json(config.get("activation"))?;
        Ok(Self { base: LayerBase::from_config(config)?, activation })
    }
}

impl Layer for Activation {
    fn class_name(&self) -> &str {
        "Activation"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"activation": self.activation.to_json()}))
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![self.activation.apply(&inputs[0])])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let mut shapes = inputs.to_vec();
        if self.activation == activations::Activation::Glu {
            let sizes = shapes.iter_mut().filter_map(|shape| shape.0.last_mut()?.as_mut());
            sizes.for_each(|size| *size /= 2);
        }
        Ok(shapes)
    }
}
