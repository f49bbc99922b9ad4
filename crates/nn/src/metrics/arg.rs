//! Metrics as `compile` takes them.

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_tensor::Shape;
use serde_json::{Value, json};

use super::registry::{check_word, find, known};
use super::{MeanMetric, Metric, MetricFunction, MetricRule, RuleMetric};
use crate::arg::{Choice, unknown};
use crate::dtype_policy::floatx;
use crate::saving::config::{self, Config};

/// The object of a compile config.
pub fn metric_to_json(metric: &dyn Metric) -> Value {
    config::object("keras.metrics", metric.class_name(), metric.config())
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

impl<R: MetricRule + 'static> From<RuleMetric<R>> for MetricArg {
    fn from(metric: RuleMetric<R>) -> Self {
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
        let metric = find(class, &config)?
            .ok_or_else(|| err!(Unsupported, "{}", unknown("metric", class, &known()).message()))?;
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
            Self::Function(function) => return Ok(Arc::new(MeanMetric::of_function(function.clone()))),
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
