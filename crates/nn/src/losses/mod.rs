//! Losses: how far predictions are from targets.
//!
//! Source: Keras 3.15.1, `keras.losses`.

mod crossentropy;
mod hinge;
mod regression;
mod weighting;

use std::sync::Arc;

use cornet_error::{Error, Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value, json};

use crate::arg::{Arg, Choice, unknown};
use crate::dtype_policy::floatx;
use crate::saving::config::{self, Config};

pub use crossentropy::{BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy};
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub use regression::{
    Huber, KLDivergence, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson,
};
pub(crate) use weighting::misfit;
pub use weighting::{apply_mask, reduce_weighted};

/// A formula for the loss of each sample.
pub trait LossFunction: Send + Sync {
    /// Keras's class, such as `MeanSquaredError`.
    fn class_name(&self) -> &'static str;

    /// Keras's function, such as `mean_squared_error`.
    fn function_name(&self) -> &'static str;

    /// The arguments of the class beside name and reduction.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// The losses of the samples: `[batch, …]` without the last axis of `y_pred`.
    ///
    /// # Errors
    /// What does not fit.
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor>;

    /// Which samples count, if not all do: `[batch, …]` as [`LossFunction::values`], of bools.
    ///
    /// # Errors
    /// What does not fit.
    fn mask(&self, _y_true: &Tensor, _y_pred: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// Whether targets are class numbers, which must be below the last size of the predictions.
    fn takes_class_numbers(&self) -> bool {
        false
    }
}

/// How the losses of samples become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    #[default]
    SumOverBatchSize,
    /// Their sum.
    Sum,
    /// Their mean, by the other name that Keras has for it.
    Mean,
    /// Their mean weighted by the samples' weights.
    MeanWithSampleWeight,
    /// They stay as they are.
    None,
}

const REDUCTIONS: &[(&str, Reduction)] = &[
    ("sum_over_batch_size", Reduction::SumOverBatchSize),
    ("sum", Reduction::Sum),
    ("mean", Reduction::Mean),
    ("mean_with_sample_weight", Reduction::MeanWithSampleWeight),
    ("none", Reduction::None),
];

impl Choice for Reduction {
    fn parse(name: &str) -> Result<Self> {
        let known: Vec<&str> = REDUCTIONS.iter().map(|(word, _)| *word).collect();
        let found = REDUCTIONS.iter().find(|(word, _)| *word == name).map(|(_, reduction)| *reduction);
        found.ok_or_else(|| unknown("reduction", name, &known))
    }
}

impl Reduction {
    /// Keras's word.
    pub fn name(self) -> &'static str {
        REDUCTIONS.iter().find(|(_, reduction)| *reduction == self).map_or("", |(word, _)| word)
    }
}

/// A loss: a formula, a name, and how samples are brought together.
///
/// ```
/// use cornet_nn::losses::{Loss, SparseCategoricalCrossentropy};
/// use cornet_ops::Tensor;
/// let loss = Loss::from(SparseCategoricalCrossentropy::on_logits());
/// let value = loss.call(&Tensor::of([1]), &Tensor::of([[0.0_f32, 0.0]]))?;
/// assert!((value.item::<f32>()? - 2.0_f32.ln()).abs() < 1e-6);
/// # Ok::<(), cornet_error::Error>(())
/// ```
#[derive(Clone)]
pub struct Loss {
    function: Arc<dyn LossFunction>,
    name: String,
    reduction: Reduction,
    /// The word it was asked for by, which a config keeps.
    word: Option<String>,
}

impl<F: LossFunction + 'static> From<F> for Loss {
    fn from(function: F) -> Self {
        Self::new(Arc::new(function))
    }
}

impl<F: LossFunction + 'static> From<F> for Arg<Loss> {
    fn from(function: F) -> Self {
        Self(Ok(function.into()))
    }
}

impl Loss {
    fn new(function: Arc<dyn LossFunction>) -> Self {
        // Keras names this one, and no other, unlike its function.
        let name = if function.class_name() == "Huber" { "huber_loss" } else { function.function_name() };
        Self { name: name.into(), function, reduction: Reduction::default(), word: None }
    }

    /// With another name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// With another reduction.
    #[must_use]
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// The formula.
    pub fn function(&self) -> &Arc<dyn LossFunction> {
        &self.function
    }

    /// How samples are brought together.
    pub fn get_reduction(&self) -> Reduction {
        self.reduction
    }

    /// The loss of a batch, as a scalar unless the reduction is [`Reduction::None`].
    ///
    /// # Errors
    /// `shape_mismatch` and others where targets and predictions do not fit.
    pub fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        self.call_weighted(y_true, y_pred, None, None)
    }

    /// The same with a weight for each sample, or for each value, and a mask of those that count. Weights and values
    /// whose ranks differ by a last axis of size 1 are brought to one rank.
    ///
    /// # Errors
    /// As [`Loss::call`]; `shape_mismatch` for weights that do not fit.
    pub fn call_weighted(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        self.reduced(y_true, y_pred, sample_weight, mask).map_err(|e| e.within(format!("loss {}", self.name)))
    }

    fn reduced(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let dtype = floatx();
        let cast = |t: &Tensor| Ok::<_, Error>(if t.dtype()?.is_float() { t.cast(dtype) } else { t.clone() });
        let (y_true, y_pred) = same_rank(&cast(y_true)?, &cast(y_pred)?)?;
        let values = self.function.values(&y_true, &y_pred)?;
        let own = self.function.mask(&y_true, &y_pred)?;
        let mask = match (mask, own) {
            (Some(mask), Some(own)) => Some(mask.logical_and(own)),
            (mask, own) => mask.cloned().or(own),
        };
        reduce_weighted(&values, sample_weight, mask.as_ref(), self.reduction)
    }

    /// The word or object of a compile config.
    pub fn to_json(&self) -> Value {
        if let Some(word) = &self.word {
            return word.clone().into();
        }
        let mut config = config::map(json!({"name": self.name, "reduction": self.reduction.name()}));
        config.extend(self.function.arguments());
        config::object("keras.losses", self.function.class_name(), config)
    }

    /// From a compile config: a word or an object.
    ///
    /// # Errors
    /// `unsupported` for a loss that there is not; `corrupt`.
    pub fn from_json(value: &Value) -> Result<Self> {
        let (class, arguments) = config::class_and_config(value)?;
        let Some(arguments) = arguments else {
            return Self::parse(class).map_err(|e| err!(Unsupported, "{}", e.message()));
        };
        let config = Config::new(class, arguments);
        let function = find(class, &config)?
            .ok_or_else(|| err!(Unsupported, "loss: expected one of {}, found '{class}'", known().join(", ")))?;
        let mut loss = Self::new(function);
        if let Some(name) = config.optional("name", "a text", Value::as_str)? {
            loss.name = name.into();
        }
        loss.reduction = match config.get("reduction") {
            Value::Null => Reduction::None,
            word => Reduction::parse(word.as_str().unwrap_or_default())?,
        };
        config.get("dtype");
        config.finish()?;
        Ok(loss)
    }
}

impl Choice for Loss {
    fn parse(name: &str) -> Result<Self> {
        let empty = Map::new();
        let config = Config::new(name, &empty);
        match find(name, &config)? {
            Some(function) => {
                let loss = Self::new(function);
                Ok(Self { name: loss.function.function_name().into(), word: Some(name.into()), ..loss })
            }
            None => Err(unknown("loss", name, &known())),
        }
    }
}

/// Makes a loss from the arguments in its config.
type FromConfig = fn(&Config<'_>) -> Result<Arc<dyn LossFunction>>;

/// Class, function, short name, maker.
static LOSSES: &[(&str, &str, &str, FromConfig)] = &[
    ("BinaryCrossentropy", "binary_crossentropy", "bce", |c| Ok(Arc::new(BinaryCrossentropy::from_config(c)?))),
    ("CategoricalCrossentropy", "categorical_crossentropy", "", |c| {
        Ok(Arc::new(CategoricalCrossentropy::from_config(c)?))
    }),
    ("CategoricalHinge", "categorical_hinge", "", |_| Ok(Arc::new(CategoricalHinge))),
    ("Hinge", "hinge", "", |_| Ok(Arc::new(Hinge))),
    ("Huber", "huber", "", |c| Ok(Arc::new(Huber { delta: c.float("delta", 1.0)? }))),
    ("KLDivergence", "kl_divergence", "kld", |_| Ok(Arc::new(KLDivergence))),
    ("LogCosh", "log_cosh", "logcosh", |_| Ok(Arc::new(LogCosh))),
    ("MeanAbsoluteError", "mean_absolute_error", "mae", |_| Ok(Arc::new(MeanAbsoluteError))),
    ("MeanAbsolutePercentageError", "mean_absolute_percentage_error", "mape", |_| {
        Ok(Arc::new(MeanAbsolutePercentageError))
    }),
    ("MeanSquaredError", "mean_squared_error", "mse", |_| Ok(Arc::new(MeanSquaredError))),
    ("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", "msle", |_| {
        Ok(Arc::new(MeanSquaredLogarithmicError))
    }),
    ("Poisson", "poisson", "", |_| Ok(Arc::new(Poisson))),
    ("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", "", |c| {
        Ok(Arc::new(SparseCategoricalCrossentropy::from_config(c)?))
    }),
    ("SquaredHinge", "squared_hinge", "", |_| Ok(Arc::new(SquaredHinge))),
];

fn known() -> Vec<&'static str> {
    LOSSES.iter().map(|(_, function, ..)| *function).collect()
}

/// The loss function of a class, function or short name.
pub(crate) fn find(name: &str, config: &Config<'_>) -> Result<Option<Arc<dyn LossFunction>>> {
    let is = |&&(class, function, short, _): &&(&str, &str, &str, FromConfig)| {
        name == class || name == function || !short.is_empty() && name.eq_ignore_ascii_case(short)
    };
    LOSSES.iter().find(is).map(|(.., make)| make(config)).transpose()
}

/// Targets and predictions of one rank where theirs differ by a last axis of size 1.
///
/// # Errors
/// Failures that they carry.
pub fn same_rank(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let (left, right) = (a.shape()?, b.shape()?);
    let widened = |t: &Tensor, s: &Shape| t.reshape(s.iter().copied().chain([1]).collect::<Shape>());
    let narrowed = |t: &Tensor, s: &Shape| t.reshape(&s[..s.rank() - 1]);
    Ok(if left.rank() == right.rank() + 1 && left.last() == Some(&1) {
        if right.rank() == 1 { (a.clone(), widened(b, &right)) } else { (narrowed(a, &left), b.clone()) }
    } else if right.rank() == left.rank() + 1 && right.last() == Some(&1) {
        if left.rank() == 1 { (widened(a, &left), b.clone()) } else { (a.clone(), narrowed(b, &right)) }
    } else {
        (a.clone(), b.clone())
    })
}

/// Targets in the dtype of the predictions, of the same shape.
pub(crate) fn alike(y_true: &Tensor, y_pred: &Tensor) -> Result<(Tensor, Tensor)> {
    let (y_true, y_pred) = same_rank(y_true, y_pred)?;
    let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
    if targets != outputs {
        fail!(ShapeMismatch, "targets: expected {outputs}, the shape of the predictions, found {targets}");
    }
    Ok((y_true.cast(y_pred.dtype()?), y_pred))
}
