use std::sync::{Arc, Mutex, PoisonError};

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::Array;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use crate::arg::{Arg, Choice, unknown};
use crate::layers::layer::common_arguments;
use crate::layers::registry::layer_from_json;
use crate::layers::{
    Arguments, Call, IntoLayer, Layer, LayerBase, Masks, Tensors, Weights, apply_call, build, layer_to_json,
};
use crate::saving::config::{Config, brief};
use crate::shape::PartialShape;

/// How the outputs of two directions are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergeMode {
    /// Side by side.
    #[default]
    Concat,
    /// Their sum.
    Sum,
    /// Their product.
    Mul,
    /// Their mean.
    Ave,
    /// Not at all: both are results.
    Separate,
}

const MODES: [(&str, MergeMode); 4] =
    [("sum", MergeMode::Sum), ("mul", MergeMode::Mul), ("ave", MergeMode::Ave), ("concat", MergeMode::Concat)];

impl Choice for MergeMode {
    fn parse(name: &str) -> Result<Self> {
        let found = MODES.iter().find(|(known, _)| *known == name);
        found.map(|(_, mode)| *mode).ok_or_else(|| unknown("merge_mode", name, &MODES.map(|(known, _)| known)))
    }
}

impl From<Option<MergeMode>> for Arg<MergeMode> {
    fn from(mode: Option<MergeMode>) -> Self {
        Self(Ok(mode.unwrap_or(MergeMode::Separate)))
    }
}

impl MergeMode {
    fn to_json(self) -> Value {
        MODES.iter().find(|(_, mode)| *mode == self).map_or(Value::Null, |(name, _)| (*name).into())
    }

    fn merge(self, y: Tensor, back: Tensor) -> Tensors {
        match self {
            Self::Concat => [Tensor::concat(&[&y, &back], -1)].into_iter().collect(),
            Self::Sum => [y + back].into_iter().collect(),
            Self::Mul => [y * back].into_iter().collect(),
            Self::Ave => [(y + back) / 2.0].into_iter().collect(),
            Self::Separate => [y, back].into_iter().collect(),
        }
    }
}

/// A recurrent layer in both directions: over the steps from the first to the last, and from the last to the first.
///
/// # Shapes
/// As the layer's, with twice the features for `concat`, the default; the outputs of the steps backwards are turned
/// round, so that those of one step meet. With `return_state` the states of both directions follow. Initial states are
/// those of the forward layer, then those of the backward layer.
/// # Weights
/// Those of the forward layer, then those of the backward layer.
/// # Errors
/// `invalid_argument` for layers that go the same way or disagree in what they return; what they refuse.
/// # Source
/// Keras 3 `keras.layers.Bidirectional`.
pub struct Bidirectional {
    base: LayerBase,
    forward: Arc<dyn Layer>,
    backward: Arc<dyn Layer>,
    merge_mode: MergeMode,
    /// What the weights begin with, until they are made.
    weights: Mutex<Vec<Array>>,
}

impl Bidirectional {
    /// The layer in both directions. It is made anew twice from its config, named `forward_…` and `backward_…`.
    pub fn new(layer: impl IntoLayer) -> Self {
        let layer = layer.into_layer();
        let mut base = LayerBase::new("Bidirectional");
        let mut copy = |prefix: &str, turned: bool| match directed(&*layer, prefix, turned) {
            Ok(copy) => copy,
            Err(error) => {
                base.refuse(error);
                layer.clone()
            }
        };
        let (forward, backward) = (copy("forward_", false), copy("backward_", true));
        Self { base, forward, backward, merge_mode: MergeMode::Concat, weights: Mutex::default() }
    }

    common_arguments!();

    /// With the outputs put together this way: `concat` (the default), `sum`, `mul`, `ave`, or `None` for both.
    #[must_use]
    pub fn merge_mode(mut self, mode: impl Into<Arg<MergeMode>>) -> Self {
        if let Some(mode) = self.base.accept(mode.into()) {
            self.merge_mode = mode;
        }
        self
    }

    /// With this layer backwards, which must have `go_backwards`, instead of the same one.
    #[must_use]
    pub fn backward_layer(mut self, layer: impl IntoLayer) -> Self {
        match zeroing(layer.into_layer()) {
            Ok(layer) => self.backward = layer,
            Err(error) => self.base.refuse(error),
        }
        self
    }

    /// With these first values of the weights, the forward layer's first.
    #[must_use]
    pub fn weights(self, weights: impl Into<Vec<Array>>) -> Self {
        *self.weights.lock().unwrap_or_else(PoisonError::into_inner) = weights.into();
        self
    }

    /// The layer that goes forward.
    pub fn forward(&self) -> &Arc<dyn Layer> {
        &self.forward
    }

    /// The layer that goes backwards.
    pub fn backward(&self) -> &Arc<dyn Layer> {
        &self.backward
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let forward = layer_from_json(config.get("layer"))?;
        let merge_mode = match config.get("merge_mode") {
            Value::Null => MergeMode::Separate,
            Value::String(name) => MergeMode::parse(name)?,
            other => fail!(Corrupt, "merge_mode: expected a name or null, found {}", brief(other)),
        };
        let backward = match config.get("backward_layer") {
            Value::Null => directed(&*forward, "backward_", true)?,
            object => zeroing(layer_from_json(object)?)?,
        };
        let forward = directed(&*forward, "forward_", false)?;
        Ok(Self { base, forward, backward, merge_mode, weights: Mutex::default() })
    }

    /// Fails unless the layers fit each other.
    fn check_layers(&self) -> Result<()> {
        let (forward, backward) = (&*self.forward, &*self.backward);
        if flag(forward, "go_backwards") == flag(backward, "go_backwards") {
            let found = flag(forward, "go_backwards");
            fail!(InvalidArgument, "go_backwards: expected different values of the layers, found {found} twice");
        }
        for key in ["stateful", "return_sequences", "return_state"] {
            let (expected, found) = (flag(forward, key), flag(backward, key));
            if expected != found {
                fail!(InvalidArgument, "{key} of the backward layer: expected {expected}, found {found}");
            }
        }
        Ok(())
    }

    fn set_weights(&self) -> Result<()> {
        let given = std::mem::take(&mut *self.weights.lock().unwrap_or_else(PoisonError::into_inner));
        if given.is_empty() {
            return Ok(());
        }
        let weights: Vec<_> = [&self.forward, &self.backward].iter().flat_map(|layer| layer.weights()).collect();
        if weights.len() != given.len() {
            fail!(InvalidArgument, "weights: expected {}, found {}", weights.len(), given.len());
        }
        weights.iter().zip(given).try_for_each(|(weight, value)| weight.variable.set(value))
    }
}

/// Whether a layer has an argument that is true.
fn flag(layer: &dyn Layer, key: &str) -> bool {
    layer.arguments().get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// The layer made anew from its config, under a name with a prefix, turned round or not.
fn directed(layer: &dyn Layer, prefix: &str, turned: bool) -> Result<Arc<dyn Layer>> {
    let mut object = layer_to_json(layer);
    let name = layer.name();
    object["config"]["name"] = format!("{prefix}{}", name.strip_prefix(prefix).unwrap_or(name)).into();
    if turned {
        object["config"]["go_backwards"] = true.into();
    }
    remade(&mut object)
}

/// The layer as it is, or made anew if masked steps would not give the zeros that merging needs.
fn zeroing(layer: Arc<dyn Layer>) -> Result<Arc<dyn Layer>> {
    let arguments = layer.arguments();
    match arguments.get("zero_output_for_mask") {
        Some(found) if found.as_bool() != Some(flag(&*layer, "return_sequences")) => {
            remade(&mut layer_to_json(&*layer))
        }
        _ => Ok(layer),
    }
}

fn remade(object: &mut Value) -> Result<Arc<dyn Layer>> {
    if object["config"]["return_sequences"].as_bool().is_none() {
        let class = &object["class_name"];
        fail!(InvalidArgument, "layer of Bidirectional: expected a recurrent layer, found {}", brief(class));
    }
    if object["config"].get("zero_output_for_mask").is_some() {
        object["config"]["zero_output_for_mask"] = object["config"]["return_sequences"].clone();
    }
    layer_from_json(object)
}

impl Layer for Bidirectional {
    fn class_name(&self) -> &str {
        "Bidirectional"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert("merge_mode".into(), self.merge_mode.to_json());
        config.insert("layer".into(), layer_to_json(&*self.forward));
        config.insert("backward_layer".into(), layer_to_json(&*self.backward));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build_config(&self) -> Option<Value> {
        self.base.build_shapes().first().map(|shape| json!({"input_shape": shape.to_json()}))
    }

    fn rest_argument(&self) -> Option<&'static str> {
        Some("initial_state")
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        self.check_layers()?;
        let Some(sequences) = inputs.first() else {
            fail!(InvalidArgument, "inputs: expected sequences, found none");
        };
        for layer in [&self.forward, &self.backward] {
            build(&**layer, std::slice::from_ref(sequences), weights.path(), weights.seeds())?;
        }
        self.set_weights()
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let Some((sequences, given)) = inputs.split_first() else {
            fail!(InvalidArgument, "inputs: expected sequences, found none");
        };
        let given = if given.is_empty() { call.arguments.tensors("initial_state") } else { given };
        if !given.len().is_multiple_of(2) {
            fail!(InvalidArgument, "initial_state: expected as many tensors for each direction, found {}", given.len());
        }
        let (ahead, back) = given.split_at(given.len() / 2);
        let masks = [call.mask(0).cloned()];
        let direction = |layer: &Arc<dyn Layer>, states: &[Tensor]| {
            let mut arguments = Arguments { tensors: Vec::new(), values: call.arguments.values.clone() };
            if !states.is_empty() {
                arguments = arguments.with_tensors("initial_state", states.iter().cloned());
            }
            let call = Call { context: call.context, masks: &masks, arguments: &arguments };
            Ok::<_, cornet_error::Error>(apply_call(&**layer, std::slice::from_ref(sequences), &call)?.tensors)
        };
        let (y, back) = (direction(&self.forward, ahead)?, direction(&self.backward, back)?);
        let (Some((y, states)), Some((turned, others))) = (y.split_first(), back.split_first()) else {
            return Err(err!(InvalidArgument, "layer of Bidirectional: expected an output, found none"));
        };
        let dtype = self.base.policy().compute_dtype();
        let (y, mut turned) = (y.cast(dtype), turned.cast(dtype));
        if flag(&*self.forward, "return_sequences") {
            turned = turned.flip(&[1]);
        }
        let mut outputs = self.merge_mode.merge(y, turned);
        outputs.extend(states.iter().chain(others).cloned());
        Ok(outputs)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask(&self, _inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        let mask = if flag(&*self.forward, "return_sequences") { call.mask(0).cloned() } else { None };
        let count = if self.merge_mode == MergeMode::Separate { 2 } else { 1 };
        Ok(SmallVec::from_elem(mask, count))
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let mut shapes = self.forward.compute_output_shape(inputs.get(..1).unwrap_or(inputs))?;
        if shapes.is_empty() {
            fail!(InvalidArgument, "layer of Bidirectional: expected an output, found none");
        }
        let states = shapes.split_off(1);
        match self.merge_mode {
            MergeMode::Separate => shapes.push(shapes[0].clone()),
            MergeMode::Concat => {
                if let Some(Some(last)) = shapes[0].0.last_mut() {
                    *last *= 2;
                }
            }
            _ => {}
        }
        shapes.extend(states.iter().chain(&states).cloned());
        Ok(shapes)
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        vec![("forward_layer".into(), self.forward.clone()), ("backward_layer".into(), self.backward.clone())]
    }
}
