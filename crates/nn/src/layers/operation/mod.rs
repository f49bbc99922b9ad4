//! Ops in functional models: what Keras makes of `x + y` and `keras.ops.mean(x)` between layers.
//!
//! Source: Keras 3.15.1, `keras.src.ops.operation`.

mod arguments;
mod table;

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::{Call, Layer, LayerBase, Tensors, custom};
use crate::saving::config::Config;
use crate::shape::PartialShape;
use arguments::Values;
use table::Entry;

/// Stands in the arguments of a call for the tensor of that place among its inputs.
pub(crate) const PLACE: &str = "place";

/// An op as a layer without weights. Its constants are arguments of the class (`config`) or of the call.
pub struct Operation {
    base: LayerBase,
    entry: &'static Entry,
    config: Map<String, Value>,
}

/// Whether a module of Keras is one of ops.
pub(crate) fn is_module(module: &str) -> bool {
    module.starts_with("keras.src.ops.")
}

impl Operation {
    /// The op of this class, such as `Add`, with the arguments of its class.
    ///
    /// # Errors
    /// `unsupported` for a class that there is not.
    pub fn new(class: &str, config: Map<String, Value>) -> Result<Self> {
        let Some(entry) = table::find(class) else {
            return Err(err!(Unsupported, "op: there is no class {class}")
                .operand("supported", table::classes().collect::<Vec<_>>().join(", "))
                .help("put it into a layer of your own: #[derive(Layer)] and register"));
        };
        Ok(Self { base: LayerBase::new(class), entry, config })
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut operation = Self::new(config.class(), config.take_all())?;
        if let Some(Value::String(name)) = operation.config.shift_remove("name") {
            operation.base.set_name(name);
        }
        Ok(operation)
    }
}

impl Layer for Operation {
    fn class_name(&self) -> &str {
        self.entry.class
    }

    fn module(&self) -> &str {
        self.entry.module
    }

    fn registered_name(&self) -> Option<&str> {
        Some(self.entry.class)
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        self.config.clone()
    }

    fn config(&self) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert("name".into(), self.base.name().into());
        config.extend(self.config.clone());
        config
    }

    fn keeps_arguments(&self) -> bool {
        true
    }

    fn autocast(&self) -> bool {
        false
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let values = Values::new(inputs, &call.arguments.values, &self.config)?;
        let output = (self.entry.compute)(&values)?;
        output.error().map_or(Ok(smallvec![output.clone()]), |error| Err(error.clone()))
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let typed: Vec<_> = inputs.iter().map(|shape| (shape.clone(), DType::F32)).collect();
        Ok(self.infer(&typed, &Map::new())?.into_iter().map(|(shape, _)| shape).collect())
    }

    fn infer(
        &self,
        inputs: &[(PartialShape, DType)],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<(PartialShape, DType)>> {
        custom::infer_by_running(self, inputs, arguments)
    }
}

/// The arguments of a call on tensors and numbers, in order.
pub(crate) fn places(operands: &[Option<f64>]) -> Map<String, Value> {
    let mut next = 0;
    let args: Vec<Value> = operands
        .iter()
        .map(|operand| match operand {
            Some(number) => json!(number),
            None => {
                next += 1;
                json!({PLACE: next - 1})
            }
        })
        .collect();
    let mut map = Map::new();
    map.insert("args".into(), args.into());
    map
}
