//! Answers the cases of `python/layers.py`: `layer_cases FOLDER`; `layer_cases --classes` prints the classes there are.
//!
//! For each case the layer is made from its object, built, given its weights and called, op by op and as a compiled
//! graph. The answer has its config, its weights, its shapes, and the outputs and gradients of both runs.

use std::cell::RefCell;
use std::path::Path;

use cornet_conformance::exchange::{Answer, Arrays, answer_all, caught};
use cornet_cpu as _;
use cornet_error::{Result, err, fail};
use cornet_nn::layers::{
    Arguments, Call, Context, Layer, Outputs, Tensors, apply_call, build, layer_from_json, layer_to_json, registry,
};
use cornet_nn::random::Seeds;
use cornet_nn::shape::PartialShape;
use cornet_ops::{GradientTape, Source, Tensor, Type};
use cornet_runtime::Concrete;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};

/// A call of a layer: what it is called with, as arrays.
struct Case {
    inputs: Vec<Array>,
    masks: Vec<Option<Array>>,
    tensors: Vec<(String, Vec<Array>)>,
    values: Map<String, Value>,
    training: bool,
    cotangents: Vec<Option<Array>>,
}

impl Case {
    fn of(case: &Value, arrays: &Arrays) -> Result<Self> {
        let named = case["tensors"].as_object().into_iter().flatten();
        Ok(Self {
            inputs: arrays.list(&case["inputs"])?,
            masks: arrays.optional(&case["masks"])?,
            tensors: named.map(|(name, of)| Ok((name.clone(), arrays.list(of)?))).collect::<Result<_>>()?,
            values: case["values"].as_object().cloned().unwrap_or_default(),
            training: case["training"] == true,
            cotangents: arrays.optional(&case["cotangents"])?,
        })
    }

    /// All that is an argument of a compiled graph.
    fn arguments(&self) -> Vec<&Array> {
        let masks = self.masks.iter().flatten();
        let named = self.tensors.iter().flat_map(|(_, of)| of);
        self.inputs.iter().chain(masks).chain(named).collect()
    }
}

/// A result and its name.
type Named = (String, Tensor);

/// Outputs, masks, losses and gradients of a layer, from the tensors of [`Case::arguments`].
fn run(layer: &dyn Layer, case: &Case, arguments: &[Tensor]) -> Result<Vec<Named>> {
    let mut rest = arguments.iter().cloned();
    let mut next = || rest.next().ok_or_else(|| err!(Internal, "too few arguments"));
    let inputs = case.inputs.iter().map(|_| next()).collect::<Result<Vec<_>>>()?;
    let masks = case.masks.iter().map(|mask| mask.as_ref().map(|_| next()).transpose()).collect::<Result<Vec<_>>>()?;
    let mut call_arguments = Arguments { tensors: Vec::new(), values: case.values.clone() };
    for (name, of) in &case.tensors {
        let tensors = of.iter().map(|_| next()).collect::<Result<Tensors>>()?;
        call_arguments.tensors.push((name.clone(), tensors));
    }
    let context = if case.training { Context::training() } else { Context::inference() };
    let floats: Vec<(usize, &Tensor)> =
        inputs.iter().enumerate().filter(|(_, x)| x.dtype().is_ok_and(|d| d.is_float())).collect();
    let tape = GradientTape::new();
    floats.iter().for_each(|(_, x)| tape.watch(x));
    let call = Call { context: &context, masks: &masks, arguments: &call_arguments };
    let Outputs { tensors, masks } = apply_call(layer, &inputs, &call)?;
    let mut found: Vec<Named> = Vec::new();
    for (i, (tensor, mask)) in tensors.iter().zip(&masks).enumerate() {
        found.push((format!("output {i}"), tensor.clone()));
        found.extend(mask.iter().map(|mask| (format!("mask {i}"), mask.clone())));
    }
    let penalties = layer.trainable_weights();
    let penalties = penalties.iter().filter_map(|w| w.regularizer.map(|r| r.penalty(&w.variable.read())));
    let losses: Vec<Tensor> = context.take_losses().into_iter().chain(penalties).collect();
    if let Some(sum) = losses.into_iter().map(|loss| loss.cast(DType::F32)).reduce(|a, b| a + b) {
        found.push(("losses".into(), sum));
    }
    let mut targets = Vec::new();
    for (tensor, cotangent) in tensors.iter().zip(&case.cotangents) {
        if let Some(cotangent) = cotangent {
            targets.push((tensor, Some(Tensor::from(cotangent.clone()).cast(tensor.dtype()?))));
        }
    }
    if !targets.is_empty() {
        let weights = layer.trainable_weights();
        let names = floats.iter().map(|(i, _)| format!("gradient of input {i}"));
        let names = names.chain((0..weights.len()).map(|i| format!("gradient of weight {i}")));
        let sources = floats.iter().map(|(_, x)| Source::Tensor(x));
        let sources: Vec<_> = sources.chain(weights.iter().map(|w| (&w.variable).into())).collect();
        found.extend(names.zip(tape.gradient_with(&targets, &sources)?));
    }
    Ok(found)
}

fn run_compiled(layer: &dyn Layer, case: &Case) -> Result<Vec<(String, Array)>> {
    let arguments = case.arguments();
    let types: Vec<Type> = arguments.iter().map(|a| Type::of(a)).collect();
    let names = RefCell::new(Vec::new());
    let compiled = Concrete::trace("case", &types, |arguments| {
        let found = run(layer, case, arguments)?;
        let (own, tensors) = found.into_iter().unzip();
        names.replace(own);
        Ok(tensors)
    })?;
    let mut results = Vec::new();
    compiled.run(&arguments, &mut results)?;
    Ok(names.into_inner().into_iter().zip(results).collect())
}

fn set_weights(layer: &dyn Layer, values: &[Array]) -> Result<()> {
    let weights = layer.weights();
    if weights.len() != values.len() {
        fail!(InvalidArgument, "weights: Keras has {}, Cornet has {}", values.len(), weights.len());
    }
    for (weight, value) in weights.iter().zip(values) {
        if weight.variable.shape() != value.shape() {
            let (ours, theirs) = (weight.variable.shape(), value.shape());
            fail!(ShapeMismatch, "weight {}: Keras has {theirs}, Cornet has {ours}", weight.path());
        }
        weight.variable.set(value.cast(weight.variable.dtype())?)?;
    }
    Ok(())
}

fn answer(object: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    let case = Case::of(object, arrays)?;
    let layer = layer_from_json(&object["object"])?;
    let layer = &*layer;
    // A layer that keeps states between calls has one for each sample.
    let is_stateful = object["object"].to_string().contains("\"stateful\":true");
    let shape = |x: &Array| if is_stateful { x.shape().clone().into() } else { PartialShape::of_batch(x.shape()) };
    let shapes: Vec<PartialShape> = case.inputs.iter().map(shape).collect();
    build(layer, &shapes, "", &Seeds::new(1))?;
    to.facts.insert("object".into(), layer_to_json(layer));
    let weights = layer.weights();
    let weights: Vec<Value> = weights
        .iter()
        .map(|w| {
            let v = &w.variable;
            json!({"name": w.name, "path": w.path(), "shape": v.shape().to_vec(), "dtype": v.dtype().name(),
                "trainable": v.trainable()})
        })
        .collect();
    to.facts.insert("weights".into(), weights.into());
    let inferred = layer.compute_output_shape_with(&shapes, &case.values)?;
    let dtypes: Vec<_> = case.inputs.iter().map(Array::dtype).collect();
    let inferred_dtypes = layer.compute_output_dtype(&dtypes, inferred.len());
    to.facts.insert("shapes".into(), inferred.iter().map(PartialShape::to_json).collect());
    to.facts.insert("dtypes".into(), inferred_dtypes.iter().map(|d| d.name()).collect());
    let values = arrays.list(&object["weights"])?;
    set_weights(layer, &values)?;
    let arguments: Vec<Tensor> = case.arguments().into_iter().map(Tensor::from).collect();
    for (name, tensor) in run(layer, &case, &arguments)? {
        to.arrays.push((format!("eager:{name}"), tensor.array()?));
    }
    states(layer, "eager", to)?;
    if object["compiled"] == false {
        return Ok(());
    }
    // Anew, since a layer may keep states that are no weights.
    let layer = layer_from_json(&object["object"])?;
    let layer = &*layer;
    build(layer, &shapes, "", &Seeds::new(1))?;
    set_weights(layer, &values)?;
    match caught(|| run_compiled(layer, &case)) {
        Ok(found) => {
            to.arrays.extend(found.into_iter().map(|(name, array)| (format!("compiled:{name}"), array)));
            states(layer, "compiled", to)
        }
        Err(error) => {
            to.facts.insert("compiled_error".into(), error.to_string().into());
            Ok(())
        }
    }
}

/// The weights as the call left them: those that training does not change may follow the data.
fn states(layer: &dyn Layer, kind: &str, to: &mut Answer) -> Result<()> {
    for (i, weight) in layer.weights().iter().enumerate().filter(|(_, w)| !w.variable.trainable()) {
        to.arrays.push((format!("{kind}:state {i}"), weight.variable.value()?));
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag] if flag == "--classes" => {
            registry::classes().for_each(|class| println!("{class}"));
            Ok(())
        }
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "see the beginning of src/bin/layer_cases.rs for the arguments"),
    }
}
