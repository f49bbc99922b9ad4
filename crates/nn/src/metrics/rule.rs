//! Metrics that add up: what all of them share, told apart by a rule.

use std::sync::OnceLock;

use cornet_error::{Error, Result, err};
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{Array, DType, Shape};
use serde_json::{Map, Value, json};

use super::Metric;
use crate::dtype_policy::floatx;
use crate::losses::alike;
use crate::names::auto_name;
use crate::saving::config::map;

/// A batch, as a rule counts it.
pub struct Batch<'a> {
    /// The targets.
    pub y_true: &'a Tensor,
    /// The predictions.
    pub y_pred: &'a Tensor,
    /// A weight for each sample, or for each value.
    pub sample_weight: Option<&'a Tensor>,
    /// The mask that has reached the predictions.
    pub mask: Option<&'a Tensor>,
    /// The dtype of the metric.
    pub dtype: DType,
}

impl Batch<'_> {
    /// Targets and predictions in the dtype of the metric, of one shape.
    ///
    /// # Errors
    /// `shape_mismatch`.
    pub fn alike(&self) -> Result<(Tensor, Tensor)> {
        alike(&self.y_true.cast(self.dtype), &self.y_pred.cast(self.dtype))
    }

    /// The weights brought to `shape`: those of samples reach along the further axes.
    ///
    /// # Errors
    /// `shape_mismatch`.
    pub fn weights(&self, shape: &Shape) -> Result<Option<Tensor>> {
        let Some(weight) = self.sample_weight else { return Ok(None) };
        let found = weight.shape()?;
        let mut sizes = found.as_slice();
        while let [rest @ .., 1] = sizes
            && sizes.len() > shape.rank()
        {
            sizes = rest;
        }
        let fits = sizes.len() <= shape.rank() && sizes.iter().zip(shape.iter()).all(|(a, b)| a == b || *a == 1);
        if !fits {
            return Err(err!(ShapeMismatch, "sample_weight: expected one weight for each of {shape}, found {found}")
                .help("give one weight a sample, [batch] or [batch, 1, …], or one for each value"));
        }
        let padded: Shape = sizes.iter().copied().chain(std::iter::repeat(1)).take(shape.rank()).collect();
        Ok(Some(weight.cast(self.dtype).reshape(padded).broadcast_to(shape.clone())))
    }
}

/// What makes a metric that adds up: how much a batch adds to its state, and what comes out of the state.
///
/// ```
/// use cornet_error::Result;
/// use cornet_nn::metrics::{Batch, Metric, MetricRule, RuleMetric};
/// use cornet_ops::Tensor;
/// use serde_json::{Map, Value};
///
/// struct Largest;
/// impl MetricRule for Largest {
///     fn class_name(&self) -> &str {
///         "Overshoot"
///     }
///     fn state(&self) -> &[&str] {
///         &["total"]
///     }
///     fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
///         let (y_true, y_pred) = batch.alike()?;
///         Ok(vec![(y_pred - y_true).maximum(0.0).sum(&[], false)])
///     }
///     fn result(&self, state: &[Tensor]) -> Result<Tensor> {
///         Ok(state[0].clone())
///     }
/// }
///
/// let metric = RuleMetric::of(Largest);
/// metric.update_state(&Tensor::of([1.0_f32, 2.0]), &Tensor::of([3.0_f32, 1.0]), None)?;
/// assert_eq!(metric.result()?, 2.0);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub trait MetricRule: Send + Sync {
    /// Keras's class.
    fn class_name(&self) -> &str;

    /// The name where none is given; without one it is made of the class and numbered.
    fn default_name(&self) -> Option<&str> {
        None
    }

    /// The dtype where none is given.
    fn default_dtype(&self) -> DType {
        floatx()
    }

    /// The arguments of the class beside name and dtype.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// The config in the order in which Keras writes it: name and dtype first.
    fn config(&self, name: &str, dtype: DType) -> Map<String, Value> {
        let mut config = map(json!({"name": name, "dtype": dtype.name()}));
        config.extend(self.arguments());
        config
    }

    /// Fails for arguments that cannot be.
    ///
    /// # Errors
    /// `invalid_argument`, `out_of_range`.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The names of the variables.
    fn state(&self) -> &[&str];

    /// Their shapes, where these are known before the first batch.
    fn shapes(&self) -> Option<Vec<Shape>> {
        Some(vec![Shape::scalar(); self.state().len()])
    }

    /// What the batch adds to each variable.
    ///
    /// # Errors
    /// What does not fit.
    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>>;

    /// The result of a state: a number, or several.
    ///
    /// # Errors
    /// None that an input can cause.
    fn result(&self, state: &[Tensor]) -> Result<Tensor>;
}

/// The metric of a rule: Keras's arguments `name` and `dtype`, and the state.
pub struct RuleMetric<R> {
    pub(super) rule: R,
    name: OnceLock<String>,
    dtype: Option<DType>,
    state: OnceLock<Vec<Variable>>,
    failed: Option<Error>,
}

impl<R: MetricRule + Default> Default for RuleMetric<R> {
    /// The metric of the rule with its default arguments.
    fn default() -> Self {
        Self::of(R::default())
    }
}

impl<R: MetricRule> RuleMetric<R> {
    /// The metric of this rule.
    pub fn of(rule: R) -> Self {
        Self { rule, name: OnceLock::new(), dtype: None, state: OnceLock::new(), failed: None }
    }

    /// The name under which it is logged.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = OnceLock::from(name.into());
        self
    }

    /// The dtype of its state and its arithmetic.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// The rule.
    pub fn rule(&self) -> &R {
        &self.rule
    }

    /// With an argument changed; one that cannot be read stays an error until the metric is used.
    pub(super) fn set<T>(mut self, argument: Result<T>, change: impl FnOnce(&mut R, T)) -> Self {
        match argument {
            Ok(value) => change(&mut self.rule, value),
            Err(error) => self.failed = self.failed.or(Some(error)),
        }
        self
    }

    /// The dtype of its state.
    pub fn state_dtype(&self) -> DType {
        self.dtype.unwrap_or_else(|| self.rule.default_dtype())
    }

    /// Fails for arguments that cannot be.
    ///
    /// # Errors
    /// The first wrong argument.
    pub fn check(&self) -> Result<()> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.rule.check(),
        }
    }

    /// The variables, made by the first that asks for them.
    fn variables_of(&self, shapes: impl Iterator<Item = Result<Shape>>) -> Result<&[Variable]> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        let (name, dtype) = (Metric::name(self), self.state_dtype());
        let make = |(part, shape): (&&str, Result<Shape>)| {
            Variable::non_trainable(format!("{name}/{part}"), Array::zeros(dtype, shape?))
        };
        let made = self.rule.state().iter().zip(shapes).map(make).collect::<Result<Vec<_>>>()?;
        Ok(self.state.get_or_init(|| made))
    }

    fn add(&self, batch: &Batch<'_>) -> Result<()> {
        self.check()?;
        let added = self.rule.count(batch)?;
        let state = self.variables_of(added.iter().map(Tensor::shape))?;
        state.iter().zip(&added).try_for_each(|(variable, added)| variable.assign_add(&added.cast(variable.dtype())))
    }
}

impl<R: MetricRule> Metric for RuleMetric<R> {
    fn class_name(&self) -> &str {
        self.rule.class_name()
    }

    fn name(&self) -> &str {
        let named = || self.rule.default_name().map_or_else(|| auto_name(self.rule.class_name()), str::to_owned);
        self.name.get_or_init(named)
    }

    fn arguments(&self) -> Map<String, Value> {
        self.rule.arguments()
    }

    fn config(&self) -> Map<String, Value> {
        self.rule.config(Metric::name(self), self.state_dtype())
    }

    fn variables(&self) -> Vec<Variable> {
        let shapes = self.rule.shapes().filter(|_| self.check().is_ok());
        let known = shapes.map(|shapes| self.variables_of(shapes.into_iter().map(Ok)));
        known.and_then(Result::ok).or(self.state.get().map(Vec::as_slice)).unwrap_or_default().to_vec()
    }

    fn update_state(&self, y_true: &Tensor, y_pred: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        self.update_masked(y_true, y_pred, sample_weight, None)
    }

    fn update_masked(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<()> {
        let batch = Batch { y_true, y_pred, sample_weight, mask, dtype: self.state_dtype() };
        self.add(&batch).map_err(|e| e.within(format!("metric {}", Metric::name(self))))
    }

    fn result(&self) -> Result<f64> {
        let values = self.result_array()?.to_f64()?;
        Ok(values.iter().sum::<f64>() / values.len().max(1) as f64)
    }

    fn result_array(&self) -> Result<Array> {
        let place = |e: Error| e.within(format!("metric {}", Metric::name(self)));
        self.check().map_err(place)?;
        let state = self.variables();
        if state.is_empty() {
            return Ok(Array::zeros(self.state_dtype(), []));
        }
        let state: Vec<Tensor> = state.iter().map(Variable::read).collect();
        self.rule.result(&state).and_then(|result| result.array()).map_err(place)
    }

    fn reset_state(&self) -> Result<()> {
        let state = self.state.get().map_or(&[][..], Vec::as_slice);
        state.iter().try_for_each(|variable| variable.set(Array::zeros(variable.dtype(), variable.shape())))
    }
}

/// The error of a state that is not the rule's.
pub(super) fn misfit(rule: &dyn MetricRule, state: &[Tensor]) -> Error {
    let (expected, found) = (rule.state().len(), state.len());
    err!(InvalidState, "{}: expected a state of {expected} variables, found {found}", rule.class_name())
}
