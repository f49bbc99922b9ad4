//! Layers of the program itself.

use std::cell::RefCell;
use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_format_keras::unique_names;
use cornet_ops::{Tensor, Type, trace};
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value};

use super::{Arguments, Call, Context, Layer, Tensors, Weights, apply_call};
use crate::random::Seeds;
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// What a layer of the program itself computes; `#[derive(Layer)]` makes a whole layer of it.
///
/// The parts of the layer are built by running it once on stand-ins, and so are the shapes of its outputs found.
pub trait Forward: Send + Sync {
    /// Makes the layer's own weights for inputs of these shapes, which [`LayerBase::read`](super::LayerBase::read) reads
    /// by their places. Its parts need nothing here.
    ///
    /// # Errors
    /// What does not fit the shapes.
    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        Ok(())
    }

    /// The outputs for these inputs. Parts are called with [`Call::apply`].
    ///
    /// # Errors
    /// What does not fit.
    fn forward(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors>;

    /// Whether masks of the inputs are those of the outputs.
    fn supports_masking(&self) -> bool {
        false
    }
}

impl Call<'_> {
    /// The first output of a part of the layer.
    ///
    /// # Errors
    /// What does not fit, with the part's place.
    pub fn apply(&self, part: &dyn Layer, inputs: &[Tensor]) -> Result<Tensor> {
        let mut outputs = self.apply_all(part, inputs)?;
        match outputs.is_empty() {
            false => Ok(outputs.swap_remove(0)),
            true => Err(err!(Internal, "layer '{}' gave nothing", part.name())),
        }
    }

    /// All outputs of a part of the layer.
    ///
    /// # Errors
    /// What does not fit, with the part's place.
    pub fn apply_all(&self, part: &dyn Layer, inputs: &[Tensor]) -> Result<Tensors> {
        let mut arguments = Arguments::new();
        if let Some(training) = self.arguments.flag("training") {
            arguments = arguments.with_value("training", training);
        }
        Ok(apply_call(part, inputs, &Call { context: self.context, masks: &[], arguments: &arguments })?.tensors)
    }
}

thread_local! {
    /// The layers whose parts are being built by running them: path and source of seeds.
    static BUILDING: RefCell<Vec<(String, Seeds)>> = const { RefCell::new(Vec::new()) };
}

/// Under which path, and with which seeds, a layer is built that is called before it is built.
pub(crate) fn surroundings() -> (String, Seeds) {
    BUILDING.with_borrow(|stack| stack.last().cloned()).unwrap_or_else(|| (String::new(), Seeds::common()))
}

/// Types of stand-ins: open sizes are `batch` for the first axis and `other` for the rest.
fn stand_ins(inputs: &[(PartialShape, DType)], batch: usize, other: usize) -> Vec<Type> {
    let size = |(axis, size): (usize, &Option<usize>)| size.unwrap_or(if axis == 0 { batch } else { other });
    let shape = |shape: &PartialShape| -> Shape { shape.iter().enumerate().map(size).collect() };
    inputs.iter().map(|(s, dtype)| Type::new(*dtype, shape(s))).collect()
}

/// The types of the outputs for stand-ins of these types.
fn types_for(layer: &dyn Layer, types: &[Type], values: &Map<String, Value>) -> Result<Vec<(Shape, DType)>> {
    let names: Vec<String> = (0..types.len()).map(|i| format!("input_{i}")).collect();
    let arguments: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(types.iter().cloned()).collect();
    let mut shapes = Vec::new();
    trace(layer.name(), &arguments, |inputs| {
        let arguments = Arguments { tensors: Vec::new(), values: values.clone() };
        let outputs =
            layer.call(inputs, &Call { context: &Context::inference(), masks: &[], arguments: &arguments })?;
        shapes = outputs.iter().map(|output| Ok((output.shape()?, output.dtype()?))).collect::<Result<_>>()?;
        Ok(outputs.into_vec())
    })?;
    Ok(shapes)
}

/// Builds the parts of a layer by running it once on stand-ins.
///
/// # Errors
/// What does not fit.
pub fn build_parts(layer: &dyn Layer, inputs: &[PartialShape], path: &str, seeds: &Seeds) -> Result<()> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            BUILDING.with_borrow_mut(|stack| stack.pop());
        }
    }
    if layer.parts().iter().all(|(_, part)| part.base().is_built()) {
        return Ok(());
    }
    BUILDING.with_borrow_mut(|stack| stack.push((path.to_owned(), seeds.clone())));
    let _leave = Leave;
    types_for(layer, &stand_ins(&typed(layer, inputs), 2, 64), &Map::new()).map(|_| ())
}

/// The inputs in the dtype that a layer computes in.
fn typed(layer: &dyn Layer, inputs: &[PartialShape]) -> Vec<(PartialShape, DType)> {
    inputs.iter().map(|shape| (shape.clone(), layer.base().policy().compute_dtype())).collect()
}

/// The shapes of the outputs, found by running a layer on stand-ins.
///
/// # Errors
/// What does not fit.
pub fn output_shape(layer: &dyn Layer, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
    let found = infer_by_running(layer, &typed(layer, inputs), &Map::new())?;
    Ok(found.into_iter().map(|(shape, _)| shape).collect())
}

/// The shapes and dtypes of the outputs, found by running a layer on stand-ins of two sizes: axes that differ are open.
///
/// # Errors
/// What does not fit.
pub(crate) fn infer_by_running(
    layer: &dyn Layer,
    inputs: &[(PartialShape, DType)],
    arguments: &Map<String, Value>,
) -> Result<Vec<(PartialShape, DType)>> {
    let first = types_for(layer, &stand_ins(inputs, 2, 64), arguments)?;
    if inputs.iter().all(|(shape, _)| shape.iter().all(Option::is_some)) {
        return Ok(first.into_iter().map(|(shape, dtype)| (shape.into(), dtype)).collect());
    }
    let second = types_for(layer, &stand_ins(inputs, 3, 96), arguments)?;
    let open = |(a, b): (&usize, &usize)| (a == b).then_some(*a);
    let both = first.into_iter().zip(second);
    Ok(both.map(|((a, dtype), (b, _))| (PartialShape(a.iter().zip(b.iter()).map(open).collect()), dtype)).collect())
}

/// What a field of parts can be.
pub trait Parts {
    /// Adds its layers with their places in a weights file.
    fn collect(&self, place: &str, parts: &mut Vec<(String, Arc<dyn Layer>)>);
}

impl<L: Layer> Parts for Arc<L> {
    fn collect(&self, place: &str, parts: &mut Vec<(String, Arc<dyn Layer>)>) {
        parts.push((place.to_owned(), self.clone()));
    }
}

impl Parts for Arc<dyn Layer> {
    fn collect(&self, place: &str, parts: &mut Vec<(String, Arc<dyn Layer>)>) {
        parts.push((place.to_owned(), self.clone()));
    }
}

impl<P: Parts> Parts for Option<P> {
    fn collect(&self, place: &str, parts: &mut Vec<(String, Arc<dyn Layer>)>) {
        if let Some(part) = self {
            part.collect(place, parts);
        }
    }
}

impl<P: Parts> Parts for Vec<P> {
    fn collect(&self, place: &str, parts: &mut Vec<(String, Arc<dyn Layer>)>) {
        let mut own = Vec::new();
        self.iter().for_each(|part| part.collect("", &mut own));
        let names = unique_names(own.iter().map(|(_, layer)| layer.class_name()));
        parts.extend(names.into_iter().zip(own).map(|(name, (_, layer))| (format!("{place}/{name}"), layer)));
    }
}

/// An argument as a config has it.
pub fn to_json<T: serde::Serialize>(argument: &T) -> Value {
    serde_json::to_value(argument).unwrap_or(Value::Null)
}

/// An argument from a config.
///
/// # Errors
/// `corrupt` for a value of another kind.
pub fn from_json<'a, T: serde::de::DeserializeOwned>(config: &Config<'a>, key: &'a str) -> Result<T> {
    serde_json::from_value(config.get(key).clone()).map_err(|e| err!(Corrupt, "{}.{key}: {e}", config.class()))
}
