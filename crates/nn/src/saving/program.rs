//! Models of layers as programs: functions from arrays to arrays.

use std::collections::HashSet;

use cornet_error::Result;
use cornet_program::{DEFAULT_SIGNATURE, Program, Signature, TensorSpec};
use cornet_tensor::{Array, DType};
use serde_json::Map;

use crate::dtype_policy::floatx;
use crate::layers::Layer;
use crate::models::{BoxedModel, Model};
use crate::shape::PartialShape;
use crate::training::predict_on_batch;

/// TensorFlow's name for a function that predicts.
const PREDICT_METHOD: &str = "tensorflow/serving/predict";

/// A model of layers as a [`Program`]: its predictions under the signature `serving_default`, whose inputs have the names
/// of the model's entries and whose outputs those of the layers that give them.
///
/// ```
/// # use cornet_cpu as _;
/// use cornet_nn::layers::{Dense, Input};
/// use cornet_nn::models::{Model, Sequential};
/// use cornet_nn::saving::ModelProgram;
/// use cornet_program::Program;
/// use cornet_tensor::Array;
///
/// let model = Sequential::new().add(Input::new([2]).name("x")).add(Dense::new(3).name("y").kernel_initializer("ones"));
/// let program = ModelProgram::new(model.boxed())?;
/// let outputs = program.call(None, vec![("x".into(), Array::from_literal([[1.0_f32, 2.0]])?)])?;
/// assert_eq!(outputs[0], ("y".into(), Array::from_literal([[3.0_f32, 3.0, 3.0]])?));
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub struct ModelProgram {
    model: BoxedModel,
    signatures: [Signature; 1],
}

impl ModelProgram {
    /// The model as a program. Of one that is not built, dtypes and shapes are those that its first batch will have: any
    /// shape, of floats.
    ///
    /// # Errors
    /// What does not fit among the layers.
    pub fn new(model: BoxedModel) -> Result<Self> {
        let signature = signature(&model)?;
        Ok(Self { model, signatures: [signature] })
    }

    /// The model.
    pub fn model(&self) -> &BoxedModel {
        &self.model
    }

    /// The model, taken out.
    pub fn into_model(self) -> BoxedModel {
        self.model
    }
}

impl Program for ModelProgram {
    fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    fn run(&self, _signature: &Signature, inputs: &[Array]) -> Result<Vec<Array>> {
        predict_on_batch(&self.model, &inputs)
    }

    fn weight_bytes(&self) -> u64 {
        self.model.weights().iter().map(|w| (w.count() * w.variable.dtype().size()) as u64).sum()
    }
}

fn signature(model: &BoxedModel) -> Result<Signature> {
    let mut dtypes = model.entry_dtypes();
    let shapes = model.input_shapes();
    let outputs = match &shapes {
        Some(shapes) => {
            let types: Vec<_> = shapes.iter().cloned().zip(dtypes.iter().copied()).collect();
            model.infer(&types, &Map::new())?.into_iter().map(|(shape, dtype)| (Some(shape), dtype)).collect()
        }
        None => vec![(None, DType::F32); model.output_names().len()],
    };
    let mut entries = model.entry_names();
    // A model that is not built has one input, and no name for it yet.
    if entries.is_empty() {
        entries.push(model.name().to_owned());
    }
    dtypes.resize(entries.len(), floatx());
    let shapes = shapes.map_or_else(|| vec![None; dtypes.len()], |shapes| shapes.into_iter().map(Some).collect());
    let inputs = shapes.into_iter().zip(dtypes);
    Ok(Signature {
        name: DEFAULT_SIGNATURE.into(),
        method: PREDICT_METHOD.into(),
        inputs: unique(entries).into_iter().zip(inputs).map(spec).collect(),
        outputs: unique(model.output_names()).into_iter().zip(outputs).map(spec).collect(),
    })
}

fn spec((name, (shape, dtype)): (String, (Option<PartialShape>, DType))) -> TensorSpec {
    TensorSpec::new(name, dtype, shape.map(|shape| shape.0))
}

/// The names, with a number behind one that came before: a layer that is called twice may give two outputs.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut other = |name: String| {
        let numbered = (1..).map(|i| format!("{name}_{i}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !seen.contains(name)).unwrap_or(name);
        seen.insert(free.clone());
        free
    };
    names.into_iter().map(&mut other).collect()
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;

    use super::*;
    use crate::layers::{Dense, Embedding, Input, StringLookup};
    use crate::models::{Functional, Sequential};
    use crate::training::PredictOptions;

    fn lookup() -> StringLookup {
        StringLookup::new().vocabulary(["a", "b"])
    }

    #[test]
    fn inputs_and_outputs_have_their_names_dtypes_and_shapes() {
        let words = Input::new([4]).name("words").dtype(DType::I32).symbol();
        let sizes = Input::new([3]).name("sizes").symbol();
        let dense = std::sync::Arc::new(Dense::new(3).name("head"));
        let embedded = words.then(Embedding::new(10, 3).name("embedded"));
        let outputs = [embedded.then(dense.clone()), sizes.then(dense)];
        let program = ModelProgram::new(Functional::new([&words, &sizes], outputs).unwrap().boxed()).unwrap();
        let signature = program.signature(None).unwrap();
        let shown = |specs: &[TensorSpec]| specs.iter().map(|s| format!("{}: {s}", s.name)).collect::<Vec<_>>();
        assert_eq!(shown(&signature.inputs), ["words: int32 [?, 4]", "sizes: float32 [?, 3]"]);
        assert_eq!(shown(&signature.outputs), ["head: float32 [?, 4, 3]", "head_1: float32 [?, 3]"]);
        assert_eq!(program.weight_bytes(), 4 * (10 * 3 + 3 * 3 + 3));
        let x = [("sizes", Array::zeros(DType::F32, [2, 3])), ("words", Array::zeros(DType::I32, [2, 4]))];
        let y = program.call(None, x.map(|(name, x)| (name.to_owned(), x)).to_vec()).unwrap();
        assert_eq!(y[0].1.shape().as_slice(), [2, 4, 3]);
        assert_eq!(y[1].1.shape().as_slice(), [2, 3]);
    }

    #[test]
    fn texts_go_in_and_come_out() {
        let texts = |words: &[&str]| {
            Array::from_strings(words.iter().map(|w| w.as_bytes().to_vec()).collect(), [words.len(), 1]).unwrap()
        };
        let there = Sequential::new().add(Input::new([1]).dtype(DType::Str)).add(lookup());
        let back = Sequential::new().add(Input::new([1]).dtype(DType::I64)).add(lookup().invert(true));
        let words = texts(&["b", "a", "x", "b", "a"]);
        let numbers = there.predict_with(&words, PredictOptions::new().batch_size(2)).unwrap().remove(0);
        let again = back.predict_with(&numbers, PredictOptions::new().batch_size(2)).unwrap().remove(0);
        assert_eq!(again, texts(&["b", "a", "[UNK]", "b", "a"]));
        let program = ModelProgram::new(back.boxed()).unwrap();
        assert_eq!(program.signatures()[0].outputs[0].to_string(), "string [?, 1]");
        let run = program.run(&program.signatures()[0], &[numbers.cast(DType::I64).unwrap()]).unwrap();
        assert_eq!(run, [again]);
    }
}
