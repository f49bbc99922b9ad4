//! `Loss`: a formula with its name, reduction and dtype.

use std::sync::Arc;

use cornet_error::{Error, Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Value, json};

use super::registry::{find, known};
use super::{LossFunction, Reduction, reduce_weighted, same_rank};
use crate::arg::{Arg, Choice};
use crate::dtype_policy::{DTypePolicy, floatx};
use crate::saving::config::{self, Config};

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
    dtype: Option<DType>,
    /// The word it was asked for by, which a config keeps.
    word: Option<String>,
}

/// A closure as a formula.
struct Closure<F> {
    name: String,
    body: F,
}

impl<F: Fn(&Tensor, &Tensor) -> Tensor + Send + Sync> LossFunction for Closure<F> {
    fn class_name(&self) -> &str {
        "function"
    }

    fn function_name(&self) -> &str {
        &self.name
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let values = (self.body)(y_true, y_pred);
        values.shape().map(|_| values)
    }
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
    pub(super) fn new(function: Arc<dyn LossFunction>) -> Self {
        // Keras names this one, and no other, unlike its function.
        let name = if function.class_name() == "Huber" { "huber_loss" } else { function.function_name() };
        Self { name: name.into(), function, reduction: Reduction::default(), dtype: None, word: None }
    }

    /// A function of targets and predictions as a loss. It gives the losses of the samples, `[batch, …]`; a failure that
    /// its result carries is the loss's. In a file it is a name, which no program can turn back into the function.
    ///
    /// ```
    /// use cornet_nn::losses::Loss;
    /// use cornet_ops::Tensor;
    /// let loss = Loss::from_fn("fourth_power", |y_true, y_pred| (y_true - y_pred).power(4).mean(&[-1], false));
    /// let value = loss.call(&Tensor::of([[1.0_f32], [2.0]]), &Tensor::of([[3.0_f32], [2.0]]))?;
    /// assert_eq!(value.item::<f32>()?, 8.0);
    /// # Ok::<(), cornet_error::Error>(())
    /// ```
    pub fn from_fn(name: impl Into<String>, body: impl Fn(&Tensor, &Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(Closure { name: name.into(), body }))
    }

    /// The loss of a word, under the function's name.
    pub(super) fn of_word(word: &str, function: Arc<dyn LossFunction>) -> Self {
        let loss = Self::new(function);
        Self { name: loss.function.function_name().into(), word: Some(word.into()), ..loss }
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

    /// In another dtype than [`floatx`]. Keras writes it into no file.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// The formula.
    pub fn function(&self) -> &Arc<dyn LossFunction> {
        &self.function
    }

    /// The name.
    pub fn get_name(&self) -> &str {
        &self.name
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
        let dtype = self.dtype.unwrap_or_else(floatx);
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
        if self.function.class_name() == "function" {
            return config::function(self.function.function_name());
        }
        let reduction = match self.reduction {
            Reduction::None => Value::Null,
            reduction => reduction.name().into(),
        };
        let mut config = config::map(json!({"name": self.name, "reduction": reduction}));
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
        loss.reduction = match arguments.get("reduction") {
            None => Reduction::default(),
            Some(Value::Null) => Reduction::None,
            Some(word) => Reduction::parse(word.as_str().unwrap_or_default())?,
        };
        config.get("reduction");
        loss.dtype = match config.get("dtype") {
            Value::Null => None,
            dtype => Some(DTypePolicy::from_json(dtype)?.compute_dtype()),
        };
        config.finish()?;
        Ok(loss)
    }
}
