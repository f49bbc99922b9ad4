//! What `compile` is given.

use cornet_error::{Error, Result, err};
use serde_json::{Map, Value, json};

use crate::arg::{Arg, closest};
use crate::losses::Loss;
use crate::metrics::{MetricArg, Metrics};
use crate::optimizers::{OptimizerArg, optimizer_to_json};
use crate::saving::config;

/// What each output of a model is given, as Keras's lists and dicts do.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PerOutput<T> {
    /// Nothing.
    #[default]
    Unset,
    /// The same for all.
    All(T),
    /// One for each, in their order.
    List(Vec<T>),
    /// One for some, by name.
    Named(Vec<(String, T)>),
}

impl<T: Clone> PerOutput<T> {
    /// Adds one by name; what was given otherwise is gone.
    fn set(&mut self, name: String, value: T) {
        match self {
            Self::Named(named) => {
                named.retain(|(known, _)| *known != name);
                named.push((name, value));
            }
            other => *other = Self::Named(vec![(name, value)]),
        }
    }

    /// What each output is given, if it is given anything.
    ///
    /// # Errors
    /// `invalid_argument` for a name that is no output, or a list of another length.
    pub(crate) fn resolve(&self, what: &str, outputs: &[String]) -> Result<Vec<Option<T>>> {
        Ok(match self {
            Self::Unset => vec![None; outputs.len()],
            Self::All(value) => vec![Some(value.clone()); outputs.len()],
            Self::List(values) if values.len() == outputs.len() => values.iter().cloned().map(Some).collect(),
            Self::List(values) => return Err(count_mismatch(what, outputs, values.len())),
            Self::Named(named) => {
                if let Some((name, _)) = named.iter().find(|(name, _)| !outputs.contains(name)) {
                    return Err(no_output(what, outputs, name));
                }
                let of = |output: &String| named.iter().find(|(name, _)| name == output).map(|(_, v)| v.clone());
                outputs.iter().map(of).collect()
            }
        })
    }

    /// As Keras writes it; names that are not given get `rest`, if there is one.
    fn to_json(&self, outputs: &[String], rest: Option<Value>, value: impl Fn(&T) -> Value) -> Value {
        match self {
            Self::Unset => Value::Null,
            Self::All(one) => value(one),
            Self::List(values) => values.iter().map(value).collect(),
            Self::Named(named) => {
                let all: Map<String, Value> = match rest {
                    Some(rest) => outputs
                        .iter()
                        .map(|output| {
                            let given = named.iter().find(|(name, _)| name == output);
                            (output.clone(), given.map_or(rest.clone(), |(_, one)| value(one)))
                        })
                        .collect(),
                    None => named.iter().map(|(name, one)| (name.clone(), value(one))).collect(),
                };
                all.into()
            }
        }
    }

    fn from_json(json: &Value, value: impl Fn(&Value) -> Result<T>) -> Result<Self> {
        Ok(match plain(json) {
            Value::Null => Self::Unset,
            Value::Array(list) => Self::List(list.iter().map(value).collect::<Result<_>>()?),
            Value::Object(map) if !map.contains_key("class_name") => {
                Self::Named(map.iter().map(|(name, one)| Ok((name.clone(), value(one)?))).collect::<Result<_>>()?)
            }
            one => Self::All(value(one)?),
        })
    }
}

/// A tuple is written as an object that has the list.
fn plain(json: &Value) -> &Value {
    match json["class_name"].as_str() {
        Some("__tuple__") => &json["config"]["value"],
        _ => json,
    }
}

fn listed(outputs: &[String]) -> String {
    outputs.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

/// The error of a count that is not that of the outputs.
pub(crate) fn count_mismatch(what: &str, outputs: &[String], found: usize) -> Error {
    let each = if outputs.len() == 1 { "output" } else { "outputs" };
    err!(
        InvalidArgument,
        "{what}: expected {}, one for each of the {each} {}, found {found}",
        outputs.len(),
        listed(outputs)
    )
}

/// The error of a name that no output has.
pub(crate) fn no_output(what: &str, outputs: &[String], found: &str) -> Error {
    let error = err!(InvalidArgument, "{what}: expected names among the outputs {}, found '{found}'", listed(outputs));
    let known: Vec<&str> = outputs.iter().map(String::as_str).collect();
    match closest(found, &known) {
        Some(near) => error.help(format!("did you mean '{near}'?")),
        None => error.help("outputs are named as the layers that give them"),
    }
}

/// Optimizer, losses, metrics and more: what `compile_with` takes.
///
/// ```
/// use cornet_nn::layers::{Dense, Input};
/// use cornet_nn::models::{Functional, Model, Symbolic};
/// use cornet_nn::training::CompileOptions;
/// let x = Input::new([4]).symbol();
/// let price = Dense::new(1).name("price").on(&x);
/// let kind = Dense::new(3).activation("softmax").name("kind").on(&x);
/// let model = Functional::new(&x, [&price, &kind])?;
/// let options = CompileOptions::new("adam")
///     .loss_for("price", "mse")
///     .loss_for("kind", "sparse_categorical_crossentropy")
///     .loss_weight_for("kind", 0.5)
///     .metrics_for("price", ["mae"])
///     .weighted_metrics_for("kind", ["accuracy"]);
/// model.compile_with(options)?;
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Source
/// Keras 3 `keras.Model.compile`.
#[derive(Clone)]
pub struct CompileOptions {
    pub(crate) optimizer: Option<OptimizerArg>,
    pub(crate) loss: PerOutput<Option<Loss>>,
    pub(crate) loss_weights: PerOutput<f64>,
    pub(crate) metrics: PerOutput<Metrics>,
    pub(crate) weighted_metrics: PerOutput<Metrics>,
    pub(crate) run_eagerly: bool,
    pub(crate) steps_per_execution: usize,
    pub(crate) auto_scale_loss: bool,
    jit_compile: bool,
    wrong: Option<Error>,
}

/// A loss, or none: what an output is given.
pub struct LossOf(Result<Option<Loss>>);

impl<L: Into<Arg<Loss>>> From<L> for LossOf {
    fn from(loss: L) -> Self {
        Self(loss.into().0.map(Some))
    }
}

impl<L: Into<Arg<Loss>>> From<Option<L>> for LossOf {
    fn from(loss: Option<L>) -> Self {
        Self(loss.map(|loss| loss.into().0).transpose())
    }
}

impl CompileOptions {
    /// This optimizer, no loss yet, and no metrics.
    pub fn new(optimizer: impl Into<Arg<OptimizerArg>>) -> Self {
        let mut options = Self {
            optimizer: None,
            loss: PerOutput::Unset,
            loss_weights: PerOutput::Unset,
            metrics: PerOutput::Unset,
            weighted_metrics: PerOutput::Unset,
            run_eagerly: false,
            steps_per_execution: 1,
            auto_scale_loss: true,
            jit_compile: false,
            wrong: None,
        };
        options.optimizer = options.accept(optimizer.into().0);
        options
    }

    fn accept<T>(&mut self, argument: Result<T>) -> Option<T> {
        argument.map_err(|error| self.wrong.get_or_insert(error)).ok()
    }

    /// With one loss for every output.
    #[must_use]
    pub fn loss(mut self, loss: impl Into<Arg<Loss>>) -> Self {
        if let Some(loss) = self.accept(loss.into().0) {
            self.loss = PerOutput::All(Some(loss));
        }
        self
    }

    /// With a loss for each output, in their order; `None` for one without.
    #[must_use]
    pub fn losses<L: Into<LossOf>>(mut self, losses: impl IntoIterator<Item = L>) -> Self {
        let losses = losses.into_iter().map(|loss| loss.into().0).collect();
        if let Some(losses) = self.accept(losses) {
            self.loss = PerOutput::List(losses);
        }
        self
    }

    /// With a loss for this output. Those that are not named have none.
    #[must_use]
    pub fn loss_for(mut self, output: impl Into<String>, loss: impl Into<LossOf>) -> Self {
        if let Some(loss) = self.accept(loss.into().0) {
            self.loss.set(output.into(), loss);
        }
        self
    }

    /// With a factor for the loss of each output, in their order.
    #[must_use]
    pub fn loss_weights(mut self, weights: impl IntoIterator<Item = f64>) -> Self {
        self.loss_weights = PerOutput::List(weights.into_iter().collect());
        self
    }

    /// With a factor for the loss of this output; 1 for those that are not named.
    #[must_use]
    pub fn loss_weight_for(mut self, output: impl Into<String>, weight: f64) -> Self {
        self.loss_weights.set(output.into(), weight);
        self
    }

    /// With these metrics: all of them for a model of one output, one for each output otherwise. They take no notice of
    /// the weights of samples.
    #[must_use]
    pub fn metrics(mut self, metrics: impl Into<Metrics>) -> Self {
        self.metrics = PerOutput::All(metrics.into());
        self
    }

    /// With metrics for each output, in their order; `()` for one without.
    #[must_use]
    pub fn metrics_per_output<M: Into<Metrics>>(mut self, metrics: impl IntoIterator<Item = M>) -> Self {
        self.metrics = PerOutput::List(metrics.into_iter().map(Into::into).collect());
        self
    }

    /// With metrics for this output.
    #[must_use]
    pub fn metrics_for(mut self, output: impl Into<String>, metrics: impl Into<Metrics>) -> Self {
        self.metrics.set(output.into(), metrics.into());
        self
    }

    /// As [`CompileOptions::metrics`], for metrics that weigh samples as the loss does.
    #[must_use]
    pub fn weighted_metrics(mut self, metrics: impl Into<Metrics>) -> Self {
        self.weighted_metrics = PerOutput::All(metrics.into());
        self
    }

    /// As [`CompileOptions::metrics_per_output`], for metrics that weigh samples as the loss does.
    #[must_use]
    pub fn weighted_metrics_per_output<M: Into<Metrics>>(mut self, metrics: impl IntoIterator<Item = M>) -> Self {
        self.weighted_metrics = PerOutput::List(metrics.into_iter().map(Into::into).collect());
        self
    }

    /// As [`CompileOptions::metrics_for`], for metrics that weigh samples as the loss does.
    #[must_use]
    pub fn weighted_metrics_for(mut self, output: impl Into<String>, metrics: impl Into<Metrics>) -> Self {
        self.weighted_metrics.set(output.into(), metrics.into());
        self
    }

    /// Whether steps run op by op instead of as compiled graphs, to look into them; by default they do not.
    #[must_use]
    pub fn run_eagerly(mut self, run_eagerly: bool) -> Self {
        self.run_eagerly = run_eagerly;
        self
    }

    /// After how many steps each callbacks are called; by default after every one. The results are the same.
    #[must_use]
    pub fn steps_per_execution(mut self, steps: usize) -> Self {
        if steps == 0 {
            self.wrong.get_or_insert(err!(InvalidArgument, "steps_per_execution: expected at least 1, found 0"));
        }
        self.steps_per_execution = steps.max(1);
        self
    }

    /// Whether the optimizer of a `mixed_float16` model is wrapped in a `LossScaleOptimizer`; by default it is.
    #[must_use]
    pub fn auto_scale_loss(mut self, scale: bool) -> Self {
        self.auto_scale_loss = scale;
        self
    }

    /// Fails if an argument was wrong.
    ///
    /// # Errors
    /// The first error of an argument.
    pub(crate) fn check(&self) -> Result<()> {
        self.wrong.clone().map_or(Ok(()), Err)
    }

    /// The object of a model file.
    ///
    /// # Errors
    /// None that an input can cause.
    pub(crate) fn to_json(&self, outputs: &[String]) -> Result<Value> {
        let optimizer = match &self.optimizer {
            Some(optimizer) => optimizer_to_json(&*optimizer.0)?,
            None => Value::Null,
        };
        let loss = |loss: &Option<Loss>| loss.as_ref().map_or(Value::Null, Loss::to_json);
        let metrics = |of: &PerOutput<Metrics>| match of {
            PerOutput::All(metrics) if metrics.0.is_empty() => Value::Null,
            of => of.to_json(outputs, None, metrics_to_json),
        };
        Ok(json!({
            "optimizer": optimizer, "loss": self.loss.to_json(outputs, Some(Value::Null), loss),
            "loss_weights": self.loss_weights.to_json(outputs, Some(json!(1.0)), |w| json!(w)),
            "metrics": metrics(&self.metrics), "weighted_metrics": metrics(&self.weighted_metrics),
            "run_eagerly": self.run_eagerly, "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_compile,
        }))
    }

    /// From the object of a model file.
    ///
    /// # Errors
    /// `unsupported` for what Cornet does not have; `corrupt`.
    pub(crate) fn from_json(json: &Value) -> Result<Self> {
        let mut options = match json.get("optimizer").unwrap_or(&"rmsprop".into()) {
            // Keras's default stands for one that is not there.
            Value::Null => Self { optimizer: None, wrong: None, ..Self::new("sgd") },
            optimizer => Self { optimizer: Some(OptimizerArg::from_json(optimizer)?), wrong: None, ..Self::new("sgd") },
        };
        let loss = |v: &Value| if v.is_null() { Ok(None) } else { Loss::from_json(v).map(Some) };
        let weight = |v: &Value| match (v, v.as_f64()) {
            (Value::Null, _) => Ok(1.0),
            (_, Some(weight)) => Ok(weight),
            _ => Err(err!(Corrupt, "loss_weights: expected numbers, found {}", config::brief(v))),
        };
        options.loss = PerOutput::from_json(&json["loss"], loss)?;
        options.loss_weights = PerOutput::from_json(&json["loss_weights"], weight)?;
        options.metrics = metrics_from_json(&json["metrics"])?;
        options.weighted_metrics = metrics_from_json(&json["weighted_metrics"])?;
        options.run_eagerly = json["run_eagerly"].as_bool().unwrap_or(false);
        options.steps_per_execution = json["steps_per_execution"].as_u64().unwrap_or(1).max(1) as usize;
        options.jit_compile = json["jit_compile"].as_bool().unwrap_or(false);
        Ok(options)
    }
}

fn metrics_to_json(metrics: &Metrics) -> Value {
    match &metrics.0[..] {
        [] => Value::Null,
        metrics => metrics.iter().map(MetricArg::to_json).collect(),
    }
}

/// The metrics of a file. A list whose members are no lists is one of metrics, for whatever outputs there are.
fn metrics_from_json(json: &Value) -> Result<PerOutput<Metrics>> {
    let of_one = |v: &Value| -> Result<Metrics> {
        Ok(match plain(v) {
            Value::Null => Metrics::default(),
            Value::Array(list) => Metrics(list.iter().map(MetricArg::from_json).collect::<Result<_>>()?),
            one => Metrics(vec![MetricArg::from_json(one)?]),
        })
    };
    match plain(json) {
        Value::Array(list) if list.iter().all(|v| !plain(v).is_array() && !v.is_null()) => {
            Ok(PerOutput::All(of_one(json)?))
        }
        _ => PerOutput::from_json(json, of_one),
    }
}
