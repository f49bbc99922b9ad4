//! Metrics by their names.

use std::sync::Arc;

use cornet_error::{Result, err};
use serde_json::{Map, Value};

use super::accuracy::k;
use super::function::{OfLoss, WholeLoss, Wrapped, loss_of};
use super::*;
use crate::arg::unknown;
use crate::dtype_policy::DTypePolicy;
use crate::losses::{self, Loss};
use crate::saving::config::{Config, class_and_config};

/// Makes a function or a metric from the arguments in its config.
type Make<T> = fn(&Config<'_>) -> Result<Arc<T>>;

/// Functions whose means are followed, by the class of the metric.
static FUNCTIONS: &[(&str, Make<dyn MetricFunction>)] = &[
    ("Accuracy", |_| Ok(Arc::new(Accuracy))),
    ("BinaryAccuracy", |c| Ok(Arc::new(BinaryAccuracy { threshold: c.float("threshold", 0.5)? }))),
    ("CategoricalAccuracy", |_| Ok(Arc::new(CategoricalAccuracy))),
    ("ConcordanceCorrelation", |c| Ok(Arc::new(ConcordanceCorrelation { axis: losses::axis(c)? }))),
    ("CosineSimilarity", |c| Ok(Arc::new(CosineSimilarity { axis: losses::axis(c)? }))),
    ("PearsonCorrelation", |c| Ok(Arc::new(PearsonCorrelation { axis: losses::axis(c)? }))),
    ("SparseCategoricalAccuracy", |_| Ok(Arc::new(SparseCategoricalAccuracy))),
    ("SparseTopKCategoricalAccuracy", |c| {
        let from_sorted_ids = c.flag("from_sorted_ids", false)?;
        Ok(Arc::new(SparseTopKCategoricalAccuracy { k: k(c)?, from_sorted_ids }))
    }),
    ("TopKCategoricalAccuracy", |c| Ok(Arc::new(TopKCategoricalAccuracy { k: k(c)? }))),
];

macro_rules! metrics {
    ($($class:ident)+) => {
        &[$((stringify!($class), |c| finish($class::from_config(c)?, c)),)+]
    };
}

/// Metrics of other kinds.
static METRICS: &[(&str, Make<dyn Metric>)] = metrics! {
    AUC BinaryIoU F1Score FBetaScore FalseNegatives FalsePositives IoU MeanIoU OneHotIoU OneHotMeanIoU Precision
    PrecisionAtRecall R2Score Recall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity TrueNegatives
    TruePositives
};

static SIMPLE: &[(&str, Make<dyn Metric>)] = &[
    ("Mean", |c| finish(Mean::of(MeanRule), c)),
    ("RootMeanSquaredError", |c| finish(RootMeanSquaredError::new(), c)),
    ("Sum", |c| finish(Sum::new(), c)),
];

/// The metric with the name and dtype of the config.
fn finish<R: MetricRule + 'static>(metric: RuleMetric<R>, config: &Config<'_>) -> Result<Arc<dyn Metric>> {
    let metric = match config.optional("name", "a text", Value::as_str)? {
        Some(name) => metric.name(name),
        None => metric,
    };
    let metric = match config.get("dtype") {
        Value::Null => metric,
        dtype => metric.dtype(DTypePolicy::from_json(dtype)?.compute_dtype()),
    };
    metric.check()?;
    Ok(Arc::new(metric))
}

pub(super) fn known() -> Vec<&'static str> {
    let functions = FUNCTIONS.iter().map(|(class, _)| *class);
    let others = SIMPLE.iter().chain(METRICS).map(|(class, _)| *class);
    functions.chain(others).chain(["accuracy", "mse", "mae", "every loss and these in snake_case"]).collect()
}

fn pick<T: ?Sized>(table: &[(&str, Make<T>)], name: &str, config: &Config<'_>) -> Result<Option<Arc<T>>> {
    let is = |(class, _): &&(&str, Make<T>)| *class == name || cornet_format_keras::snake_case(class) == name;
    table.iter().find(is).map(|(_, make)| make(config)).transpose()
}

/// The function of a class or of its name in snake case.
fn function(name: &str, config: &Config<'_>) -> Result<Option<Arc<dyn MetricFunction>>> {
    if let Some(found) = pick(FUNCTIONS, name, config)? {
        return Ok(Some(found));
    }
    let loss = losses::find(loss_of(name).unwrap_or(name), config)?;
    Ok(loss.map(|loss| Arc::new(OfLoss(loss)) as Arc<dyn MetricFunction>))
}

/// What a `MeanMetricWrapper` wraps: a function by its name, or a loss.
fn wrapped(config: &Config<'_>) -> Result<Arc<dyn MetricFunction>> {
    let (class, arguments) = class_and_config(config.get("fn"))?;
    if arguments.is_some() {
        return Ok(Arc::new(WholeLoss(Loss::from_json(config.get("fn"))?)));
    }
    let found = function(class, config)?.ok_or_else(|| {
        err!(Unsupported, "MeanMetricWrapper.fn: expected a function of Keras, found '{class}'")
            .help("give the model its metrics anew with compile")
    })?;
    let mut arguments = config.arguments().clone();
    arguments.retain(|key, _| !["name", "dtype"].contains(&key.as_str()));
    Ok(Arc::new(Wrapped { function: found, arguments }))
}

/// The metric of a class or of its name in snake case.
pub(super) fn find(name: &str, config: &Config<'_>) -> Result<Option<Arc<dyn Metric>>> {
    for table in [METRICS, SIMPLE] {
        if let Some(found) = pick(table, name, config)? {
            return Ok(Some(found));
        }
    }
    let function = match name {
        "MeanMetricWrapper" => Some(wrapped(config)?),
        _ => function(name, config)?,
    };
    function.map(|function| finish(MeanMetric::of_function(function), config)).transpose()
}

/// Fails unless the word is a metric.
///
/// # Errors
/// `invalid_argument`, with the words that are.
pub(crate) fn check_word(word: &str) -> Result<()> {
    if ["accuracy", "acc"].contains(&word.to_ascii_lowercase().as_str()) { Ok(()) } else { get(word).map(|_| ()) }
}

/// The metric of a word, as in `compile`, but for those that stand for one of several until shapes are known.
///
/// # Errors
/// `invalid_argument`, with the words that are; `corrupt` for a class with arguments that have no default.
pub fn get(word: &str) -> Result<Arc<dyn Metric>> {
    let empty = Map::new();
    find(word, &Config::new(word, &empty))?.ok_or_else(|| unknown("metric", word, &known()))
}
