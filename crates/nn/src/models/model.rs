use std::path::Path;
use std::sync::Arc;

use cornet_error::{Error, Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};

use super::outline::{Outline, SummaryOptions, count, sum};
use super::summary_table::{Summary, WeightCount};
use crate::arg::Arg;
use crate::dtype_policy::floatx;
use crate::layers::layer::located;

use crate::layers::{
    self, Arguments, Call, Context, InputSpec, Layer, LayerBase, Masks, Outputs, Tensors, Weight, Weights,
};
use crate::losses::Loss;
use crate::metrics::{Metric, Metrics};
use crate::optimizers::{Optimizer, OptimizerArg};
use crate::random::Seeds;
use crate::saving;
use crate::shape::PartialShape;
use crate::training::{
    self, BatchOptions, Batches, CompileOptions, Compiled, EvaluateOptions, FitOptions, History, IntoArrays, Logs,
    PredictOptions, StepData, StepLogs, Trainer,
};

/// A model of any kind, as it comes from a file.
pub type BoxedModel = Box<dyn Model>;

/// What all models can do: train, evaluate, predict, describe, save. A model is a layer, too.
pub trait Model: Layer {
    /// The model as an object.
    fn as_model(&self) -> &dyn Model;

    /// The model in a box, as functions that take any model want it.
    fn boxed(self) -> BoxedModel
    where
        Self: Sized,
    {
        Box::new(self)
    }

    /// How it is trained.
    fn trainer(&self) -> &Trainer;

    /// Its layers, without entries; by default its parts.
    fn layers(&self) -> Vec<Arc<dyn Layer>> {
        self.parts().into_iter().map(|(_, part)| part).collect()
    }

    /// Builds it for inputs of these shapes, unless it is built.
    ///
    /// # Errors
    /// A wrong argument of a layer; layers that do not fit each other.
    fn build_for(&self, inputs: &[PartialShape]) -> Result<()> {
        layers::build(self.as_model(), inputs, "", &self.seeds())
    }

    /// The shapes it takes, if it is built.
    fn input_shapes(&self) -> Option<Vec<PartialShape>> {
        self.base().is_built().then(|| self.base().build_shapes().to_vec())
    }

    /// The names of the inputs, which arrays may be given by.
    fn entry_names(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }

    /// The dtypes of the inputs.
    fn entry_dtypes(&self) -> Vec<DType> {
        self.input_shapes().map_or_else(Vec::new, |shapes| vec![floatx(); shapes.len()])
    }

    /// The names of the outputs, which losses, metrics and targets may be given by: those of the layers that give them.
    fn output_names(&self) -> Vec<String> {
        self.layers().last().map(|layer| layer.name().to_owned()).into_iter().collect()
    }

    /// Where seeds come from that nobody gives: for weights, dropout and the order of samples.
    fn seeds(&self) -> Seeds {
        Seeds::common()
    }

    /// Fails unless the model is built.
    ///
    /// # Errors
    /// `invalid_state`; the first error of a layer that was added.
    fn check_built(&self) -> Result<()> {
        match self.input_shapes() {
            Some(shapes) => self.build_for(&shapes),
            None => Err(err!(InvalidState, "{}: expected a built model, found one without input shape", self.name())
                .help("begin it with Input, or fit or call it first")),
        }
    }

    /// The layer of that name.
    ///
    /// # Errors
    /// `not_found`, with the names there are.
    fn layer(&self, name: &str) -> Result<Arc<dyn Layer>> {
        let layers = self.layers();
        let names = || layers.iter().map(|l| l.name().to_owned()).collect::<Vec<_>>().join(", ");
        let found = layers.iter().find(|l| l.name() == name).cloned();
        found.ok_or_else(|| err!(NotFound, "layer: expected one of {}, found '{name}'", names()))
    }

    /// Calls the model on one input, as a custom training loop does.
    ///
    /// # Errors
    /// What does not fit, with the layer's place.
    fn forward(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        let context = if training { Context::training() } else { Context::inference() };
        let outputs = self.forward_in(std::slice::from_ref(x), &context)?;
        outputs.into_iter().next().ok_or_else(|| err!(Internal, "{}: a model without output", self.name()))
    }

    /// Calls the model on its inputs.
    ///
    /// # Errors
    /// What does not fit, with the layer's place.
    fn forward_in(&self, inputs: &[Tensor], context: &Context) -> Result<Tensors> {
        Ok(self.forward_masked(inputs, context)?.tensors)
    }

    /// Calls the model on its inputs; the outputs with the masks that reach them.
    ///
    /// # Errors
    /// What does not fit, with the layer's place.
    fn forward_masked(&self, inputs: &[Tensor], context: &Context) -> Result<Outputs> {
        let shapes = inputs.iter().map(|x| Ok(PartialShape::of_batch(&x.shape()?))).collect::<Result<Vec<_>>>()?;
        self.build_for(&self.input_shapes().unwrap_or(shapes))?;
        let call = Call { context, masks: &[], arguments: &Arguments::new() };
        located(self.name(), || self.call_masked(inputs, &call))
    }

    /// Sets loss, optimizer and metrics, by word or as objects: `compile("adam", "mse", ["mae"])`, `()` for no metrics.
    ///
    /// # Errors
    /// `invalid_argument` for a word that Cornet does not know or an argument outside its domain.
    fn compile(
        &self,
        optimizer: impl Into<Arg<OptimizerArg>>,
        loss: impl Into<Arg<Loss>>,
        metrics: impl Into<Metrics>,
    ) -> Result<()>
    where
        Self: Sized,
    {
        self.compile_with(CompileOptions::new(optimizer).loss(loss).metrics(metrics))
    }

    /// Sets losses, optimizer and metrics of several outputs, and more.
    ///
    /// Which weights are trained is decided by the first step after this: layers that are frozen or thawed later make
    /// training fail until the model is compiled anew.
    ///
    /// # Errors
    /// As [`Model::compile`]; `invalid_argument` for a name that is no output, or lists of another length than that of
    /// the outputs.
    fn compile_with(&self, options: CompileOptions) -> Result<()> {
        let compiled = Compiled::new(options, self.output_names())?;
        self.trainer().set(compiled.for_policy(self.base().policy()));
        Ok(())
    }

    /// The optimizer, if the model is compiled.
    fn optimizer(&self) -> Option<Arc<dyn Optimizer>> {
        Some(self.trainer().compiled()?.optimizer.clone())
    }

    /// One step of training, traced as a whole for each kind of batch. A model that trains otherwise replaces it; see
    /// [`training::step::train_step`] for what it does by default.
    ///
    /// # Errors
    /// What does not fit.
    fn train_step(&self, data: &StepData) -> Result<StepLogs> {
        training::step::train_step(self.as_model(), data)
    }

    /// One step of evaluation; see [`training::step::test_step`].
    ///
    /// # Errors
    /// What does not fit.
    fn test_step(&self, data: &StepData) -> Result<StepLogs> {
        training::step::test_step(self.as_model(), data)
    }

    /// One step of prediction; see [`training::step::predict_step`].
    ///
    /// # Errors
    /// What does not fit.
    fn predict_step(&self, x: &[Tensor]) -> Result<Vec<Tensor>> {
        training::step::predict_step(self.as_model(), x)
    }

    /// The loss of a batch; see [`training::step::compute_loss`].
    ///
    /// # Errors
    /// What does not fit.
    fn compute_loss(&self, data: &StepData, outputs: &Outputs, context: &Context) -> Result<Tensor> {
        training::step::compute_loss(self.as_model(), data, outputs, context)
    }

    /// Takes a batch into account in the metrics; see [`training::step::compute_metrics`].
    ///
    /// # Errors
    /// What does not fit.
    fn compute_metrics(&self, data: &StepData, outputs: &Outputs) -> Result<()> {
        training::step::compute_metrics(self.as_model(), data, outputs)
    }

    /// Metrics of the model's own, which its steps update. They start over with each epoch and are logged by name.
    fn metrics(&self) -> Vec<Arc<dyn Metric>> {
        Vec::new()
    }

    /// Trains on samples `x` with targets `y`: arrays, or several of them in the order of inputs and outputs or by name.
    ///
    /// # Errors
    /// `invalid_state` before `compile`, or for layers that were frozen since; `shape_mismatch`, `empty_data`,
    /// `out_of_range` and others for data that do not fit; `non_finite` if asked for; what callbacks return.
    fn fit(&self, x: &dyn IntoArrays, y: &dyn IntoArrays, options: FitOptions<'_>) -> Result<History> {
        training::fit(self.as_model(), x, y, options)
    }

    /// Trains on batches: those of an iterator, or of a pipeline of data.
    ///
    /// # Errors
    /// As [`Model::fit`]; what the batches fail with.
    fn fit_on(&self, batches: &mut dyn Batches, options: FitOptions<'_>) -> Result<History> {
        training::fit_on(self.as_model(), batches, options)
    }

    /// Loss and metrics over samples.
    ///
    /// # Errors
    /// As [`Model::fit`].
    fn evaluate(&self, x: &dyn IntoArrays, y: &dyn IntoArrays) -> Result<Logs> {
        self.evaluate_with(x, y, EvaluateOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`Model::fit`].
    fn evaluate_with(&self, x: &dyn IntoArrays, y: &dyn IntoArrays, options: EvaluateOptions<'_>) -> Result<Logs> {
        training::evaluate(self.as_model(), x, y, options)
    }

    /// Loss and metrics over batches.
    ///
    /// # Errors
    /// As [`Model::fit_on`].
    fn evaluate_on(&self, batches: &mut dyn Batches, options: EvaluateOptions<'_>) -> Result<Logs> {
        training::evaluate_on(self.as_model(), batches, options)
    }

    /// The predictions for samples, of a model with one output.
    ///
    /// # Errors
    /// `empty_data`, or what does not fit.
    fn predict(&self, x: &dyn IntoArrays) -> Result<Array> {
        let mut outputs = self.predict_with(x, PredictOptions::default())?;
        match outputs.len() {
            1 => Ok(outputs.remove(0)),
            found => fail!(InvalidArgument, "predict: expected a model of one output, found {found}; use predict_with"),
        }
    }

    /// The predictions for samples, output by output.
    ///
    /// # Errors
    /// As [`Model::predict`].
    fn predict_with(&self, x: &dyn IntoArrays, options: PredictOptions<'_>) -> Result<Vec<Array>> {
        training::predict(self.as_model(), x, options)
    }

    /// The predictions for batches, output by output, those of all batches behind each other.
    ///
    /// # Errors
    /// As [`Model::predict`]; what the batches fail with.
    fn predict_on(&self, batches: &mut dyn Batches, options: PredictOptions<'_>) -> Result<Vec<Array>> {
        training::predict_on(self.as_model(), batches, options)
    }

    /// One step of training on one batch; returns its loss and metrics.
    ///
    /// # Errors
    /// As [`Model::fit`].
    fn train_on_batch(&self, x: &dyn IntoArrays, y: &dyn IntoArrays) -> Result<Logs> {
        self.train_on_batch_with(x, y, BatchOptions::new())
    }

    /// The same with weights.
    ///
    /// # Errors
    /// As [`Model::fit`].
    fn train_on_batch_with(&self, x: &dyn IntoArrays, y: &dyn IntoArrays, options: BatchOptions<'_>) -> Result<Logs> {
        training::train_on_batch(self.as_model(), x, y, options)
    }

    /// Loss and metrics of one batch.
    ///
    /// # Errors
    /// As [`Model::fit`].
    fn test_on_batch(&self, x: &dyn IntoArrays, y: &dyn IntoArrays) -> Result<Logs> {
        self.test_on_batch_with(x, y, BatchOptions::new())
    }

    /// The same with weights.
    ///
    /// # Errors
    /// As [`Model::fit`].
    fn test_on_batch_with(&self, x: &dyn IntoArrays, y: &dyn IntoArrays, options: BatchOptions<'_>) -> Result<Logs> {
        training::test_on_batch(self.as_model(), x, y, options)
    }

    /// The predictions for one batch, output by output.
    ///
    /// # Errors
    /// As [`Model::predict`].
    fn predict_on_batch(&self, x: &dyn IntoArrays) -> Result<Vec<Array>> {
        training::predict_on_batch(self.as_model(), x)
    }

    /// Sets loss and metrics back to nothing.
    ///
    /// # Errors
    /// None that an input can cause.
    fn reset_metrics(&self) -> Result<()> {
        self.trainer().compiled().map_or(Ok(()), |compiled| compiled.reset_of(self.as_model()))
    }

    /// The number of parameters.
    ///
    /// # Errors
    /// `invalid_state` for a model that is not built.
    fn count_params(&self) -> Result<usize> {
        self.check_built()?;
        Ok(self.weights().iter().map(Weight::count).sum())
    }

    /// The values of the weights in Keras's order.
    ///
    /// # Errors
    /// `invalid_state` for a model that is not built.
    fn get_weights(&self) -> Result<Vec<Array>> {
        self.check_built()?;
        self.weights().iter().map(|w| w.variable.value()).collect()
    }

    /// Sets the values of the weights in Keras's order.
    ///
    /// # Errors
    /// `invalid_argument` for another count; `shape_mismatch`; `dtype_mismatch`.
    fn set_weights(&self, values: &[Array]) -> Result<()> {
        self.check_built()?;
        let weights = self.weights();
        if weights.len() != values.len() {
            fail!(InvalidArgument, "weights of {}: expected {}, found {}", self.name(), weights.len(), values.len());
        }
        for (weight, value) in weights.iter().zip(values) {
            if value.shape() != weight.variable.shape() {
                let expected = weight.variable.shape();
                fail!(ShapeMismatch, "weight '{}': expected {expected}, found {}", weight.path(), value.shape());
            }
            weight.variable.set(value.cast(weight.variable.dtype())?)?;
        }
        Ok(())
    }

    /// Its layers and what flows between them, for tables and pictures.
    ///
    /// # Errors
    /// The first error of a layer that was added.
    fn outline(&self) -> Result<Outline> {
        let shapes = self.input_shapes();
        if shapes.is_some() {
            self.check_built()?;
        }
        Outline::chain(self.layers(), shapes)
    }

    /// The table of layers, as Keras prints it.
    ///
    /// # Errors
    /// The first error of a layer that was added.
    fn summary(&self) -> Result<String> {
        self.summary_with(&SummaryOptions::default())
    }

    /// The same with options: models among the layers expanded, which layers are trained, some layers only.
    ///
    /// # Errors
    /// As [`Model::summary`]; `not_found` for a layer of the range.
    fn summary_with(&self, options: &SummaryOptions) -> Result<String> {
        let mut table = self.summary_table()?;
        table.show_trainable = options.show_trainable;
        if options.expand_nested {
            table.rows = self.outline()?.rows(true, 0)?;
        }
        if let Some((first, last)) = &options.layer_range {
            let place = |name: &str| {
                let found = table.rows.iter().position(|row| row.name == name && row.depth == 0);
                found.ok_or_else(|| err!(NotFound, "layer_range: expected a layer of the model, found '{name}'"))
            };
            let (first, last) = (place(first)?, place(last)?);
            let end =
                table.rows[last + 1..].iter().position(|row| row.depth == 0).map_or(table.rows.len(), |n| last + 1 + n);
            table.rows = table.rows.drain(first.min(end)..end).collect();
        }
        table.render(&options.layout)
    }

    /// The same as data.
    ///
    /// # Errors
    /// As [`Model::summary`].
    fn summary_table(&self) -> Result<Summary> {
        let outline = self.outline()?;
        let (trained, all) = (count(&self.trainable_weights()), count(&self.weights()));
        let optimizer = self.optimizer().filter(|o| o.base().is_built()).map(|o| {
            let variables = o.variables();
            sum(variables.iter().map(|v| (v.shape().elements(), v.dtype().size())))
        });
        Ok(Summary {
            model: self.name().into(),
            rows: outline.rows(false, 0)?,
            connected: outline.connected,
            trainable: trained,
            non_trainable: WeightCount { params: all.params - trained.params, bytes: all.bytes - trained.bytes },
            optimizer,
            ..Summary::default()
        })
    }

    /// Saves the model, with its optimizer's state if it is compiled, as a `.keras` file that Keras 3.15.1 opens. The
    /// file is replaced as a whole or not at all.
    ///
    /// # Errors
    /// `invalid_state` for a model that is not built; `io` and its likes.
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        saving::save_model(self, path.as_ref())
    }

    /// Writes what the model predicts as a file of another program, without what only training needs: Keras's
    /// `model.export`. Formats are Keras's words; see [`saving::ExportFormat`].
    ///
    /// # Errors
    /// As [`saving::export`].
    fn export(&self, path: impl AsRef<Path>, format: &str) -> Result<()>
    where
        Self: Sized,
    {
        saving::export(self, path, format)
    }

    /// Saves the weights as a `.weights.h5` file that Keras 3.15.1 loads; under a name in `.safetensors` or `.npz`, as
    /// arrays under the weights' paths.
    ///
    /// # Errors
    /// As [`Model::save`].
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        saving::save_weights(self, path.as_ref())
    }

    /// Loads weights from a `.weights.h5`, `.keras` or older `.h5` file, from the last by the order of layers; from
    /// safetensors and `.npz` by the weights' paths.
    ///
    /// # Errors
    /// `not_found`, `corrupt` and their likes; `shape_mismatch` for weights of another model.
    fn load_weights(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        saving::load_weights(self, path.as_ref())
    }

    /// The same by the names of layers, or leaving out what does not fit; returns what was left out.
    ///
    /// # Errors
    /// As [`Model::load_weights`].
    fn load_weights_with(&self, path: impl AsRef<Path>, options: &saving::WeightOptions) -> Result<Vec<String>>
    where
        Self: Sized,
    {
        saving::load_weights_with(self, path.as_ref(), options)
    }
}

/// The error of a call that needs `compile` first.
pub(crate) fn not_compiled(model: &dyn Model, call: &str) -> Error {
    err!(InvalidState, "{call}: expected a compiled model, found '{}' without loss and optimizer", model.name())
        .help("call compile(optimizer, loss, metrics) first")
}

/// A boxed model is a model, and so a layer.
impl Layer for BoxedModel {
    fn class_name(&self) -> &str {
        (**self).class_name()
    }

    fn base(&self) -> &LayerBase {
        (**self).base()
    }

    fn arguments(&self) -> Map<String, Value> {
        (**self).arguments()
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        (**self).build(inputs, weights)
    }

    fn input_spec(&self) -> InputSpec {
        (**self).input_spec()
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        (**self).call(inputs, call)
    }

    fn supports_masking(&self) -> bool {
        (**self).supports_masking()
    }

    fn compute_mask(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        (**self).compute_mask(inputs, call)
    }

    fn call_masked(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        (**self).call_masked(inputs, call)
    }

    fn autocast(&self) -> bool {
        (**self).autocast()
    }

    fn compute_output_dtype(&self, inputs: &[DType], outputs: usize) -> Vec<DType> {
        (**self).compute_output_dtype(inputs, outputs)
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        (**self).compute_output_shape(inputs)
    }

    fn infer(
        &self,
        inputs: &[(PartialShape, DType)],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<(PartialShape, DType)>> {
        (**self).infer(inputs, arguments)
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        (**self).parts()
    }

    fn has_build(&self) -> bool {
        (**self).has_build()
    }

    fn build_config(&self) -> Option<Value> {
        (**self).build_config()
    }

    fn config(&self) -> Map<String, Value> {
        (**self).config()
    }

    fn module(&self) -> &str {
        (**self).module()
    }

    fn registered_name(&self) -> Option<&str> {
        (**self).registered_name()
    }

    fn as_model_layer(&self) -> Option<&dyn Model> {
        Some((**self).as_model())
    }
}

impl Model for BoxedModel {
    fn as_model(&self) -> &dyn Model {
        (**self).as_model()
    }

    fn boxed(self) -> BoxedModel {
        self
    }

    fn trainer(&self) -> &Trainer {
        (**self).trainer()
    }

    fn layers(&self) -> Vec<Arc<dyn Layer>> {
        (**self).layers()
    }

    fn build_for(&self, inputs: &[PartialShape]) -> Result<()> {
        (**self).build_for(inputs)
    }

    fn input_shapes(&self) -> Option<Vec<PartialShape>> {
        (**self).input_shapes()
    }

    fn entry_names(&self) -> Vec<String> {
        (**self).entry_names()
    }

    fn entry_dtypes(&self) -> Vec<DType> {
        (**self).entry_dtypes()
    }

    fn output_names(&self) -> Vec<String> {
        (**self).output_names()
    }

    fn seeds(&self) -> Seeds {
        (**self).seeds()
    }

    fn outline(&self) -> Result<Outline> {
        (**self).outline()
    }

    fn train_step(&self, data: &StepData) -> Result<StepLogs> {
        (**self).train_step(data)
    }

    fn test_step(&self, data: &StepData) -> Result<StepLogs> {
        (**self).test_step(data)
    }

    fn predict_step(&self, x: &[Tensor]) -> Result<Vec<Tensor>> {
        (**self).predict_step(x)
    }

    fn compute_loss(&self, data: &StepData, outputs: &Outputs, context: &Context) -> Result<Tensor> {
        (**self).compute_loss(data, outputs, context)
    }

    fn compute_metrics(&self, data: &StepData, outputs: &Outputs) -> Result<()> {
        (**self).compute_metrics(data, outputs)
    }

    fn metrics(&self) -> Vec<Arc<dyn Metric>> {
        (**self).metrics()
    }
}
