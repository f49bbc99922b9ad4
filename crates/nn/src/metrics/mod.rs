//! Metrics: numbers that are followed over the batches of an epoch.
//!
//! Source: Keras 3.15.1, `keras.metrics`.

mod accuracy;
mod mean;
mod samplewise;

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{Array, DType, Shape};
use serde_json::{Map, Value, json};

use crate::arg::{Choice, unknown};
use crate::dtype_policy::floatx;
use crate::losses;
use crate::saving::config::{self, Config};

pub use accuracy::{
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
};
pub use mean::{Mean, MeanMetric, MetricFunction, RootMeanSquaredError};
pub use samplewise::{Fold, samplewise};

/// A number that is followed over batches. Its state is variables, which a training step updates.
pub trait Metric: Send + Sync {
    /// Keras's class, such as `SparseCategoricalAccuracy`.
    fn class_name(&self) -> &str;

    /// The name under which it is logged.
    fn name(&self) -> &str;

    /// The arguments of the class beside name and dtype.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// The state.
    fn variables(&self) -> Vec<Variable>;

    /// Takes a batch into account, with a weight for each sample if there are weights.
    ///
    /// # Errors
    /// Where targets, predictions and weights do not fit.
    fn update_state(&self, y_true: &Tensor, y_pred: &Tensor, sample_weight: Option<&Tensor>) -> Result<()>;

    /// The same for predictions that a mask has reached. As in Keras, means of a function count only what the mask
    /// admits; other metrics take no notice of it, which is the default.
    ///
    /// # Errors
    /// As [`Metric::update_state`].
    fn update_masked(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
        _mask: Option<&Tensor>,
    ) -> Result<()> {
        self.update_state(y_true, y_pred, sample_weight)
    }

    /// The number as of now; 0 before the first batch.
    ///
    /// # Errors
    /// None that an input can cause.
    fn result(&self) -> Result<f64>;

    /// Starts over.
    ///
    /// # Errors
    /// None that an input can cause.
    fn reset_state(&self) -> Result<()> {
        for variable in self.variables() {
            variable.set(Array::zeros(variable.dtype(), variable.shape()))?;
        }
        Ok(())
    }
}

/// The object of a compile config.
pub fn metric_to_json(metric: &dyn Metric) -> Value {
    let mut config = config::map(json!({"name": metric.name(), "dtype": floatx().name()}));
    config.extend(metric.arguments());
    config::object("keras.metrics", metric.class_name(), config)
}

/// A metric of `compile`: an object, or a word that may stand for several until shapes are known.
#[derive(Clone)]
pub enum MetricArg {
    /// A word, such as `accuracy` or `mse`.
    Word(String),
    /// A function of target and prediction, whose mean is followed.
    Function(Arc<dyn MetricFunction>),
    /// A metric.
    Object(Arc<dyn Metric>),
}

impl From<&str> for MetricArg {
    fn from(word: &str) -> Self {
        Self::Word(word.into())
    }
}

impl<F: MetricFunction + 'static> From<F> for MetricArg {
    fn from(function: F) -> Self {
        Self::Function(Arc::new(function))
    }
}

impl From<Arc<dyn Metric>> for MetricArg {
    fn from(metric: Arc<dyn Metric>) -> Self {
        Self::Object(metric)
    }
}

impl From<MeanMetric> for MetricArg {
    fn from(metric: MeanMetric) -> Self {
        Self::Object(Arc::new(metric))
    }
}

impl From<RootMeanSquaredError> for MetricArg {
    fn from(metric: RootMeanSquaredError) -> Self {
        Self::Object(Arc::new(metric))
    }
}

impl MetricArg {
    /// The word or object of a compile config.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Word(word) => word.clone().into(),
            Self::Function(function) => {
                let mut config = config::map(json!({"name": function.name(), "dtype": floatx().name()}));
                config.extend(function.arguments());
                config::object("keras.metrics", function.class_name(), config)
            }
            Self::Object(metric) => metric_to_json(&**metric),
        }
    }

    /// From a compile config: a word or an object.
    ///
    /// # Errors
    /// `unsupported` for a metric that there is not; `corrupt`.
    pub fn from_json(value: &Value) -> Result<Self> {
        let (class, arguments) = config::class_and_config(value)?;
        let Some(arguments) = arguments else {
            check_word(class).map_err(|e| err!(Unsupported, "{}", e.message()))?;
            return Ok(class.into());
        };
        let config = Config::new(class, arguments);
        let Some(metric) = find(class, &config)? else {
            return Err(err!(Unsupported, "{}", unknown("metric", class, &known()).message()));
        };
        config.get("dtype");
        config.finish()?;
        Ok(Self::Object(metric))
    }

    /// The metric for targets and predictions of these shapes.
    ///
    /// # Errors
    /// `invalid_argument` for a word that is no metric.
    pub fn resolve(&self, y_true: &Shape, y_pred: &Shape) -> Result<Arc<dyn Metric>> {
        let word = match self {
            Self::Object(metric) => return Ok(metric.clone()),
            Self::Function(function) => return Ok(Arc::new(MeanMetric::named(function.name(), function.clone())?)),
            Self::Word(word) => word.as_str(),
        };
        let class = match word.to_ascii_lowercase().as_str() {
            "accuracy" | "acc" => accuracy_of(y_true, y_pred),
            _ => word,
        };
        let named = config::map(json!({"name": word}));
        find(class, &Config::new(class, &named))?.ok_or_else(|| unknown("metric", word, &known()))
    }
}

/// Which accuracy the word means: binary for one output, sparse for class numbers, else categorical.
fn accuracy_of(y_true: &Shape, y_pred: &Shape) -> &'static str {
    let (targets, outputs) = (y_true.last().copied(), y_pred.last().copied());
    if outputs == Some(1) {
        "BinaryAccuracy"
    } else if y_true.rank() < y_pred.rank() || targets == Some(1) && outputs > Some(1) {
        "SparseCategoricalAccuracy"
    } else {
        "CategoricalAccuracy"
    }
}

/// Fails unless the word is a metric.
///
/// # Errors
/// `invalid_argument`, with the words that are.
pub(crate) fn check_word(word: &str) -> Result<()> {
    let empty = Map::new();
    let is_accuracy = ["accuracy", "acc"].contains(&word.to_ascii_lowercase().as_str());
    match is_accuracy || find(word, &Config::new(word, &empty))?.is_some() {
        true => Ok(()),
        false => Err(unknown("metric", word, &known())),
    }
}

impl Choice for MetricArg {
    fn parse(name: &str) -> Result<Self> {
        check_word(name)?;
        Ok(name.into())
    }
}

/// Metrics of `compile`: none `()`, or several words or objects.
#[derive(Clone, Default)]
pub struct Metrics(pub Vec<MetricArg>);

impl From<()> for Metrics {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<&str> for Metrics {
    fn from(word: &str) -> Self {
        Self(vec![word.into()])
    }
}

impl<M: Into<MetricArg>, const N: usize> From<[M; N]> for Metrics {
    fn from(metrics: [M; N]) -> Self {
        Self(metrics.into_iter().map(Into::into).collect())
    }
}

impl<M: Into<MetricArg>> From<Vec<M>> for Metrics {
    fn from(metrics: Vec<M>) -> Self {
        Self(metrics.into_iter().map(Into::into).collect())
    }
}

impl From<MetricArg> for Metrics {
    fn from(metric: MetricArg) -> Self {
        Self(vec![metric])
    }
}

/// Makes a metric function from the arguments in its config.
type FromConfig = fn(&Config<'_>) -> Result<Arc<dyn MetricFunction>>;

/// Class, function, maker; beside these, every loss is a metric.
static METRICS: &[(&str, &str, FromConfig)] = &[
    ("Accuracy", "", |_| Ok(Arc::new(Accuracy))),
    ("BinaryAccuracy", "binary_accuracy", |c| Ok(Arc::new(BinaryAccuracy { threshold: c.float("threshold", 0.5)? }))),
    ("CategoricalAccuracy", "categorical_accuracy", |_| Ok(Arc::new(CategoricalAccuracy))),
    ("SparseCategoricalAccuracy", "sparse_categorical_accuracy", |_| Ok(Arc::new(SparseCategoricalAccuracy))),
    ("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy", |c| {
        Ok(Arc::new(SparseTopKCategoricalAccuracy { k: accuracy::k(c)? }))
    }),
    ("TopKCategoricalAccuracy", "top_k_categorical_accuracy", |c| {
        Ok(Arc::new(TopKCategoricalAccuracy { k: accuracy::k(c)? }))
    }),
];

fn known() -> Vec<&'static str> {
    let own = METRICS.iter().map(|(_, function, _)| if function.is_empty() { "accuracy" } else { function });
    own.chain(["root_mean_squared_error", "mean", "mse", "mae", "and every loss"]).collect()
}

/// The metric of a class or function.
fn find(name: &str, config: &Config<'_>) -> Result<Option<Arc<dyn Metric>>> {
    let given = config.optional("name", "a text", Value::as_str)?.map(str::to_owned);
    if ["Mean", "mean"].contains(&name) {
        return Ok(Some(Arc::new(Mean::new(given.unwrap_or_else(|| "mean".into()))?)));
    }
    if ["RootMeanSquaredError", "root_mean_squared_error"].contains(&name) {
        let name = given.unwrap_or_else(|| "root_mean_squared_error".into());
        return Ok(Some(Arc::new(RootMeanSquaredError::named(name)?)));
    }
    let found = METRICS.iter().find(|(class, function, _)| name == *class || name == *function && !function.is_empty());
    let function = match found {
        Some((.., make)) => Some(make(config)?),
        None => losses::find(name, config)?.map(|loss| Arc::new(mean::OfLoss(loss)) as Arc<dyn MetricFunction>),
    };
    function.map(|f| Ok(Arc::new(MeanMetric::named(given.unwrap_or_else(|| f.name().into()), f)?) as _)).transpose()
}

/// A scalar that starts at 0, in the dtype of metrics.
fn state(metric: &str, name: &str) -> Result<Variable> {
    Variable::non_trainable(format!("{metric}/{name}"), Array::zeros(floatx(), []))
}

/// The value of a scalar variable.
fn read(variable: &Variable) -> Result<f64> {
    variable.value()?.cast(DType::F64)?.item::<f64>()
}
