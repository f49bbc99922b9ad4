use std::collections::HashMap;
use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::Model;
use super::functional_config;
use super::graph::{self, needs};
use super::outline::{Outline, OutlineLayer};
use super::summary_table::Connection;
use super::symbol::{Node, Place, Symbol, Symbols, input_node, node};
use crate::layers::layer::located;
use crate::layers::{Arguments, Call, InputLayer, Layer, LayerBase, Outputs, Tensors, Weights, apply_call};
use crate::random::Seeds;
use crate::saving::config::Config;
use crate::shape::PartialShape;
use crate::training::Trainer;

/// A model of layers in any arrangement: branches, shared layers, several inputs and outputs, models as layers.
///
/// ```
/// use cornet_nn::layers::{Concatenate, Dense, Input};
/// use cornet_nn::models::{Functional, Model, Symbolic};
/// let (age, words) = (Input::new([1]).symbol(), Input::new([100]).symbol());
/// let both = Concatenate::new().on([&age, &Dense::new(8).activation("relu").on(&words)]);
/// let price = Dense::new(1).name("price").on(&both);
/// let class = Dense::new(3).activation("softmax").name("class").on(&both);
/// let model = Functional::new([&age, &words], [&price, &class])?;
/// assert_eq!(model.layers().len(), 6);
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Source
/// Keras 3 `keras.Model(inputs, outputs)`, whose files call it `Functional`.
pub struct Functional {
    base: LayerBase,
    pub(super) inputs: Vec<Place>,
    pub(super) outputs: Vec<Place>,
    /// How inputs and outputs are put together in Keras's file, if the model was read from one.
    pub(super) structure: Option<(Value, Value)>,
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) layers: Vec<Arc<dyn Layer>>,
    steps: Vec<Step>,
    entries: Vec<Arc<InputLayer>>,
    results: Vec<usize>,
    slots: usize,
    seeds: Seeds,
    trainer: Trainer,
}

/// A call in terms of numbered tensors.
struct Step {
    node: Arc<Node>,
    inputs: SmallVec<[usize; 2]>,
    tensors: Vec<(String, SmallVec<[usize; 1]>)>,
    /// The number of the first output.
    first: usize,
}

impl Functional {
    /// The model between these inputs and outputs. Inputs may be any symbols: a model from the middle of another one
    /// shares its layers.
    ///
    /// # Errors
    /// The failure that a symbol carries; `invalid_argument` for a disconnected graph, layers of one name, or none.
    pub fn new(inputs: impl Into<Symbols>, outputs: impl Into<Symbols>) -> Result<Self> {
        Self::of(LayerBase::new("Functional"), &inputs.into().0, &outputs.into().0)
    }

    /// The same under this name.
    ///
    /// # Errors
    /// As [`Functional::new`].
    pub fn named(name: impl Into<String>, inputs: impl Into<Symbols>, outputs: impl Into<Symbols>) -> Result<Self> {
        Self::of(LayerBase::named(name), &inputs.into().0, &outputs.into().0)
    }

    pub(super) fn of(base: LayerBase, inputs: &[Symbol], outputs: &[Symbol]) -> Result<Self> {
        let places = |symbols: &[Symbol]| symbols.iter().map(|s| s.place().cloned()).collect::<Result<Vec<_>>>();
        let (inputs, outputs) = (places(inputs)?, places(outputs)?);
        if inputs.is_empty() || outputs.is_empty() {
            let (i, o) = (inputs.len(), outputs.len());
            fail!(InvalidArgument, "{}: expected inputs and outputs, found {i} and {o}", base.name());
        }
        let (inputs, outputs) = from_entries(inputs, outputs)?;
        let graph::Order { nodes, layers } = graph::order(&inputs, &outputs)?;
        let mut names = HashMap::new();
        for layer in &layers {
            if names.insert(layer.name(), ()).is_some() {
                let (model, name) = (base.name(), layer.name());
                return Err(err!(InvalidArgument, "{model}: expected layers of different names, found '{name}' twice")
                    .help("give one of them another name"));
            }
        }
        let entries = inputs.iter().map(entry).collect::<Result<Vec<_>>>()?;
        let (steps, slots, results) = number(&nodes, &inputs, &outputs);
        let (seeds, trainer) = (Seeds::common(), Trainer::default());
        let model = Self {
            base,
            inputs,
            outputs,
            structure: None,
            nodes,
            layers,
            steps,
            entries,
            results,
            slots,
            seeds,
            trainer,
        };
        let shapes = model.input_shapes().unwrap_or_default();
        crate::layers::build(&model, &shapes, "", &model.seeds)?;
        Ok(model)
    }

    /// The symbols of the inputs.
    pub fn inputs(&self) -> Vec<Symbol> {
        self.inputs.iter().cloned().map(Symbol::of).collect()
    }

    /// The symbols of the outputs.
    pub fn outputs(&self) -> Vec<Symbol> {
        self.outputs.iter().cloned().map(Symbol::of).collect()
    }

    /// The symbol that a layer of the model gives in its first call, for a model of the features there:
    /// `Functional::new(model.inputs(), model.output_of("conv2d_3")?)`.
    ///
    /// # Errors
    /// `not_found`, with the names there are.
    pub fn output_of(&self, layer: &str) -> Result<Symbol> {
        let layer = self.layer(layer)?;
        let found = self.nodes.iter().find(|node| Arc::ptr_eq(&node.layer, &layer));
        let node = found.ok_or_else(|| err!(Internal, "layer '{}' is never called", layer.name()))?;
        Ok(Symbol::of(Place { node: node.clone(), index: 0 }))
    }

    /// Which call of its layer each call is.
    pub(super) fn call_indices(&self) -> HashMap<u64, usize> {
        let (mut counts, mut indices) = (HashMap::new(), HashMap::new());
        for node in &self.nodes {
            let count: &mut usize = counts.entry(node.layer.name()).or_default();
            indices.insert(node.id, *count);
            *count += 1;
        }
        indices
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        functional_config::read(config)
    }

    fn run(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        if inputs.len() != self.entries.len() {
            let names: Vec<&str> = self.entries.iter().map(|entry| entry.base().name()).collect();
            let (expected, found) = (self.entries.len(), inputs.len());
            return Err(
                err!(InvalidArgument, "inputs: expected {expected}, found {found}").operand("inputs", names.join(", "))
            );
        }
        let mut tensors: Vec<Option<Tensor>> = vec![None; self.slots];
        let mut masks: Vec<Option<Tensor>> = vec![None; self.slots];
        for (index, (entry, input)) in self.entries.iter().zip(inputs).enumerate() {
            let ready = entry.adapt(input)?;
            located(entry.base().name(), || entry.check(&ready))?;
            tensors[index] = Some(ready);
            masks[index] = call.masks.get(index).cloned().flatten();
        }
        let read = |tensors: &[Option<Tensor>], slot: usize| {
            tensors[slot].clone().ok_or_else(|| err!(Internal, "a call before what it needs"))
        };
        for step in &self.steps {
            let inputs = step.inputs.iter().map(|&slot| read(&tensors, slot)).collect::<Result<SmallVec<[_; 2]>>>()?;
            let of: SmallVec<[_; 2]> = step.inputs.iter().map(|&slot| masks[slot].clone()).collect();
            let mut arguments = Arguments { tensors: Vec::new(), values: step.node.arguments.values.clone() };
            for (name, slots) in &step.tensors {
                let named = slots.iter().map(|&slot| read(&tensors, slot)).collect::<Result<_>>()?;
                arguments.tensors.push((name.clone(), named));
            }
            // The model's call decides, also where a layer was called with `training` when the model was drawn.
            if call.arguments.flag("training").is_some() || arguments.flag("training").is_some() {
                arguments.values.insert("training".into(), call.is_training().into());
            }
            let outputs = apply_call(
                &*step.node.layer,
                &inputs,
                &Call { context: call.context, masks: &of, arguments: &arguments },
            )?;
            for (offset, (tensor, mask)) in outputs.tensors.into_iter().zip(outputs.masks).enumerate() {
                tensors[step.first + offset] = Some(tensor);
                masks[step.first + offset] = mask;
            }
        }
        let results = self.results.iter().map(|&slot| read(&tensors, slot)).collect::<Result<Tensors>>()?;
        Ok(Outputs { tensors: results, masks: self.results.iter().map(|&slot| masks[slot].clone()).collect() })
    }
}

/// The input layer of an entry.
fn entry(at: &Place) -> Result<Arc<InputLayer>> {
    let any: Arc<dyn std::any::Any + Send + Sync> = at.node.layer.clone();
    any.downcast::<InputLayer>().map_err(|_| err!(Internal, "an entry that is no input layer"))
}

/// The same graph with input layers where inputs come from the middle of another model.
fn from_entries(inputs: Vec<Place>, outputs: Vec<Place>) -> Result<(Vec<Place>, Vec<Place>)> {
    if inputs.iter().all(|at| at.node.inputs.is_empty()) {
        return Ok((inputs, outputs));
    }
    let mut moved: HashMap<(u64, usize), Place> = HashMap::new();
    let mut entries = Vec::new();
    for at in &inputs {
        let (shape, dtype) = at.node.outputs[at.index].clone();
        let fresh = match at.node.inputs.is_empty() {
            true => at.clone(),
            false => Place { node: input_node(Arc::new(InputLayer::new(shape).dtype(dtype))), index: 0 },
        };
        moved.insert((at.node.id, at.index), fresh.clone());
        entries.push(fresh);
    }
    let new = |moved: &HashMap<(u64, usize), Place>, at: &Place| {
        moved.get(&(at.node.id, at.index)).cloned().unwrap_or_else(|| at.clone())
    };
    for old in graph::order(&inputs, &outputs)?.nodes {
        if inputs.iter().any(|at| at.node.id == old.id)
            || !needs(&old).any(|at| moved.contains_key(&(at.node.id, at.index)))
        {
            continue;
        }
        let tensors = &old.arguments.tensors;
        let tensors = tensors
            .iter()
            .map(|(name, places)| (name.clone(), places.iter().map(|at| new(&moved, at)).collect()))
            .collect();
        let arguments = Arguments { tensors, values: old.arguments.values.clone() };
        let copy = node(old.layer.clone(), old.inputs.iter().map(|at| new(&moved, at)).collect(), arguments)?;
        for index in 0..old.outputs.len() {
            moved.insert((old.id, index), Place { node: copy.clone(), index });
        }
    }
    Ok((entries, outputs.iter().map(|at| new(&moved, at)).collect()))
}

/// The calls in terms of numbered tensors: the inputs first. Also how many numbers there are, and those of the outputs.
fn number(nodes: &[Arc<Node>], inputs: &[Place], outputs: &[Place]) -> (Vec<Step>, usize, Vec<usize>) {
    let mut numbers: HashMap<(u64, usize), usize> = HashMap::new();
    for (slot, at) in inputs.iter().enumerate() {
        numbers.insert((at.node.id, at.index), slot);
    }
    let (mut steps, mut slots) = (Vec::new(), inputs.len());
    for node in nodes.iter().filter(|node| !node.inputs.is_empty()) {
        let of = |at: &Place| numbers.get(&(at.node.id, at.index)).copied().unwrap_or_default();
        let of_name = |(name, places): &(String, SmallVec<[Place; 1]>)| (name.clone(), places.iter().map(of).collect());
        let (inputs, tensors) =
            (node.inputs.iter().map(of).collect(), node.arguments.tensors.iter().map(of_name).collect());
        steps.push(Step { node: node.clone(), inputs, tensors, first: slots });
        for index in 0..node.outputs.len() {
            numbers.insert((node.id, index), slots + index);
        }
        slots += node.outputs.len();
    }
    let results = outputs.iter().map(|at| numbers.get(&(at.node.id, at.index)).copied().unwrap_or_default()).collect();
    (steps, slots, results)
}

impl Layer for Functional {
    fn class_name(&self) -> &str {
        "Functional"
    }

    fn module(&self) -> &str {
        "keras.src.models.functional"
    }

    fn registered_name(&self) -> Option<&str> {
        Some("Functional")
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        functional_config::write(self)
    }

    fn config(&self) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert("name".into(), self.base.name().into());
        config.insert("trainable".into(), self.base.trainable().into());
        config.extend(self.arguments());
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    /// Keras's word for a model that is built without being asked.
    fn build_config(&self) -> Option<Value> {
        Some(serde_json::json!({"input_shape": null}))
    }

    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        Ok(())
    }

    fn autocast(&self) -> bool {
        false
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Ok(self.run(inputs, call)?.tensors)
    }

    fn as_model_layer(&self) -> Option<&dyn Model> {
        Some(self)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call_masked(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        self.run(inputs, call)
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let typed = inputs
            .iter()
            .zip(&self.entries)
            .map(|(shape, entry)| (shape.clone(), entry.batch_dtype()))
            .collect::<Vec<_>>();
        Ok(self.infer(&typed, &Map::new())?.into_iter().map(|(shape, _)| shape).collect())
    }

    fn infer(
        &self,
        inputs: &[(PartialShape, DType)],
        _arguments: &Map<String, Value>,
    ) -> Result<Vec<(PartialShape, DType)>> {
        let mut types = vec![(PartialShape::default(), DType::F32); self.slots];
        for (slot, (shape, _)) in inputs.iter().enumerate().take(self.entries.len()) {
            types[slot] = (shape.clone(), self.entries[slot].batch_dtype());
        }
        for step in &self.steps {
            let inputs: Vec<_> = step.inputs.iter().map(|&slot| types[slot].clone()).collect();
            let outputs = step.node.layer.infer(&inputs, &step.node.arguments.values)?;
            for (offset, found) in outputs.into_iter().enumerate().take(step.node.outputs.len()) {
                types[step.first + offset] = found;
            }
        }
        Ok(self.results.iter().map(|&slot| types[slot].clone()).collect())
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        let layers = Model::layers(self);
        let names = cornet_format_keras::unique_names(layers.iter().map(|layer| layer.file_class()));
        names.into_iter().map(|name| format!("layers/{name}")).zip(layers).collect()
    }
}

impl Model for Functional {
    fn as_model(&self) -> &dyn Model {
        self
    }

    fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Without ops, as in Keras.
    fn layers(&self) -> Vec<Arc<dyn Layer>> {
        self.layers.iter().filter(|layer| !layer.keeps_arguments()).cloned().collect()
    }

    fn seeds(&self) -> Seeds {
        self.seeds.clone()
    }

    fn build_for(&self, inputs: &[PartialShape]) -> Result<()> {
        match inputs.len() == self.entries.len() {
            true => Ok(()),
            false => fail!(InvalidArgument, "inputs: expected {}, found {}", self.entries.len(), inputs.len()),
        }
    }

    fn input_shapes(&self) -> Option<Vec<PartialShape>> {
        Some(self.entries.iter().map(|entry| entry.batch_shape().clone()).collect())
    }

    fn output_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.outputs.iter().map(|at| at.node.layer.name().to_owned()).collect();
        // Outputs that a file keeps in a dict have its keys for names.
        if let Some((_, Value::Object(keys))) = &self.structure {
            for (key, place) in keys {
                if let Some(name) = place.as_u64().and_then(|place| names.get_mut(place as usize)) {
                    name.clone_from(key);
                }
            }
        }
        names
    }

    fn outline(&self) -> Result<Outline> {
        let indices = self.call_indices();
        let calls = |layer: &Arc<dyn Layer>| -> Vec<&Arc<Node>> {
            self.nodes.iter().filter(|node| Arc::ptr_eq(&node.layer, layer)).collect()
        };
        let describe = |layer: &Arc<dyn Layer>| {
            let calls = calls(layer);
            let first = calls.first();
            let from = |at: &Place| Connection {
                layer: at.node.layer.name().into(),
                node: indices.get(&at.node.id).copied().unwrap_or_default(),
                tensor: at.index,
            };
            let shape = |at: &Place| at.node.outputs[at.index].0.clone();
            let outputs = |node: &&Arc<Node>| node.outputs.iter().map(|(shape, _)| shape.clone()).collect();
            OutlineLayer {
                layer: layer.clone(),
                inputs: calls.iter().flat_map(|node| needs(node).map(from).collect::<Vec<_>>()).collect(),
                input_shapes: first.map(|node| node.inputs.iter().map(shape).collect()),
                output_shapes: first.map(outputs),
                output_dtypes: first.map_or(Vec::new(), |node| node.outputs.iter().map(|(_, dtype)| *dtype).collect()),
            }
        };
        let layers: Vec<OutlineLayer> = self.layers.iter().map(describe).collect();
        let place = |at: &Place| self.layers.iter().position(|layer| Arc::ptr_eq(layer, &at.node.layer));
        let outputs = self.outputs.iter().filter_map(place).collect();
        // A plain sequence: one call after the other, each with one input, which nothing else takes.
        let mut taken = std::collections::HashSet::new();
        let is_chain = self.nodes.iter().filter(|node| node.inputs.is_empty()).count() == 1
            && self.nodes.len() == self.layers.len()
            && self.nodes.iter().all(|node| needs(node).count() <= 1 && needs(node).all(|at| taken.insert(at.node.id)));
        Ok(Outline { layers, connected: !is_chain, outputs })
    }

    fn entry_dtypes(&self) -> Vec<DType> {
        self.entries.iter().map(|entry| entry.batch_dtype()).collect()
    }

    fn entry_names(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.base().name().to_owned()).collect()
    }
}
