//! Functions whose means metrics follow.

use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use crate::losses::{Loss, LossFunction, same_rank};
use crate::saving::config::{self, map};

/// A number for each sample, whose mean a [`MeanMetric`](super::MeanMetric) follows.
pub trait MetricFunction: Send + Sync {
    /// Keras's class.
    fn class_name(&self) -> &str;

    /// The name under which it is logged.
    fn name(&self) -> &str;

    /// The arguments of the class beside name and dtype.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// The numbers, `[batch, …]`.
    ///
    /// # Errors
    /// What does not fit.
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor>;

    /// Which samples count, if not all do: `[batch, …]` as [`MetricFunction::values`], of bools.
    ///
    /// # Errors
    /// What does not fit.
    fn mask(&self, _y_true: &Tensor, _y_pred: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

/// Losses that are metric classes of their own in Keras: the loss, the metric, its name, and the arguments that its
/// config has. Other losses are wrapped as functions.
static CLASSES: &[(&str, &str, &str, &[&str])] = &[
    ("BinaryCrossentropy", "BinaryCrossentropy", "binary_crossentropy", &["from_logits", "label_smoothing"]),
    (
        "CategoricalCrossentropy",
        "CategoricalCrossentropy",
        "categorical_crossentropy",
        &["from_logits", "label_smoothing", "axis"],
    ),
    ("CategoricalHinge", "CategoricalHinge", "categorical_hinge", &[]),
    ("Hinge", "Hinge", "hinge", &[]),
    ("KLDivergence", "KLDivergence", "kl_divergence", &[]),
    ("LogCosh", "LogCoshError", "logcosh", &[]),
    ("MeanAbsoluteError", "MeanAbsoluteError", "mean_absolute_error", &[]),
    ("MeanAbsolutePercentageError", "MeanAbsolutePercentageError", "mean_absolute_percentage_error", &[]),
    ("MeanSquaredError", "MeanSquaredError", "mean_squared_error", &[]),
    ("MeanSquaredLogarithmicError", "MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", &[]),
    ("Poisson", "Poisson", "poisson", &[]),
    (
        "SparseCategoricalCrossentropy",
        "SparseCategoricalCrossentropy",
        "sparse_categorical_crossentropy",
        &["from_logits", "ignore_class", "axis"],
    ),
    ("SquaredHinge", "SquaredHinge", "squared_hinge", &[]),
];

/// The loss behind a metric's class or its name in snake case.
pub(super) fn loss_of(class: &str) -> Option<&'static str> {
    let is = |(_, own, name, _): &&(&str, &str, &str, &[&str])| {
        class == *own || class == *name || cornet_format_keras::snake_case(own) == class
    };
    CLASSES.iter().find(is).map(|(loss, ..)| *loss)
}

/// A loss as a metric.
pub(super) struct OfLoss(pub Arc<dyn LossFunction>);

impl OfLoss {
    fn class(&self) -> Option<&'static (&'static str, &'static str, &'static str, &'static [&'static str])> {
        CLASSES.iter().find(|(loss, ..)| *loss == self.0.class_name())
    }
}

impl MetricFunction for OfLoss {
    fn class_name(&self) -> &str {
        self.class().map_or("MeanMetricWrapper", |(_, class, ..)| class)
    }

    fn name(&self) -> &str {
        self.class().map_or_else(|| self.0.function_name(), |(_, _, name, _)| name)
    }

    fn arguments(&self) -> Map<String, Value> {
        let own = self.0.arguments();
        let Some((.., known)) = self.class() else {
            let mut wrapped = map(json!({"fn": config::function(self.0.function_name())}));
            wrapped.extend(own);
            return wrapped;
        };
        let of = |key: &&str| {
            // Keras's default is an integer here, unlike that of the loss.
            let value = own.get(*key).cloned().unwrap_or(Value::from(-1));
            let value = if *key == "label_smoothing" && value == json!(0.0) { json!(0) } else { value };
            ((*key).to_owned(), value)
        };
        known.iter().map(of).collect()
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = same_rank(y_true, y_pred)?;
        self.0.values(&y_true, &y_pred)
    }

    fn mask(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Option<Tensor>> {
        let (y_true, y_pred) = same_rank(y_true, y_pred)?;
        self.0.mask(&y_true, &y_pred)
    }
}

/// A loss with its reduction, whose mean over batches is followed.
pub(super) struct WholeLoss(pub Loss);

impl MetricFunction for WholeLoss {
    fn class_name(&self) -> &str {
        "MeanMetricWrapper"
    }

    fn name(&self) -> &str {
        self.0.get_name()
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"fn": self.0.to_json()}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        self.0.call(y_true, y_pred)
    }
}

/// A function of Keras that a file has as such and not as a metric's class.
pub(super) struct Wrapped {
    pub function: Arc<dyn MetricFunction>,
    /// As they were in the file.
    pub arguments: Map<String, Value>,
}

impl MetricFunction for Wrapped {
    fn class_name(&self) -> &str {
        "MeanMetricWrapper"
    }

    fn name(&self) -> &str {
        self.function.name()
    }

    fn arguments(&self) -> Map<String, Value> {
        self.arguments.clone()
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        self.function.values(y_true, y_pred)
    }

    fn mask(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Option<Tensor>> {
        self.function.mask(y_true, y_pred)
    }
}

/// A closure as a function.
pub(super) struct Closure<F> {
    pub name: String,
    pub body: F,
}

impl<F: Fn(&Tensor, &Tensor) -> Tensor + Send + Sync> MetricFunction for Closure<F> {
    fn class_name(&self) -> &str {
        "MeanMetricWrapper"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"fn": config::function(&self.name)}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let values = (self.body)(y_true, y_pred);
        values.shape().map(|_| values)
    }
}
