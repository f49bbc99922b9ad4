use std::sync::{Arc, OnceLock};

use cornet_error::{Code, Error, Result, err};
use cornet_format_keras::unique_names;
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::Model;
use crate::layers::layer::{located, place};
use crate::layers::registry::layer_from_json;
use crate::layers::{
    Arguments, Call, InputLayer, IntoLayer, Layer, LayerBase, Outputs, Tensors, Weights, apply_call, build,
    layer_to_json,
};
use crate::random::Seeds;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;
use crate::training::Trainer;

/// A model whose layers follow each other.
///
/// With [`Input`](crate::layers::Input) first, layers are built as they are added; without it, when the model first
/// sees data. A layer that does not fit makes the model fail when it is used, so that layers are added without `?`.
///
/// ```
/// use cornet_nn::{layers::*, models::{Model, Sequential}};
/// let model = Sequential::new()
///     .add(Input::new([28, 28]))
///     .add(Flatten::new())
///     .add(Dense::new(128).activation("relu"))
///     .add(Dropout::new(0.2))
///     .add(Dense::new(10).activation("softmax"));
/// assert_eq!(model.count_params()?, 101_770);
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Source
/// Keras 3 `keras.Sequential`.
pub struct Sequential {
    base: LayerBase,
    entry: OnceLock<Arc<InputLayer>>,
    layers: Vec<Arc<dyn Layer>>,
    seeds: Seeds,
    wrong: Option<Error>,
    trainer: Trainer,
}

impl Default for Sequential {
    fn default() -> Self {
        Self::new()
    }
}

impl Sequential {
    /// A model without layers yet.
    pub fn new() -> Self {
        Self::of(LayerBase::new("Sequential"))
    }

    /// The same under this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self::of(LayerBase::named(name))
    }

    fn of(base: LayerBase) -> Self {
        let (layers, seeds) = (Vec::new(), Seeds::common());
        Self { base, entry: OnceLock::new(), layers, seeds, wrong: None, trainer: Trainer::default() }
    }

    /// With a seed of its own: the same seed, layers and data give the same weights before and after training, whatever
    /// else the program draws. Comes before the layers.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        if !self.layers.is_empty() {
            self.refuse(err!(InvalidState, "seed: expected before the layers, found after {}", self.layers.len()));
        }
        self.seeds = Seeds::new(seed);
        self
    }

    /// With this layer at the end.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, layer: impl IntoLayer) -> Self {
        if let Err(error) = self.push(layer) {
            self.refuse(error);
        }
        self
    }

    /// Adds a layer at the end.
    ///
    /// # Errors
    /// `invalid_argument` for a name that is taken or an entry behind the first place; what does not fit the layers
    /// before.
    pub fn push(&mut self, layer: impl IntoLayer) -> Result<()> {
        let layer = layer.into_layer();
        if let Some(entry) = as_entry(&layer) {
            if !self.layers.is_empty() || self.entry.get().is_some() {
                let name = self.base.name();
                return Err(err!(InvalidArgument, "{name}: expected the input layer first, found it behind others"));
            }
            let _ = self.entry.set(entry);
            return Ok(());
        }
        if self.layers.iter().any(|other| other.name() == layer.name() && !Arc::ptr_eq(other, &layer)) {
            let name = layer.name();
            return Err(err!(InvalidArgument, "expected layers of different names, found '{name}' twice")
                .help("give one of them another name"));
        }
        self.layers.push(layer);
        self.trainer.forget();
        if self.entry.get().is_some() && self.wrong.is_none() {
            self.build_alone(|path| self.build_layers(path, &self.seeds))?;
        }
        Ok(())
    }

    /// Takes the last layer off.
    pub fn pop(&mut self) -> Option<Arc<dyn Layer>> {
        self.trainer.forget();
        self.layers.pop()
    }

    fn refuse(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// Builds for inputs of this shape what is not built yet.
    fn build_with(&self, input: &PartialShape, path: &str, seeds: &Seeds) -> Result<()> {
        if let Some(error) = &self.wrong {
            return Err(error.clone());
        }
        if self.layers.is_empty() {
            return Err(
                err!(InvalidState, "expected layers, found none").help("add layers to the model before it is used")
            );
        }
        self.entry.get_or_init(|| {
            let dtype = self.layers[0].base().policy().compute_dtype();
            Arc::new(InputLayer::new(input.clone()).dtype(dtype))
        });
        self.build_layers(path, seeds)
    }

    /// Runs a build under the model's own path.
    fn build_alone(&self, build: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        located(self.base.name(), || build(self.base.path().unwrap_or(self.base.name())))
    }

    fn build_layers(&self, path: &str, seeds: &Seeds) -> Result<()> {
        let Some(entry) = self.entry.get() else { return Ok(()) };
        let mut shapes = vec![entry.batch_shape().clone()];
        for layer in &self.layers {
            build(&**layer, &shapes, path, seeds)?;
            shapes = located(&place(&**layer), || layer.compute_output_shape(&shapes))?;
        }
        Ok(())
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut model = Self::of(LayerBase::from_config(config)?);
        let layers = config.need("layers", "a list of layers", Value::as_array)?;
        for object in layers {
            model.push(layer_from_json(object)?)?;
        }
        if let (None, shape @ Value::Array(_)) = (model.entry.get(), config.get("build_input_shape")) {
            let shape = PartialShape::from_json(shape)?;
            model.build_for(&[shape])?;
        }
        config.get("build_input_shape");
        Ok(model)
    }

    /// What to try when layer `index` refuses its input.
    fn advice(&self, index: usize, entry: &InputLayer) -> String {
        match index.checked_sub(1).map(|before| self.layers[before].name()) {
            Some(before) => format!("the input comes from '{before}'; check the size of the samples you feed"),
            None => format!("the model takes inputs of shape {}; check the samples you feed", entry.batch_shape()),
        }
    }
}

/// The layer as the entry of a model, if it is one.
fn as_entry(layer: &Arc<dyn Layer>) -> Option<Arc<InputLayer>> {
    let any: Arc<dyn std::any::Any + Send + Sync> = layer.clone();
    any.downcast::<InputLayer>().ok()
}

impl Layer for Sequential {
    fn class_name(&self) -> &str {
        "Sequential"
    }

    fn module(&self) -> &str {
        "keras"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let entry = self.entry.get().map(|entry| layer_to_json(&**entry));
        let layers: Vec<Value> = entry.into_iter().chain(self.layers.iter().map(|l| layer_to_json(&**l))).collect();
        let mut config = map(json!({"layers": layers}));
        if let Some(entry) = self.entry.get() {
            config.insert("build_input_shape".into(), entry.batch_shape().to_json());
        }
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build_config(&self) -> Option<Value> {
        self.entry.get().map(|entry| json!({"input_shape": entry.batch_shape().to_json()}))
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        self.build_with(&inputs[0], weights.path(), weights.seeds())
    }

    fn autocast(&self) -> bool {
        false
    }

    fn as_model_layer(&self) -> Option<&dyn Model> {
        Some(self)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Ok(self.call_masked(inputs, call)?.tensors)
    }

    fn call_masked(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        let Some(entry) = self.entry.get() else {
            return Err(err!(InvalidState, "{} is called before it is built", self.base.name()));
        };
        let mut x = entry.adapt(&inputs[0])?;
        let mut mask = call.mask(0).cloned();
        // A layer that refuses the input says more than the entry; the entry speaks if none does.
        let mismatch = located(&place(&**entry), || entry.check(&x));
        let mut arguments = Arguments::new();
        if let Some(training) = call.arguments.flag("training") {
            arguments = arguments.with_value("training", training);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let call = Call { context: call.context, masks: &[mask], arguments: &arguments };
            let mut outputs = apply_call(&**layer, &[x], &call).map_err(|error| match error.code() {
                Code::DimMismatch | Code::RankMismatch | Code::ShapeMismatch => error.help(self.advice(index, entry)),
                _ => error,
            })?;
            mask = outputs.masks.pop().flatten();
            x = match (outputs.tensors.pop(), outputs.tensors.len()) {
                (Some(one), 0) => one,
                (_, others) => {
                    let (name, found) = (layer.name(), others + 1);
                    return Err(err!(InvalidArgument, "layer '{name}': expected one output, found {found}")
                        .help("layers of several outputs belong in a functional model"));
                }
            };
        }
        mismatch.map(|()| Outputs { tensors: smallvec![x], masks: smallvec![mask] })
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.layers.iter().try_fold(inputs.to_vec(), |shapes, layer| layer.compute_output_shape(&shapes))
    }

    fn infer(
        &self,
        inputs: &[(PartialShape, DType)],
        _arguments: &Map<String, Value>,
    ) -> Result<Vec<(PartialShape, DType)>> {
        let dtype = |found: DType| self.entry.get().map_or(found, |entry| entry.batch_dtype());
        let adapted = inputs.iter().map(|(shape, found)| (shape.clone(), dtype(*found))).collect::<Vec<_>>();
        self.layers.iter().try_fold(adapted, |types, layer| layer.infer(&types, &Map::new()))
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        let names = unique_names(self.layers.iter().map(|layer| layer.file_class()));
        names.into_iter().map(|name| format!("layers/{name}")).zip(self.layers.iter().cloned()).collect()
    }
}

impl Model for Sequential {
    fn as_model(&self) -> &dyn Model {
        self
    }

    fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    fn layers(&self) -> Vec<Arc<dyn Layer>> {
        self.layers.clone()
    }

    fn seeds(&self) -> Seeds {
        self.seeds.clone()
    }

    fn entry_dtypes(&self) -> Vec<DType> {
        self.entry.get().map(|entry| entry.batch_dtype()).into_iter().collect()
    }

    fn entry_names(&self) -> Vec<String> {
        self.entry.get().map(|entry| entry.base().name().to_owned()).into_iter().collect()
    }

    fn build_for(&self, inputs: &[PartialShape]) -> Result<()> {
        match inputs {
            [one] => self.build_alone(|path| self.build_with(one, path, &self.seeds)),
            several => Err(err!(InvalidArgument, "{}: expected one input, found {}", self.base.name(), several.len())),
        }
    }

    fn input_shapes(&self) -> Option<Vec<PartialShape>> {
        Some(vec![self.entry.get()?.batch_shape().clone()])
    }
}
