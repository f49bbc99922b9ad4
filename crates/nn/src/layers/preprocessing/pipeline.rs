use std::sync::Arc;

use cornet_error::Result;
use cornet_format_keras::unique_names;
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::registry::layer_from_json;
use crate::layers::{
    Arguments, Call, IntoLayer, Layer, LayerBase, Outputs, Tensors, Weights, apply_call, build, layer_to_json,
};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// Layers that follow each other, as one layer of preprocessing.
///
/// # Source
/// Keras 3 `keras.layers.Pipeline`.
pub struct Pipeline {
    base: LayerBase,
    layers: Vec<Arc<dyn Layer>>,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Pipeline {
    /// A layer that does nothing yet.
    pub fn new() -> Self {
        Self { base: LayerBase::new("Pipeline"), layers: Vec::new() }
    }

    common_arguments!();

    /// With this layer at the end.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, layer: impl IntoLayer) -> Self {
        self.layers.push(layer.into_layer());
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let layers = config.need("layers", "a list of layers", Value::as_array)?;
        let layers = layers.iter().map(layer_from_json).collect::<Result<Vec<_>>>()?;
        Ok(Self { base: LayerBase::from_config(config)?, layers })
    }
}

impl Layer for Pipeline {
    fn class_name(&self) -> &str {
        "Pipeline"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn config(&self) -> Map<String, Value> {
        let layers: Vec<Value> = self.layers.iter().map(|layer| layer_to_json(&**layer)).collect();
        crate::saving::config::map(json!({"layers": layers, "name": self.base.name()}))
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let mut shapes = inputs.to_vec();
        for layer in &self.layers {
            build(&**layer, &shapes, weights.path(), weights.seeds())?;
            shapes = layer.compute_output_shape(&shapes)?;
        }
        Ok(())
    }

    fn autocast(&self) -> bool {
        false
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Ok(self.call_masked(inputs, call)?.tensors)
    }

    fn call_masked(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        let (mut tensors, mut masks): (Tensors, _) = (smallvec![inputs[0].clone()], smallvec![call.mask(0).cloned()]);
        let arguments = Arguments::new().with_value("training", call.is_training());
        for layer in &self.layers {
            let call = Call { context: call.context, masks: &masks, arguments: &arguments };
            Outputs { tensors, masks } = apply_call(&**layer, &tensors, &call)?;
        }
        Ok(Outputs { tensors, masks })
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.layers.iter().try_fold(inputs.to_vec(), |shapes, layer| layer.compute_output_shape(&shapes))
    }

    fn compute_output_dtype(&self, inputs: &[DType], outputs: usize) -> Vec<DType> {
        self.layers.iter().fold(inputs.to_vec(), |dtypes, layer| layer.compute_output_dtype(&dtypes, outputs))
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        let names = unique_names(self.layers.iter().map(|layer| layer.class_name()));
        let places = names.into_iter().map(|name| format!("_pipeline_layers/{name}"));
        places.zip(self.layers.iter().cloned()).collect()
    }
}
