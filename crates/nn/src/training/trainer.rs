//! What a model is compiled to, and the functions that it is traced to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use cornet_error::{Result, err, fail};
use cornet_ops::{Type, Variable};
use cornet_runtime::Concrete;
use cornet_tensor::Shape;

use super::compile::{CompileOptions, PerOutput};
use super::feed::Layout;
use super::{Logs, Traced};
use crate::dtype_policy::DTypePolicy;
use crate::losses::{Loss, Reduction};
use crate::metrics::{Mean, Metric, MetricArg, Metrics, check_word};
use crate::models::Model;
use crate::optimizers::{LossScaleOptimizer, Optimizer, OptimizerArg};
use crate::shape::PartialShape;

/// How many signatures a model keeps compiled functions for.
const SIGNATURES_MAX: usize = 64;

/// The training side of a model: nothing before `compile`.
#[derive(Default)]
pub struct Trainer {
    compiled: RwLock<Option<Arc<Compiled>>>,
    pub(crate) predict: Cache,
}

/// Losses, optimizer and metrics of a model, with the state of the metrics.
pub struct Compiled {
    /// The optimizer, which may be one that scales the loss for the one that was given.
    pub optimizer: Arc<dyn Optimizer>,
    options: CompileOptions,
    /// The names of the outputs.
    outputs: Vec<String>,
    pub(crate) losses: Vec<OutputLoss>,
    metrics: [Vec<Metrics>; 2],
    /// What the metrics are, once shapes are known.
    resolved: OnceLock<Vec<OutputMetric>>,
    pub(crate) loss_tracker: Mean,
    pub(crate) train: Cache,
    pub(crate) test: Cache,
}

/// The loss of an output.
pub(crate) struct OutputLoss {
    pub output: usize,
    pub loss: Loss,
    pub weight: Option<f64>,
    /// Its mean, which is logged where several outputs have losses.
    pub tracker: Option<Mean>,
}

/// A metric of an output.
pub(crate) struct OutputMetric {
    pub output: usize,
    pub metric: Arc<dyn Metric>,
    pub is_weighted: bool,
    /// Under which it is logged.
    pub name: String,
}

/// Compiled functions by how their arguments are put together, and their types, with when each was asked for last.
type Functions = HashMap<(Arc<Layout>, Vec<Type>), (u64, Arc<Traced>)>;

/// Compiled functions that a model keeps.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Functions>);

impl Cache {
    /// The function for such arguments, traced now if it was not before. Where there are too many, the one that was
    /// asked for longest ago goes.
    pub fn get(
        &self,
        layout: &Arc<Layout>,
        types: Vec<Type>,
        make: impl FnOnce(&[Type]) -> Result<Traced>,
    ) -> Result<Arc<Traced>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (layout.clone(), types);
        let newest = lock().values().map(|(age, _)| *age).max().unwrap_or(0);
        if let Some((age, found)) = lock().get_mut(&key) {
            *age = newest + 1;
            return Ok(found.clone());
        }
        let made = Arc::new(make(&key.1)?);
        let mut all = lock();
        if all.len() >= SIGNATURES_MAX {
            let oldest = all.iter().min_by_key(|(_, (age, _))| *age).map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
        all.insert(key, (newest + 1, made.clone()));
        Ok(made)
    }

    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn describe(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(|(_, traced)| traced.concrete.as_ref()).map(Concrete::describe).collect()
    }
}

impl Trainer {
    /// Compiles the model anew.
    pub fn set(&self, compiled: Compiled) {
        *self.compiled.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(compiled));
    }

    /// What the model is compiled to, if it is.
    pub fn compiled(&self) -> Option<Arc<Compiled>> {
        self.compiled.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the backend runs the functions that were traced so far: steps, fused groups, memory.
    pub fn describe(&self) -> String {
        let compiled = self.compiled();
        let own = compiled.iter().flat_map(|c| [c.train.describe(), c.test.describe()]);
        own.chain([self.predict.describe()]).collect()
    }

    /// Forgets functions that were traced, since the model has changed.
    pub fn forget(&self) {
        self.predict.forget();
        if let Some(compiled) = self.compiled() {
            compiled.train.forget();
            compiled.test.forget();
        }
    }
}

impl Compiled {
    /// Checks what `compile` was given for a model of these outputs.
    ///
    /// # Errors
    /// `invalid_argument` for a name that is no output, another count than that of the outputs, an unknown metric, a
    /// loss without reduction, or a model without optimizer; the first error of an argument.
    pub fn new(options: CompileOptions, outputs: Vec<String>) -> Result<Self> {
        options.check()?;
        let outputs = if outputs.is_empty() { vec!["output".to_owned()] } else { outputs };
        let Some(optimizer) = &options.optimizer else {
            fail!(InvalidArgument, "optimizer: expected one, found none");
        };
        let optimizer = optimizer.0.clone();
        optimizer.base().check_arguments()?;
        let metrics = [
            metrics_of("metrics", &options.metrics, &outputs)?,
            metrics_of("weighted_metrics", &options.weighted_metrics, &outputs)?,
        ];
        let losses = losses_of(&options, &outputs)?;
        Ok(Self {
            optimizer,
            options,
            outputs,
            losses,
            metrics,
            resolved: OnceLock::new(),
            loss_tracker: Mean::new("loss")?,
            train: Cache::default(),
            test: Cache::default(),
        })
    }

    /// For a model of this policy: with `mixed_float16`, whose gradients may be too small for their dtype, the loss is
    /// scaled unless `compile` was told otherwise.
    pub(crate) fn for_policy(mut self, policy: &DTypePolicy) -> Self {
        let is_scaled = self.optimizer.class_name() == "LossScaleOptimizer";
        if self.options.auto_scale_loss && policy.name() == "mixed_float16" && !is_scaled {
            let inner = OptimizerArg(self.optimizer);
            self.optimizer = Arc::new(LossScaleOptimizer::new(inner).name("loss_scale_optimizer"));
        }
        self
    }

    /// What `compile` was given.
    pub fn options(&self) -> &CompileOptions {
        &self.options
    }

    /// The names of the outputs.
    pub(crate) fn outputs(&self) -> &[String] {
        &self.outputs
    }

    pub(crate) fn outputs_with_loss(&self) -> Vec<bool> {
        (0..self.outputs.len()).map(|output| self.losses.iter().any(|loss| loss.output == output)).collect()
    }

    /// Whether outputs are compared with targets.
    pub(crate) fn compares(&self) -> bool {
        !self.losses.is_empty() || self.metrics.iter().flatten().any(|metrics| !metrics.0.is_empty())
    }

    /// How many classes each output of these shapes tells apart, where its targets are class numbers.
    pub(crate) fn classes(&self, shapes: &[PartialShape]) -> Vec<Option<usize>> {
        let mut classes = vec![None; self.outputs.len()];
        for loss in self.losses.iter().filter(|loss| loss.loss.function().takes_class_numbers()) {
            classes[loss.output] = shapes.get(loss.output).and_then(|shape| shape.last().copied().flatten());
        }
        classes
    }

    /// The metrics for targets and predictions of these shapes, found out by the first ones.
    pub(crate) fn metrics_for(&self, shapes: &[Option<(Shape, Shape)>]) -> Result<&[OutputMetric]> {
        if let Some(metrics) = self.resolved.get() {
            return Ok(metrics);
        }
        let mut found: Vec<OutputMetric> = Vec::new();
        for (is_weighted, of_outputs) in [false, true].into_iter().zip(&self.metrics) {
            for (output, metrics) in of_outputs.iter().enumerate().filter(|(_, metrics)| !metrics.0.is_empty()) {
                let Some((targets, predictions)) = shapes.get(output).and_then(Option::as_ref) else {
                    return Err(self.no_target("metrics", output));
                };
                for metric in &metrics.0 {
                    let metric = metric.resolve(targets, predictions)?;
                    let name = self.name_for(&found, metric.name(), output, is_weighted);
                    found.push(OutputMetric { output, metric, is_weighted, name });
                }
            }
        }
        Ok(self.resolved.get_or_init(|| found))
    }

    /// The error of an output whose targets are needed and were not given.
    pub(crate) fn no_target(&self, what: &str, output: usize) -> cornet_error::Error {
        if self.outputs.len() == 1 {
            return err!(EmptyData, "y: expected targets, found none");
        }
        err!(EmptyData, "y: expected targets for the {what} of the output '{}', found none", self.outputs[output])
    }

    /// The name under which a metric is logged: with its output if there are several, and a number if it is taken.
    fn name_for(&self, known: &[OutputMetric], name: &str, output: usize, is_weighted: bool) -> String {
        let of_output = |name: &str| match &self.outputs[..] {
            [_] => name.to_owned(),
            several => format!("{}_{name}", several[output]),
        };
        let is_free = |name: &str| !known.iter().any(|metric| metric.name == name);
        let plain = of_output(name);
        if is_free(&plain) {
            return plain;
        }
        let base = if is_weighted { of_output(&format!("weighted_{name}")) } else { plain };
        let numbered = (1..).map(|number| format!("{base}_{number}"));
        [base.clone()].into_iter().chain(numbered).find(|name| is_free(name)).unwrap_or(base)
    }

    fn resolved(&self) -> &[OutputMetric] {
        self.resolved.get().map_or(&[], Vec::as_slice)
    }

    /// The metrics by the names under which they are logged, once shapes are known.
    pub(crate) fn named_metrics(&self) -> impl Iterator<Item = (&str, &dyn Metric)> {
        self.resolved().iter().map(|of| (of.name.as_str(), &*of.metric))
    }

    /// The state of losses and metrics.
    pub(crate) fn metric_variables(&self) -> Vec<Variable> {
        let losses = self.losses.iter().filter_map(|loss| loss.tracker.as_ref()).flat_map(Metric::variables);
        let metrics = self.resolved().iter().flat_map(|of| of.metric.variables());
        self.loss_tracker.variables().into_iter().chain(losses).chain(metrics).collect()
    }

    /// Whether targets of some output are class numbers.
    pub(crate) fn takes_class_numbers(&self) -> bool {
        self.losses.iter().any(|loss| loss.loss.function().takes_class_numbers())
    }

    /// Starts the losses and metrics over, and those of the model's own.
    pub(crate) fn reset_of(&self, model: &dyn Model) -> Result<()> {
        self.loss_tracker.reset_state()?;
        self.losses.iter().filter_map(|loss| loss.tracker.as_ref()).try_for_each(Metric::reset_state)?;
        self.resolved().iter().try_for_each(|of| of.metric.reset_state())?;
        model.metrics().iter().try_for_each(|metric| metric.reset_state())
    }

    /// Losses and metrics as of now, and those of the model's own.
    pub(crate) fn logs_of(&self, model: &dyn Model) -> Result<Logs> {
        let losses = self.losses.iter().filter_map(|loss| loss.tracker.as_ref());
        let losses = [&self.loss_tracker].into_iter().chain(losses);
        let losses = losses.map(|mean| Ok((mean.name().to_owned(), mean.value()?)));
        let metrics = self.resolved().iter().map(|of| Ok((of.name.clone(), of.metric.result()?)));
        let own = model.metrics();
        let own = own.iter().map(|metric| Ok((metric.name().to_owned(), metric.result()?)));
        Ok(Logs::sorted(losses.chain(metrics).chain(own).collect::<Result<Vec<_>>>()?))
    }

    /// What is likely a mistake and yet can be trained: losses of logits whose output has gone through an activation.
    pub(crate) fn warnings(&self, model: &dyn Model) -> Vec<String> {
        let layers = model.layers();
        let mut warnings = Vec::new();
        for of in &self.losses {
            let takes_logits = of.loss.function().arguments().get("from_logits") == Some(&true.into());
            let layer = layers.iter().find(|layer| *layer.name() == self.outputs[of.output]);
            let Some(layer) = layer.filter(|_| takes_logits) else { continue };
            let arguments = layer.arguments();
            let activation = arguments.get("activation").and_then(serde_json::Value::as_str);
            let activation = activation.unwrap_or(layer.class_name()).to_lowercase();
            if ["softmax", "sigmoid"].contains(&&*activation) {
                warnings.push(format!(
                    "the loss of '{}' takes logits (from_logits), but the layer gives a {activation}: leave out the one \
                     or the other",
                    layer.name()
                ));
            }
        }
        warnings
    }
}

/// The losses of the outputs that have one.
fn losses_of(options: &CompileOptions, outputs: &[String]) -> Result<Vec<OutputLoss>> {
    let given = match &options.loss {
        PerOutput::List(list) if list.len() != outputs.len() && outputs.len() == 1 => {
            let found = list.len();
            return Err(err!(InvalidArgument, "loss: expected one, for the model's one output, found {found}")
                .help("the sum of several losses is a loss of its own: implement LossFunction"));
        }
        given => given.resolve("loss", outputs)?,
    };
    let weights = options.loss_weights.resolve("loss_weights", outputs)?;
    let mut losses = Vec::new();
    for (output, (loss, weight)) in given.into_iter().zip(weights).enumerate() {
        let Some(loss) = loss.flatten() else { continue };
        if loss.get_reduction() == Reduction::None {
            return Err(err!(InvalidArgument, "loss: expected a reduction, found 'none'")
                .help("training needs one number a batch: use 'sum_over_batch_size'"));
        }
        losses.push(OutputLoss { output, loss, weight, tracker: None });
    }
    if losses.len() > 1 {
        for loss in &mut losses {
            loss.tracker = Some(Mean::new(format!("{}_loss", outputs[loss.output]))?);
        }
    }
    Ok(losses)
}

/// The metrics of each output.
fn metrics_of(what: &str, given: &PerOutput<Metrics>, outputs: &[String]) -> Result<Vec<Metrics>> {
    let of_outputs = match given {
        PerOutput::All(metrics) if outputs.len() == 1 => vec![metrics.clone()],
        PerOutput::List(lists) if outputs.len() == 1 => {
            vec![Metrics(lists.iter().flat_map(|metrics| metrics.0.clone()).collect())]
        }
        PerOutput::All(metrics) if metrics.0.is_empty() => vec![Metrics::default(); outputs.len()],
        // As in Keras, as many metrics as outputs are one for each.
        PerOutput::All(metrics) => {
            let each = metrics.0.iter().map(|metric| Metrics(vec![metric.clone()])).collect();
            let advice = format!("give them by output: {what}_for(\"{}\", [..])", outputs[0]);
            let resolved = PerOutput::List(each).resolve(what, outputs).map_err(|e| e.help(advice))?;
            resolved.into_iter().map(Option::unwrap_or_default).collect()
        }
        given => given.resolve(what, outputs)?.into_iter().map(Option::unwrap_or_default).collect(),
    };
    for metric in of_outputs.iter().flat_map(|metrics| &metrics.0) {
        if let MetricArg::Word(word) = metric {
            check_word(word)?;
        }
    }
    Ok(of_outputs)
}
