//! What every layer has, and the way in which layers are built and called.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use cornet_error::{Error, Result, err};
use cornet_ops::random::SeedGenerator;
use cornet_ops::{Tensor, current_scope, scope};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::{
    Adapter, Arguments, Call, Cell, Context, InputSpec, Lora, Masks, Outputs, Tensors, Weight, Weights, custom,
};
use crate::arg::Arg;
use crate::dtype_policy::DTypePolicy;
use crate::models::Model;
use crate::names::auto_name;
use crate::random::Seeds;
use crate::regularizers::Regularizer;
use crate::saving::config::{self, Config};
use crate::shape::PartialShape;

/// A layer. It is written once, against tensors, and so runs eagerly, traced and differentiated.
pub trait Layer: Send + Sync + Any {
    /// Keras's class, such as `Dense`.
    fn class_name(&self) -> &str;

    /// The name of the class in Keras's own code, after which places in weights files are called.
    fn file_class(&self) -> &str {
        self.class_name()
    }

    /// Name, dtype policy, weights: what all layers have.
    fn base(&self) -> &LayerBase;

    /// The arguments that are the class's own, in the order of Keras's config.
    fn arguments(&self) -> Map<String, Value>;

    /// Makes the weights for inputs of these shapes.
    ///
    /// # Errors
    /// What does not fit the shapes.
    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        Ok(())
    }

    /// What follows once the layer's own weights are made: layers of the program build their parts here.
    ///
    /// # Errors
    /// What does not fit the shapes.
    fn after_build(&self, _inputs: &[PartialShape], _path: &str, _seeds: &Seeds) -> Result<()> {
        Ok(())
    }

    /// What the layer, once built, expects of each input.
    fn input_spec(&self) -> InputSpec {
        InputSpec::default()
    }

    /// The names of the inputs in Keras's `call`, for those whose inputs come one by one, such as `query` and `value`.
    /// Layers that take one input or a list, as most do, have none.
    fn input_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// The argument of Keras's `call` that takes all inputs after the first, such as `initial_state`.
    fn rest_argument(&self) -> Option<&'static str> {
        None
    }

    /// Whether a single input is written as a list of one in a model file, as merging layers' is.
    fn takes_list(&self) -> bool {
        false
    }

    /// The outputs for these inputs. Call layers through [`apply`], which builds, checks and places errors.
    ///
    /// # Errors
    /// What does not fit.
    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors>;

    /// Whether the layer knows what to do with masks. One that does not loses them.
    fn supports_masking(&self) -> bool {
        false
    }

    /// The masks of the outputs, of a layer that supports masking: those of the inputs, one for one, or the one given.
    ///
    /// # Errors
    /// What does not fit.
    fn compute_mask(&self, _inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        match call.arguments.tensor("mask") {
            Some(given) => Ok(std::iter::once(Some(given.clone())).collect()),
            None => Ok(call.masks.iter().cloned().collect()),
        }
    }

    /// Whether inputs of another float are brought to the dtype that the layer computes in.
    fn autocast(&self) -> bool {
        true
    }

    /// The dtypes of the outputs for inputs of these dtypes: the one that the layer computes in.
    fn compute_output_dtype(&self, _inputs: &[DType], outputs: usize) -> Vec<DType> {
        vec![self.base().policy().compute_dtype(); outputs]
    }

    /// The shapes of the outputs for inputs of these shapes.
    ///
    /// # Errors
    /// What does not fit.
    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>>;

    /// The same for a call with further arguments that change what comes out, such as `return_attention_scores`.
    ///
    /// # Errors
    /// What does not fit.
    fn compute_output_shape_with(
        &self,
        inputs: &[PartialShape],
        _arguments: &Map<String, Value>,
    ) -> Result<Vec<PartialShape>> {
        self.compute_output_shape(inputs)
    }

    /// The shapes and dtypes of the outputs.
    ///
    /// # Errors
    /// What does not fit.
    fn infer(
        &self,
        inputs: &[(PartialShape, DType)],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<(PartialShape, DType)>> {
        let (shapes, dtypes): (Vec<PartialShape>, Vec<DType>) = inputs.iter().cloned().unzip();
        let outputs = self.compute_output_shape_with(&shapes, arguments)?;
        let dtypes = self.compute_output_dtype(&dtypes, outputs.len());
        Ok(outputs.into_iter().zip(dtypes).collect())
    }

    /// Whether a call's arguments stay in their places, constants among tensors, as those of ops do.
    fn keeps_arguments(&self) -> bool {
        false
    }

    /// Outputs and their masks: what [`apply`] calls. Models answer both at once.
    ///
    /// # Errors
    /// What does not fit.
    fn call_masked(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        let tensors = self.call(inputs, call)?;
        let masks = if self.supports_masking() { self.compute_mask(inputs, call)? } else { Masks::new() };
        Ok(Outputs { tensors, masks })
    }

    /// The layer as a model, if it is one.
    fn as_model_layer(&self) -> Option<&dyn Model> {
        None
    }

    /// Layers that are parts of this one, with their places in a weights file, such as `cell` or `layers/dense`.
    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        Vec::new()
    }

    /// Whether the class has a build of its own in Keras. The shape it was built for is then saved with it.
    fn has_build(&self) -> bool {
        false
    }

    /// What is saved of the build: the shape or shapes that the layer was built for, if the class has a build.
    fn build_config(&self) -> Option<Value> {
        let shapes = self.base().build_shapes();
        match (self.has_build(), shapes, self.input_names()) {
            (false, ..) | (_, [], _) => None,
            (_, [shape], []) => Some(json!({"input_shape": shape.to_json()})),
            (_, shapes, []) => {
                Some(json!({"input_shape": shapes.iter().map(PartialShape::to_json).collect::<Vec<_>>()}))
            }
            (_, shapes, names) => {
                let named = names.iter().zip(shapes).map(|(name, shape)| (format!("{name}_shape"), shape.to_json()));
                Some(json!({"shapes_dict": named.collect::<Map<_, _>>()}))
            }
        }
    }

    /// Variables that are saved under names of their own beside the weights.
    fn own_variables(&self) -> Vec<(String, Array)> {
        Vec::new()
    }

    /// Takes what [`Layer::own_variables`] gave.
    ///
    /// # Errors
    /// What does not fit.
    fn load_own_variables(&self, _variables: &[(String, Array)]) -> Result<()> {
        Ok(())
    }

    /// What is saved beside config and weights, such as vocabularies: the names and contents of files.
    ///
    /// # Errors
    /// What cannot be written.
    fn assets(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(Vec::new())
    }

    /// Takes what [`Layer::assets`] gave, before the layer is called.
    ///
    /// # Errors
    /// `corrupt`.
    fn load_assets(&self, _assets: &[(String, Vec<u8>)]) -> Result<()> {
        Ok(())
    }

    /// The whole config: name, trainable, dtype, and the arguments.
    fn config(&self) -> Map<String, Value> {
        let base = self.base();
        let mut config = config::map(json!({
            "name": base.name(), "trainable": base.trainable(), "dtype": base.policy().to_json(),
        }));
        if let Some(regularizer) = base.activity_regularizer() {
            config.insert("activity_regularizer".into(), regularizer.to_json());
        }
        config.extend(self.arguments());
        config
    }

    /// The module of Keras that has the class.
    fn module(&self) -> &str {
        "keras.layers"
    }

    /// The name under which Keras has registered the class, if it is none of its public ones.
    fn registered_name(&self) -> Option<&str> {
        None
    }

    /// The name.
    fn name(&self) -> &str {
        self.base().name()
    }

    /// The layer as a cell of a recurrent layer, if it is one.
    fn as_cell(self: Arc<Self>) -> Option<Arc<dyn Cell>> {
        None
    }

    /// Sets the states that stay from batch to batch to what they were at first, in the layer and in its parts.
    ///
    /// # Errors
    /// None that an input can cause.
    fn reset_state(&self) -> Result<()> {
        self.parts().iter().try_for_each(|(_, part)| part.reset_state())
    }

    /// Freezes the kernel of a layer that is built, and trains a sum of two low-rank factors beside it instead: Keras's
    /// `enable_lora`. A model that was compiled before must be compiled again.
    ///
    /// # Errors
    /// `unsupported` for a class that has none; `invalid_state` if it is not built, or has some already;
    /// `invalid_argument` beside a constraint, or for a rank of 0.
    fn enable_lora(&self, _lora: Lora) -> Result<()> {
        Err(err!(Unsupported, "{}: low-rank adapters are not for this class", place_of(self.base(), self.class_name()))
            .operand("supported", "Conv1D, Conv2D, Conv3D, Dense, EinsumDense, Embedding, ReversibleEmbedding"))
    }

    /// The weights of the layer and of its parts, in Keras's order. None before it is built.
    fn weights(&self) -> Vec<Weight> {
        let (base, parts) = (self.base(), self.parts());
        let own = base.weights().iter().chain(base.adapter().into_iter().flat_map(Adapter::weights)).cloned();
        own.chain(parts.iter().flat_map(|(_, part)| part.weights())).collect()
    }

    /// The weights that training changes: none of a layer that is frozen.
    fn trainable_weights(&self) -> Vec<Weight> {
        if !self.base().trainable() {
            return Vec::new();
        }
        let (base, adapter) = (self.base(), self.base().adapter());
        let own = base.weights().iter().enumerate();
        let own = own.filter(|(place, w)| w.variable.trainable() && !(adapter.is_some() && *place == Adapter::PLACE));
        let own = own.map(|(_, w)| w).chain(adapter.into_iter().flat_map(Adapter::weights)).cloned();
        own.chain(self.parts().iter().flat_map(|(_, part)| part.trainable_weights())).collect()
    }
}

/// What all layers have.
pub struct LayerBase {
    name: String,
    trainable: AtomicBool,
    policy: DTypePolicy,
    activity_regularizer: Option<Regularizer>,
    /// The first argument that was wrong; reported when the layer is built.
    wrong: Option<Error>,
    built: OnceLock<Built>,
    adapter: OnceLock<Adapter>,
}

struct Built {
    path: String,
    inputs: Vec<PartialShape>,
    weights: Vec<Weight>,
    generators: Vec<SeedGenerator>,
}

impl LayerBase {
    /// The base of a new layer of a class, with an automatic name.
    pub fn new(class: &str) -> Self {
        Self::named(auto_name(class))
    }

    /// The base of a new layer of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            trainable: AtomicBool::new(true),
            policy: DTypePolicy::default(),
            activity_regularizer: None,
            wrong: None,
            built: OnceLock::new(),
            adapter: OnceLock::new(),
        }
    }

    /// The base that a config describes: name, trainable, dtype, activity_regularizer.
    ///
    /// # Errors
    /// `corrupt`, `unsupported`.
    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = match config.optional("name", "a text", Value::as_str)? {
            Some(name) => Self::named(name),
            None => Self::new(config.class()),
        };
        base.set_trainable(config.flag("trainable", true)?);
        let policy = DTypePolicy::from_json(config.get("dtype"))?;
        let activity_regularizer = Regularizer::from_json(config.get("activity_regularizer"))?;
        Ok(Self { policy, activity_regularizer, ..base })
    }

    /// Gives the layer another name.
    pub fn set_name(&mut self, name: impl Into<String>) {
        self.name = name.into();
    }

    /// Sets the dtype policy.
    pub fn set_policy(&mut self, policy: Arg<DTypePolicy>) {
        if let Some(policy) = self.accept(policy) {
            self.policy = policy;
        }
    }

    /// Sets the penalty on the outputs.
    pub fn set_activity_regularizer(&mut self, regularizer: Arg<Regularizer>) {
        self.activity_regularizer = self.accept(regularizer);
    }

    /// Takes the penalty away, for layers that hand it on to their parts.
    pub fn take_activity_regularizer(&mut self) -> Option<Regularizer> {
        self.activity_regularizer.take()
    }

    /// The penalty on the outputs.
    pub fn activity_regularizer(&self) -> Option<Regularizer> {
        self.activity_regularizer
    }

    /// Takes a builder's argument, or keeps its error for the build.
    pub fn accept<T>(&mut self, argument: Arg<T>) -> Option<T> {
        match argument.0 {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(error);
                None
            }
        }
    }

    /// Keeps the error of a wrong argument for the build.
    pub fn refuse(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// The base of a part that a layer's config describes beside the layer itself, under this name.
    pub(crate) fn part_of_config(name: impl Into<String>, config: &Config<'_>) -> Result<Self> {
        let base = Self { name: name.into(), ..Self::from_config(config)? };
        Ok(Self { activity_regularizer: None, ..base })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dtype policy.
    pub fn policy(&self) -> &DTypePolicy {
        &self.policy
    }

    /// Whether training changes the weights.
    pub fn trainable(&self) -> bool {
        self.trainable.load(Ordering::Relaxed)
    }

    /// Freezes the layer, or not. A model that was compiled before must be compiled again.
    pub fn set_trainable(&self, trainable: bool) {
        self.trainable.store(trainable, Ordering::Relaxed);
    }

    /// Whether the layer is built.
    pub fn is_built(&self) -> bool {
        self.built.get().is_some()
    }

    /// The path of the layer, once built: `sequential/dense`.
    pub fn path(&self) -> Option<&str> {
        self.built.get().map(|b| b.path.as_str())
    }

    /// The shapes of the inputs that the layer was built for.
    pub fn build_shapes(&self) -> &[PartialShape] {
        self.built.get().map_or(&[], |b| &b.inputs)
    }

    /// The layer's own weights.
    pub fn weights(&self) -> &[Weight] {
        self.built.get().map_or(&[], |b| &b.weights)
    }

    /// The layer's random generators.
    pub fn generators(&self) -> &[SeedGenerator] {
        self.built.get().map_or(&[], |b| &b.generators)
    }

    /// The low-rank factors beside the first weight, if there are any.
    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.get()
    }

    /// Sets the low-rank factors beside the first weight.
    pub(crate) fn set_adapter(&self, adapter: Adapter) -> Result<()> {
        self.adapter
            .set(adapter)
            .map_err(|_| err!(InvalidState, "layer '{}': expected no low-rank adapter, found one already", self.name))
    }

    /// The value of the first weight, a kernel, with what low-rank factors add to it.
    pub fn read_adapted(&self) -> Tensor {
        match (self.adapter(), self.weights().first()) {
            (Some(adapter), Some(kernel)) => adapter.merged(&kernel.variable).cast(self.policy.compute_dtype()),
            _ => self.read(0),
        }
    }

    /// The value of the layer's `place`-th weight in the dtype that the layer computes in.
    pub fn read(&self, place: usize) -> Tensor {
        match self.weights().get(place) {
            Some(weight) => weight.variable.read().cast(self.policy.compute_dtype()),
            None => Tensor::failed(err!(InvalidState, "layer '{}' is called before it is built", self.name)),
        }
    }
}

/// `dense_1 (Dense)`: how errors name a layer.
pub(crate) fn place(layer: &dyn Layer) -> String {
    place_of(layer.base(), layer.class_name())
}

fn place_of(base: &LayerBase, class: &str) -> String {
    format!("{} ({class})", base.name())
}

/// Runs `f` in a scope; an error that does not name the scope yet does so afterwards. Ops do it by themselves.
pub(crate) fn located<T>(name: &str, f: impl FnOnce() -> Result<T>) -> Result<T> {
    scope(name, || {
        f().map_err(|error| match current_scope() {
            Some(here) if !error.path().first().is_some_and(|p| p.starts_with(&*here)) => error.within(&*here),
            _ => error,
        })
    })
}

/// Builds a layer under the path of its model, unless it is built already.
///
/// # Errors
/// A wrong argument of the layer; what does not fit the shapes.
pub fn build(layer: &dyn Layer, inputs: &[PartialShape], parent: &str, seeds: &Seeds) -> Result<()> {
    let base = layer.base();
    if base.is_built() {
        return Ok(());
    }
    let path = if parent.is_empty() { base.name.clone() } else { format!("{parent}/{}", base.name) };
    let mut weights = Weights::new(path.clone(), &base.policy, seeds);
    located(&place(layer), || match &base.wrong {
        Some(error) => Err(error.clone()),
        None => layer.build(inputs, &mut weights),
    })?;
    let Weights { made, generators, adapter, .. } = weights;
    // A layer that two threads build at once keeps what the first one made.
    let built = Built { path: path.clone(), inputs: inputs.to_vec(), weights: made, generators };
    if base.built.set(built).is_ok()
        && let Some(adapter) = adapter
    {
        base.set_adapter(adapter)?;
    }
    located(&place(layer), || layer.after_build(inputs, &path, seeds))
}

/// Calls a layer: builds it if need be, brings floats to its dtype, checks the inputs, places errors, adds penalties.
///
/// # Errors
/// What does not fit, with the layer's place.
pub fn apply(layer: &dyn Layer, inputs: &[Tensor], context: &Context) -> Result<Tensors> {
    Ok(apply_call(layer, inputs, &Call { context, masks: &[], arguments: &Arguments::new() })?.tensors)
}

/// The same with masks and further arguments.
///
/// # Errors
/// As [`apply`].
pub fn apply_call(layer: &dyn Layer, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
    if !layer.base().is_built() {
        let shapes = inputs.iter().map(|x| Ok(PartialShape::of_batch(&x.shape()?))).collect::<Result<Vec<_>>>()?;
        let (parent, seeds) = custom::surroundings();
        build(layer, &shapes, &parent, &seeds)?;
    }
    located(&place(layer), || {
        let dtype = layer.base().policy().compute_dtype();
        let is_cast = layer.autocast() && dtype.is_float();
        let spec = layer.input_spec();
        let mut ready = SmallVec::<[Tensor; 2]>::new();
        for input in inputs {
            spec.check(&input.shape()?).map_err(|e| describe(e, layer, input))?;
            let is_other_float = is_cast && input.dtype()?.is_float() && input.dtype()? != dtype;
            ready.push(if is_other_float { input.cast(dtype) } else { input.clone() });
        }
        let Outputs { tensors, mut masks } = layer.call_masked(&ready, call)?;
        for output in &tensors {
            if let Some(error) = output.error() {
                return Err(error.clone());
            }
            if let Some(regularizer) = layer.base().activity_regularizer {
                let batch = output.shape()?.first().copied().unwrap_or(1).max(1);
                call.add_loss(regularizer.penalty(output) / batch as f64);
            }
        }
        masks.resize(tensors.len(), None);
        Ok(Outputs { tensors, masks })
    })
}

/// Adds the shapes of the input and of the weights to an error.
fn describe(error: Error, layer: &dyn Layer, input: &Tensor) -> Error {
    let error = match input.shape() {
        Ok(shape) => error.operand("input", shape),
        Err(_) => error,
    };
    let weights = layer.base().weights().iter();
    weights.fold(error, |error, weight| error.operand(weight.name, weight.variable.shape()))
}

/// The layer as an object of a config.
pub fn layer_to_json(layer: &dyn Layer) -> Value {
    let mut object = config::object(layer.module(), layer.class_name(), layer.config());
    if let Some(name) = layer.registered_name() {
        object["registered_name"] = name.into();
    }
    if let Some(build) = layer.build_config() {
        object["build_config"] = build;
    }
    if layer.as_model_layer().is_some() {
        object["compile_config"] = json!({});
    }
    object
}

/// What can be added to a model: a layer, or one that is shared.
pub trait IntoLayer {
    /// The layer.
    fn into_layer(self) -> Arc<dyn Layer>;
}

impl<L: Layer> IntoLayer for L {
    fn into_layer(self) -> Arc<dyn Layer> {
        Arc::new(self)
    }
}

impl<L: Layer> IntoLayer for Arc<L> {
    fn into_layer(self) -> Arc<dyn Layer> {
        self
    }
}

impl IntoLayer for Arc<dyn Layer> {
    fn into_layer(self) -> Arc<dyn Layer> {
        self
    }
}

/// The builder methods that all layers have.
macro_rules! common_arguments {
    () => {
        /// With this name instead of an automatic one.
        #[must_use]
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.base.set_name(name);
            self
        }

        /// With this dtype or policy: `float32` (the default), `mixed_bfloat16`, …
        #[must_use]
        pub fn dtype(mut self, policy: impl Into<crate::arg::Arg<crate::dtype_policy::DTypePolicy>>) -> Self {
            self.base.set_policy(policy.into());
            self
        }

        /// Frozen, so that training leaves the weights as they are, or not.
        #[must_use]
        pub fn trainable(self, trainable: bool) -> Self {
            self.base.set_trainable(trainable);
            self
        }
    };
}
pub(crate) use common_arguments;
