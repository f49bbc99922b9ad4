use std::sync::Arc;

use cornet_error::{Error, Result, err, fail};
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};

use super::apply::both;
use super::{Optimizer, OptimizerArg, OptimizerBase, SlotGroup, State, Step, optimizer_to_json};
use crate::arg::Arg;
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Another optimizer, with the loss scaled so that gradients in half precision do not vanish.
///
/// The loss is multiplied by the scale, the gradients are divided by it. A step with gradients that are not finite is
/// left out and halves the scale; after `dynamic_growth_steps` steps in a row with finite ones the scale doubles.
///
/// # Source
/// Keras 3 `keras.optimizers.LossScaleOptimizer`.
pub struct LossScaleOptimizer {
    base: OptimizerBase,
    inner: Arc<dyn Optimizer>,
    initial_scale: f64,
    dynamic_growth_steps: i64,
}

impl LossScaleOptimizer {
    /// Scaling for another optimizer or its word, from 32768 on, doubled after 2000 steps.
    pub fn new(inner_optimizer: impl Into<Arg<OptimizerArg>>) -> Self {
        Self::of(OptimizerBase::new("LossScaleOptimizer", 0.0), inner_optimizer.into().0)
    }

    fn of(mut base: OptimizerBase, inner: Result<OptimizerArg>) -> Self {
        let inner: Arc<dyn Optimizer> = match inner {
            Ok(inner) => inner.0,
            Err(error) => {
                base.refuse(error);
                Arc::new(super::Sgd::new())
            }
        };
        if let Some(error) = wrapped(&*inner) {
            base.refuse(error);
        }
        // Else gradients would be divided twice.
        inner.base().set_loss_scale_factor(None);
        Self { base, inner, initial_scale: 32768.0, dynamic_growth_steps: 2000 }
    }

    /// With this first scale.
    #[must_use]
    pub fn initial_scale(mut self, scale: f64) -> Self {
        self.initial_scale = scale;
        self
    }

    /// With a scale that doubles after this many steps with finite gradients.
    #[must_use]
    pub fn dynamic_growth_steps(mut self, steps: u32) -> Self {
        self.dynamic_growth_steps = steps.into();
        self
    }

    /// With this name instead of an automatic one.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.base.set_name(name);
        self
    }

    /// The optimizer that the loss is scaled for.
    pub fn inner_optimizer(&self) -> &Arc<dyn Optimizer> {
        &self.inner
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        // Keras once wrote the arguments of the base too.
        let base = OptimizerBase::from_config(config, "LossScaleOptimizer", 0.0)?;
        let is_own = base.get_weight_decay().is_some() || base.uses_ema() || base.get_loss_scale_factor().is_some();
        if is_own || base.get_gradient_accumulation_steps().is_some() {
            fail!(
                Corrupt,
                "LossScaleOptimizer: expected weight decay and its likes at inner_optimizer, found them here"
            );
        }
        config.get("dynamic");
        let inner = OptimizerArg::from_json(config.get("inner_optimizer")).map_err(|e| e.within("inner_optimizer"))?;
        let steps = config.optional("dynamic_growth_steps", "an integer", Value::as_i64)?;
        let made = Self::of(base, Ok(inner));
        made.base.check_arguments()?;
        let initial_scale = config.float("initial_scale", 32768.0)?;
        Ok(Self { initial_scale, dynamic_growth_steps: steps.unwrap_or(2000), ..made })
    }

    fn own(&self) -> Result<(&Variable, &Variable)> {
        match self.base.globals() {
            [counter, scale] => Ok((counter, scale)),
            _ => Err(err!(InvalidState, "optimizer {}: expected its state, found none", self.base.name())),
        }
    }
}

/// The error of scaling the loss of what does that itself.
fn wrapped(inner: &dyn Optimizer) -> Option<Error> {
    (inner.class_name() == "LossScaleOptimizer").then(|| {
        err!(
            InvalidArgument,
            "inner_optimizer: expected an optimizer that does not scale the loss, found another \
              LossScaleOptimizer"
        )
    })
}

impl Optimizer for LossScaleOptimizer {
    fn class_name(&self) -> &'static str {
        "LossScaleOptimizer"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"initial_scale": self.initial_scale, "dynamic_growth_steps": self.dynamic_growth_steps}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        Vec::new()
    }

    /// The count of steps since the scale changed, and the scale.
    fn globals(&self, _dtype: DType) -> Vec<(String, Array)> {
        let name = |kind: &str| format!("{}/{kind}", self.base.name());
        vec![
            (name("step_counter"), Array::scalar(0_i64)),
            (name("dynamic_scale"), Array::scalar(self.initial_scale as f32)),
        ]
    }

    fn build(&self, weights: &[Weight]) -> Result<()> {
        self.base.build(weights, |_| Vec::new(), self.globals(DType::F32))?;
        self.inner.build(weights)
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        self.inner.update_step(step)
    }

    fn apply(&self, weights: &[Weight], gradients: Vec<Tensor>, gate: Option<&Tensor>) -> Result<()> {
        self.base.check(weights)?;
        let (counter, scale) = self.own()?;
        let finite = gradients.iter().map(|g| g.isfinite().all(&[], false)).reduce(|a, b| a.logical_and(b));
        let Some(finite) = finite else { return Ok(()) };
        let by = scale.read();
        let unscaled = gradients.into_iter().map(|g| g.dtype().map(|d| g / by.cast(d))).collect::<Result<_>>()?;
        self.inner.apply(weights, unscaled, Some(&both(gate, finite.clone())))?;
        let is_grown = counter.read().equal(self.dynamic_growth_steps - 1);
        let growth = finite.where_(is_grown.where_(2.0_f32, 1.0_f32), 0.5_f32);
        let counted = is_grown.logical_not().logical_and(finite).where_(counter.read() + 1, 0);
        State::new(counter, gate).assign(&counted)?;
        State::new(scale, gate).assign(&(by * growth))
    }

    fn scale_loss(&self, loss: &Tensor) -> Tensor {
        let scale =
            self.own().map_or_else(|_| super::base::constant(self.initial_scale, DType::F32), |own| own.1.read());
        Tensor::lift(|| Ok(loss * scale.cast(loss.dtype()?)))
    }

    fn finalize_variable_values(&self, weights: &[Weight]) -> Result<()> {
        self.inner.finalize_variable_values(weights)
    }

    fn averages(&self) -> Vec<Variable> {
        self.inner.averages()
    }

    fn variables(&self) -> Vec<Variable> {
        let mut variables = self.base.variables();
        variables.extend(self.inner.variables());
        variables
    }

    fn learning_rate(&self) -> Result<f64> {
        self.inner.learning_rate()
    }

    fn set_learning_rate(&self, learning_rate: f64) -> Result<()> {
        self.inner.set_learning_rate(learning_rate)
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Optimizer>)> {
        vec![("inner_optimizer".into(), self.inner.clone())]
    }

    fn config(&self) -> Result<Map<String, Value>> {
        let mut config = map(json!({"name": self.base.name(), "inner_optimizer": optimizer_to_json(&*self.inner)?}));
        config.extend(self.arguments());
        Ok(config)
    }
}
